//! Waiting for a change of what a lock protects.
//!
//! ```text
//!   LOCKED ──first poll: stands in line, lets the lock go──► WAITING ──notified──► LOCKING ──has the lock──► DONE
//!     │ dropped: lets the lock go        dropped: leaves the line │        │ dropped: does not hold the lock,
//!                                        (notified: passes it on) │        │ passes the notification on
//! ```
//!
//! # Invariants
//!
//! Standing in line and letting the lock go are one step, so that nobody who changes the value under the lock and notifies can
//! come in between. A notification is used up only by a future that gets the lock.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::line::{Line, Waiting};
use super::mutex::{Lock, Mutex, MutexGuard};
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// Lets tasks of one loop wait for a change of what a [`Mutex`] protects.
///
/// Who waits gives its guard, and gets one when somebody notified it and it was its turn to lock. Notifications go to those who
/// wait, in the order of coming, and are not kept for those who come later. A wait may end without the change it is for: look at
/// the value again, or leave that to [`wait_for`](Self::wait_for).
///
/// In asyncio a condition has a lock inside, and refuses to wait or to notify unless that is locked. Here waiting takes the guard,
/// so that it cannot be forgotten. Notifying needs none: the value can only be changed by who has the guard, and a waiter stands
/// in line before it lets the lock go, so it either saw the change or gets the notification, whether that comes before the guard is
/// dropped or after. Several conditions can go with one lock.
///
/// # Examples
///
/// ```
/// use loopscope::sync::{Condition, Mutex};
/// use std::rc::Rc;
///
/// loopscope::run(async {
///     let shared = Rc::new((Mutex::new(Vec::new()), Condition::new().named("not empty")));
///     let inside = Rc::clone(&shared);
///     let consumer = loopscope::spawn(async move {
///         let (items, not_empty) = &*inside;
///         let guard = items.lock().await;
///         let mut items = not_empty.wait_for(guard, |items| !items.is_empty()).await;
///         items.pop()
///     });
///     let (items, not_empty) = &*shared;
///     items.lock().await.push(42);
///     not_empty.notify_one();
///     assert_eq!(consumer.await.unwrap(), Some(42));
/// });
/// ```
#[doc(alias = "asyncio.Condition")]
pub struct Condition {
    line: Line,
    queue: WaitQueue,
}

impl Condition {
    /// A condition that nobody waits for.
    #[track_caller]
    pub const fn new() -> Self {
        Self { line: Line::new(ResourceKind::Condition, Location::caller(), 0), queue: WaitQueue::new() }
    }

    /// What the condition is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.line.set_name(name);
        self
    }

    /// Lets the lock go, waits to be notified, and locks again.
    ///
    /// The lock is let go at the first poll, not before. It may end without having been notified, when one that had been was
    /// dropped.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped does not lock again, as locking may have to wait: the guard is gone, and whoever dropped the future
    /// has to lock anew to look at the value. (asyncio locks again even then.) If it had been notified, the next one is instead.
    ///
    /// # Panics
    ///
    /// The future panics outside of a loop, on another loop than those who wait already, and when polled after it was done.
    #[doc(alias = "asyncio.Condition.wait")]
    #[track_caller]
    pub fn wait<'c, 'm, T: ?Sized>(&'c self, guard: MutexGuard<'m, T>) -> WaitCondition<'c, 'm, T> {
        let mutex = MutexGuard::mutex(&guard);
        WaitCondition {
            condition: self,
            mutex,
            state: State::Locked(guard),
            wait: Wait::new(),
            made_at: Location::caller(),
        }
    }

    /// Waits until `predicate` is true of the value; at once if it is.
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait): a future that is dropped lets the lock go, and passes on a notification that it did not use.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait), unless the predicate is true at once; and when the predicate does.
    #[doc(alias = "asyncio.Condition.wait_for")]
    #[track_caller]
    pub fn wait_for<'c, 'm, T, F>(
        &'c self,
        guard: MutexGuard<'m, T>,
        predicate: F,
    ) -> WaitConditionFor<'c, 'm, T, F>
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        WaitConditionFor { wait: self.wait(guard), predicate }
    }

    /// Wakes the first one who waits.
    #[doc(alias = "asyncio.Condition.notify")]
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes the first `count` of those who wait.
    #[doc(alias = "asyncio.Condition.notify")]
    pub fn notify(&self, count: usize) {
        self.line.notify(&self.queue, count);
    }

    /// Wakes everybody who waits.
    #[doc(alias = "asyncio.Condition.notify_all")]
    pub fn notify_all(&self) {
        self.line.notify(&self.queue, usize::MAX);
    }
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut condition = f.debug_struct("Condition");
        if let Some(name) = self.line.name() {
            condition.field("name", &name);
        }
        condition.field("waiters", &self.line.waiting()).finish_non_exhaustive()
    }
}

