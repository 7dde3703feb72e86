//! The handle of a job: awaiting it, calling it off, letting it go.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::job::{CalledOff, Join, Outcome};
use super::pool::Pool;
use crate::event_loop::current;
use crate::event_loop::far_wait::FarWait;
use crate::event_loop::slot::Loop;
use crate::task::{JoinError, TaskId};
use crate::telemetry::waiter::Parking;

/// The handle of a job on a blocking thread: a future of its result.
///
/// Dropping it detaches the job, which runs all the same; say so with [`detach`](Self::detach). It may be awaited on any loop,
/// or outside of one under another executor, and may move between threads. A task that awaits it on a loop is shown waiting
/// for the job.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` and dropping that loses nothing.
///
/// # Errors
///
/// [`JoinError`] when the job panicked, was cancelled before it ran, or was refused.
///
/// # Panics
///
/// When it is polled again after it gave its result.
#[must_use = "a dropped handle detaches its job: await it, or say .detach()"]
pub struct JobHandle<T> {
    job: Arc<dyn Join<T>>,
    pool: &'static Pool,
    id: TaskId,
    /// Its place in the queue, unless it never came there.
    order: Option<u64>,
    made_at: &'static Location<'static>,
    wait: FarWait,
}

impl<T> Unpin for JobHandle<T> {}

impl<T> JobHandle<T> {
    pub(super) fn new(
        job: Arc<dyn Join<T>>,
        pool: &'static Pool,
        id: TaskId,
        order: Option<u64>,
        made_at: &'static Location<'static>,
    ) -> Self {
        Self { job, pool, id, order, made_at, wait: FarWait::new() }
    }

    /// The job's number, from the same counter as those of tasks.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Whether the job is over, one way or another.
    #[doc(alias = "asyncio.Future.done")]
    pub fn is_finished(&self) -> bool {
        self.pool.is_forked() || self.job.is_over()
    }

    /// Takes the job out of the queue, if it has not begun: then it never runs, and awaiting the handle gives [`JoinError`].
    /// Returns whether that was in time. A job that runs cannot be stopped.
    #[doc(alias = "asyncio.Future.cancel")]
    #[expect(clippy::must_use_candidate, reason = "most callers do not care")]
    pub fn cancel(&self) -> bool {
        self.order.is_some_and(|order| self.pool.cancel(order))
    }

    /// Takes the job out of the queue; if it runs, its loop does not wait for it at its end. For jobs that do nothing but
    /// answer.
    pub(crate) fn withdraw(&self) {
        if !self.cancel() && !self.pool.is_forked() {
            self.job.excuse();
        }
    }

    /// Lets its loop end without it. Returns whether the pool took it.
    pub(crate) fn excuse(&self) -> bool {
        self.job.excuse();
        self.order.is_some()
    }

    /// Lets the job run by itself.
    pub fn detach(self) {
        drop(self);
    }

    #[track_caller]
    pub(super) fn poll_at(
        &mut self,
        cx: &Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<Result<T, JoinError>> {
        if self.pool.is_forked() {
            return Poll::Ready(Err(self.error(CalledOff::Cancelled)));
        }
        let polled = self.job.poll(cx.waker());
        if polled.is_pending() {
            if let Some(lp) = current::get() {
                self.wait.park(lp, cx.waker(), &self.parking(lp, at));
            }
        } else {
            self.wait.clear();
        }
        Poll::Ready(match ready!(polled) {
            Outcome::Returned(value) => Ok(value),
            Outcome::Panicked(payload) => Err(JoinError::of_job_that_panicked(self.id, payload)),
            Outcome::CalledOff(why) => Err(self.error(why)),
        })
    }

    fn error(&self, why: CalledOff) -> JoinError {
        JoinError::of_job(self.id, why)
    }

    fn parking(&self, lp: &Loop, at: &'static Location<'static>) -> Parking {
        Parking {
            kind: self.pool.waits(),
            payload: self.id.as_u64(),
            flags: 0,
            at: lp.places.word(at),
            made_at: lp.places.word(self.made_at),
        }
    }
}

impl<T> Future for JobHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_at(cx, Location::caller())
    }
}

impl<T> Drop for JobHandle<T> {
    fn drop(&mut self) {
        // In the child of a fork the job's lock may be held by a thread that does not exist.
        if !self.pool.is_forked() {
            self.job.detach();
        }
    }
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle")
            .field("id", &self.id)
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
