//! What is said of each kind of error: the whole message, remedy included.

use super::{Candidate, Error, Kind};
use crate::client::users;
use crate::model::{Capability, words};
use std::fmt;

/// The lines that an application needs.
const HOW_TO_LINK: &str = "\
To make it one that can be looked into, add to its Cargo.toml
    [dependencies]
    loopscope-inspector = \"0.1\"    # or { path = \"…/inspector\" } in a clone
and as the first line of its main
    loopscope_inspector::start();";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_connection(f)
    }
}

impl Error {
    /// Why a process is not there, or cannot be attached to.
    fn fmt_process(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::NoSuchProcess { pid } => write!(f, "there is no process {pid}"),
            Kind::NoSuchProgram { name } => {
                write!(
                    f,
                    "no process is called {}; `loopscope ps` lists those that can be attached to",
                    quoted(name)
                )
            }
            Kind::NothingToAttach => {
                write!(f, "there is no process that can be attached to; try `loopscope demo`")
            }
            Kind::NoAgent { pid } => write!(f, "process {pid} has no agent linked.\n{HOW_TO_LINK}"),
            Kind::OtherUser { pid, uid } => {
                write!(f, "process {pid} is another user's ({}); try sudo", quoted(&users::words(*uid)))
            }
            Kind::KernelThread { pid, name } => {
                write!(
                    f,
                    "process {pid} ({}) is a thread of the kernel; there is no program in it",
                    quoted(name)
                )
            }
            Kind::SocketGone { pid } => write!(
                f,
                "process {pid} has an agent, but its socket cannot be found: its file was removed (some systems clear /tmp), or it \
                 is in a directory that only the process knows; `loopscope PATH` takes the path, a restart makes a new one"
            ),
            Kind::Left { path, pid, is_reused } => {
                let path = path.to_string_lossy();
                if *is_reused {
                    write!(f, "{} was left by an earlier process with the number {pid}", quoted(&path))?;
                } else {
                    write!(f, "{} was left by process {pid}, which has ended", quoted(&path))?;
                }
                write!(f, "; `loopscope ps --dead --remove` removes it")
            }
            Kind::Console { path } => write!(
                f,
                "{path} is the socket of a tokio-console server, which this build cannot read; try `tokio-console \
                 file://localhost{path}`",
                path = quoted(&path.to_string_lossy())
            ),
            Kind::NoneOfThem { name, reasons } => none_of_them(f, name, reasons),
            Kind::SwitchedOff { pid } => {
                write!(f, "process {pid} was started with LOOPSCOPE_INSPECT=0, which switches its agent off")
            }
            Kind::Stopped { pid } => {
                write!(f, "process {pid} is stopped and cannot answer; `kill -CONT {pid}` lets it go on")
            }
            Kind::Zombie { pid } => {
                write!(f, "process {pid} has ended and is a zombie until its parent notices")
            }
            Kind::Ambiguous { name, candidates } => ambiguous(f, name.as_deref(), candidates),
            Kind::Unsupported { target } => write!(
                f,
                "{} is the address of a tokio-console server, which is not supported by this build yet",
                quoted(target)
            ),
            _ => Ok(()),
        }
    }

    /// What happens once a socket is known.
    fn fmt_connection(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.who.as_deref().unwrap_or("the process");
        match &self.kind {
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
            Kind::Refused { right, detail } => {
                write!(f, "{who} does not grant the right to {right}; {}", right.remedy())?;
                if detail.is_empty() { Ok(()) } else { write!(f, ". It says: {}", quoted(detail)) }
            }
            Kind::Lacking { capability } => write!(f, "{who} {}", lacking(*capability)),
            Kind::BadRequest { detail } | Kind::Busy { detail } | Kind::Os { detail } => {
                write!(f, "{}", quoted(detail))
            }
            _ => self.fmt_process(f),
        }
    }
}

/// Why an agent cannot do something, and what helps.
fn lacking(capability: Capability) -> &'static str {
    match capability {
        Capability::Logs => {
            "keeps no log: add the layer of loopscope_inspector::logs (feature `logs`) to its tracing subscriber"
        }
        Capability::Stack | Capability::Dump => {
            "has an agent that cannot take stacks: build it with a newer loopscope-inspector, and loopscope with its feature `stacks`"
        }
        _ => "has an agent that cannot do that: build it with a newer loopscope-inspector",
    }
}

/// Candidates that are listed; of more, how many there are is enough.
const LISTED_MAX: usize = 50;

/// The candidates as a small table: number, user, uptime, name.
fn ambiguous(f: &mut fmt::Formatter<'_>, name: Option<&str>, candidates: &[Candidate]) -> fmt::Result {
    match name {
        Some(name) => write!(f, "several processes are called {}", quoted(name))?,
        None => write!(f, "several processes can be attached to")?,
    }
    write!(f, "; name one by its number:\n  {:>8}  {:<12}  {:>9}  PROGRAM", "PID", "USER", "UPTIME")?;
    for Candidate { pid, name, uid, uptime } in candidates.iter().take(LISTED_MAX) {
        let user = uid.map(users::words).unwrap_or_default();
        let uptime =
            uptime.map(|uptime| words::duration(u64::try_from(uptime.as_nanos()).unwrap_or(u64::MAX)));
        let name = quoted(name.as_deref().unwrap_or("?"));
        write!(f, "\n  {pid:>8}  {:<12}  {:>9}  {name}", quoted(&user), uptime.unwrap_or_default())?;
    }
    more(f, candidates.len())
}

fn none_of_them(f: &mut fmt::Formatter<'_>, name: &str, reasons: &[(u32, Kind)]) -> fmt::Result {
    write!(f, "none of the {} processes called {} can be attached to:", reasons.len(), quoted(name))?;
    for (_, kind) in reasons.iter().take(LISTED_MAX) {
        let why = Error::new(kind.clone()).to_string();
        write!(f, "\n  {}", why.lines().next().unwrap_or_default())?;
    }
    more(f, reasons.len())?;
    if reasons.iter().any(|(_, kind)| matches!(kind, Kind::NoAgent { .. })) {
        write!(f, "\n{HOW_TO_LINK}")?;
    }
    Ok(())
}

fn more(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    match count.saturating_sub(LISTED_MAX) {
        0 => Ok(()),
        rest => write!(f, "\n  and {rest} more"),
    }
}

/// What came from elsewhere, harmless for a terminal.
fn quoted(text: &str) -> String {
    words::escape(text, 2000).into_owned()
}
