//! Descriptors, and how a resource is named where a task waits for it.

use super::{Place, ResourceKind, Summary, Waiting};
use std::fmt;

/// Enough of a resource to name it where a task waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceRef {
    /// Never reused in a process.
    pub id: u64,
    /// What it is.
    pub kind: ResourceKind,
    /// The name it was given.
    pub name: Option<String>,
    /// The descriptor's number.
    pub fd: Option<i32>,
    /// The local address.
    pub local: Option<String>,
    /// The peer's address.
    pub peer: Option<String>,
    /// Items in it, free permits, tasks that arrived.
    pub len: Option<u64>,
    /// What `len` can be at most.
    pub limit: Option<u64>,
    /// The child process that it is, or that a pipe leads to.
    pub child_pid: Option<u32>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// The signal's name, of those that have the same number on every Unix.
    pub fn signal_name(self) -> Option<&'static str> {
        let Self::Signal(number) = self else { return None };
        Some(match number {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            5 => "SIGTRAP",
            6 => "SIGABRT",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            13 => "SIGPIPE",
            14 => "SIGALRM",
            15 => "SIGTERM",
            _ => return None,
        })
    }
}

/// `exit 1`, `killed by SIGKILL`, `killed by signal 40`.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (*self, self.signal_name()) {
            (Self::Code(code), _) => write!(f, "exit {code}"),
            (_, Some(name)) => write!(f, "killed by {name}"),
            (Self::Signal(number), None) => write!(f, "killed by signal {number}"),
        }
    }
}

/// Either, both or none of the two directions of a descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Directions {
    /// The way in.
    pub readable: bool,
    /// The way out.
    pub writable: bool,
}

impl Directions {
    /// `readable`, `writable`, `readable writable` or `none`.
    pub fn as_str(self) -> &'static str {
        match (self.readable, self.writable) {
            (true, true) => "readable writable",
            (true, false) => "readable",
            (false, true) => "writable",
            (false, false) => "none",
        }
    }
}

impl fmt::Display for Directions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A descriptor: one row of `io`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Io {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// The resource's id, never reused in a process.
    pub id: u64,
    /// The loop it is registered with.
    pub loop_id: Option<u64>,
    /// The descriptor's number.
    pub fd: Option<i32>,
    /// What it is.
    pub kind: ResourceKind,
    /// The name it was given.
    pub name: Option<String>,
    /// The local address, as Rust prints it.
    pub local: Option<String>,
    /// The peer's address, as Rust prints it.
    pub peer: Option<String>,
    /// What the loop asked the OS for.
    pub interest: Directions,
    /// What the OS said last.
    pub readiness: Directions,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Reads that moved bytes or ended the stream.
    pub reads: u64,
    /// Writes that moved bytes.
    pub writes: u64,
    /// Calls that found the descriptor not ready.
    pub would_block: u64,
    /// Time since the last read or write; `None` if there was none.
    pub idle_for_ns: Option<u64>,
    /// The tasks that wait for it.
    pub waiting: Vec<u64>,
    /// The same by what they wait for.
    pub waits: Vec<Waiting>,
    /// The time from readiness to the read, where it is kept for each descriptor; see [`IoTotal`].
    pub readiness_delay: Option<Summary>,
    /// Where it was made.
    pub made_at: Option<Place>,
    /// The child process that it is, or that a pipe leads to.
    pub child_pid: Option<u32>,
    /// How that process ended, of the process itself.
    pub exit: Option<Exit>,
}

/// All descriptors of one kind made at one place, open and closed: one row of `io_totals`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IoTotal {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// The loop they are registered with.
    pub loop_id: Option<u64>,
    /// What they are; `Unknown` where the loop sums up what was made at more places than it tells apart.
    pub kind: ResourceKind,
    /// Where they were made.
    pub made_at: Option<Place>,
    /// Descriptors open now.
    pub open: u64,
    /// Descriptors made so far.
    pub opened: u64,
    /// Descriptors closed.
    pub closed: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Reads that moved bytes or ended the stream.
    pub reads: u64,
    /// Writes that moved bytes.
    pub writes: u64,
    /// Calls that found the descriptor not ready.
    pub would_block: u64,
    /// The time from readiness to the read that followed.
    pub readiness_delay: Option<Summary>,
}
