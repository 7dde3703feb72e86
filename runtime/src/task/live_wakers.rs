#![allow(unsafe_code, reason = "marks a type as readable from zeroed pages")]
//! How many wakers of a task there are, for tasks that were spawned in debug mode: at 0, and with the task idle, nothing can
//! wake it any more.
//!
//! ```text
//!   0 ──spawned in debug mode──► generation n, 0 ◄──clone, drop, on any thread──► generation n, 1, 2, …
//!     ◄──────────────── spawned otherwise: the generation is not the task's, and its count is unknown
//!     ◄──────────────── debug mode is switched off: from now on clones are not counted, so what was is not known any more
//! ```
//!
//! The waker that a poll is given is not counted, only its clones: who keeps none will not wake. A waker outlives its task at
//! will, so each change names the generation that it is of, and one of a task that is gone changes nothing.

use crate::event_loop::slot::Loop;
use crate::telemetry::atomic::{AtomicU64, Relaxed};
use crate::telemetry::pages::Zeroed;

/// Generation and count of the live wakers of one slot's task.
#[repr(transparent)]
#[derive(Default)]
pub(crate) struct LiveWakers(AtomicU64);

// SAFETY: nothing but an atomic, of which zero is valid: no task has generation 0.
unsafe impl Zeroed for LiveWakers {}

impl Loop {
    /// Wakers are no longer counted.
    #[cold]
    #[inline(never)]
    pub(crate) fn forget_live_wakers(&self) {
        (0..self.controls.high_water()).for_each(|index| self.live_wakers.get(index).forget());
    }
}

impl LiveWakers {
    /// A task of this generation begins, and none of its wakers is there.
    pub(crate) fn begin(&self, generation: u32) {
        self.0.store(u64::from(generation) << 32, Relaxed);
    }

    /// From now on the count is unknown.
    pub(crate) fn forget(&self) {
        // Most are of slots that never had a count, in pages that were never written to.
        if self.0.load(Relaxed) != 0 {
            self.0.store(0, Relaxed);
        }
    }

    /// The generation of the task that is counted, 0 for none, and its count.
    pub(crate) fn read(&self) -> (u32, u64) {
        let word = self.0.load(Relaxed);
        ((word >> 32) as u32, word & u64::from(u32::MAX))
    }

    /// One more.
    pub(crate) fn cloned(&self, generation: u32) {
        self.change(generation, |count| count.checked_add(1));
    }

    /// One less.
    pub(crate) fn dropped(&self, generation: u32) {
        self.change(generation, |count| count.checked_sub(1));
    }

    /// By comparison and exchange, because the slot's next task may begin at any moment. The order of other memory does not
    /// depend on it: it is a count that is shown.
    fn change(&self, generation: u32, change: impl Fn(u32) -> Option<u32>) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |word| {
            #[expect(clippy::cast_possible_truncation, reason = "the low half is the count")]
            let count = word as u32;
            let is_its_own = word >> 32 == u64::from(generation);
            let changed = change(count).filter(|_| is_its_own)?;
            Some(u64::from(generation) << 32 | u64::from(changed))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_was_not_spawned_in_debug_mode_has_no_count() {
        let wakers = LiveWakers::default();
        wakers.cloned(1);
        assert_eq!(wakers.read(), (0, 0));
    }

    #[test]
    fn clones_and_drops_are_counted() {
        let wakers = LiveWakers::default();
        wakers.begin(3);
        wakers.cloned(3);
        wakers.cloned(3);
        wakers.dropped(3);
        assert_eq!(wakers.read(), (3, 1));
    }

    #[test]
    fn a_waker_of_a_task_that_is_gone_changes_nothing() {
        let wakers = LiveWakers::default();
        wakers.begin(3);
        wakers.cloned(3);
        wakers.begin(4);
        wakers.dropped(3);
        assert_eq!(wakers.read(), (4, 0));
        wakers.cloned(4);
        wakers.cloned(3);
        assert_eq!(wakers.read(), (4, 1));
        wakers.dropped(4);
        wakers.dropped(4);
        assert_eq!(wakers.read(), (4, 0), "it does not wrap");
    }
}
