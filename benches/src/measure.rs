//! What is measured, and with which instrument: processor time, the clock, resident memory, and the one CPU a peer runs on.
//!
//! Costs are processor time of the whole process. On an idle machine that is the elapsed time, since no workload but `timers`
//! ever waits; on a busy one it leaves out what other processes took. It includes the agent's thread where there is one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};

/// How long after its deadline a timer fired; `None`: before it.
pub(crate) type Lateness = Option<Duration>;

/// The monotonic clock of the standard library: what an application would compare a timer with.
#[expect(clippy::disallowed_methods, reason = "peers are measured by a clock that belongs to none of them")]
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Processor time that all threads of this process have used.
fn process_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Processor time that one thread of this process has used.
pub(crate) fn thread_cpu_time(thread: rustix::thread::Pid) -> Result<Duration> {
    let path = format!("/proc/self/task/{}/schedstat", thread.as_raw_nonzero());
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let nanos = text.split_whitespace().next().and_then(|first| first.parse().ok());
    nanos.map(Duration::from_nanos).with_context(|| format!("{path} does not begin with a number"))
}

/// Both clocks, started together.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    cpu: Duration,
    wall: Instant,
}

/// What a stopwatch read at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { cpu: process_cpu_time(), wall: now() }
    }

    pub(crate) fn stop(&self) -> Elapsed {
        Elapsed { cpu: process_cpu_time().saturating_sub(self.cpu), wall: now() - self.wall }
    }
}

impl Elapsed {
    pub(crate) fn cpu_ns_per(&self, operations: u64) -> f64 {
        self.cpu.as_nanos() as f64 / operations as f64
    }
}

/// Bytes of this process that are in memory. Read from `smaps_rollup`, which walks the page tables: `statm` is kept in
/// per-CPU batches and can be some hundred kilobytes off.
pub(crate) fn resident_bytes() -> Result<u64> {
    let path = "/proc/self/smaps_rollup";
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    parse_resident_bytes(&text).with_context(|| format!("{path} has no line Rss"))
}

fn parse_resident_bytes(smaps: &str) -> Option<u64> {
    let line = smaps.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Keeps this process, with the threads it will start, on one of the CPUs it may use. The highest: interrupts and the
/// processes that were here first tend to the lowest.
pub(crate) fn pin_to_one_cpu() -> Result<()> {
    let allowed = rustix::thread::sched_getaffinity(None).context("asking which CPUs may be used")?;
    let cpu = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)).context("no CPU may be used")?;
    let mut one = CpuSet::new();
    one.set(cpu);
    rustix::thread::sched_setaffinity(None, &one).with_context(|| format!("pinning to CPU {cpu}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_bytes_are_the_rss_line_and_no_other() {
        let text = "55 rollup\nRss:            1620 kB\nPss:             284 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(parse_resident_bytes(text), Some(1620 * 1024));
        assert_eq!(parse_resident_bytes("Pss: 284 kB\n"), None);
        assert_eq!(parse_resident_bytes("Rss: many kB\n"), None);
    }

    #[test]
    fn touching_memory_makes_it_resident() {
        let before = resident_bytes().unwrap();
        let block = vec![1_u8; 64 << 20];
        let after = resident_bytes().unwrap();
        assert!(after >= before + (60 << 20), "{before} {after} {}", block[1 << 20]);
    }

    #[test]
    fn a_cost_is_cpu_time_by_operations() {
        let elapsed = Elapsed { cpu: Duration::from_micros(30), wall: Duration::from_secs(1) };
        assert!((elapsed.cpu_ns_per(1000) - 30.0).abs() < 1e-9);
    }
}
