//! Clocks, sleeping and time limits.
//!
//! A timer fires at its deadline or up to about 0.3 ms later, never early. In a test with a paused clock
//! (`#[loopscope::test(paused)]`) time stands still while anything can run and jumps to the next deadline when nothing can.

mod graceful;
mod instant;
mod interval;
mod scope;
pub(crate) mod sleep;
mod timeout;
pub(crate) mod wheel;

pub use graceful::{TimeoutGraceful, timeout_graceful};
pub use instant::Instant;
pub use interval::{Interval, MissedTick, interval, interval_at};
pub use scope::{Deadline, NotActive, TimeoutScope, timeout_scope, timeout_scope_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
