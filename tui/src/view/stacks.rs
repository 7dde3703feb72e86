//! The native stacks of the loops, drawn over the screen.

use super::frames;
use super::pen::Pen;
use super::rows::{self, Drawn, list};
use super::why::framed;
use crate::app::fold::fold;
use crate::app::geometry::inside;
use crate::app::order::Taken;
use crate::app::stacks::{NOTE_CHARS_MAX, Row, Stacks, title};
use crate::app::state::State;
use crate::theme::Role;
use loopscope_inspector::model::words;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the overlay.
pub(super) fn draw(state: &State, open: &Stacks, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    framed(theme, "What the threads of the loops were doing", area, buf);
    let area = inside(area);
    let said = match &open.taken {
        Taken::Got(stacks) if stacks.is_empty() => Some((Role::Dim, "the process has no loops".to_owned())),
        Taken::Got(_) => None,
        Taken::Failed(why) => Some((Role::Bad, words::escape(why, words::TEXT_CHARS_MAX).into_owned())),
        Taken::Not | Taken::Asked => Some((Role::Dim, "the stacks are being taken".to_owned())),
    };
    if let Some((role, text)) = said {
        for (number, line) in (0..area.height).zip(fold(&text, usize::from(area.width).max(20))) {
            Pen::new(theme).put(role, line.trim_end()).draw(super::pen::line_of(area, number), buf);
        }
        return None;
    }
    let lines = open.rows();
    list(theme, open.cursor, lines.len(), area, buf, |row, pen, _| {
        Drawn::Line(match lines[row] {
            Row::Loop(stack) => {
                let role = if stack.task.is_some() { Role::Bad } else { Role::Strong };
                pen.put(role, title(stack))
            }
            Row::Note(note) => pen.put(Role::Notice, words::escape(note, NOTE_CHARS_MAX)),
            Row::Frame(number, frame, own) => frames::frame(number, frame, own, theme, pen),
            Row::Source(number, text, here) => rows::source(number, text, here, theme, pen),
            Row::Cut => pen.dim("there are more frames than could be captured"),
            Row::Blank => pen,
        })
    })
}
