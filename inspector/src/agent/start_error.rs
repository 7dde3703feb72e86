//! Why an agent could not start.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why an agent could not start.
#[derive(Debug)]
pub struct StartError {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    SwitchedOff,
    AlreadyStarted { socket: PathBuf },
    ForeignDirectory { path: PathBuf, uid: u32 },
    Io { operation: Operation, path: PathBuf, source: io::Error },
    Runtime { source: Box<dyn std::error::Error + Send + Sync> },
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    ReadProc,
    Directory,
    RemoveStale,
    Bind,
    Thread,
}

impl StartError {
    pub(super) fn switched_off() -> Self {
        Self { kind: Kind::SwitchedOff }
    }

    pub(super) fn already_started(socket: PathBuf) -> Self {
        Self { kind: Kind::AlreadyStarted { socket } }
    }

    pub(super) fn foreign_directory(path: &Path, uid: u32) -> Self {
        Self { kind: Kind::ForeignDirectory { path: path.to_owned(), uid } }
    }

    pub(super) fn io(operation: Operation, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self { kind: Kind::Io { operation, path: path.as_ref().to_owned(), source } }
    }

    pub(super) fn runtime(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Runtime { source: source.into() } }
    }

    /// Whether the environment said `LOOPSCOPE_INSPECT=0`.
    pub fn is_switched_off(&self) -> bool {
        matches!(self.kind, Kind::SwitchedOff)
    }

    /// Whether this process has an agent already.
    pub fn is_already_started(&self) -> bool {
        matches!(self.kind, Kind::AlreadyStarted { .. })
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::SwitchedOff => write!(f, "the inspector is switched off by LOOPSCOPE_INSPECT=0"),
            Kind::AlreadyStarted { socket } => {
                write!(f, "this process has an inspector already, at {}", socket.display())
            }
            Kind::ForeignDirectory { path, uid } => {
                write!(f, "the directory {} belongs to user {uid}", path.display())
            }
            Kind::Io { operation: Operation::Thread, source, .. } => {
                write!(f, "cannot start the inspector's thread: {source}")
            }
            Kind::Io { operation, path, source } => {
                let what = match operation {
                    Operation::ReadProc => "read",
                    Operation::Directory => "make or use the directory",
                    Operation::RemoveStale => "remove the stale socket",
                    Operation::Bind | Operation::Thread => "make the socket",
                };
                write!(f, "cannot {what} {}: {source}", path.display())
            }
            Kind::Runtime { source } => write!(f, "cannot start the inspector's event loop: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Io { source, .. } => Some(source),
            Kind::Runtime { source } => Some(&**source),
            _ => None,
        }
    }
}
