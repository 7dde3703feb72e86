//! What went through the descriptors made at one place, those that were closed included.
//!
//! A descriptor's own record goes when it is closed, and its bytes with it; here they stay. Every read and write is added to
//! the total at the same time as to the record, so that a total is exact at any moment, whatever opens and closes meanwhile,
//! and is read without a walk over the descriptors. Places are never freed: a program has as many as it has calls of `bind`,
//! `accept` and `connect`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use super::atomic::{Acquire, AtomicU32, AtomicU64, OneWriter, Relaxed, Release};
use super::histogram::{Blocks, Directory};
use super::pages::{Pages, Zeroed};
use super::resource;
use super::view::{Histogram, IoTotalIndex, IoTotalView, PlaceIndex, ResourceKind};

/// Totals of one loop. The first takes the descriptors of all places beyond the others, without a kind and a place, so that
/// no byte is uncounted.
const TOTALS_MAX: usize = 1 << 12;

/// The descriptors of one kind made at one place.
#[repr(C, align(64))]
pub(crate) struct IoTotal {
    kind: AtomicU32,
    /// Place plus one, zero for none.
    made_at: AtomicU32,
    opened: AtomicU64,
    closed: AtomicU64,
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) would_block: AtomicU64,
    readiness_delay: Directory,
}

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: nothing but atomics, of which zero is valid.
unsafe impl Zeroed for IoTotal {}

/// All totals of one loop.
pub(crate) struct IoTotals {
    pages: Pages<IoTotal>,
    /// How many there are, the first one not counted.
    used: AtomicU32,
    /// Indices by kind and place word; the loop's thread only.
    by_key: RefCell<HashMap<(u32, u32), u32>>,
}

impl fmt::Debug for IoTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoTotal").finish_non_exhaustive()
    }
}

impl IoTotals {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        Ok(Self { pages: Pages::reserve(TOTALS_MAX)?, used: AtomicU32::new(0), by_key: RefCell::default() })
    }

    /// Counts a descriptor that was opened, and says where its bytes are counted.
    pub(crate) fn open(&self, kind: ResourceKind, made_at: u32) -> &IoTotal {
        let mut by_key = self.by_key.borrow_mut();
        let index = *by_key.entry((kind as u32, made_at)).or_insert_with(|| {
            let next = self.used.load(Relaxed) + 1;
            if next as usize >= TOTALS_MAX {
                return 0;
            }
            let total = self.pages.get(next);
            total.kind.store(kind as u32, Relaxed);
            total.made_at.store(made_at, Relaxed);
            // Pairs with the reader's Acquire: a total is seen with its kind and place.
            self.used.store(next, Release);
            next
        });
        let total = self.pages.get(index);
        total.opened.add(1);
        total
    }

    /// Copies all totals out, as any thread.
    pub(crate) fn read(&self) -> Vec<IoTotalView> {
        let used = self.used.load(Acquire);
        // The first one is there only if it has something to tell.
        let first = u32::from(self.pages.get(0).opened.read() == 0);
        (first..=used).map(|index| self.pages.get(index).read(index)).collect()
    }

    /// Copies a histogram out, as any thread.
    pub(crate) fn readiness_delay(&self, blocks: &Blocks, index: IoTotalIndex) -> Histogram {
        if index.0 > self.used.load(Acquire) {
            return Histogram::default();
        }
        blocks.read(&self.pages.get(index.0).readiness_delay)
    }

    /// Forgets all totals, when a loop's tables pass to another loop.
    pub(crate) fn clear(&self) {
        let used = self.used.load(Relaxed);
        self.used.store(0, Relaxed);
        for index in 0..=used {
            self.pages.get(index).clear();
        }
        self.by_key.borrow_mut().clear();
    }
}

impl IoTotal {
    /// Counts one of its descriptors that was closed.
    pub(crate) fn close(&self) {
        self.closed.add(1);
    }

    /// Counts how long a read came after the readiness it answers.
    #[inline]
    pub(crate) fn delayed(&self, blocks: &Blocks, delay_ns: u64) {
        blocks.record(&self.readiness_delay, delay_ns);
    }

    fn read(&self, index: u32) -> IoTotalView {
        let is_first = index == 0;
        let made_at = self.made_at.load(Relaxed).checked_sub(1).map(PlaceIndex);
        // Closed before opened: one that is closed in between is then open rather than closed more often than opened.
        let closed = self.closed.read();
        IoTotalView {
            index: IoTotalIndex(index),
            kind: if is_first {
                ResourceKind::Unknown
            } else {
                resource::kind_of_code(self.kind.load(Relaxed))
            },
            made_at: made_at.filter(|_| !is_first),
            opened: self.opened.read(),
            closed,
            bytes_read: self.bytes_read.read(),
            bytes_written: self.bytes_written.read(),
            reads: self.reads.read(),
            writes: self.writes.read(),
            would_block: self.would_block.read(),
        }
    }

    fn clear(&self) {
        for counter in [
            &self.opened,
            &self.closed,
            &self.bytes_read,
            &self.bytes_written,
            &self.reads,
            &self.writes,
            &self.would_block,
        ] {
            counter.put(0);
        }
        self.readiness_delay.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals() -> (IoTotals, Blocks) {
        (IoTotals::reserve().unwrap(), Blocks::reserve().unwrap())
    }

    #[test]
    fn what_was_closed_stays_counted() {
        let (totals, blocks) = totals();
        let total = totals.open(ResourceKind::Tcp, 7);
        total.bytes_read.add(100);
        total.delayed(&blocks, 5);
        total.close();
        totals.open(ResourceKind::Tcp, 7).bytes_read.add(1);
        totals.open(ResourceKind::Udp, 7);
        let read: Vec<_> =
            totals.read().iter().map(|it| (it.kind, it.opened, it.closed, it.bytes_read)).collect();
        assert_eq!(read, [(ResourceKind::Tcp, 2, 1, 101), (ResourceKind::Udp, 1, 0, 0)]);
        assert_eq!(totals.read()[0].open(), 1);
        assert_eq!(totals.read()[0].made_at, Some(PlaceIndex(6)));
        assert_eq!(totals.readiness_delay(&blocks, totals.read()[0].index).count(), 1);
        assert_eq!(totals.readiness_delay(&blocks, totals.read()[1].index).count(), 0);
        assert_eq!(totals.readiness_delay(&blocks, IoTotalIndex(99)).count(), 0);
        totals.clear();
        assert_eq!(totals.read().len(), 0);
    }

    #[test]
    fn places_beyond_the_limit_are_counted_together() {
        let (totals, _) = totals();
        let places = u32::try_from(TOTALS_MAX).unwrap() + 10;
        for place in 1..=places {
            totals.open(ResourceKind::Tcp, place).bytes_read.add(1);
        }
        let read = totals.read();
        assert_eq!(read.len(), TOTALS_MAX);
        assert_eq!((read[0].kind, read[0].made_at, read[0].opened), (ResourceKind::Unknown, None, 11));
        assert_eq!(read.iter().map(|it| it.bytes_read).sum::<u64>(), u64::from(places));
    }
}
