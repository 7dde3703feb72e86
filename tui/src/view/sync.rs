//! The Sync screen, drawn.

use super::pen::Pen;
use super::rows;
use super::table;
use crate::app::columns::{GAP, Placed, SYNC_COLUMNS, SyncColumn};
use crate::app::state::State;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{Place, Sync, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    table::draw(state, (&state.sync, SYNC_COLUMNS), area, buf, &[], |_, sync, placed| {
        row(theme, sync, placed)
    })
}

fn row<'a>(theme: &'a Theme, sync: &Sync, placed: &[Placed<SyncColumn>]) -> Pen<'a> {
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let place = |at: &Option<Place>| {
            (Role::Dim, at.as_ref().map(|at| rows::place(theme, at, cell.width)).unwrap_or_default())
        };
        let (role, text) = match cell.column.id {
            SyncColumn::Kind => (Role::Text, sync.kind.to_string()),
            SyncColumn::Name => {
                let name = sync.name.as_deref().unwrap_or_default();
                (Role::Strong, words::escape(name, words::NAME_CHARS_MAX).into_owned())
            }
            SyncColumn::Holder => match sync.holder {
                Some(id) => (Role::Text, words::task(id, sync.holder_name.as_deref())),
                None => (Role::Dim, "nobody".to_owned()),
            },
            SyncColumn::HeldFor => (Role::Text, sync.held_for_ns.map(words::duration).unwrap_or_default()),
            SyncColumn::Waiters => rows::waiting(&sync.waiters),
            SyncColumn::Len => fill(sync),
            SyncColumn::Limit => match (sync.len, sync.limit) {
                (Some(_), None) => (Role::Dim, "unbounded".to_owned()),
                (_, limit) => (Role::Text, limit.map(words::count).unwrap_or_default()),
            },
            SyncColumn::MadeAt => place(&sync.made_at),
            SyncColumn::HeldAt => place(&sync.held_at),
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// How many items are in it; full is worth a look.
fn fill(sync: &Sync) -> (Role, String) {
    let is_full = sync.limit.is_some_and(|limit| limit > 0 && sync.len >= Some(limit));
    (if is_full { Role::Notice } else { Role::Text }, sync.len.map(words::count).unwrap_or_default())
}
