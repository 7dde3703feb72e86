//! Why a client did not get what it asked for, in words for people and as a kind for programs.

mod message;

use super::discovery::Candidate;
use super::right::Right;
use crate::model::Capability;
use std::path::PathBuf;
use std::time::Duration;

/// Why a client did not get what it asked for.
///
/// `Display` is the whole message, remedy included; it may have several lines.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    who: Option<String>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// There is no process with that number.
    NoSuchProcess {
        /// The number.
        pid: u32,
    },
    /// There is no process of that name that can be attached to.
    NoSuchProgram {
        /// The name.
        name: String,
    },
    /// None of the processes of that name can be attached to.
    NoneOfThem {
        /// The name.
        name: String,
        /// Their numbers, and why not.
        reasons: Vec<(u32, Kind)>,
    },
    /// No process can be attached to.
    NothingToAttach,
    /// It is a thread of the kernel.
    KernelThread {
        /// Its number.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// The process has an agent, whose socket is not to be found.
    SocketGone {
        /// Its number.
        pid: u32,
    },
    /// Nobody listens on the socket: a dead process left it.
    Left {
        /// Where.
        path: PathBuf,
        /// The number of that process.
        pid: u32,
        /// Whether another process has the number now.
        is_reused: bool,
    },
    /// At the other end is a tokio-console server.
    Console {
        /// Its socket.
        path: PathBuf,
    },
    /// The process has no agent.
    NoAgent {
        /// Its number.
        pid: u32,
    },
    /// The process belongs to another user.
    OtherUser {
        /// Its number.
        pid: u32,
        /// The user.
        uid: u32,
    },
    /// The agent is switched off in the process's environment.
    SwitchedOff {
        /// Its number.
        pid: u32,
    },
    /// The process is stopped, by SIGSTOP or a debugger.
    Stopped {
        /// Its number.
        pid: u32,
    },
    /// The process has ended and its parent has not noticed.
    Zombie {
        /// Its number.
        pid: u32,
    },
    /// The process ended.
    Ended,
    /// There was no answer in time.
    Silent {
        /// How long was waited.
        timeout: Duration,
    },
    /// The agent closed the connection.
    Closed {
        /// More, in words; may be empty.
        detail: String,
    },
    /// The agent speaks only older protocols.
    AgentTooOld {
        /// The newest protocol of the agent.
        theirs: u32,
        /// The oldest protocol of this client.
        ours: u32,
    },
    /// The agent speaks only newer protocols.
    AgentTooNew {
        /// The oldest protocol of the agent.
        theirs: u32,
        /// The newest protocol of this client.
        ours: u32,
    },
    /// What is there is no inspector socket.
    NotInspector {
        /// What it is instead, in words.
        detail: String,
    },
    /// There is no such socket, or nobody listens on it.
    NoSocket {
        /// Where.
        path: PathBuf,
        /// What the OS says.
        detail: String,
    },
    /// The other end of the socket is another process than the one asked for.
    Impostor {
        /// The process asked for.
        wanted: u32,
        /// The one that is there; `None` if it is in another namespace.
        found: Option<u32>,
    },
    /// Several processes match.
    Ambiguous {
        /// The name that they share, if one was given.
        name: Option<String>,
        /// Which they are.
        candidates: Vec<Candidate>,
    },
    /// A kind of target that this build cannot attach to.
    Unsupported {
        /// The target.
        target: String,
    },
    /// What was asked for makes no sense: a filter, a column, an interval.
    BadRequest {
        /// What the agent says.
        detail: String,
    },
    /// The agent has as many clients as it takes.
    Busy {
        /// What the agent says.
        detail: String,
    },
    /// A right is missing.
    Refused {
        /// Which.
        right: Right,
        /// What the agent says; may be empty.
        detail: String,
    },
    /// The agent, mostly an older one, cannot do what was asked.
    Lacking {
        /// What it cannot do.
        capability: Capability,
    },
    /// The operating system refused something.
    Os {
        /// What was tried, and what the OS says.
        detail: String,
    },
}

impl Error {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, who: None }
    }

    /// Says which process it is about, as in `4711 (app)`.
    pub(super) fn about(mut self, who: &str) -> Self {
        self.who.get_or_insert_with(|| who.to_owned());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The exit code that the command line has for it: 2 for wrong usage, 3 for nothing that answers, 4 for a right that
    /// is missing.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Ambiguous { .. } | Kind::Unsupported { .. } | Kind::BadRequest { .. } => 2,
            Kind::Refused { .. } => 4,
            _ => 3,
        }
    }

    /// Whether the process is gone for good.
    pub fn is_over(&self) -> bool {
        matches!(
            self.kind,
            Kind::Ended
                | Kind::NoSuchProcess { .. }
                | Kind::Zombie { .. }
                | Kind::NoSocket { .. }
                | Kind::Left { .. }
        )
    }

    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Stopped { .. } | Kind::Silent { .. } | Kind::Closed { .. } | Kind::Busy { .. }
        )
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
