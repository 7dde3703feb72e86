//! What one reading says, as much of it as the lints look at.

use crate::model::{Place, TaskState};

/// One reading of a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// When, on a monotonic clock.
    pub at_ns: u64,
    /// Tasks for which [`TaskSeen::is_worth_a_look`].
    pub tasks: Vec<TaskSeen>,
    /// Spawn sites of which tasks live.
    pub sites: Vec<SiteSeen>,
    /// Locks that somebody holds and others wait for.
    pub locks: Vec<LockSeen>,
    /// Bounded queues and channels into which tasks wait to put something.
    pub queues: Vec<QueueSeen>,
    /// Where descriptors are made.
    pub places: Vec<PlaceSeen>,
    /// The pools of blocking threads.
    pub pools: Vec<PoolSeen>,
    /// The loops.
    pub loops: Vec<LoopSeen>,
    /// The descriptors of the process, where they were counted.
    pub files: Option<FilesSeen>,
}

/// A live task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskSeen {
    /// Which.
    pub id: u64,
    /// Its name.
    pub name: Option<String>,
    /// Its loop.
    pub loop_id: u64,
    /// Where it was spawned.
    pub site: Option<Place>,
    /// Where it stands.
    pub state: TaskState,
    /// For how long.
    pub state_for_ns: u64,
    /// Whether it is the main task of its loop.
    pub is_main: bool,
    /// For how long the poll under way on its loop has been under way.
    pub loop_running_ns: u64,
    /// How often it was polled.
    pub polls: u64,
    /// Wakes that came from its own poll.
    pub self_wakes: u64,
    /// Time in polls.
    pub busy_ns: u64,
    /// Live wakers, where they are counted.
    pub wakers: Option<u64>,
}

/// A task that has been ready for less is not looked at.
const READY_NS_MIN: u64 = 10_000_000;

/// A task with fewer polls does not turn in a circle.
const POLLS_MIN: u64 = 1_000;

impl TaskSeen {
    /// Whether a task with these numbers can have anything wrong with it that is told of single tasks: few have.
    pub fn is_worth_a_look(
        state: TaskState,
        state_for_ns: u64,
        polls: u64,
        self_wakes: u64,
        wakers: Option<u64>,
    ) -> bool {
        match state {
            TaskState::Running => true,
            TaskState::Scheduled if state_for_ns >= READY_NS_MIN => true,
            TaskState::Idle if wakers == Some(0) => true,
            state => !state.is_finished() && polls >= POLLS_MIN && self_wakes >= polls / 10 * 8,
        }
    }
}

/// A spawn site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteSeen {
    /// Its loop.
    pub loop_id: u64,
    /// Its number there.
    pub index: u32,
    /// Where.
    pub site: Option<Place>,
    /// The name of the first named task spawned there.
    pub name: Option<String>,
    /// Tasks alive.
    pub live: u64,
    /// Tasks that are over.
    pub ended: u64,
    /// Live tasks that wait for I/O.
    pub waiting_for_io: u64,
    /// The largest future of a live task, and which has it.
    pub largest: Option<(u64, u64)>,
}

/// A lock that somebody holds and others wait for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LockSeen {
    /// The resource.
    pub id: u64,
    /// Its loop.
    pub loop_id: u64,
    /// In words, as in `lock "db"`.
    pub what: String,
    /// Who holds it.
    pub holder: u64,
    /// The name of that task.
    pub holder_name: Option<String>,
    /// For how long.
    pub held_for_ns: u64,
    /// Where it was taken.
    pub held_at: Option<Place>,
    /// What the holder waits for, in words, where and for how long; `None` if it does not wait.
    pub holder_waits: Option<(String, Option<Place>, u64)>,
    /// How many wait for the lock.
    pub waiters: u64,
    /// How long the first of them has waited.
    pub longest_wait_ns: u64,
    /// Whether the holder can never go on anyway.
    pub is_stuck: bool,
}

/// Who took from a queue or channel last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Taker {
    /// Not known.
    #[default]
    Unknown,
    /// Nobody ever did.
    Nobody,
    /// A task that is over.
    Over,
    /// A task that lives.
    Live,
}

/// A bounded queue or channel into which tasks wait to put something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueSeen {
    /// The resource.
    pub id: u64,
    /// Its loop.
    pub loop_id: u64,
    /// In words.
    pub what: String,
    /// Where it was made.
    pub made_at: Option<Place>,
    /// How many wait to put something in.
    pub waiters: u64,
    /// The first of them.
    pub first: u64,
    /// How long that one has waited: nothing was taken in all that time.
    pub longest_wait_ns: u64,
    /// Who took from it last.
    pub taker: Taker,
}

/// Descriptors of one kind made at one place of one loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlaceSeen {
    /// The loop.
    pub loop_id: u64,
    /// Where they were made.
    pub made_at: Option<Place>,
    /// How many are open.
    pub open: u64,
    /// How many of these nobody waits for and nobody has used for [`UNUSED_NS_MIN`](Self::UNUSED_NS_MIN).
    pub unused: u64,
}

impl PlaceSeen {
    /// A descriptor that was used lately is none that was forgotten.
    pub const UNUSED_NS_MIN: u64 = 5_000_000_000;
}

/// A pool of blocking threads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolSeen {
    /// What it is called.
    pub name: String,
    /// Jobs queued.
    pub queued: u64,
    /// Threads.
    pub threads: u64,
}

/// Lateness is counted from these bounds on; a threshold in between is rounded up.
pub const LATE_BOUNDS_NS: [u64; 10] = {
    const MS: u64 = 1_000_000;
    [MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1_000 * MS, 5_000 * MS]
};

/// A loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoopSeen {
    /// Which.
    pub id: u64,
    /// The task of the poll under way, and for how long.
    pub running: Option<(Option<u64>, u64)>,
    /// Its name, if that task has one.
    pub running_name: Option<String>,
    /// Where that task was spawned.
    pub running_site: Option<Place>,
    /// Timers that fired.
    pub fired: u64,
    /// How many of them were as late as each of [`LATE_BOUNDS_NS`].
    pub late: [u64; LATE_BOUNDS_NS.len()],
}

/// The descriptors of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesSeen {
    /// Open now.
    pub open: u64,
    /// How many there may be (`RLIMIT_NOFILE`).
    pub limit: u64,
}
