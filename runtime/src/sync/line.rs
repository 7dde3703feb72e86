//! Who waits for one primitive, and the record that shows it.
//!
//! ```text
//!   nobody ──wait: entry linked, record taken──► waited for ──last one leaves──► nobody (record given back, number kept)
//! ```
//!
//! Where somebody waits nearly always, as at a channel, the record stays until the primitive is dropped.
//!
//! # Invariants
//!
//! The waiters of one primitive are all on one loop. A line whose loop has ended is nobody's: its waiters went with the loop,
//! and the next one to wait binds it to the loop it waits on.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::Location;
use std::task::Context;

use crate::event_loop::current;
use crate::event_loop::seat::Seat;
use crate::event_loop::slot::{self, Loop};
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::resource::{Making, Resource};
use crate::telemetry::view::{ResourceKind, WaitKind};
use crate::telemetry::waiter::{NOTIFIED, Parking, RENEWED};

/// What a wait says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) kind: WaitKind,
    /// Whether the leaf is polled through a trait, so that it must be renewed at each poll.
    pub(crate) renewed: bool,
    /// The place of the `.await`.
    pub(crate) at: &'static Location<'static>,
    /// Where the future was made.
    pub(crate) made_at: &'static Location<'static>,
}

/// The waiters of one primitive.
pub(crate) struct Line {
    kind: ResourceKind,
    name: Option<Box<str>>,
    made_at: &'static Location<'static>,
    made_by: u64,
    lp: Cell<Option<&'static Loop>>,
    life: Cell<u64>,
    /// The number it is shown under, 0 until it was shown for the first time.
    id: Cell<u64>,
    /// How much the primitive can hold, if that is limited.
    limit: Option<usize>,
    /// The record plus one.
    record: Cell<u32>,
    /// The same, where it lies.
    shown: Cell<Option<&'static Resource>>,
    /// Whether the record stays when nobody waits.
    stays: bool,
    /// Entries that wait, or were notified and did not come yet.
    waiting: Cell<u32>,
    /// Everything here belongs to the thread of the loop.
    _not_send: PhantomData<*const ()>,
}

impl Line {
    pub(crate) const fn new(kind: ResourceKind, made_at: &'static Location<'static>, made_by: u64) -> Self {
        Self {
            kind,
            name: None,
            made_at,
            made_by,
            lp: Cell::new(None),
            life: Cell::new(0),
            id: Cell::new(0),
            limit: None,
            record: Cell::new(0),
            shown: Cell::new(None),
            stays: matches!(kind, ResourceKind::Channel),
            waiting: Cell::new(0),
            _not_send: PhantomData,
        }
    }

    /// Gives it the name it is shown under.
    pub(crate) fn set_name(&mut self, name: &str) {
        self.name = Some(name.into());
    }

    /// Says how much the primitive can hold.
    pub(crate) const fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How an error names the primitive: `lock "db"`, or by the place where it was made.
    pub(crate) fn describe(&self, what: &str) -> String {
        match self.name() {
            Some(name) => format!("{what} {name:?}"),
            None => format!("{what} made at {}", self.made_at),
        }
    }

