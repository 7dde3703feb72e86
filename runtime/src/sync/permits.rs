//! Permits: what both kinds of semaphores count, and the guards that hold them.
//!
//! ```text
//!                   ┌─acquire, nobody in line and enough free─► taken ─guard dropped─► free
//!   add ──► free ──┤                                             ▲ └─forgotten─► gone
//!                   └─enough for the first in line─► reserved ───┘ its future is polled
//!                                                       └─its future is dropped─► free
//! ```
//!
//! # Invariants
//!
//! `total` is what is free, reserved or taken. Whoever is notified has all it asked for reserved until its future is polled or
//! dropped. While somebody stands in line, there is not enough free for the first, and nobody overtakes it.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::holder::Holder;
use super::line::{Line, Waiting};
use super::queue::may_go_on;
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// The permits of one semaphore.
pub(super) struct Permits {
    pub(super) line: Line,
    queue: WaitQueue,
    /// Of nobody and kept for nobody.
    free: Cell<usize>,
    /// Kept for those who were notified and did not come yet.
    reserved: Cell<usize>,
    total: Cell<usize>,
    /// The most there can be, if that is known.
    bound: Option<usize>,
    /// Who has the permit if there is only one, and that is known.
    holder: Holder,
}

impl Permits {
    pub(super) const fn new(count: usize, bound: Option<usize>, made_at: &'static Location<'static>) -> Self {
        Self {
            line: Line::new(ResourceKind::Semaphore, made_at, 0),
            queue: WaitQueue::new(),
            free: Cell::new(count),
            reserved: Cell::new(0),
            total: Cell::new(count),
            bound,
            holder: Holder::nobody(),
        }
    }

    /// Free ones, those included that are too few for the first in line.
    pub(super) fn free(&self) -> usize {
        self.forget_stale();
        self.free.get()
    }

    pub(super) fn total(&self) -> usize {
        self.total.get()
    }

    /// Whether `count` can be had at once.
    pub(super) fn are_free(&self, count: usize) -> bool {
        self.forget_stale();
        count <= self.free.get() && self.line.lp().is_none_or(|lp| self.queue.is_empty(lp))
    }

    /// Takes `count` if they can be had at once.
    pub(super) fn try_take(&self, count: u32, at: &'static Location<'static>) -> bool {
        let are_free = self.are_free(count as usize);
        if are_free {
            self.take(current::get(), count as usize, at);
        }
        are_free
    }

    fn take(&self, lp: Option<&'static Loop>, count: usize, at: &'static Location<'static>) {
        self.free.set(self.free.get() - count);
        self.held(lp, count, at);
        self.show();
    }

    /// The running task has them.
    fn held(&self, lp: Option<&'static Loop>, count: usize, at: &'static Location<'static>) {
        if self.has_holder(count) {
            self.holder.take(lp, at);
        }
    }

    /// Whether who has `count` is the holder: one of one.
    fn has_holder(&self, count: usize) -> bool {
        count == 1 && self.total.get() == 1
    }

    /// Takes back what a guard or a future had.
    pub(super) fn give(&self, count: usize) {
        if self.has_holder(count) {
            self.holder.clear();
        }
        self.free.set(self.free.get() + count);
        self.offer();
    }

    /// There are `count` more.
    pub(super) fn add(&self, count: usize) {
        self.forget_stale();
        let Some(total) = self.total.get().checked_add(count) else {
            panic!("adding permits to the {}: more than can be counted", self.line.describe("semaphore"))
        };
        self.total.set(total);
        self.holder.clear();
        self.free.set(self.free.get() + count);
        self.offer();
    }

    /// The `count` that somebody had are no more.
    fn forget(&self, count: usize) {
        self.total.set(self.total.get() - count);
        self.holder.clear();
        self.show();
    }

    /// What was kept for waiters of a loop that ended is free again.
    fn forget_stale(&self) {
        if self.reserved.get() != 0 && self.line.is_stale() {
            self.free.set(self.free.get() + self.reserved.take());
            self.holder.clear();
        }
    }

    /// Keeps what is free for those who stand in line, as far as it goes.
    fn offer(&self) {
        let Some(lp) = self.line.lp() else { return };
        // All are taken out before any code of another library runs, which may come back here.
        let mut foreign = Vec::new();
        while let Some(first) = self.queue.first(lp) {
            let count = first.number() as usize;
            if count > self.free.get() {
                break;
            }
            self.free.set(self.free.get() - count);
            self.reserved.set(self.reserved.get() + count);
            if self.has_holder(count) {
                self.holder.hand(lp, first);
            }
            self.queue.notify_first_but(lp, &mut foreign);
        }
        self.show();
        for waker in foreign {
            lp.wake_quietly(waker);
        }
    }

    /// Writes how many there are, and who holds the only one, into the record.
    fn show(&self) {
        let (Some(record), Some(lp)) = (self.line.record(), self.line.lp()) else { return };
        record.filled(self.free.get());
        record.limited(Some(self.bound.unwrap_or(self.total.get())));
        self.holder.show(lp, record);
    }

    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self.free();
        let mut semaphore = f.debug_struct(name);
        if let Some(name) = self.line.name() {
            semaphore.field("name", &name);
        }
        semaphore.field("free", &free).field("total", &self.total());
        semaphore.field("waiters", &self.line.waiting()).finish_non_exhaustive()
    }
}

