//! `blocking`: jobs on blocking threads, and the pools below them.

use super::super::cells::Ink;
use super::super::table::Column;
use super::{count, duration, exact, exact_place, exact_time, name, place, task, text, unless_0};
use loopscope_inspector::model::{Job, Pool, TaskState, words};

/// The columns of `blocking`.
pub(crate) const JOBS: &[Column<Job>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::right("id", "JOB", |row| words::task(row.id, None), |row| row.id.to_string()),
    Column::left("name", "NAME", |row| name(row.name.as_deref()), |row| exact(row.name.as_deref())),
    Column::left("pool", "POOL", |row| name(Some(&row.pool)), |row| row.pool.clone()),
    Column::left("state", "STATE", |row| row.state.to_string(), |row| row.state.to_string()),
    Column::right(
        "queued_for_ns",
        "QUEUED FOR",
        |row| words::duration(row.queued_for_ns),
        |row| row.queued_for_ns.to_string(),
    ),
    Column::right(
        "running_for_ns",
        "RUN FOR",
        |row| duration(row.running_for_ns),
        |row| exact(row.running_for_ns),
    ),
    Column::right("parent", "OF TASK", |row| task(row.parent, None), |row| exact(row.parent)),
    Column::hidden("parent_loop", |row| exact(row.parent_loop)),
    Column::right("tid", "TID", |row| exact(row.tid), |row| exact(row.tid)),
    Column::left("site", "MADE AT", |row| place(row.site.as_ref()), |row| exact_place(row.site.as_ref())),
    Column::hidden("queued_at", |row| exact_time(Some(row.queued_at))),
    Column::hidden("ended_at", |row| exact_time(row.ended_at)),
];

/// How the row of a job is coloured.
pub(crate) fn job_ink(row: &Job) -> Ink {
    match row.state {
        TaskState::Panicked => Ink::Warning,
        state if state.is_finished() => Ink::Faint,
        _ => Ink::Plain,
    }
}

/// The columns of the pools below `blocking`, for people only.
pub(crate) const POOLS: &[Column<Pool>] = &[
    Column::left("name", "POOL", |row| text(&row.name), |row| row.name.clone()),
    Column::right("threads", "THREADS", |row| words::count(row.threads), |row| row.threads.to_string()),
    Column::right(
        "threads_max",
        "THREADS MAX",
        |row| words::count(row.threads_max),
        |row| row.threads_max.to_string(),
    ),
    Column::right("idle", "IDLE", |row| words::count(row.idle), |row| row.idle.to_string()),
    Column::right("queued", "QUEUED", |row| words::count(row.queued), |row| row.queued.to_string()),
    Column::right("queue_max", "QUEUE MAX", |row| count(row.queue_max), |row| exact(row.queue_max)),
    Column::right("running", "RUNNING", |row| words::count(row.running), |row| row.running.to_string()),
    Column::right("panicked", "PANICKED", |row| unless_0(row.panicked), |row| row.panicked.to_string()),
    Column::right("cancelled", "CANCELLED", |row| unless_0(row.cancelled), |row| row.cancelled.to_string()),
    Column::right("refused", "REFUSED", |row| unless_0(row.refused), |row| row.refused.to_string()),
    Column::right(
        "completed",
        "COMPLETED",
        |row| words::count(row.completed),
        |row| row.completed.to_string(),
    ),
    Column::right(
        "waited_p50_ns",
        "QUEUED P50",
        |row| duration(row.waited.and_then(|waited| waited.p50_ns)),
        |row| exact(row.waited.and_then(|waited| waited.p50_ns)),
    ),
    Column::right(
        "waited_p99_ns",
        "QUEUED P99",
        |row| duration(row.waited.and_then(|waited| waited.p99_ns)),
        |row| exact(row.waited.and_then(|waited| waited.p99_ns)),
    ),
    Column::right(
        "ran_p50_ns",
        "RUN P50",
        |row| duration(row.ran.and_then(|ran| ran.p50_ns)),
        |row| exact(row.ran.and_then(|ran| ran.p50_ns)),
    ),
    Column::right(
        "ran_p99_ns",
        "RUN P99",
        |row| duration(row.ran.and_then(|ran| ran.p99_ns)),
        |row| exact(row.ran.and_then(|ran| ran.p99_ns)),
    ),
];
