//! `loops`.

use super::super::table::{Align, Column};
use super::{duration, exact, exact_place, name, percent, place};
use loopscope_inspector::model::{Loop, Running, words};

/// The columns of `loops`. What runs comes early: that is what somebody looks for whose program stands still.
pub(crate) const LOOPS: &[Column<Loop>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |row| exact(row.pid) },
    Column {
        name: "id",
        heading: "LOOP",
        align: Align::Right,
        words: Some(|row| row.id.to_string()),
        exact: |row| row.id.to_string(),
    },
    Column {
        name: "name",
        heading: "NAME",
        align: Align::Left,
        words: Some(|row| name(row.name.as_deref())),
        exact: |row| exact(row.name.as_deref()),
    },
    Column {
        name: "tasks",
        heading: "TASKS",
        align: Align::Right,
        words: Some(|row| words::count(row.tasks)),
        exact: |row| row.tasks.to_string(),
    },
    Column {
        name: "ready",
        heading: "READY",
        align: Align::Right,
        words: Some(|row| words::count(row.ready)),
        exact: |row| row.ready.to_string(),
    },
    Column {
        name: "utilisation",
        heading: "BUSY",
        align: Align::Right,
        words: Some(|row| percent(row.utilisation)),
        exact: |row| exact(row.utilisation),
    },
    Column {
        name: "running_task",
        heading: "RUNNING",
        align: Align::Left,
        words: Some(|row| row.running.as_ref().map_or_else(|| "-".to_owned(), running)),
        exact: |row| exact(row.running.as_ref().and_then(|running| running.task)),
    },
    Column {
        name: "running_for_ns",
        heading: "FOR",
        align: Align::Right,
        words: Some(|row| duration(row.running.as_ref().map(|running| running.for_ns))),
        exact: |row| exact(row.running.as_ref().map(|running| running.for_ns)),
    },
    Column {
        name: "running_site",
        heading: "SPAWNED AT",
        align: Align::Left,
        words: Some(|row| place(row.running.as_ref().and_then(|running| running.site.as_ref()))),
        exact: |row| exact_place(row.running.as_ref().and_then(|running| running.site.as_ref())),
    },
    Column {
        name: "poll_p99_ns",
        heading: "POLL P99",
        align: Align::Right,
        words: Some(|row| duration(row.poll.and_then(|poll| poll.p99_ns))),
        exact: |row| exact(row.poll.and_then(|poll| poll.p99_ns)),
    },
    Column {
        name: "scheduled_p99_ns",
        heading: "WAIT P99",
        align: Align::Right,
        words: Some(|row| duration(row.scheduled.and_then(|scheduled| scheduled.p99_ns))),
        exact: |row| exact(row.scheduled.and_then(|scheduled| scheduled.p99_ns)),
    },
    Column {
        name: "lateness_p99_ns",
        heading: "LATE P99",
        align: Align::Right,
        words: Some(|row| duration(row.lateness.and_then(|lateness| lateness.p99_ns))),
        exact: |row| exact(row.lateness.and_then(|lateness| lateness.p99_ns)),
    },
    Column {
        name: "ticks",
        heading: "TICKS",
        align: Align::Right,
        words: Some(|row| words::count(row.ticks)),
        exact: |row| row.ticks.to_string(),
    },
    Column {
        name: "thread",
        heading: "THREAD",
        align: Align::Left,
        words: Some(|row| name(row.thread.as_deref())),
        exact: |row| exact(row.thread.as_deref()),
    },
    Column {
        name: "tid",
        heading: "TID",
        align: Align::Right,
        words: Some(|row| exact(row.tid)),
        exact: |row| exact(row.tid),
    },
];

/// What a loop runs.
fn running(running: &Running) -> String {
    running.task.map_or_else(|| "the loop itself".to_owned(), |id| words::task(id, running.name.as_deref()))
}
