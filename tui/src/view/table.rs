//! A table of the observed process, drawn: what is shown in words, the titles, the rows that are in memory.

use super::chrome::{is_page_full, position};
use super::pen::{Pen, line_of};
use super::prompt;
use super::rows::marked;
use crate::app::columns::{Column, GAP, Placed, fit};
use crate::app::geometry::{self, MARK};
use crate::app::question::{Listing, PAGE_ROWS_MAX};
use crate::app::state::State;
use crate::app::table::{FLAT_ROWS_MAX, Row, Table, Window};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::words;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws a table. `told` is added to the line that says what is shown; `row` draws the row of that number.
pub(super) fn draw<'a, R: Row, Id: Copy>(
    state: &'a State,
    (table, columns): (&Table<R>, &[Column<Id>]),
    area: Rect,
    buf: &mut Buffer,
    told: &[(Role, String)],
    row: impl FnMut(u64, &R, &[Placed<Id>]) -> Pen<'a>,
) -> Option<Position> {
    let window = &table.window;
    let parts = state.table_parts(area);
    let placed = fit(columns, geometry::cells_width(area));
    let typed = window.typing.as_ref().map(|typing| {
        let mistake = typing.mistake.as_ref();
        prompt::draw(&state.theme, "/", &typing.line, mistake, (parts.status, parts.titles), buf)
    });
    if typed.is_none() {
        let pen = status(state, table, parts.rows.height, Pen::new(&state.theme), told);
        pen.draw(parts.status, buf);
    }
    if window.typing.as_ref().is_none_or(|typing| typing.mistake.is_none()) {
        titles(&state.theme, window, &placed, parts.titles, buf);
    }
    typed.or(body(state, table, &placed, parts.rows, buf, row))
}

/// What is shown, in words.
fn status<'a, R: Row>(
    state: &'a State,
    table: &Table<R>,
    screen: u16,
    pen: Pen<'a>,
    told: &[(Role, String)],
) -> Pen<'a> {
    let window = &table.window;
    let dot = format!("  {}  ", state.theme.glyphs.dot);
    let shape = match window.sorted_by() {
        None => window.of.own_order().unwrap_or("unsorted").to_owned(),
        Some(sort) => {
            let order = if window.descending { "greatest first" } else { "smallest first" };
            let flat = if window.of == Listing::Tasks { "flat, " } else { "" };
            // By their deadline, not by "deadline in".
            let sort = sort.trim_end_matches("_in").replace(['_', '.'], " ");
            format!("{flat}by {sort}, {order}")
        }
    };
    let mut pen = pen.gap(MARK).put(Role::Strong, shape);
    pen = match window.total {
        Some(total) => pen.dim(&dot).text(position(window.cursor, total)),
        None => pen.dim(&dot).dim("being read"),
    };
    if !window.filter.is_empty() {
        pen = pen
            .dim(&dot)
            .put(Role::Accent, format!("/ {}", words::escape(&window.filter, words::TEXT_CHARS_MAX)));
    }
    let dropped = table.page.as_ref().map_or(0, |(_, page)| page.dropped);
    if dropped > 0 {
        pen = pen.dim(&dot).put(Role::Notice, format!("{} lost or cut off", words::count(dropped)));
    }
    pen = told.iter().fold(pen, |pen, (role, text)| pen.dim(&dot).put(*role, text));
    let is_full = table.page.as_ref().is_some_and(|(_, page)| is_page_full(page.rows.len()));
    if is_full && u64::from(screen) > PAGE_ROWS_MAX {
        pen = pen.dim(&dot).put(Role::Notice, "more rows than are read at once");
    }
    if window.reach() < window.total() {
        let text =
            format!("the first {} can be gone to; / filters, i turns round", words::count(FLAT_ROWS_MAX));
        pen = pen.dim(&dot).put(Role::Notice, text);
    }
    pen
}

fn titles<Id>(theme: &Theme, window: &Window, placed: &[Placed<Id>], area: Rect, buf: &mut Buffer) {
    let glyphs = theme.glyphs;
    let arrow = if window.descending { glyphs.descending } else { glyphs.ascending };
    let mut pen = Pen::new(theme).gap(MARK);
    for cell in placed {
        let is_sorted = window.sorted_by() == Some(cell.column.sort);
        let title =
            if is_sorted { format!("{}{arrow}", cell.column.title) } else { cell.column.title.to_owned() };
        let role = if is_sorted { Role::Title } else { Role::Dim };
        pen = pen.cell(role, title, cell.width, cell.column.number).gap(GAP);
    }
    pen.draw(area, buf);
}

fn body<'a, R: Row, Id>(
    state: &'a State,
    table: &Table<R>,
    placed: &[Placed<Id>],
    area: Rect,
    buf: &mut Buffer,
    mut row: impl FnMut(u64, &R, &[Placed<Id>]) -> Pen<'a>,
) -> Option<Position> {
    let theme = &state.theme;
    let window = &table.window;
    let one = window.of.one();
    let empty = match window.total {
        None if state.is_over() => "the process ended before they were read".to_owned(),
        None => format!("the {one}s are being read"),
        Some(0) if !window.filter.is_empty() => format!("no {one} matches; Esc clears the filter"),
        Some(0) => window.of.none().to_owned(),
        Some(_) => String::new(),
    };
    if !empty.is_empty() {
        Pen::new(theme).gap(MARK).dim(empty).draw(area, buf);
        return None;
    }
    let mut at = None;
    for line in 0..area.height {
        let number = window.top + u64::from(line);
        if number >= window.reach() {
            break;
        }
        let rect = line_of(area, line);
        let selected = number == window.cursor;
        let pen = match table.row(number) {
            Some(seen) => row(number, seen, placed),
            None => Pen::new(theme).dim(theme.glyphs.cut),
        };
        marked(theme, pen, selected, rect, buf);
        if selected {
            at = Some(Position::new(rect.x, rect.y));
        }
    }
    at
}

/// A panel without the blank line that sets it apart from the rows.
pub(super) fn below(panel: Rect) -> Rect {
    let blank = panel.height.min(1);
    Rect { y: panel.y + blank, height: panel.height - blank, ..panel }
}
