//! One warning.

use super::{Frame, Place, Severity, WallTime};

/// Something that is wrong: one row of `warnings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warning {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// The name of the lint, as in `slow-poll`.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// The task it is about.
    pub task: Option<u64>,
    /// The resource it is about.
    pub resource: Option<u64>,
    /// The loop it is about.
    pub loop_id: Option<u64>,
    /// How often it was seen, or how many are part of it.
    pub count: u64,
    /// For how long, or how long the worst took.
    pub for_ns: Option<u64>,
    /// What is wrong, in words.
    pub message: String,
    /// Where.
    pub at: Option<Place>,
    /// The stack, innermost first, where one was captured.
    pub stack: Vec<Frame>,
    /// When it was found first.
    pub first_seen: Option<WallTime>,
    /// When it was found last; of one that holds, now.
    pub last_seen: Option<WallTime>,
    /// Whether it was found and is over. Otherwise it holds now.
    pub past: bool,
    /// The name of the task.
    pub task_name: Option<String>,
    /// What the lint means, in one line; empty where the agent does not say.
    pub summary: String,
    /// How to mend it; empty where the agent does not say.
    pub help: String,
    /// More, a line each: who holds and waits, where a lock was taken.
    pub notes: Vec<String>,
    /// The stack by which the task was spawned, innermost first, where one was kept.
    pub created: Vec<Frame>,
}