/// How far a wait has come.
enum State<'m, T: ?Sized> {
    /// The guard it was given.
    Locked(MutexGuard<'m, T>),
    /// It stands in the condition's line, or was notified there.
    Waiting,
    /// It was notified, and stands in the lock's line.
    Locking(Lock<'m, T>),
    Done,
}

/// The future of [`Condition::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitCondition<'c, 'm, T: ?Sized> {
    condition: &'c Condition,
    mutex: &'m Mutex<T>,
    state: State<'m, T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T: ?Sized> WaitCondition<'_, '_, T> {
    /// Stands in line, or goes on standing there.
    #[track_caller]
    fn stand(&mut self, cx: &Context<'_>, at: &'static Location<'static>) {
        let waiting = Waiting { kind: WaitKind::Condition, renewed: false, at, made_at: self.made_at };
        let condition = self.condition;
        condition.line.wait("waiting for a condition", &condition.queue, &mut self.wait, cx, &waiting);
    }
}

impl<'m, T: ?Sized> Future for WaitCondition<'_, 'm, T> {
    type Output = MutexGuard<'m, T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'m, T>> {
        let at = Location::caller();
        let this = &mut *self;
        match &mut this.state {
            State::Locked(_) => {
                this.stand(cx, at);
                this.state = State::Waiting; // the guard is dropped
                return Poll::Pending;
            }
            State::Waiting => {
                // An entry that is gone went with its loop, and a notification perhaps with it.
                if this.wait.entry().is_some() && !this.wait.is_notified() {
                    this.stand(cx, at);
                    return Poll::Pending;
                }
                this.condition.line.leave(&this.condition.queue, &mut this.wait);
                this.state = State::Locking(this.mutex.lock_made_at(this.made_at));
            }
            State::Locking(_) => {}
            State::Done => panic!("a wait for a condition was polled after it was done"),
        }
        let State::Locking(lock) = &mut this.state else { return Poll::Pending };
        let polled = Pin::new(lock).poll(cx);
        if polled.is_ready() {
            this.state = State::Done;
        }
        polled
    }
}

impl<T: ?Sized> Drop for WaitCondition<'_, '_, T> {
    fn drop(&mut self) {
        let notified = self.condition.line.leave(&self.condition.queue, &mut self.wait);
        let locking = matches!(self.state, State::Locking(_));
        self.state = State::Done; // a lock that was handed over passes on first
        if notified || locking {
            self.condition.notify_one();
        }
    }
}

impl<T: ?Sized> fmt::Debug for WaitCondition<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Locked(_) => "locked",
            State::Waiting => "waiting",
            State::Locking(_) => "locking",
            State::Done => "done",
        };
        f.debug_struct("WaitCondition").field("state", &state).finish_non_exhaustive()
    }
}

/// The future of [`Condition::wait_for`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitConditionFor<'c, 'm, T: ?Sized, F> {
    wait: WaitCondition<'c, 'm, T>,
    predicate: F,
}

impl<T: ?Sized, F> Unpin for WaitConditionFor<'_, '_, T, F> {}

impl<'m, T: ?Sized, F: FnMut(&mut T) -> bool> Future for WaitConditionFor<'_, 'm, T, F> {
    type Output = MutexGuard<'m, T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'m, T>> {
        let this = &mut *self;
        loop {
            if let State::Locked(guard) = &mut this.wait.state
                && (this.predicate)(&mut **guard)
                && let State::Locked(guard) = std::mem::replace(&mut this.wait.state, State::Done)
            {
                return Poll::Ready(guard);
            }
            match Pin::new(&mut this.wait).poll(cx) {
                // It looks again, and stands in line again if that was not it.
                Poll::Ready(guard) => this.wait.state = State::Locked(guard),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<T: ?Sized, F> fmt::Debug for WaitConditionFor<'_, '_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitConditionFor").field(&self.wait).finish()
    }
}
