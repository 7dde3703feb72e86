//! Work that blocks, on threads of its own: [`spawn_blocking`], [`to_thread`] and the pool behind them.
//!
//! ```text
//!   spawn_blocking ──1─► queued ──2─► running ──3─► completed | panicked ──4─► whoever awaits the handle
//!                          │ 5 cancel: never runs
//!                          └──────► cancelled
//! ```
//!
//! 1. the closure enters the queue of the process's pool; a thread is told, or started where none is idle and there are fewer
//!    than the maximum;
//! 2. threads take jobs in the order they came;
//! 3. a panic is caught and is the job's result;
//! 4. the handle can be awaited on any loop, or under another executor; nobody's panic is reported through the
//!    [`on_unhandled`](crate::runner::Builder::on_unhandled) of the loop that made the job;
//! 5. by [`JobHandle::cancel`], by dropping the future of [`to_thread`], or at the end of the loop that made it. A job that runs
//!    cannot be stopped, here as in asyncio: nothing but its own code can end it.
//!
//! # The pool
//!
//! One a process, not one a loop, so that ten loops do not have ten times the threads. Its threads are called
//! `loopscope-blocking-N`, start on demand, and end after ten seconds without work. There are at most `min(32, cores + 4)` of
//! them, as in asyncio, so jobs that wait for other jobs can starve each other; see [`Settings::threads_max`]. The queue holds
//! up to a million jobs, which is a limit against running out of memory and not a measure of what is sensible: a job that finds
//! no room is refused, its closure is dropped, and its handle gives a [`JoinError`](crate::JoinError) that says so, since
//! `spawn_blocking` has no way to wait. [`configure`] and [`Builder::blocking`](crate::runner::Builder::blocking) change all
//! of this. Names of hosts are resolved by threads of a second pool, so that a full one here does not delay connections.
//!
//! # The end of a loop
//!
//! Jobs belong to the loop they were made on. Those of it that are still queued when it ends never run. Those that run are
//! waited for: by [`run`](crate::run) and `#[loopscope::main]` for up to five minutes, as asyncio does, after which a message
//! says so (what they [`post`](crate::Handle::post) is done meanwhile, but what that spawns is dropped); by [`Runner::shutdown`](crate::Runner::shutdown) within its grace, and its report names them; and not at all when
//! a [`Runner`](crate::Runner) is dropped. Jobs that were made outside of a loop are nobody's and end with the process.
//!
//! # Who may touch what
//!
//! The queue, the numbers and the right to write the job records lie in the pool's lock; a job's closure and result in the
//! job's own lock, which is never held together with the pool's. Readers of the records take neither.
//!
//! In the child of a fork the pool is gone, with all of its jobs; the first job there makes a new one.

mod builder;
mod handle;
mod job;
pub(crate) mod outstanding;
pub(crate) mod pool;
mod report;
mod settings;
mod to_thread;

pub use builder::{Builder, spawn_blocking};
pub use handle::JobHandle;
pub(crate) use job::CalledOff;
pub use settings::{Settings, configure};
pub use to_thread::{ToThread, to_thread};
