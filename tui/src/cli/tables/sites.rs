//! `sites`.

use super::super::cells::Ink;
use super::super::table::{Align, Column};
use super::{duration, exact, exact_place, name, place, unless_0};
use loopscope_inspector::model::{Site, words};

/// The columns of `sites`. Tasks that panicked or were dropped are seldom, and then what one looks for.
pub(crate) const SITES: &[Column<Site>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |row| exact(row.pid) },
    Column {
        name: "site",
        heading: "SPAWNED AT",
        align: Align::Left,
        words: Some(|row| place(Some(&row.site))),
        exact: |row| exact_place(Some(&row.site)),
    },
    Column {
        name: "name",
        heading: "NAME",
        align: Align::Left,
        words: Some(|row| name(row.name.as_deref())),
        exact: |row| exact(row.name.as_deref()),
    },
    Column { name: "loop", heading: "", align: Align::Right, words: None, exact: |row| exact(row.loop_id) },
    Column {
        name: "live",
        heading: "LIVE",
        align: Align::Right,
        words: Some(|row| words::count(row.live)),
        exact: |row| row.live.to_string(),
    },
    Column {
        name: "spawned",
        heading: "SPAWNED",
        align: Align::Right,
        words: Some(|row| words::count(row.spawned)),
        exact: |row| row.spawned.to_string(),
    },
    Column {
        name: "busy_ns",
        heading: "BUSY",
        align: Align::Right,
        words: Some(|row| words::duration(row.busy_ns)),
        exact: |row| row.busy_ns.to_string(),
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
        name: "completed",
        heading: "COMPLETED",
        align: Align::Right,
        words: Some(|row| words::count(row.completed)),
        exact: |row| row.completed.to_string(),
    },
    Column {
        name: "poll_p50_ns",
        heading: "POLL P50",
        align: Align::Right,
        words: Some(|row| duration(row.poll.and_then(|poll| poll.p50_ns))),
        exact: |row| exact(row.poll.and_then(|poll| poll.p50_ns)),
    },
    Column {
        name: "poll_p99_ns",
        heading: "POLL P99",
        align: Align::Right,
        words: Some(|row| duration(row.poll.and_then(|poll| poll.p99_ns))),
        exact: |row| exact(row.poll.and_then(|poll| poll.p99_ns)),
    },
    Column {
        name: "poll_max_ns",
        heading: "POLL MAX",
        align: Align::Right,
        words: Some(|row| duration(row.poll.and_then(|poll| poll.max_ns))),
        exact: |row| exact(row.poll.and_then(|poll| poll.max_ns)),
    },
    Column {
        name: "scheduled_p50_ns",
        heading: "WAIT P50",
        align: Align::Right,
        words: Some(|row| duration(row.scheduled.and_then(|scheduled| scheduled.p50_ns))),
        exact: |row| exact(row.scheduled.and_then(|scheduled| scheduled.p50_ns)),
    },
    Column {
        name: "scheduled_p99_ns",
        heading: "WAIT P99",
        align: Align::Right,
        words: Some(|row| duration(row.scheduled.and_then(|scheduled| scheduled.p99_ns))),
        exact: |row| exact(row.scheduled.and_then(|scheduled| scheduled.p99_ns)),
    },
    Column {
        name: "scheduled_max_ns",
        heading: "WAIT MAX",
        align: Align::Right,
        words: Some(|row| duration(row.scheduled.and_then(|scheduled| scheduled.max_ns))),
        exact: |row| exact(row.scheduled.and_then(|scheduled| scheduled.max_ns)),
    },
    Column {
        name: "poll_count",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |row| exact(row.poll.map(|poll| poll.count)),
    },
    Column {
        name: "scheduled_count",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |row| exact(row.scheduled.map(|scheduled| scheduled.count)),
    },
];

/// How the row of a site is coloured.
pub(crate) fn site_ink(row: &Site) -> Ink {
    if row.panicked > 0 { Ink::Warning } else { Ink::Plain }
}
