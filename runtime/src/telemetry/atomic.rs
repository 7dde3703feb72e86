//! The atomics and locks that cross threads, so that loom can put its own in their place.

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, fence};

pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// A counter with one writer: a load and a store, never a read-modify-write, which would cost four times as much.
#[cfg(not(loom))]
pub(crate) trait OneWriter {
    /// Adds, as the only writer.
    fn add(&self, amount: u64);
    /// Reads, as anybody.
    fn read(&self) -> u64;
    /// Writes, as the only writer.
    fn put(&self, value: u64);
}

#[cfg(not(loom))]
impl OneWriter for AtomicU64 {
    #[inline]
    fn add(&self, amount: u64) {
        self.store(self.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    #[inline]
    fn read(&self) -> u64 {
        self.load(Relaxed)
    }

    #[inline]
    fn put(&self, value: u64) {
        self.store(value, Relaxed);
    }
}
