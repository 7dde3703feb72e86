//! So much to do that nobody gets a turn in time.
//!
//! ```text
//! starvation [--seconds N | --hold]
//! ```
//!
//! Two hundred workers each compute for 10 ms, rest for a moment and compute again. No poll is slow, and still whoever is due
//! waits for the two hundred before: two seconds. The task "clock" wants to tick every 100 ms and says how late it is.

#![allow(clippy::print_stdout, reason = "it tells how late the clock is")]

use std::process::ExitCode;
use std::time::Duration;

use loopscope::TaskGroup;
use loopscope::time::{Instant, interval, sleep, timeout};
use loopscope_examples::fault::Fault;

const FAULT: Fault = Fault {
    program: "starvation",
    wrong: "there is more work on the loop than its thread can do, so that every task waits for its turn for seconds.",
    kinds: None,
    look: &[
        ("loopscope warnings PID", "starved: who is due, since when, and whose polls take the time"),
        ("loopscope loops PID", "utilisation of 100 %, and some two hundred tasks that are ready"),
        ("loopscope hist PID", "scheduled: the time from a wake to the poll is two seconds"),
        ("loopscope explain starved", "what to do about it"),
    ],
};

/// How many compute, and for how long at a time.
const WORKERS: u32 = 200;
const TURN: Duration = Duration::from_millis(10);
/// How long each rests between two turns.
const REST: Duration = Duration::from_millis(1);
/// How often the clock wants to tick.
const TICK: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    loopscope_inspector::start();
    program(std::env::args().skip(1))
}

/// The program without its agent.
pub(crate) fn program(arguments: impl Iterator<Item = String>) -> ExitCode {
    match FAULT.begin(arguments) {
        Ok(options) => {
            loopscope::run(run(options.stay));
            ExitCode::SUCCESS
        }
        Err(stop) => stop.tell(),
    }
}

async fn run(stay: Duration) {
    let group = TaskGroup::new();
    group.spawn_named("clock", clock()); // here: clock
    for number in 0..WORKERS {
        group.spawn_named(&format!("worker {number}"), work()); // here: worker
    }
    // Nobody ever ends by himself; the group cancels them all when it is dropped.
    let _ = timeout(stay, group.close()).await;
}

async fn work() {
    loop {
        let start = Instant::now();
        while start.elapsed() < TURN {
            std::hint::spin_loop();
        }
        sleep(REST).await;
    }
}

async fn clock() {
    let mut ticks = interval(TICK);
    loop {
        let late = ticks.tick().await.elapsed();
        println!("the clock is late by {} ms", late.as_millis());
    }
}
