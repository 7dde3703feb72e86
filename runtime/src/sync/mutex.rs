#![allow(unsafe_code, reason = "a lock hands out the only reference to its value")]
//! A lock that knows who holds it.
//!
//! ```text
//!   FREE ──lock, try_lock──► HELD ──unlock, nobody waits──► FREE
//!                             │ unlock: handed to the first waiter
//!                             ▼
//!                           HANDED ──its future is polled──► HELD
//!                             │ its future is dropped: handed on
//! ```
//!
//! # Invariants
//!
//! While it is HELD exactly one guard exists; while it is HANDED exactly one notified entry. Nobody waits while it is FREE.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::holder::Holder;
use super::line::{Line, Waiting};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Held,
    Handed,
}

/// A lock for the tasks of one loop, to be held across awaits.
///
/// It is fair: whoever waits is served in the order of coming, and a lock that is let go passes to the first waiter at once, so
/// that nobody overtakes. It knows the task that holds it and the line where that was taken, which an inspector shows to
/// whoever wonders what a task waits for. A task that locks twice waits for itself, for ever.
///
/// A panic while it is held lets it go; there is no poisoning.
///
/// Between awaits a `RefCell` does; this is for what must stay locked *across* them.
///
/// # Examples
///
/// ```
/// use loopscope::sync::Mutex;
/// use std::rc::Rc;
///
/// loopscope::run(async {
///     let log = Rc::new(Mutex::new(Vec::new()).named("log"));
///     let other = Rc::clone(&log);
///     let task = loopscope::spawn(async move {
///         let mut log = other.lock().await;
///         log.push("one");
///         loopscope::yield_now().await; // nobody else gets in
///         log.push("two");
///     });
///     loopscope::yield_now().await;
///     log.lock().await.push("three");
///     task.await.unwrap();
///     assert_eq!(*log.lock().await, ["one", "two", "three"]);
/// });
/// ```
#[doc(alias = "asyncio.Lock")]
pub struct Mutex<T: ?Sized> {
    line: Line,
    queue: WaitQueue,
    state: Cell<State>,
    holder: Holder,
    value: UnsafeCell<T>,
}

impl<T> Mutex<T> {
    /// A free lock.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self {
            line: Line::new(ResourceKind::Lock, Location::caller(), 0),
            queue: WaitQueue::new(),
            state: Cell::new(State::Free),
            holder: Holder::nobody(),
            value: UnsafeCell::new(value),
        }
    }

    /// What the lock is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.line.set_name(name);
        self
    }

    /// The value, when the lock is not needed any more.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting for as long as somebody else holds it.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped gives up its place; if the lock was already handed to it, the next one gets it.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[doc(alias = "asyncio.Lock.acquire")]
    #[doc(alias = "asyncio.Condition.acquire")]
    #[track_caller]
    pub fn lock(&self) -> Lock<'_, T> {
        self.lock_made_at(Location::caller())
    }

    /// Locks, as part of an operation that was made at `made_at`.
    #[inline]
    pub(super) fn lock_made_at(&self, made_at: &'static Location<'static>) -> Lock<'_, T> {
        Lock { mutex: self, wait: Wait::new(), made_at }
    }

    /// Locks if that is possible at once.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.try_take(current::get(), Location::caller()).then(|| MutexGuard { mutex: self })
    }

    /// Whether somebody holds it.
    #[doc(alias = "asyncio.Lock.locked")]
    #[doc(alias = "asyncio.Condition.locked")]
    pub fn is_locked(&self) -> bool {
        !self.is_free()
    }

    /// The value: whoever has the only reference needs no lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// A lock that was handed to a waiter whose loop then ended is free.
    fn is_free(&self) -> bool {
        match self.state.get() {
            State::Free => true,
            State::Held => false,
            State::Handed => self.line.is_stale(),
        }
    }

    #[inline]
    fn try_take(&self, lp: Option<&'static Loop>, at: &'static Location<'static>) -> bool {
        let free = self.is_free();
        if free {
            self.take(lp, at);
        }
        free
    }

    #[inline]
    fn take(&self, lp: Option<&'static Loop>, at: &'static Location<'static>) {
        self.state.set(State::Held);
        self.holder.take(lp, at);
    }

    /// Hands the lock to the first waiter, or sets it free.
    fn unlock(&self) {
        if let Some(lp) = self.line.lp()
            && let Some(first) = self.queue.first(lp)
        {
            self.state.set(State::Handed);
            self.holder.hand(lp, first);
            self.show(lp);
            self.queue.notify_first(lp);
            return;
        }
        self.state.set(State::Free);
        self.holder.clear();
    }

    /// Writes the holder, and where it locked, into the record.
    fn show(&self, lp: &'static Loop) {
        if let Some(record) = self.line.record() {
            self.holder.show(lp, record);
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mutex = f.debug_struct("Mutex");
        if let Some(name) = self.line.name() {
            mutex.field("name", &name);
        }
        mutex.field("locked", &self.is_locked()).field("waiters", &self.line.waiting());
        // Locked meanwhile: formatting the value is foreign code, which may come back here.
        if let Some(value) = self.try_lock() {
            mutex.field("value", &&*value);
        }
        mutex.finish_non_exhaustive()
    }
}

/// The future of [`Mutex::lock`].
#[must_use = "futures do nothing unless awaited"]
pub struct Lock<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        let at = Location::caller();
        let mutex = self.mutex;
        let lp = current::get();
        if self.wait.is_notified() {
            mutex.take(lp, at);
            mutex.line.leave(&mutex.queue, &mut self.wait);
            return Poll::Ready(MutexGuard { mutex });
        }
        if mutex.is_free() {
            if lp.is_some_and(|lp| !lp.spend_budget(cx)) {
                return Poll::Pending;
            }
            mutex.take(lp, at);
            return Poll::Ready(MutexGuard { mutex });
        }
        let waiting = Waiting { kind: WaitKind::Lock, renewed: false, at, made_at: self.made_at };
        mutex.line.wait("waiting for a lock", &mutex.queue, &mut self.wait, cx, &waiting);
        if let Some(lp) = lp {
            mutex.show(lp);
            lp.suspect();
        }
        Poll::Pending
    }
}

impl<T: ?Sized> Drop for Lock<'_, T> {
    fn drop(&mut self) {
        if self.mutex.line.leave(&self.mutex.queue, &mut self.wait) {
            self.mutex.unlock();
        }
    }
}

impl<T: ?Sized> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The right to use what a [`Mutex`] protects, until it is dropped.
///
/// The holder that is shown is the task that locked; a guard that moves to another task goes on being shown as the former's.
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
#[doc(alias = "asyncio.Lock.release")]
#[doc(alias = "asyncio.Condition.release")]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The lock.
    pub(super) fn mutex(guard: &Self) -> &'a Mutex<T> {
        guard.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while a guard exists the lock is HELD, and only one guard exists then.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference through the guard.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.mutex.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
