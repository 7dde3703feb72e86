//! Histograms: bucket lists, and the summary of one that tables show.

use std::cmp::Ordering;

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

/// A histogram: its non-empty buckets in ascending order.
///
/// The buckets of one agent all come from the same log-linear layout, so they are equal or apart and merging is exact.
/// Buckets that overlap in part can only come from a mistaken or hostile peer; they are kept side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hist {
    buckets: Vec<Bucket>,
}

impl Hist {
    /// A histogram of any buckets: sorted, equal ones merged, empty and inverted ones left out.
    pub fn from_buckets(mut buckets: Vec<Bucket>) -> Self {
        buckets.retain(|bucket| bucket.count > 0 && bucket.low_ns <= bucket.high_ns);
        buckets.sort_unstable_by_key(Bucket::bounds);
        buckets.dedup_by(|next, kept| {
            let same = next.bounds() == kept.bounds();
            if same {
                kept.count = kept.count.saturating_add(next.count);
            }
            same
        });
        Self { buckets }
    }

    /// The buckets, ascending.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Values recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(bucket.count))
    }

    /// The sum of all values, each taken as the middle of its bucket; at most `u64::MAX`.
    pub fn sum_ns(&self) -> u64 {
        u64::try_from(self.sum()).unwrap_or(u64::MAX)
    }

    /// Adds the values of `other`.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        let mut merged = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut left, mut right) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            match a.bounds().cmp(&b.bounds()) {
                Ordering::Less => merged.extend(left.next()),
                Ordering::Greater => merged.extend(right.next()),
                Ordering::Equal => {
                    merged.push(Bucket { count: a.count.saturating_add(b.count), ..**a });
                    left.next();
                    right.next();
                }
            }
        }
        merged.extend(left);
        merged.extend(right);
        self.buckets = merged;
    }

    /// What was recorded since `earlier`, of the same histogram; counts that went backwards give nothing.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut before = earlier.buckets.iter().peekable();
        let mut buckets = Vec::with_capacity(self.buckets.len());
        for bucket in &self.buckets {
            while before.next_if(|b| b.bounds() < bucket.bounds()).is_some() {}
            let had = before.next_if(|b| b.bounds() == bucket.bounds()).map_or(0, |b| b.count);
            let count = bucket.count.saturating_sub(had);
            if count > 0 {
                buckets.push(Bucket { count, ..*bucket });
            }
        }
        Self { buckets }
    }

    /// The smallest bucket end that at least `parts` of 10,000 of the values do not exceed; `None` if there are no values.
    ///
    /// `parts` is 5,000 for the median and 9,999 for the last that a [`Summary`] has; more than 10,000 count as 10,000.
    pub fn percentile(&self, parts: u32) -> Option<u64> {
        // The counts are added in 128 bits here: a saturated total would make the rank too small.
        let total: u128 = self.buckets.iter().map(|bucket| u128::from(bucket.count)).sum();
        let rank = (total * u128::from(parts.min(10_000))).div_ceil(10_000).max(1);
        let mut seen = 0_u128;
        for bucket in &self.buckets {
            seen += u128::from(bucket.count);
            if seen >= rank {
                return Some(bucket.high_ns);
            }
        }
        None
    }

    /// What tables and JSON say of it.
    pub fn summary(&self) -> Summary {
        let count = self.count();
        Summary {
            count,
            min_ns: self.buckets.first().map(|bucket| bucket.low_ns),
            max_ns: self.buckets.iter().map(|bucket| bucket.high_ns).max(),
            mean_ns: self
                .sum()
                .checked_div(u128::from(count))
                .map(|mean| u64::try_from(mean).unwrap_or(u64::MAX)),
            p50_ns: self.percentile(5_000),
            p90_ns: self.percentile(9_000),
            p99_ns: self.percentile(9_900),
            p999_ns: self.percentile(9_990),
            p9999_ns: self.percentile(9_999),
        }
    }

    fn sum(&self) -> u128 {
        self.buckets.iter().fold(0, |sum: u128, bucket| {
            let middle = bucket.low_ns + (bucket.high_ns - bucket.low_ns) / 2;
            sum.saturating_add(u128::from(middle) * u128::from(bucket.count))
        })
    }
}

impl Bucket {
    fn bounds(&self) -> (u64, u64) {
        (self.low_ns, self.high_ns)
    }
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
    /// The greatest value: the upper end of the last bucket that holds one.
    pub max_ns: Option<u64>,
    /// The mean, each value taken as the middle of its bucket.
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

#[cfg(test)]
mod tests;