    /// The loop of the waiters, unless it has ended or nobody ever waited.
    #[inline]
    pub(crate) fn lp(&self) -> Option<&'static Loop> {
        let lp = self.lp.get()?;
        (lp.life.load(Relaxed) == self.life.get()).then_some(lp)
    }

    /// Whether the loop of the waiters has ended, and they with it.
    #[inline]
    pub(crate) fn is_stale(&self) -> bool {
        self.lp.get().is_some() && self.lp().is_none()
    }

    /// How many wait, those included that were notified and did not come yet.
    pub(crate) fn waiting(&self) -> usize {
        if self.is_stale() { 0 } else { self.waiting.get() as usize }
    }

    /// The record, while it is shown.
    #[inline]
    pub(crate) fn record(&self) -> Option<&'static Resource> {
        let record = self.shown.get()?;
        self.lp().map(|_| record)
    }

    /// Binds the line to the current loop.
    #[inline]
    #[track_caller]
    pub(crate) fn bind(&self, what: &str) -> &'static Loop {
        let lp = current::expect(what);
        // No two loops have the same life.
        if self.life.get() != lp.life.load(Relaxed) {
            self.bind_to(lp, what);
        }
        lp
    }

    #[cold]
    #[track_caller]
    fn bind_to(&self, lp: &'static Loop, what: &str) {
        if let Some(bound) = self.lp() {
            assert!(
                self.waiting.get() == 0,
                "{what} on another event loop than the one where others wait for it (made at {})",
                self.made_at
            );
            self.give_back(bound);
        }
        self.lp.set(Some(lp));
        self.life.set(lp.life.load(Relaxed));
        self.record.set(0);
        self.shown.set(None);
        self.waiting.set(0);
    }

    /// Waits, or goes on waiting. Returns whether the entry is new, and so stands in no queue yet.
    ///
    /// # Panics
    ///
    /// Outside of a loop, and on another loop than the others.
    #[inline]
    #[track_caller]
    pub(crate) fn park(&self, what: &str, wait: &mut Wait, cx: &Context<'_>, waiting: &Waiting) -> bool {
        let lp = self.bind(what);
        let mut parking = self.parking(lp, waiting);
        if let Some(entry) = wait.entry().filter(|entry| !waiting.renewed && !entry.is_renewed()) {
            // It stands in line with its number while the waker is renewed, which may come back here.
            parking.payload |= u64::from(entry.number()) << 32;
        }
        let is_new = wait.park(lp, cx.waker(), &parking);
        if is_new {
            self.waiting.set(self.waiting.get() + 1);
        }
        is_new
    }

    /// As [`park`](Self::park), in an entry that is kept for the next wait.
    ///
    /// # Panics
    ///
    /// As [`park`](Self::park).
    #[inline]
    #[track_caller]
    pub(crate) fn sit(&self, what: &str, seat: &Seat, cx: &Context<'_>, waiting: &Waiting) -> bool {
        let lp = self.bind(what);
        let is_new = seat.sit(lp, cx.waker(), &self.parking(lp, waiting));
        if is_new {
            self.waiting.set(self.waiting.get() + 1);
        }
        is_new
    }

    #[inline]
    fn parking(&self, lp: &'static Loop, waiting: &Waiting) -> Parking {
        if self.record.get() == 0 {
            self.show(lp);
        }
        let mut parking = lp.parking(waiting.kind, self.record.get(), waiting.at, waiting.made_at);
        if waiting.renewed {
            parking.flags = RENEWED;
            parking.payload |= lp.running_polls() << 32;
        }
        parking
    }

    /// Waits, or goes on waiting, at the end of `queue`.
    ///
    /// # Panics
    ///
    /// As [`park`](Self::park).
    #[track_caller]
    pub(crate) fn wait(
        &self,
        what: &str,
        queue: &WaitQueue,
        wait: &mut Wait,
        cx: &Context<'_>,
        waiting: &Waiting,
    ) {
        if self.park(what, wait, cx, waiting) {
            queue.push(wait);
        }
    }

    /// Notifies the first `count` of those who stand in `queue` now.
    pub(crate) fn notify(&self, queue: &WaitQueue, count: usize) {
        let Some(lp) = self.lp() else { return };
        // All are taken out before any code of another library runs, which may wait again.
        let mut foreign = Vec::new();
        for _ in 0..count {
            if !queue.notify_first_but(lp, &mut foreign) {
                break;
            }
        }
        for waker in foreign {
            lp.wake_quietly(waker);
        }
    }

    #[cold]
    fn show(&self, lp: &'static Loop) {
        if self.id.get() == 0 {
            self.id.set(slot::next_resource_id());
        }
        let making = Making {
            kind: self.kind,
            id: self.id.get(),
            name: self.name.as_deref().map_or(0, |name| lp.names.word(name)),
            made_at: lp.places.word(self.made_at),
            made_by: self.made_by,
            fd: -1,
        };
        let Some(index) = lp.resources.alloc(&making) else { return };
        let record = lp.resources.get(index);
        record.limited(self.limit);
        self.record.set(index + 1);
        self.shown.set(Some(record));
    }

    /// Takes a wait out of `queue`; the record goes with the last one. Returns whether the wait had been notified.
    pub(crate) fn leave(&self, queue: &WaitQueue, wait: &mut Wait) -> bool {
        let Some((lp, _)) = wait.place() else { return false };
        let notified = queue.leave(wait);
        self.left(lp);
        notified
    }

    /// Ends a wait that stands in no queue. Returns whether it had been notified.
    #[inline]
    pub(crate) fn unpark(&self, wait: &mut Wait) -> bool {
        let Some((lp, index)) = wait.place() else { return false };
        let notified = lp.waiters.get(index).has(NOTIFIED);
        wait.clear();
        self.left(lp);
        notified
    }

    /// Ends a wait in an entry that is kept.
    #[inline]
    pub(crate) fn stand_up(&self, seat: &Seat) {
        if seat.leave() {
            self.waiting.set(self.waiting.get().saturating_sub(1));
        }
    }

    #[inline]
    fn left(&self, lp: &Loop) {
        self.waiting.set(self.waiting.get().saturating_sub(1));
        if self.waiting.get() == 0 && !self.stays {
            self.give_back(lp);
        }
    }

    /// Gives the record back, of a primitive for which nobody will wait any more.
    pub(crate) fn hide(&self) {
        if let Some(lp) = self.lp() {
            self.give_back(lp);
        }
    }

    fn give_back(&self, lp: &Loop) {
        self.shown.set(None);
        if let Some(record) = self.record.take().checked_sub(1) {
            lp.resources.free(record);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.hide();
    }
}
