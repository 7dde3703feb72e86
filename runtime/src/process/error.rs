//! What can go wrong with a child process, one type a cause.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::signal::Kind;

/// A program could not be started.
///
/// Says which program, in which folder, and which of them is at fault.
#[derive(Debug)]
pub struct SpawnError {
    program: OsString,
    folder: Option<PathBuf>,
    cause: Cause,
    source: io::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    NoSuchProgram,
    NoSuchInterpreter,
    NotExecutable,
    NoSuchFolder,
    /// What was to be a standard stream could not be made.
    Stream(&'static str),
    /// It ran already and was killed, because its end could not be watched.
    Watch,
    Other,
}

impl SpawnError {
    /// Finds out what a failed start was due to.
    pub(super) fn of_start(program: &OsStr, folder: Option<&Path>, source: io::Error) -> Self {
        let cause = match source.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR | libc::EACCES) if folder.is_some_and(|dir| !dir.is_dir()) => {
                Cause::NoSuchFolder
            }
            Some(libc::ENOENT | libc::ENOTDIR) if is_there(program, folder) => Cause::NoSuchInterpreter,
            Some(libc::ENOENT | libc::ENOTDIR) => Cause::NoSuchProgram,
            Some(libc::EACCES | libc::ENOEXEC) => Cause::NotExecutable,
            _ => Cause::Other,
        };
        Self { program: program.to_owned(), folder: folder.map(Path::to_owned), cause, source }
    }

    pub(super) fn of_stream(program: &OsStr, stream: &'static str, source: io::Error) -> Self {
        Self { program: program.to_owned(), folder: None, cause: Cause::Stream(stream), source }
    }

    pub(super) fn of_watch(program: &OsStr, source: io::Error) -> Self {
        Self { program: program.to_owned(), folder: None, cause: Cause::Watch, source }
    }

    /// The program that was to be started.
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// The folder it was to be started in, if one was named.
    pub fn current_dir(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Whether there is no such program.
    pub fn is_no_such_program(&self) -> bool {
        self.cause == Cause::NoSuchProgram
    }

    /// Whether the folder it was to be started in is not there, or is no folder.
    pub fn is_no_such_dir(&self) -> bool {
        self.cause == Cause::NoSuchFolder
    }

    /// Whether the file is there but cannot be executed: no permission, no program, or its interpreter is missing.
    pub fn is_not_executable(&self) -> bool {
        matches!(self.cause, Cause::NotExecutable | Cause::NoSuchInterpreter)
    }

    /// What the OS said.
    pub fn io_error(&self) -> &io::Error {
        &self.source
    }
}

/// Whether a program named by a path is there; the OS says the same of it and of the interpreter that its first line names.
fn is_there(program: &OsStr, folder: Option<&Path>) -> bool {
    let path = Path::new(program);
    path.components().count() > 1 && folder.map_or_else(|| path.to_owned(), |dir| dir.join(path)).exists()
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start {}", self.program.display())?;
        let folder = self.folder.as_deref().unwrap_or(Path::new(".")).display();
        match self.cause {
            Cause::NoSuchFolder => return write!(f, " in {folder}: there is no such directory"),
            Cause::Stream(stream) => return write!(f, ": no pipe for its {stream}: {}", self.source),
            Cause::Watch => return write!(f, ": its end cannot be watched: {}", self.source),
            _ => {}
        }
        if self.folder.is_some() {
            write!(f, " in {folder}")?;
        }
        match self.cause {
            Cause::NoSuchProgram => f.write_str(": there is no such program"),
            Cause::NoSuchInterpreter => f.write_str(": the interpreter it asks for is not there"),
            Cause::NotExecutable => write!(f, ": it cannot be executed: {}", self.source),
            _ => write!(f, ": {}", self.source),
        }
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl From<SpawnError> for io::Error {
    fn from(error: SpawnError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// How a process ended cannot be known: its status was collected by somebody else in this process, or the OS was told to
/// throw such statuses away (an ignored `SIGCHLD`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitError {
    pub(super) process: Box<str>,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ended, but somebody else collected its exit status", self.process)
    }
}

impl Error for WaitError {}

/// A signal could not be sent.
#[derive(Debug)]
pub struct SignalError {
    pub(super) process: Box<str>,
    pub(super) signal: Kind,
    pub(super) cause: Refusal,
}

/// Why a signal was not sent.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The process has no group of its own.
    NoGroup,
    Os(io::Error),
}

