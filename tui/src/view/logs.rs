//! The Logs screen, drawn.

use super::pen::{Pen, line_of};
use super::rows;
use super::table::{self, below};
use crate::app::columns::{GAP, LOG_COLUMNS, LogColumn, Placed};
use crate::app::fold::fold;
use crate::app::geometry::MARK;
use crate::app::logs;
use crate::app::state::State;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{LogLevel, LogLine, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let screen = &state.logs;
    if let Some(line) = screen.selected() {
        panel(line, theme, state.table_parts(area).panel, buf);
    }
    let at = table::draw(state, (&screen.table, LOG_COLUMNS), area, buf, &told(state), |_, line, placed| {
        row(theme, line, placed)
    });
    if let Some(why) = screen.failed.as_ref().filter(|_| screen.table.window.total() == 0) {
        let rows = state.table_parts(area).rows;
        let width = usize::from(rows.width.saturating_sub(2 * MARK)).max(20);
        let why = words::escape(why, words::TEXT_CHARS_MAX);
        for (number, line) in (0..rows.height).zip(fold(&why, width)) {
            let rect = line_of(rows, number);
            let blank = " ".repeat(usize::from(rect.width));
            Pen::new(theme).text(blank).draw(rect, buf);
            Pen::new(theme).gap(MARK).put(Role::Notice, line.trim_end()).draw(rect, buf);
        }
    }
    at
}

/// What of the log is shown: the level, whether it is followed, what the application keeps, what was lost.
fn told(state: &State) -> Vec<(Role, String)> {
    let screen = &state.logs;
    let mut told = Vec::new();
    if screen.follow {
        told.push((Role::Good, "following".to_owned()));
    } else if screen.below() > 0 {
        told.push((Role::Accent, format!("{} below", words::count(screen.below()))));
    }
    if screen.level != LogLevel::Trace {
        told.push((Role::Accent, format!("{} and worse", screen.level)));
    }
    if screen.missed > 0 {
        told.push((Role::Notice, format!("{} missed", words::counted(screen.missed, "line"))));
    }
    if let Some(filter) = &screen.filter {
        told.push((Role::Dim, format!("logged: {}", words::escape(filter, words::TEXT_CHARS_MAX))));
    }
    told
}

/// The glyph of a level, and how it is drawn.
pub(super) fn level(theme: &Theme, level: LogLevel) -> (&'static str, Role) {
    match level {
        LogLevel::Error => (theme.glyphs.bad, Role::Bad),
        LogLevel::Warn => (theme.glyphs.notice, Role::Notice),
        LogLevel::Info => (theme.glyphs.dot, Role::Text),
        LogLevel::Debug | LogLevel::Trace => (" ", Role::Dim),
    }
}

fn row<'a>(theme: &'a Theme, line: &LogLine, placed: &[Placed<LogColumn>]) -> Pen<'a> {
    let (glyph, of_level) = level(theme, line.level);
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let (role, text) = match cell.column.id {
            LogColumn::Time => (Role::Dim, logs::time(line)),
            LogColumn::Level => (of_level, format!("{glyph} {}", line.level)),
            LogColumn::Task => (Role::Accent, line.task.map(|id| format!("#{id}")).unwrap_or_default()),
            LogColumn::Target => (Role::Dim, words::escape(&line.target, words::NAME_CHARS_MAX).into_owned()),
            LogColumn::Message => (Role::Text, logs::words(line)),
            LogColumn::At => {
                let at = logs::place(line).map(|at| rows::place(theme, &at, cell.width));
                (Role::Dim, at.unwrap_or_default())
            }
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// The selected line in full.
fn panel(line: &LogLine, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let area = below(area);
    let title = format!("{} {}", logs::time(line), line.level);
    rows::heading(Pen::new(theme), theme, &title, area.width).draw(line_of(area, 0), buf);
    let escape = |text: &str| words::escape(text, words::TEXT_CHARS_MAX).into_owned();
    let mut lines = Vec::new();
    let width = usize::from(area.width.saturating_sub(2 * MARK)).max(20);
    lines.extend(fold(&escape(&line.message), width).into_iter().map(|text| (Role::Strong, text)));
    let fields: Vec<String> =
        line.fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    lines.extend(fold(&fields.join("  "), width).into_iter().map(|text| (Role::Text, text)));
    let mut from = Vec::new();
    from.extend(line.task.map(|id| format!("task #{id}, Enter opens its page")));
    from.extend(line.loop_id.map(|id| format!("loop {id}")));
    from.push(format!("target {}", escape(&line.target)));
    from.extend(logs::place(line).map(|at| format!("at {}", words::place(&at))));
    lines.push((Role::Dim, from.join("  ")));
    if !line.spans.is_empty() {
        let spans: Vec<String> = line.spans.iter().map(|span| escape(span)).collect();
        lines.push((Role::Dim, format!("in {}", spans.join(&format!(" {} ", theme.glyphs.arrow)))));
    }
    let lines = lines.into_iter().filter(|(_, text)| !text.is_empty());
    for (number, (role, text)) in (1..area.height).zip(lines) {
        Pen::new(theme).gap(MARK).put(role, text.trim_end()).draw(line_of(area, number), buf);
    }
}
