//! Tasks: futures that run by themselves on this thread's loop.

mod builder;
#[cfg(feature = "stacks")]
pub(crate) mod capture;
pub(crate) mod cell;
mod completed;
pub(crate) mod control;
mod eager;
mod gather;
pub(crate) mod graceful;
mod handle;
pub(crate) mod hooks;
mod joins;
pub(crate) mod live_wakers;
pub(crate) mod memory;
mod portrait;
pub(crate) mod raw;
mod remote;
mod shield;
mod staggered;
pub(crate) mod task_ref;
mod tied;
mod wait;
pub(crate) mod waker;
mod yielding;

pub use builder::{Builder, spawn, spawn_eager, spawn_fallible};
pub use completed::{AsCompleted, AsCompletedWithin, Next, NextWithin, as_completed};
pub use gather::{Gather, GatherError, GatherSettled, gather, gather_settled};
pub use graceful::{CancelGracefully, Ending, cancel_requested, token};
pub use handle::{Cancel, JoinError, Task, TaskId, all_tasks, current};
pub use hooks::{SpawnedTask, TaskEnd, TaskHooks};
pub use joins::Joinable;
pub use remote::RemoteTask;
pub use shield::{Shield, shield, shield_fallible};
pub use staggered::{AllFailed, RaceStaggered, Won, race_staggered};
pub use tied::{Tied, tied};
pub use wait::{NothingToWaitFor, Wait, Waited, When, wait};
pub use yielding::{YieldNow, yield_now};
