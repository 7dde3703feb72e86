//! Futures that run as tasks side by side, and all of their results in the order of the arguments.
//!
//! ```text
//!   gather ──every one is spawned──► waiting ──all returned Ok──► Ok, in order
//!                                      │ one fails: the others are cancelled ──all gone──► Err, which names the argument
//!                                      └ dropped: those that are not over are cancelled
//! ```

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::builder::Builder;
use super::handle::{JoinError, Task, TaskId};
use super::joins::{Awaited, Joins};
use crate::event_loop::current;

/// Runs futures side by side, each as a task of its own, and gives what they return in the order of the arguments; the first
/// that fails ends the others.
///
/// The tasks begin with this call, not when its future is awaited. When one returns an `Err`, panics, or is cancelled by
/// somebody else, the others are cancelled and waited for until they are gone; then its error is told. So is the rule of
/// [`TaskGroup`](crate::TaskGroup), and the one difference to asyncio's `gather`, which tells the first exception at once and
/// leaves the other tasks running with nobody who looks after them. Of several that fail in that time the first counts: the
/// panics of the others are reported through [`on_unhandled`](crate::runner::Builder::on_unhandled), their errors are dropped.
///
/// Of nothing it is ready at once, with an empty list. To have every outcome whatever becomes of the others, use
/// [`gather_settled`]; for a few futures of different types, without tasks, [`try_join!`](crate::try_join).
///
/// # Errors
///
/// [`GatherError`]: which argument failed, and why.
///
/// # Cancel safety
///
/// Dropping the future cancels the tasks that are not over; their results are lost.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// async fn double(n: u32) -> Result<u32, String> {
///     n.checked_mul(2).ok_or_else(|| format!("{n} is too large"))
/// }
///
/// loopscope::run(async {
///     assert_eq!(loopscope::task::gather([1, 2, 3].map(double)).await.unwrap(), [2, 4, 6]);
///
///     let error = loopscope::task::gather([double(1), double(u32::MAX)]).await.unwrap_err();
///     assert_eq!(error.index(), 1);
///     assert!(error.to_string().ends_with("failed: 4294967295 is too large"));
/// });
/// ```
#[doc(alias = "asyncio.gather")]
#[track_caller]
pub fn gather<I, T, E>(futures: I) -> Gather<T, E>
where
    I: IntoIterator,
    I::Item: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: 'static,
{
    let joins = spawn_all("gathering", futures, Location::caller());
    let results = (0..joins.left()).map(|_| None).collect();
    Gather { joins, results, failure: None }
}

/// Runs futures side by side, each as a task of its own, and gives what became of each in the order of the arguments.
///
/// The tasks begin with this call, not when its future is awaited. Nobody's end ends another. Of nothing it is ready at once,
/// with an empty list.
///
/// # Cancel safety
///
/// Dropping the future cancels the tasks that are not over; their results are lost.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let settled = loopscope::task::gather_settled((0..3).map(|n| async move { 6 / n })).await;
///     assert!(settled[0].as_ref().unwrap_err().is_panic());
///     assert_eq!(settled[1].as_ref().unwrap(), &6);
///     assert_eq!(settled[2].as_ref().unwrap(), &3);
/// });
/// ```
#[doc(alias = "asyncio.gather")]
#[track_caller]
pub fn gather_settled<I>(futures: I) -> GatherSettled<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: 'static,
{
    let joins = spawn_all("gathering", futures, Location::caller());
    let results = (0..joins.left()).map(|_| None).collect();
    GatherSettled { joins, results }
}

#[track_caller]
fn spawn_all<I>(
    what: &str,
    futures: I,
    place: &'static Location<'static>,
) -> Joins<Task<<I::Item as Future>::Output>>
where
    I: IntoIterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: 'static,
{
    current::expect(what);
    let spawn = |future| Builder::new().at(place).spawn(future);
    Joins::new(what, futures.into_iter().map(spawn), place)
}

/// The future of [`gather`].
#[must_use = "a gather that is dropped cancels its tasks: await it"]
pub struct Gather<T, E> {
    joins: Joins<Task<Result<T, E>>>,
    results: Vec<Option<T>>,
    failure: Option<GatherError<E>>,
}

