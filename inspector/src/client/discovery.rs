//! Which process a target means, and why it cannot be attached to.
//!
//! A name in a directory is only a hint: whether the process that is asked for really is at the other end is settled by the
//! peer's credentials after connecting.

use super::error::{Error, Kind};
use super::sockets::sockets;
use super::target::Target;
use crate::model::words;
use crate::proc::{Proc, Stat, since_boot_ns, ticks_ns};
use crate::rendezvous::{self, Asked};
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A socket that may be an agent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The process, as this client sees it; `None` where only the path of a socket is known.
    pub pid: Option<u32>,
    /// The name of its program.
    pub name: Option<String>,
    /// The user it runs as.
    pub uid: Option<u32>,
    /// When it was started, in clock ticks since the machine's boot.
    pub start_ticks: Option<u64>,
    /// Its socket.
    pub socket: PathBuf,
    /// Whether the process is there; a dead one may have left its socket.
    pub alive: bool,
    /// Whether it is no socket but a file that the process left when it came to a bad end.
    pub is_file: bool,
}

impl Found {
    /// A socket at that path, of whatever process.
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self {
            pid: None,
            name: None,
            uid: None,
            start_ticks: None,
            socket: socket.into(),
            alive: true,
            is_file: false,
        }
    }

    /// How to speak of it, as in `4711 (app)`.
    pub(super) fn who(&self) -> String {
        match (self.pid, &self.name) {
            (Some(pid), Some(name)) => format!("{pid} ({})", words::escape(name, 64)),
            (Some(pid), None) => pid.to_string(),
            (None, _) => words::escape(&self.socket.to_string_lossy(), 200).into_owned(),
        }
    }
}

/// One of several processes that a target may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub pid: u32,
    /// The name of its program.
    pub name: Option<String>,
    /// The user it runs as.
    pub uid: Option<u32>,
    /// How long it has been running.
    pub uptime: Option<Duration>,
}

/// Where to look; elsewhere in tests.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) proc: Proc,
    /// What `XDG_RUNTIME_DIR` says.
    pub(super) runtime_dir: Option<PathBuf>,
    /// `/run/user`.
    pub(super) run_user: PathBuf,
    /// `/tmp`.
    pub(super) tmp: PathBuf,
    /// This client's user.
    pub(super) uid: u32,
}

impl Places {
    pub(super) fn usual() -> Self {
        Self {
            proc: Proc::default(),
            runtime_dir: rendezvous::runtime_dir(std::env::var_os("XDG_RUNTIME_DIR").as_deref()),
            run_user: PathBuf::from("/run/user"),
            tmp: PathBuf::from("/tmp"),
            uid: rustix::process::geteuid().as_raw(),
        }
    }

    /// What the target names.
    pub(super) fn find(&self, target: &Target) -> Result<Found, Error> {
        match target {
            Target::Only => self.find_only(),
            Target::Pid(pid) => self.find_pid(*pid),
            Target::Program(name) => self.find_program(name),
            Target::Socket(path) => self.find_socket(path),
            Target::Console(target) => Err(Error::new(Kind::Unsupported { target: target.clone() })),
        }
    }

    fn find_only(&self) -> Result<Found, Error> {
        let mut found: Vec<Found> = self.scan().into_iter().filter(|found| found.alive).collect();
        // A process whose directory was cleared may have opened two.
        found.dedup_by_key(|found| found.pid.map_or_else(|| Err(found.socket.clone()), Ok));
        match found.len() {
            0 => Err(Error::new(Kind::NothingToAttach)),
            1 => self.awake(found.remove(0)),
            _ => Err(self.ambiguous(None, found.iter().filter_map(|found| found.pid))),
        }
    }

    fn find_program(&self, name: &str) -> Result<Found, Error> {
        let own = std::process::id();
        let mut pids: Vec<u32> = self.proc.pids();
        pids.retain(|&pid| pid != own && self.proc.is_called(pid, name));
        pids.sort_unstable();
        let (mut found, mut why) = (Vec::new(), Vec::new());
        for pid in pids {
            match self.find_pid(pid) {
                Ok(one) => found.push(one),
                Err(error) => why.push((pid, error)),
            }
        }
        match (found.len(), why.len()) {
            (0, 0) => Err(Error::new(Kind::NoSuchProgram { name: name.to_owned() })),
            (0, 1) => Err(why.remove(0).1),
            (0, _) => {
                let reasons = why.into_iter().map(|(pid, error)| (pid, error.kind().clone())).collect();
                Err(Error::new(Kind::NoneOfThem { name: name.to_owned(), reasons }))
            }
            (1, _) => Ok(found.remove(0)),
            _ => Err(self.ambiguous(Some(name), found.iter().filter_map(|found| found.pid))),
        }
    }

    /// The process of a process group that has an agent, the first that was started if there are several.
    pub(super) fn find_in_group(&self, group: u32) -> Option<Found> {
        let mut members: Vec<(u64, u32)> = self
            .proc
            .pids()
            .into_iter()
            .filter_map(|pid| Some((pid, self.proc.stat(pid).ok().filter(|stat| stat.group == group)?)))
            .map(|(pid, stat)| (stat.start_ticks, pid))
            .collect();
        members.sort_unstable();
        members.into_iter().find_map(|(_, pid)| self.find_pid(pid).ok())
    }

    fn ambiguous(&self, name: Option<&str>, pids: impl Iterator<Item = u32>) -> Error {
        let candidate =
            |pid| Candidate {
                pid,
                name: self.proc.name(pid),
                uid: self.proc.uid(pid),
                uptime: self.proc.stat(pid).ok().map(|stat| {
                    Duration::from_nanos(since_boot_ns().saturating_sub(ticks_ns(stat.start_ticks)))
                }),
            };
        Error::new(Kind::Ambiguous {
            name: name.map(str::to_owned),
            candidates: pids.map(candidate).collect(),
        })
    }

