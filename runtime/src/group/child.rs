//! A task of a group: what it may return, and its handle.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::core::GroupCore;
use super::error::ChildError;
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::task::cell::Opaque;
use crate::task::task_ref::TaskRef;
use crate::task::{Builder, Cancel, CancelGracefully, Ending, JoinError, Task, TaskId};

/// What a task of a group, or the body of its scope, may return: `()`, nothing at all (`!`), or a `Result` of anything and an
/// error that can be boxed, which includes `String`. A boxed error has to be `Box<dyn Error + Send + Sync>`: a plain
/// `Box<dyn Error>` is none of these, and the compiler complains of `Send` then.
pub trait Outcome: sealed::Sealed + 'static {
    /// What is left when it did not fail.
    type Value: 'static;

    /// The value, or the error that ends the group.
    ///
    /// # Errors
    ///
    /// The error of a `Result`, boxed.
    fn into_result(self) -> Result<Self::Value, Box<dyn Error + Send + Sync>>;
}

impl Outcome for () {
    type Value = ();

    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

impl<T: 'static, E: Into<Box<dyn Error + Send + Sync>> + 'static> Outcome for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, Box<dyn Error + Send + Sync>> {
        self.map_err(Into::into)
    }
}

impl Outcome for sealed::Never {
    type Value = Self;

    fn into_result(self) -> Result<Self, Box<dyn Error + Send + Sync>> {
        self
    }
}

mod sealed {
    /// Keeps the set of outcomes ours.
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}
    impl Sealed for Never {}

    /// Names `!`, what a task that loops for ever returns, which cannot be written here yet.
    pub trait Returns {
        /// What the function returns.
        type Output;
    }
    impl<R> Returns for fn() -> R {
        type Output = R;
    }
    pub(in crate::group) type Never = <fn() -> ! as Returns>::Output;
}

/// Spawns a child into a group.
#[track_caller]
pub(crate) fn spawn<F>(
    core: &Rc<GroupCore>,
    builder: Builder<'_>,
    future: F,
    place: &'static Location<'static>,
) -> Child<<F::Output as Outcome>::Value>
where
    F: Future + 'static,
    F::Output: Outcome,
{
    core.expect_loop("spawning into a task group");
    let refused = core.refuses();
    let future = Reporting { future, core: Rc::clone(core) };
    // One that is refused is not polled, eager or not.
    let builder = if refused { builder.not_eager() } else { builder };
    let task = builder.group(core).spawn_described::<_, Opaque>(future, place);
    if refused {
        task.request_cancel();
    }
    Child { task }
}

pin_project! {
    /// Gives the error of a child to its group.
    struct Reporting<F> {
        #[pin]
        future: F,
        core: Rc<GroupCore>,
    }
}

impl<F: Future<Output: Outcome>> Future for Reporting<F> {
    type Output = Option<<F::Output as Outcome>::Value>;

    #[track_caller]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Poll::Ready(outcome) = this.future.poll(cx) else { return Poll::Pending };
        Poll::Ready(match outcome.into_result() {
            Ok(value) => Some(value),
            Err(error) => {
                let task = current::get().and_then(Loop::describe_running);
                this.core.fail(ChildError::failed(task, error));
                None
            }
        })
    }
}

/// The handle of a task in a [`TaskGroup`](super::TaskGroup): a future of its result.
///
/// Dropping it changes nothing: the group owns the task. Awaiting it gives the value, or a [`JoinError`] when the task was
/// cancelled, panicked, or failed; the error itself goes to the group.
pub struct Child<T> {
    task: Task<Option<T>>,
}

impl<T> Child<T> {
    /// The task's number.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    pub(crate) fn task_ref(&self) -> TaskRef {
        self.task.task_ref()
    }

    /// Whether the task is over, one way or another.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends the task; that is no failure of the group. See [`Task::cancel`].
    ///
    /// # Cancel safety
    ///
    /// The task ends even if the returned future is dropped.
    pub fn cancel(self) -> CancelChild<T> {
        CancelChild { cancel: self.task.cancel() }
    }

    /// Asks the task to end, gives it `grace` to do so, and drops its future then; none of that is a failure of the group. See
    /// [`Task::cancel_gracefully`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the task's, without the rest of its grace.
    ///
    /// # Panics
    ///
    /// Outside of a loop; the future, outside of the task's own.
    #[track_caller]
    pub fn cancel_gracefully(self, grace: Duration) -> CancelChildGracefully<T> {
        let id = self.id();
        CancelChildGracefully { ending: self.task.cancel_gracefully(grace), id }
    }

    /// Asks for the end of the task without giving up the handle. Returns whether the task was still alive.
    pub fn request_cancel(&self) -> bool {
        self.task.request_cancel()
    }
}

impl<T> Future for Child<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(joined) = Pin::new(&mut self.task).poll(cx) else { return Poll::Pending };
        let id = self.id();
        Poll::Ready(joined.and_then(|value| value.ok_or_else(|| JoinError::failed(id))))
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Child").field(&self.task).finish()
    }
}

/// Waits until a cancelled child's future is gone. Made by [`Child::cancel`].
#[derive(Debug)]
pub struct CancelChild<T> {
    cancel: Cancel<Option<T>>,
}

impl<T> Future for CancelChild<T> {
    type Output = Option<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.cancel).poll(cx).map(Option::flatten)
    }
}

/// Waits until a child is over that was asked to end, or had to be dropped. Made by [`Child::cancel_gracefully`].
#[derive(Debug)]
#[must_use = "a graceful cancellation that is dropped at once drops the task: await it"]
pub struct CancelChildGracefully<T> {
    ending: CancelGracefully<Option<T>>,
    id: TaskId,
}

impl<T> Future for CancelChildGracefully<T> {
    type Output = Ending<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending<T>> {
        let id = self.id;
        let ending = Pin::new(&mut self.ending).poll(cx);
        ending.map(|ending| ending.map(|value| value.ok_or_else(|| JoinError::failed(id))))
    }
}
