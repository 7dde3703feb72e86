//! `io`, and the sums below it.

use super::super::table::{Align, Column};
use super::{address, duration, exact, exact_ids, exact_place, ids, name, place, unless_0};
use loopscope_inspector::model::{Io, words};

/// The columns of `io`: who is at the other end comes first, since narrow terminals cut at the right.
pub(crate) const IO: &[Column<Io>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |row| exact(row.pid) },
    Column { name: "id", heading: "", align: Align::Right, words: None, exact: |row| row.id.to_string() },
    Column {
        name: "fd",
        heading: "FD",
        align: Align::Right,
        words: Some(|row| exact(row.fd)),
        exact: |row| exact(row.fd),
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
        name: "name",
        heading: "NAME",
        align: Align::Left,
        words: Some(|row| name(row.name.as_deref())),
        exact: |row| exact(row.name.as_deref()),
    },
    Column {
        name: "local",
        heading: "LOCAL",
        align: Align::Left,
        words: Some(|row| address(row.local.as_deref())),
        exact: |row| exact(row.local.as_deref()),
    },
    Column {
        name: "peer",
        heading: "PEER",
        align: Align::Left,
        words: Some(|row| address(row.peer.as_deref())),
        exact: |row| exact(row.peer.as_deref()),
    },
    Column {
        name: "bytes_read",
        heading: "READ",
        align: Align::Right,
        words: Some(|row| words::bytes(row.bytes_read)),
        exact: |row| row.bytes_read.to_string(),
    },
    Column {
        name: "bytes_written",
        heading: "WRITTEN",
        align: Align::Right,
        words: Some(|row| words::bytes(row.bytes_written)),
        exact: |row| row.bytes_written.to_string(),
    },
    Column {
        name: "idle_for_ns",
        heading: "IDLE",
        align: Align::Right,
        words: Some(|row| duration(row.idle_for_ns)),
        exact: |row| exact(row.idle_for_ns),
    },
    Column {
        name: "waiting",
        heading: "WAITING",
        align: Align::Left,
        words: Some(|row| ids(&row.waiting)),
        exact: |row| exact_ids(&row.waiting),
    },
    Column {
        name: "reads",
        heading: "READS",
        align: Align::Right,
        words: Some(|row| words::count(row.reads)),
        exact: |row| row.reads.to_string(),
    },
    Column {
        name: "writes",
        heading: "WRITES",
        align: Align::Right,
        words: Some(|row| words::count(row.writes)),
        exact: |row| row.writes.to_string(),
    },
    Column {
        name: "would_block",
        heading: "WOULD BLOCK",
        align: Align::Right,
        words: Some(|row| unless_0(row.would_block)),
        exact: |row| row.would_block.to_string(),
    },
    Column {
        name: "interest",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| row.interest.to_string(),
    },
    Column {
        name: "readiness",
        heading: "READY",
        align: Align::Left,
        words: Some(|row| row.readiness.to_string()),
        exact: |row| row.readiness.to_string(),
    },
    Column {
        name: "readiness_delay_p50_ns",
        heading: "DELAY P50",
        align: Align::Right,
        words: Some(|row| duration(row.readiness_delay.and_then(|readiness_delay| readiness_delay.p50_ns))),
        exact: |row| exact(row.readiness_delay.and_then(|readiness_delay| readiness_delay.p50_ns)),
    },
    Column {
        name: "readiness_delay_p99_ns",
        heading: "DELAY P99",
        align: Align::Right,
        words: Some(|row| duration(row.readiness_delay.and_then(|readiness_delay| readiness_delay.p99_ns))),
        exact: |row| exact(row.readiness_delay.and_then(|readiness_delay| readiness_delay.p99_ns)),
    },
    Column {
        name: "readiness_delay_max_ns",
        heading: "DELAY MAX",
        align: Align::Right,
        words: Some(|row| duration(row.readiness_delay.and_then(|readiness_delay| readiness_delay.max_ns))),
        exact: |row| exact(row.readiness_delay.and_then(|readiness_delay| readiness_delay.max_ns)),
    },
    Column {
        name: "made_at",
        heading: "MADE AT",
        align: Align::Left,
        words: Some(|row| place(row.made_at.as_ref())),
        exact: |row| exact_place(row.made_at.as_ref()),
    },
];
