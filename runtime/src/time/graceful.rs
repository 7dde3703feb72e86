//! A time limit for a task that is asked to end before it is made to.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::sleep::Sleep;
use crate::event_loop::current;
use crate::task::{CancelGracefully, Ending, JoinError, Task};
use crate::telemetry::view::TimerKind;

/// Gives `task` at most `limit`, then [asks it to end](Task::cancel_gracefully) and gives it `grace` for that, then drops its future.
///
/// As asyncio's `wait_for`, it waits until the task has put its things in order; unlike there that has a limit too. `Ok` is
/// what became of a task that was over within `limit`, `Err` how the other ended.
///
/// # Cancel safety
///
/// Dropping the future drops the task's.
///
/// # Panics
///
/// Outside of a loop; the future, outside of the task's own.
///
/// # Examples
///
/// ```
/// use loopscope::task::cancel_requested;
/// use loopscope::time::timeout_graceful;
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let task = loopscope::spawn(async {
///         cancel_requested().await;
///         "as far as I came"
///     });
///     let late = timeout_graceful(Duration::from_millis(1), Duration::from_secs(10), task).await;
///     assert_eq!(late.unwrap_err().output(), Some("as far as I came"));
/// });
/// ```
#[doc(alias = "asyncio.wait_for")]
#[track_caller]
pub fn timeout_graceful<T>(limit: Duration, grace: Duration, task: Task<T>) -> TimeoutGraceful<T> {
    let lp = current::expect("loopscope::time::timeout_graceful");
    let sleep = Sleep::new(lp.deadline_after(limit), Location::caller());
    TimeoutGraceful { stage: Some(Stage::Running { task, sleep }), grace }
}

/// The future of [`timeout_graceful`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct TimeoutGraceful<T> {
    /// `None` when it is over.
    stage: Option<Stage<T>>,
    grace: Duration,
}

#[derive(Debug)]
enum Stage<T> {
    Running { task: Task<T>, sleep: Sleep },
    Ending(CancelGracefully<T>),
}

impl<T> Unpin for TimeoutGraceful<T> {}

impl<T> Future for TimeoutGraceful<T> {
    type Output = Result<Result<T, JoinError>, Ending<T>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        if let Some(Stage::Running { task, sleep }) = &mut this.stage {
            if let Poll::Ready(result) = Pin::new(task).poll(cx) {
                this.stage = None;
                return Poll::Ready(Ok(result));
            }
            if sleep.poll_for(TimerKind::Timeout, cx, at).is_pending() {
                return Poll::Pending;
            }
            if let Some(Stage::Running { task, .. }) = this.stage.take() {
                this.stage = Some(Stage::Ending(task.cancel_gracefully(this.grace)));
            }
        }
        let Some(Stage::Ending(ending)) = &mut this.stage else { return Poll::Pending };
        let Poll::Ready(ending) = Pin::new(ending).poll(cx) else { return Poll::Pending };
        this.stage = None;
        Poll::Ready(Err(ending))
    }
}

impl<T> Drop for TimeoutGraceful<T> {
    fn drop(&mut self) {
        if let Some(Stage::Running { task, .. }) = &self.stage {
            task.request_cancel();
        }
    }
}
