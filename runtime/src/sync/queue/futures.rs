//! Putting, getting and joining: the futures of a queue.
//!
//! Each owns at most one wait entry. What was kept for one that is dropped after it was notified goes to the next in line.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::storage::{Fifo, Storage};
use super::{Closed, PutError, QueueOf, may_go_on};
use crate::event_loop::wait::Wait;
use crate::sync::line::Waiting;
use crate::telemetry::view::WaitKind;

/// The future of [`QueueOf::put`].
#[must_use = "futures do nothing unless awaited"]
pub struct Put<'a, T, S: Storage<T> = Fifo<T>> {
    pub(super) queue: &'a QueueOf<T, S>,
    pub(super) item: Option<T>,
    pub(super) wait: Wait,
    pub(super) made_at: &'static Location<'static>,
}

impl<T, S: Storage<T>> Unpin for Put<'_, T, S> {}

impl<T, S: Storage<T>> Future for Put<'_, T, S> {
    type Output = Result<(), PutError<T>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let queue = this.queue;
        let notified = this.wait.is_notified();
        if notified {
            queue.line.leave(&queue.putters, &mut this.wait);
            queue.reserved_slots.set(queue.reserved_slots.get().saturating_sub(1));
        } else if this.wait.entry().is_none() {
            queue.forget_stale();
        }
        if !queue.closed.get() && !notified {
            if this.wait.entry().is_some() || !queue.has_free_slot() {
                let waiting = Waiting { kind: WaitKind::Put, renewed: false, at, made_at: this.made_at };
                queue.wait(&queue.putters, &mut this.wait, cx, &waiting);
                return Poll::Pending;
            }
            if !may_go_on(cx) {
                return Poll::Pending;
            }
        }
        let Some(item) = this.item.take() else { panic!("a put was polled after it was done") };
        if queue.closed.get() {
            return Poll::Ready(Err(PutError::new(item)));
        }
        queue.push(item);
        Poll::Ready(Ok(()))
    }
}

impl<T, S: Storage<T>> Drop for Put<'_, T, S> {
    fn drop(&mut self) {
        self.queue.give_up(&self.queue.putters, &self.queue.reserved_slots, &mut self.wait);
    }
}

impl<T, S: Storage<T>> fmt::Debug for Put<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The future of [`QueueOf::get`].
#[must_use = "futures do nothing unless awaited"]
pub struct Get<'a, T, S: Storage<T> = Fifo<T>> {
    pub(super) queue: &'a QueueOf<T, S>,
    pub(super) wait: Wait,
    pub(super) made_at: &'static Location<'static>,
}

impl<T, S: Storage<T>> Future for Get<'_, T, S> {
    type Output = Result<T, Closed>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let queue = this.queue;
        if this.wait.is_notified() {
            queue.line.leave(&queue.getters, &mut this.wait);
            queue.reserved_items.set(queue.reserved_items.get().saturating_sub(1));
            return Poll::Ready(queue.pop().ok_or(Closed::new()));
        }
        if this.wait.entry().is_none() {
            queue.forget_stale();
            if queue.has_free_item() {
                if !may_go_on(cx) {
                    return Poll::Pending;
                }
                return Poll::Ready(queue.pop().ok_or(Closed::new()));
            }
            if queue.closed.get() {
                return Poll::Ready(Err(Closed::new()));
            }
        }
        let waiting = Waiting { kind: WaitKind::Get, renewed: false, at, made_at: this.made_at };
        queue.wait(&queue.getters, &mut this.wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T, S: Storage<T>> Drop for Get<'_, T, S> {
    fn drop(&mut self) {
        self.queue.give_up(&self.queue.getters, &self.queue.reserved_items, &mut self.wait);
    }
}

impl<T, S: Storage<T>> fmt::Debug for Get<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The future of [`QueueOf::join`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join<'a, T, S: Storage<T> = Fifo<T>> {
    pub(super) queue: &'a QueueOf<T, S>,
    pub(super) wait: Wait,
    pub(super) made_at: &'static Location<'static>,
}

impl<T, S: Storage<T>> Future for Join<'_, T, S> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let this = &mut *self;
        let queue = this.queue;
        if queue.unfinished.get() == 0 || this.wait.is_notified() {
            queue.line.leave(&queue.joiners, &mut this.wait);
            return Poll::Ready(());
        }
        let waiting = Waiting { kind: WaitKind::Event, renewed: false, at, made_at: this.made_at };
        queue.wait(&queue.joiners, &mut this.wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T, S: Storage<T>> Drop for Join<'_, T, S> {
    fn drop(&mut self) {
        self.queue.line.leave(&self.queue.joiners, &mut self.wait);
    }
}

impl<T, S: Storage<T>> fmt::Debug for Join<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("wait", &self.wait).finish_non_exhaustive()
    }
}