impl SignalError {
    /// The signal.
    pub fn signal(&self) -> Kind {
        self.signal
    }

    /// Whether there is no such signal.
    pub fn is_no_such_signal(&self) -> bool {
        matches!(&self.cause, Refusal::Os(error) if error.raw_os_error() == Some(libc::EINVAL))
    }

    /// Whether the process belongs to somebody else by now, and we may not.
    pub fn is_denied(&self) -> bool {
        matches!(&self.cause, Refusal::Os(error) if error.raw_os_error() == Some(libc::EPERM))
    }

    /// Whether a group was meant and the process has none of its own.
    pub fn is_no_group(&self) -> bool {
        matches!(self.cause, Refusal::NoGroup)
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot send {} to ", self.signal)?;
        match &self.cause {
            Refusal::NoGroup => write!(f, "the group of {}: it was started in ours", self.process),
            Refusal::Os(_) if self.is_no_such_signal() => {
                write!(f, "{}: there is no such signal", self.process)
            }
            Refusal::Os(error) => write!(f, "{}: {error}", self.process),
        }
    }
}

impl Error for SignalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Refusal::NoGroup => None,
            Refusal::Os(error) => Some(error),
        }
    }
}

/// A process could not be stopped, or how it ended is not known.
#[derive(Debug)]
#[non_exhaustive]
pub enum StopError {
    /// It could not be told to end.
    Signal(SignalError),
    /// It ended, nobody knows how.
    Wait(WaitError),
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(error) => error.fmt(f),
            Self::Wait(error) => error.fmt(f),
        }
    }
}

impl Error for StopError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Signal(error) => error.source(),
            Self::Wait(error) => error.source(),
        }
    }
}

/// A program could not be started, or how it ended is not known.
#[derive(Debug)]
#[non_exhaustive]
pub enum StatusError {
    /// It could not be started.
    Spawn(SpawnError),
    /// It ended, nobody knows how.
    Wait(WaitError),
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => error.fmt(f),
            Self::Wait(error) => error.fmt(f),
        }
    }
}

impl Error for StatusError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Spawn(error) => error.source(),
            Self::Wait(error) => error.source(),
        }
    }
}

/// Talking to a process failed. What it said so far is kept in the child, and another
/// [`communicate`](super::Child::communicate) goes on from there.
#[derive(Debug)]
#[non_exhaustive]
pub enum CommunicateError {
    /// It said more than the limit allows.
    Limit {
        /// Of which process.
        process: Box<str>,
        /// Which stream.
        stream: &'static str,
        /// How many bytes there may be.
        limit: usize,
    },
    /// One of its streams failed.
    Io {
        /// Of which process.
        process: Box<str>,
        /// Which stream.
        stream: &'static str,
        /// What the OS said.
        source: io::Error,
    },
    /// It ended, nobody knows how.
    Wait(WaitError),
}

impl CommunicateError {
    /// Whether it said more than the limit allows.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Limit { .. })
    }
}

impl fmt::Display for CommunicateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { process, stream, limit } => {
                write!(f, "the {stream} of {process} is longer than the limit of {limit} bytes")
            }
            Self::Io { process, stream, source } => write!(f, "the {stream} of {process}: {source}"),
            Self::Wait(error) => error.fmt(f),
        }
    }
}

impl Error for CommunicateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Limit { .. } => None,
            Self::Io { source, .. } => Some(source),
            Self::Wait(error) => error.source(),
        }
    }
}

/// [`Command::output`](super::Command::output) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputError {
    /// The program could not be started.
    Spawn(SpawnError),
    /// Talking to it failed.
    Communicate(CommunicateError),
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => error.fmt(f),
            Self::Communicate(error) => error.fmt(f),
        }
    }
}

impl Error for OutputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Spawn(error) => error.source(),
            Self::Communicate(error) => error.source(),
        }
    }
}
