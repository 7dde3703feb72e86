//! The signals that are passed on to the program.
//!
//! They go to its whole process group, as a terminal sends them, so that a program behind a wrapper (`sh -c`, `cargo run`) hears
//! them too. One that was ignored when this program was started (`nohup`) stays ignored, by both.

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};
use signal_hook::consts::{SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is passed on.
const PASSED: [i32; 9] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGCONT];

/// Says that the program has ended: from then on its number may be another's.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended(Arc<AtomicBool>);

impl Ended {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Passes signals on.
#[derive(Debug)]
pub(super) struct Passing {
    signals: RefCell<Option<Signals>>,
    ended: Ended,
    /// Whether the picture is on the terminal, which then sees to Ctrl-Z itself.
    picture: Arc<AtomicBool>,
}

impl Passing {
    /// Listens to the signals; they are passed on once there is somebody to pass them to.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub(super) fn prepare() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let signals = Signals::new(PASSED.into_iter().filter(|&signal| !is_ignored(&status, signal)))?;
        Ok(Self { signals: RefCell::new(Some(signals)), ended: Ended::default(), picture: Arc::default() })
    }

    /// Passes them on to a process group.
    ///
    /// # Errors
    ///
    /// If there is no thread.
    pub(super) fn begin(&self, group: u32) -> io::Result<()> {
        let (ended, picture) = (self.ended.clone(), Arc::clone(&self.picture));
        let (Some(mut signals), Some(group)) =
            (self.signals.take(), i32::try_from(group).ok().and_then(Pid::from_raw))
        else {
            return Ok(());
        };
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in &mut signals {
                if let (false, Some(signal)) = (ended.is_set(), Signal::from_named_raw(signal)) {
                    // It may end in this very moment.
                    let _ = kill_process_group(group, signal);
                }
                if signal == SIGTSTP && !picture.load(Ordering::SeqCst) {
                    // SIGTSTP itself is listened to. A shell that sees us stopped takes the terminal back.
                    let _ = kill_process(getpid(), Signal::STOP);
                }
            }
        })?;
        Ok(())
    }

    /// Who is to be told that the program has ended.
    pub(super) fn ended(&self) -> Ended {
        self.ended.clone()
    }

    /// Whether the picture is on the terminal.
    pub(super) fn picture(&self, is_drawn: bool) {
        self.picture.store(is_drawn, Ordering::SeqCst);
    }
}

/// Whether `/proc/self/status` says that a signal is ignored.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_told_by_their_bits() {
        let status = "Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\tffffffffffffffff\n";
        assert!(is_ignored(status, SIGHUP) && is_ignored(status, signal_hook::consts::SIGPIPE));
        assert!(!is_ignored(status, SIGINT) && !is_ignored("", SIGHUP));
    }
}
