//! Our histograms in the bytes that the client reads.
//!
//! Both are log-linear with two significant digits, so every bucket of ours is one of theirs and no count is lost.

use crate::model::Hist;
use console_api::tasks::DurationHistogram;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};

/// As the runtime keeps them.
const SIGNIFICANT_DIGITS: u8 = 2;

/// The smallest upper bound that the format allows.
const BOUND_MIN: u64 = 2;

/// The histogram in HdrHistogram's V2 format; `None` if that cannot be.
pub(super) fn encode(hist: &Hist) -> Option<DurationHistogram> {
    let max_ns = hist.buckets().iter().map(|bucket| bucket.high_ns).max().unwrap_or(0);
    let mut histogram = Histogram::<u64>::new_with_max(max_ns.max(BOUND_MIN), SIGNIFICANT_DIGITS).ok()?;
    for bucket in hist.buckets() {
        histogram.record_n(bucket.high_ns, bucket.count).ok()?;
    }
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(&histogram, &mut bytes).ok()?;
    // Nothing lies above the greatest value, so nothing is cut off.
    Some(DurationHistogram {
        raw_histogram: bytes,
        max_value: max_ns,
        high_outliers: 0,
        highest_outlier: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bucket;
    use hdrhistogram::serialization::Deserializer;

    fn decode(histogram: &DurationHistogram) -> Histogram<u64> {
        Deserializer::new().deserialize(&mut histogram.raw_histogram.as_slice()).unwrap()
    }

    fn check(buckets: &[(u64, u64, u64)]) {
        let hist = Hist::from_buckets(
            buckets.iter().map(|&(low_ns, high_ns, count)| Bucket { low_ns, high_ns, count }).collect(),
        );
        let encoded = encode(&hist).unwrap();
        assert_eq!((encoded.high_outliers, encoded.highest_outlier), (0, None));
        let decoded = decode(&encoded);
        assert_eq!(decoded.len(), hist.count());
        let found: Vec<_> = decoded
            .iter_recorded()
            .map(|it| {
                let at = it.value_iterated_to();
                (decoded.lowest_equivalent(at), decoded.highest_equivalent(at), it.count_at_value())
            })
            .collect();
        assert_eq!(found, buckets);
    }

    #[test]
    fn every_bucket_comes_out_as_it_went_in() {
        check(&[(0, 0, 3), (70, 70, 1), (255, 255, 2), (256, 257, 9), (999_424, 1_003_519, 1_000_000)]);
        // A nanosecond and an hour.
        check(&[(1, 1, 1), (3_607_772_528_640, 3_624_952_397_823, 4)]);
    }

    #[test]
    fn nothing_recorded_is_a_histogram_too() {
        let encoded = encode(&Hist::default()).unwrap();
        assert_eq!(decode(&encoded).len(), 0);
        assert_eq!(&encoded.raw_histogram[..4], [0x1c, 0x84, 0x93, 0x13]);
    }

    #[test]
    fn the_longest_time_there_is_fits() {
        let hist = Hist::from_buckets(vec![Bucket { low_ns: u64::MAX, high_ns: u64::MAX, count: 1 }]);
        assert_eq!(decode(&encode(&hist).unwrap()).len(), 1);
    }
}
