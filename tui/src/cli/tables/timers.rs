//! `timers`.

use super::super::table::{Align, Column};
use super::{exact, exact_place, left, place, task};
use loopscope_inspector::model::Timer;

/// The columns of `timers`.
pub(crate) const TIMERS: &[Column<Timer>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |row| exact(row.pid) },
    Column {
        name: "task",
        heading: "TASK",
        align: Align::Left,
        words: Some(|row| task(row.task, row.task_name.as_deref())),
        exact: |row| exact(row.task),
    },
    Column {
        name: "task_name",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact(row.task_name.as_deref()),
    },
    Column {
        name: "kind",
        heading: "KIND",
        align: Align::Left,
        words: Some(|row| row.kind.to_string()),
        exact: |row| row.kind.to_string(),
    },
    Column { name: "loop", heading: "", align: Align::Right, words: None, exact: |row| exact(row.loop_id) },
    Column {
        name: "deadline_in_ns",
        heading: "FIRES IN",
        align: Align::Right,
        words: Some(|row| left(row.deadline_in_ns)),
        exact: |row| row.deadline_in_ns.to_string(),
    },
    Column {
        name: "at",
        heading: "AT",
        align: Align::Left,
        words: Some(|row| place(row.at.as_ref())),
        exact: |row| exact_place(row.at.as_ref()),
    },
];
