//! The question before something is done that cannot be undone, drawn over the screen.

use super::pen::{Pen, line_of};
use super::why::framed;
use crate::app::fold::fold;
use crate::app::geometry::inside;
use crate::app::order::Ask;
use crate::app::state::State;
use crate::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the overlay.
pub(super) fn draw(state: &State, ask: &Ask, area: Rect, buf: &mut Buffer) -> Position {
    let theme = &state.theme;
    framed(theme, &ask.title, area, buf);
    let area = inside(area);
    let width = usize::from(area.width).max(20);
    let lines = ask.lines.iter().flat_map(|text| fold(text, width));
    // The last line is for the answer, whatever else has no room.
    let room = area.height.saturating_sub(1);
    let mut number = 0;
    for (_, line) in (0..room).zip(lines) {
        Pen::new(theme).text(line.trim_end()).draw(line_of(area, number), buf);
        number += 1;
    }
    let last = number.saturating_add(1).min(room);
    Pen::new(theme)
        .put(Role::Key, "y")
        .text(" yes, do it    ")
        .put(Role::Key, "n")
        .text(" no, leave it")
        .draw(line_of(area, last), buf);
    Position::new(area.x, area.y + last)
}
