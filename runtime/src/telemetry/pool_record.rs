#![allow(unsafe_code, reason = "marks types as readable from zeroed pages, and texts as shared under a lock")]
//! What anybody may read of a pool of blocking threads: its jobs, counters and histograms.
//!
//! Written with the [`Pen`] that lies in the pool's lock, read by anybody without one; see [`job`](super::job).

use std::panic::Location;

use super::atomic::{AtomicU64, OneWriter};
use super::histogram::{Blocks, Directory};
use super::intern::{Names, Places};
use super::job::{Jobs, Pen};
use super::pages::{Pages, Zeroed};

/// How long jobs waited and how long they ran.
#[repr(C)]
pub(crate) struct PoolHistograms {
    pub(crate) waited: Directory,
    pub(crate) ran: Directory,
}

// SAFETY: nothing but atomics, of which zero is valid.
unsafe impl Zeroed for PoolHistograms {}

/// Counts of one pool.
#[derive(Debug, Default)]
pub(crate) struct PoolCounters {
    pub(crate) threads: AtomicU64,
    pub(crate) idle: AtomicU64,
    pub(crate) threads_max: AtomicU64,
    pub(crate) queue_max: AtomicU64,
    pub(crate) queued: AtomicU64,
    pub(crate) running: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// The records of one pool.
pub(crate) struct PoolRecord {
    pub(crate) jobs: Jobs,
    pub(crate) counters: PoolCounters,
    pub(super) places: Places,
    pub(super) names: Names,
    pub(super) blocks: Blocks,
    pub(super) histograms: Pages<PoolHistograms>,
}

// SAFETY: the cells of `places` and `names` are touched with the `Pen` alone; readers take their locks and touch atomics.
unsafe impl Sync for PoolRecord {}

impl PoolRecord {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        Ok(Self {
            jobs: Jobs::reserve()?,
            counters: PoolCounters::default(),
            places: Places::new(),
            names: Names::default(),
            blocks: Blocks::reserve()?,
            histograms: Pages::reserve(1)?,
        })
    }

    /// The word of a place.
    pub(crate) fn place(&self, _: &mut Pen, place: &'static Location<'static>) -> u32 {
        self.places.word(place)
    }

    /// The word of a name.
    pub(crate) fn name(&self, _: &mut Pen, name: &str) -> u32 {
        self.names.word(name)
    }

    /// A job was taken out of the queue by a thread after `ns`.
    #[cfg_attr(loopscope_bare, allow(unused_variables, reason = "compiled out"))]
    pub(crate) fn waited(&self, _: &mut Pen, ns: u64) {
        #[cfg(not(loopscope_bare))]
        self.blocks.record(&self.histograms.get(0).waited, ns);
    }

    /// A job ended after running for `ns`.
    #[cfg_attr(loopscope_bare, allow(unused_variables, reason = "compiled out"))]
    pub(crate) fn ran(&self, _: &mut Pen, ns: u64) {
        #[cfg(not(loopscope_bare))]
        self.blocks.record(&self.histograms.get(0).ran, ns);
    }
}

/// Moves a counter, with the `Pen` as everything here.
pub(crate) fn count(_: &mut Pen, counter: &AtomicU64, by: i64) {
    counter.add(by.cast_unsigned());
}
