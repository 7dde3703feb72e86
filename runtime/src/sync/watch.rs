//! The latest value of something, and waiting for it to change.
//!
//! ```text
//!   version 0 ──send──► version 1 ──send──► version 2 …      whoever has seen less is woken, and sees the latest only
//! ```
//!
//! # Invariants
//!
//! The version grows with every change and never otherwise. A receiver waits only while it has seen the version there is.

use std::cell::{Cell, Ref, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::line::{Line, Waiting};
use super::queue::may_go_on;
pub use super::queue::{Closed, PutError};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A sender and a receiver of the latest value; clones of both share it.
///
/// For what is true now rather than what happens: a configuration, a state, a progress. Values that nobody looked at in time are
/// overwritten; who must see each takes a [`broadcast`](super::broadcast).
///
/// # Examples
///
/// ```
/// use loopscope::sync::watch;
///
/// loopscope::run(async {
///     let (level, mut seen) = watch::channel(1);
///     let task = loopscope::spawn(async move {
///         seen.changed().await.unwrap();
///         *seen.borrow()
///     });
///     level.send(2).unwrap();
///     level.send(3).unwrap();
///     assert_eq!(task.await.unwrap(), 3);
/// });
/// ```
#[track_caller]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    make(value, None, Location::caller())
}

/// A [`channel`] with a name, under which it is shown; 128 bytes of it are kept.
#[track_caller]
pub fn named<T>(name: &str, value: T) -> (Sender<T>, Receiver<T>) {
    make(value, Some(name), Location::caller())
}

fn make<T>(value: T, name: Option<&str>, made_at: &'static Location<'static>) -> (Sender<T>, Receiver<T>) {
    let made_by = current::get().map_or(0, Loop::running_id);
    let mut line = Line::new(ResourceKind::Channel, made_at, made_by);
    if let Some(name) = name {
        line.set_name(name);
    }
    let shared = Rc::new(Shared {
        line,
        value: RefCell::new(value),
        version: Cell::new(0),
        senders: Cell::new(1),
        receivers: Cell::new(1),
        waiting: WaitQueue::new(),
        waiting_for_end: WaitQueue::new(),
    });
    (Sender { shared: Rc::clone(&shared) }, Receiver { shared, seen: 0 })
}

struct Shared<T> {
    line: Line,
    value: RefCell<T>,
    version: Cell<u64>,
    senders: Cell<usize>,
    receivers: Cell<usize>,
    /// Receivers.
    waiting: WaitQueue,
    /// Senders that wait for the last receiver to go.
    waiting_for_end: WaitQueue,
}

impl<T> Shared<T> {
    /// Changes the value, and tells everybody if `change` says that it did.
    #[track_caller]
    fn change<R>(&self, change: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let Ok(mut value) = self.value.try_borrow_mut() else {
            panic!(
                "the value of a {} was changed while somebody borrows it: a borrow must end before the next .await",
                self.line.describe("watch channel")
            )
        };
        let (result, changed) = change(&mut value);
        drop(value);
        if changed {
            self.version.set(self.version.get() + 1);
            self.line.notify(&self.waiting, usize::MAX);
        }
        result
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut watch = f.debug_struct("Watch");
        if let Some(name) = self.line.name() {
            watch.field("name", &name);
        }
        if let Ok(value) = self.value.try_borrow() {
            watch.field("value", &*value);
        }
        watch
            .field("version", &self.version.get())
            .field("senders", &self.senders.get())
            .field("receivers", &self.receivers.get())
            .finish_non_exhaustive()
    }
}

