//! What was seen of one or more processes, as plain values.
//!
//! The agent fills these values from the records of its loops, the wire carries them, and the terminal, the command line
//! and the exporters read them. Nothing here does I/O or reads a clock.
//!
//! # Conventions
//!
//! - The fields are those of the JSON that `loopscope --json` prints; `loop_id` stands for `loop`, which is a keyword.
//! - Durations are whole nanoseconds in fields that end in `_ns`; an elapsed time ends in `for_ns`.
//! - A wall-clock time is a [`WallTime`]: nanoseconds since the Unix epoch.
//! - What is unknown is `None`, never 0.
//! - Every string that comes from the observed program is kept as it came and may hold anything. Who shows one escapes it, by [`words::escape`].

pub mod asyncio;
pub mod graph;
pub mod lints;
pub mod query;
pub mod rates;
pub mod sentinel;
pub mod spelling;
pub mod tree;
pub mod why;
pub mod words;

mod cancelled;
mod capability;
mod debug_mode;
mod dump;
mod escape;
mod event_loop;
mod hist;
mod histogram;
mod job;
mod kind;
mod log;
mod name;
mod native_stack;
mod place;
mod process;
mod resource;
mod site;
mod snapshot;
mod sync;
mod task;
mod timer;
mod wall_time;
mod warning;

pub use cancelled::{CancelOutcome, Cancelled};
pub use capability::{Capabilities, Capability, Rights};
pub use debug_mode::{DebugMode, DebugState};
pub use dump::{Branch, Dump, Reached, TaskStack};
pub use event_loop::{Loop, Running};
pub use graph::WaitGraph;
pub use hist::{Bucket, Hist, Summary};
pub use histogram::{Histogram, HistogramKey, HistogramKind, Histograms, Names};
pub use job::{Job, Pool};
pub use kind::{InCycle, ResourceKind, RuntimeKind, Severity, TaskKind, TaskState, TimerKind, WaitKind};
pub use lints::{Lint, Thresholds, Verdict};
pub use log::{LogLevel, LogLine, Logs};
pub use name::UnknownName;
pub use native_stack::NativeStack;
pub use place::{Frame, Place};
pub use process::Process;
pub use resource::{Directions, Exit, Io, IoTotal, ResourceRef};
pub use site::Site;
pub use snapshot::{Cycle, Snapshot, TreeNode};
pub use sync::{Sync, Waiter, Waiting};
pub use task::{Task, Wait};
pub use timer::Timer;
pub use wall_time::WallTime;
pub use warning::Warning;
