//! Where the scenes are played: a directory that every user can reach, the programs in it, and how they are started and ended.

use crate::app;
use crate::table::{Row, fits};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// A user without rights, by the name of `nobody`.
pub(crate) const NOBODY: u32 = 65_534;

/// Why a row was not found to be right.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// It cannot be seen here.
    Skipped(String),
    /// It is wrong.
    Wrong(String),
}

/// A directory that every user can reach.
pub(crate) struct Hall {
    dir: PathBuf,
    pub(crate) is_root: bool,
    count: AtomicU32,
}

impl Hall {
    pub(crate) fn open() -> Self {
        // Not below `/tmp`, which some scenes hide.
        let dir = PathBuf::from(format!("/var/tmp/attaching-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let hall = Self { dir, is_root: rustix::process::geteuid().is_root(), count: AtomicU32::new(0) };
        fs::copy(std::env::current_exe().unwrap(), hall.dir.join("app")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_loopscope"), hall.dir.join("loopscope")).unwrap();
        hall
    }

    /// A name that nothing else here bears.
    pub(crate) fn name(&self, stem: &str) -> String {
        format!("{stem}-{}-{}", std::process::id() % 10_000, self.count.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The application under that name.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::hard_link(self.path("app"), &path).unwrap();
        path
    }

    /// A directory of a user's own.
    pub(crate) fn dir_of(&self, name: &str, uid: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        own(&path, uid);
        path
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Makes a directory a user's own.
pub(crate) fn own(path: &Path, uid: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(path, Some(uid), Some(uid)).unwrap();
    }
}

/// Puts another program before the one that is to be started.
pub(crate) fn behind(wrapper: &[&str], program: &Path) -> Command {
    let mut command = match wrapper {
        [] => return Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest);
            command
        }
    };
    command.arg(program);
    command
}

/// What makes a program run as the user without rights. Whoever is not root already is one.
pub(crate) fn as_user(hall: &Hall) -> Vec<&'static str> {
    if hall.is_root {
        vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    } else {
        Vec::new()
    }
}

/// The user who runs this.
fn user_name() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until something is there.
#[expect(clippy::disallowed_methods, reason = "a test that waits for other processes")]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that was started, and perhaps what it was started behind.
pub(crate) struct Running {
    child: Child,
    /// The application, which is a child of that if it is in a namespace of its own.
    pub(crate) pid: u32,
}

impl Running {
    /// Starts an application and waits until it is what it is to be.
    pub(crate) fn start(mut command: Command, mode: &str) -> Self {
        for name in ["XDG_RUNTIME_DIR", "LOOPSCOPE_INSPECT"] {
            if !command.get_envs().any(|(key, value)| key == name && value.is_some()) {
                command.env_remove(name);
            }
        }
        let mut child = command
            .env(app::MODE, mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), app::READY, "{command:?}");
        let pid = innermost_child(child.id());
        Self { child, pid }
    }

    /// Kills it, so that it leaves what it leaves.
    pub(crate) fn kill(&mut self) {
        signal(self.pid, "KILL");
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    #[expect(clippy::disallowed_methods, reason = "a test that waits for another process")]
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        signal(self.pid, "CONT");
        drop(self.child.stdin.take());
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(5) {
                signal(self.pid, "KILL");
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The last of the processes that were started one by the other.
fn innermost_child(pid: u32) -> u32 {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let child = pids.find(|&other| app::stat(other).is_some_and(|stat| stat[1] == pid.to_string()));
    child.map_or(pid, innermost_child)
}

pub(crate) fn signal(pid: u32, name: &str) {
    // The process may have ended meanwhile.
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status();
}

/// One situation, set up.
#[derive(Default)]
pub(crate) struct Scene {
    pub(crate) pid: Option<u32>,
    pub(crate) name: String,
    pub(crate) socket: PathBuf,
    /// The user that `ps` names.
    pub(crate) user: &'static str,
    /// The environment of who asks.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
    /// Who asks is in the namespaces of this process.
    pub(crate) inside: Option<u32>,
    /// What goes on while it is looked at.
    pub(crate) running: Vec<Running>,
    /// Children that nobody waits for yet.
    pub(crate) _children: Vec<Kept>,
    /// What has to go afterwards; last, so that nothing uses it any more.
    pub(crate) litter: Litter,
}

/// A child that is ended and waited for at last.
pub(crate) struct Kept(pub(crate) Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Files and directories that go at last.
#[derive(Default)]
pub(crate) struct Litter(pub(crate) Vec<PathBuf>);

impl Drop for Litter {
    fn drop(&mut self) {
        for file in &self.0 {
            let _ = fs::remove_file(file).or_else(|_| fs::remove_dir_all(file));
        }
    }
}

impl Scene {
    /// Types the row's command and compares. Returns what was said, in a line.
    pub(crate) fn check(&self, hall: &Hall, row: &Row) -> Result<String, Failed> {
        let asker: Vec<String> = match row.who.as_str() {
            "root" if !hall.is_root => return Err(Failed::Skipped("only root can ask as root".to_owned())),
            "root" | "anybody" => Vec::new(),
            "user" => as_user(hall).into_iter().map(str::to_owned).collect(),
            other => panic!("nobody is called {other:?}"),
        };
        let inside = self.inside.map(|pid| format!("nsenter -t {pid} -m -p --"));
        let wrapper: Vec<&str> = inside
            .as_deref()
            .into_iter()
            .flat_map(str::split_whitespace)
            .chain(asker.iter().map(String::as_str))
            .collect();
        let line = self.fill(&row.command);
        let mut command = behind(&wrapper, &hall.path("loopscope"));
        command.args(line.split_whitespace()).env("LOOPSCOPE_CONFIG", "").env("LC_ALL", "C.UTF-8");
        for name in ["XDG_RUNTIME_DIR", "LOOPSCOPE_TIMEOUT", "LOOPSCOPE_INSPECT"] {
            command.env_remove(name);
        }
        if row.exit == 0 {
            command.arg("--json");
        }
        let output = command.envs(self.environment.iter().cloned()).stdin(Stdio::null()).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let wrong = |what: &str| Failed::Wrong(format!("{what}: {:?}\n{out}{err}", output.status));
        if output.status.code() != Some(row.exit) {
            return Err(wrong("the exit code"));
        }
        if row.exit == 0 {
            return self.understood(row, &out).map_err(|what| wrong(&what));
        }
        let said = err.strip_prefix("loopscope: ").ok_or_else(|| wrong("not our words"))?.trim_end();
        if out.is_empty() && fits(said, &self.fill(&row.message)) {
            Ok(said.replace('\n', "\n             "))
        } else {
            Err(wrong(&format!("not {:?}", self.fill(&row.message))))
        }
    }

    /// The words of the table for this scene.
    fn fill(&self, text: &str) -> String {
        let pid = self.pid.map(|pid| pid.to_string());
        text.replace("XDG_RUNTIME_DIR", "\u{1}")
            .replace("SOCKET", &self.socket.to_string_lossy())
            .replace("PID", pid.as_deref().unwrap_or("PID"))
            .replace("NAME", &self.name)
            .replace("USER", &user_name())
            .replace('\u{1}', "XDG_RUNTIME_DIR")
    }

    fn understood(&self, row: &Row, out: &str) -> Result<String, String> {
        let document: serde_json::Value = serde_json::from_str(out).map_err(|error| error.to_string())?;
        let is_it = |process: &&serde_json::Value| match self.inside {
            // There it has another number.
            Some(_) => process["name"] == self.name.as_str(),
            None => process["pid"].as_u64() == self.pid.map(u64::from),
        };
        let process = document["processes"].as_array().and_then(|all| all.iter().find(is_it));
        let is_dead = |removed: bool| {
            document["dead"].as_array().into_iter().flatten().any(|dead| {
                dead["socket"].as_str().map(Path::new) == Some(&self.socket) && dead["removed"] == removed
            })
        };
        let so = match row.message.as_str() {
            "attached" => process.is_some() && document["tasks"].is_array(),
            "listed" => process.is_some(),
            "listed with its user" => process.is_some_and(|process| process["user"] == self.user),
            "listed as dead" => is_dead(false) && self.socket.exists(),
            "removed" => is_dead(true) && !self.socket.exists(),
            other => panic!("what is {other:?}?"),
        };
        let seen = process.map(|process| {
            format!(
                "pid {} {} of {} at {}",
                process["pid"], process["name"], process["user"], process["socket"]
            )
        });
        let seen = seen.unwrap_or_else(|| self.socket.display().to_string());
        if so { Ok(format!("{}: {seen}", row.message)) } else { Err(format!("not {}", row.message)) }
    }
}
