//! Child processes.
//!
//! ```text
//!   Command ──spawn──► Child: running ──its end, seen through a pidfd──► ended: status known, reaped
//!                        │  stdin, stdout, stderr: pipes on the loop
//!                        └─dropped──► goes on, or is killed; a reaper waits for its end
//! ```
//!
//! [`Command`] starts a program, [`Child`] waits for it, talks to it and sends it signals. An end is an end of the process
//! alone: a process that it started may still have its pipes. Nothing here reaps "any child", so processes that others start
//! in this process are none of its business. A test's paused clock does not stand while a child runs.
//!
//! [`Command::spawn_with_protocol`] is the level below: a [`Protocol`] is told of whatever happens to the process, by
//! callbacks.

mod child;
mod command;
mod communicate;
mod error;
mod limit;
mod orphans;
mod protocol;
mod started;
mod status;
mod stdio;
mod system;
mod transport;
mod watch;

pub use child::{Child, ChildStderr, ChildStdin, ChildStdout, Stop, WaitExit};
pub use command::Command;
pub use communicate::{Communicate, Output};
pub use error::{CommunicateError, OutputError, SignalError, SpawnError, StatusError, StopError, WaitError};
pub use limit::Resource;
pub use protocol::{Pipe, Protocol};
pub use status::ExitStatus;
pub use stdio::Stdio;
pub use transport::{StdinClosed, Transport};
