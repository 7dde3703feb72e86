//! A closure on a blocking thread as a part of the task that awaits it.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::builder::Builder;
use super::handle::JobHandle;
use super::pool::BLOCKING;
use crate::context;

/// Runs a closure that blocks on another thread and waits for what it returns.
///
/// The closure sees those of the task's [task-locals](crate::task_local) whose types are `Send + Sync`.
///
/// As in asyncio nothing happens before the future is awaited, and dropping the future takes a job that did not begin out of
/// the queue. One that runs goes on by itself: it cannot be stopped.
///
/// # Cancel safety
///
/// A job that has begun runs to its end, and its result is dropped.
///
/// # Panics
///
/// The future resumes a panic of the closure in the task that awaits it, and panics when the pool refuses the job or the loop
/// ends before it has begun: await [`spawn_blocking`](crate::spawn_blocking) to have that as an error.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let text = loopscope::to_thread(|| std::fs::read_to_string("/proc/self/comm")).await.unwrap();
///     assert!(!text.is_empty());
/// });
/// ```
#[doc(alias = "asyncio.to_thread")]
#[track_caller]
pub fn to_thread<F, T>(closure: F) -> ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    ToThread { closure: Some(closure), job: None, made_at: Location::caller() }
}

/// The future of [`to_thread`].
#[must_use = "futures do nothing unless awaited"]
pub struct ToThread<F, T> {
    closure: Option<F>,
    job: Option<JobHandle<T>>,
    made_at: &'static Location<'static>,
}

impl<F, T> Unpin for ToThread<F, T> {}

impl<F, T> Future for ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let at = Location::caller();
        let this = &mut *self;
        if let Some(closure) = this.closure.take() {
            let (pool, place) = (BLOCKING.get(), this.made_at);
            this.job = Some(match context::portable() {
                Some(context) => Builder::new().spawn_in(pool, move || context.run(closure), place),
                None => Builder::new().spawn_in(pool, closure, place),
            });
        }
        let Some(job) = &mut this.job else { panic!("a to_thread future was polled after it was over") };
        let result = ready!(job.poll_at(cx, at));
        this.job = None;
        match result {
            Ok(value) => Poll::Ready(value),
            Err(error) => match error.try_into_panic() {
                Ok(payload) => resume_unwind(payload),
                Err(error) => panic!("{error}"),
            },
        }
    }
}

impl<F, T> Drop for ToThread<F, T> {
    fn drop(&mut self) {
        if let Some(job) = &self.job {
            job.cancel();
        }
    }
}

impl<F, T> fmt::Debug for ToThread<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToThread").field("job", &self.job).finish_non_exhaustive()
    }
}
