//! One event loop.

use super::{DebugMode, Place, Summary};

/// One event loop: one row of `loops`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loop {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// Counted from 0 in the process, never reused.
    pub id: u64,
    /// The name it was given.
    pub name: Option<String>,
    /// The name of its thread.
    pub thread: Option<String>,
    /// The OS's number of its thread.
    pub tid: Option<i32>,
    /// Whether it serves the inspector itself and is left out unless asked for.
    pub hidden: bool,
    /// Whether debug mode is on.
    pub debug: bool,
    /// How much debug mode does.
    pub debug_mode: Option<DebugMode>,
    /// From when on debug mode calls a poll slow.
    pub slow_callback_ns: Option<u64>,
    /// How long it has been there.
    pub uptime_ns: Option<u64>,
    /// Live tasks.
    pub tasks: u64,
    /// Tasks and callbacks in the run queue.
    pub ready: u64,
    /// Live timers.
    pub timers: Option<u64>,
    /// The part of the time it was busy since the previous picture, else since its start: 0.0 to 1.0.
    pub utilisation: Option<f64>,
    /// Turns of the loop.
    pub ticks: u64,
    /// Times the OS was asked for events.
    pub driver_turns: Option<u64>,
    /// Polls of all tasks.
    pub polls: Option<u64>,
    /// Wakes that came from other threads.
    pub remote_wakes: Option<u64>,
    /// Time in polls and callbacks, the one under way included.
    pub busy_ns: Option<u64>,
    /// Time asleep in the OS.
    pub parked_ns: Option<u64>,
    /// The poll under way.
    pub running: Option<Running>,
    /// How long polls took.
    pub poll: Option<Summary>,
    /// How long tasks stood in the run queue.
    pub scheduled: Option<Summary>,
    /// How late timers fired.
    pub lateness: Option<Summary>,
    /// How long the loop slept in the OS.
    pub io_wait: Option<Summary>,
}

/// The poll under way in a loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// The task, or `None` where the loop itself or an unknown task runs.
    pub task: Option<u64>,
    /// For how long.
    pub for_ns: u64,
    /// The name of the task.
    pub name: Option<String>,
    /// Where the task was spawned.
    pub site: Option<Place>,
}
