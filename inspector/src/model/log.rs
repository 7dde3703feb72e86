//! One line of the application's log.

use super::WallTime;
use super::name::named;

named! {
    /// How much a log line matters.
    #[derive(Default)]
    "log level" LogLevel {
        /// Something does not work.
        Error = "error",
        /// Something may be wrong.
        Warn = "warn",
        /// Worth knowing.
        #[default]
        Info = "info",
        /// For whoever looks for a fault.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

/// One event that the application logged: one row of `logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLine {
    /// From 1, in the order they were kept; never reused in a process.
    pub number: u64,
    /// When it was logged.
    pub at: WallTime,
    /// How much it matters.
    pub level: LogLevel,
    /// Who logged it: mostly the module.
    pub target: String,
    /// What was said.
    pub message: String,
    /// What else was said, by name, in the order it was said.
    pub fields: Vec<(String, String)>,
    /// The names of the spans it was logged in, the outermost first.
    pub spans: Vec<String>,
    /// The task that was running.
    pub task: Option<u64>,
    /// The loop that was running.
    pub loop_id: Option<u64>,
    /// Where it was logged.
    pub file: Option<String>,
    /// Where in the file, from 1.
    pub line: Option<u32>,
}