/// Changes the value. A clone is another sender.
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sets the value, if anybody can see it.
    ///
    /// # Errors
    ///
    /// [`PutError`] with the value when all receivers are gone; [`replace`](Self::replace) sets it even then.
    ///
    /// # Panics
    ///
    /// While somebody borrows the value.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), PutError<T>> {
        if self.is_closed() {
            return Err(PutError::new(value));
        }
        drop(self.replace(value));
        Ok(())
    }

    /// Sets the value and gives the former one.
    ///
    /// # Panics
    ///
    /// While somebody borrows the value.
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        self.shared.change(|old| (std::mem::replace(old, value), true))
    }

    /// Changes the value in place.
    ///
    /// # Panics
    ///
    /// While somebody borrows the value, and with what `change` panics with; then nobody is told.
    #[track_caller]
    pub fn modify(&self, change: impl FnOnce(&mut T)) {
        self.shared.change(|value| (change(value), true));
    }

    /// Changes the value in place; nobody is told unless `change` says that it did. Returns what it said.
    ///
    /// # Panics
    ///
    /// As [`modify`](Self::modify).
    #[track_caller]
    pub fn modify_if(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        self.shared.change(|value| {
            let changed = change(value);
            (changed, changed)
        })
    }

    /// The value now. The borrow must end before the next `.await`.
    ///
    /// # Panics
    ///
    /// While the value is being changed.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.value.borrow()
    }

    /// Another receiver, which has seen the value there is.
    pub fn subscribe(&self) -> Receiver<T> {
        let shared = Rc::clone(&self.shared);
        shared.receivers.set(shared.receivers.get() + 1);
        let seen = shared.version.get();
        Receiver { shared, seen }
    }

    /// How many receivers there are.
    pub fn receivers(&self) -> usize {
        self.shared.receivers.get()
    }

    /// Whether all receivers are gone. [`subscribe`](Self::subscribe) makes one again.
    pub fn is_closed(&self) -> bool {
        self.receivers() == 0
    }

    /// Waits until all receivers are gone, to stop finding out what nobody wants to know any more.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[track_caller]
    pub fn closed(&self) -> WaitClosed<'_, T> {
        WaitClosed { shared: &self.shared, wait: Wait::new(), made_at: Location::caller() }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Self { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let left = self.shared.senders.get() - 1;
        self.shared.senders.set(left);
        if left == 0 {
            self.shared.line.notify(&self.shared.waiting, usize::MAX);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.shared).finish()
    }
}

/// The future of [`Sender::closed`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitClosed<'a, T> {
    shared: &'a Shared<T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T> Future for WaitClosed<'_, T> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let shared = self.shared;
        if shared.receivers.get() == 0 {
            shared.line.leave(&shared.waiting_for_end, &mut self.wait);
            return Poll::Ready(());
        }
        if self.wait.is_notified() {
            // Somebody subscribed since.
            shared.line.leave(&shared.waiting_for_end, &mut self.wait);
        }
        let waiting = Waiting { kind: WaitKind::Event, renewed: false, at, made_at: self.made_at };
        let queue = &shared.waiting_for_end;
        shared.line.wait("waiting for receivers to go", queue, &mut self.wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T> Drop for WaitClosed<'_, T> {
    fn drop(&mut self) {
        self.shared.line.leave(&self.shared.waiting_for_end, &mut self.wait);
    }
}

impl<T> fmt::Debug for WaitClosed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitClosed").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// Sees the value, and waits for it to change. A clone has seen what this one has.
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
    /// The latest version it has seen.
    seen: u64,
}

