//! The chain from a task to the root of its wait, drawn over the screen.

use super::pen::{Pen, line_of};
use super::rows::{Drawn, list};
use super::task::{end_words, step_line};
use crate::app::geometry::inside;
use crate::app::state::State;
use crate::app::task::{Seen, TaskScreen};
use crate::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::widgets::{Block, Borders, Clear, Widget};

/// Draws the overlay.
pub(super) fn draw(state: &State, page: &TaskScreen, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    framed(theme, &format!("Why does #{} not go on?", page.id), area, buf);
    let area = inside(area);
    let Some(picture) = page.picture() else {
        let text = match page.seen {
            Seen::Unknown => "The process does not know this task any more.",
            _ => "the chain is being read",
        };
        Pen::new(theme).dim(text).draw(area, buf);
        return None;
    };
    let Some(chain) = &picture.chain else {
        Pen::new(theme).dim("The process does not say what this task waits for.").draw(area, buf);
        return None;
    };
    let at = list(theme, page.cursor, chain.steps.len(), area, buf, |row, pen, _| {
        Drawn::Line(step_line(row, &chain.steps[row], theme, pen))
    });
    let below = u16::try_from(chain.steps.len().saturating_sub(page.cursor.top))
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    let (role, text) = end_words(&chain.end, theme);
    Pen::new(theme).put(role, text).draw(line_of(area, below), buf);
    at
}

/// An empty frame with a title; what is below is dimmed.
pub(super) fn framed(theme: &Theme, title: &str, area: Rect, buf: &mut Buffer) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    buf.set_style(buf.area, ratatui::style::Style::new().add_modifier(Modifier::DIM));
    Clear.render(area, buf);
    let border = if theme.is_ascii() { ASCII_BORDER } else { ratatui::symbols::border::ROUNDED };
    Block::new()
        .borders(Borders::ALL)
        .border_set(border)
        .border_style(theme.style(Role::Accent))
        .title(ratatui::text::Span::styled(format!(" {title} "), theme.style(Role::Title)))
        .render(area, buf);
}

const ASCII_BORDER: ratatui::symbols::border::Set<'static> = ratatui::symbols::border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
