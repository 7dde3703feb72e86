//! A histogram of ours as one of HdrHistogram, count for count.
//!
//! Both layouts have 128 steps an octave and the values below 256 one by one, which is what HdrHistogram makes of two significant digits.
//! So each of our buckets is one of its own, and nothing is rounded.

use hdrhistogram::Histogram;
use loopscope_inspector::model::Hist;

/// HdrHistogram's readers in other languages have signed 64-bit numbers; more nanoseconds than that are 292 years.
const VALUE_MAX: u64 = i64::MAX as u64;

/// The digits that make HdrHistogram's buckets ours.
const DIGITS: u8 = 2;

/// The same counts in HdrHistogram's form.
///
/// # Panics
///
/// Never: the bounds are valid.
pub(super) fn convert(hist: &Hist) -> Histogram<u64> {
    let mut converted =
        Histogram::new_with_bounds(1, VALUE_MAX, DIGITS).expect("1 and the greatest value are bounds");
    for bucket in hist.buckets() {
        converted.saturating_record_n(bucket.high_ns.min(VALUE_MAX), bucket.count);
    }
    converted
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use loopscope_inspector::model::Bucket;
    use proptest::prelude::*;

    /// The bucket of a value in the layout of the loops: eight significant bits.
    fn bucket(value: u64) -> Bucket {
        let shift = 56_u32.saturating_sub(value.leading_zeros());
        let low_ns = value >> shift << shift;
        Bucket { low_ns, high_ns: low_ns + ((1 << shift) - 1), count: 1 }
    }

    /// A histogram with these values.
    pub(in super::super) fn hist(values: &[u64]) -> Hist {
        Hist::from_buckets(values.iter().copied().map(bucket).collect())
    }

    proptest! {
        #[test]
        fn every_bucket_is_one_of_hdr_histograms_with_the_same_count(
            values in prop::collection::vec((any::<u64>(), 1..64_u32).prop_map(|(value, bits)| value >> bits), 0..300),
        ) {
            let ours = hist(&values);
            let theirs = convert(&ours);
            prop_assert_eq!(theirs.len(), values.len() as u64);
            for bucket in ours.buckets() {
                prop_assert_eq!(theirs.count_at(bucket.low_ns), bucket.count);
                prop_assert_eq!(theirs.lowest_equivalent(bucket.high_ns), bucket.low_ns);
                prop_assert_eq!(theirs.highest_equivalent(bucket.low_ns), bucket.high_ns);
            }
            // What was recorded directly is the same histogram.
            let mut direct = Histogram::<u64>::new_with_bounds(1, VALUE_MAX, DIGITS).unwrap();
            for value in &values {
                direct.record(*value).unwrap();
            }
            for value in &values {
                prop_assert_eq!(theirs.count_at(*value), direct.count_at(*value));
            }
        }
    }

    #[test]
    fn what_cannot_be_told_apart_by_others_is_still_counted() {
        let theirs = convert(&hist(&[1, u64::MAX, u64::MAX - 1]));
        assert_eq!((theirs.len(), theirs.count_at(VALUE_MAX)), (3, 2));
    }
}
