//! One pending timer.

use super::{Place, TimerKind};

/// One pending timer: one row of `timers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// The loop it belongs to.
    pub loop_id: Option<u64>,
    /// The task that waits for it.
    pub task: Option<u64>,
    /// The name of that task.
    pub task_name: Option<String>,
    /// What it is for.
    pub kind: TimerKind,
    /// When it fires, from now on; negative if it is late.
    pub deadline_in_ns: i64,
    /// The place of the `.await` or of the call.
    pub at: Option<Place>,
}
