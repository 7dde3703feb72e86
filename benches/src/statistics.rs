//! Medians, ranges, percentiles and the ratio of two peers, which is taken round by round.

use serde::{Deserialize, Serialize};

/// Where a handful of values lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of no values. The median of an even number of values is the mean of the middle two.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, max })
    }
}

/// Each round's value by the reference's value of the same round. A round in which either is missing has no ratio.
pub(crate) fn ratios(values: &[Option<f64>], reference: &[Option<f64>]) -> Vec<f64> {
    pairs(values, reference)
        .filter(|&(_, divisor)| divisor > 0.0)
        .map(|(value, divisor)| value / divisor)
        .collect()
}

/// Each round's value less the other's of the same round.
pub(crate) fn differences(values: &[Option<f64>], others: &[Option<f64>]) -> Vec<f64> {
    pairs(values, others).map(|(value, other)| value - other).collect()
}

fn pairs(left: &[Option<f64>], right: &[Option<f64>]) -> impl Iterator<Item = (f64, f64)> {
    left.iter().zip(right).filter_map(|(left, right)| left.zip(*right))
}

/// The smallest value that at least `percent` of the sorted values do not exceed (nearest rank); NaN of no values.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product lies between 0 and the number of values"
    )]
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "all values here are exact in binary")]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_a_value_and_of_an_even_number_a_mean() {
        assert_eq!(Spread::of(&[9.0, 1.0, 4.0]), Some(Spread { median: 4.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of(&[9.0, 1.0, 4.0, 2.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of(&[7.0]), Some(Spread { median: 7.0, min: 7.0, max: 7.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_ratio_is_taken_inside_its_round() {
        // The machine is twice as slow in the second round: the ratios do not show it, the medians' ratio would.
        let ours = [Some(10.0), Some(24.0), Some(10.0)];
        let reference = [Some(40.0), Some(80.0), Some(40.0)];
        assert_eq!(ratios(&ours, &reference), [0.25, 0.3, 0.25]);
        assert_eq!(differences(&reference, &ours), [30.0, 56.0, 30.0]);
    }

    #[test]
    fn a_round_without_both_values_has_no_ratio() {
        assert_eq!(ratios(&[Some(1.0), None, Some(3.0)], &[None, Some(2.0), Some(6.0)]), [0.5]);
        assert_eq!(ratios(&[Some(1.0)], &[Some(0.0)]), [] as [f64; 0]);
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 50.0), 100.0);
        assert_eq!(percentile(&sorted, 99.0), 198.0);
        assert_eq!(percentile(&sorted, 100.0), 200.0);
        assert_eq!(percentile(&[3.0], 1.0), 3.0);
        assert!(percentile(&[], 50.0).is_nan());
    }
}
