//! One task and what it waits for.

use super::{Place, ResourceRef, TaskKind, TaskState, WaitKind, WallTime};

/// One task, live or recently finished: one row of `tasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// Never reused in a process.
    pub id: u64,
    /// The name it was given.
    pub name: Option<String>,
    /// What runs.
    pub kind: TaskKind,
    /// The task that spawned it, which may be gone.
    pub parent: Option<u64>,
    /// The group it belongs to, by resource id, where that is known.
    pub group: Option<u64>,
    /// The loop it belongs to (`loop` in JSON).
    pub loop_id: Option<u64>,
    /// Where it stands.
    pub state: TaskState,
    /// For how long it has stood there.
    pub state_for_ns: Option<u64>,
    /// Where it was spawned.
    pub site: Option<Place>,
    /// When it was spawned.
    pub spawned_at: Option<WallTime>,
    /// When it ended, if it did.
    pub ended_at: Option<WallTime>,
    /// How often its future was polled.
    pub polls: u64,
    /// Wakes that made it scheduled.
    pub wakes: u64,
    /// Wakes that came from its own poll.
    pub self_wakes: u64,
    /// Live wakers; known of tasks spawned in debug mode only.
    pub wakers: Option<u64>,
    /// Time in `poll`, the poll under way included.
    pub busy_ns: u64,
    /// Time between a wake and the poll it led to.
    pub scheduled_ns: u64,
    /// The rest of its life.
    pub idle_ns: u64,
    /// The longest single poll so far, the one under way included.
    pub longest_poll_ns: Option<u64>,
    /// Size of the future in bytes.
    pub size_bytes: Option<u64>,
    /// Tasks that wait for it, transitively.
    pub blocks: Option<u64>,
    /// What it waits for, the oldest first, 8 at most.
    pub waiting_on: Vec<Wait>,
    /// Waits left out of `waiting_on`.
    pub waiting_on_more: u64,
    /// The names of the warnings that hold of it.
    pub warnings: Vec<String>,
}

impl Task {
    /// The most waits that a row lists.
    pub const WAITS_MAX: usize = 8;
}

/// One thing that a task waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// What for.
    pub kind: WaitKind,
    /// The resource waited for.
    pub resource: Option<ResourceRef>,
    /// The task waited for: the one joined, or the one that holds the lock.
    pub task: Option<u64>,
    /// The name of that task.
    pub task_name: Option<String>,
    /// Since when.
    pub for_ns: Option<u64>,
    /// When a timer ends, from now on; negative if that is past.
    pub deadline_in_ns: Option<i64>,
    /// The place of the `.await`.
    pub at: Option<Place>,
    /// Where the awaited future was made.
    pub made_at: Option<Place>,
    /// More, in words: a name being resolved, a signal, a command.
    pub detail: Option<String>,
    /// The task was polled again without renewing this wait, so that it may be over.
    pub perhaps: bool,
}
