//! `timers`.

use super::super::table::Column;
use super::{exact, exact_place, left, place, task};
use loopscope_inspector::model::Timer;

/// The columns of `timers`.
pub(crate) const TIMERS: &[Column<Timer>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::left("task", "TASK", |row| task(row.task, row.task_name.as_deref()), |row| exact(row.task)),
    Column::hidden("task_name", |row| exact(row.task_name.as_deref())),
    Column::left("kind", "KIND", |row| row.kind.to_string(), |row| row.kind.to_string()),
    Column::hidden("loop", |row| exact(row.loop_id)),
    Column::right(
        "deadline_in_ns",
        "FIRES IN",
        |row| left(row.deadline_in_ns),
        |row| row.deadline_in_ns.to_string(),
    ),
    Column::left("at", "AT", |row| place(row.at.as_ref()), |row| exact_place(row.at.as_ref())),
];
