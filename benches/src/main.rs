//! Side by side with the peers: what a spawn, a yield, a message, a timer and an idle task cost, as a ratio to tokio's
//! `current_thread` runtime in the same minute on the same CPU.
//!
//! `compare` runs every workload on every peer, each run in a process of its own pinned to one CPU, the peers of a workload in
//! random order within seconds of each other, for several rounds. The ratio is taken inside a round and the median over the
//! rounds, because a virtual machine drifts by 1.5 to 2 times within minutes: nanoseconds of different minutes say little.
//!
//! What it does not show: several cores, real futures of more than a few words, and latency under load.
#![allow(clippy::cast_precision_loss, reason = "counts and nanoseconds here stay far below 2^53")]

mod compare;
mod load;
mod machine;
mod measure;
#[cfg(feature = "agent")]
mod observer;
mod process;
mod random;
mod report;
mod rows;
mod runtime;
mod sample;
mod statistics;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::runtime::Peer;
use crate::workload::Workload;

/// Side by side with the peers.
#[derive(Debug, Parser)]
#[command(name = "loopscope-benches", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run workloads on every peer and print medians and ratios
    Compare(CompareArgs),
    /// Run one workload on one peer and print one line of JSON
    #[command(hide = true)]
    Peer {
        peer: Peer,
        workload: Workload,
        /// Operations: tasks, yields, messages, timers or requests
        size: u64,
    },
    /// Be the clients of an echo server: warm up, say `ready`, wait for a line, and go
    #[command(hide = true)]
    Load {
        address: std::net::SocketAddr,
        connections: usize,
        /// Unmeasured
        warm_up: u64,
        requests: u64,
    },
    /// Attach to a process as the live picture does, say `attached`, and stay until standard input ends
    #[cfg(feature = "agent")]
    #[command(hide = true)]
    Observe { pid: u32 },
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Fewer rounds and smaller sizes: ends within 40 s
    #[arg(long)]
    quick: bool,
    /// Only these workloads
    #[arg(long, value_delimiter = ',', value_name = "W,…")]
    only: Vec<Workload>,
    /// Only these peers, and the one that ratios are taken to [default: all, with --quick those without a client and without
    /// console-subscriber]
    #[arg(long, value_delimiter = ',', value_name = "P,…")]
    peers: Vec<Peer>,
    /// Rounds to run [default: 7, with --quick 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Also write the figures, with every sample, the machine, the commit and the date
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Compare(args) => compare::run(&args),
        Command::Peer { peer, workload, size } => process::be_peer(peer, workload, size),
        Command::Load { address, connections, warm_up, requests } => {
            load::be_clients(address, connections, warm_up, requests)
        }
        #[cfg(feature = "agent")]
        Command::Observe { pid } => observer::observe(pid),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loopscope-benches: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        Cli::try_parse_from(line.split(' ')).map_err(|error| error.kind())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_takes_a_comma_separated_list_of_workloads() {
        let cli = parse("b compare --quick --only spawn,timer_cancel --json out.json").unwrap();
        let Command::Compare(args) = cli.command else { panic!("not compare") };
        assert!(args.quick);
        assert_eq!(args.only, [Workload::Spawn, Workload::TimerCancel]);
        assert_eq!(args.json, Some(PathBuf::from("out.json")));
        assert_eq!(args.rounds, None);
    }

    #[test]
    fn an_unknown_workload_peer_or_round_count_is_refused() {
        use clap::error::ErrorKind::{InvalidValue, ValueValidation};
        assert_eq!(parse("b compare --only spwan").unwrap_err(), InvalidValue);
        assert_eq!(parse("b peer tokio spawn 1000").unwrap_err(), InvalidValue);
        assert_eq!(parse("b peer tokio-ct spawn many").unwrap_err(), ValueValidation);
        assert_eq!(parse("b compare --rounds 0").unwrap_err(), ValueValidation);
    }

    #[test]
    fn the_peer_command_takes_name_workload_and_size() {
        let cli = parse("b peer tokio-ct idle_task_bytes_own 5000").unwrap();
        let Command::Peer { peer, workload, size } = cli.command else { panic!("not peer") };
        assert_eq!((peer, workload, size), (Peer::TokioCt, Workload::IdleTaskBytesOwn, 5000));
    }
}
