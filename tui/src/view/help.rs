//! The help overlay: every key of the table, in the words of the table.

use super::pen::{Pen, line_of};
use super::why::framed;
use crate::app::geometry::inside;
use crate::app::state::State;
use crate::keys::help_lines;
use crate::theme::Role;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the overlay from the line `top` on.
pub(super) fn draw(state: &State, top: usize, area: Rect, buf: &mut Buffer) -> Position {
    let theme = &state.theme;
    let lines = help_lines();
    let rows = usize::from(inside(area).height);
    let title = if lines.len() > rows {
        let last = (top + rows).min(lines.len());
        format!("Keys, {} to {last} of {}; j and k scroll", top + 1, lines.len())
    } else {
        "Keys".to_owned()
    };
    framed(theme, &title, area, buf);
    let area = inside(area);
    for (number, line) in (0..area.height).zip(lines.iter().skip(top)) {
        let mut pen = Pen::new(theme).cell(Role::Key, &line.keys, 14, false).gap(1).text(&line.text);
        if !line.contexts.is_empty() {
            pen = pen.dim(format!("  ({})", line.contexts));
        }
        pen.draw(line_of(area, number), buf);
    }
    Position::new(area.x, area.y)
}
