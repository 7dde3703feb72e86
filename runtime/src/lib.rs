//! An event loop that you can look into while it runs.
//!
//! Loopscope does for Rust what asyncio does for Python: one loop a thread, tasks that never move, timers, sockets, locks and
//! queues. Every loop keeps live records of all of it, which [`telemetry`] reads from any thread at any time.
//!
//! ```
//! use std::time::Duration;
//!
//! #[loopscope::main]
//! async fn main() {
//!     println!("Hello …");
//!     loopscope::time::sleep(Duration::from_secs(1)).await;
//!     println!("… World!");
//! }
//! ```
//!
//! # Where to begin
//!
//! - [`run`], [`Runner`], [`main`], [`test`]: a loop and what it runs;
//! - [`spawn`], [`Task`], [`group`]: tasks, and tasks that end together; [`gather`], [`task`]: many awaited at once;
//! - [`cancel`]: asking tasks to end, and giving them time to;
//! - [`sleep`], [`timeout`], [`time`]: clocks and limits;
//! - [`spawn_blocking`], [`to_thread`], [`blocking`]: what would keep the loop waiting, on other threads;
//! - [`net`], [`io`]: sockets and other descriptors; [`stream`]: reading lines and writing with back-pressure;
//! - [`server`]: a task for each connection; [`process`], [`signal`]: child processes, Ctrl-C and its relatives;
//! - [`sync`]: locks, queues, channels;
//! - [`future`]: values that are set by hand, awaited by one or many;
//! - [`task_local!`]: values that go along with a task and what it spawns;
//! - [`Handle`]: how another thread reaches a loop; everything else is `!Send`;
//! - [`telemetry`]: what a loop keeps about all that, for whoever wants to look;
//! - [`asyncio`]: what each of asyncio's items is called here.
//!
//! # Limits
//!
//! 64-bit targets only. A loop holds up to 16 million tasks, and a process up to 255 loops at once. Each loop reserves about
//! 4 GB of address space (not memory) for its records, so that a reader may look at any record at any time: a limit on address
//! space (`ulimit -v`) must leave room for that. Tasks never move between threads; there is no work stealing.

#[cfg(target_family = "wasm")]
compile_error!("loopscope needs epoll or kqueue and threads, which WebAssembly does not have");

#[cfg(not(loom))]
extern crate self as loopscope;

#[cfg(not(loom))]
pub mod task;

#[cfg(not(loom))]
pub mod cancel;

#[cfg(not(loom))]
pub mod runner;

#[cfg(not(loom))]
pub mod callback;

#[cfg(not(loom))]
pub mod debug;

#[cfg(all(feature = "stacks", not(loom)))]
pub mod introspect;

#[cfg(not(loom))]
pub mod future;

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
pub mod server;

#[cfg(not(loom))]
pub mod signal;

#[cfg(not(loom))]
pub mod stream;

#[cfg(not(loom))]
pub mod process;

#[cfg(not(loom))]
pub mod blocking;

#[cfg(not(loom))]
pub mod context;

#[cfg(all(feature = "hyper", not(loom)))]
pub mod hyper;

#[cfg(not(loom))]
pub mod asyncio;

#[cfg(not(loom))]
mod event_loop;

#[cfg(not(loom))]
pub mod telemetry;

#[cfg(not(loom))]
#[doc(hidden)]
pub mod macros;

#[cfg(not(loom))]
pub use blocking::{JobHandle, spawn_blocking, to_thread};
#[cfg(not(loom))]
pub use callback::{call_at, call_later, call_soon};
#[cfg(not(loom))]
pub use cancel::CancelToken;
#[cfg(not(loom))]
pub use event_loop::handle::{Handle, LoopEnded};
#[cfg(not(loom))]
pub use group::TaskGroup;
#[cfg(not(loom))]
pub use loopscope_macros::{main, test};
#[cfg(not(loom))]
pub use runner::{RunError, Runner, run};
#[cfg(not(loom))]
pub use task::{JoinError, Task, TaskId, all_tasks, current, gather, spawn, spawn_fallible, yield_now};
#[cfg(not(loom))]
pub use time::{sleep, sleep_until, timeout, timeout_at};

/// Under loom only what crosses threads is built, and its models.
#[cfg(loom)]
#[allow(dead_code, reason = "the models use a part of each module")]
mod debug {
    pub(crate) mod stack {
        pub(crate) mod native {
            pub(crate) mod gate;
        }
    }
}

#[cfg(loom)]
#[allow(dead_code, reason = "the models use a part of each module")]
mod event_loop {
    pub(crate) mod remote;
}

#[cfg(loom)]
#[allow(dead_code, reason = "the models use a part of each module")]
mod sync {
    pub(crate) mod remote {
        pub(crate) mod belt;
        pub(crate) mod handover;
    }
}

#[cfg(loom)]
#[allow(dead_code, reason = "the models use a part of each module")]
mod telemetry {
    pub(crate) mod atomic;
    pub(crate) mod identity;
    pub(crate) mod job;
    pub(crate) mod pages;
    pub(crate) mod slots;
}

#[cfg(not(loom))]
#[doc(hidden)]
pub mod __private {
    //! What the attribute macros expand to, and what the inspector needs and nobody else.

    pub use crate::debug::here::{Here, here};

    use crate::runner::Builder;
    use std::future::Future;

    /// A number that is another one in the child of a fork. Locks that somebody else held at the fork stay locked there.
    pub fn forks() -> u64 {
        crate::event_loop::current::forks()
    }

    /// Runs the body of `#[loopscope::main]`.
    #[track_caller]
    pub fn run_main<F: Future>(builder: Builder, main: F) -> F::Output {
        match builder.ctrl_c_by_default(true).build() {
            Ok(runner) => runner.run_to_end(main),
            Err(error) => {
                eprintln!("loopscope: cannot make an event loop: {error}");
                std::process::exit(1);
            }
        }
    }

    /// Runs the body of `#[loopscope::test(deny_warnings)]`.
    #[track_caller]
    pub fn run_test_denying<F>(builder: Builder, allow: &[crate::debug::Lint], test: F) -> F::Output
    where
        F: Future<Output: std::process::Termination>,
    {
        let (output, found) = crate::debug::run_denying(builder, allow, test);
        if found.is_empty() {
            return output;
        }
        // An `Err` of the test is told as the test harness tells it: who reads the list wants to know of both.
        let _ = std::process::Termination::report(output);
        panic!("{found}");
    }

    /// Runs the body of `#[loopscope::test]`.
    #[track_caller]
    pub fn run_test<F: Future>(builder: Builder, test: F) -> F::Output {
        match builder.build() {
            Ok(runner) => runner.run_to_end(test),
            Err(error) => panic!("cannot make an event loop: {error}"),
        }
    }
}
