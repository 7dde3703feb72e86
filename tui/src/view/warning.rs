//! The page of one warning, drawn.

use super::frames;
use super::pen::Pen;
use super::rows::{self, Drawn, list, severity_glyph};
use crate::app::state::State;
use crate::app::warning::{Row, WarningScreen};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::words;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the page.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let page = state.warning.as_ref()?;
    let lines = page.rows();
    list(theme, page.cursor, lines.len(), area, buf, |row, pen, width| {
        Drawn::Line(line(lines[row], page, theme, pen, width))
    })
}

fn line<'a>(row: Row<'_>, page: &WarningScreen, theme: &Theme, pen: Pen<'a>, width: u16) -> Pen<'a> {
    match row {
        Row::Title => title(page, theme, pen),
        Row::Message(text) => pen.put(Role::Strong, text),
        Row::Facts => facts(page, pen),
        Row::Task(id) => pen.dim("task ").put(Role::Accent, format!("#{id}")).dim(", Enter opens its page"),
        Row::Loop(id) => pen.dim("loop ").put(Role::Accent, words::count(id)).dim(", Enter shows its tasks"),
        Row::At(at) => pen.dim("at ").text(words::place(at)),
        Row::Source(number, text, here) => rows::source(number, text, here, theme, pen),
        Row::Blank => pen,
        Row::Heading(title) => rows::heading(pen, theme, title, width),
        Row::Text(text) => pen.text(format!("  {text}")),
        Row::Frame(number, frame, own) => frames::frame(number, frame, own, theme, pen),
    }
}

fn title<'a>(page: &WarningScreen, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let (glyph, role) = severity_glyph(theme, page.seen.severity);
    let name = words::escape(&page.seen.name, words::NAME_CHARS_MAX);
    let pen = pen.put(role, format!("{glyph} {name}  ")).dim(page.seen.severity.as_str());
    if page.gone {
        return pen.put(Role::Notice, format!("  {} not among the warnings any more", theme.glyphs.notice));
    }
    pen
}

fn facts<'a>(page: &WarningScreen, pen: Pen<'a>) -> Pen<'a> {
    let pen = pen.dim("count ").text(words::count(page.seen.count));
    match page.seen.for_ns {
        Some(ns) => pen.dim("  longest ").text(words::duration(ns)),
        None => pen,
    }
}
