//! Time limits: the inner future is dropped at the deadline.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::sleep::Sleep;
use super::{Instant, sleep};
use crate::telemetry::view::TimerKind;

/// Gives `future` at most `duration`.
///
/// At the deadline the future is dropped, so that the limit cannot be exceeded or refused. A future that is ready at its first
/// poll wins even over a limit of zero.
///
/// Around the handle of a task, what is dropped is the handle: the task runs on. [`timeout_graceful`](super::timeout_graceful) ends
/// the task too, `timeout(limit, &mut task)` keeps the handle, and [`timeout_scope`](super::timeout_scope) has a deadline that can be moved.
///
/// # Errors
///
/// [`Elapsed`] when the time is up.
///
/// # Cancel safety
///
/// As cancel safe as `future`.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// loopscope::run(async {
///     let late = loopscope::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
///     assert_eq!(late.unwrap_err().to_string(), "the time limit of 1ms is over");
/// });
/// ```
#[doc(alias = "asyncio.timeout")]
#[doc(alias = "asyncio.wait_for")]
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    // A limit of zero still needs a real deadline: a sleep of zero is a yield.
    let sleep = sleep(duration.max(Duration::from_nanos(1)));
    Timeout { future: future.into_future(), sleep, limit: Some(duration) }
}

/// Gives `future` time until `deadline`. See [`timeout`].
///
/// # Errors
///
/// [`Elapsed`] when the deadline has passed.
///
/// # Cancel safety
///
/// As cancel safe as `future`.
#[doc(alias = "asyncio.timeout_at")]
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let deadline = deadline.as_nanos().max(1);
    Timeout { future: future.into_future(), sleep: Sleep::new(deadline, Location::caller()), limit: None }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
        limit: Option<Duration>,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep
            .poll_for(TimerKind::Timeout, cx, Location::caller())
            .map(|()| Err(Elapsed { limit: *this.limit }))
    }
}

/// The time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "asyncio.TimeoutError")]
pub struct Elapsed {
    limit: Option<Duration>,
}

impl Elapsed {
    pub(crate) fn of(limit: Option<Duration>) -> Self {
        Self { limit }
    }

    /// The limit that is over; `None` of a deadline that was given as an instant, or moved.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "the time limit of {limit:?} is over"),
            None => f.write_str("the deadline has passed"),
        }
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}
