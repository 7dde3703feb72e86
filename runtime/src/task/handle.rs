#![allow(unsafe_code, reason = "takes outputs out of type-erased tasks")]
//! The handle of a task: awaiting it, cancelling it, letting it go.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use super::cell::{Payload, payload_text};
use super::portrait;
use super::task_ref::TaskRef;
use crate::blocking::CalledOff;
use crate::event_loop::current;
use crate::runner::UnhandledKind;
use crate::telemetry::view::WaitKind;
use crate::telemetry::waiter::Parking;

/// A task's number, never reused in a process. Shown as `#7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u64);

impl TaskId {
    /// For the inspector, which knows tasks by number.
    #[doc(hidden)]
    pub const fn from_raw(id: u64) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The task that is running, if the caller runs in one.
#[doc(alias = "asyncio.current_task")]
pub fn current() -> Option<TaskId> {
    let lp = current::get()?;
    match lp.running_id() {
        0 => None,
        id => Some(TaskId(id)),
    }
}

/// The tasks of this thread's loop that are not over, in the order they were spawned.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.all_tasks")]
#[track_caller]
pub fn all_tasks() -> Vec<TaskId> {
    let lp = current::expect("loopscope::all_tasks");
    lp.live_tasks().into_iter().filter_map(|word| lp.task_id(word)).map(TaskId).collect()
}

/// The handle of a spawned task: a future of its result.
///
/// Dropping it detaches the task, which runs on; say so with [`detach`](Self::detach).
#[doc(alias = "asyncio.Task")]
#[must_use = "a dropped handle detaches its task: await it, or say .detach()"]
pub struct Task<T> {
    /// Two words, so that a handle travels in registers; whoever awaits it has a wait entry in the task's cell.
    pub(super) to: TaskRef,
    _output: PhantomData<T>,
    _not_send: PhantomData<*const ()>,
}

impl<T> Unpin for Task<T> {}

impl<T> Task<T> {
    pub(crate) fn new(task: TaskRef) -> Self {
        Self { to: task, _output: PhantomData, _not_send: PhantomData }
    }

    /// The task's number.
    pub fn id(&self) -> TaskId {
        TaskId(self.to.id)
    }

    /// Its name, if it has one; `None` too when it is over and was forgotten.
    #[doc(alias = "asyncio.Task.get_name")]
    pub fn name(&self) -> Option<String> {
        self.to.name()
    }

    /// Gives it another name, under which it is shown from now on; 128 bytes of it are kept.
    #[doc(alias = "asyncio.Task.set_name")]
    pub fn set_name(&self, name: &str) {
        self.to.set_name(name);
    }

    /// Whether its end was asked for and it is not over yet.
    #[doc(alias = "asyncio.Task.cancelling")]
    pub fn is_cancelling(&self) -> bool {
        self.to.is_cancelling()
    }

    /// The result if the task is over, without waiting.
    ///
    /// # Errors
    ///
    /// The handle, when it is not over.
    #[doc(alias = "asyncio.Task.result")]
    #[doc(alias = "asyncio.Task.exception")]
    pub fn try_join(mut self) -> Result<Result<T, JoinError>, Self> {
        if !self.is_finished() {
            return Err(self);
        }
        self.to.unjoin();
        Ok(self.take())
    }

    pub(crate) fn task_ref(&self) -> TaskRef {
        self.to
    }

    /// Whether the task is over, one way or another.
    #[doc(alias = "asyncio.Task.done")]
    pub fn is_finished(&self) -> bool {
        self.to.is_done()
    }

    /// Lets the task run on by itself.
    ///
    /// In [debug mode](crate::debug) it is told of when it is not over at the end of its loop; for a task that is meant to last as
    /// long as that, see [`leave_to_loop`](Self::leave_to_loop).
    pub fn detach(self) {
        drop(self);
    }

    /// Lets the task run on by itself for as long as its loop: nothing is lost when it is dropped then, so debug mode does not tell of
    /// it. For what ticks, watches or cleans up for ever.
    pub fn leave_to_loop(self) {
        self.to.leave_to_loop();
    }

    /// Ends the task: its future is dropped at once if it is not running, else when its poll returns.
    ///
    /// The cancellation is asked for by this call; awaiting what it returns waits until the future is gone and gives the
    /// output if the task had completed. A task that cancels itself and awaits that ends there, which is reported.
    ///
    /// # Cancel safety
    ///
    /// The task ends even if the returned future is dropped.
    #[doc(alias = "asyncio.Task.cancel")]
    pub fn cancel(self) -> Cancel<T> {
        self.to.cancel();
        Cancel { task: self }
    }

    /// Asks for the end of the task without giving up the handle: awaiting it then gives [`JoinError`].
    /// Returns whether the task was still alive.
    #[doc(alias = "asyncio.Task.cancel")]
    pub fn request_cancel(&self) -> bool {
        self.to.cancel()
    }

    #[track_caller]
    pub(super) fn poll_done(&mut self, cx: &Context<'_>, at: &'static Location<'static>) -> Poll<()> {
        if self.to.is_done() {
            self.to.unjoin();
            return Poll::Ready(());
        }
        self.wait(cx, at);
        Poll::Pending
    }

    /// Makes the running task the one that is told.
    #[track_caller]
    fn wait(&self, cx: &Context<'_>, at: &'static Location<'static>) {
        let lp = current::expect("a task handle was polled");
        assert!(lp.slot == self.to.word.loop_slot(), "task {} belongs to another event loop", self.id());
        let parking = Parking {
            kind: WaitKind::Join,
            payload: self.to.id,
            flags: 0,
            at: lp.places.word(at),
            made_at: 0,
        };
        self.to.join(lp, cx.waker(), &parking);
    }

