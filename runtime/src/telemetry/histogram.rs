//! Log-linear histograms whose blocks come with the first value that needs them.
//!
//! The layout is HdrHistogram's with two significant digits: values up to 255 exactly, then 128 steps an octave, so that an
//! export loses nothing and every value is known to 0.8 %. A histogram is a [`Directory`] of block numbers; a block holds 64
//! counts (512 bytes, half an octave) and is taken from the loop's table at the first hit, so that a histogram costs what its
//! spread needs: a directory of 464 bytes and typically four to twelve blocks.

use super::atomic::{Acquire, AtomicU32, AtomicU64, OneWriter, Relaxed, Release};
use super::pages::{Pages, Zeroed};
use super::view::{Bucket, Histogram};

/// Counts in a block.
const BLOCK_COUNTS: usize = 64;
/// Blocks that all 64-bit values need: 56 shifts of 128 steps and the first 256 values.
const DIRECTORY_BLOCKS: usize = 116;
/// Blocks of one loop: 64 MiB of counts, more than ten thousand sites can fill in practice. Further values are counted as lost.
pub(crate) const BLOCKS_MAX: usize = 1 << 17;

/// 64 neighbouring counts.
#[repr(C, align(64))]
pub(crate) struct Block([AtomicU64; BLOCK_COUNTS]);

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: nothing but atomics, of which zero is valid.
unsafe impl Zeroed for Block {}

/// Which blocks a histogram has: block number plus one, zero where it has none yet.
#[repr(transparent)]
pub(crate) struct Directory([AtomicU32; DIRECTORY_BLOCKS]);

/// All blocks of one loop.
pub(crate) struct Blocks {
    pages: Pages<Block>,
    used: AtomicU32,
    lost: AtomicU64,
}

/// The index of the bucket that `value` falls into.
///
/// Baseline x86-64 counts leading zeros in microcode, so the common magnitudes look theirs up.
#[inline]
fn bucket_of(value: u64) -> usize {
    if value < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "just compared")]
        return value as usize;
    }
    let shift =
        if value < 1 << 16 { u32::from(SHIFTS[(value >> 8) as usize]) } else { 56 - value.leading_zeros() };
    #[expect(clippy::cast_possible_truncation, reason = "below 256 after the shift")]
    let steps = (value >> shift) as usize;
    (shift as usize) * 128 + steps
}

/// By the upper byte of a 16-bit value: how far it is shifted to keep eight bits.
static SHIFTS: [u8; 256] = {
    let mut shifts = [0; 256];
    let mut byte = 1;
    while byte < 256_usize {
        #[expect(clippy::cast_possible_truncation, reason = "at most 8")]
        let shift = byte.ilog2() as u8 + 1;
        shifts[byte] = shift;
        byte += 1;
    }
    shifts
};

/// The smallest and greatest value of a bucket.
fn bounds_of(bucket: usize) -> (u64, u64) {
    if bucket < 256 {
        return (bucket as u64, bucket as u64);
    }
    let shift = bucket / 128 - 1;
    let low = ((bucket - shift * 128) as u64) << shift;
    (low, low + ((1_u64 << shift) - 1))
}

impl Blocks {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        Ok(Self { pages: Pages::reserve(BLOCKS_MAX)?, used: AtomicU32::new(0), lost: AtomicU64::new(0) })
    }

    /// Counts `value` in the histogram of `directory`.
    #[inline]
    pub(crate) fn record(&self, directory: &Directory, value: u64) {
        let bucket = bucket_of(value);
        let Some(entry) = directory.0.get(bucket / BLOCK_COUNTS) else { return };
        let number = match entry.load(Relaxed) {
            0 => match self.take(entry) {
                Some(number) => number,
                None => return,
            },
            taken => taken - 1,
        };
        self.pages.get(number).0[bucket % BLOCK_COUNTS].add(1);
    }

    #[cold]
    #[inline(never)]
    fn take(&self, entry: &AtomicU32) -> Option<u32> {
        let number = self.used.load(Relaxed);
        if number as usize >= self.pages.len() {
            self.lost.add(1);
            return None;
        }
        self.used.store(number + 1, Relaxed);
        // Pairs with the reader's Acquire: a block is never seen before it belongs to this histogram.
        entry.store(number + 1, Release);
        Some(number)
    }

    /// Values that found no block.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.read()
    }

    /// Bytes of blocks in use.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.used.load(Relaxed)) * size_of::<Block>() as u64
    }

    /// Copies a histogram out, as any thread.
    pub(crate) fn read(&self, directory: &Directory) -> Histogram {
        let mut buckets = Vec::new();
        for (block, entry) in directory.0.iter().enumerate() {
            let number = entry.load(Acquire);
            if number == 0 || number as usize > self.pages.len() {
                continue;
            }
            for (offset, count) in self.pages.get(number - 1).0.iter().enumerate() {
                let count = count.read();
                if count > 0 {
                    let (low, high) = bounds_of(block * BLOCK_COUNTS + offset);
                    buckets.push(Bucket::new(low, high, count));
                }
            }
        }
        Histogram { buckets }
    }

    /// Forgets everything, when a loop's tables pass to another loop.
    pub(crate) fn clear(&self) {
        let used = self.used.load(Relaxed);
        // Whole pages only: eight blocks a page.
        self.pages.release(0..used.next_multiple_of(8));
        self.used.store(0, Relaxed);
        self.lost.put(0);
    }
}

