//! Futures that go on when whoever awaits them does not.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::builder::Builder;
use super::handle::{JoinError, Task, TaskId};

/// Runs a future as a task of its own, which goes on when the future that this gives is dropped: by a time limit, by a
/// `select!`, or because the task that awaits it is cancelled.
///
/// The task begins with this call. In Rust a task is shielded by being one, so this is [`spawn`](crate::spawn) under a name
/// that says why; what it gives is no handle, so that nobody cancels by mistake what was to be kept. To shield a task that is
/// there already, await `&mut task`. A loop that ends waits for nobody.
///
/// If it panics and nobody awaits it any more, that is reported through
/// [`on_unhandled`](crate::runner::Builder::on_unhandled); for errors see [`shield_fallible`].
///
/// # Errors
///
/// [`JoinError`] when the task panicked, or its loop ended.
///
/// # Cancel safety
///
/// Dropping it leaves the task running; its result is lost.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// use loopscope::{sleep, task::shield, timeout};
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// loopscope::run(async {
///     let saved = Rc::new(Cell::new(false));
///     let write = Rc::clone(&saved);
///     let save = shield(async move {
///         sleep(Duration::from_millis(5)).await;
///         write.set(true);
///     });
///     assert!(timeout(Duration::from_millis(1), save).await.is_err());
///     sleep(Duration::from_millis(20)).await;
///     assert!(saved.get());
/// });
/// ```
#[doc(alias = "asyncio.shield")]
#[track_caller]
pub fn shield<F>(future: F) -> Shield<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Shield { task: Builder::new().at(Location::caller()).spawn(future) }
}

/// [`shield`]s a future whose `Err` must not be lost: when nobody awaits it any more, that is reported too.
///
/// # Errors
///
/// [`JoinError`] when the task panicked, or its loop ended.
///
/// # Cancel safety
///
/// Dropping it leaves the task running; its result is lost, unless it is an error.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.shield")]
#[track_caller]
pub fn shield_fallible<F, T, E>(future: F) -> Shield<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: fmt::Debug + 'static,
{
    Shield { task: Builder::new().at(Location::caller()).spawn_fallible(future) }
}

/// The future of [`shield`].
#[must_use = "await it; to let it run by itself, spawn it and say .detach()"]
pub struct Shield<T> {
    task: Task<T>,
}

impl<T> Shield<T> {
    /// The number of the task.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// Whether the task is over.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shield").field(&self.task).finish()
    }
}
