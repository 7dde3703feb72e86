//! A million tasks, and two of them that talk: what it costs them to be looked at.
//!
//! ```text
//! million [--tasks N] [--seconds N] [--short]
//! ```
//!
//! N tasks (default 1,000,000) sleep for an hour while two others send each other a message back and forth; once a second it
//! prints how long the round trips took and how much memory the process has. Attach meanwhile, sort by busy time, go through
//! the tree: the round trips should not notice. With `--short` the tasks return at once instead: every one of them is counted
//! in its spawn site, and the memory is given back within seconds. Ctrl-C stops it; `--seconds` does so by itself.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::process::ExitCode;
use std::time::Duration;

use loopscope::sync::channel;
use loopscope::time::Instant;
use loopscope::{Handle, spawn, task};

const USAGE: &str = "usage: million [--tasks N] [--seconds N] [--short]";

/// Round trips measured without a pause; then the others have their turn, and the agent its time on a small machine.
const TRIPS: usize = 1_000;
/// Pause between two series of round trips.
const PAUSE: Duration = Duration::from_millis(5);

struct Options {
    tasks: u32,
    seconds: Option<u64>,
    short: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { tasks: 1_000_000, seconds: None, short: false };
        while let Some(flag) = arguments.next() {
            let mut number = || {
                let value = arguments.next().ok_or_else(|| format!("{flag} needs a number"))?;
                value.replace('_', "").parse::<u32>().map_err(|_| format!("{flag} {value}: not a number"))
            };
            match flag.as_str() {
                "--tasks" => options.tasks = number()?,
                "--seconds" => options.seconds = Some(number()?.into()),
                "--short" => options.short = true,
                _ => return Err(format!("unknown argument {flag}")),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    loopscope_inspector::start();
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("million: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    loopscope::run(talk(options));
    ExitCode::SUCCESS
}

async fn talk(options: Options) {
    println!("pid {}: loopscope attach {}", std::process::id(), std::process::id());
    println!("before: {} MB resident", resident_mb());
    let started = Instant::now();
    if options.short {
        let tasks: Vec<_> = (0..options.tasks).map(|_| spawn(async {})).collect();
        for task in tasks {
            if let Err(error) = task.await {
                eprintln!("million: {error}");
            }
        }
        let counted: u64 = Handle::current().reader().sites().iter().map(|site| site.completed).sum();
        println!("{} short tasks in {:?}, {counted} counted as completed", options.tasks, started.elapsed());
    } else {
        for _ in 0..options.tasks {
            task::Builder::new().name("sleeper").spawn(loopscope::sleep(Duration::from_secs(3600))).detach();
        }
        loopscope::yield_now().await;
        println!("{} tasks asleep after {:?}", options.tasks, started.elapsed());
    }
    let (ask, mut asked) = channel::unbounded::<()>();
    let (answer, mut answered) = channel::unbounded::<()>();
    let echo = task::Builder::new()
        .name("echo")
        .spawn(async move { while asked.recv().await.is_some() && answer.send(()).await.is_ok() {} });
    echo.detach();
    let end = options.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    while end.is_none_or(|end| Instant::now() < end) {
        let mut trips_ns = Vec::new();
        let second = Instant::now() + Duration::from_secs(1);
        while Instant::now() < second {
            for _ in 0..TRIPS {
                let start = Instant::now();
                if ask.send(()).await.is_err() || answered.recv().await.is_none() {
                    return;
                }
                trips_ns.push(start.elapsed().as_nanos());
            }
            loopscope::sleep(PAUSE).await;
        }
        trips_ns.sort_unstable();
        let percentile = |parts: usize| trips_ns[(trips_ns.len() - 1) * parts / 1000];
        println!(
            "round trip p50 {} ns, p99 {} ns, p99.9 {} ns; {} MB resident",
            percentile(500),
            percentile(990),
            percentile(999),
            resident_mb()
        );
    }
}

/// What the OS says this process has in memory.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
