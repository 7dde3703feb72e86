//! Task-locals: values that a task and everything it spawns can see without being handed them.
//!
//! ```text
//!   REQUEST.scope(value, future)   the future, and all that is spawned from inside of it, sees the value
//!        │ spawn, call_soon, TaskGroup      one pointer is copied
//!        ├──────► child                     sees what its parent saw at that moment, whatever the parent does later
//!        └──────► to_thread(f)              f sees those values whose type is Send + Sync
//! ```
//!
//! A context is a small table that is never changed, only replaced: a scope copies it with its own value put in, so that it
//! grows with the number of different task-locals and not with the depth of scopes. A thread has one context at a time, which
//! is that of the task being polled; where no task-local is used there is none, and spawning does nothing but ask whether
//! there is.
//!
//! # Who may touch what
//!
//! A context belongs to its thread. What crosses to a thread of [`to_thread`](crate::to_thread) is a copy that holds only
//! values of types that are `Send + Sync`; a closure of [`spawn_blocking`](crate::spawn_blocking), as in asyncio's
//! `run_in_executor`, and what comes through a [`Handle`](crate::Handle), a closure or a task, begins without any:
//! task-locals of the thread that sends it may not go along, and those of the task that happens to run there are not its.
//! [`Context`] says so explicitly, where it is to be another one.

mod explicit;
mod local;
mod scope;
mod table;

pub use explicit::Context;
pub use local::{NotSet, TaskLocal};
pub use scope::{InContext, Scope};

pub(crate) use scope::bind;
pub(crate) use table::{Entered, Values, capture, enter, heed_hooks, portable, spawns_are_plain};

#[doc(hidden)]
pub mod __private {
    //! What [`task_local!`](crate::task_local) expands to.

    pub use super::table::{Probe, ThreadBound, Value};
}
