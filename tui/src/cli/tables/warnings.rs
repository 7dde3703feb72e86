//! `warnings`.

use super::super::cells::Ink;
use super::super::table::Column;
use super::{duration, exact, exact_place, place, text};
use loopscope_inspector::model::{Severity, Warning, words};

/// The columns of `warnings`.
pub(crate) const WARNINGS: &[Column<Warning>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::left("severity", "SEVERITY", |row| row.severity.to_string(), |row| row.severity.to_string()),
    Column::left("name", "WARNING", |row| text(&row.name), |row| row.name.clone()),
    Column::right("count", "COUNT", |row| words::count(row.count), |row| row.count.to_string()),
    Column::right("for_ns", "FOR", |row| duration(row.for_ns), |row| exact(row.for_ns)),
    Column::right(
        "task",
        "TASK",
        |row| row.task.map(|id| words::task(id, None)).unwrap_or_default(),
        |row| exact(row.task),
    ),
    Column::hidden("resource", |row| exact(row.resource)),
    Column::right("loop", "LOOP", |row| exact(row.loop_id), |row| exact(row.loop_id)),
    Column::left("message", "MESSAGE", |row| text(&row.message), |row| row.message.clone()),
    Column::left("at", "AT", |row| place(row.at.as_ref()), |row| exact_place(row.at.as_ref())),
];

/// How the row of a warning is coloured.
pub(crate) fn warning_ink(row: &Warning) -> Ink {
    match row.severity {
        Severity::Error => Ink::Error,
        Severity::Warning => Ink::Warning,
        Severity::Note => Ink::Plain,
    }
}
