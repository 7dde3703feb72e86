//! Debug mode: what asyncio's tells afterwards, told at once, with who, where and since when.
//!
//! ```text
//!   who finds something                        the ledger (one a process)                  who hears of it
//!   loop: slow polls, never retrieved, … ──►   one entry for each lint, place and   ──►   `tracing`, target "loopscope"
//!   watchdog: a loop that is blocked now       resource: first, last, count, worst        the loop's `on_warning` hook
//!   agent: deadlocks, leaks, starvation        (the last 1,024 of them)                   the inspector's table
//! ```
//!
//! It is switched on by `LOOPSCOPE_DEBUG=1` in the environment, by `#[loopscope::main(debug)]`, by
//! [`Builder::debug`](crate::runner::Builder::debug), from [`Handle::set_debug`](crate::Handle::set_debug) while the loop runs, or from outside by
//! `loopscope debug PID on`. What says more wins: `Runner::builder().debug(false)` is for loops that must stay out of it whatever the environment says.
//!
//! A warning is a [`Warning`]: which [`Lint`] found it, how bad it is, since when, how often, which task, where, with the stack where there is one, and what to
//! do. The same thing found again is counted in its entry, and told again when the count has doubled.

mod creation;
mod events;
#[doc(hidden)]
pub mod fatal;
pub(crate) mod here;
mod ledger;
mod lint;
pub(crate) mod log;
mod mode;
mod must_poll;
mod pending;
mod sink;
mod slow;
#[cfg(feature = "stacks")]
pub(crate) mod symbols;
mod warning;

pub use creation::CreationStack;
pub(crate) use creation::CreationStacks;
pub use ledger::{Entry, entries, entries_lost, forget_all};
pub(crate) use ledger::{Ledger, ledger};
pub use lint::{Lint, Severity};
pub use mode::{BadMode, Mode, Settings};
pub use must_poll::{MustPoll, must_poll};
pub(crate) use sink::unhandled;
pub use sink::{report, say};
pub use warning::{Frame, Warning};
