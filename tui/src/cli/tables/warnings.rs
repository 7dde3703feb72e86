//! `warnings`.

use super::super::cells::Ink;
use super::super::table::{Align, Column};
use super::{duration, exact, exact_place, place, text};
use loopscope_inspector::model::{Severity, Warning, words};

/// The columns of `warnings`.
pub(crate) const WARNINGS: &[Column<Warning>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |row| exact(row.pid) },
    Column {
        name: "severity",
        heading: "SEVERITY",
        align: Align::Left,
        words: Some(|row| row.severity.to_string()),
        exact: |row| row.severity.to_string(),
    },
    Column {
        name: "name",
        heading: "WARNING",
        align: Align::Left,
        words: Some(|row| text(&row.name)),
        exact: |row| row.name.clone(),
    },
    Column {
        name: "count",
        heading: "COUNT",
        align: Align::Right,
        words: Some(|row| words::count(row.count)),
        exact: |row| row.count.to_string(),
    },
    Column {
        name: "for_ns",
        heading: "FOR",
        align: Align::Right,
        words: Some(|row| duration(row.for_ns)),
        exact: |row| exact(row.for_ns),
    },
    Column {
        name: "task",
        heading: "TASK",
        align: Align::Right,
        words: Some(|row| row.task.map(|id| words::task(id, None)).unwrap_or_default()),
        exact: |row| exact(row.task),
    },
    Column {
        name: "resource",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |row| exact(row.resource),
    },
    Column {
        name: "loop",
        heading: "LOOP",
        align: Align::Right,
        words: Some(|row| exact(row.loop_id)),
        exact: |row| exact(row.loop_id),
    },
    Column {
        name: "message",
        heading: "MESSAGE",
        align: Align::Left,
        words: Some(|row| text(&row.message)),
        exact: |row| row.message.clone(),
    },
    Column {
        name: "at",
        heading: "AT",
        align: Align::Left,
        words: Some(|row| place(row.at.as_ref())),
        exact: |row| exact_place(row.at.as_ref()),
    },
];

/// How the row of a warning is coloured.
pub(crate) fn warning_ink(row: &Warning) -> Ink {
    match row.severity {
        Severity::Error => Ink::Error,
        Severity::Warning => Ink::Warning,
        Severity::Note => Ink::Plain,
    }
}
