//! A task that keeps the loop's thread: it computes, sleeps, or waits for a lock of the standard library.
//!
//! ```text
//! blocked [--how cpu|sleep|lock] [--seconds N | --hold]
//! ```
//!
//! A heartbeat is printed every 100 ms, until the task "report" does what it should not: then nothing on the loop runs any more,
//! and only somebody who looks from outside can say why.

#![allow(clippy::print_stdout, reason = "its heartbeat is what stops")]

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use loopscope::task;
use loopscope::time::{Instant, interval, sleep};
use loopscope_examples::fault::{Fault, Options};

const FAULT: Fault = Fault {
    program: "blocked",
    wrong: "one poll does not come to its end. It keeps the thread of the loop, on which nothing else runs meanwhile.",
    kinds: Some((
        "--how",
        &[
            ("cpu", "it computes, and never gives way"),
            ("sleep", "it puts the thread to sleep instead of the task"),
            ("lock", "it waits for a lock of the standard library that another thread holds"),
        ],
    )),
    look: &[
        ("loopscope stack PID", "what the loop's thread does right now, down to the line that blocks"),
        ("loopscope warnings PID", "blocked: for how long, in which task; in debug mode with the same stack"),
        ("loopscope tree PID", "the task \"report\" is running, all others are due"),
        ("loopscope explain blocked", "what to do about it"),
    ],
};

/// How long all is well.
const AT_FIRST: Duration = Duration::from_millis(500);
/// How often the heart beats.
const BEAT: Duration = Duration::from_millis(100);

/// What a thread and the loop both use.
static STATISTICS: Mutex<u64> = Mutex::new(0);

fn main() -> ExitCode {
    loopscope_inspector::start();
    program(std::env::args().skip(1))
}

/// The program without its agent.
pub(crate) fn program(arguments: impl Iterator<Item = String>) -> ExitCode {
    match FAULT.begin(arguments) {
        Ok(options) => {
            loopscope::run(run(options));
            ExitCode::SUCCESS
        }
        Err(stop) => stop.tell(),
    }
}

async fn run(options: Options) {
    let heart = task::Builder::new().name("heart").spawn(beat());
    let report = task::Builder::new().name("report").spawn(report(options));
    // It neither panics nor is cancelled.
    let _ = report.await;
    heart.cancel().await;
}

async fn beat() {
    let mut beats = interval(BEAT);
    loop {
        beats.tick().await;
        println!("the loop is alive");
    }
}

async fn report(Options { kind, stay }: Options) {
    sleep(AT_FIRST).await;
    match kind {
        "cpu" => compute(stay),
        "sleep" => nap(stay),
        _ => count(stay),
    }
}

/// Counts primes without ever giving way.
fn compute(time: Duration) {
    let start = Instant::now();
    let numbers = (2_u64..).take_while(|_| start.elapsed() < time);
    let primes = numbers.filter(|&number| is_prime(number)).count(); // here: cpu
    println!("there are {primes} primes, if not more");
}

fn is_prime(number: u64) -> bool {
    let mut factors = (2..).take_while(|factor| factor * factor <= number);
    !factors.any(|factor| number.is_multiple_of(factor))
}

/// Puts the whole thread to sleep.
fn nap(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "this is the mistake")]
    thread::sleep(time); // here: sleep
}

/// Counts a report in the statistics, while another thread has them for long.
fn count(time: Duration) {
    let (locked, is_locked) = mpsc::channel();
    let busy = thread::spawn(move || {
        let _statistics = STATISTICS.lock();
        let _ = locked.send(());
        nap(time);
    });
    let _ = is_locked.recv();
    *STATISTICS.lock().unwrap_or_else(PoisonError::into_inner) += 1; // here: lock
    let _ = busy.join();
}
