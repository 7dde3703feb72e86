//! The stack of a loop's thread.

use super::{Frame, Place};

/// The stack of a loop's thread at one moment: one row of `stack`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NativeStack {
    /// The loop.
    pub loop_id: u64,
    /// The name of its thread.
    pub thread: Option<String>,
    /// The OS's number of the thread.
    pub tid: Option<i32>,
    /// The task that was being polled.
    pub task: Option<u64>,
    /// Its name.
    pub task_name: Option<String>,
    /// Where it was spawned.
    pub site: Option<Place>,
    /// For how long it had been polled.
    pub running_for_ns: Option<u64>,
    /// Innermost first; empty where none could be captured.
    pub frames: Vec<Frame>,
    /// Whether there are more frames than could be captured.
    pub truncated: bool,
    /// Why there are no frames or only some, or what the kernel says instead.
    pub note: Option<String>,
}
