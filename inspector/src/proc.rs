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
    /// The number of its parent.
    pub(crate) parent: u32,
    /// The number of its process group.
    pub(crate) group: u32,
    /// Whether it is a thread of the kernel.
    pub(crate) is_kernel: bool,
    /// When it was started, in clock ticks since boot.
    pub(crate) start_ticks: u64,
    /// Resident pages.
    pub(crate) rss_pages: u64,
}

/// `PF_KTHREAD`, among the flags of a process.
const KERNEL_THREAD: u64 = 0x0020_0000;

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
            parent: fields.get(1)?.parse().ok()?,
            // A session of another namespace reads as 0, a process without a group as -1.
            group: fields.get(2)?.parse().unwrap_or(0),
            is_kernel: field(9)? & KERNEL_THREAD != 0,
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
        read_stat(&self.path(pid, "stat"))
    }

    /// The same of this process. Where `/proc` belongs to another namespace of processes, it has another number there.
    #[cfg(any(feature = "agent", test))]
    pub(crate) fn own_stat(&self) -> io::Result<Stat> {
        read_stat(&self.root.join("self/stat"))
    }

    /// The path of the program.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn exe(&self, pid: u32) -> Option<PathBuf> {
        fs::read_link(self.path(pid, "exe")).ok()
    }

    /// The path of this process's program.
    #[cfg(any(feature = "agent", test))]
    pub(crate) fn own_exe(&self) -> Option<PathBuf> {
        fs::read_link(self.root.join("self/exe")).ok()
    }

    /// The name of the program: the last part of its path, else what the OS calls it.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn name(&self, pid: u32) -> Option<String> {
        self.exe(pid).as_deref().and_then(program_name).or_else(|| Some(self.stat(pid).ok()?.comm))
    }

    /// Whether people would call the process that: by the file of its program, by the name it has given itself, by what it was
    /// started as, or by the script that it interprets.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn is_called(&self, pid: u32, name: &str) -> bool {
        /// What the OS keeps of a name.
        const COMM_BYTES_MAX: usize = 15;
        let program = self.exe(pid).as_deref().and_then(program_name);
        if program.as_deref() == Some(name) {
            return true;
        }
        let Ok(Stat { comm, is_kernel: false, .. }) = self.stat(pid) else { return false };
        if comm == name {
            return true;
        }
        let arguments = fs::read(self.path(pid, "cmdline")).unwrap_or_default();
        let mut arguments = arguments.split(|&byte| byte == 0).map(|argument| {
            String::from_utf8_lossy(argument.rsplit(|&byte| byte == b'/').next().unwrap_or_default())
        });
        if arguments.next().is_some_and(|started_as| started_as == name) {
            return true;
        }
        let is_cut = comm.len() == COMM_BYTES_MAX && name.as_bytes().starts_with(comm.as_bytes());
        // Of a script the OS keeps the name, and its path is the interpreter's first argument. Of somebody else's program
        // nothing but the cut name may be known.
        is_cut && (program.is_none() || arguments.next().is_some_and(|script| script == name))
    }

    /// The user it runs as.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn uid(&self, pid: u32) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        // The directory of a process that changed its user may be root's, so what it is now comes first.
        let effective =
            self.status(pid, "Uid:").and_then(|uids| uids.split_ascii_whitespace().nth(1)?.parse().ok());
        effective.or_else(|| Some(fs::metadata(self.root.join(pid.to_string())).ok()?.uid()))
    }

    /// What follows a word in `/proc/PID/status`.
    #[cfg(any(feature = "client", test))]
    fn status(&self, pid: u32, word: &str) -> Option<String> {
        let status = fs::read_to_string(self.path(pid, "status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix(word)).map(str::to_owned)
    }

    /// Whether it has a thread of that name.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn has_thread(&self, pid: u32, name: &str) -> bool {
        let threads = fs::read_dir(self.path(pid, "task")).into_iter().flatten().flatten();
        threads
            .filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok())
            .any(|comm| comm.trim_end() == name)
    }

    /// The namespaces and the root that decide what it calls what, as the kernel names them: processes, and files. `None` if that
    /// is not ours to know.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn namespaces(&self, pid: impl std::fmt::Display) -> Option<(PathBuf, [PathBuf; 2])> {
        let link = |what: &str| fs::read_link(self.root.join(format!("{pid}/{what}"))).ok();
        Some((link("ns/pid")?, [link("ns/mnt")?, link("root")?]))
    }

    /// Whether its users are numbered otherwise than ours.
    #[cfg(feature = "client")]
    pub(crate) fn has_other_users(&self, pid: u32) -> bool {
        let link = |pid: &str| fs::read_link(self.root.join(pid).join("ns/user")).ok();
        let (its, ours) = (link(&pid.to_string()), link("self"));
        its.is_some() && its != ours
    }

    /// Its number in the innermost of its namespaces of processes; the same number outside of containers.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn innermost_pid(&self, pid: u32) -> u32 {
        let pids = self.status(pid, "NSpid:");
        pids.and_then(|pids| pids.split_ascii_whitespace().last()?.parse().ok()).unwrap_or(pid)
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