impl Directory {
    /// Forgets its blocks.
    pub(crate) fn clear(&self) {
        for entry in &self.0 {
            entry.store(0, Relaxed);
        }
    }
}

impl Histogram {
    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }

    /// Adds another histogram's buckets to this one.
    pub fn merge(&mut self, other: &Histogram) {
        let mut merged: Vec<Bucket> = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut ours, mut theirs) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) if a.low_ns <= b.low_ns => ours.next(),
                (_, Some(_)) => theirs.next(),
                (Some(_), None) => ours.next(),
                (None, None) => break,
            };
            let Some(next) = next else { break };
            match merged.last_mut() {
                Some(last) if last.low_ns == next.low_ns => last.count += next.count,
                _ => merged.push(*next),
            }
        }
        self.buckets = merged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn empty() -> (Blocks, Pages<Slot>) {
        (Blocks::reserve().unwrap(), Pages::reserve(1).unwrap())
    }

    #[repr(C)]
    struct Slot(Directory);

    #[allow(unsafe_code, reason = "marks the type")]
    // SAFETY: atomics only.
    unsafe impl Zeroed for Slot {}

    #[test]
    fn small_values_are_exact_and_large_ones_within_a_128th() {
        assert_eq!(bounds_of(bucket_of(0)), (0, 0));
        assert_eq!(bounds_of(bucket_of(255)), (255, 255));
        assert_eq!(bounds_of(bucket_of(256)), (256, 257));
        assert_eq!(bounds_of(bucket_of(1_000_000)), (999_424, 1_003_519));
        assert_eq!(bounds_of(bucket_of(u64::MAX)).1, u64::MAX);
    }

    #[test]
    fn nothing_is_allocated_before_the_first_value() {
        let (blocks, slots) = empty();
        assert_eq!(blocks.bytes(), 0);
        blocks.record(&slots.get(0).0, 70);
        assert_eq!(blocks.bytes(), 512);
        assert_eq!(blocks.read(&slots.get(0).0).buckets, [Bucket::new(70, 70, 1)]);
    }

    proptest! {
        #[test]
        fn every_value_lies_in_its_bucket_and_buckets_ascend(a: u64, b: u64) {
            let (low, high) = bounds_of(bucket_of(a));
            prop_assert!(low <= a && a <= high);
            prop_assert!(high - low <= a / 128);
            prop_assert!(bucket_of(a) / BLOCK_COUNTS < DIRECTORY_BLOCKS);
            if a <= b {
                prop_assert!(bucket_of(a) <= bucket_of(b));
            }
        }

        #[test]
        fn no_value_is_lost(values in proptest::collection::vec(any::<u64>(), 0..200)) {
            let (blocks, slots) = empty();
            for value in &values {
                blocks.record(&slots.get(0).0, *value);
            }
            let read = blocks.read(&slots.get(0).0);
            prop_assert_eq!(read.count(), values.len() as u64);
            for bucket in &read.buckets {
                let inside = values.iter().filter(|v| (bucket.low_ns..=bucket.high_ns).contains(v)).count();
                prop_assert_eq!(bucket.count, inside as u64);
            }
        }

        #[test]
        fn merging_adds_counts(a in proptest::collection::vec(0..5000_u64, 0..50), b in proptest::collection::vec(0..5000_u64, 0..50)) {
            let (blocks, slots) = empty();
            let other: Pages<Slot> = Pages::reserve(1).unwrap();
            let both: Pages<Slot> = Pages::reserve(1).unwrap();
            for (values, into) in [(&a, &slots), (&b, &other)] {
                for value in values {
                    blocks.record(&into.get(0).0, *value);
                    blocks.record(&both.get(0).0, *value);
                }
            }
            let mut merged = blocks.read(&slots.get(0).0);
            merged.merge(&blocks.read(&other.get(0).0));
            prop_assert_eq!(merged, blocks.read(&both.get(0).0));
        }
    }
}
