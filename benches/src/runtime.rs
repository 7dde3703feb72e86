//! The peers, and the few things of a runtime that the workloads use.
//!
//! A workload is written once against [`Runtime`] and compiled for each peer, so that every peer runs the same statements.
//! Where a task holds a peer's own sleep, the peer spawns it itself: tokio wants to see that the future is `Send`, ours need
//! not be, and no generic bound says both.

mod ours;
mod tokio_ct;

use std::net::TcpListener;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use clap::ValueEnum;

use crate::measure::Lateness;
use crate::sample::Sample;
use crate::workload::Workload;
use crate::workload::idle::Population;

/// One column of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Peer {
    /// As shipped: records kept, agent started, no client attached.
    Loopscope,
    /// The same, with a client attached that takes a picture a second, as the live picture does.
    LoopscopeAttached,
    /// The same in debug mode: warnings, the watchdog, counted wakers.
    LoopscopeDebug,
    /// In debug mode with creation stacks.
    LoopscopeStacks,
    /// Built with the records compiled out, for the difference.
    LoopscopeBare,
    /// Tokio's `current_thread` runtime with all drivers: the reference of every ratio.
    TokioCt,
    /// The same with console-subscriber, what tokio's programs are observed with; no client attached.
    TokioConsole,
}

/// An executable of its own, because it is compiled otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Build {
    /// This one.
    This,
    /// With `--cfg loopscope_bare`.
    Bare,
    /// With `--cfg tokio_unstable`, tokio's feature `tracing` and console-subscriber.
    Console,
}

impl Peer {
    pub(crate) const REFERENCE: Peer = Peer::TokioCt;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Loopscope => "loopscope",
            Peer::LoopscopeAttached => "loopscope-attached",
            Peer::LoopscopeDebug => "loopscope-debug",
            Peer::LoopscopeStacks => "loopscope-stacks",
            Peer::LoopscopeBare => "loopscope-bare",
            Peer::TokioCt => "tokio-ct",
            Peer::TokioConsole => "tokio-console",
        }
    }

    /// Which executable it is in.
    pub(crate) fn build(self) -> Build {
        match self {
            Peer::Loopscope
            | Peer::LoopscopeAttached
            | Peer::LoopscopeDebug
            | Peer::LoopscopeStacks
            | Peer::TokioCt => Build::This,
            Peer::LoopscopeBare => Build::Bare,
            Peer::TokioConsole => Build::Console,
        }
    }

    /// Whether a comparison that has to be quick has it: nothing but one more build of this package, and runs of a moment.
    pub(crate) fn is_quick(self) -> bool {
        matches!(self, Peer::Loopscope | Peer::LoopscopeBare | Peer::TokioCt)
    }

    /// What `LOOPSCOPE_DEBUG` says in its process; none has it from outside.
    pub(crate) fn debug(self) -> Option<&'static str> {
        match self {
            Peer::LoopscopeDebug => Some("1"),
            Peer::LoopscopeStacks => Some("stacks"),
            _ => None,
        }
    }

    /// Runs one workload in this process.
    pub(crate) fn run(self, workload: Workload, size: u64) -> Result<Sample> {
        match self {
            #[cfg(not(loopscope_bare))]
            Peer::Loopscope | Peer::LoopscopeDebug | Peer::LoopscopeStacks => {
                ours::check_debug(self.debug())?;
                ours::start_agent()?;
                workload.run::<ours::Ours>(size)
            }
            #[cfg(all(not(loopscope_bare), feature = "agent"))]
            Peer::LoopscopeAttached => {
                ours::start_agent()?;
                let observer = crate::observer::Observer::start()?;
                let sample = workload.run::<ours::Ours>(size)?;
                observer.end()?;
                Ok(sample)
            }
            #[cfg(not(all(not(loopscope_bare), feature = "agent")))]
            Peer::LoopscopeAttached => bail!("this is a build without records or agent"),
            #[cfg(loopscope_bare)]
            Peer::LoopscopeBare => workload.run::<ours::Ours>(size),
            #[cfg(not(loopscope_bare))]
            Peer::LoopscopeBare => {
                bail!("loopscope-bare is another build: RUSTFLAGS=\"--cfg loopscope_bare\"")
            }
            #[cfg(loopscope_bare)]
            Peer::Loopscope | Peer::LoopscopeDebug | Peer::LoopscopeStacks => {
                bail!("this is the bare build, without records or agent")
            }
            Peer::TokioCt => workload.run::<tokio_ct::TokioCt>(size),
            #[cfg(feature = "console")]
            Peer::TokioConsole => {
                tokio_ct::start_console();
                workload.run::<tokio_ct::TokioCt>(size)
            }
            #[cfg(not(feature = "console"))]
            Peer::TokioConsole => {
                bail!(
                    "tokio-console is another build: RUSTFLAGS=\"--cfg tokio_unstable\" and the feature console"
                )
            }
        }
    }
}

/// What a workload asks of a runtime. Every peer runs on the calling thread.
pub(crate) trait Runtime: 'static {
    type JoinError: Debug;
    type Task<T: Send + 'static>: Future<Output = Result<T, Self::JoinError>>;
    type Sleep: Future<Output = ()>;

    /// Runs a root future to its end, then ends the runtime and drops every task left.
    fn block_on<F: Future<Output: 'static> + 'static>(root: F) -> Result<F::Output>;
    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
    fn detach<T: Send + 'static>(task: Self::Task<T>);
    fn sleep(duration: Duration) -> Self::Sleep;

    /// Spawns [`timers::sleep_and_report`](crate::workload::timers::sleep_and_report) on the runtime's own sleep.
    fn spawn_sleeper(duration: Duration) -> Self::Task<Lateness>;
    /// Spawns [`idle::idle_task`](crate::workload::idle::idle_task) on the runtime's own sleep and detaches it.
    fn spawn_idle_sleeper(population: Arc<Population>, duration: Duration);
    /// Two tasks that ask and answer that many times, over the cheapest that the runtime has for tasks of one thread; see
    /// [`local`](crate::workload::local). The handle gives the sum of the answers.
    fn spawn_local_ping_pong(round_trips: u64) -> Self::Task<Result<u64>>;
    /// The same with a oneshot for each answer.
    fn spawn_local_rpc(calls: u64) -> Self::Task<Result<u64>>;
    /// Accepts that many connections and spawns a task for each, which sends back what it reads until the peer is done. The
    /// handle gives the bytes sent back, when all connections are closed.
    fn spawn_echo_server(listener: TcpListener, connections: usize) -> Self::Task<Result<u64>>;
    /// The same through the runtime's buffered reader and writer.
    fn spawn_echo_streams_server(listener: TcpListener, connections: usize) -> Self::Task<Result<u64>>;
}

/// Awaiting a task's handle gave an error. Not an `async fn` around the await, which would move the handle once more.
pub(crate) fn failed(error: impl Debug) -> Error {
    anyhow!("a task failed: {error:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_peers_of_debug_mode_are_in_it() {
        let debug: Vec<(Peer, &str)> =
            Peer::value_variants().iter().filter_map(|&peer| Some((peer, peer.debug()?))).collect();
        assert_eq!(debug, [(Peer::LoopscopeDebug, "1"), (Peer::LoopscopeStacks, "stacks")]);
    }

    #[test]
    fn a_quick_comparison_runs_the_peers_that_say_whether_anything_broke() {
        let quick: Vec<Peer> =
            Peer::value_variants().iter().copied().filter(|peer| peer.is_quick()).collect();
        assert_eq!(quick, [Peer::Loopscope, Peer::LoopscopeBare, Peer::TokioCt]);
    }
}
