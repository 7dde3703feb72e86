//! One child process, watched until it ends.
//!
//! ```text
//!   running ──the descriptor becomes readable──► zombie ──waitid, by whoever looks first──► ended: the status is kept
//!                                                        └─somebody else was faster──────► ended: lost
//! ```
//!
//! The descriptor is a pidfd. Where the OS refuses one, a blocking job waits for the process, without reaping it, and closes
//! the writing end of a pipe; then the descriptor is the reading end. Either way it becomes readable once and for good.
//!
//! # Invariants
//!
//! The process is reaped here or by [`orphans`](super::orphans), by its own number or descriptor, never by "any child": so
//! until `end` is known nobody else can have its number.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt as _;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use mio::Interest;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus};

use super::error::{Refusal, SignalError, WaitError};
use super::status::ExitStatus;
use super::system::{self, Whom};
use crate::blocking;
use crate::debug::log::log_here;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::Wait;
use crate::io::evented::{Evented, Operation, Uncounted};
use crate::io::source::Direction;
use crate::signal::Kind;
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A child process of ours.
pub(super) struct Process {
    evented: Evented<Watched>,
    /// What it is called: `sh`.
    name: Box<str>,
    pid: u32,
    /// The process that started it: its copies after a fork have no children.
    parent: u32,
    /// Whether it leads a group of its own.
    leads_group: bool,
}

/// What becomes readable when it ends, and how it ended.
#[derive(Debug)]
struct Watched {
    fd: OwnedFd,
    is_pidfd: bool,
    pid: Pid,
    end: Cell<Option<End>>,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Known(ExitStatus),
    /// Somebody else collected the status.
    Lost,
}

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// What is known of a process that was just started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started<'a> {
    pub(super) pid: u32,
    pub(super) name: &'a str,
    pub(super) leads_group: bool,
    /// Whether a thread is to wait for it even where there are pidfds.
    pub(super) by_thread: bool,
}

const ENDING: Operation = Operation { direction: Direction::Read, kind: WaitKind::Process, asked: None };

impl Process {
    /// Watches a process that was just started. If that is not possible it is killed.
    pub(super) fn watch(started: &Started<'_>, made_at: &'static Location<'static>) -> io::Result<Self> {
        let Some(pid) = i32::try_from(started.pid).ok().and_then(Pid::from_raw) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let watched = Self::descriptor(started, pid, made_at).and_then(|(fd, is_pidfd)| {
            let watched = Watched { fd, is_pidfd, pid, end: Cell::new(None) };
            Evented::new(watched, ResourceKind::Process, Interest::READABLE, made_at)
        });
        let evented = match watched {
            Ok(evented) => evented,
            Err(error) => {
                drop(system::signal_by_number(started.pid, libc::SIGKILL, Whom::Process));
                super::orphans::leave(started.pid);
                return Err(error);
            }
        };
        evented.source().set_name(started.name);
        if let Some(record) = evented.source().record() {
            record.process(started.pid);
        }
        let (name, parent) = (started.name.into(), std::process::id());
        Ok(Self { evented, name, pid: started.pid, parent, leads_group: started.leads_group })
    }

    /// The descriptor that becomes readable when it ends, and whether that is a pidfd.
    fn descriptor(
        started: &Started<'_>,
        pid: Pid,
        made_at: &'static Location<'static>,
    ) -> io::Result<(OwnedFd, bool)> {
        if !started.by_thread
            && let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)
        {
            return Ok((pidfd, true));
        }
        let (ended, writer) = io::pipe()?;
        let name = format!("exit of {}", started.name);
        let wait = move || {
            // It fails where the process is gone already, and then there is nothing to wait for either.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(rustix::process::waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
            drop(writer);
        };
        let job = blocking::Builder::new().name(&name).at(made_at).spawn(wait);
        if !job.excuse() {
            return Err(io::Error::other("no thread was free to wait for it"));
        }
        job.detach();
        Ok((ended.into(), false))
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Who it is, for errors.
    pub(super) fn label(&self) -> Box<str> {
        format!("{} (pid {})", self.name, self.pid).into()
    }

    /// Whether this is not the process that started it, but a copy made by a fork.
    pub(super) fn is_of_another_process(&self) -> bool {
        std::process::id() != self.parent
    }

