//! A future that is dropped when a token is cancelled.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Cancelled;

pin_project! {
    /// The future of [`CancelToken::run_until_cancelled`](super::CancelToken::run_until_cancelled).
    #[must_use = "futures do nothing unless awaited"]
    pub struct RunUntilCancelled<F> {
        #[pin]
        future: Option<F>,
        cancelled: Cancelled,
    }
}

impl<F> RunUntilCancelled<F> {
    pub(super) fn new(cancelled: Cancelled, future: F) -> Self {
        Self { future: Some(future), cancelled }
    }
}

impl<F: Future> Future for RunUntilCancelled<F> {
    type Output = Option<F::Output>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let mut this = self.project();
        if !this.cancelled.is_cancelled()
            && let Some(future) = this.future.as_mut().as_pin_mut()
            && let Poll::Ready(output) = future.poll(cx)
        {
            this.future.set(None);
            return Poll::Ready(Some(output));
        }
        if this.cancelled.poll_at(cx, at).is_pending() {
            return Poll::Pending;
        }
        this.future.set(None);
        Poll::Ready(None)
    }
}

impl<F> fmt::Debug for RunUntilCancelled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntilCancelled").field("cancelled", &self.cancelled).finish_non_exhaustive()
    }
}
