//! The sockets of agents in the file system, and which process each belongs to.
//!
//! # Where is looked
//!
//! In the directories of the rendezvous as this process sees the file system, and once more as each other view of it has them
//! that a process we may look at lives in: a container, or a service with a `/tmp` of its own. A socket that is seen in both
//! ways is one.
//!
//! # Whose a socket is
//!
//! Its name tells a process number and a start time. The number is that of the process in its own namespace of processes, so
//! besides the process of that number here, each of another namespace that bears it there is asked for its start time. A
//! socket that fits no process and that nobody listens on was left by a dead one.

use super::discovery::{Found, Places};
use crate::rendezvous;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that looks like an agent's socket.
#[derive(Clone, Debug)]
pub(super) struct SocketFile {
    /// The process that its name tells, as that numbers itself.
    pub(super) pid: u32,
    /// The start time that its name tells.
    pub(super) start_ticks: u64,
    pub(super) path: PathBuf,
    /// What tells it from other files, whatever path leads to it.
    inode: (u64, u64),
}

/// What looks like an agent's socket in a directory.
pub(super) fn sockets(dir: &Path) -> Vec<SocketFile> {
    use std::os::unix::fs::FileTypeExt as _;
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let (pid, start_ticks) = rendezvous::parse_file_name(&entry.file_name())?;
            // Not followed: a link is no socket.
            let metadata = entry.metadata().ok().filter(|metadata| metadata.file_type().is_socket())?;
            let inode = (metadata.dev(), metadata.ino());
            Some(SocketFile { pid, start_ticks, path: entry.path(), inode })
        })
        .collect()
}

/// The directories `<prefix><number>` in `dir`, or the one of `only`.
pub(super) fn numbered(dir: &Path, prefix: &str, only: Option<u32>) -> Vec<PathBuf> {
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

/// A process that numbers processes, or sees files, otherwise than this one.
#[derive(Debug)]
struct Foreign {
    /// Its number here.
    pid: u32,
    /// Its number there.
    inner: u32,
    start_ticks: u64,
    /// Which files it sees, if not ours.
    view: Option<[PathBuf; 2]>,
}

impl Places {
    /// Every socket that looks like an agent's: of this user, or of all users if this is root.
    pub(super) fn scan(&self) -> Vec<Found> {
        let foreign = self.foreign();
        let uid = (self.uid != 0).then_some(self.uid);
        let mut views: HashSet<&[PathBuf; 2]> = HashSet::new();
        let directories = self.directories(uid).into_iter().chain(
            foreign
                .iter()
                .filter(|process| process.view.as_ref().is_some_and(|view| views.insert(view)))
                .flat_map(|process| self.directories_below_root(process.pid)),
        );
        let mut seen = HashSet::new();
        let files = directories.flat_map(|dir| sockets(&dir)).filter(|file| seen.insert(file.inode));
        let mut found: Vec<Found> = files.map(|file| self.whose(&file, &foreign)).collect();
        found.sort_by(|a, b| (a.pid, &a.socket).cmp(&(b.pid, &b.socket)));
        found
    }

    /// The process that a socket belongs to.
    fn whose(&self, file: &SocketFile, foreign: &[Foreign]) -> Found {
        let here = self.proc.stat(file.pid).is_ok_and(|stat| stat.start_ticks == file.start_ticks);
        let pid = here.then_some(file.pid).or_else(|| {
            let its =
                |process: &&Foreign| process.inner == file.pid && process.start_ticks == file.start_ticks;
            foreign.iter().find(its).map(|process| process.pid)
        });
        let found = |pid, alive| Found {
            pid,
            name: None,
            uid: None,
            start_ticks: Some(file.start_ticks),
            socket: file.path.clone(),
            alive,
            is_file: false,
        };
        match pid {
            Some(pid) => {
                let (name, uid) = (self.proc.name(pid), self.proc.uid(pid));
                Found { name, uid, ..found(Some(pid), true) }
            }
            // A process that is not to be seen from here may have it.
            None if !rendezvous::is_deaf(&file.path) => found(None, true),
            None => found(Some(file.pid), false),
        }
    }

    /// The processes that this user may look into and that live in other namespaces.
    fn foreign(&self) -> Vec<Foreign> {
        let Some((our_pids, our_files)) = self.proc.namespaces("self") else { return Vec::new() };
        let foreign = self.proc.pids().into_iter().filter_map(|pid| {
            let (pids, files) = self.proc.namespaces(pid)?;
            let (is_inside, view) = (pids != our_pids, (files != our_files).then_some(files));
            if !is_inside && view.is_none() {
                return None;
            }
            let inner = if is_inside { self.proc.innermost_pid(pid) } else { pid };
            Some(Foreign { pid, inner, start_ticks: self.proc.stat(pid).ok()?.start_ticks, view })
        });
        foreign.collect()
    }

    /// The directories where sockets of `uid` are, or of all users.
    pub(super) fn directories(&self, uid: Option<u32>) -> Vec<PathBuf> {
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

    /// The directories of a process with a file system of its own. Its users may be numbered otherwise than ours.
    pub(super) fn directories_below_root(&self, pid: u32) -> Vec<PathBuf> {
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
