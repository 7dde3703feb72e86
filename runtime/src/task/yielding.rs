//! Letting others run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::event_loop::slot::Loop;

/// Lets every other task that is ready have its turn first.
///
/// # Cancel safety
///
/// There is nothing to lose.
#[doc(alias = "asyncio.sleep")]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Loop {
    /// Takes one operation from the running task's budget. Returns false, with the task woken for another turn, when it is
    /// used up: a socket that is always ready must not keep everybody else waiting.
    #[inline]
    pub(crate) fn spend_budget(&self, cx: &Context<'_>) -> bool {
        if let Some(left) = self.budget.get().checked_sub(1) {
            self.budget.set(left);
            true
        } else {
            cx.waker().wake_by_ref();
            false
        }
    }
}
