//! `loops`.

use super::super::table::Column;
use super::{duration, exact, exact_place, name, percent, place};
use loopscope_inspector::model::{Loop, Running, words};

/// The columns of `loops`. What runs comes early: that is what somebody looks for whose program stands still.
pub(crate) const LOOPS: &[Column<Loop>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::right("id", "LOOP", |row| row.id.to_string(), |row| row.id.to_string()),
    Column::left("name", "NAME", |row| name(row.name.as_deref()), |row| exact(row.name.as_deref())),
    Column::right("tasks", "TASKS", |row| words::count(row.tasks), |row| row.tasks.to_string()),
    Column::right("ready", "READY", |row| words::count(row.ready), |row| row.ready.to_string()),
    Column::right("utilisation", "BUSY", |row| percent(row.utilisation), |row| exact(row.utilisation)),
    Column::left(
        "running_task",
        "RUNNING",
        |row| row.running.as_ref().map_or_else(|| "-".to_owned(), running),
        |row| exact(row.running.as_ref().and_then(|running| running.task)),
    ),
    Column::right(
        "running_for_ns",
        "FOR",
        |row| duration(row.running.as_ref().map(|running| running.for_ns)),
        |row| exact(row.running.as_ref().map(|running| running.for_ns)),
    ),
    Column::left(
        "running_site",
        "SPAWNED AT",
        |row| place(row.running.as_ref().and_then(|running| running.site.as_ref())),
        |row| exact_place(row.running.as_ref().and_then(|running| running.site.as_ref())),
    ),
    Column::right(
        "poll_p99_ns",
        "POLL P99",
        |row| duration(row.poll.and_then(|poll| poll.p99_ns)),
        |row| exact(row.poll.and_then(|poll| poll.p99_ns)),
    ),
    Column::right(
        "scheduled_p99_ns",
        "WAIT P99",
        |row| duration(row.scheduled.and_then(|scheduled| scheduled.p99_ns)),
        |row| exact(row.scheduled.and_then(|scheduled| scheduled.p99_ns)),
    ),
    Column::right(
        "lateness_p99_ns",
        "LATE P99",
        |row| duration(row.lateness.and_then(|lateness| lateness.p99_ns)),
        |row| exact(row.lateness.and_then(|lateness| lateness.p99_ns)),
    ),
    Column::right("ticks", "TICKS", |row| words::count(row.ticks), |row| row.ticks.to_string()),
    Column::left("thread", "THREAD", |row| name(row.thread.as_deref()), |row| exact(row.thread.as_deref())),
    Column::right("tid", "TID", |row| exact(row.tid), |row| exact(row.tid)),
];

/// What a loop runs.
fn running(running: &Running) -> String {
    running.task.map_or_else(|| "the loop itself".to_owned(), |id| words::task(id, running.name.as_deref()))
}