    /// A process that is stopped would take the connection and never answer.
    fn awake(&self, found: Found) -> Result<Found, Error> {
        match found.pid {
            Some(pid) if self.proc.stat(pid).is_ok_and(|stat| stat.is_stopped()) => {
                Err(Error::new(Kind::Stopped { pid }))
            }
            _ => Ok(found),
        }
    }

    /// The socket of a process, or why there is none.
    fn find_pid(&self, pid: u32) -> Result<Found, Error> {
        let stat = self.proc.stat(pid).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(Kind::NoSuchProcess { pid }),
            _ if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
                Error::new(Kind::NoSuchProcess { pid })
            }
            _ => Error::new(Kind::Os { detail: format!("cannot look at process {pid}: {error}") }),
        })?;
        if stat.is_zombie() {
            return Err(Error::new(Kind::Zombie { pid }));
        }
        if stat.is_kernel {
            return Err(Error::new(Kind::KernelThread { pid, name: stat.comm }));
        }
        let uid = self.proc.uid(pid).unwrap_or(self.uid);
        if self.uid != 0 && uid != self.uid {
            return Err(Error::new(Kind::OtherUser { pid, uid }));
        }
        let value = self.proc.variable(pid, rendezvous::VARIABLE);
        let asked = rendezvous::asked(value.as_deref());
        let socket = self.socket_of(pid, uid, &stat, &asked);
        let kind = match (socket, asked) {
            (Some(_), _) if stat.is_stopped() => Kind::Stopped { pid },
            (Some(socket), _) => {
                let name = self.proc.name(pid);
                let start_ticks = Some(stat.start_ticks);
                return Ok(Found {
                    pid: Some(pid),
                    name,
                    uid: Some(uid),
                    start_ticks,
                    socket,
                    alive: true,
                    is_file: false,
                });
            }
            (None, Asked::Off) => Kind::SwitchedOff { pid },
            (None, Asked::At(path)) => {
                let detail =
                    format!("LOOPSCOPE_INSPECT names it for process {pid}, which has opened none there");
                Kind::NoSocket { path, detail }
            }
            (None, _) if self.proc.has_thread(pid, rendezvous::AGENT_THREAD) => Kind::SocketGone { pid },
            (None, _) => Kind::NoAgent { pid },
        };
        Err(Error::new(kind))
    }

    fn socket_of(&self, pid: u32, uid: u32, stat: &Stat, asked: &Asked) -> Option<PathBuf> {
        if let Asked::At(path) = asked {
            let path = if path.is_absolute() {
                self.proc.below_root(pid, path)
            } else {
                self.proc.below_cwd(pid, path)
            };
            return is_socket(&path).then_some(path);
        }
        let inner = self.proc.innermost_pid(pid);
        // A program that was root when its agent started may be somebody else by now.
        let whose = (self.uid != 0).then_some(uid);
        let outside = self.directories(whose).into_iter().filter(|_| inner == pid);
        let in_outside = outside
            .flat_map(|dir| sockets(&dir))
            .find(|file| file.pid == pid && file.start_ticks == stat.start_ticks);
        if let Some(file) = in_outside {
            return Some(file.path);
        }
        let inside: Vec<_> = self
            .directories_below_root(pid)
            .iter()
            .flat_map(|dir| sockets(dir))
            .filter(|file| file.pid == inner)
            .collect();
        let exact = inside.iter().find(|file| file.start_ticks == stat.start_ticks);
        // In a namespace of time it counts from elsewhere, and then the only thing that can be said is who listens.
        exact
            .or_else(|| inside.iter().find(|file| !rendezvous::is_deaf(&file.path)))
            .map(|file| file.path.clone())
    }

    fn find_socket(&self, path: &Path) -> Result<Found, Error> {
        let no_socket = |error: io::Error| {
            Error::new(Kind::NoSocket { path: path.to_owned(), detail: words_of(&error, path) })
        };
        let metadata = fs::metadata(path).map_err(no_socket)?;
        if metadata.is_file() {
            return Ok(Found { is_file: true, ..Found::at(path) });
        }
        if !metadata.file_type().is_socket() {
            let what = if metadata.is_dir() { "a directory" } else { "a file of another kind" };
            let detail = format!("{} is {what}", path.display());
            return Err(Error::new(Kind::NotInspector { detail }));
        }
        match self.left_by(path) {
            Some(kind) => Err(Error::new(kind)),
            None => Ok(Found::at(path)),
        }
    }

    /// Who left the socket, if nobody listens on it and its name tells.
    pub(super) fn left_by(&self, path: &Path) -> Option<Kind> {
        let (pid, start_ticks) = rendezvous::parse_file_name(path.file_name()?)?;
        if !rendezvous::is_deaf(path) {
            return None;
        }
        let stat = self.proc.stat(pid).ok();
        let is_reused = stat.is_some_and(|stat| stat.start_ticks != start_ticks);
        Some(Kind::Left { path: path.to_owned(), pid, is_reused })
    }
}

/// What the OS says of a path that leads nowhere, and what to do where rights are missing.
pub(super) fn words_of(error: &io::Error, path: &Path) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => {
            use std::os::unix::fs::MetadataExt as _;
            let owner = path.ancestors().find_map(|path| Some(fs::symlink_metadata(path).ok()?.uid()));
            let owner = owner.map(super::users::words);
            format!("it is another user's ({}); try sudo", owner.as_deref().unwrap_or("unknown"))
        }
        _ => error.to_string(),
    }
}

fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[cfg(test)]
mod tests;
