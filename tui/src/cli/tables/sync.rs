//! `sync`.

use super::super::table::Column;
use super::{duration, exact, exact_ids, exact_place, name, place, task, waiting};
use loopscope_inspector::model::{InCycle, Sync, words};

/// The columns of `sync`.
pub(crate) const SYNC: &[Column<Sync>] = &[
    Column::hidden("pid", |row| exact(row.pid)),
    Column::right("id", "ID", |row| row.id.to_string(), |row| row.id.to_string()),
    Column::left("kind", "KIND", |row| row.kind.to_string(), |row| row.kind.to_string()),
    Column::hidden("loop", |row| exact(row.loop_id)),
    Column::left("name", "NAME", |row| name(row.name.as_deref()), |row| exact(row.name.as_deref())),
    Column::left(
        "holder",
        "HELD BY",
        |row| task(row.holder, row.holder_name.as_deref()),
        |row| exact(row.holder),
    ),
    Column::hidden("holder_name", |row| exact(row.holder_name.as_deref())),
    Column::right("held_for_ns", "FOR", |row| duration(row.held_for_ns), |row| exact(row.held_for_ns)),
    Column::left("cycle", "CYCLE", |row| in_cycle(row.cycle), |row| exact(row.cycle)),
    Column::left(
        "len",
        "FILL",
        |row| words::fill(row.kind, row.len, row.limit).unwrap_or_default(),
        |row| exact(row.len),
    ),
    Column::hidden("limit", |row| exact(row.limit)),
    Column::left("waiters", "WAITING", |row| waiting(row.kind, &row.waits), |row| exact_ids(&row.waiters)),
    Column::left(
        "held_at",
        "TAKEN AT",
        |row| place(row.held_at.as_ref()),
        |row| exact_place(row.held_at.as_ref()),
    ),
    Column::left(
        "made_at",
        "MADE AT",
        |row| place(row.made_at.as_ref()),
        |row| exact_place(row.made_at.as_ref()),
    ),
    Column::right("made_by", "BY", |row| task(row.made_by, None), |row| exact(row.made_by)),
];

/// What waiting for it is part of.
fn in_cycle(cycle: Option<InCycle>) -> String {
    let words = match cycle {
        None => "",
        Some(InCycle::Cycle) => "in a cycle",
        Some(InCycle::Deadlock) => "DEADLOCK",
        Some(InCycle::Behind) => "behind a deadlock",
    };
    words.to_owned()
}
