//! Which processes can be attached to, and where their sockets are.
//!
//! A name in a directory is only a hint: whether the process that is asked for really is at the other end is settled by the
//! peer's credentials after connecting.

use super::error::{Error, Kind};
use super::target::Target;
use crate::model::words;
use crate::proc::{Proc, Stat};
use crate::rendezvous::{self, Asked};
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// A socket that may be an agent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The process, as this client sees it; `None` where only the path of a socket is known.
    pub pid: Option<u32>,
    /// The name of its program.
    pub name: Option<String>,
    /// Its socket.
    pub socket: PathBuf,
    /// Whether the process is there; a dead one may have left its socket.
    pub alive: bool,
}

impl Found {
    /// A socket at that path, of whatever process.
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self { pid: None, name: None, socket: socket.into(), alive: true }
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

    /// The directories where sockets of `uid` are, or of all users.
    fn directories(&self, uid: Option<u32>) -> Vec<PathBuf> {
        let mut all = Vec::new();
        all.extend(self.runtime_dir.as_deref().map(rendezvous::in_runtime_dir));
        all.extend(numbered(&self.run_user, "", uid).iter().map(|dir| rendezvous::in_runtime_dir(dir)));
        all.extend(numbered(&self.tmp, "loopscope-", uid));
        let mut directories: Vec<PathBuf> = Vec::new();
        for dir in all {
            if !directories.contains(&dir) {
                directories.push(dir);
            }
        }
        directories
    }

    /// Every socket in these directories that looks like an agent's.
    pub(super) fn scan(&self) -> Vec<Found> {
        let uid = (self.uid != 0).then_some(self.uid);
        let mut found: Vec<Found> = Vec::new();
        for (pid, start_ticks, socket) in self.directories(uid).iter().flat_map(|dir| sockets(dir)) {
            let stat = self.proc.stat(pid).ok();
            let alive = stat.is_some_and(|stat| stat.start_ticks == start_ticks);
            let name = alive.then(|| self.proc.name(pid)).flatten();
            found.push(Found { pid: Some(pid), name, socket, alive });
        }
        found.sort_by(|a, b| (a.pid, &a.socket).cmp(&(b.pid, &b.socket)));
        found
    }

    /// What the target names.
    pub(super) fn find(&self, target: &Target) -> Result<Found, Error> {
        match target {
            Target::Only => self.only(|_| true, || Kind::NothingToAttach),
            Target::Pid(pid) => self.find_pid(*pid),
            Target::Program(name) => self.find_program(name),
            Target::Socket(path) => find_socket(path),
            Target::Console(target) => Err(Error::new(Kind::Unsupported { target: target.clone() })),
        }
    }

    fn only(&self, wanted: impl Fn(&Found) -> bool, none: impl FnOnce() -> Kind) -> Result<Found, Error> {
        let mut found: Vec<Found> =
            self.scan().into_iter().filter(|found| found.alive && wanted(found)).collect();
        // Two directories may name one process; the first is what its environment says.
        found.dedup_by_key(|found| found.pid);
        match found.len() {
            0 => Err(Error::new(none())),
            1 => Ok(found.remove(0)),
            _ => {
                let candidates =
                    found.into_iter().filter_map(|found| Some((found.pid?, found.name))).collect();
                Err(Error::new(Kind::Ambiguous { candidates }))
            }
        }
    }

    fn find_program(&self, name: &str) -> Result<Found, Error> {
        let found = self.only(
            |found| found.name.as_deref() == Some(name),
            || Kind::NoSuchProgram { name: name.to_owned() },
        );
        // If one process bears the name, there is more to say about it.
        let is_nobody = matches!(&found, Err(error) if matches!(error.kind(), Kind::NoSuchProgram { .. }));
        if is_nobody {
            let named: Vec<u32> = self
                .proc
                .pids()
                .into_iter()
                .filter(|&pid| self.proc.name(pid).as_deref() == Some(name))
                .collect();
            if let [pid] = named[..] {
                return self.find_pid(pid);
            }
        }
        found
    }

