//! What the OS says of the process that the agent lives in.

use super::window::Window;
use crate::model::{Process, RuntimeKind, WallTime};
use crate::proc::Proc;
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The OS counts processor time in ticks of 10 ms, so nearer readings say little.
const CPU_AGE_MIN: Duration = Duration::from_millis(500);

/// The process that the agent lives in.
#[derive(Debug)]
pub(super) struct OwnProcess {
    proc: Proc,
    pid: u32,
    fixed: Fixed,
    cpu: Mutex<Window>,
}

/// What does not change.
#[derive(Debug)]
struct Fixed {
    exe: Option<String>,
    name: Option<String>,
    start_ticks: Option<u64>,
}

impl OwnProcess {
    pub(super) fn new() -> Self {
        let (proc, pid) = (Proc::default(), std::process::id());
        let fixed = Fixed {
            exe: proc.exe(pid).map(|exe| exe.to_string_lossy().into_owned()),
            name: proc.name(pid),
            start_ticks: proc.stat(pid).ok().map(|stat| stat.start_ticks),
        };
        Self { proc, pid, fixed, cpu: Mutex::new(Window::new(CPU_AGE_MIN)) }
    }

    /// When the process was started, in clock ticks since boot.
    pub(super) fn start_ticks(&self) -> Option<u64> {
        self.fixed.start_ticks
    }

    /// Everything but what the loops know.
    pub(super) fn read(&self) -> Process {
        let stat = self.proc.stat(self.pid).ok();
        let now = clock_gettime(ClockId::Boottime);
        let now_ns = nanos(now.tv_sec, now.tv_nsec);
        let uptime_ns = stat.as_ref().map(|stat| now_ns.saturating_sub(ticks(stat.start_ticks)));
        let cpu = stat.as_ref().and_then(|stat| {
            self.cpu.lock().unwrap_or_else(PoisonError::into_inner).advance(now_ns, ticks(stat.cpu_ticks))
        });
        let wall = WallTime::from(SystemTime::now());
        Process {
            pid: self.pid,
            exe: self.fixed.exe.clone(),
            name: self.fixed.name.clone(),
            started_at: uptime_ns.map(|uptime| wall.saturating_sub_ns(uptime)),
            uptime_ns,
            cpu,
            rss_bytes: stat.map(|stat| stat.rss_pages.saturating_mul(rustix::param::page_size() as u64)),
            runtime: Some(RuntimeKind::Loopscope),
            ..Process::default()
        }
    }
}

fn nanos(seconds: i64, nanos: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(nanos).unwrap_or(0))
}

/// Clock ticks as nanoseconds.
fn ticks(ticks: u64) -> u64 {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    ticks.saturating_mul(1_000_000_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described() {
        let own = OwnProcess::new();
        let process = own.read();
        assert_eq!(process.pid, std::process::id());
        assert!(process.rss_bytes.unwrap() > 100_000);
        assert!(process.exe.unwrap().ends_with(&process.name.unwrap()));
        assert!(own.start_ticks().unwrap() > 0);
        let now = WallTime::from(SystemTime::now());
        assert!(process.started_at.unwrap() <= now);
    }
}
