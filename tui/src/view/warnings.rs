//! The Warnings screen, drawn.

use super::pen::{Pen, line_of};
use super::rows::{self, severity_glyph};
use super::table::{self, below};
use crate::app::columns::{GAP, Placed, WARNING_COLUMNS, WarningColumn};
use crate::app::fold::fold;
use crate::app::geometry::MARK;
use crate::app::state::State;
use crate::app::warnings::{Group, Line};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::lints::Lint;
use loopscope_inspector::model::{WallTime, Warning, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let warnings = &state.warnings;
    let taken_at = warnings.table.page.as_ref().map_or(WallTime(0), |(_, page)| page.taken_at);
    if let Some(warning) = warnings.selected() {
        panel(warning, theme, state.table_parts(area).panel, buf);
    }
    table::draw(state, (&warnings.table, WARNING_COLUMNS), area, buf, &told(state), |_, line, placed| {
        match line {
            Line::Group(of) => group(theme, of, placed),
            Line::Warning(warning) => row(theme, warning, (warnings.table.window.tree, taken_at), placed),
        }
    })
}

/// That there are more than are listed.
fn told(state: &State) -> Vec<(Role, String)> {
    let more = state.warnings.table.page.as_ref().map_or(0, |(_, page)| page.beside);
    let text = || format!("{} not listed; / filters", words::counted(more, "warning"));
    (more > 0).then(|| (Role::Notice, text())).into_iter().collect()
}

/// All warnings of one name.
fn group<'a>(theme: &'a Theme, group: &Group, placed: &[Placed<WarningColumn>]) -> Pen<'a> {
    let (glyph, role) = severity_glyph(theme, group.severity);
    let open = if group.folded { theme.glyphs.closed } else { theme.glyphs.open };
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let (role, text) = match cell.column.id {
            WarningColumn::Name => {
                (role, format!("{open} {glyph} {}", words::escape(&group.name, words::NAME_CHARS_MAX)))
            }
            WarningColumn::Seen if group.live == 0 => {
                (Role::Dim, format!("{} past", words::count(group.past)))
            }
            WarningColumn::Seen => (role, format!("{} now", words::count(group.live))),
            WarningColumn::Count => (Role::Strong, words::count(group.count)),
            WarningColumn::For => (Role::Strong, group.worst_ns.map(words::duration).unwrap_or_default()),
            WarningColumn::Message => (Role::Dim, meaning(&group.name).to_owned()),
            WarningColumn::Since | WarningColumn::Task | WarningColumn::Loop | WarningColumn::At => {
                (Role::Text, String::new())
            }
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

fn meaning(name: &str) -> &'static str {
    Lint::ALL.iter().find(|lint| lint.as_str() == name).map_or("", |lint| lint.meaning())
}

/// One warning; below its group it says what it is about instead of its name.
fn row<'a>(
    theme: &'a Theme,
    warning: &Warning,
    (grouped, taken_at): (bool, WallTime),
    placed: &[Placed<WarningColumn>],
) -> Pen<'a> {
    let (glyph, severity) = severity_glyph(theme, warning.severity);
    let severity = if warning.past { Role::Dim } else { severity };
    let text_role = if warning.past { Role::Dim } else { Role::Text };
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let (role, text) = match cell.column.id {
            WarningColumn::Name if grouped => (text_role, format!("    {}", about(warning))),
            WarningColumn::Name => {
                (severity, format!("{glyph} {}", words::escape(&warning.name, words::NAME_CHARS_MAX)))
            }
            WarningColumn::Seen => (if warning.past { Role::Dim } else { severity }, seen(warning, taken_at)),
            WarningColumn::Since => (Role::Dim, since(warning, taken_at)),
            WarningColumn::Count => (text_role, words::count(warning.count)),
            WarningColumn::For => (text_role, warning.for_ns.map(words::duration).unwrap_or_default()),
            WarningColumn::Message => {
                (text_role, words::escape(&warning.message, words::TEXT_CHARS_MAX).into_owned())
            }
            WarningColumn::Task => (Role::Text, warning.task.map(|id| format!("#{id}")).unwrap_or_default()),
            WarningColumn::Loop => (Role::Dim, warning.loop_id.map(words::count).unwrap_or_default()),
            WarningColumn::At => {
                let at = warning.at.as_ref().map(|at| rows::place(theme, at, cell.width));
                (Role::Dim, at.unwrap_or_default())
            }
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// Whether a warning holds now, or when it was seen last.
pub(super) fn seen(warning: &Warning, now: WallTime) -> String {
    match (warning.past, warning.last_seen) {
        (false, _) => "now".to_owned(),
        (true, Some(last)) => format!("{} ago", words::duration(whole(now.saturating_since_ns(last)))),
        (true, None) => "past".to_owned(),
    }
}

/// When a warning was seen first.
pub(super) fn since(warning: &Warning, now: WallTime) -> String {
    let first = warning.first_seen.map(|first| now.saturating_since_ns(first));
    first.map(|ns| words::duration(whole(ns))).unwrap_or_default()
}

/// Seconds, without what lies behind the point.
fn whole(ns: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    if ns < SECOND { ns } else { ns / SECOND * SECOND }
}

/// What a warning is about, in a word.
fn about(warning: &Warning) -> String {
    match (warning.task, warning.loop_id) {
        (Some(id), _) => words::task(id, warning.task_name.as_deref()),
        (None, Some(id)) => format!("loop {id}"),
        (None, None) => "the process".to_owned(),
    }
}

/// What is wrong in full, and how to mend it.
fn panel(warning: &Warning, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let area = below(area);
    let title = words::escape(&warning.name, words::NAME_CHARS_MAX);
    rows::heading(Pen::new(theme), theme, &title, area.width).draw(line_of(area, 0), buf);
    let width = usize::from(area.width.saturating_sub(MARK)).clamp(20, TEXT_COLUMNS_MAX);
    let lint = Lint::ALL.iter().find(|lint| lint.as_str() == warning.name);
    let mut lines: Vec<(Role, String)> = Vec::new();
    let mut say = |role: Role, text: &str| {
        lines.extend(fold(text, width).into_iter().map(|line| (role, line.trim_end().to_owned())));
    };
    say(Role::Text, &words::escape(&warning.message, words::TEXT_CHARS_MAX));
    if let Some(at) = &warning.at {
        say(Role::Dim, &format!("at {}", words::place(at)));
    }
    for note in &warning.notes {
        say(Role::Text, &words::escape(note, words::TEXT_CHARS_MAX));
    }
    match lint {
        Some(lint) => {
            say(Role::Accent, &format!("To mend it: {}", lint.remedy()));
            say(Role::Dim, lint.explanation());
        }
        None if !warning.help.is_empty() => {
            say(
                Role::Accent,
                &format!("To mend it: {}", words::escape(&warning.help, words::TEXT_CHARS_MAX)),
            );
        }
        None => {}
    }
    for (number, (role, line)) in (1..area.height).zip(lines) {
        Pen::new(theme).gap(MARK).put(role, line).draw(line_of(area, number), buf);
    }
}

/// Longer lines are hard to read, whatever the terminal has.
const TEXT_COLUMNS_MAX: usize = 110;
