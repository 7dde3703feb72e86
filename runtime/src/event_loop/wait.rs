//! How a future waits: a [`Wait`] owns one wait entry, a [`WaitQueue`] links entries in the order they came.
//!
//! ```text
//!   Wait::new ──park──► parked ──park──► parked (waker renewed)
//!                         │  WaitQueue::push / Wheel::insert        LINKED
//!                         │  WaitQueue::notify_first / wheel fires  NOTIFIED, waker woken
//!                         └──clear or drop──► freed
//! ```
//!
//! Whoever links an entry unlinks it before the `Wait` is cleared. A `Wait` that outlives its loop finds its entry dead.

use std::cell::Cell;
use std::task::Waker;

use super::slot::{self, Loop};
use crate::task::control::TaskWord;
use crate::telemetry::atomic::{OneWriter, Relaxed};
use crate::telemetry::view::WaitKind;
use crate::telemetry::waiter::{LINKED, NOTIFIED, Parking, Waiter};

/// One wait entry, or none.
pub(crate) struct Wait {
    ticket: Ticket,
    /// Entries belong to their loop's thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait").field("parked", &self.entry().is_some()).finish()
    }
}

impl Wait {
    pub(crate) const fn new() -> Self {
        Self { ticket: Ticket::none(), _not_send: std::marker::PhantomData }
    }

    /// The loop and index of the entry, if there is one and its loop still lives.
    #[inline]
    pub(crate) fn place(&self) -> Option<(&'static Loop, u32)> {
        self.ticket.place()
    }

    /// The entry, if there is one and its loop still lives.
    #[inline]
    pub(crate) fn entry(&self) -> Option<&'static Waiter> {
        self.place().map(|(lp, index)| lp.waiters.get(index))
    }

    /// Whether the entry was notified.
    #[inline]
    pub(crate) fn is_notified(&self) -> bool {
        self.entry().is_some_and(|entry| entry.has(NOTIFIED))
    }

    /// The entry, for somebody else to notify.
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The entry of a set, in which nobody waits yet.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop.
    pub(crate) fn of_set(lp: &'static Loop, parking: &Parking) -> Self {
        let (index, generation) = lp.take_quiet_entry(parking, 0);
        Self { ticket: Ticket::new(generation, lp.slot, index), _not_send: std::marker::PhantomData }
    }

    /// Waits, or goes on waiting, for what `parking` says. Returns whether the entry is new and so stands in no list yet.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop, and when it waits on another loop already.
    #[inline]
    pub(crate) fn park(&mut self, lp: &'static Loop, waker: &Waker, parking: &Parking) -> bool {
        if let Some((own, index)) = self.place() {
            assert!(std::ptr::eq(own, lp), "a future that waits on one event loop was polled on another");
            lp.waiters.renew(index, parking, lp.running.get(), waker);
            return false;
        }
        let (index, generation) = lp.take_entry(parking, waker);
        self.ticket = Ticket::new(generation, lp.slot, index);
        true
    }

    /// Frees the entry, which stands in no list.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.has_ticket() {
            self.free_entry();
        }
    }

    fn free_entry(&mut self) {
        if let Some((lp, index)) = self.place() {
            lp.waiters.free(index);
        }
        self.ticket = Ticket::none();
    }

    /// Whether there is an entry, if its loop still lives: an operation that never had to wait is done with it at once.
    #[inline]
    pub(crate) fn has_ticket(&self) -> bool {
        self.ticket.0 != NO_ENTRY
    }
}

impl Drop for Wait {
    #[inline]
    fn drop(&mut self) {
        self.clear();
    }
}

/// Names an entry: its generation, its loop's slot and its index, in one word, which is written and read as one.
///
/// Who has the ticket of somebody else's [`Wait`] can notify it without a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// Slot 255 does not exist.
const NO_ENTRY: u64 = 0xff << INDEX_BITS;
const INDEX_BITS: u32 = 24;

impl Ticket {
    /// Names nothing.
    pub(crate) const fn none() -> Self {
        Self(NO_ENTRY)
    }

    #[inline]
    pub(super) fn new(generation: u32, slot: u8, index: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(slot) << INDEX_BITS | u64::from(index))
    }

    #[inline]
    pub(super) fn place(self) -> Option<(&'static Loop, u32)> {
        if self.0 == NO_ENTRY {
            return None;
        }
        let word = TaskWord(self.0); // packed alike
        let lp = slot::slot(word.loop_slot())?;
        lp.waiters.is_live(word.index(), word.generation()).then_some((lp, word.index()))
    }

    /// The word.
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// Notifies the entry and wakes its waker, if it is still there.
    #[inline]
    pub(crate) fn notify(self) {
        let Some((lp, index)) = self.place() else { return };
        let entry = lp.waiters.get(index);
        entry.set(NOTIFIED);
        if let Some(waker) = entry.take_waker() {
            lp.wake_quietly(waker);
        }
    }
}

