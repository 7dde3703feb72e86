//! Jobs on blocking threads, and the pools that run them.

use super::{Place, Summary, TaskState, WallTime};

/// One job, queued, running or recently ended: one row of `blocking`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// From the same counter as the ids of tasks, never reused in a process.
    pub id: u64,
    /// The name it was given; of a name being resolved, that name.
    pub name: Option<String>,
    /// The pool: `blocking` or `resolve`.
    pub pool: String,
    /// `scheduled` while it is queued, then `running`, then how it ended.
    pub state: TaskState,
    /// Where it was made.
    pub site: Option<Place>,
    /// The task that made it, which may be gone.
    pub parent: Option<u64>,
    /// The loop it was made on.
    pub parent_loop: Option<u64>,
    /// The OS's number of its thread, once it has one.
    pub tid: Option<i32>,
    /// How long it stood, or stands, in the queue.
    pub queued_for_ns: u64,
    /// How long it ran, or has been running; of a job that has not begun, nothing.
    pub running_for_ns: Option<u64>,
    /// When it was made.
    pub queued_at: WallTime,
    /// When it ended, if it did.
    pub ended_at: Option<WallTime>,
}

/// One pool of blocking threads: what is said beside the rows of `blocking`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// What it is called.
    pub name: String,
    /// Threads now.
    pub threads: u64,
    /// Threads that wait for a job.
    pub idle: u64,
    /// Threads at most.
    pub threads_max: u64,
    /// Jobs queued now.
    pub queued: u64,
    /// Jobs running now.
    pub running: u64,
    /// Jobs that returned.
    pub completed: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs taken out of the queue before they ran.
    pub cancelled: u64,
    /// Jobs that found no room in the queue, or no thread.
    pub refused: u64,
    /// Jobs that may be queued at most.
    pub queue_max: Option<u64>,
    /// How long jobs stood in the queue.
    pub waited: Option<Summary>,
    /// How long they ran.
    pub ran: Option<Summary>,
}
