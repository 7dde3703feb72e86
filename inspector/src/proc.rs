//! What `/proc` says of a process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file system of processes; elsewhere in tests.
#[derive(Clone, Debug)]
pub(crate) struct Proc {
    root: PathBuf,
}

/// One reading of `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The process's name as the OS knows it, at most 15 bytes.
    pub(crate) comm: String,
    /// `R`, `S`, `D`, `T` (stopped), `t` (stopped by a debugger), `Z` (zombie), …
    pub(crate) state: char,
    /// Processor time so far, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// When it was started, in clock ticks since boot.
    pub(crate) start_ticks: u64,
    /// Resident pages.
    pub(crate) rss_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold some itself, so the last one ends it.
        let (head, tail) = text.rsplit_once(')')?;
        let comm = head.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        // `state` is field 3 in proc(5), which counts from 1.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            comm,
            state: fields.first()?.chars().next()?,
            cpu_ticks: field(14)?.saturating_add(field(15)?),
            start_ticks: field(22)?,
            rss_pages: field(24)?,
        })
    }

    #[cfg(any(feature = "client", test))]
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    #[cfg(any(feature = "client", test))]
    pub(crate) fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

impl Default for Proc {
    fn default() -> Self {
        Self { root: PathBuf::from("/proc") }
    }
}

impl Proc {
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn path(&self, pid: u32, what: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(what)
    }

    /// The state, times and memory of a process; an error of kind `NotFound` if there is none.
    pub(crate) fn stat(&self, pid: u32) -> io::Result<Stat> {
        let text = fs::read(self.path(pid, "stat"))?;
        Stat::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is not what proc(5) says")
        })
    }

    /// The path of the program.
    pub(crate) fn exe(&self, pid: u32) -> Option<PathBuf> {
        fs::read_link(self.path(pid, "exe")).ok()
    }

    /// The name of the program: the last part of its path, else what the OS calls it.
    pub(crate) fn name(&self, pid: u32) -> Option<String> {
        let exe = self.exe(pid);
        let name = exe.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        // An executable that was replaced meanwhile reads as "/path/name (deleted)".
        let name = name.map(|name| name.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(name));
        name.or_else(|| Some(self.stat(pid).ok()?.comm))
    }

    /// The user it runs as.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn uid(&self, pid: u32) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        Some(fs::metadata(self.root.join(pid.to_string())).ok()?.uid())
    }

    /// Its number in the innermost of its namespaces of processes; the same number outside of containers.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn innermost_pid(&self, pid: u32) -> u32 {
        let status = fs::read_to_string(self.path(pid, "status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        line.and_then(|pids| pids.split_ascii_whitespace().last()?.parse().ok()).unwrap_or(pid)
    }

    /// The value of a variable in the environment it was started with.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn variable(&self, pid: u32, name: &str) -> Option<std::ffi::OsString> {
        use std::os::unix::ffi::OsStringExt as _;
        let environ = fs::read(self.path(pid, "environ")).ok()?;
        let prefix = format!("{name}=");
        let value =
            environ.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(prefix.as_bytes()))?;
        Some(std::ffi::OsString::from_vec(value.to_vec()))
    }

    /// A path as the process sees it.
    #[cfg(feature = "client")]
    pub(crate) fn below_root(&self, pid: u32, path: &Path) -> PathBuf {
        let relative = path.strip_prefix("/").unwrap_or(path);
        self.path(pid, "root").join(relative)
    }

    /// A path relative to the directory that the process is in.
    #[cfg(feature = "client")]
    pub(crate) fn below_cwd(&self, pid: u32, path: &Path) -> PathBuf {
        self.path(pid, "cwd").join(path)
    }

    /// All processes.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn pids(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_right() {
        let line =
            "7 (a) R (b) S 1 7 7 0 -1 4194560 1 2 3 4 11 22 0 0 20 0 3 0 12345 1000 77 18446744073709551615";
        let stat = Stat::parse(line).unwrap();
        let expected =
            Stat { comm: "a) R (b".into(), state: 'S', cpu_ticks: 33, start_ticks: 12345, rss_pages: 77 };
        assert_eq!(stat, expected);
    }

    #[test]
    fn a_line_that_is_cut_off_is_refused() {
        assert_eq!(Stat::parse("7 (a) S 1 7 7"), None);
        assert_eq!(Stat::parse("7 (a"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_process_is_there() {
        let proc = Proc::default();
        let pid = std::process::id();
        let stat = proc.stat(pid).unwrap();
        assert!(stat.start_ticks > 0 && stat.rss_pages > 0);
        assert!(!stat.is_stopped() && !stat.is_zombie());
        assert_eq!(proc.exe(pid), std::env::current_exe().ok());
        assert!(proc.pids().contains(&pid));
        assert_eq!(proc.uid(pid), Some(rustix::process::geteuid().as_raw()));
        assert_eq!(proc.stat(0).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_process_in_a_container_has_an_inner_number() {
        let dir = crate::scratch::Dir::new("proc");
        let proc = Proc::at(dir.path());
        fs::create_dir(dir.path().join("40")).unwrap();
        fs::write(dir.path().join("40/status"), "Name:\tapp\nNSpid:\t40\t5\t1\n").unwrap();
        fs::write(dir.path().join("40/environ"), b"A=b\0LOOPSCOPE_INSPECT=0\0").unwrap();
        assert_eq!(proc.innermost_pid(40), 1);
        assert_eq!(proc.innermost_pid(41), 41);
        assert_eq!(proc.variable(40, "LOOPSCOPE_INSPECT").unwrap(), "0");
        assert_eq!(proc.variable(40, "LOOPSCOPE"), None);
    }
}
