//! `ps`.

use super::super::table::Column;
use super::{count, duration, exact, exact_time, name, percent};
use loopscope_inspector::model::{Process, RuntimeKind, words};

/// The columns of `ps`.
pub(crate) const PROCESSES: &[Column<Process>] = &[
    Column::right("pid", "PID", |row| row.pid.to_string(), |row| row.pid.to_string()),
    Column::left("name", "PROGRAM", |row| name(row.name.as_deref()), |row| exact(row.name.as_deref())),
    Column::left("user", "USER", |row| name(row.user.as_deref()), |row| exact(row.user.as_deref())),
    Column::hidden("exe", |row| exact(row.exe.as_deref())),
    Column::hidden("socket", |row| exact(row.socket.as_deref())),
    Column::hidden("started_at", |row| exact_time(row.started_at)),
    Column::right("uptime_ns", "UPTIME", |row| duration(row.uptime_ns), |row| exact(row.uptime_ns)),
    Column::right("cpu", "CPU", |row| percent(row.cpu), |row| exact(row.cpu)),
    Column::right(
        "rss_bytes",
        "MEMORY",
        |row| row.rss_bytes.map(words::bytes).unwrap_or_default(),
        |row| exact(row.rss_bytes),
    ),
    Column::right("loops", "LOOPS", |row| count(row.loops), |row| exact(row.loops)),
    Column::right("tasks", "TASKS", |row| count(row.tasks), |row| exact(row.tasks)),
    Column::right("warnings", "WARNINGS", |row| count(row.warnings), |row| exact(row.warnings)),
    Column::right("blocked", "BLOCKED", |row| count(row.blocked), |row| exact(row.blocked)),
    Column::left(
        "rights",
        "RIGHTS",
        |row| row.rights.map(|rights| rights.names().join(" ")).unwrap_or_default(),
        |row| row.rights.map(|rights| rights.names().join(" ")).unwrap_or_default(),
    ),
    Column::hidden("runtime", |row| exact(row.runtime.map(RuntimeKind::as_str))),
    Column::hidden("version", |row| exact(row.version.as_deref())),
    Column::hidden("debug", |row| exact(row.debug)),
    Column::hidden("ended", |row| exact(row.ended.as_deref())),
];
