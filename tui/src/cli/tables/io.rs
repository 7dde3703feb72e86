//! `io`, and the sums below it.

use super::super::table::Column;
use super::{address, duration, exact, exact_ids, exact_place, name, place, unless_0, waiting};
use loopscope_inspector::model::{Io, IoTotal, ResourceKind, words};

/// The columns of `io`: who is at the other end comes first, since narrow terminals cut at the right.
pub(crate) const IO: &[Column<Io>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::hidden("id", |row| row.id.to_string()),
    Column::right("fd", "FD", |row| exact(row.fd), |row| exact(row.fd)),
    Column::left("kind", "KIND", |row| row.kind.to_string(), |row| row.kind.to_string()),
    Column::hidden("loop", |row| exact(row.loop_id)),
    Column::left("name", "NAME", |row| name(row.name.as_deref()), |row| exact(row.name.as_deref())),
    Column::left("local", "LOCAL", |row| address(row.local.as_deref()), |row| exact(row.local.as_deref())),
    Column::left("peer", "PEER", |row| address(row.peer.as_deref()), |row| exact(row.peer.as_deref())),
    Column::right("child_pid", "PID", |row| exact(row.child_pid), |row| exact(row.child_pid)),
    Column::left("exit", "STATE", state, |row| exact(row.exit)),
    Column::right("bytes_read", "READ", |row| words::bytes(row.bytes_read), |row| row.bytes_read.to_string()),
    Column::right(
        "bytes_written",
        "WRITTEN",
        |row| words::bytes(row.bytes_written),
        |row| row.bytes_written.to_string(),
    ),
    Column::right("idle_for_ns", "IDLE", |row| duration(row.idle_for_ns), |row| exact(row.idle_for_ns)),
    Column::left("waiting", "WAITING", |row| waiting(row.kind, &row.waits), |row| exact_ids(&row.waiting)),
    Column::right("reads", "READS", |row| words::count(row.reads), |row| row.reads.to_string()),
    Column::right("writes", "WRITES", |row| words::count(row.writes), |row| row.writes.to_string()),
    Column::right(
        "would_block",
        "WOULD BLOCK",
        |row| unless_0(row.would_block),
        |row| row.would_block.to_string(),
    ),
    Column::hidden("interest", |row| row.interest.to_string()),
    Column::left("readiness", "READY", |row| row.readiness.to_string(), |row| row.readiness.to_string()),
    Column::right(
        "readiness_delay_p50_ns",
        "DELAY P50",
        |row| duration(row.readiness_delay.and_then(|delay| delay.p50_ns)),
        |row| exact(row.readiness_delay.and_then(|delay| delay.p50_ns)),
    ),
    Column::right(
        "readiness_delay_p99_ns",
        "DELAY P99",
        |row| duration(row.readiness_delay.and_then(|delay| delay.p99_ns)),
        |row| exact(row.readiness_delay.and_then(|delay| delay.p99_ns)),
    ),
    Column::right(
        "readiness_delay_max_ns",
        "DELAY MAX",
        |row| duration(row.readiness_delay.and_then(|delay| delay.max_ns)),
        |row| exact(row.readiness_delay.and_then(|delay| delay.max_ns)),
    ),
    Column::left(
        "made_at",
        "MADE AT",
        |row| place(row.made_at.as_ref()),
        |row| exact_place(row.made_at.as_ref()),
    ),
];

/// Whether a child process runs, or how it ended.
fn state(row: &Io) -> String {
    match (row.exit, row.kind) {
        (Some(exit), _) => exit.to_string(),
        (None, ResourceKind::Process) => "running".to_owned(),
        _ => String::new(),
    }
}

/// The columns of the sums below `io`, for people only.
pub(crate) const IO_TOTALS: &[Column<IoTotal>] = &[
    Column::left("kind", "KIND", |row| row.kind.to_string(), |row| row.kind.to_string()),
    Column::left(
        "made_at",
        "MADE AT",
        |row| place(row.made_at.as_ref()),
        |row| exact_place(row.made_at.as_ref()),
    ),
    Column::right("loop", "LOOP", |row| exact(row.loop_id), |row| exact(row.loop_id)),
    Column::right("open", "OPEN", |row| words::count(row.open), |row| row.open.to_string()),
    Column::right("opened", "OPENED", |row| words::count(row.opened), |row| row.opened.to_string()),
    Column::right("bytes_read", "READ", |row| words::bytes(row.bytes_read), |row| row.bytes_read.to_string()),
    Column::right(
        "bytes_written",
        "WRITTEN",
        |row| words::bytes(row.bytes_written),
        |row| row.bytes_written.to_string(),
    ),
    Column::right("reads", "READS", |row| words::count(row.reads), |row| row.reads.to_string()),
    Column::right("writes", "WRITES", |row| words::count(row.writes), |row| row.writes.to_string()),
    Column::right(
        "would_block",
        "WOULD BLOCK",
        |row| unless_0(row.would_block),
        |row| row.would_block.to_string(),
    ),
    Column::right(
        "readiness_delay_p50_ns",
        "DELAY P50",
        |row| duration(row.readiness_delay.and_then(|delay| delay.p50_ns)),
        |row| exact(row.readiness_delay.and_then(|delay| delay.p50_ns)),
    ),
    Column::right(
        "readiness_delay_p99_ns",
        "DELAY P99",
        |row| duration(row.readiness_delay.and_then(|delay| delay.p99_ns)),
        |row| exact(row.readiness_delay.and_then(|delay| delay.p99_ns)),
    ),
    Column::right(
        "readiness_delay_max_ns",
        "DELAY MAX",
        |row| duration(row.readiness_delay.and_then(|delay| delay.max_ns)),
        |row| exact(row.readiness_delay.and_then(|delay| delay.max_ns)),
    ),
];
