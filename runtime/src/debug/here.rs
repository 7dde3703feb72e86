//! Which loop and which task run on this thread: what goes with a line that the application logs.

use crate::event_loop::current;
use crate::task::TaskId;

/// Where this thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here {
    /// The loop that runs on this thread.
    pub loop_id: u64,
    /// Whether that is left out of pictures, as those that serve inspection are.
    pub hidden: bool,
    /// The task that is being polled or dropped.
    pub task: Option<TaskId>,
}

/// Where this thread is, if a loop runs on it. Takes no lock, so that it may be asked from anywhere.
pub fn here() -> Option<Here> {
    let lp = current::get()?;
    let (loop_id, hidden) = lp.number()?;
    Some(Here { loop_id, hidden, task: crate::task::current() })
}