/// Something that has permits.
pub(super) trait HasPermits {
    fn permits(&self) -> &Permits;
}

/// A wait for permits.
struct Claim {
    count: u32,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl Claim {
    #[track_caller]
    fn poll(&mut self, permits: &Permits, cx: &Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let (lp, count) = (current::get(), self.count as usize);
        if self.wait.is_notified() {
            permits.line.leave(&permits.queue, &mut self.wait);
            permits.reserved.set(permits.reserved.get().saturating_sub(count));
            permits.held(lp, count, at);
            permits.show();
            return Poll::Ready(());
        }
        if self.wait.entry().is_none() && permits.are_free(count) {
            if !may_go_on(cx) {
                return Poll::Pending;
            }
            permits.take(lp, count, at);
            return Poll::Ready(());
        }
        let waiting = Waiting { kind: WaitKind::Semaphore, renewed: false, at, made_at: self.made_at };
        permits.line.wait("waiting for a semaphore", &permits.queue, &mut self.wait, cx, &waiting);
        if let Some(entry) = self.wait.entry() {
            entry.set_number(self.count);
        }
        permits.show();
        if let Some(lp) = lp {
            lp.suspect();
        }
        Poll::Pending
    }

    /// Ends the wait; what was kept for it, or is enough for the next now that it is gone, goes to the next.
    fn give_up(&mut self, permits: &Permits) {
        if !self.wait.has_ticket() {
            return;
        }
        if permits.line.leave(&permits.queue, &mut self.wait) {
            let count = self.count as usize;
            permits.reserved.set(permits.reserved.get().saturating_sub(count));
            permits.give(count);
        } else {
            permits.offer();
        }
    }
}

/// The future of [`Semaphore::acquire`](super::Semaphore::acquire).
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire<'a> {
    permits: &'a Permits,
    claim: Claim,
}

impl<'a> Acquire<'a> {
    #[track_caller]
    pub(super) fn new(permits: &'a Permits, count: u32) -> Self {
        Self { permits, claim: Claim { count, wait: Wait::new(), made_at: Location::caller() } }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Permit<'a>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a>> {
        let permits = self.permits;
        self.claim.poll(permits, cx).map(|()| Permit { permits, count: self.claim.count })
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        self.claim.give_up(self.permits);
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut acquire = f.debug_struct("Acquire");
        acquire.field("count", &self.claim.count).field("wait", &self.claim.wait).finish_non_exhaustive()
    }
}

/// The future of [`Semaphore::acquire_owned`](super::Semaphore::acquire_owned).
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireOwned {
    of: Rc<dyn HasPermits>,
    claim: Claim,
}

impl AcquireOwned {
    #[track_caller]
    pub(super) fn new(of: Rc<dyn HasPermits>, count: u32) -> Self {
        Self { of, claim: Claim { count, wait: Wait::new(), made_at: Location::caller() } }
    }
}

impl Future for AcquireOwned {
    type Output = OwnedPermit;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedPermit> {
        let this = &mut *self;
        let polled = this.claim.poll(this.of.permits(), cx);
        polled.map(|()| OwnedPermit { of: Rc::clone(&this.of), count: this.claim.count })
    }
}

impl Drop for AcquireOwned {
    fn drop(&mut self) {
        self.claim.give_up(self.of.permits());
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut acquire = f.debug_struct("AcquireOwned");
        acquire.field("count", &self.claim.count).field("wait", &self.claim.wait).finish_non_exhaustive()
    }
}

/// Permits of a semaphore, until it is dropped.
///
/// The holder that is shown is the task that acquired; a permit that moves to another task goes on being shown as the former's.
#[must_use = "a permit that is dropped at once permits nothing"]
#[clippy::has_significant_drop]
#[doc(alias = "asyncio.Semaphore.release")]
#[doc(alias = "asyncio.BoundedSemaphore.release")]
pub struct Permit<'a> {
    permits: &'a Permits,
    count: u32,
}

impl<'a> Permit<'a> {
    pub(super) fn try_new(permits: &'a Permits, count: u32, at: &'static Location<'static>) -> Option<Self> {
        permits.try_take(count, at).then(|| Self { permits, count })
    }

    /// How many there are in it.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Does not give them back: the semaphore has that many less, until some are added.
    pub fn forget(mut self) {
        self.permits.forget(std::mem::take(&mut self.count) as usize);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.permits.give(self.count as usize);
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish_non_exhaustive()
    }
}

/// As [`Permit`], of a semaphore in an [`Rc`], which it keeps: for going into another task.
#[must_use = "a permit that is dropped at once permits nothing"]
#[clippy::has_significant_drop]
pub struct OwnedPermit {
    of: Rc<dyn HasPermits>,
    count: u32,
}

impl OwnedPermit {
    pub(super) fn try_new(
        of: Rc<dyn HasPermits>,
        count: u32,
        at: &'static Location<'static>,
    ) -> Option<Self> {
        of.permits().try_take(count, at).then(|| Self { of, count })
    }

    /// How many there are in it.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Does not give them back: the semaphore has that many less, until some are added.
    pub fn forget(mut self) {
        self.of.permits().forget(std::mem::take(&mut self.count) as usize);
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if self.count > 0 {
            self.of.permits().give(self.count as usize);
        }
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("count", &self.count).finish_non_exhaustive()
    }
}
