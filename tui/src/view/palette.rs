//! The palette, drawn: the line, what there is to say about it, and what fits it.

use super::pen::{Pen, line_of};
use super::prompt;
use super::rows::marked;
use super::why::framed;
use crate::app::geometry;
use crate::app::palette::{Choice, Palette, top};
use crate::app::state::State;
use crate::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Columns of a command and what it takes.
const COMMAND: u16 = 22;
/// Columns of the keys that do the same, and where there is little room.
const KEYS: [u16; 2] = [14, 8];
/// From this width on there is room.
const WIDE: u16 = 70;

/// Draws the palette over a body.
pub(super) fn draw(state: &State, palette: &Palette, body: Rect, buf: &mut Buffer) -> Position {
    let theme = &state.theme;
    framed(theme, "Commands", geometry::overlay(body), buf);
    let parts = geometry::palette(body);
    let choices = palette.choices();
    let at = prompt::draw(
        theme,
        ":",
        &palette.line,
        palette.hint(&choices).as_ref(),
        (parts.line, parts.hint),
        buf,
    );
    let selected = palette.selected(&choices);
    let first = top(selected, usize::from(parts.list.height));
    for (number, (row, choice)) in (0..parts.list.height).zip(choices.iter().enumerate().skip(first)) {
        marked(
            theme,
            entry(theme, choice, parts.list.width),
            row == selected,
            line_of(parts.list, number),
            buf,
        );
    }
    at
}

fn entry<'a>(theme: &'a Theme, choice: &Choice, width: u16) -> Pen<'a> {
    let role = if choice.works { Role::Strong } else { Role::Dim };
    let pen = Pen::new(theme)
        .cell(role, &choice.shown, COMMAND, false)
        .gap(1)
        .cell(Role::Key, &choice.keys, KEYS[usize::from(width < WIDE)], false)
        .gap(1);
    let pen = if choice.works { pen.text(&choice.help) } else { pen.dim(&choice.help) };
    if choice.works { pen } else { pen.dim("  (not here)") }
}