    /// The result of a task that is over.
    pub(super) fn take(&mut self) -> Result<T, JoinError> {
        // SAFETY: a `Task<T>` is only made for a future whose output is `T`.
        let output = unsafe { self.to.take_output::<T>() };
        self.result(output)
    }

    #[inline]
    fn result(&self, output: Option<Result<T, Payload>>) -> Result<T, JoinError> {
        match output {
            Some(Ok(output)) => Ok(output),
            Some(Err(payload)) => Err(JoinError::new(self.id(), Kind::Panicked(Mutex::new(payload)))),
            None => Err(JoinError::new(self.id(), Kind::Cancelled)),
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        // SAFETY: a `Task<T>` is only made for a future whose output is `T`.
        match unsafe { self.to.poll_output::<T>() } {
            Poll::Ready(output) => Poll::Ready(self.result(output)),
            Poll::Pending => {
                if let Some(lp) = current::get()
                    && lp.running.get() == self.to.word.0
                    && !self.to.is_joined()
                {
                    lp.report(self.to.word.index(), UnhandledKind::SelfJoin);
                }
                self.wait(cx, at);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Task<T> {
    #[inline]
    fn drop(&mut self) {
        self.to.drop_handle();
    }
}

impl<T> fmt::Debug for Task<T> {
    /// Looks through the records of the loop, for debugging.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        portrait::show(f, self.to)
    }
}

/// Waits until a cancelled task's future is gone. Made by [`Task::cancel`].
#[derive(Debug)]
pub struct Cancel<T> {
    task: Task<T>,
}

impl<T> Future for Cancel<T> {
    type Output = Option<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let at = Location::caller();
        let task = &mut self.task;
        if task.poll_done(cx, at).is_ready() {
            if task.to.has_panic() {
                // There is no room for it in what this returns, so that nobody can receive it any more.
                task.to.drop_handle();
                return Poll::Ready(None);
            }
            return Poll::Ready(task.take().ok());
        }
        let lp = current::expect("a cancellation was polled");
        if lp.running.get() == task.to.word.0 {
            lp.report(task.to.word.index(), UnhandledKind::SelfCancel);
        }
        Poll::Pending
    }
}

/// Why a task, or a job on a blocking thread, has no output.
#[doc(alias = "asyncio.CancelledError")]
pub struct JoinError(Box<JoinErrorInner>);

/// Boxed, so that the result of a task that went well travels in registers.
struct JoinErrorInner {
    id: TaskId,
    /// Whether it is a job on a blocking thread.
    is_job: bool,
    kind: Kind,
}

enum Kind {
    Cancelled,
    /// Its error went to its group.
    Failed,
    /// No thread took it, for this reason.
    Refused(&'static str),
    /// A payload is `Send` but not `Sync`; behind a lock the error is both and fits `Box<dyn Error + Send + Sync>`.
    Panicked(Mutex<Payload>),
}

impl JoinError {
    #[cold]
    fn new(id: TaskId, kind: Kind) -> Self {
        Self(Box::new(JoinErrorInner { id, is_job: false, kind }))
    }

    #[cold]
    pub(crate) fn of_job(id: TaskId, why: CalledOff) -> Self {
        let kind = match why {
            CalledOff::Cancelled => Kind::Cancelled,
            CalledOff::QueueFull => Kind::Refused("the queue of its pool is full"),
            CalledOff::NoThread => Kind::Refused("the OS gives its pool no thread"),
        };
        Self(Box::new(JoinErrorInner { id, is_job: true, kind }))
    }

    #[cold]
    pub(crate) fn of_job_that_panicked(id: TaskId, payload: Payload) -> Self {
        let kind = Kind::Panicked(Mutex::new(payload));
        Self(Box::new(JoinErrorInner { id, is_job: true, kind }))
    }

    #[cold]
    pub(super) fn cancelled(id: TaskId) -> Self {
        Self::new(id, Kind::Cancelled)
    }

    #[cold]
    pub(super) fn panicked(id: TaskId, payload: Payload) -> Self {
        Self::new(id, Kind::Panicked(Mutex::new(payload)))
    }

    pub(crate) fn failed(id: TaskId) -> Self {
        Self::new(id, Kind::Failed)
    }

    /// Whether the task was cancelled, or its loop has ended.
    #[doc(alias = "asyncio.Task.cancelled")]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, Kind::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.kind, Kind::Panicked(..))
    }

    /// Whether it is a job on a blocking thread that found no room in the queue, or no thread.
    pub fn is_refused(&self) -> bool {
        matches!(self.0.kind, Kind::Refused(_))
    }

    /// Whether the task, of a group, returned an error, which the group has.
    pub fn is_failed(&self) -> bool {
        matches!(self.0.kind, Kind::Failed)
    }

    /// The task, or the job.
    pub fn id(&self) -> TaskId {
        self.0.id
    }

    /// What the task panicked with, to pass it on with [`std::panic::resume_unwind`].
    ///
    /// # Errors
    ///
    /// The error itself when the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match *self.0 {
            JoinErrorInner { kind: Kind::Panicked(payload), .. } => {
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            other => Err(Self(Box::new(other))),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.0.is_job { "blocking job" } else { "task" }, self.0.id)?;
        match &self.0.kind {
            Kind::Cancelled => f.write_str(" was cancelled"),
            Kind::Failed => f.write_str(" failed; its error is its group's"),
            Kind::Refused(why) => write!(f, " was refused: {why}"),
            Kind::Panicked(payload) => {
                let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
                write!(f, " panicked: {}", payload_text(&**payload))
            }
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}