    /// The socket of a process, or why there is none.
    fn find_pid(&self, pid: u32) -> Result<Found, Error> {
        let stat = self.proc.stat(pid).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(Kind::NoSuchProcess { pid }),
            _ => Error::new(Kind::Os { detail: format!("cannot look at process {pid}: {error}") }),
        })?;
        if stat.is_zombie() {
            return Err(Error::new(Kind::Zombie { pid }));
        }
        let uid = self.proc.uid(pid).unwrap_or(self.uid);
        if self.uid != 0 && uid != self.uid {
            return Err(Error::new(Kind::OtherUser { pid, uid }));
        }
        let value = self.proc.variable(pid, rendezvous::VARIABLE);
        let asked = rendezvous::asked(value.as_deref());
        let socket = self.socket_of(pid, uid, &stat, &asked);
        let kind = match (socket, asked) {
            // A stopped process would take the connection and never answer.
            (Some(_), _) if stat.is_stopped() => Kind::Stopped { pid },
            (Some(socket), _) => {
                return Ok(Found { pid: Some(pid), name: self.proc.name(pid), socket, alive: true });
            }
            (None, Asked::Off) => Kind::SwitchedOff { pid },
            (None, Asked::At(path)) => {
                let detail =
                    format!("LOOPSCOPE_INSPECT names it for process {pid}, which has opened none there");
                Kind::NoSocket { path, detail }
            }
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
        let outside = self.directories(Some(uid)).into_iter().filter(|_| inner == pid);
        let in_outside = outside
            .flat_map(|dir| sockets(&dir))
            .find(|(number, start_ticks, _)| *number == pid && *start_ticks == stat.start_ticks);
        if let Some((_, _, socket)) = in_outside {
            return Some(socket);
        }
        self.directories_below_root(pid)
            .iter()
            .flat_map(|dir| sockets(dir))
            .find(|(number, _, _)| *number == inner)
            .map(|(_, _, socket)| socket)
    }

    /// The directories of a process with a file system of its own. Its users may be numbered otherwise than ours.
    fn directories_below_root(&self, pid: u32) -> Vec<PathBuf> {
        let mut directories = Vec::new();
        let value = self.proc.variable(pid, "XDG_RUNTIME_DIR");
        let runtime_dir = rendezvous::runtime_dir(value.as_deref());
        directories
            .extend(runtime_dir.map(|dir| rendezvous::in_runtime_dir(&self.proc.below_root(pid, &dir))));
        let run_user = self.proc.below_root(pid, Path::new("/run/user"));
        directories.extend(numbered(&run_user, "", None).iter().map(|dir| rendezvous::in_runtime_dir(dir)));
        directories.extend(numbered(&self.proc.below_root(pid, Path::new("/tmp")), "loopscope-", None));
        directories
    }
}

fn find_socket(path: &Path) -> Result<Found, Error> {
    let no_socket =
        |error: io::Error| Error::new(Kind::NoSocket { path: path.to_owned(), detail: error.to_string() });
    let metadata = fs::metadata(path).map_err(no_socket)?;
    if !metadata.file_type().is_socket() {
        let detail = format!("{} is a file of another kind", path.display());
        return Err(Error::new(Kind::NotInspector { detail }));
    }
    Ok(Found::at(path))
}

fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// The directories `<prefix><number>` in `dir`, or the one of `only`.
fn numbered(dir: &Path, prefix: &str, only: Option<u32>) -> Vec<PathBuf> {
    if let Some(number) = only {
        return vec![dir.join(format!("{prefix}{number}"))];
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?, entry.path()))
        })
        .collect();
    numbered.sort_unstable();
    numbered.into_iter().map(|(_, path)| path).collect()
}

/// What looks like an agent's socket in a directory: process, start time and path.
fn sockets(dir: &Path) -> Vec<(u32, u64, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()))
        .filter_map(|entry| {
            let (pid, start_ticks) = rendezvous::parse_file_name(&entry.file_name())?;
            Some((pid, start_ticks, entry.path()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
