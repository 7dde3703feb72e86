//! Signals: reading the configuration again at SIGHUP, ending in order at SIGINT and SIGTERM.
//!
//! ```text
//! signals [--wait]
//! ```
//!
//! A worker does one job after the other. When the program is asked to end, the worker finishes the job it has in hand; somebody who
//! does not listen is dropped when the time for that is over. Without arguments the program sends the signals to itself; with
//! `--wait` they are yours: `kill -HUP`, `kill` or Ctrl-C. Attach meanwhile: `loopscope io` shows the listeners.

#![allow(clippy::print_stdout, reason = "it prints what it hears")]

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use loopscope::signal::{self, Kind, Signals};
use loopscope::task::{cancel_requested, token};
use loopscope::{TaskGroup, sleep};
use rustix::process::{Signal, getpid, kill_process};

const USAGE: &str = "usage: signals [--wait]";

/// How long a job of the worker takes.
const JOB: Duration = Duration::from_millis(100);
/// The time that everybody has to end in order.
const GRACE: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    loopscope_inspector::start();
    let mut arguments = std::env::args().skip(1);
    let waits = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => false,
        (Some("--wait"), None) => true,
        (Some("--wait"), Some(other)) => return usage(&other),
        (Some(other), _) => return usage(other),
    };
    match loopscope::run(run(waits)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn usage(argument: &str) -> ExitCode {
    eprintln!("unknown argument {argument}\n{USAGE}");
    ExitCode::from(2)
}

async fn run(waits: bool) -> io::Result<()> {
    let pid = std::process::id();
    println!("pid {pid}: loopscope attach {pid}");
    // Listened to from here on: nothing that comes before somebody waits is lost.
    let hangups = signal::unix(Kind::HANGUP)?;
    let shutdown = signal::shutdown_signal();
    let group = TaskGroup::named("service");
    group.spawn_named("configuration", configuration(hangups));
    group.spawn_named("worker", worker());
    group.spawn_named("deaf", std::future::pending::<()>());
    if !waits {
        group.spawn_named("sender", send_signals());
    }
    let kind = shutdown.await?;
    println!("{kind}: ending in order");
    match group.cancel_gracefully(GRACE).await {
        Ok(ending) => {
            for task in ending.dropped() {
                println!("dropped: {}", task.name.as_deref().unwrap_or("a task"));
            }
        }
        Err(error) => println!("{error:#}"),
    }
    println!("bye");
    Ok(())
}

/// Reads the configuration again whenever it is told to.
async fn configuration(mut hangups: Signals) {
    let token = token();
    while token.run_until_cancelled(hangups.recv()).await.is_some() {
        println!("SIGHUP: reading the configuration again");
    }
}

/// Does one job after the other, each to its end.
async fn worker() {
    let (token, mut jobs) = (token(), 0);
    while !token.is_cancelled() {
        sleep(JOB).await;
        jobs += 1;
    }
    println!("the worker did its last job, of {jobs}");
}

/// What a user would do by hand.
async fn send_signals() -> io::Result<()> {
    for signal in [Signal::HUP, Signal::HUP, Signal::TERM] {
        sleep(2 * JOB).await;
        kill_process(getpid(), signal)?;
    }
    cancel_requested().await;
    Ok(())
}
