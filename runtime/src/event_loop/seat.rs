//! A wait entry that is kept between waits, for whoever waits again and again: a channel's receiver.
//!
//! ```text
//!   empty ──sit: entry taken──► waiting ──notify: waker woken──► notified
//!                                │ ▲                                │
//!                                │ └──sit (nothing came of it)──────┤
//!                                └──leave──► vacant ◄──leave────────┘
//!                                             └──sit──► waiting
//! ```
//!
//! A [`Wait`](super::wait::Wait) takes an entry and gives it back each time, and finds it through a ticket, since anybody may
//! hold one. A seat keeps the entry and the way to it, and is notified by who holds the seat itself; the rest is the same.
//! Between two waits the entry is of no task, and so of no wait that is shown.
//!
//! # Invariants
//!
//! The entry is ours as long as the loop lives whose number `life` is. It stands in no list.

use std::cell::Cell;
use std::task::Waker;

use super::slot::Loop;
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::waiter::{Parking, Waiter};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Vacant,
    Waiting,
    Notified,
}

/// The place of one who waits again and again.
pub(crate) struct Seat {
    /// Of the loop whose entry this is.
    life: Cell<u64>,
    entry: Cell<Option<(&'static Loop, &'static Waiter, u32)>>,
    state: Cell<State>,
}

impl Seat {
    pub(crate) const fn new() -> Self {
        Self { life: Cell::new(0), entry: Cell::new(None), state: Cell::new(State::Vacant) }
    }

    /// The entry, unless its loop has ended.
    #[inline]
    fn entry(&self) -> Option<(&'static Loop, &'static Waiter, u32)> {
        self.entry.get().filter(|(lp, ..)| lp.life.load(Relaxed) == self.life.get())
    }

    /// Whether somebody waits here, notified or not.
    fn is_taken(&self) -> bool {
        self.state.get() != State::Vacant
    }

    /// Waits, or goes on waiting. Returns whether the wait is a new one.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop, and when it waits on another loop already.
    #[inline]
    pub(crate) fn sit(&self, lp: &'static Loop, waker: &Waker, parking: &Parking) -> bool {
        let Some((own, entry, index)) = self.entry() else { return self.sit_first(lp, waker, parking) };
        if !std::ptr::eq(own, lp) {
            return self.move_to(lp, waker, parking);
        }
        let before = self.state.replace(State::Waiting);
        if before == State::Waiting && entry.is_renewed() == parking.is_renewed() {
            lp.waiters.renew(index, parking, lp.running.get(), waker);
        } else {
            // What it was notified of was taken otherwise meanwhile, or it was a stream's wait and is a future's now.
            drop(entry.take_waker());
            entry.occupy(parking, lp.running.get(), lp.now.get(), waker);
        }
        before == State::Vacant
    }

    #[inline(never)]
    fn sit_first(&self, lp: &'static Loop, waker: &Waker, parking: &Parking) -> bool {
        let (index, _) = lp.take_entry(parking, waker);
        self.entry.set(Some((lp, lp.waiters.get(index), index)));
        self.life.set(lp.life.load(Relaxed));
        self.state.set(State::Waiting);
        true
    }

    #[cold]
    #[inline(never)]
    fn move_to(&self, lp: &'static Loop, waker: &Waker, parking: &Parking) -> bool {
        assert!(!self.is_taken(), "a future that waits on one event loop was polled on another");
        self.give_back();
        self.sit_first(lp, waker, parking)
    }

    /// Wakes who waits here.
    #[inline]
    pub(crate) fn notify(&self) {
        if self.state.get() != State::Waiting {
            return;
        }
        self.state.set(State::Notified);
        let Some((lp, entry, _)) = self.entry() else { return };
        if let Some(waker) = entry.take_waker() {
            lp.wake_quietly(waker);
        }
    }

    /// Ends the wait, but keeps the entry. Returns whether there was a wait, of a loop that still lives.
    #[inline]
    pub(crate) fn leave(&self) -> bool {
        if self.state.replace(State::Vacant) == State::Vacant {
            return false;
        }
        let Some((_, entry, _)) = self.entry() else { return false };
        entry.vacate();
        true
    }

    /// Ends the wait, if there is one, and gives the entry back.
    #[inline]
    pub(crate) fn give_back(&self) {
        let Some((lp, _, index)) = self.entry.take() else { return };
        if lp.life.load(Relaxed) == self.life.get() {
            lp.waiters.free(index);
        }
        self.state.set(State::Vacant);
    }
}

impl Drop for Seat {
    #[inline]
    fn drop(&mut self) {
        self.give_back();
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("state", &self.state.get()).finish_non_exhaustive()
    }
}
