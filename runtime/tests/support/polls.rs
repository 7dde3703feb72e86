//! Futures that are given up on the way, and conditions that come true in their own time.

#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Awaits a future until it was pending `left` times; then it is dropped, wherever it is, and there is no output.
pub(crate) async fn give_up_after<F: Future>(left: usize, future: F) -> Option<F::Output> {
    GiveUpAfter { left, future: Box::pin(future) }.await
}

struct GiveUpAfter<F> {
    left: usize,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for GiveUpAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Poll::Ready(output) = self.future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.left -= 1;
        if self.left == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// Polls once, for nobody.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits until something is so, however long that takes.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        loopscope::sleep(Duration::from_millis(1)).await;
    }
}

/// The state letter of a process; `None` when there is none of that number.
pub(crate) fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}
