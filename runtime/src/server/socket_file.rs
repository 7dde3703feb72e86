//! The file of a Unix socket: making room for it, and taking it away when it is still ours.
//!
//! ```text
//!   nothing there ───────────────────────────────────┐
//!   a socket nobody has ──removed────────────────────┤──► bound: the file's inode is noted
//!   a socket somebody has, or no socket ──► AddrInUse     └── closed: unlinked, if the inode is still that one
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// A file that is removed when this is dropped, unless it is gone or another one by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// The child of a fork leaves the file to its parent.
    process: u32,
}

impl SocketFile {
    /// Notes which file is at `path` now. An address that is no file gives nothing.
    pub(super) fn of(address: &SockAddr) -> Option<Self> {
        // Absolute, because the process may go to another directory meanwhile.
        let path = std::path::absolute(address.as_pathname()?).ok()?;
        let (device, inode) = identity(&path).ok()?;
        Some(Self { path, device, inode, process: std::process::id() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = || identity(&self.path).is_ok_and(|now| now == (self.device, self.inode));
        if self.process == std::process::id() && is_ours() {
            // What stays behind is stale, and the next server replaces it.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// What tells a file from another one that has its name later.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the socket file at an address if nobody has that socket any more.
///
/// # Errors
///
/// `AddrInUse` when somebody has it, or it is no socket; what the OS says when it may not be removed.
pub(super) fn make_room(address: &SockAddr) -> io::Result<()> {
    let Some(path) = address.as_pathname() else { return Ok(()) };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "there is a file that is no socket"));
    }
    if is_in_use(address)? {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    // Another server may have been as fast, and then the file is its.
    if identity(path).is_ok_and(|now| now == (metadata.dev(), metadata.ino())) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a process has the socket at `address`.
///
/// Asked with a datagram socket: a server that takes connections refuses it by its type, and so is not given one that it would
/// have to serve; one that has only bound its socket yet refuses alike.
fn is_in_use(address: &SockAddr) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
    match socket.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(true),
    }
}
