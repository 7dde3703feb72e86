//! What dead processes left: the files of their sockets.
//!
//! A process that comes to its end in order takes its socket along, and the next agent of the same user clears the directory.
//! One that is killed leaves its file until then; it does no harm. Here they are listed, and removed on request by whoever may:
//! their owner and root.

use super::discovery::{Found, Places};
use super::error::{Error, Kind};
use crate::rendezvous;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::SystemTime;

/// A socket that a dead process left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The file.
    pub socket: PathBuf,
    /// The number that the process had, in its own namespace.
    pub pid: u32,
    /// Whether another process has the number now.
    pub is_reused: bool,
    /// Whose file it is.
    pub uid: Option<u32>,
    /// When the process opened it.
    pub opened_at: Option<SystemTime>,
}

/// The sockets that dead processes left; of all users if this is root.
pub fn left() -> Vec<Left> {
    Places::usual().left()
}

/// Removes what a dead process left.
///
/// # Errors
///
/// If the operating system refuses, and if it is no such file any more: somebody listens on it again, or it is gone.
pub fn remove(left: &Left) -> Result<(), Error> {
    let failed = |why: String| {
        Error::new(Kind::Os { detail: format!("cannot remove {}: {why}", left.socket.display()) })
    };
    let os = |errno: rustix::io::Errno| failed(std::io::Error::from(errno).to_string());
    let (Some(dir), Some(name)) = (left.socket.parent(), left.socket.file_name()) else {
        return Err(failed("it is no file in a directory".to_owned()));
    };
    // Held open and not followed, so that what is looked at is what is changed: root cleans up behind other users.
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(dir, flags, Mode::empty()).map_err(os)?;
    let stat = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(os)?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::Socket {
        return Err(failed("it is no socket".to_owned()));
    }
    if !rendezvous::is_deaf(&left.socket) {
        return Err(failed("somebody listens on it".to_owned()));
    }
    rustix::fs::unlinkat(&dir, name, AtFlags::empty()).map_err(os)
}

impl Places {
    pub(super) fn left(&self) -> Vec<Left> {
        self.scan()
            .into_iter()
            .filter(|found| !found.alive)
            .filter_map(|found| self.describe(found))
            .collect()
    }

    fn describe(&self, found: Found) -> Option<Left> {
        let pid = found.pid?;
        let metadata = fs::symlink_metadata(&found.socket).ok();
        Some(Left {
            is_reused: self.proc.stat(pid).is_ok(),
            uid: metadata.as_ref().map(fs::Metadata::uid),
            opened_at: metadata.and_then(|metadata| metadata.modified().ok()),
            socket: found.socket,
            pid,
        })
    }
}
