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
use loopscope_inspector::model::{Warning, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let warnings = &state.warnings;
    if let Some(warning) = warnings.selected() {
        panel(warning, theme, state.table_parts(area).panel, buf);
    }
    table::draw(state, (&warnings.table, WARNING_COLUMNS), area, buf, &told(state), |_, line, placed| {
        match line {
            Line::Group(of) => group(theme, of, placed),
            Line::Warning(warning) => row(theme, warning, warnings.table.window.tree, placed),
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
            WarningColumn::Count => (Role::Strong, words::count(group.count)),
            WarningColumn::For => (Role::Strong, group.worst_ns.map(words::duration).unwrap_or_default()),
            WarningColumn::Message => (Role::Dim, meaning(&group.name).to_owned()),
            WarningColumn::Task | WarningColumn::Loop | WarningColumn::At => (Role::Text, String::new()),
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

fn meaning(name: &str) -> &'static str {
    Lint::ALL.iter().find(|lint| lint.as_str() == name).map_or("", |lint| lint.meaning())
}

/// One warning; below its group it says what it is about instead of its name.
fn row<'a>(theme: &'a Theme, warning: &Warning, grouped: bool, placed: &[Placed<WarningColumn>]) -> Pen<'a> {
    let (glyph, severity) = severity_glyph(theme, warning.severity);
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let (role, text) = match cell.column.id {
            WarningColumn::Name if grouped => (Role::Text, format!("    {}", about(warning))),
            WarningColumn::Name => {
                (severity, format!("{glyph} {}", words::escape(&warning.name, words::NAME_CHARS_MAX)))
            }
            WarningColumn::Count => (Role::Text, words::count(warning.count)),
            WarningColumn::For => (Role::Text, warning.for_ns.map(words::duration).unwrap_or_default()),
            WarningColumn::Message => {
                (Role::Text, words::escape(&warning.message, words::TEXT_CHARS_MAX).into_owned())
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

/// What a warning is about, in a word.
fn about(warning: &Warning) -> String {
    match (warning.task, warning.loop_id) {
        (Some(id), _) => format!("#{id}"),
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
    if let Some(lint) = lint {
        say(Role::Accent, &format!("To mend it: {}", lint.remedy()));
        say(Role::Dim, lint.explanation());
    }
    for (number, (role, line)) in (1..area.height).zip(lines) {
        Pen::new(theme).gap(MARK).put(role, line).draw(line_of(area, number), buf);
    }
}

/// Longer lines are hard to read, whatever the terminal has.
const TEXT_COLUMNS_MAX: usize = 110;
