//! What has to be done before Ctrl-C ends the process, since after that no destructor runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

type Call = Box<dyn FnOnce() + Send>;

/// In the order in which they were asked for.
static CALLS: Mutex<Vec<Call>> = Mutex::new(Vec::new());

/// Calls `last` before the process is ended by a Ctrl-C that [`run`](super::run) or `#[loopscope::main]` has taken: when the
/// loop is closed and everything in it is dropped. For a file that should not stay behind.
///
/// It is called on the thread of that loop. It is not called at a second Ctrl-C, which ends the process at once, nor at another
/// end of the process. In the child of a fork it would be called too, which `last` can tell by the process's number.
///
/// # Examples
///
/// ```
/// loopscope::runner::before_interrupted_exit(|| drop(std::fs::remove_file("/tmp/shop.pid")));
/// ```
pub fn before_interrupted_exit(last: impl FnOnce() + Send + 'static) {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(last));
}

/// Calls all of them. One that panics has said so and does not keep the others from being called.
pub(super) fn say() {
    let calls = std::mem::take(&mut *CALLS.lock().unwrap_or_else(PoisonError::into_inner));
    for call in calls {
        let _ = catch_unwind(AssertUnwindSafe(call));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn each_is_called_once_in_order_also_after_one_that_panics() {
        let (sender, called) = channel();
        for number in 0..3 {
            let sender = sender.clone();
            before_interrupted_exit(move || {
                sender.send(number).unwrap();
                assert_ne!(number, 1, "this is the test's own");
            });
        }
        drop(sender);
        say();
        assert_eq!(called.iter().collect::<Vec<_>>(), [0, 1, 2]);
        say();
    }
}
