//! The page of one warning, drawn.

use super::frames;
use super::pen::Pen;
use super::rows::{self, Drawn, list, severity_glyph};
use super::warnings::{seen, since};
use crate::app::state::{State, Tab};
use crate::app::warning::{Row, WarningScreen};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{WallTime, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the page.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let page = state.warning.as_ref()?;
    let lines = page.rows();
    let now = match state.tab {
        Tab::Warnings => state.warnings.table.page.as_ref().map(|(_, page)| page.taken_at),
        _ => state.overview.picture.as_ref().map(|picture| picture.taken_at),
    };
    list(theme, page.cursor, lines.len(), area, buf, |row, pen, width| {
        Drawn::Line(line(lines[row], (page, now), theme, pen, width))
    })
}

fn line<'a>(
    row: Row<'_>,
    (page, now): (&WarningScreen, Option<WallTime>),
    theme: &Theme,
    pen: Pen<'a>,
    width: u16,
) -> Pen<'a> {
    match row {
        Row::Title => title(page, theme, pen),
        Row::Message(text) => pen.put(Role::Strong, text),
        Row::Facts => facts(page, now, pen),
        Row::Note(note) => pen.text(words::escape(note, words::TEXT_CHARS_MAX)),
        Row::Task(id) => {
            let name = words::task(id, page.seen.task_name.as_deref());
            pen.dim("task ").put(Role::Accent, name).dim(", Enter opens its page")
        }
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
    let role = if page.seen.past { Role::Dim } else { role };
    let pen = pen.put(role, format!("{glyph} {name}  ")).dim(page.seen.severity.as_str());
    let pen = pen.dim(if page.seen.past { ", over" } else { ", holds now" });
    if page.gone {
        return pen.put(Role::Notice, format!("  {} not among the warnings any more", theme.glyphs.notice));
    }
    pen
}

fn facts<'a>(page: &WarningScreen, now: Option<WallTime>, pen: Pen<'a>) -> Pen<'a> {
    let warning = &page.seen;
    let mut pen = pen.dim("count ").text(words::count(warning.count));
    if let Some(ns) = warning.for_ns {
        pen = pen.dim("  longest ").text(words::duration(ns));
    }
    let Some(now) = now else { return pen };
    if warning.first_seen.is_some() {
        pen = pen.dim("  first seen ").text(format!("{} ago", since(warning, now)));
    }
    if warning.past { pen.dim("  last ").text(seen(warning, now)) } else { pen }
}
