#![allow(unsafe_code, reason = "says Send of a future that it only touches on its own thread")]
//! A future that stays on its thread although its type may travel.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

/// Makes a future `Send` that is not, by promising that it stays on this thread and checking that it does.
///
/// Futures of this runtime are `!Send`, since whatever they wait in belongs to their loop. Libraries made for executors with
/// many threads ask for `Send` futures all the same: axum of its handlers, hyper of its timers. On a loop nothing ever moves to
/// another thread, so the promise holds by itself; where it is broken nevertheless, nothing is touched.
///
/// The output need not be `Send` either: whoever polls is on the right thread.
///
/// # Cancel safety
///
/// As of the future that is wrapped.
///
/// # Panics
///
/// The future panics when it is polled, or dropped, on another thread than the one that called this; dropped there, what it
/// wraps is leaked, because its destructor belongs to its thread as well.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// /// A handler that must be `Send`, and waits for a timer of the loop.
/// async fn slow() -> &'static str {
///     loopscope::task::tied(async {
///         loopscope::sleep(Duration::from_millis(1)).await;
///         "done"
///     })
///     .await
/// }
///
/// fn asks_for_send<F: Future + Send>(handler: F) -> F {
///     handler
/// }
///
/// assert_eq!(loopscope::run(asks_for_send(slow())), "done");
/// ```
pub fn tied<F: Future>(future: F) -> Tied<F> {
    Tied { thread: thread::current().id(), future: ManuallyDrop::new(Box::pin(future)) }
}

/// The future of [`tied`].
#[must_use = "futures do nothing unless awaited"]
pub struct Tied<F> {
    thread: ThreadId,
    /// On the heap, so that leaking it on a foreign thread keeps it where it is pinned.
    future: ManuallyDrop<Pin<Box<F>>>,
}

// SAFETY: the future is only reached through `reach`, which first makes sure that this is the thread it was made on; moving a
// `Tied` moves a pointer. The drop on another thread leaves it alone.
unsafe impl<F> Send for Tied<F> {}
// SAFETY: a shared reference gives access to the thread's number and nothing else.
unsafe impl<F> Sync for Tied<F> {}

impl<F> Unpin for Tied<F> {}

impl<F> Tied<F> {
    fn is_at_home(&self) -> bool {
        thread::current().id() == self.thread
    }

    /// The future.
    ///
    /// # Panics
    ///
    /// On another thread than its own.
    #[track_caller]
    pub(crate) fn reach(&mut self) -> Pin<&mut F> {
        assert!(self.is_at_home(), "a future that is tied to its thread was used on another one");
        self.future.as_mut()
    }
}

impl<F: Future> Future for Tied<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.reach().poll(cx)
    }
}

impl<F> Drop for Tied<F> {
    fn drop(&mut self) {
        if self.is_at_home() {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.future) };
        } else {
            assert!(
                thread::panicking(),
                "a future that is tied to its thread was dropped on another one; it is leaked"
            );
        }
    }
}

impl<F> fmt::Debug for Tied<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tied").field("thread", &self.thread).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::task::Waker;

    #[test]
    fn it_is_polled_and_dropped_on_its_own_thread_only() {
        let (mine, kept) = (Rc::new(7), Rc::new(8));
        let (other, moved) = (Rc::clone(&mine), Rc::clone(&kept));
        let mut polled = tied(async move { *other });
        let dropped = tied(async move { *moved });
        thread::scope(|scope| {
            let polls = scope.spawn(|| Pin::new(&mut polled).poll(&mut Context::from_waker(Waker::noop())));
            assert!(polls.join().is_err());
            assert!(scope.spawn(move || drop(dropped)).join().is_err());
        });
        assert_eq!(Rc::strong_count(&kept), 2, "leaked, not dropped");
        let at_home = Pin::new(&mut polled).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(at_home, Poll::Ready(7));
        drop(polled);
        assert_eq!(Rc::strong_count(&mine), 1);
    }
}
