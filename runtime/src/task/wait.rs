//! Waiting for some of many tasks, whose handles stay with the caller.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::joins::{Awaited, Joinable, Joins};
use crate::telemetry::view::TimerKind;
use crate::time::sleep::{Sleep, sleep};

/// When a [`wait`] is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// When at least one task is over, however it ended.
    #[doc(alias = "asyncio.FIRST_COMPLETED")]
    FirstCompleted,
    /// When at least one task failed, or all are over. To panic is to fail; to return an `Err` is to fail for tasks that were
    /// spawned with [`spawn_fallible`](crate::spawn_fallible), because of others the loop does not know what they return. To
    /// be cancelled is not.
    #[doc(alias = "asyncio.FIRST_EXCEPTION")]
    FirstError,
    /// When all tasks are over.
    #[doc(alias = "asyncio.ALL_COMPLETED")]
    All,
}

/// Waits for tasks until what [`When`] says is so, and gives their handles back: those that are over apart from the others.
///
/// It takes handles, or mutable references to handles. Nothing is cancelled, neither by a task's failure nor by the time limit
/// that [`timeout`](Wait::timeout) sets. Results are where they are: await the handles in `done`, which does not wait.
///
/// # Errors
///
/// [`NothingToWaitFor`] when there are no tasks.
///
/// # Cancel safety
///
/// Dropping the future drops the handles, which detaches their tasks. Give it `tasks.iter_mut()` to keep them; then nothing is
/// lost.
///
/// # Panics
///
/// Outside of the loop of the tasks, unless they are over.
///
/// # Examples
///
/// ```
/// use loopscope::task::{When, wait};
/// use loopscope::{sleep, spawn};
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let nap = |n| spawn(async move { sleep(Duration::from_millis(n)).await; n });
///     let waited = wait([3600_000, 1].map(nap), When::FirstCompleted).await.unwrap();
///     for task in waited.done {
///         assert_eq!(task.await.unwrap(), 1);
///     }
///     for task in waited.pending {
///         task.cancel().await;
///     }
/// });
/// ```
#[doc(alias = "asyncio.wait")]
#[track_caller]
pub fn wait<I>(tasks: I, when: When) -> Wait<I::Item>
where
    I: IntoIterator,
    I::Item: Joinable,
{
    let joins = Joins::new("waiting for tasks", tasks, Location::caller());
    Wait { is_empty: joins.left() == 0, joins, when, done: Vec::new(), is_so: false, limit: None }
}

/// The future of [`wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct Wait<H: Joinable> {
    joins: Joins<H>,
    is_empty: bool,
    when: When,
    done: Vec<H>,
    /// What it waits for has happened.
    is_so: bool,
    limit: Option<Sleep>,
}

impl<H: Joinable> Unpin for Wait<H> {}

/// What a [`wait`] gives back.
#[derive(Debug)]
pub struct Waited<H> {
    /// The tasks that are over, in the order in which they ended.
    pub done: Vec<H>,
    /// The others, in the order in which they were given.
    pub pending: Vec<H>,
}

/// A [`wait`] for no tasks would never be over, or always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingToWaitFor(());

impl fmt::Display for NothingToWaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waiting for tasks: there is none to wait for")
    }
}

impl Error for NothingToWaitFor {}

impl<H: Joinable> Wait<H> {
    /// Waits until the time is up at most; that is no error, and cancels nobody. The time begins now.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn timeout(mut self, limit: Duration) -> Self {
        // A limit of zero still needs a real deadline: a sleep of zero is a yield.
        self.limit = Some(sleep(limit.max(Duration::from_nanos(1))));
        self
    }

    fn take_over(&mut self) {
        while let Some((_, handle)) = self.joins.next_over() {
            self.is_so |= match self.when {
                When::FirstCompleted => true,
                When::FirstError => handle.task().to.has_failed(),
                When::All => false,
            };
            self.done.push(handle);
        }
    }
}

impl<H: Joinable> Future for Wait<H> {
    type Output = Result<Waited<H>, NothingToWaitFor>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        if this.is_empty {
            return Poll::Ready(Err(NothingToWaitFor(())));
        }
        this.take_over();
        if !this.is_so && this.joins.left() > 0 {
            // Everybody who is over was just taken.
            this.joins.park(cx, Awaited { at, renewed: false });
            let limit = this.limit.as_mut();
            if limit.is_none_or(|limit| limit.poll_for(TimerKind::Timeout, cx, at).is_pending()) {
                return Poll::Pending;
            }
        }
        this.limit = None;
        Poll::Ready(Ok(Waited { done: std::mem::take(&mut this.done), pending: this.joins.give_back() }))
    }
}

impl<H: Joinable> fmt::Debug for Wait<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("when", &self.when)
            .field("left", &self.joins.left())
            .field("limit", &self.limit.as_ref().map(Sleep::deadline))
            .finish_non_exhaustive()
    }
}