    /// Its loop, if that still runs and is the current one.
    pub(super) fn current_loop(&self) -> Option<&'static Loop> {
        self.evented.source().current_loop()
    }

    /// Looks whether it has ended, and reaps it.
    pub(super) fn try_end(&self) -> Option<Result<ExitStatus, WaitError>> {
        // What else can go wrong was found out at the start.
        self.evented.attempt(ENDING, |watched| self.look(watched)).ok().map(|end| self.result(end.0))
    }

    /// Polls until it has ended; `wait` belongs to the caller's future.
    pub(super) fn poll_end(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: &'static Location<'static>,
    ) -> Poll<Result<ExitStatus, WaitError>> {
        if let Some(end) = self.evented.io().end.get() {
            self.leave(wait);
            return Poll::Ready(self.result(end));
        }
        let ended = self.evented.poll_with(ENDING, cx, wait, (at, false), |watched| self.look(watched));
        Poll::Ready(self.result(ready!(ended).map_or(End::Lost, |end| end.0)))
    }

    /// Takes a wait for its end back.
    pub(super) fn leave(&self, wait: &mut Wait) {
        self.evented.source().leave(Direction::Read, wait);
    }

    /// The status, if it has been collected.
    pub(super) fn known_end(&self) -> Option<Result<ExitStatus, WaitError>> {
        self.evented.io().end.get().map(|end| self.result(end))
    }

    fn result(&self, end: End) -> Result<ExitStatus, WaitError> {
        match end {
            End::Known(status) => Ok(status),
            End::Lost => Err(WaitError { process: self.label() }),
        }
    }

    /// Asks the OS once.
    fn look(&self, watched: &Watched) -> io::Result<Uncounted<End>> {
        if let Some(end) = watched.end.get() {
            return Ok(Uncounted(end));
        }
        let Some(end) = watched.reap() else { return Err(io::ErrorKind::WouldBlock.into()) };
        watched.end.set(Some(end));
        match end {
            End::Known(status) => log_here!(Info, "{} has ended: {status}", self.label()),
            End::Lost => log_here!(Warn, "{} has ended, and somebody else knows how", self.label()),
        }
        // Those who wait hear of it from the loop, since the descriptor stays readable.
        if let (End::Known(status), Some(record)) = (end, self.evented.source().record()) {
            record.exited(status.into());
        }
        Ok(Uncounted(end))
    }

    /// Sends a signal. Returns whether there was still somebody to get it.
    pub(super) fn signal(&self, signal: i32, whom: Whom) -> Result<bool, SignalError> {
        if whom == Whom::Group && !self.leads_group {
            return Err(self.refused(signal, Refusal::NoGroup));
        }
        // A zombie would take any signal.
        let has_ended = !self.is_of_another_process() && self.try_end().is_some();
        let watched = self.evented.io();
        let sent = match whom {
            Whom::Process if has_ended => return Ok(false),
            _ if watched.is_pidfd => match system::signal_by_descriptor(watched.fd.as_fd(), signal, whom) {
                // An older kernel, or no such signal: by number that is told apart, as long as the number is surely its own.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    if has_ended {
                        return Ok(false);
                    }
                    system::signal_by_number(self.pid, signal, whom)
                }
                sent => sent,
            },
            Whom::Group if has_ended => return Ok(false),
            _ => system::signal_by_number(self.pid, signal, whom),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
            Err(error) => Err(self.refused(signal, Refusal::Os(error))),
        }
    }

    fn refused(&self, signal: i32, cause: Refusal) -> SignalError {
        SignalError { process: self.label(), signal: Kind::from_raw(signal), cause }
    }
}

impl Watched {
    /// Whether the thread that waits for the process has closed its end of the pipe.
    fn is_thread_done(&self) -> bool {
        let mut polled = [PollFd::new(&self.fd, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut polled, Some(&at_once)).is_ok_and(|count| count > 0)
    }

    /// Reaps the process if it has ended.
    fn reap(&self) -> Option<End> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let by_number = || rustix::process::waitid(WaitId::Pid(self.pid), options);
        let reaped = if self.is_pidfd {
            match rustix::process::waitid(WaitId::PidFd(self.fd.as_fd()), options) {
                Err(Errno::INVAL) => by_number(), // Linux 5.3 has pidfds, and cannot wait for them yet
                other => other,
            }
        } else if self.is_thread_done() {
            by_number()
        } else {
            // Else the thread might wait for whoever gets the number next.
            Ok(None)
        };
        match reaped {
            Ok(None) => None,
            Ok(Some(status)) => Some(End::Known(status_of(&status))),
            Err(_) => Some(End::Lost),
        }
    }
}

fn status_of(status: &WaitIdStatus) -> ExitStatus {
    let raw = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) => signal | if status.dumped() { 0x80 } else { 0 },
        (None, None) => 0,
    };
    std::process::ExitStatus::from_raw(raw).into()
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {}): ", self.name, self.pid)?;
        match self.evented.io().end.get() {
            None => f.write_str("running"),
            Some(End::Known(status)) => write!(f, "{status}"),
            Some(End::Lost) => f.write_str("ended"),
        }
    }
}
