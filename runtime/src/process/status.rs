//! How a process ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;

use crate::signal::Kind;

/// How a process ended: by itself, with a code, or by a signal.
///
/// # Examples
///
/// ```
/// use loopscope::process::Command;
///
/// loopscope::run(async {
///     let status = Command::shell("exit 7").status().await.unwrap();
///     assert_eq!((status.code(), status.to_string().as_str()), (Some(7), "exited with code 7"));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "asyncio.subprocess.Process.returncode")]
pub struct ExitStatus(std::process::ExitStatus);

impl ExitStatus {
    /// Whether it ended by itself with code 0.
    pub fn success(self) -> bool {
        self.0.success()
    }

    /// The code it ended with, unless a signal ended it.
    pub fn code(self) -> Option<i32> {
        self.0.code()
    }

    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<i32> {
        self.0.signal()
    }

    /// Whether it left a core dump.
    pub fn core_dumped(self) -> bool {
        self.0.core_dumped()
    }

    /// The code, or the signal's number below zero: as Python counts.
    #[doc(alias = "asyncio.SubprocessTransport.get_returncode")]
    pub fn returncode(self) -> i32 {
        self.code().or_else(|| self.signal().map(|signal| -signal)).unwrap_or_default()
    }
}

impl From<std::process::ExitStatus> for ExitStatus {
    fn from(status: std::process::ExitStatus) -> Self {
        Self(status)
    }
}

impl From<ExitStatus> for std::process::ExitStatus {
    fn from(status: ExitStatus) -> Self {
        status.0
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => {
                write!(f, "killed by {}", Kind::from_raw(signal))?;
                if self.core_dumped() { f.write_str(", core dumped") } else { Ok(()) }
            }
            (None, None) => self.0.fmt(f),
        }
    }
}
