//! Hooks that are told of the tasks of a loop: what asyncio's task factories are used for.
//!
//! ```text
//!   spawn ──on_spawn──► on_poll ─ poll ─ on_polled ──► … ──► future gone ──on_done──►
//! ```
//!
//! A loop with hooks wraps each future that is spawned on it. A loop without has nothing in the path of a poll, and spawning
//! asks for no more than it does anyway: the flag that says that something goes with the future, task-locals or hooks.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::cell::{drop_quietly, payload_text};
use super::handle::TaskId;
use crate::event_loop::current;
#[cfg(feature = "stacks")]
use crate::event_loop::slot::Loop;
use crate::runner::UnhandledKind;

/// What is told of each task of a loop. Set with [`task_hooks`](crate::runner::Builder::task_hooks).
///
/// Told of is whatever is spawned: by [`spawn`](crate::spawn) and its siblings, into a group, through a
/// [`Handle`](crate::Handle). The main task and callbacks are not. What a hook panics with is reported through
/// [`on_unhandled`](crate::runner::Builder::on_unhandled), and nothing else comes of it. A hook may spawn; it is told of that
/// task too.
///
/// # Examples
///
/// ```
/// use loopscope::task::{SpawnedTask, TaskEnd, TaskHooks};
/// use loopscope::{Runner, TaskId};
///
/// struct Log;
///
/// impl TaskHooks for Log {
///     fn on_spawn(&self, task: &SpawnedTask<'_>) {
///         println!("{} {} begins", task.id, task.name.unwrap_or("without a name"));
///     }
///
///     fn on_done(&self, task: TaskId, end: TaskEnd) {
///         println!("{task} {end:?}");
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut runner = Runner::builder().task_hooks(Log).build()?;
/// runner.block_on(async { loopscope::spawn(async {}).await })??;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "asyncio.loop.set_task_factory")]
#[doc(alias = "asyncio.loop.get_task_factory")]
#[allow(unused_variables, reason = "the defaults do nothing")]
pub trait TaskHooks: 'static {
    /// A task was spawned; it was not polled yet.
    fn on_spawn(&self, task: &SpawnedTask<'_>) {}

    /// A poll of a task begins. It is the running task.
    fn on_poll(&self, task: TaskId) {}

    /// A poll of a task has ended, also if it panicked.
    fn on_polled(&self, task: TaskId) {}

    /// The future of a task is gone.
    fn on_done(&self, task: TaskId, end: TaskEnd) {}
}

/// A task that was spawned.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SpawnedTask<'a> {
    /// Its number.
    pub id: TaskId,
    /// Its name.
    pub name: Option<&'a str>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// The task that spawned it, if one did.
    pub by: Option<TaskId>,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskEnd {
    /// It returned.
    Completed,
    /// It was dropped before.
    Cancelled,
    /// It panicked.
    Panicked,
}

/// The hooks of a loop.
#[derive(Clone)]
pub(crate) struct Told(Rc<dyn TaskHooks>);

impl Told {
    pub(crate) fn new(hooks: impl TaskHooks) -> Self {
        Self(Rc::new(hooks))
    }

    fn tell(&self, tell: impl FnOnce(&dyn TaskHooks)) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| tell(&*self.0))) {
            if let Some(lp) = current::get() {
                lp.report_loop(UnhandledKind::PanicInHook(payload_text(&*payload)));
            }
            drop_quietly(payload);
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskHooks")
    }
}

pin_project! {
    /// A future whose loop has hooks.
    pub(super) struct Hooked<F> {
        #[pin]
        future: F,
        // Dropped after the future, also if that panics.
        teller: Teller,
    }
}

/// Tells the hooks of the end.
struct Teller {
    hooks: Told,
    /// The task's number, 0 until it has one.
    id: Rc<Cell<u64>>,
    end: TaskEnd,
}

impl<F> Hooked<F> {
    /// Wraps a future. Who spawns it says through the cell which task it became, before it is polled.
    pub(super) fn new(hooks: Told, future: F) -> (Self, Rc<Cell<u64>>) {
        let id = Rc::new(Cell::new(0));
        let teller = Teller { hooks, id: Rc::clone(&id), end: TaskEnd::Cancelled };
        (Self { future, teller }, id)
    }
}

impl Told {
    /// Tells that a task was spawned.
    pub(super) fn spawned(&self, task: &SpawnedTask<'_>) {
        self.tell(|hooks| hooks.on_spawn(task));
    }
}

impl<F: Future> Future for Hooked<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let id = TaskId::from_raw(this.teller.id.get());
        // A poll that only asks what the task waits for is none that anybody counts.
        #[cfg(feature = "stacks")]
        if current::get().is_some_and(Loop::is_capturing) {
            this.teller.end = TaskEnd::Panicked;
            let polled = this.future.poll(cx);
            this.teller.end = if polled.is_ready() { TaskEnd::Completed } else { TaskEnd::Cancelled };
            return polled;
        }
        this.teller.hooks.tell(|hooks| hooks.on_poll(id));
        // What a panic leaves here.
        this.teller.end = TaskEnd::Panicked;
        let ended = PollEnded(this.teller.hooks.clone(), id);
        let polled = this.future.poll(cx);
        drop(ended);
        this.teller.end = if polled.is_ready() { TaskEnd::Completed } else { TaskEnd::Cancelled };
        polled
    }
}

/// Tells the hooks of the end of a poll, panics included.
struct PollEnded(Told, TaskId);

impl Drop for PollEnded {
    fn drop(&mut self) {
        self.0.tell(|hooks| hooks.on_polled(self.1));
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let (id, end) = (self.id.get(), self.end);
        // 0 of a future that never became a task.
        if id != 0 {
            self.hooks.tell(|hooks| hooks.on_done(TaskId::from_raw(id), end));
        }
    }
}
