//! `blocking`: jobs on blocking threads, and the pools below them.

use super::super::cells::Ink;
use super::super::table::{Align, Column};
use super::{count, duration, exact, exact_place, exact_time, name, place, task, text, unless_0};
use loopscope_inspector::model::{Job, Pool, TaskState, words};

/// The columns of `blocking`.
pub(crate) const JOBS: &[Column<Job>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |row| exact(row.pid) },
    Column {
        name: "id",
        heading: "JOB",
        align: Align::Right,
        words: Some(|row| words::task(row.id, None)),
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
        name: "pool",
        heading: "POOL",
        align: Align::Left,
        words: Some(|row| name(Some(&row.pool))),
        exact: |row| row.pool.clone(),
    },
    Column {
        name: "state",
        heading: "STATE",
        align: Align::Left,
        words: Some(|row| row.state.to_string()),
        exact: |row| row.state.to_string(),
    },
    Column {
        name: "queued_for_ns",
        heading: "QUEUED FOR",
        align: Align::Right,
        words: Some(|row| words::duration(row.queued_for_ns)),
        exact: |row| row.queued_for_ns.to_string(),
    },
    Column {
        name: "running_for_ns",
        heading: "RUN FOR",
        align: Align::Right,
        words: Some(|row| duration(row.running_for_ns)),
        exact: |row| exact(row.running_for_ns),
    },
    Column {
        name: "parent",
        heading: "OF TASK",
        align: Align::Right,
        words: Some(|row| task(row.parent, None)),
        exact: |row| exact(row.parent),
    },
    Column {
        name: "parent_loop",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |row| exact(row.parent_loop),
    },
    Column {
        name: "tid",
        heading: "TID",
        align: Align::Right,
        words: Some(|row| exact(row.tid)),
        exact: |row| exact(row.tid),
    },
    Column {
        name: "site",
        heading: "MADE AT",
        align: Align::Left,
        words: Some(|row| place(row.site.as_ref())),
        exact: |row| exact_place(row.site.as_ref()),
    },
    Column {
        name: "queued_at",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact_time(Some(row.queued_at)),
    },
    Column {
        name: "ended_at",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact_time(row.ended_at),
    },
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
    Column {
        name: "name",
        heading: "POOL",
        align: Align::Left,
        words: Some(|row| text(&row.name)),
        exact: |row| row.name.clone(),
    },
    Column {
        name: "threads",
        heading: "THREADS",
        align: Align::Right,
        words: Some(|row| words::count(row.threads)),
        exact: |row| row.threads.to_string(),
    },
    Column {
        name: "threads_max",
        heading: "THREADS MAX",
        align: Align::Right,
        words: Some(|row| words::count(row.threads_max)),
        exact: |row| row.threads_max.to_string(),
    },
    Column {
        name: "idle",
        heading: "IDLE",
        align: Align::Right,
        words: Some(|row| words::count(row.idle)),
        exact: |row| row.idle.to_string(),
    },
    Column {
        name: "queued",
        heading: "QUEUED",
        align: Align::Right,
        words: Some(|row| words::count(row.queued)),
        exact: |row| row.queued.to_string(),
    },
    Column {
        name: "queue_max",
        heading: "QUEUE MAX",
        align: Align::Right,
        words: Some(|row| count(row.queue_max)),
        exact: |row| exact(row.queue_max),
    },
    Column {
        name: "running",
        heading: "RUNNING",
        align: Align::Right,
        words: Some(|row| words::count(row.running)),
        exact: |row| row.running.to_string(),
    },
    Column {
        name: "panicked",
        heading: "PANICKED",
        align: Align::Right,
        words: Some(|row| unless_0(row.panicked)),
        exact: |row| row.panicked.to_string(),
    },
    Column {
        name: "cancelled",
        heading: "CANCELLED",
        align: Align::Right,
        words: Some(|row| unless_0(row.cancelled)),
        exact: |row| row.cancelled.to_string(),
    },
    Column {
        name: "refused",
        heading: "REFUSED",
        align: Align::Right,
        words: Some(|row| unless_0(row.refused)),
        exact: |row| row.refused.to_string(),
    },
    Column {
        name: "completed",
        heading: "COMPLETED",
        align: Align::Right,
        words: Some(|row| words::count(row.completed)),
        exact: |row| row.completed.to_string(),
    },
    Column {
        name: "waited_p50_ns",
        heading: "QUEUED P50",
        align: Align::Right,
        words: Some(|row| duration(row.waited.and_then(|waited| waited.p50_ns))),
        exact: |row| exact(row.waited.and_then(|waited| waited.p50_ns)),
    },
    Column {
        name: "waited_p99_ns",
        heading: "QUEUED P99",
        align: Align::Right,
        words: Some(|row| duration(row.waited.and_then(|waited| waited.p99_ns))),
        exact: |row| exact(row.waited.and_then(|waited| waited.p99_ns)),
    },
    Column {
        name: "ran_p50_ns",
        heading: "RUN P50",
        align: Align::Right,
        words: Some(|row| duration(row.ran.and_then(|ran| ran.p50_ns))),
        exact: |row| exact(row.ran.and_then(|ran| ran.p50_ns)),
    },
    Column {
        name: "ran_p99_ns",
        heading: "RUN P99",
        align: Align::Right,
        words: Some(|row| duration(row.ran.and_then(|ran| ran.p99_ns))),
        exact: |row| exact(row.ran.and_then(|ran| ran.p99_ns)),
    },
];
