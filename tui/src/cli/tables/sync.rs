//! `sync`.

use super::super::table::Column;
use super::{count, duration, exact, exact_ids, exact_place, ids, name, place, task};
use loopscope_inspector::model::Sync;

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
    Column::right("len", "ITEMS", |row| count(row.len), |row| exact(row.len)),
    Column::right("limit", "LIMIT", |row| count(row.limit), |row| exact(row.limit)),
    Column::left("waiters", "WAITING", |row| ids(&row.waiters), |row| exact_ids(&row.waiters)),
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
    Column::hidden("made_by", |row| exact(row.made_by)),
];
