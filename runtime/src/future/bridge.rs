//! From any future to a shared one, and between a promise of a loop and other threads.
//!
//! ```text
//!   any future ──task──► Shared
//!   another thread: RemotePromise ──oneshot──► task ──► Promised
//!   Promised ──► task ──oneshot──► another thread: oneshot::Receiver, blocking or not
//! ```
//!
//! The task in the middle is cancelled when nobody wants the value, and whoever would bring it learns of that.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::Poll;

use super::error::Unfulfilled;
use super::promise::{Promise, make};
use super::promised::Promised;
use super::shared::Shared;
use crate::sync::remote::oneshot;
use crate::task::Builder;
use crate::task::cell::Opaque;

/// This file, whose tasks await for others: none of its lines is one where somebody waits.
pub(crate) const FILE: &str = file!();

/// Spawns a task for a future, so that any number of clones can await its output.
///
/// When the last clone is dropped the task is cancelled. If it panics, that is reported as of any task, and who awaits it gets
/// [`Unfulfilled::Cancelled`].
///
/// # Cancel safety
///
/// A clone that is dropped takes nothing from the others.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.ensure_future")]
#[track_caller]
pub fn shared<F>(future: F) -> Shared<F::Output, Infallible>
where
    F: Future<Output: 'static> + 'static,
{
    supply(None, Location::caller(), |promise| async move {
        let value = future.await;
        drop(promise.set(value));
    })
    .shared()
}

/// As [`shared`], for a future that may fail. An error that nobody asked for is reported.
///
/// # Cancel safety
///
/// As of [`shared`].
///
/// # Errors
///
/// Every clone gets [`Unfulfilled::Failed`] with the future's error.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.ensure_future")]
#[track_caller]
pub fn try_shared<F, T, E>(future: F) -> Shared<T, E>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: fmt::Debug + 'static,
{
    supply(None, Location::caller(), |promise| async move {
        match future.await {
            Ok(value) => drop(promise.set(value)),
            Err(error) => drop(promise.fail(error)),
        }
    })
    .shared()
}

/// A promise that is kept by a task, which goes when nobody wants the value.
fn supply<T, E, F>(
    name: Option<&str>,
    place: &'static Location<'static>,
    make_task: impl FnOnce(Promise<T, E>) -> F,
) -> Promised<T, E>
where
    T: 'static,
    E: 'static,
    F: Future<Output = ()> + 'static,
{
    let (promise, promised) = make(name, place);
    let state = promise.state();
    let task = Builder::new().spawn_described::<F, Opaque>(make_task(promise), place);
    state.supplied_by(task);
    promised
}

impl<T: Send + 'static, E: fmt::Debug + Send + 'static> Promise<T, E> {
    /// Makes it one that another thread fulfils. A task of this loop waits for that.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.wrap_future")]
    #[track_caller]
    pub fn remote(self) -> RemotePromise<T, E> {
        let (sender, receiver) = match self.name() {
            Some(name) => oneshot::named(name),
            None => oneshot::channel(),
        };
        let state = self.state();
        let bring = async move {
            match receiver.await {
                Ok(Ok(value)) => drop(self.set(value)),
                Ok(Err(error)) => drop(self.fail(error)),
                Err(_) => drop(self),
            }
        };
        let place = Location::caller();
        state.supplied_by(Builder::new().spawn_described::<_, Opaque>(bring, place));
        RemotePromise { sender }
    }
}

/// A promise that may be fulfilled on any thread. Dropping it cancels.
#[must_use = "a promise that is dropped is cancelled"]
pub struct RemotePromise<T, E> {
    sender: oneshot::Sender<Result<T, E>>,
}

impl<T, E> RemotePromise<T, E> {
    /// Fulfils it.
    ///
    /// # Errors
    ///
    /// The value, when it was cancelled: nobody wants it.
    #[doc(alias = "concurrent.futures.Future.set_result")]
    pub fn set(self, value: T) -> Result<(), T> {
        self.sender.send(Ok(value)).or_else(|back| back.map_or(Ok(()), Err))
    }

    /// Says that there will be no value, and why.
    ///
    /// # Errors
    ///
    /// The error, when it was cancelled: nobody wants it.
    #[doc(alias = "concurrent.futures.Future.set_exception")]
    pub fn fail(self, error: E) -> Result<(), E> {
        self.sender.send(Err(error)).or_else(|back| back.err().map_or(Ok(()), Err))
    }

    /// Whether it was cancelled, so that nobody wants the value any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits, on any loop or executor, until it is cancelled.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    #[track_caller]
    pub fn closed(&mut self) -> oneshot::WaitClosed<'_, Result<T, E>> {
        self.sender.closed()
    }
}

impl<T, E> fmt::Debug for RemotePromise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemotePromise").field(&self.sender).finish()
    }
}

impl<T: Send + 'static, E: Send + 'static> Promised<T, E> {
    /// Hands the result to another thread, which may await it or block for it. A task of this loop sees to that; if the
    /// receiver is dropped the promise is cancelled.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn into_remote(self) -> oneshot::Receiver<Result<T, Unfulfilled<E>>> {
        let (mut sender, receiver) = match self.name() {
            Some(name) => oneshot::named(name),
            None => oneshot::channel(),
        };
        let hand_over = async move {
            let mut promised = self;
            let result = {
                let mut closed = pin!(sender.closed());
                poll_fn(|cx| match Pin::new(&mut promised).poll(cx) {
                    Poll::Ready(result) => Poll::Ready(Some(result)),
                    Poll::Pending => closed.as_mut().poll(cx).map(|()| None),
                })
                .await
            };
            if let Some(result) = result {
                drop(sender.send(result));
            }
        };
        Builder::new().spawn_described::<_, Opaque>(hand_over, Location::caller()).detach();
        receiver
    }
}
