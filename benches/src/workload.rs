//! The questions, one a file. Each is a function of the runtime and a size, and fails if the work was not done right.

pub(crate) mod echo;
pub(crate) mod idle;
pub(crate) mod local;
pub(crate) mod ping_pong;
pub(crate) mod remote;
pub(crate) mod spawn;
pub(crate) mod timer_cancel;
pub(crate) mod timers;
pub(crate) mod yielding;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;

use crate::runtime::{Peer, Runtime};
use crate::sample::Sample;

/// One run of a peer process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// Spawn and join a task that has nothing to do
    Spawn,
    /// A task that wakes itself and waits for its turn, among 1,000
    Yield,
    /// A message to another task and back, over futures' unbounded channels
    #[value(name = "pingpong")]
    PingPong,
    /// The same over the runtime's own channel for one loop, on tokio over two plain cells
    #[value(name = "pingpong_local")]
    PingPongLocal,
    /// A question to an actor and its answer, over the runtime's own channel and oneshot
    RpcLocal,
    /// 100,000 tasks that sleep between 1 and 1,000 ms: processor time and lateness
    Timers,
    /// Arm, poll once and cancel a sleep while 10,000 are outstanding
    TimerCancel,
    /// A question to another thread and its answer, both asleep in between
    RemoteWake,
    /// A message of another thread that does not wait
    RemoteBurst,
    /// A request of 64 bytes to an echo server with 64 connections: processor time
    Echo64,
    /// The same through each runtime's buffered reader and writer
    Echo64Streams,
    /// `echo64`: system calls and user-mode instructions, counted by perf and callgrind
    Echo64Counts,
    /// Resident bytes of a task that waits on a foreign future
    IdleTaskBytes,
    /// Resident bytes of a task that waits on the runtime's own sleep
    IdleTaskBytesOwn,
}

impl Workload {
    pub(crate) fn all() -> &'static [Workload] {
        Self::value_variants()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Spawn => "spawn",
            Workload::Yield => "yield",
            Workload::PingPong => "pingpong",
            Workload::PingPongLocal => "pingpong_local",
            Workload::RpcLocal => "rpc_local",
            Workload::Timers => "timers",
            Workload::TimerCancel => "timer_cancel",
            Workload::RemoteWake => "remote_wake",
            Workload::RemoteBurst => "remote_burst",
            Workload::Echo64 => "echo64",
            Workload::Echo64Streams => "echo64_streams",
            Workload::Echo64Counts => "echo64_counts",
            Workload::IdleTaskBytes => "idle_task_bytes",
            Workload::IdleTaskBytesOwn => "idle_task_bytes_own",
        }
    }

    /// Whether a comparison that has to be quick has it.
    pub(crate) fn is_quick(self) -> bool {
        self != Workload::Echo64Counts
    }

    /// How many operations a run of a peer measures.
    pub(crate) fn size(self, peer: Peer, quick: bool) -> u64 {
        match peer {
            Peer::TokioConsole => self.size_console(),
            Peer::LoopscopeAttached if !quick => self.size_attached(),
            _ => self.size_usual(quick),
        }
    }

    fn size_usual(self, quick: bool) -> u64 {
        match self {
            Workload::Timers | Workload::RemoteWake => 100_000,
            // Shorter bursts depend on how the OS shares the CPU out between the two threads.
            Workload::RemoteBurst if !quick => 10_000_000,
            Workload::Echo64 | Workload::Echo64Streams if quick => 60_000,
            Workload::Echo64 | Workload::Echo64Streams => 400_000,
            Workload::Echo64Counts => 20_000,
            // A quarter is enough to drown what the runtime itself holds: some pages in 60 MB.
            Workload::IdleTaskBytes | Workload::IdleTaskBytesOwn if quick => 250_000,
            _ => 1_000_000,
        }
    }

    /// Some seconds of each: a client that looks once a second must have looked.
    fn size_attached(self) -> u64 {
        match self {
            Workload::Spawn | Workload::PingPong | Workload::PingPongLocal | Workload::TimerCancel => {
                40_000_000
            }
            Workload::Yield => 100_000_000,
            Workload::RemoteWake => 400_000,
            Workload::RpcLocal | Workload::RemoteBurst => 20_000_000,
            Workload::Echo64 | Workload::Echo64Streams => 800_000,
            _ => self.size_usual(false),
        }
    }

    /// What fits: a task costs console-subscriber 49 KB, which it keeps for an hour.
    fn size_console(self) -> u64 {
        match self {
            Workload::Spawn | Workload::TimerCancel => 20_000,
            Workload::Timers | Workload::IdleTaskBytes | Workload::IdleTaskBytesOwn => 10_000,
            Workload::PingPong | Workload::PingPongLocal | Workload::RpcLocal | Workload::RemoteBurst => {
                200_000
            }
            Workload::RemoteWake => 50_000,
            Workload::Echo64 | Workload::Echo64Streams => 100_000,
            Workload::Yield => 1_000_000,
            Workload::Echo64Counts => self.size_usual(false),
        }
    }

    pub(crate) fn run<R: Runtime>(self, size: u64) -> Result<Sample> {
        ensure!(size > 0, "a workload of size 0 measures nothing");
        match self {
            Workload::Spawn => spawn::run::<R>(size),
            Workload::Yield => yielding::run::<R>(size),
            Workload::PingPong => ping_pong::run::<R>(size),
            Workload::PingPongLocal => local::run_ping_pong::<R>(size),
            Workload::RpcLocal => local::run_rpc::<R>(size),
            Workload::Timers => timers::run::<R>(size),
            Workload::TimerCancel => timer_cancel::run::<R>(size),
            Workload::IdleTaskBytes => idle::run_foreign_leaf::<R>(size),
            Workload::RemoteWake => remote::run_round_trips::<R>(size),
            Workload::RemoteBurst => remote::run_burst::<R>(size),
            Workload::Echo64 => echo::run_plain::<R>(size),
            Workload::Echo64Streams => echo::run_streams::<R>(size),
            Workload::Echo64Counts => bail!("echo64_counts runs echo64 below other programs, not here"),
            Workload::IdleTaskBytesOwn => idle::run_own_leaf::<R>(size),
        }
    }
}

/// A twentieth of the size goes first, unmeasured: it faults in the allocator's and the runtime's first pages.
fn warm_up_size(size: u64) -> u64 {
    (size / 20).max(1)
}

/// What the numbers below `count` add up to.
fn sum_below(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

fn check_sum(found: u64, expected: u64) -> Result<()> {
    ensure!(found == expected, "the tasks computed {found}, which should be {expected}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_the_command_line_takes() {
        for workload in Workload::all() {
            assert_eq!(workload.to_possible_value().unwrap().get_name(), workload.name());
        }
    }

    #[test]
    fn a_wrong_sum_is_an_error() {
        assert!(check_sum(sum_below(5), 10).is_ok());
        assert_eq!(check_sum(9, 10).unwrap_err().to_string(), "the tasks computed 9, which should be 10");
    }
}
