//! The list of processes, drawn.

use super::pen::{Pen, line_of};
use super::rows::marked;
use crate::app::columns::{GAP, PROCESS_COLUMNS, ProcessColumn, fit};
use crate::app::geometry::{self, MARK};
use crate::app::state::State;
use crate::theme::Role;
use loopscope_inspector::model::{Process, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let parts = state.table_parts(area);
    let Some(processes) = &state.picker.processes else {
        Pen::new(theme)
            .gap(MARK)
            .dim("looking for processes that can be attached to")
            .draw(parts.status, buf);
        return None;
    };
    if processes.is_empty() {
        nothing(state, area, buf);
        return None;
    }
    let count = words::count(processes.len() as u64);
    let plural = if processes.len() == 1 { "process" } else { "processes" };
    Pen::new(theme)
        .gap(MARK)
        .put(Role::Strong, format!("{count} {plural} can be attached to"))
        .dim("; Enter attaches")
        .draw(parts.status, buf);
    let placed = fit(PROCESS_COLUMNS, geometry::cells_width(area));
    let titles = placed.iter().fold(Pen::new(theme).gap(MARK), |pen, cell| {
        pen.cell(Role::Dim, cell.column.title, cell.width, cell.column.number).gap(GAP)
    });
    titles.draw(parts.titles, buf);
    let mut at = None;
    let cursor = state.picker.cursor;
    for (line, (row, process)) in (0..parts.rows.height).zip(processes.iter().enumerate().skip(cursor.top)) {
        let rect = line_of(parts.rows, line);
        let pen = placed.iter().fold(Pen::new(theme), |pen, cell| {
            let (role, text) = text(process, cell.column.id);
            pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
        });
        marked(theme, pen, row == cursor.at, rect, buf);
        if row == cursor.at {
            at = Some(Position::new(rect.x, rect.y));
        }
    }
    at
}

fn text(process: &Process, column: ProcessColumn) -> (Role, String) {
    let number = |value: Option<u64>| (Role::Text, value.map(words::count).unwrap_or_default());
    let alarming = |role: Role, value: Option<u64>| match value {
        Some(value) if value > 0 => (role, words::count(value)),
        other => (Role::Dim, other.map(words::count).unwrap_or_default()),
    };
    match column {
        ProcessColumn::Pid => (Role::Text, process.pid.to_string()),
        ProcessColumn::Program => {
            let name = process.name.as_deref().or(process.exe.as_deref()).unwrap_or("?");
            (Role::Strong, words::escape(name, words::NAME_CHARS_MAX).into_owned())
        }
        ProcessColumn::Uptime => (Role::Text, process.uptime_ns.map(words::duration).unwrap_or_default()),
        ProcessColumn::Cpu => (Role::Text, process.cpu.map(words::percent).unwrap_or_default()),
        ProcessColumn::Memory => (Role::Text, process.rss_bytes.map(words::bytes).unwrap_or_default()),
        ProcessColumn::Loops => number(process.loops),
        ProcessColumn::Tasks => number(process.tasks),
        ProcessColumn::Warnings => alarming(Role::Notice, process.warnings),
        ProcessColumn::Blocked => alarming(Role::Bad, process.blocked),
        ProcessColumn::Rights => {
            (Role::Dim, process.rights.map(|rights| rights.names().join(" ")).unwrap_or_default())
        }
    }
}

/// What to do where there is no process: the lines that an application needs.
fn nothing(state: &State, area: Rect, buf: &mut Buffer) {
    let lines: [(Role, &str); 9] = [
        (Role::Strong, "No process can be attached to."),
        (Role::Text, ""),
        (Role::Text, "An application opens itself with one line at the top of its main:"),
        (Role::Accent, "    loopscope_inspector::start();"),
        (Role::Text, ""),
        (Role::Text, "To see one at work without writing any:"),
        (Role::Accent, "    loopscope demo"),
        (Role::Text, ""),
        (Role::Dim, "Processes of other users need sudo. This list looks again by itself."),
    ];
    for (number, (role, text)) in (0..area.height).zip(lines) {
        Pen::new(&state.theme).gap(MARK).put(role, text).draw(line_of(area, number), buf);
    }
}
