//! An event loop that you can look into while it runs.
//!
//! Loopscope does for Rust what asyncio does for Python: one loop a thread, tasks that never move, timers, sockets, locks and
//! queues. Every loop keeps live records of all of it, which [`telemetry`] reads from any thread at any time.
//!
//! ```
//! use std::time::Duration;
//!
//! loopscope::run(async {
//!     println!("Hello ...");
//!     loopscope::sleep(Duration::from_millis(10)).await;
//!     println!("... World!");
//! });
//! ```

#[cfg(target_family = "wasm")]
compile_error!("loopscope needs epoll or kqueue and threads, which WebAssembly does not have");

#[cfg(not(loom))]
extern crate self as loopscope;

#[cfg(not(loom))]
pub mod task;

#[cfg(not(loom))]
pub mod runner;

#[cfg(not(loom))]
pub mod group;

#[cfg(not(loom))]
pub mod sync;

#[cfg(not(loom))]
pub mod time;

#[cfg(not(loom))]
pub mod io;

#[cfg(not(loom))]
pub mod net;

#[cfg(not(loom))]
mod event_loop;

#[cfg(not(loom))]
pub mod telemetry;

#[cfg(not(loom))]
#[doc(hidden)]
pub mod macros;

#[cfg(not(loom))]
pub use event_loop::handle::{Handle, LoopEnded};
#[cfg(not(loom))]
pub use loopscope_macros::{main, test};
#[cfg(not(loom))]
pub use runner::{Runner, run};
#[cfg(not(loom))]
pub use task::{JoinError, Task, TaskId, all_tasks, current, spawn, spawn_fallible, yield_now};
#[cfg(not(loom))]
pub use time::{sleep, sleep_until, timeout, timeout_at};

/// Under loom only what crosses threads is built, and its models.
#[cfg(loom)]
#[allow(dead_code, reason = "the models use a part of each module")]
mod event_loop {
    pub(crate) mod remote;
}

#[cfg(loom)]
#[allow(dead_code, reason = "the models use a part of each module")]
mod telemetry {
    pub(crate) mod atomic;
    pub(crate) mod identity;
}

#[cfg(not(loom))]
#[doc(hidden)]
pub mod __private {
    //! What the attribute macros expand to.

    use crate::runner::Builder;
    use std::future::Future;

    /// Runs the body of `#[loopscope::main]`.
    #[track_caller]
    pub fn run_main<F: Future>(builder: Builder, main: F) -> F::Output {
        match builder.build() {
            Ok(mut runner) => runner.block_on(main),
            Err(error) => panic!("cannot make an event loop: {error}"),
        }
    }

    /// Runs the body of `#[loopscope::test]`.
    #[track_caller]
    pub fn run_test<F: Future>(builder: Builder, test: F) -> F::Output {
        run_main(builder, test)
    }
}