fn read_stat(path: &Path) -> io::Result<Stat> {
    let text = fs::read(path)?;
    Stat::parse(&String::from_utf8_lossy(&text))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is not what proc(5) says"))
}

/// The last part of a program's path. One that was removed or replaced meanwhile reads as "/path/name (deleted)".
pub(crate) fn program_name(exe: &Path) -> Option<String> {
    let name = exe.file_name()?.to_string_lossy();
    Some(name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned())
}

/// Time since the machine was started, sleep included.
pub(crate) fn since_boot_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanos.unwrap_or(0))
}

/// Clock ticks as nanoseconds.
pub(crate) fn ticks_ns(ticks: u64) -> u64 {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    ticks.saturating_mul(1_000_000_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_right() {
        let line =
            "7 (a) R (b) S 1 6 7 0 -1 4194560 1 2 3 4 11 22 0 0 20 0 3 0 12345 1000 77 18446744073709551615";
        let stat = Stat::parse(line).unwrap();
        let expected = Stat {
            comm: "a) R (b".into(),
            state: 'S',
            cpu_ticks: 33,
            parent: 1,
            group: 6,
            is_kernel: false,
            start_ticks: 12345,
            rss_pages: 77,
        };
        assert_eq!(stat, expected);
    }

    #[test]
    fn a_thread_of_the_kernel_is_told_by_its_flags() {
        let line = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 3 0 0 18446744073709551615";
        assert!(Stat::parse(line).unwrap().is_kernel);
    }

    #[test]
    fn a_process_is_called_by_its_program_its_own_name_its_start_and_its_script() {
        use std::os::unix::fs::symlink;
        let dir = crate::scratch::Dir::new("names");
        let proc = Proc::at(dir.path());
        let process = |pid: u32, exe: Option<&str>, comm: &str, cmdline: &str| {
            let dir = dir.join(&pid.to_string());
            fs::create_dir(&dir).unwrap();
            let zeros = "0 ".repeat(21);
            fs::write(dir.join("stat"), format!("{pid} ({comm}) S {zeros}")).unwrap();
            fs::write(dir.join("cmdline"), cmdline).unwrap();
            if let Some(exe) = exe {
                symlink(exe, dir.join("exe")).unwrap();
            }
        };
        let long = "a-program-with-a-long-name";
        process(
            1,
            Some("/usr/bin/a-program-with-a-long-name (deleted)"),
            "renamed",
            "/opt/started-as\0--flag\0",
        );
        process(
            2,
            Some("/usr/bin/interpreter"),
            "a-program-with-",
            "interpreter\0/srv/a-program-with-a-long-name\0",
        );
        process(3, None, "a-program-with-", "");
        process(
            4,
            Some("/usr/bin/interpreter"),
            "a-program-with-",
            "interpreter\0/srv/a-program-with-another\0",
        );
        let called =
            |pid, names: &[&str]| names.iter().map(|name| proc.is_called(pid, name)).collect::<Vec<_>>();
        assert_eq!(
            called(1, &[long, "renamed", "started-as", "started", "--flag"]),
            [true, true, true, false, false]
        );
        assert_eq!(called(2, &[long, "interpreter", "a-program-with-other"]), [true, true, false]);
        assert_eq!(called(3, &[long, "a-program"]), [true, false]);
        assert_eq!(called(4, &[long, "a-program-with-"]), [false, true]);
        assert_eq!(called(5, &[long]), [false]);
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
        assert_eq!((proc.own_stat().unwrap().start_ticks, proc.own_exe()), (stat.start_ticks, proc.exe(pid)));
        assert!(proc.has_thread(pid, &stat.comm) && !proc.has_thread(pid, "nobody"));
        assert_eq!(proc.namespaces(pid), proc.namespaces("self"));
        assert!(proc.is_called(pid, &proc.name(pid).unwrap()));
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
