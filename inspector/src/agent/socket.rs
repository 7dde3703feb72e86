//! The agent's socket: nobody but its user can reach it, from its first instant on.
//!
//! # What is made sure of
//!
//! - The directory is a directory and not a link, ours, and closed to everybody else.
//! - The socket gets its mode before it gets its name: Linux makes the file of a bound socket with the mode of the socket's
//!   own inode, less the umask. (`umask` itself belongs to the whole process, so it is not touched.)
//! - A file at that place is removed only if it is a socket that nobody listens on.

use super::start_error::{Operation, StartError};
use crate::proc::Proc;
use crate::rendezvous;
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Connections that may wait to be accepted; the rest are refused by the OS.
const BACKLOG: i32 = 128;

/// A socket that is bound, and its file.
#[derive(Debug)]
pub(super) struct Bound {
    /// Does not block.
    pub(super) listener: UnixListener,
    /// Where it is.
    pub(super) path: PathBuf,
}

/// Binds this process's socket in the usual place: the first directory that can be used.
pub(super) fn bind_usual(proc: &Proc, runtime_dir: Option<&Path>, uid: u32) -> Result<Bound, StartError> {
    let pid = std::process::id();
    let start_ticks = proc
        .own_stat()
        .map_err(|source| StartError::io(Operation::ReadProc, "/proc/self/stat", source))?
        .start_ticks;
    let in_runtime_dir = runtime_dir.filter(|dir| dir.is_dir()).map(rendezvous::in_runtime_dir);
    let bind_in = |dir: &Path| {
        prepare_directory(dir, uid)?;
        remove_stale(proc, dir);
        bind(&dir.join(rendezvous::file_name(pid, start_ticks)))
    };
    if let Some(dir) = in_runtime_dir
        && let Ok(bound) = bind_in(&dir)
    {
        return Ok(bound);
    }
    bind_in(&rendezvous::in_tmp(uid))
}

/// Binds a socket that only this user can connect to.
pub(super) fn bind(path: &Path) -> Result<Bound, StartError> {
    let error = |operation| move |source: io::Error| StartError::io(operation, path, source);
    let address =
        SocketAddrUnix::new(path).map_err(|source| StartError::io(Operation::Bind, path, source.into()))?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
        && rendezvous::is_deaf(path)
    {
        fs::remove_file(path).map_err(error(Operation::RemoveStale))?;
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|source| StartError::io(Operation::Bind, path, source.into()))?;
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)
        .and_then(|()| rustix::net::bind(&socket, &address))
        .and_then(|()| rustix::net::listen(&socket, BACKLOG))
        .map_err(|source| StartError::io(Operation::Bind, path, source.into()))?;
    Ok(Bound { listener: UnixListener::from(socket), path: path.to_owned() })
}

/// Makes the directory, or makes sure that the one that is there is ours alone.
fn prepare_directory(dir: &Path, uid: u32) -> Result<(), StartError> {
    let error = |source: io::Error| StartError::io(Operation::Directory, dir, source);
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => return Err(error(source)),
        _ => {}
    }
    // Held open and not followed, so that what is looked at is what is changed.
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(dir, flags, Mode::empty()).map_err(|source| error(source.into()))?;
    let stat = rustix::fs::fstat(&handle).map_err(|source| error(source.into()))?;
    if stat.st_uid != uid {
        return Err(StartError::foreign_directory(dir, stat.st_uid));
    }
    if Mode::from_raw_mode(stat.st_mode) != Mode::RWXU {
        rustix::fs::fchmod(&handle, Mode::RWXU).map_err(|source| error(source.into()))?;
    }
    Ok(())
}

/// Removes the sockets of processes that are gone. What cannot be removed is left; it does no harm.
fn remove_stale(proc: &Proc, dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_dead = rendezvous::parse_file_name(&entry.file_name()).is_some_and(|(pid, start_ticks)| {
            proc.stat(pid).map_or(true, |stat| stat.start_ticks != start_ticks)
        });
        // A process that is not to be seen may live in another namespace, so its socket must be deaf as well.
        if is_dead && rendezvous::is_deaf(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Dir;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    fn uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn the_usual_place_is_closed_to_others() {
        let dir = Dir::new("usual");
        let bound = bind_usual(&Proc::default(), Some(dir.path()), uid()).unwrap();
        assert_eq!(bound.path.parent(), Some(&*dir.join("loopscope")));
        assert_eq!(mode(&dir.join("loopscope")), 0o700);
        assert_eq!(mode(&bound.path), 0o600);
        let pid = std::process::id();
        assert_eq!(rendezvous::parse_file_name(bound.path.file_name().unwrap()).unwrap().0, pid);
    }

    #[test]
    fn an_open_directory_of_ours_is_closed() {
        let dir = Dir::new("open");
        let inner = dir.join("d");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o777)).unwrap();
        prepare_directory(&inner, uid()).unwrap();
        assert_eq!(mode(&inner), 0o700);
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused() {
        let dir = Dir::new("foreign");
        let inner = dir.join("d");
        fs::create_dir(&inner).unwrap();
        let error = prepare_directory(&inner, uid() + 1).unwrap_err();
        assert!(error.to_string().contains("belongs to user"), "{error}");
    }

    #[test]
    fn a_link_is_no_directory() {
        let dir = Dir::new("link");
        fs::create_dir(dir.join("real")).unwrap();
        symlink(dir.join("real"), dir.join("link")).unwrap();
        assert!(prepare_directory(&dir.join("link"), uid()).is_err());
        fs::write(dir.join("file"), "").unwrap();
        assert!(prepare_directory(&dir.join("file"), uid()).is_err());
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_replaced_and_one_in_use_is_not() {
        let dir = Dir::new("stale");
        let path = dir.join("s");
        drop(bind(&path).unwrap());
        assert!(path.exists());
        let bound = bind(&path).unwrap();
        assert!(bind(&path).is_err());
        drop(bound);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn sockets_of_dead_processes_are_removed_and_nothing_else() {
        let dir = Dir::new("dead");
        let pid = std::process::id();
        let ours = Proc::default().stat(pid).unwrap().start_ticks;
        let deaf = |name: &str| drop(bind(&dir.join(name)).unwrap());
        // No process has the number 0; ours, started at another time, is another process.
        deaf("0-5.sock");
        deaf(&format!("{pid}-{}.sock", ours + 1));
        deaf(&format!("{pid}-{ours}.sock"));
        deaf("other.sock");
        let live = bind(&dir.join("0-6.sock")).unwrap();
        remove_stale(&Proc::default(), dir.path());
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["0-6.sock".to_owned(), format!("{pid}-{ours}.sock"), "other.sock".into()]);
        drop(live);
    }

    #[test]
    fn a_path_that_is_too_long_is_an_error() {
        let error = bind(&Path::new("/tmp").join("x".repeat(200))).unwrap_err();
        assert!(error.to_string().contains("cannot make the socket"), "{error}");
    }
}
