//! Where the program is run by a test: a directory for its sockets, what it said, and waiting for what takes time.

#![allow(dead_code, reason = "every test crate uses a part of it")]

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Far more than anything here takes, on a machine that is busy with others too.
const PATIENCE: Duration = Duration::from_secs(300);

/// A directory for the sockets of one test, so that tests (and whatever else runs on this machine) do not see each other.
pub(crate) struct Stage {
    pub(crate) directory: PathBuf,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short, since the path of a socket may have 108 bytes.
        let directory = std::env::temp_dir().join(format!("lsc-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        Self { directory }
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loopscope"));
        command
            .args(line.split_whitespace())
            .env("XDG_RUNTIME_DIR", &self.directory)
            .env("LOOPSCOPE_CONFIG", "")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        for name in [
            "LOOPSCOPE_TIMEOUT",
            "LOOPSCOPE_COLOR",
            "LOOPSCOPE_INTERVAL",
            "LOOPSCOPE_INSPECT",
            "LOOPSCOPE_SLOW",
            "LOOPSCOPE_ASCII",
            "LOOPSCOPE_LIMIT",
            "NO_COLOR",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, line: &str) -> Said {
        Said::from(self.command(line).output().unwrap())
    }

    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// Checks the code, that stdout is empty, and that the message has all these words.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "messages go to stderr");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in {self:?}");
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, so: impl FnMut() -> bool) {
    assert!(comes_true(so), "still not: {what}");
}

/// Whether something is so in the end.
#[expect(clippy::disallowed_methods, reason = "a test thread that waits for another process")]
pub(crate) fn comes_true(mut so: impl FnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    while !so() {
        if start.elapsed() >= PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}
