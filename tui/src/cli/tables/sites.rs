//! `sites`.

use super::super::cells::Ink;
use super::super::table::Column;
use super::{duration, exact, exact_place, name, place, unless_0};
use loopscope_inspector::model::{Site, words};

/// The columns of `sites`. Tasks that panicked or were dropped are seldom, and then what one looks for.
pub(crate) const SITES: &[Column<Site>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::left("site", "SPAWNED AT", |row| place(Some(&row.site)), |row| exact_place(Some(&row.site))),
    Column::left("name", "NAME", |row| name(row.name.as_deref()), |row| exact(row.name.as_deref())),
    Column::hidden("loop", |row| exact(row.loop_id)),
    Column::right("live", "LIVE", |row| words::count(row.live), |row| row.live.to_string()),
    Column::right("spawned", "SPAWNED", |row| words::count(row.spawned), |row| row.spawned.to_string()),
    Column::right("busy_ns", "BUSY", |row| words::duration(row.busy_ns), |row| row.busy_ns.to_string()),
    Column::right("panicked", "PANICKED", |row| unless_0(row.panicked), |row| row.panicked.to_string()),
    Column::right("cancelled", "CANCELLED", |row| unless_0(row.cancelled), |row| row.cancelled.to_string()),
    Column::right(
        "completed",
        "COMPLETED",
        |row| words::count(row.completed),
        |row| row.completed.to_string(),
    ),
    Column::right(
        "poll_p50_ns",
        "POLL P50",
        |row| duration(row.poll.and_then(|poll| poll.p50_ns)),
        |row| exact(row.poll.and_then(|poll| poll.p50_ns)),
    ),
    Column::right(
        "poll_p99_ns",
        "POLL P99",
        |row| duration(row.poll.and_then(|poll| poll.p99_ns)),
        |row| exact(row.poll.and_then(|poll| poll.p99_ns)),
    ),
    Column::right(
        "poll_max_ns",
        "POLL MAX",
        |row| duration(row.poll.and_then(|poll| poll.max_ns)),
        |row| exact(row.poll.and_then(|poll| poll.max_ns)),
    ),
    Column::right(
        "scheduled_p50_ns",
        "WAIT P50",
        |row| duration(row.scheduled.and_then(|scheduled| scheduled.p50_ns)),
        |row| exact(row.scheduled.and_then(|scheduled| scheduled.p50_ns)),
    ),
    Column::right(
        "scheduled_p99_ns",
        "WAIT P99",
        |row| duration(row.scheduled.and_then(|scheduled| scheduled.p99_ns)),
        |row| exact(row.scheduled.and_then(|scheduled| scheduled.p99_ns)),
    ),
    Column::right(
        "scheduled_max_ns",
        "WAIT MAX",
        |row| duration(row.scheduled.and_then(|scheduled| scheduled.max_ns)),
        |row| exact(row.scheduled.and_then(|scheduled| scheduled.max_ns)),
    ),
    Column::hidden("poll_count", |row| exact(row.poll.map(|poll| poll.count))),
    Column::hidden("scheduled_count", |row| exact(row.scheduled.map(|scheduled| scheduled.count))),
];

/// How the row of a site is coloured.
pub(crate) fn site_ink(row: &Site) -> Ink {
    if row.panicked > 0 { Ink::Warning } else { Ink::Plain }
}