impl<T, E> Unpin for Gather<T, E> {}

impl<T, E> Gather<T, E> {
    fn settle(&mut self, index: usize, mut task: Task<Result<T, E>>) {
        if self.failure.is_some() {
            // Dropped with what it holds: a panic is reported, since nobody else will hear of it.
            return;
        }
        let cause = match task.take() {
            Ok(Ok(value)) => {
                self.results[index] = Some(value);
                return;
            }
            Ok(Err(error)) => Cause::Error(error),
            Err(error) => Cause::Join(error),
        };
        self.failure = Some(GatherError { index, task: task.id(), cause });
        self.joins.cancel();
    }
}

impl<T, E> Future for Gather<T, E> {
    type Output = Result<Vec<T>, GatherError<E>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let awaited = Awaited { at: Location::caller(), renewed: false };
        while let Some((index, task)) = ready!(self.joins.poll_next(cx, awaited)) {
            self.settle(index, task);
        }
        Poll::Ready(match self.failure.take() {
            None => Ok(std::mem::take(&mut self.results).into_iter().flatten().collect()),
            Some(error) => Err(error),
        })
    }
}

impl<T, E> Drop for Gather<T, E> {
    fn drop(&mut self) {
        self.joins.cancel();
    }
}

impl<T, E> fmt::Debug for Gather<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather")
            .field("left", &self.joins.left())
            .field("failed", &self.failure.is_some())
            .finish_non_exhaustive()
    }
}

/// The future of [`gather_settled`].
#[must_use = "a gather that is dropped cancels its tasks: await it"]
pub struct GatherSettled<T> {
    joins: Joins<Task<T>>,
    results: Vec<Option<Result<T, JoinError>>>,
}

impl<T> Unpin for GatherSettled<T> {}

impl<T> Future for GatherSettled<T> {
    type Output = Vec<Result<T, JoinError>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let awaited = Awaited { at: Location::caller(), renewed: false };
        while let Some((index, mut task)) = ready!(self.joins.poll_next(cx, awaited)) {
            self.results[index] = Some(task.take());
        }
        Poll::Ready(std::mem::take(&mut self.results).into_iter().flatten().collect())
    }
}

impl<T> Drop for GatherSettled<T> {
    fn drop(&mut self) {
        self.joins.cancel();
    }
}

impl<T> fmt::Debug for GatherSettled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherSettled").field("left", &self.joins.left()).finish_non_exhaustive()
    }
}

/// Why a [`gather`] came to nothing: the first of its tasks that failed.
#[derive(Debug)]
pub struct GatherError<E> {
    index: usize,
    task: TaskId,
    cause: Cause<E>,
}

#[derive(Debug)]
enum Cause<E> {
    Error(E),
    Join(JoinError),
}

impl<E> GatherError<E> {
    /// Which argument it was, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The task it ran as.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// The error it returned; `None` when it panicked or was cancelled.
    pub fn error(&self) -> Option<&E> {
        match &self.cause {
            Cause::Error(error) => Some(error),
            Cause::Join(_) => None,
        }
    }

    /// Whether it panicked.
    pub fn is_panic(&self) -> bool {
        matches!(&self.cause, Cause::Join(error) if error.is_panic())
    }

    /// Whether somebody else cancelled it.
    pub fn is_cancelled(&self) -> bool {
        matches!(&self.cause, Cause::Join(error) if error.is_cancelled())
    }

    /// The error it returned.
    ///
    /// # Errors
    ///
    /// Why it returned none: it panicked, or was cancelled.
    pub fn into_cause(self) -> Result<E, JoinError> {
        match self.cause {
            Cause::Error(error) => Ok(error),
            Cause::Join(error) => Err(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for GatherError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gathering: argument {}: ", self.index)?;
        match &self.cause {
            Cause::Error(error) => write!(f, "task {} failed: {error}", self.task),
            Cause::Join(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for GatherError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Error(error) => error.source(),
            Cause::Join(error) => error.source(),
        }
    }
}
