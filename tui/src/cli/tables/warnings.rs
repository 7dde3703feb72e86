//! `warnings`.

use super::super::cells::Ink;
use super::super::table::Column;
use super::{duration, exact, exact_place, exact_time, place, task, text};
use loopscope_inspector::model::{Severity, Warning, words};

/// The columns of `warnings`.
pub(crate) const WARNINGS: &[Column<Warning>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::left(
        "severity",
        "SEVERITY",
        |row| if row.past { "past".to_owned() } else { row.severity.to_string() },
        |row| row.severity.to_string(),
    ),
    Column::left("name", "WARNING", |row| text(&row.name), |row| row.name.clone()),
    Column::right("count", "COUNT", |row| words::count(row.count), |row| row.count.to_string()),
    Column::right("for_ns", "FOR", |row| duration(row.for_ns), |row| exact(row.for_ns)),
    Column::right("task", "TASK", |row| task(row.task, row.task_name.as_deref()), |row| exact(row.task)),
    Column::hidden("resource", |row| exact(row.resource)),
    Column::right("loop", "LOOP", |row| exact(row.loop_id), |row| exact(row.loop_id)),
    Column::left("message", "MESSAGE", |row| text(&row.message), |row| row.message.clone()),
    Column::left("at", "AT", |row| place(row.at.as_ref()), |row| exact_place(row.at.as_ref())),
    Column::hidden("past", |row| row.past.to_string()),
    Column::hidden("first_seen", |row| exact_time(row.first_seen)),
    Column::hidden("last_seen", |row| exact_time(row.last_seen)),
];

/// How the row of a warning is coloured.
pub(crate) fn warning_ink(row: &Warning) -> Ink {
    if row.past {
        return Ink::Faint;
    }
    match row.severity {
        Severity::Error => Ink::Error,
        Severity::Warning => Ink::Warning,
        Severity::Note => Ink::Plain,
    }
}
