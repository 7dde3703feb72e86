//! A callback that computes for too long, again and again: asyncio's "Executing <Handle …> took 0.300 seconds".
//!
//! ```text
//! slow_callback [--seconds N | --hold]
//! ```
//!
//! Every half second a callback draws up a report and keeps the loop for 300 ms. A task beside it wants to tick every 50 ms
//! and says how late it is.

#![allow(clippy::print_stdout, reason = "it tells what the callback does to others")]

use std::process::ExitCode;
use std::time::Duration;

use loopscope::task;
use loopscope::time::{Instant, interval, sleep};
use loopscope_examples::fault::Fault;

const FAULT: Fault = Fault {
    program: "slow_callback",
    wrong: "a callback computes for 300 ms each time it is called, and whatever else is due on the loop is late by as much.",
    kinds: None,
    look: &[
        (
            "loopscope warnings PID",
            "slow-poll: a callback, how long it took, and the line that asked for the call",
        ),
        ("loopscope hist PID", "polls of 300 ms, and timers that are late"),
        ("loopscope explain slow-poll", "what to do about it"),
    ],
};

/// How often the report is drawn up, and how long that takes.
const EVERY: Duration = Duration::from_millis(500);
const TAKES: Duration = Duration::from_millis(300);
/// How often the other task wants to tick.
const TICK: Duration = Duration::from_millis(50);

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
    let ticker = task::Builder::new().name("ticker").spawn(tick());
    call_again();
    sleep(stay).await;
    ticker.cancel().await;
}

fn call_again() {
    loopscope::call_later(EVERY, report); // here: the callback
}

/// Draws up a report, and asks to be called again.
fn report() {
    let start = Instant::now();
    while start.elapsed() < TAKES {
        std::hint::spin_loop();
    }
    call_again();
}

async fn tick() {
    let mut ticks = interval(TICK);
    loop {
        let late = ticks.tick().await.elapsed();
        if late > TICK {
            println!("a tick was late by {} ms", late.as_millis());
        }
    }
}
