//! Tasks: futures that run by themselves on this thread's loop.

mod builder;
pub(crate) mod cell;
pub(crate) mod control;
mod eager;
pub(crate) mod graceful;
mod handle;
pub(crate) mod memory;
pub(crate) mod raw;
pub(crate) mod task_ref;
mod tied;
pub(crate) mod waker;
mod yielding;

pub use builder::{Builder, spawn, spawn_eager, spawn_fallible};
pub use graceful::{CancelGracefully, Ending, cancel_requested, token};
pub use handle::{Cancel, JoinError, Task, TaskId, all_tasks, current};
pub use tied::{Tied, tied};
pub use yielding::{YieldNow, yield_now};
