#![allow(unsafe_code, reason = "signals by pidfd, and steps between fork and exec")]
//! What the OS offers for processes and rustix does not: any signal through a pidfd, and steps of the child before it
//! becomes another program.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Resource, Rlimit};

/// Sends to every process of the group that has the process's number (Linux 6.9).
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

/// Who gets a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Process,
    Group,
}

/// Sends a signal to exactly the process that the descriptor is, or to the group it leads; never to another one that has got
/// its number since.
pub(super) fn signal_by_descriptor(pidfd: BorrowedFd<'_>, signal: i32, whom: Whom) -> io::Result<()> {
    let flags: libc::c_uint = match whom {
        Whom::Process => 0,
        Whom::Group => PIDFD_SIGNAL_PROCESS_GROUP,
    };
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the kernel reads the four words given; a null pointer stands for the information that `kill` would give.
    let failed =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, flags) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal by number. The caller knows that the process, or the leader of the group, is a child of ours that was not
/// reaped yet, so that nobody else can have its number.
pub(super) fn signal_by_number(pid: u32, signal: i32, whom: Whom) -> io::Result<()> {
    let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 1) else {
        return Err(io::ErrorKind::InvalidInput.into()); // 0, 1 and -1 are not what anybody means
    };
    let pid = if whom == Whom::Group { -pid } else { pid };
    // SAFETY: takes two numbers; touches no memory of ours.
    let failed = unsafe { libc::kill(pid, signal) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What a child does before it becomes another program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Begins a session, and a group, of its own.
    Session,
    /// Takes a limit upon itself.
    Limit(Resource, Rlimit),
}

/// Makes the children of `command` take a step. From then on they are made by `fork`, not by `posix_spawn`.
pub(super) fn before_exec(command: &mut Command, step: Step) {
    let take = move || match step {
        Step::Session => rustix::process::setsid().map(drop).map_err(io::Error::from),
        Step::Limit(resource, limit) => rustix::process::setrlimit(resource, limit).map_err(io::Error::from),
    };
    // SAFETY: between fork and exec only what is async-signal-safe may run: `take` makes one system call on values it copied,
    // takes no lock and allocates nothing (an error of the OS is a number).
    unsafe { command.pre_exec(take) };
}
