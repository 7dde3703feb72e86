//! What do 100,000 sleeping tasks cost in processor time, and how late do they wake?
//!
//! Each task sleeps once, uniformly between 1 and 1,000 ms; the cost includes its spawn, its join and two readings of the
//! clock. A timer that fires early fails the run. Lateness includes what other processes on the CPU take: on a busy machine
//! it says little. It does not show timers that are mostly cancelled, see [`timer_cancel`](super::timer_cancel).

use std::future::Future;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::measure::{Elapsed, Lateness, Stopwatch, now};
use crate::random::Random;
use crate::runtime::{Runtime, failed};
use crate::sample::Sample;
use crate::statistics::percentile;

const SHORTEST_US: u64 = 1_000;
const LONGEST_US: u64 = 1_000_000;
const SEED: u64 = 0x7469_6d65_7273;

pub(crate) fn run<R: Runtime>(size: u64) -> Result<Sample> {
    let (mut lateness_ms, elapsed) = R::block_on(sleep_all::<R>(size))??;
    lateness_ms.sort_unstable_by(f64::total_cmp);
    ensure!(lateness_ms.len() as u64 == size, "{} of {size} timers fired", lateness_ms.len());
    let figures = [
        ("timers", elapsed.cpu_ns_per(size)),
        ("timers_lateness_p50", percentile(&lateness_ms, 50.0)),
        ("timers_lateness_p99", percentile(&lateness_ms, 99.0)),
    ];
    Ok(Sample::new(&figures, size, lateness_ms.len() as u64, elapsed))
}

async fn sleep_all<R: Runtime>(count: u64) -> Result<(Vec<f64>, Elapsed)> {
    let mut random = Random::seeded(SEED);
    let capacity = usize::try_from(count)?;
    let mut tasks = Vec::with_capacity(capacity);
    let mut lateness_ms = Vec::with_capacity(capacity);
    let watch = Stopwatch::start();
    for _ in 0..count {
        let microseconds = SHORTEST_US + random.below(LONGEST_US - SHORTEST_US + 1);
        tasks.push(R::spawn_sleeper(Duration::from_micros(microseconds)));
    }
    let mut early = 0_u64;
    for task in tasks {
        match task.await.map_err(failed)? {
            Some(late) => lateness_ms.push(late.as_secs_f64() * 1e3),
            None => early += 1,
        }
    }
    let elapsed = watch.stop();
    ensure!(early == 0, "{early} of {count} timers fired before their deadline");
    Ok((lateness_ms, elapsed))
}

/// What each task does. The deadline is taken before the sleep is made, so it is never later than the sleep's own.
pub(crate) async fn sleep_and_report<S: Future<Output = ()>>(
    sleep: fn(Duration) -> S,
    duration: Duration,
) -> Lateness {
    let deadline = now() + duration;
    sleep(duration).await;
    now().checked_duration_since(deadline)
}