/// Entries in the order they came.
///
/// A queue left over from a loop that ended is empty for the next one.
#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    /// First index plus one.
    head: Cell<u32>,
    /// Last index plus one.
    tail: Cell<u32>,
    /// The life of the loop whose entries these are.
    life: Cell<u64>,
}

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self { head: Cell::new(0), tail: Cell::new(0), life: Cell::new(0) }
    }

    fn check_life(&self, lp: &Loop) {
        let life = lp.life.load(Relaxed);
        if self.life.replace(life) != life {
            self.head.set(0);
            self.tail.set(0);
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self, lp: &Loop) -> bool {
        self.check_life(lp);
        self.head.get() == 0
    }

    /// Puts the entry of a new wait at the end.
    pub(crate) fn push(&self, wait: &Wait) {
        let Some((lp, index)) = wait.place() else { return };
        self.check_life(lp);
        let entry = lp.waiters.get(index);
        debug_assert!(!entry.has(LINKED));
        entry.set(LINKED);
        entry.prev.set(self.tail.get());
        entry.next.set(0);
        match self.tail.get() {
            0 => self.head.set(index + 1),
            last => lp.waiters.get(last - 1).next.set(index + 1),
        }
        self.tail.set(index + 1);
    }

    fn unlink(&self, lp: &Loop, index: u32) {
        let entry = lp.waiters.get(index);
        let (prev, next) = (entry.prev.get(), entry.next.get());
        match prev {
            0 => self.head.set(next),
            prev => lp.waiters.get(prev - 1).next.set(next),
        }
        match next {
            0 => self.tail.set(prev),
            next => lp.waiters.get(next - 1).prev.set(prev),
        }
        entry.unset(LINKED);
    }

    /// Takes a wait out of the queue and frees its entry. Returns whether it had been notified.
    #[inline]
    pub(crate) fn leave(&self, wait: &mut Wait) -> bool {
        wait.has_ticket() && self.leave_with_entry(wait)
    }

    fn leave_with_entry(&self, wait: &mut Wait) -> bool {
        let Some((lp, index)) = wait.place() else { return false };
        let entry = lp.waiters.get(index);
        let notified = entry.has(NOTIFIED);
        if entry.has(LINKED) {
            self.check_life(lp);
            self.unlink(lp, index);
        }
        wait.clear();
        notified
    }

    /// Takes the entry of somebody else's wait out of the queue and frees it: its owner finds it dead.
    pub(crate) fn expel(&self, lp: &Loop, ticket: Ticket) {
        let Some((own, index)) = ticket.place() else { return };
        if !std::ptr::eq(own, lp) {
            return;
        }
        if lp.waiters.get(index).has(LINKED) {
            self.check_life(lp);
            self.unlink(lp, index);
        }
        lp.waiters.free(index);
    }

    /// Notifies the first entry, takes it out and wakes its waker. Returns whether there was one.
    pub(crate) fn notify_first(&self, lp: &Loop) -> bool {
        let Some(entry) = self.take_first(lp) else { return false };
        if let Some(waker) = entry.take_waker() {
            lp.wake_quietly(waker);
        }
        true
    }

    /// Notifies the first entry and takes it out; its waker is still to be woken.
    fn take_first<'a>(&self, lp: &'a Loop) -> Option<&'a Waiter> {
        if self.head.get() == 0 {
            return None; // whosever queue it is
        }
        self.check_life(lp);
        let index = self.head.get().checked_sub(1)?;
        self.unlink(lp, index);
        let entry = lp.waiters.get(index);
        entry.set(NOTIFIED);
        Some(entry)
    }

    /// The entry that would be notified next.
    pub(crate) fn first(&self, lp: &'static Loop) -> Option<&'static Waiter> {
        self.check_life(lp);
        self.head.get().checked_sub(1).map(|index| lp.waiters.get(index))
    }

    /// Notifies all entries that are in the queue now. Returns how many.
    pub(crate) fn notify_all(&self, lp: &Loop) -> usize {
        let mut count = 0;
        while self.notify_first(lp) {
            count += 1;
        }
        count
    }

    /// As [`notify_all`](Self::notify_all), but wakers of other libraries, which may run any code, go to `foreign`.
    pub(crate) fn notify_all_but(&self, lp: &Loop, foreign: &mut Vec<Waker>) {
        while self.notify_first_but(lp, foreign) {}
    }

    /// As [`notify_first`](Self::notify_first), but a waker of another library goes to `foreign`.
    pub(crate) fn notify_first_but(&self, lp: &Loop, foreign: &mut Vec<Waker>) -> bool {
        let Some(entry) = self.take_first(lp) else { return false };
        match entry.take_waker() {
            Some(waker) if crate::task::waker::is_ours(&waker) => waker.wake(),
            Some(waker) => foreign.push(waker),
            None => {}
        }
        true
    }
}

impl Loop {
    /// Takes a wait entry without a waker: a set's own, or a member's of the set whose ticket `task` is.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop.
    pub(crate) fn take_quiet_entry(&self, parking: &Parking, task: u64) -> (u32, u32) {
        match self.waiters.alloc_quiet(parking, task, self.now.get()) {
            Some(taken) => taken,
            None => too_many_waits(),
        }
    }

    /// Takes a wait entry for the running task.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop.
    #[inline]
    pub(crate) fn take_entry(&self, parking: &Parking, waker: &Waker) -> (u32, u32) {
        match self.waiters.alloc(parking, self.running.get(), self.now.get(), waker) {
            Some(taken) => taken,
            None => too_many_waits(),
        }
    }

    /// A wait entry for a resource: `resource` is its record's index plus one, or 0.
    #[inline]
    pub(crate) fn parking(
        &self,
        kind: WaitKind,
        resource: u32,
        at: &'static std::panic::Location<'static>,
        made_at: &'static std::panic::Location<'static>,
    ) -> Parking {
        let made_at = self.places.word(made_at);
        Parking { kind, payload: u64::from(resource), flags: 0, at: self.places.word(at), made_at }
    }

    /// The polls of the running task so far, low half: by which an entry that is renewed at each poll is known to be fresh.
    pub(crate) fn running_polls(&self) -> u64 {
        let word = TaskWord(self.running.get());
        self.records.get(word.index()).polls.read() & u64::from(u32::MAX)
    }
}

#[cold]
fn too_many_waits() -> ! {
    panic!("16 million waits are pending in one event loop, which is the most there can be")
}
