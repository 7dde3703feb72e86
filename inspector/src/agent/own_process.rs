//! What the OS says of the process that the agent lives in.

use super::window::Window;
use crate::model::{Process, RuntimeKind, WallTime};
use crate::proc::{Proc, program_name, since_boot_ns, ticks_ns as ticks};
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
    started_at: Option<WallTime>,
}

impl OwnProcess {
    pub(super) fn new() -> Self {
        let (proc, pid) = (Proc::default(), std::process::id());
        let (stat, exe) = (proc.own_stat().ok(), proc.own_exe());
        let started_at = stat.as_ref().map(|stat| {
            let uptime_ns = since_boot_ns().saturating_sub(ticks(stat.start_ticks));
            WallTime::from(SystemTime::now()).saturating_sub_ns(uptime_ns)
        });
        let fixed = Fixed {
            name: exe.as_deref().and_then(program_name),
            exe: exe.map(|exe| exe.to_string_lossy().into_owned()),
            start_ticks: stat.map(|stat| stat.start_ticks),
            started_at,
        };
        Self { proc, pid, fixed, cpu: Mutex::new(Window::new(CPU_AGE_MIN)) }
    }

    /// When the process was started, in clock ticks since boot.
    pub(super) fn start_ticks(&self) -> Option<u64> {
        self.fixed.start_ticks
    }

    /// Everything but what the loops know.
    pub(super) fn read(&self) -> Process {
        let stat = self.proc.own_stat().ok();
        let now_ns = since_boot_ns();
        let uptime_ns = stat.as_ref().map(|stat| now_ns.saturating_sub(ticks(stat.start_ticks)));
        let cpu = stat.as_ref().and_then(|stat| {
            self.cpu.lock().unwrap_or_else(PoisonError::into_inner).advance(now_ns, ticks(stat.cpu_ticks))
        });
        Process {
            pid: self.pid,
            exe: self.fixed.exe.clone(),
            name: self.fixed.name.clone(),
            started_at: self.fixed.started_at,
            uptime_ns,
            cpu,
            rss_bytes: stat.map(|stat| stat.rss_pages.saturating_mul(rustix::param::page_size() as u64)),
            runtime: Some(RuntimeKind::Loopscope),
            ..Process::default()
        }
    }
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
