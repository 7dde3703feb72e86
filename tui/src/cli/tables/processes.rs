//! `ps`.

use super::super::table::{Align, Column};
use super::{count, duration, exact, exact_time, name, percent};
use loopscope_inspector::model::{Process, RuntimeKind, words};

/// The columns of `ps`.
pub(crate) const PROCESSES: &[Column<Process>] = &[
    Column {
        name: "pid",
        heading: "PID",
        align: Align::Right,
        words: Some(|row| row.pid.to_string()),
        exact: |row| row.pid.to_string(),
    },
    Column {
        name: "name",
        heading: "PROGRAM",
        align: Align::Left,
        words: Some(|row| name(row.name.as_deref())),
        exact: |row| exact(row.name.as_deref()),
    },
    Column {
        name: "user",
        heading: "USER",
        align: Align::Left,
        words: Some(|row| name(row.user.as_deref())),
        exact: |row| exact(row.user.as_deref()),
    },
    Column {
        name: "exe",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact(row.exe.as_deref()),
    },
    Column {
        name: "socket",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact(row.socket.as_deref()),
    },
    Column {
        name: "started_at",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact_time(row.started_at),
    },
    Column {
        name: "uptime_ns",
        heading: "UPTIME",
        align: Align::Right,
        words: Some(|row| duration(row.uptime_ns)),
        exact: |row| exact(row.uptime_ns),
    },
    Column {
        name: "cpu",
        heading: "CPU",
        align: Align::Right,
        words: Some(|row| percent(row.cpu)),
        exact: |row| exact(row.cpu),
    },
    Column {
        name: "rss_bytes",
        heading: "MEMORY",
        align: Align::Right,
        words: Some(|row| row.rss_bytes.map(words::bytes).unwrap_or_default()),
        exact: |row| exact(row.rss_bytes),
    },
    Column {
        name: "loops",
        heading: "LOOPS",
        align: Align::Right,
        words: Some(|row| count(row.loops)),
        exact: |row| exact(row.loops),
    },
    Column {
        name: "tasks",
        heading: "TASKS",
        align: Align::Right,
        words: Some(|row| count(row.tasks)),
        exact: |row| exact(row.tasks),
    },
    Column {
        name: "warnings",
        heading: "WARNINGS",
        align: Align::Right,
        words: Some(|row| count(row.warnings)),
        exact: |row| exact(row.warnings),
    },
    Column {
        name: "blocked",
        heading: "BLOCKED",
        align: Align::Right,
        words: Some(|row| count(row.blocked)),
        exact: |row| exact(row.blocked),
    },
    Column {
        name: "rights",
        heading: "RIGHTS",
        align: Align::Left,
        words: Some(|row| row.rights.map(|rights| rights.names().join(" ")).unwrap_or_default()),
        exact: |row| row.rights.map(|rights| rights.names().join(" ")).unwrap_or_default(),
    },
    Column {
        name: "runtime",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact(row.runtime.map(RuntimeKind::as_str)),
    },
    Column {
        name: "version",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact(row.version.as_deref()),
    },
    Column { name: "debug", heading: "", align: Align::Left, words: None, exact: |row| exact(row.debug) },
];
