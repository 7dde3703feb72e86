//! Histograms: bucket lists, and the summary of one that tables show.

/// One bucket: `count` values from `low_ns` up to and including `high_ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Smallest value of the bucket.
    pub low_ns: u64,
    /// Greatest value of the bucket.
    pub high_ns: u64,
    /// Values recorded in it.
    pub count: u64,
}

/// A histogram: its non-empty buckets in ascending order, without overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hist {
    /// The buckets.
    pub buckets: Vec<Bucket>,
}

/// What tables and JSON say of a histogram (`HIST`).
///
/// `None` in every field but `count` where nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Values recorded.
    pub count: u64,
    /// The smallest value: the lower end of the first bucket.
    pub min_ns: Option<u64>,
    /// The greatest value: the upper end of the last bucket.
    pub max_ns: Option<u64>,
    /// The mean of the bucket's middles.
    pub mean_ns: Option<u64>,
    /// The median: the upper end of the bucket that holds it, as for all that follow.
    pub p50_ns: Option<u64>,
    /// 90 of 100 values are at most this.
    pub p90_ns: Option<u64>,
    /// 99 of 100 values are at most this.
    pub p99_ns: Option<u64>,
    /// 999 of 1,000 values are at most this.
    pub p999_ns: Option<u64>,
    /// 9,999 of 10,000 values are at most this.
    pub p9999_ns: Option<u64>,
}
