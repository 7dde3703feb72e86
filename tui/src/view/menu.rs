//! The choice of what to copy, drawn.

use super::rows::{Drawn, list};
use super::why::framed;
use crate::app::geometry::inside;
use crate::app::menu::Menu;
use crate::app::state::State;
use crate::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the overlay.
pub(super) fn draw(state: &State, menu: &Menu, area: Rect, buf: &mut Buffer) -> Option<Position> {
    const LABEL: u16 = 11;
    framed(&state.theme, "Copy", area, buf);
    list(&state.theme, menu.cursor, menu.items.len(), inside(area), buf, |row, pen, _| {
        let item = &menu.items[row];
        let first = item.text.lines().next().unwrap_or_default();
        let pen = pen.cell(Role::Title, item.label, LABEL, false).gap(1).text(first);
        let more = item.text.lines().count().saturating_sub(1);
        Drawn::Line(if more > 0 { pen.dim(format!("  and {more} more lines")) } else { pen })
    })
}
