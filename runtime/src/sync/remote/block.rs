//! A plain thread that waits: it sleeps until its waker is woken.

use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::event_loop::current;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// Polls, and sleeps in between, until it is ready.
///
/// # Panics
///
/// On the thread of a loop that runs, which would stand still.
#[track_caller]
pub(super) fn until<T>(what: &str, mut poll: impl FnMut(&Waker) -> Poll<T>) -> T {
    assert!(current::get().is_none(), "{what} would stop the event loop of this thread: await it instead");
    // While the thread's locals are being destroyed there is none to borrow.
    let waker =
        WAKER.try_with(Waker::clone).unwrap_or_else(|_| Waker::from(Arc::new(Unpark(thread::current()))));
    loop {
        // Whoever unparks the thread for another reason costs one poll.
        match poll(&waker) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
