//! One line of the application's log, and some of them.

use super::name::named;
use super::{Process, WallTime};
use std::sync::Arc;

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

/// Some log lines of one process, in the order they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs {
    /// The process; in the first portion only.
    pub process: Option<Process>,
    /// Which events are kept; in the first portion only.
    pub filter: Option<String>,
    /// When they were read; in the first portion only.
    pub taken_at: Option<WallTime>,
    /// The lines.
    pub lines: Vec<Arc<LogLine>>,
    /// Lines that came and went before they could be read.
    pub missed: u64,
    /// Lines that are not kept any more, since the process began; in the first portion only.
    pub lost: u64,
}
