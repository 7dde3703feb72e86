//! Who is told by callbacks what happens to a process.

use std::fmt;
use std::io;

use super::error::WaitError;
use super::status::ExitStatus;
use super::transport::Transport;

/// One of a process's standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pipe {
    /// What it reads: descriptor 0.
    Stdin,
    /// What it writes: descriptor 1.
    Stdout,
    /// What it writes as errors: descriptor 2.
    Stderr,
}

impl Pipe {
    /// The number of the descriptor that it is in the process.
    pub fn fd(self) -> i32 {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdin => "stdin",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        })
    }
}

/// Hears what happens to a process, each call on its loop, one after the other:
///
/// ```text
///   connection_made ─► pipe_data_received* ─► pipe_connection_lost   of stdout, likewise of stderr ─┐
///                   ├► (pause_writing, resume_writing)* ─► pipe_connection_lost          of stdin   ├─► connection_lost
///                   └► process_exited ──────────────────────────────────────────────────────────────┘
/// ```
///
/// The process's end may come before the last of what it wrote. `connection_lost` is the last call and comes once: after the
/// process's end and that of every pipe, so not while another process still has one of them; unless the transport is
/// [`close`](Transport::close)d. A panic of a callback ends the task that calls, and kills the process.
///
/// Commands that a callback gives to the [`Transport`] are carried out when it has returned.
#[doc(alias = "asyncio.SubprocessProtocol")]
pub trait Protocol: 'static {
    /// The process has begun; this is how to reach it.
    #[doc(alias = "asyncio.BaseProtocol.connection_made")]
    fn connection_made(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// The process wrote this.
    #[doc(alias = "asyncio.SubprocessProtocol.pipe_data_received")]
    fn pipe_data_received(&mut self, pipe: Pipe, bytes: &[u8]) {
        let _ = (pipe, bytes);
    }

    /// A pipe is over: it came to its end, was closed by either side, or failed.
    #[doc(alias = "asyncio.SubprocessProtocol.pipe_connection_lost")]
    fn pipe_connection_lost(&mut self, pipe: Pipe, error: Option<io::Error>) {
        let _ = (pipe, error);
    }

    /// More than 64 KiB wait to be written. What is written nevertheless waits too.
    #[doc(alias = "asyncio.BaseProtocol.pause_writing")]
    fn pause_writing(&mut self) {}

    /// No more than 16 KiB wait to be written.
    #[doc(alias = "asyncio.BaseProtocol.resume_writing")]
    fn resume_writing(&mut self) {}

    /// The process has ended, in this way; in an unknown way if somebody else collected its status.
    #[doc(alias = "asyncio.SubprocessProtocol.process_exited")]
    fn process_exited(&mut self, ended: &Result<ExitStatus, WaitError>) {
        let _ = ended;
    }

    /// All is over.
    #[doc(alias = "asyncio.BaseProtocol.connection_lost")]
    fn connection_lost(&mut self) {}
}
