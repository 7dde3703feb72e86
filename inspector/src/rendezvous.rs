//! Where an agent puts its socket and a client looks for it.
//!
//! `$XDG_RUNTIME_DIR/loopscope/<pid>-<start>.sock`, else `/tmp/loopscope-<uid>/…`. The start time, in clock ticks since
//! boot, tells a process from a later one with the same number.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The variable that switches the agent off, on, or to another path.
pub(crate) const VARIABLE: &str = "LOOPSCOPE_INSPECT";

/// The name of the agent's thread, which tells that a process has one. The OS keeps 15 bytes.
pub(crate) const AGENT_THREAD: &str = "loopscope-agent";

/// The directory of one user's sockets where the user has a directory for such things.
pub(crate) fn in_runtime_dir(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join("loopscope")
}

/// The directory of one user's sockets where the user has none.
#[cfg(any(feature = "agent", test))]
pub(crate) fn in_tmp(uid: u32) -> PathBuf {
    PathBuf::from(format!("/tmp/loopscope-{uid}"))
}

/// What `XDG_RUNTIME_DIR` says, if it makes sense: the specification demands an absolute path.
pub(crate) fn runtime_dir(value: Option<&OsStr>) -> Option<PathBuf> {
    let path = Path::new(value?);
    path.is_absolute().then(|| path.to_owned())
}

/// The name of a process's socket.
#[cfg(any(feature = "agent", test))]
pub(crate) fn file_name(pid: u32, start_ticks: u64) -> String {
    format!("{pid}-{start_ticks}.sock")
}

/// The process and its start time that a socket's name tells.
pub(crate) fn parse_file_name(name: &OsStr) -> Option<(u32, u64)> {
    let (pid, start_ticks) = name.to_str()?.strip_suffix(".sock")?.split_once('-')?;
    // `parse` alone takes a sign.
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(pid) && digits(start_ticks)).then_some(())?;
    Some((pid.parse().ok()?, start_ticks.parse().ok()?))
}

/// What the variable asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is not set.
    Nothing,
    /// `0`: no agent, whatever the code says.
    Off,
    /// `1`: an agent at the usual place.
    On,
    /// A path: an agent there.
    At(PathBuf),
    /// Neither of these.
    Nonsense(String),
}

/// Reads the value of [`VARIABLE`].
pub(crate) fn asked(value: Option<&OsStr>) -> Asked {
    let Some(value) = value else { return Asked::Nothing };
    match value.to_str() {
        Some("") => Asked::Nothing,
        Some("0") => Asked::Off,
        Some("1") => Asked::On,
        _ if value.as_encoded_bytes().contains(&b'/') => Asked::At(PathBuf::from(value)),
        _ => Asked::Nonsense(value.to_string_lossy().into_owned()),
    }
}

/// Whether nobody listens.
pub(crate) fn is_deaf(path: &Path) -> bool {
    let Ok(address) = SocketAddrUnix::new(path) else { return false };
    // Does not block: a live socket whose queue is full says `EAGAIN` at once.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .is_ok_and(|probe| rustix::net::connect(&probe, &address) == Err(rustix::io::Errno::CONNREFUSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_it_was_made_of() {
        assert_eq!(parse_file_name(file_name(7, 1234).as_ref()), Some((7, 1234)));
        for nonsense in
            ["", "7.sock", "7-.sock", "-7-1.sock", "+7-1.sock", "7-1", "7-1-1.sock", "99999999999-1.sock"]
        {
            assert_eq!(parse_file_name(nonsense.as_ref()), None, "{nonsense}");
        }
    }

    #[test]
    fn the_variable_means_off_on_or_a_path() {
        let check = |value: &str, expected| assert_eq!(asked(Some(value.as_ref())), expected);
        assert_eq!(asked(None), Asked::Nothing);
        check("", Asked::Nothing);
        check("0", Asked::Off);
        check("1", Asked::On);
        check("./app.sock", Asked::At("./app.sock".into()));
        check("/run/app.sock", Asked::At("/run/app.sock".into()));
        check("yes", Asked::Nonsense("yes".into()));
        check("2", Asked::Nonsense("2".into()));
    }

    #[test]
    fn a_relative_runtime_dir_is_no_runtime_dir() {
        assert_eq!(runtime_dir(Some("run".as_ref())), None);
        assert_eq!(runtime_dir(Some("".as_ref())), None);
        assert_eq!(runtime_dir(Some("/run/user/7".as_ref())), Some("/run/user/7".into()));
        assert_eq!(in_runtime_dir(Path::new("/run/user/7")), Path::new("/run/user/7/loopscope"));
        assert_eq!(in_tmp(7), Path::new("/tmp/loopscope-7"));
    }
}
