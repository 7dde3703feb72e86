//! Debug mode: what asyncio's tells afterwards, told at once, with who, where and since when.
//!
//! ```text
//!   who finds something                        the ledger (one a process)                  who hears of it
//!   loop: slow polls, never retrieved, … ──►   one entry for each lint, place and   ──►   the loop's `on_warning` hook
//!   watchdog: a loop that is blocked now       resource: first, last, count, worst        else `tracing`, target "loopscope"
//!   agent: deadlocks, leaks, starvation        (the last 1,024 of them)                   the inspector's table
//! ```
//!
//! # Switching it on
//!
//! | where | how |
//! |---|---|
//! | the environment | `LOOPSCOPE_DEBUG=1`, or `stacks`; `LOOPSCOPE_SLOW_CALLBACK=50ms` |
//! | `main`, a test | `#[loopscope::main(debug)]`, `debug = "stacks"`, `debug = false`; `#[loopscope::test(debug)]` |
//! | a loop | [`Builder::debug`](crate::runner::Builder::debug), [`debug_mode`](crate::runner::Builder::debug_mode), [`slow_callback`](crate::runner::Builder::slow_callback) |
//! | while it runs | [`Handle::set_debug`](crate::Handle::set_debug), [`set_slow_callback`](crate::Handle::set_slow_callback), from any thread |
//! | from outside | `loopscope debug PID on` |
//!
//! What is said in code wins over the environment: `Runner::builder().debug(false)` is for loops that must stay out of it. Loops that
//! serve the inspector stay out of it unless they are told otherwise.
//!
//! # What is found
//!
//! A [`Warning`] says which [`Lint`] found it, in words, about which task, where, with a stack where there is one. `loopscope explain
//! NAME` says what a lint means and how to mend it. Some need debug mode, some none:
//!
//! - in any mode what nobody can receive: a panic or an error of a task whose handle is gone, or of a promise ([`NeverRetrieved`](Lint::NeverRetrieved)), a panic in a
//!   callback or a destructor ([`Unhandled`](Lint::Unhandled)), bytes that a dropped writer loses ([`Unclosed`](Lint::Unclosed)). It comes when it happens, not when something is collected;
//! - in debug mode polls and callbacks that took too long ([`SlowPoll`](Lint::SlowPoll)), and a loop that is stuck in one now ([`Blocked`](Lint::Blocked));
//! - at a loop's end the tasks that are dropped with it, named, with what they waited for and where ([`DestroyedPending`](Lint::DestroyedPending)), those that
//!   never had a turn ([`NeverPolled`](Lint::NeverPolled)), and a runner that was dropped with tasks pending; one of each spawn site. What was cancelled is left out, and
//!   what was [left to the loop](crate::Task::leave_to_loop);
//! - children and servers that are dropped while they go on ([`Unclosed`](Lint::Unclosed)), with the place they were started at. Sockets, pipes and listeners
//!   are closed by dropping them, which is no mistake in Rust;
//! - futures that were made and forgotten, where they say that this is a mistake: [`must_poll`].
//!
//! # Who is told
//!
//! Once when it is found, and again when it was found 2, 4, 8, … times: the hook
//! [`on_warning`](crate::runner::Builder::on_warning) of the loop; without one `tracing`, where this thread has a subscriber, with the target `loopscope` and the fields `lint`, `count`, `loop_id`, `task`, `task_name`,
//! `resource` and `at`; without one standard error. Errors that nobody can receive go to [`on_unhandled`](crate::runner::Builder::on_unhandled) each
//! time, where it is set. [`entries`] has everything, and so do `loopscope warnings` and the live picture.
//!
//! ```
//! use std::time::Duration;
//! use loopscope::Runner;
//! use loopscope::debug::Lint;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (tell, told) = std::sync::mpsc::channel();
//! let mut runner = Runner::builder()
//!     .debug(true)
//!     .on_warning(move |warning, count| drop(tell.send((warning.lint, count))))
//!     .build()?;
//! runner.block_on(async {
//!     loopscope::task::Builder::new().name("forgotten").spawn(std::future::pending::<()>()).detach();
//!     loopscope::yield_now().await;
//! })?;
//! runner.shutdown(Duration::ZERO);
//! assert_eq!(told.recv()?, (Lint::DestroyedPending, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # Who made a task
//!
//! The place of its `spawn` is known of every task in any mode. In the mode [`Stacks`](Mode::Stacks) the whole stack is kept of the first eight tasks of a
//! spawn site and of one in 1,024 of the others: warnings about such a task have it, the inspector shows it with the task, and so does
//! [`LoopReader::creation_stack`](crate::telemetry::LoopReader::creation_stack).
//!
//! # What it costs
//!
//! Out of debug mode a poll compares its time with a number, and that is all. In debug mode wakers are counted, and a watchdog
//! looks on; with stacks a spawn that is chosen walks its stack. `docs/asyncio-debug.md` has all of asyncio's debug mode, row by row.

mod creation;
pub(crate) mod deadlock;
mod deny;
mod events;
#[doc(hidden)]
pub mod fatal;
pub(crate) mod here;
#[cfg(feature = "stacks")]
mod leaked;
mod ledger;
mod lint;
pub(crate) mod log;
mod mode;
mod must_poll;
mod off;
mod pending;
mod sink;
mod slow;
pub(crate) mod stack;
mod stalled;
#[cfg(feature = "stacks")]
pub(crate) mod symbols;
mod warning;
pub(crate) mod watchdog;

pub use creation::CreationStack;
pub(crate) use creation::CreationStacks;
pub use deny::deny_warnings;
pub(crate) use deny::run as run_denying;
pub use ledger::{Entry, entries, entries_lost, forget_all};
pub(crate) use ledger::{Ledger, ledger};
pub use lint::{Lint, Severity};
pub use mode::{BadMode, Mode, Settings};
pub use must_poll::{MustPoll, must_poll};
pub(crate) use sink::unhandled;
pub use sink::{report, say};
pub use stack::{Activity, Cut, NativeStack, StackError, ThreadState, native_stack};
pub use warning::{Frame, Warning};
pub use watchdog::{Watch, watch};
