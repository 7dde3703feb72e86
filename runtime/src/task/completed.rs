//! Tasks in the order in which they end.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::joins::{Awaited, Joinable, Joins};
use crate::telemetry::view::TimerKind;
use crate::time::sleep::{Sleep, sleep};
use crate::time::{Elapsed, Instant};

/// Gives the handles of tasks back in the order in which the tasks end: a stream, or call [`next`](AsCompleted::next).
///
/// It takes handles, or mutable references to handles, and gives the very same ones: awaiting one that came out does not wait,
/// and its `id` says which it is. What the end of a task costs does not depend on how many there are. Nothing is cancelled: the
/// tasks that are left when it is dropped run on; [`into_rest`](AsCompleted::into_rest) gives their handles, also when the time
/// is up that [`timeout`](AsCompleted::timeout) sets.
///
/// # Panics
///
/// Outside of the loop of the tasks, unless they are over.
///
/// # Examples
///
/// ```
/// use loopscope::task::as_completed;
/// use loopscope::{sleep, spawn};
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let nap = |n| spawn(async move { sleep(Duration::from_millis(n)).await; n });
///     let mut completed = as_completed([20, 1].map(nap));
///     let mut order = Vec::new();
///     while let Some(task) = completed.next().await {
///         order.push(task.await.unwrap());
///     }
///     assert_eq!(order, [1, 20]);
/// });
/// ```
#[doc(alias = "asyncio.as_completed")]
#[track_caller]
pub fn as_completed<I>(tasks: I) -> AsCompleted<I::Item>
where
    I: IntoIterator,
    I::Item: Joinable,
{
    AsCompleted { joins: Joins::new("waiting for tasks", tasks, Location::caller()) }
}

/// The stream of [`as_completed`].
#[must_use = "streams do nothing unless polled"]
pub struct AsCompleted<H: Joinable> {
    joins: Joins<H>,
}

impl<H: Joinable> Unpin for AsCompleted<H> {}

impl<H: Joinable> AsCompleted<H> {
    /// The next task that ends, or ended; `None` when none is left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[expect(clippy::should_implement_trait, reason = "it is a stream, whose method this is called like")]
    #[track_caller]
    pub fn next(&mut self) -> Next<'_, H> {
        Next { of: self }
    }

    /// Gives it until then: what ends later does not come out any more. The time begins now.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn timeout(self, limit: Duration) -> AsCompletedWithin<H> {
        // A limit of zero still needs a real deadline: a sleep of zero is a yield.
        let sleep = sleep(limit.max(Duration::from_nanos(1)));
        AsCompletedWithin { of: self, deadline: sleep.deadline(), sleep, limit, is_elapsed: false }
    }

    /// Tasks that did not come out yet.
    pub fn len(&self) -> usize {
        self.joins.left()
    }

    /// Whether all came out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The handles of the tasks that did not come out, in the order in which they were given.
    pub fn into_rest(mut self) -> Vec<H> {
        self.joins.give_back()
    }

    #[track_caller]
    fn poll_at(&mut self, cx: &Context<'_>, awaited: Awaited) -> Poll<Option<H>> {
        let next = ready!(self.joins.poll_next(cx, awaited));
        self.joins.rest();
        Poll::Ready(next.map(|(_, handle)| handle))
    }
}

impl<H: Joinable> Stream for AsCompleted<H> {
    type Item = H;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<H>> {
        self.poll_at(cx, Awaited { at: Location::caller(), renewed: true })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<H: Joinable> FusedStream for AsCompleted<H> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<H: Joinable> fmt::Debug for AsCompleted<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.len()).finish_non_exhaustive()
    }
}

/// The future of [`AsCompleted::next`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Next<'a, H: Joinable> {
    of: &'a mut AsCompleted<H>,
}

impl<H: Joinable> Future for Next<'_, H> {
    type Output = Option<H>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<H>> {
        self.of.poll_at(cx, Awaited { at: Location::caller(), renewed: false })
    }
}

impl<H: Joinable> Drop for Next<'_, H> {
    fn drop(&mut self) {
        self.of.joins.rest();
    }
}

/// The stream of [`AsCompleted::timeout`]: tasks as they end; once the time is up and no task that ended by then is left, one
/// [`Elapsed`], and then nothing.
#[must_use = "streams do nothing unless polled"]
pub struct AsCompletedWithin<H: Joinable> {
    of: AsCompleted<H>,
    deadline: Instant,
    sleep: Sleep,
    limit: Duration,
    is_elapsed: bool,
}

impl<H: Joinable> Unpin for AsCompletedWithin<H> {}

impl<H: Joinable> AsCompletedWithin<H> {
    /// The next task that ends, or ended; `None` when none is left, and after the time was up.
    ///
    /// # Errors
    ///
    /// [`Elapsed`], once, when the time is up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[expect(clippy::should_implement_trait, reason = "it is a stream, whose method this is called like")]
    #[track_caller]
    pub fn next(&mut self) -> NextWithin<'_, H> {
        NextWithin { of: self }
    }

    /// The handles of the tasks that did not come out, in the order in which they were given.
    pub fn into_rest(self) -> Vec<H> {
        self.of.into_rest()
    }

    #[track_caller]
    fn poll_at(&mut self, cx: &Context<'_>, awaited: Awaited) -> Poll<Option<Result<H, Elapsed>>> {
        if self.is_elapsed {
            return Poll::Ready(None);
        }
        if let Poll::Ready(next) = self.of.poll_at(cx, awaited) {
            self.rest();
            return Poll::Ready(next.map(Ok));
        }
        ready!(self.sleep.poll_for(TimerKind::Timeout, cx, awaited.at));
        self.is_elapsed = true;
        self.rest();
        Poll::Ready(Some(Err(Elapsed::of(Some(self.limit)))))
    }

    /// Nobody awaits it for now.
    fn rest(&mut self) {
        self.of.joins.rest();
        self.sleep.reset(self.deadline);
    }
}

impl<H: Joinable> Stream for AsCompletedWithin<H> {
    type Item = Result<H, Elapsed>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_at(cx, Awaited { at: Location::caller(), renewed: true })
    }
}

impl<H: Joinable> fmt::Debug for AsCompletedWithin<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompletedWithin")
            .field("left", &self.of.len())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// The future of [`AsCompletedWithin::next`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct NextWithin<'a, H: Joinable> {
    of: &'a mut AsCompletedWithin<H>,
}

impl<H: Joinable> Future for NextWithin<'_, H> {
    type Output = Option<Result<H, Elapsed>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.of.poll_at(cx, Awaited { at: Location::caller(), renewed: false })
    }
}

impl<H: Joinable> Drop for NextWithin<'_, H> {
    fn drop(&mut self) {
        self.of.rest();
    }
}
