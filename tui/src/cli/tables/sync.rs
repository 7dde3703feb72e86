//! `sync`.

use super::super::table::{Align, Column};
use super::{count, duration, exact, exact_ids, exact_place, ids, name, place, task};
use loopscope_inspector::model::Sync;

/// The columns of `sync`.
pub(crate) const SYNC: &[Column<Sync>] = &[
    Column { name: "pid", heading: "", align: Align::Right, words: None, exact: |row| exact(row.pid) },
    Column {
        name: "id",
        heading: "ID",
        align: Align::Right,
        words: Some(|row| row.id.to_string()),
        exact: |row| row.id.to_string(),
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
        name: "holder",
        heading: "HELD BY",
        align: Align::Left,
        words: Some(|row| task(row.holder, row.holder_name.as_deref())),
        exact: |row| exact(row.holder),
    },
    Column {
        name: "holder_name",
        heading: "",
        align: Align::Left,
        words: None,
        exact: |row| exact(row.holder_name.as_deref()),
    },
    Column {
        name: "held_for_ns",
        heading: "FOR",
        align: Align::Right,
        words: Some(|row| duration(row.held_for_ns)),
        exact: |row| exact(row.held_for_ns),
    },
    Column {
        name: "len",
        heading: "ITEMS",
        align: Align::Right,
        words: Some(|row| count(row.len)),
        exact: |row| exact(row.len),
    },
    Column {
        name: "limit",
        heading: "LIMIT",
        align: Align::Right,
        words: Some(|row| count(row.limit)),
        exact: |row| exact(row.limit),
    },
    Column {
        name: "waiters",
        heading: "WAITING",
        align: Align::Left,
        words: Some(|row| ids(&row.waiters)),
        exact: |row| exact_ids(&row.waiters),
    },
    Column {
        name: "held_at",
        heading: "TAKEN AT",
        align: Align::Left,
        words: Some(|row| place(row.held_at.as_ref())),
        exact: |row| exact_place(row.held_at.as_ref()),
    },
    Column {
        name: "made_at",
        heading: "MADE AT",
        align: Align::Left,
        words: Some(|row| place(row.made_at.as_ref())),
        exact: |row| exact_place(row.made_at.as_ref()),
    },
    Column {
        name: "made_by",
        heading: "",
        align: Align::Right,
        words: None,
        exact: |row| exact(row.made_by),
    },
];
