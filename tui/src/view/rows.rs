//! Lists: the mark of the selected row, headings, and words for a task's state.

use super::pen::{Pen, line_of};
use crate::app::cursor::Cursor;
use crate::app::geometry::MARK;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{Place, ResourceKind, Severity, Task, TaskState, Waiting, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the lines of a list that are on the screen. `draw` gets the number of the row and a pen behind the mark.
/// Returns where the selected row begins.
pub(super) fn list<'a>(
    theme: &'a Theme,
    cursor: Cursor,
    count: usize,
    area: Rect,
    buf: &mut Buffer,
    mut draw: impl FnMut(usize, Pen<'a>, u16) -> Drawn<'a>,
) -> Option<Position> {
    let mut at = None;
    for line in 0..area.height {
        let row = cursor.top + usize::from(line);
        if row >= count {
            break;
        }
        let selected = row == cursor.at;
        let rect = line_of(area, line);
        let width = area.width.saturating_sub(MARK);
        match draw(row, Pen::new(theme), width) {
            Drawn::Line(pen) => marked(theme, pen, selected, rect, buf),
            Drawn::Whole(role, pen) => {
                let style = theme.style(role);
                marked(theme, pen, selected, rect, buf);
                buf.set_style(rect, style);
            }
        }
        if selected {
            at = Some(Position::new(rect.x, rect.y));
        }
    }
    at
}

/// How a line of a list is to be drawn.
#[derive(Debug)]
pub(super) enum Drawn<'a> {
    /// With the roles of its pieces.
    Line(Pen<'a>),
    /// All of it in one role.
    Whole(Role, Pen<'a>),
}

/// Draws a line of a list with the mark of the selected one before it.
pub(super) fn marked(theme: &Theme, pen: Pen<'_>, selected: bool, area: Rect, buf: &mut Buffer) {
    let mark = Rect { width: MARK.min(area.width), ..area };
    let rest = Rect { x: area.x + mark.width, width: area.width - mark.width, ..area };
    pen.draw(rest, buf);
    if selected {
        Pen::new(theme).put(Role::Accent, theme.glyphs.cursor).draw(mark, buf);
        buf.set_style(area, theme.style(Role::Selected));
    }
}

/// The title of a part of a list, with a rule to its right.
pub(super) fn heading<'a>(pen: Pen<'a>, theme: &Theme, title: &str, width: u16) -> Pen<'a> {
    let rule = usize::from(width).saturating_sub(title.chars().count() + 1);
    pen.put(Role::Title, title).text(" ").dim(theme.glyphs.rule.repeat(rule))
}

/// The glyph of a state, and how it is drawn.
pub(super) fn state_glyph(theme: &Theme, state: TaskState) -> (&'static str, Role) {
    let glyphs = theme.glyphs;
    match state {
        TaskState::Idle => (glyphs.idle, Role::Text),
        TaskState::Scheduled => (glyphs.scheduled, Role::Accent),
        TaskState::Running => (glyphs.running, Role::Good),
        TaskState::Completed => (glyphs.completed, Role::Dim),
        TaskState::Cancelled => (glyphs.cancelled, Role::Dim),
        TaskState::Panicked => (glyphs.panicked, Role::Bad),
    }
}

/// The glyph of a severity, and how it is drawn.
pub(super) fn severity_glyph(theme: &Theme, severity: Severity) -> (&'static str, Role) {
    match severity {
        Severity::Note => (theme.glyphs.dot, Role::Dim),
        Severity::Warning => (theme.glyphs.notice, Role::Notice),
        Severity::Error => (theme.glyphs.bad, Role::Bad),
    }
}

/// Number and name of a task.
pub(super) fn task_name(task: &Task) -> String {
    words::task(task.id, task.name.as_deref())
}

/// A place that has to fit into so many columns, its end kept.
pub(super) fn place(theme: &Theme, place: &Place, width: u16) -> String {
    super::pen::cut_front(&words::place(place), usize::from(width), theme.glyphs.cut)
}

/// So many a second, without the unit: what is rare keeps a digit behind the point.
pub(super) fn rate(per_s: f64) -> String {
    if per_s > 0.0 && per_s < 9.95 { format!("{per_s:.1}") } else { words::count(per_s.round() as u64) }
}

/// A line of source; `here` if it is the one that is meant.
pub(super) fn source<'a>(number: u32, text: &str, here: bool, theme: &Theme, pen: Pen<'a>) -> Pen<'a> {
    let mark = if here { theme.glyphs.arrow } else { " " };
    let text = words::escape(text, words::TEXT_CHARS_MAX);
    let role = if here { Role::Here } else { Role::Dim };
    pen.put(Role::Accent, format!("  {mark} ")).dim(format!("{number:>5}  ")).put(role, text)
}

/// The tasks that wait for something, the longest waiting first.
pub(super) fn waiting(of: ResourceKind, waits: &[Waiting], tasks: &[u64]) -> (Role, String) {
    match tasks {
        _ if !waits.is_empty() => (Role::Text, words::waiting(of, waits, 1)),
        [] => (Role::Dim, "nobody".to_owned()),
        [one] => (Role::Text, format!("#{one}")),
        [first, others @ ..] => {
            (Role::Text, format!("#{first} and {} more", words::count(others.len() as u64)))
        }
    }
}
