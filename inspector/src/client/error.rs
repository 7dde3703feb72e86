//! Why a client did not get what it asked for, in words for people and as a kind for programs.

use std::fmt;
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
    /// No process can be attached to.
    NothingToAttach,
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
        /// Their numbers and names.
        candidates: Vec<(u32, Option<String>)>,
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
        /// What the agent says.
        detail: String,
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

    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Stopped { .. } | Kind::Silent { .. } | Kind::Closed { .. } | Kind::Busy { .. }
        )
    }
}

impl std::error::Error for Error {}

/// The lines that an application needs.
const HOW_TO_LINK: &str = "\
To make it one that can be looked into, add to its Cargo.toml
    [dependencies]
    loopscope-inspector = \"0.1\"    # or { path = \"…/inspector\" } in a clone
and as the first line of its main
    loopscope_inspector::start();";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.who.as_deref().unwrap_or("the process");
        match &self.kind {
            Kind::NoSuchProcess { pid } => write!(f, "there is no process {pid}"),
            Kind::NoSuchProgram { name } => {
                write!(
                    f,
                    "there is no process {} that can be attached to; `loopscope ps` lists those that can",
                    quoted(name)
                )
            }
            Kind::NothingToAttach => {
                write!(f, "there is no process that can be attached to; try `loopscope demo`")
            }
            Kind::NoAgent { pid } => write!(f, "process {pid} has no agent linked.\n{HOW_TO_LINK}"),
            Kind::OtherUser { pid, uid } => write!(f, "process {pid} belongs to user {uid}; try sudo"),
            Kind::SwitchedOff { pid } => {
                write!(f, "process {pid} was started with LOOPSCOPE_INSPECT=0, which switches its agent off")
            }
            Kind::Stopped { pid } => {
                write!(f, "process {pid} is stopped and cannot answer; `kill -CONT {pid}` lets it go on")
            }
            Kind::Zombie { pid } => {
                write!(f, "process {pid} has ended and is a zombie until its parent notices")
            }
            Kind::Ended => write!(f, "{who} has ended"),
            Kind::Silent { timeout } => write!(f, "{who} has been silent for {timeout:?}"),
            Kind::Closed { detail } if detail.is_empty() => write!(f, "{who} closed the connection"),
            Kind::Closed { detail } => write!(f, "{who} closed the connection: {}", quoted(detail)),
            Kind::AgentTooOld { theirs, ours } => write!(
                f,
                "{who} speaks protocol {theirs} at most, this program {ours} at least; use an older loopscope or build the \
                 application with a newer one"
            ),
            Kind::AgentTooNew { theirs, ours } => write!(
                f,
                "{who} speaks protocol {theirs} at least, this program {ours} at most; use a newer loopscope"
            ),
            Kind::NotInspector { detail } => write!(f, "that is not an inspector socket: {}", quoted(detail)),
            Kind::NoSocket { path, detail } => {
                write!(f, "cannot connect to {}: {}", quoted(&path.to_string_lossy()), quoted(detail))
            }
            Kind::Impostor { wanted, found: Some(found) } => {
                write!(f, "the socket of process {wanted} is served by process {found}, which is not it")
            }
            Kind::Impostor { wanted, found: None } => {
                write!(f, "the socket of process {wanted} is served by another process, in another namespace")
            }
            Kind::Ambiguous { candidates } => {
                write!(f, "several processes match; name one by its number:")?;
                for (pid, name) in candidates {
                    write!(f, "\n  {pid}  {}", quoted(name.as_deref().unwrap_or("?")))?;
                }
                Ok(())
            }
            Kind::Unsupported { target } => write!(
                f,
                "{} is the address of a tokio-console server, which is not supported by this build yet",
                quoted(target)
            ),
            Kind::BadRequest { detail }
            | Kind::Busy { detail }
            | Kind::Refused { detail }
            | Kind::Os { detail } => {
                write!(f, "{}", quoted(detail))
            }
        }
    }
}

/// What came from elsewhere, harmless for a terminal.
fn quoted(text: &str) -> String {
    crate::model::words::escape(text, 2000).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_exit_code() {
        let code = |kind| Error::new(kind).exit_code();
        assert_eq!(code(Kind::Ambiguous { candidates: Vec::new() }), 2);
        assert_eq!(code(Kind::Unsupported { target: String::new() }), 2);
        assert_eq!(code(Kind::NoAgent { pid: 1 }), 3);
        assert_eq!(code(Kind::Silent { timeout: Duration::from_secs(5) }), 3);
        assert_eq!(code(Kind::Refused { detail: String::new() }), 4);
    }

    #[test]
    fn a_process_without_an_agent_gets_the_lines_to_add() {
        let text = Error::new(Kind::NoAgent { pid: 7 }).to_string();
        assert!(text.starts_with("process 7 has no agent linked."));
        assert!(
            text.contains("loopscope-inspector = \"0.1\"") && text.contains("loopscope_inspector::start();")
        );
    }

    #[test]
    fn what_the_other_end_says_cannot_drive_the_terminal() {
        let text = Error::new(Kind::BadRequest { detail: "\x1b[2J".into() }).to_string();
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn a_silent_process_is_named() {
        let error = Error::new(Kind::Silent { timeout: Duration::from_secs(5) }).about("7 (app)");
        assert_eq!(error.to_string(), "7 (app) has been silent for 5s");
    }

    #[test]
    fn versions_are_both_named() {
        let error = Error::new(Kind::AgentTooNew { theirs: 3, ours: 1 }).about("7 (app)");
        assert_eq!(
            error.to_string(),
            "7 (app) speaks protocol 3 at least, this program 1 at most; use a newer loopscope"
        );
    }
}
