//! Handing a closure to a pool.

use std::panic::Location;
use std::sync::Arc;

use super::handle::JobHandle;
use super::job::{CalledOff, Job, Join, Run};
use super::outstanding::Ticket;
use super::pool::{self, BLOCKING, Pool, Submission};
use super::report::Report;
use crate::event_loop::current;
use crate::event_loop::slot::{Closing, Loop};
use crate::task::TaskId;
use crate::telemetry::atomic::Relaxed;

/// Runs a closure that blocks, or computes for long, on a thread of its own.
///
/// On the loop's own thread it would keep every task waiting. Threads are those of the process's pool, see
/// [`blocking`](crate::blocking); the job is shown with its name, its place and its thread, and a task that awaits it with
/// the job.
///
/// The handle is a future of the result. It can be awaited on any loop, and under any other executor; dropping it detaches the
/// job. [`to_thread`](crate::to_thread) is this, awaited at once, with the task's own values of
/// [`task_local!`](crate::task_local).
///
/// A job that runs cannot be stopped.
///
/// # Panics
///
/// When the OS refuses the pool its address space.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let sum = loopscope::spawn_blocking(|| (1..=1000_u64).sum::<u64>());
///     assert_eq!(sum.await.unwrap(), 500_500);
/// });
/// ```
#[doc(alias = "asyncio.loop.run_in_executor")]
#[track_caller]
pub fn spawn_blocking<F, T>(closure: F) -> JobHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(closure)
}

/// What a job is handed over with.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let read = loopscope::blocking::Builder::new().name("hostname").spawn(|| std::fs::read("/etc/hostname"));
///     drop(read.await.unwrap());
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder<'a> {
    name: Option<&'a str>,
    place: Option<&'static Location<'static>>,
}

impl<'a> Builder<'a> {
    /// A job without a name.
    pub const fn new() -> Self {
        Self { name: None, place: None }
    }

    /// What the job is called wherever it is shown; 128 bytes of it are kept. A pool keeps 65,536 different names.
    #[must_use]
    pub const fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// The place the job is shown with, for those who make it for somebody else.
    #[must_use]
    pub const fn at(mut self, place: &'static Location<'static>) -> Self {
        self.place = Some(place);
        self
    }

    /// See [`spawn_blocking`].
    ///
    /// # Panics
    ///
    /// When the OS refuses the pool its address space.
    #[track_caller]
    pub fn spawn<F, T>(self, closure: F) -> JobHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_in(BLOCKING.get(), closure, Location::caller())
    }

    /// Hands the closure to a pool.
    pub(crate) fn spawn_in<F, T>(
        self,
        pool: &'static Pool,
        closure: F,
        caller: &'static Location<'static>,
    ) -> JobHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let place = self.place.unwrap_or(caller);
        let lp = current::get();
        let submission = Submission {
            id: lp.map_or_else(pool::next_id, Loop::next_id),
            parent: lp.map_or(0, Loop::running_id),
            parent_loop: lp.map_or(0, |lp| lp.life.load(Relaxed)),
            name: self.name,
            place,
        };
        let id = TaskId::from_raw(submission.id);
        let report = Report::new(id, self.name, place);
        let job = Arc::new(Job::new(closure, lp.map(Ticket::new), report));
        let run: Arc<dyn Run> = Arc::clone(&job) as Arc<dyn Run>;
        let join: Arc<dyn Join<T>> = job;
        // A loop that is closing takes no new tasks, and no new jobs.
        let order = if lp.is_some_and(|lp| lp.closing.get() != Closing::No) {
            run.call_off(CalledOff::Cancelled);
            None
        } else {
            let submitted = pool.submit(run, &submission);
            submitted.map_err(|refused| refused.call_off(CalledOff::QueueFull)).ok()
        };
        JobHandle::new(join, pool, id, order, place)
    }
}
