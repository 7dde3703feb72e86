//! Everything that waits for a moment, and how late it is when somebody keeps the loop.
//!
//! ```text
//! timers [--seconds N]
//! ```
//!
//! Three intervals of 100 ms do three different things about ticks they miss; a task sleeps until each whole second; another
//! gives work of random length a limit of 100 ms; a callback calls itself again. Every two seconds one more task keeps the loop
//! for 350 ms, as a program with a bug does, and all the others are late: each second a line says by how much. Attach
//! meanwhile: the timers that are pending, the warning about the poll that took too long, the histogram of the loop's lateness.
//! Ctrl-C stops it; `--seconds` does so by itself.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use loopscope::task;
use loopscope::time::{Instant, MissedTick, interval, interval_at, sleep, sleep_until, timeout};

const USAGE: &str = "usage: timers [--seconds N]";

/// The time between two ticks of an interval.
const PERIOD: Duration = Duration::from_millis(100);
/// How long work may take.
const LIMIT: Duration = Duration::from_millis(100);
/// The longest work there is: half of all keeps to the limit.
const WORK_MAX: Duration = Duration::from_millis(200);
/// How often the callback comes.
const CALL_EVERY: Duration = Duration::from_millis(250);
/// How often somebody keeps the loop, and for how long.
const KEEP_EVERY: Duration = Duration::from_secs(2);
const KEEP_FOR: Duration = Duration::from_millis(350);

fn main() -> ExitCode {
    loopscope_inspector::start();
    match parse(std::env::args().skip(1)) {
        Ok(seconds) => {
            loopscope::run(run(seconds));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<u32, String> {
    let mut seconds = u32::MAX;
    while let Some(flag) = arguments.next() {
        if flag != "--seconds" {
            return Err(format!("unknown argument {flag}"));
        }
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a number"))?;
        seconds = value.parse().map_err(|_| format!("{flag} {value}: not a number"))?;
    }
    Ok(seconds)
}

/// What has happened in the last second.
#[derive(Default)]
struct Seen {
    intervals: [Ticks; 3],
    kept: Cell<u32>,
    exceeded: Cell<u32>,
    calls: Cell<u32>,
}

/// Ticks of one interval.
#[derive(Default)]
struct Ticks {
    count: Cell<u32>,
    latest: Cell<Duration>,
}

impl Ticks {
    fn saw(&self, due: Instant) {
        self.count.set(self.count.get() + 1);
        self.latest.set(self.latest.get().max(due.elapsed()));
    }

    fn take(&self) -> String {
        let (count, latest) = (self.count.take(), self.latest.take());
        format!("{count:>2} ({:>6.1} ms)", latest.as_secs_f64() * 1e3)
    }
}

async fn run(seconds: u32) {
    let pid = std::process::id();
    println!("pid {pid}: loopscope attach {pid}");
    println!("ticks of each interval in a second, and the latest of them:");
    let seen = Rc::new(Seen::default());
    let behaviours = [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip];
    for (number, (behaviour, name)) in behaviours.into_iter().zip(["burst", "delay", "skip"]).enumerate() {
        task::Builder::new().name(name).spawn(ticking(Rc::clone(&seen), number, behaviour)).detach();
    }
    task::Builder::new().name("limited work").spawn(limited(Rc::clone(&seen))).detach();
    task::Builder::new().name("keeps the loop").spawn(keep()).detach();
    call(Rc::clone(&seen));
    // One that never comes, because it is called off.
    loopscope::call_later(Duration::from_secs(3600), || println!("an hour is over")).cancel();
    let start = Instant::now();
    for second in 1..=seconds {
        // Until a moment rather than for a while, so that being late once does not make the next one late.
        sleep_until(start + Duration::from_secs(second.into())).await;
        let [burst, delay, skip] = seen.intervals.each_ref().map(Ticks::take);
        let (kept, exceeded, calls) = (seen.kept.take(), seen.exceeded.take(), seen.calls.take());
        println!(
            "{second:>4} s  burst {burst}  delay {delay}  skip {skip}  limit kept {kept}, exceeded {exceeded}  calls {calls}"
        );
    }
}

async fn ticking(seen: Rc<Seen>, number: usize, behaviour: MissedTick) {
    let mut ticks = interval(PERIOD).on_missed(behaviour);
    loop {
        seen.intervals[number].saw(ticks.tick().await);
    }
}

/// Work of random length that may take so long and no longer.
async fn limited(seen: Rc<Seen>) {
    let random = RefCell::new(0x2545_f491_4f6c_dd1d_u64);
    loop {
        let parts = u32::try_from(next_random(&mut random.borrow_mut()) % 1000).unwrap_or(0);
        let outcome = timeout(LIMIT, sleep(WORK_MAX * parts / 1000)).await;
        let count = if outcome.is_ok() { &seen.kept } else { &seen.exceeded };
        count.set(count.get() + 1);
    }
}

/// Marsaglia's xorshift: the same numbers at each start.
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// A callback that asks to be called again.
fn call(seen: Rc<Seen>) {
    loopscope::call_later(CALL_EVERY, move || {
        seen.calls.set(seen.calls.get() + 1);
        call(seen);
    });
}

/// What no task should do: not to let anybody else have a turn.
async fn keep() {
    let mut times = interval_at(Instant::now() + KEEP_EVERY, KEEP_EVERY);
    loop {
        times.tick().await;
        let start = Instant::now();
        while start.elapsed() < KEEP_FOR {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let parse = |line: &str| parse(line.split_whitespace().map(str::to_owned));
        assert_eq!(parse(""), Ok(u32::MAX));
        assert_eq!(parse("--seconds 3"), Ok(3));
        assert_eq!(parse("--seconds"), Err("--seconds needs a number".into()));
        assert_eq!(parse("--seconds soon"), Err("--seconds soon: not a number".into()));
        assert_eq!(parse("3"), Err("unknown argument 3".into()));
    }

    #[test]
    fn what_was_seen_starts_anew_each_second() {
        let ticks = Ticks::default();
        ticks.saw(Instant::now());
        assert!(ticks.take().starts_with(" 1 ("));
        assert_eq!(ticks.take(), " 0 (   0.0 ms)");
    }
}
