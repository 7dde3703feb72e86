//! A wait entry of a future that may move between threads, as the handle of a blocking job does.
//!
//! ```text
//!   none ──park──► entry of the loop it was polled on ──park there──► renewed
//!                    │ │ vacate on the loop's own thread ──► kept for the next wait of the same kind
//!                    │ park on another loop, clear or drop
//!                    └──► freed: at once on the loop's own thread, else by a closure posted to it
//! ```
//!
//! The entry only shows the wait; the waker that counts is kept where the result comes from, since that is another thread's. So an
//! entry that is freed late, or with its loop, costs nobody a wake.

use std::task::Waker;

use super::current;
use super::slot::Loop;
use super::wait::Ticket;
use crate::task::waker;
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::waiter::Parking;

/// One wait entry that wakes nobody, or none.
pub(crate) struct FarWait {
    ticket: Ticket,
    /// The entry is kept between two waits, and so of no task.
    vacant: bool,
}

impl std::fmt::Debug for FarWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FarWait")
            .field("parked", &(self.ticket.place().is_some() && !self.vacant))
            .finish_non_exhaustive()
    }
}

impl FarWait {
    pub(crate) const fn new() -> Self {
        Self { ticket: Ticket::none(), vacant: false }
    }

    /// Shows that the running task of this thread's loop waits.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop.
    pub(crate) fn park(&mut self, lp: &'static Loop, waker: &Waker, parking: &Parking) {
        // A combinator of another library is woken through its own waker when the task's stacks are asked for.
        let waker = if waker::is_ours(waker) { Waker::noop() } else { waker };
        match self.ticket.place() {
            Some((own, index)) if std::ptr::eq(own, lp) => {
                if std::mem::take(&mut self.vacant) {
                    lp.waiters.get(index).occupy(parking, lp.running.get(), lp.now.get(), waker);
                } else {
                    lp.waiters.renew(index, parking, lp.running.get(), waker);
                }
                return;
            }
            Some(_) => self.clear(),
            None => {}
        }
        let (index, generation) = lp.take_entry(parking, waker);
        self.ticket = Ticket::new(generation, lp.slot, index);
    }

    /// Ends the wait but keeps its entry for the next one, unless this is called on another thread than the loop's.
    pub(crate) fn vacate(&mut self) {
        let Some((lp, index)) = self.ticket.place() else { return };
        if !current::get().is_some_and(|current| std::ptr::eq(current, lp)) {
            self.clear();
        } else if !std::mem::replace(&mut self.vacant, true) {
            lp.waiters.get(index).vacate();
        }
    }

    /// Frees the entry, wherever this is called.
    pub(crate) fn clear(&mut self) {
        let ticket = std::mem::replace(&mut self.ticket, Ticket::none());
        self.vacant = false;
        let Some((lp, index)) = ticket.place() else { return };
        if current::get().is_some_and(|current| std::ptr::eq(current, lp)) {
            return lp.waiters.free(index);
        }
        let free = move || {
            if let Some((lp, index)) = ticket.place() {
                lp.waiters.free(index);
            }
        };
        // A loop that has ended frees its entries itself.
        drop(lp.post(lp.life.load(Relaxed), Box::new(free)));
    }
}

impl Drop for FarWait {
    fn drop(&mut self) {
        self.clear();
    }
}