impl<T> Receiver<T> {
    /// The value now, which goes on counting as not seen if it was not. The borrow must end before the next `.await`.
    ///
    /// # Panics
    ///
    /// While the value is being changed.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.value.borrow()
    }

    /// The value now, which has been seen with this. The borrow must end before the next `.await`.
    ///
    /// # Panics
    ///
    /// While the value is being changed.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.seen = self.shared.version.get();
        self.shared.value.borrow()
    }

    /// Whether there is a value that it has not seen.
    pub fn has_changed(&self) -> bool {
        self.seen != self.shared.version.get()
    }

    /// Whether all senders are gone, so that the value stays what it is.
    pub fn is_closed(&self) -> bool {
        self.shared.senders.get() == 0
    }

    /// Waits until there is a value that it has not seen, which has been seen with this; at once if there is.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has seen nothing.
    ///
    /// # Errors
    ///
    /// [`Closed`] when all senders are gone and the last value has been seen.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[track_caller]
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed { receiver: self, wait: Wait::new(), made_at: Location::caller() }
    }

    /// Waits until `predicate` is true of the value, and gives it; at once if it is. The borrow must end before the next `.await`.
    ///
    /// # Cancel safety
    ///
    /// Values of which the predicate was false have been seen; the one that comes next has not.
    ///
    /// # Errors
    ///
    /// [`Closed`] when all senders are gone and the predicate is false of the last value.
    ///
    /// # Panics
    ///
    /// As [`changed`](Self::changed), and when the predicate does.
    #[track_caller]
    pub fn wait_for<F: FnMut(&T) -> bool>(&mut self, predicate: F) -> WaitFor<'_, T, F> {
        let made_at = Location::caller();
        WaitFor { receiver: Some(self), wait: Wait::new(), made_at, predicate, looked: false }
    }

    fn poll_changed(
        &mut self,
        wait: &mut Wait,
        cx: &Context<'_>,
        at: &'static Location<'static>,
        made_at: &'static Location<'static>,
    ) -> Poll<Result<(), Closed>> {
        let shared = &*self.shared;
        let changed = self.has_changed();
        if changed || self.is_closed() {
            if !may_go_on(cx) {
                return Poll::Pending;
            }
            shared.line.leave(&shared.waiting, wait);
            self.seen = shared.version.get();
            return Poll::Ready(if changed { Ok(()) } else { Err(Closed::new()) });
        }
        let waiting = Waiting { kind: WaitKind::Recv, renewed: false, at, made_at };
        shared.line.wait("waiting for a change", &shared.waiting, wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.receivers.set(self.shared.receivers.get() + 1);
        Self { shared: Rc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = self.shared.receivers.get() - 1;
        self.shared.receivers.set(left);
        if left == 0 {
            self.shared.line.notify(&self.shared.waiting_for_end, usize::MAX);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("watch", &self.shared).field("seen", &self.seen).finish()
    }
}

/// The future of [`Receiver::changed`].
#[must_use = "futures do nothing unless awaited"]
pub struct Changed<'a, T> {
    receiver: &'a mut Receiver<T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), Closed>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.receiver.poll_changed(&mut this.wait, cx, Location::caller(), this.made_at)
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        let shared = &*self.receiver.shared;
        shared.line.leave(&shared.waiting, &mut self.wait);
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The future of [`Receiver::wait_for`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitFor<'a, T, F> {
    /// `None` when it is done.
    receiver: Option<&'a mut Receiver<T>>,
    wait: Wait,
    made_at: &'static Location<'static>,
    predicate: F,
    /// It has looked at the value there was when it began.
    looked: bool,
}

impl<T, F> Unpin for WaitFor<'_, T, F> {}

impl<'a, T, F: FnMut(&T) -> bool> Future for WaitFor<'a, T, F> {
    type Output = Result<Ref<'a, T>, Closed>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        loop {
            let Some(receiver) = this.receiver.as_mut() else {
                panic!("a wait was polled after it was done")
            };
            if this.looked {
                match receiver.poll_changed(&mut this.wait, cx, at, this.made_at) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(closed)) => return Poll::Ready(Err(closed)),
                    Poll::Pending => return Poll::Pending,
                }
            } else if !may_go_on(cx) {
                return Poll::Pending;
            }
            this.looked = true;
            if (this.predicate)(&receiver.borrow_and_update())
                && let Some(receiver) = this.receiver.take()
            {
                return Poll::Ready(Ok(receiver.shared.value.borrow()));
            }
        }
    }
}

impl<T, F> Drop for WaitFor<'_, T, F> {
    fn drop(&mut self) {
        if let Some(receiver) = &self.receiver {
            receiver.shared.line.leave(&receiver.shared.waiting, &mut self.wait);
        }
    }
}

impl<T, F> fmt::Debug for WaitFor<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor").field("wait", &self.wait).finish_non_exhaustive()
    }
}
