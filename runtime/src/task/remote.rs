//! A task of a loop as another thread has it: its result, and its end.
//!
//! ```text
//!   Handle::run ──posted──► spawned on the loop ──over──► the result goes to the other thread
//!        │ cancelled before       │ cancelled, or the loop ends
//!        └────────────────────────┴──► JoinError that says cancelled
//! ```

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::builder::Builder;
use super::cell::Opaque;
use super::control::{REPORTED, TaskWord};
use super::handle::{JoinError, TaskId};
use super::task_ref::TaskRef;
use crate::event_loop::current;
use crate::event_loop::handle::{Handle, LoopEnded};
use crate::event_loop::slot;
use crate::sync::remote::oneshot;

/// What became of the task.
type Joined<T> = Result<T, JoinError>;

/// Both threads' view of whether there is a task.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Posted,
    Spawned(TaskRef),
    /// Its end was asked for before there was a task.
    CalledOff,
}

impl Handle {
    /// Runs the future that `make` makes as a task on the loop's thread, and gives its result to whoever called. Only `make`
    /// and the result go between threads: the future itself need not be `Send`.
    ///
    /// The task begins without [task-locals](crate::task_local). What this returns may be awaited on any loop or under any
    /// executor, or waited for on a plain thread with [`join`](RemoteTask::join). Use [`spawn`](Self::spawn) where no result is
    /// wanted.
    ///
    /// # Errors
    ///
    /// When the loop has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut runner = loopscope::Runner::builder().build()?;
    /// let handle = runner.handle();
    /// let thread = std::thread::spawn(move || handle.run(|| async { 6 * 7 }).unwrap().join());
    /// // The loop runs as long as its main task does.
    /// runner.block_on(async {
    ///     while !thread.is_finished() {
    ///         loopscope::sleep(std::time::Duration::from_millis(1)).await;
    ///     }
    /// })?;
    /// assert_eq!(thread.join().unwrap()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "asyncio.run_coroutine_threadsafe")]
    #[track_caller]
    pub fn run<M, F>(&self, make: M) -> Result<RemoteTask<F::Output>, LoopEnded>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let place = Location::caller();
        let (sender, receiver) = oneshot::channel();
        let stage = Arc::new(Mutex::new(Stage::Posted));
        let shared = Arc::clone(&stage);
        self.post(move || {
            if matches!(*lock(&shared), Stage::CalledOff) {
                return;
            }
            let deliver = Deliver { future: make(), sender: Some(sender) };
            let task = Builder::new().spawn_described::<_, Opaque>(deliver, place);
            let before = std::mem::replace(&mut *lock(&shared), Stage::Spawned(task.to));
            if matches!(before, Stage::CalledOff) {
                task.request_cancel(); // cancelled while it was made
            }
            task.detach();
        })?;
        // Until there is a task, an error of it has a number that no other has.
        let id = TaskId::from_raw(slot::next_job_id());
        Ok(RemoteTask { receiver, stage, handle: self.clone(), id })
    }
}

fn lock(stage: &Mutex<Stage>) -> std::sync::MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task that runs on a loop for another thread: a future of its result. Made by [`Handle::run`].
///
/// Dropping it detaches the task, which runs on.
///
/// # Cancel safety
///
/// Awaiting `&mut task` and dropping that loses nothing.
///
/// # Errors
///
/// [`JoinError`] when the task panicked or was cancelled, or its loop ended before.
#[doc(alias = "concurrent.futures.Future")]
#[must_use = "a dropped handle detaches its task: await it, join it, or say .detach()"]
pub struct RemoteTask<T> {
    receiver: oneshot::Receiver<Joined<T>>,
    stage: Arc<Mutex<Stage>>,
    handle: Handle,
    id: TaskId,
}

impl<T> Unpin for RemoteTask<T> {}

impl<T> RemoteTask<T> {
    /// The task's number, once it was spawned.
    pub fn id(&self) -> Option<TaskId> {
        match *lock(&self.stage) {
            Stage::Spawned(task) => Some(TaskId::from_raw(task.id)),
            Stage::Posted | Stage::CalledOff => None,
        }
    }

    /// Asks for the end of the task, from any thread: its future is dropped on its own. Awaiting the handle gives the
    /// [`JoinError`], or the result if the task was faster.
    #[doc(alias = "concurrent.futures.Future.cancel")]
    pub fn cancel(&self) {
        let stage = &mut *lock(&self.stage);
        match *stage {
            Stage::Posted => *stage = Stage::CalledOff,
            Stage::CalledOff => {}
            Stage::Spawned(task) => {
                // A loop that has ended has no task left to cancel.
                let _ = self.handle.post(move || {
                    task.cancel();
                });
            }
        }
    }

    /// Waits for the result on a plain thread, which sleeps until it comes.
    ///
    /// # Errors
    ///
    /// [`JoinError`] when the task panicked or was cancelled, or its loop ended before.
    ///
    /// # Panics
    ///
    /// On the thread of a loop that runs, which would stand still.
    #[doc(alias = "concurrent.futures.Future.result")]
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        let id = self.error_id();
        self.receiver.blocking_recv().unwrap_or_else(|_| Err(JoinError::cancelled(id)))
    }

    /// Lets the task run by itself.
    pub fn detach(self) {
        drop(self);
    }

    fn error_id(&self) -> TaskId {
        self.id().unwrap_or(self.id)
    }
}

impl<T> Future for RemoteTask<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let received = Pin::new(&mut self.receiver).poll(cx);
        received.map(|joined| joined.unwrap_or_else(|_| Err(JoinError::cancelled(self.error_id()))))
    }
}

impl<T> fmt::Debug for RemoteTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTask").field("id", &self.id()).finish_non_exhaustive()
    }
}

pin_project! {
    /// A future whose result goes to another thread; without one, when it is dropped, that is told too.
    struct Deliver<F: Future> {
        // Dropped before the other thread hears of it.
        #[pin]
        future: F,
        sender: Option<oneshot::Sender<Joined<F::Output>>>,
    }
}

impl<F: Future> Future for Deliver<F> {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                if let Some(sender) = this.sender.take() {
                    // Nobody wants it if that fails.
                    drop(sender.send(Ok(output)));
                }
                Poll::Ready(())
            }
            Err(payload) => panicked(this.sender.take(), payload),
        }
    }
}

/// Ends the task with a panic, whose payload goes to the other thread if anybody is there; else it is reported like any other.
fn panicked<T>(sender: Option<oneshot::Sender<Joined<T>>>, payload: Box<dyn Any + Send>) -> ! {
    let Some((sender, lp)) = sender.filter(|sender| !sender.is_closed()).zip(current::get()) else {
        resume_unwind(payload)
    };
    let word = TaskWord(lp.running.get());
    let error = JoinError::panicked(TaskId::from_raw(lp.running_id()), payload);
    if let Err(Err(refused)) = sender.send(Err(error)) {
        // Gone in this very moment.
        match refused.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) => resume_unwind(Box::new(error.to_string())),
        }
    }
    let control = lp.controls.get(word.index());
    control.flags.set(control.flags.get() | REPORTED);
    resume_unwind(Box::new("the payload went to the thread that ran it"))
}
