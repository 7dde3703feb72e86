//! What histograms add up to.

use super::*;
use proptest::prelude::*;

fn bucket(low_ns: u64, high_ns: u64, count: u64) -> Bucket {
    Bucket { low_ns, high_ns, count }
}

#[test]
fn an_empty_histogram_knows_nothing() {
    assert_eq!(Hist::default().summary(), Summary::default());
    assert_eq!(Hist::from_buckets(vec![bucket(1, 1, 0), bucket(9, 3, 5)]), Hist::default());
}

#[test]
fn percentiles_are_the_upper_ends_of_the_buckets_that_hold_them() {
    let hist = Hist::from_buckets(vec![bucket(10, 10, 50), bucket(20, 21, 40), bucket(100, 101, 10)]);
    assert_eq!(
        hist.summary(),
        Summary {
            count: 100,
            min_ns: Some(10),
            max_ns: Some(101),
            mean_ns: Some((50 * 10 + 40 * 20 + 10 * 100) / 100),
            p50_ns: Some(10),
            p90_ns: Some(21),
            p99_ns: Some(101),
            p999_ns: Some(101),
            p9999_ns: Some(101),
        }
    );
    assert_eq!(hist.percentile(0), Some(10));
    assert_eq!(hist.percentile(5_001), Some(21));
    assert_eq!(hist.percentile(u32::MAX), Some(101));
    assert_eq!(hist.sum_ns(), 2_300);
}

#[test]
fn merging_adds_equal_buckets_and_keeps_the_others() {
    let mut hist = Hist::from_buckets(vec![bucket(1, 1, 2), bucket(5, 5, 1)]);
    hist.merge(&Hist::from_buckets(vec![bucket(0, 0, 1), bucket(5, 5, 3), bucket(8, 9, 4)]));
    assert_eq!(hist.buckets(), [bucket(0, 0, 1), bucket(1, 1, 2), bucket(5, 5, 4), bucket(8, 9, 4)]);
}

#[test]
fn what_was_recorded_since_is_the_difference() {
    let earlier = Hist::from_buckets(vec![bucket(1, 1, 2), bucket(5, 5, 1), bucket(6, 6, 9)]);
    let later = Hist::from_buckets(vec![bucket(1, 1, 2), bucket(5, 5, 4), bucket(6, 6, 3), bucket(8, 9, 4)]);
    assert_eq!(later.since(&earlier).buckets(), [bucket(5, 5, 3), bucket(8, 9, 4)]);
}

#[test]
fn counts_too_large_to_add_saturate() {
    let hist = Hist::from_buckets(vec![bucket(u64::MAX, u64::MAX, u64::MAX), bucket(1, 1, u64::MAX)]);
    assert_eq!(hist.count(), u64::MAX);
    assert_eq!(hist.sum_ns(), u64::MAX);
    assert_eq!(hist.percentile(5_000), Some(1));
    assert_eq!(hist.percentile(9_000), Some(u64::MAX));
}

proptest! {
    #[test]
    fn a_percentile_agrees_with_the_sorted_values(values in prop::collection::vec(0_u64..500, 1..200), parts in 0_u32..=10_000) {
        let hist = Hist::from_buckets(values.iter().map(|&value| bucket(value, value, 1)).collect());
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * parts as usize).div_ceil(10_000).max(1);
        prop_assert_eq!(hist.percentile(parts), Some(sorted[rank - 1]));
        prop_assert_eq!(hist.count(), values.len() as u64);
        prop_assert_eq!(hist.sum_ns(), values.iter().sum::<u64>());
    }

    #[test]
    fn merging_two_equals_recording_all_in_one(
        left in prop::collection::vec(0_u64..50, 0..100),
        right in prop::collection::vec(0_u64..50, 0..100),
    ) {
        let of = |values: &[u64]| Hist::from_buckets(values.iter().map(|&value| bucket(value, value, 1)).collect());
        let mut merged = of(&left);
        merged.merge(&of(&right));
        prop_assert_eq!(&merged, &of(&[left.clone(), right.clone()].concat()));
        prop_assert_eq!(merged.since(&of(&left)), of(&right));
    }
}
