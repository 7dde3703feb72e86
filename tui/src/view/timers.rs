//! The Timers screen, drawn.

use super::histogram;
use super::pen::{Pen, line_of};
use super::rows;
use super::table::{self, below};
use crate::app::columns::{GAP, Placed, TIMER_COLUMNS, TimerColumn};
use crate::app::geometry::{BARS_MIN, MARK};
use crate::app::state::State;
use crate::app::table::Table;
use crate::app::timers::{Beside, deadline};
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{Loop, Summary, Timer, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    let told = told(&state.timers);
    if let Some((_, page)) = &state.timers.page {
        loops(&page.beside, theme, state.table_parts(area).panel, buf);
    }
    table::draw(state, (&state.timers, TIMER_COLUMNS), area, buf, &told, |_, timer, placed| {
        row(theme, timer, placed)
    })
}

fn row<'a>(theme: &'a Theme, timer: &Timer, placed: &[Placed<TimerColumn>]) -> Pen<'a> {
    let late = timer.deadline_in_ns < 0;
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let (role, text) = match cell.column.id {
            TimerColumn::Deadline if late => {
                (Role::Notice, format!("{} {}", theme.glyphs.notice, deadline(timer)))
            }
            TimerColumn::Deadline => (Role::Text, format!("  {}", deadline(timer))),
            TimerColumn::Kind => (Role::Text, timer.kind.to_string()),
            TimerColumn::Loop => (Role::Dim, timer.loop_id.map(words::count).unwrap_or_default()),
            TimerColumn::Task => match timer.task {
                Some(id) => (Role::Text, words::task(id, timer.task_name.as_deref())),
                None => (Role::Dim, "a callback".to_owned()),
            },
            TimerColumn::At => {
                let at = timer.at.as_ref().map(|at| rows::place(theme, at, cell.width));
                (Role::Dim, at.unwrap_or_default())
            }
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// How many are late, and when the next fires: known where the page begins with the earliest of all.
fn told(timers: &Table<Timer>) -> Vec<(Role, String)> {
    let Some((asked, page)) = &timers.page else { return Vec::new() };
    if (asked.sort, asked.descending, page.offset) != ("deadline_in", false, 0) {
        return Vec::new();
    }
    let late = page.rows.iter().filter(|timer| timer.deadline_in_ns < 0).count();
    let next = page.rows.iter().find(|timer| timer.deadline_in_ns >= 0);
    let at_least = if late == page.rows.len() && (late as u64) < page.total { "at least " } else { "" };
    let late = (late > 0).then(|| (Role::Notice, format!("{at_least}{} late", words::count(late as u64))));
    let next = next.map(|timer| (Role::Text, format!("the next fires {}", deadline(timer))));
    late.into_iter().chain(next).collect()
}

/// How many timers each loop has, and how late they fired.
fn loops(beside: &Beside, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let area = below(area);
    rows::heading(Pen::new(theme), theme, "How late timers fired", area.width).draw(line_of(area, 0), buf);
    let titles = ["p50", "p90", "p99", "max", "fired"];
    let pen =
        Pen::new(theme).gap(MARK).cell(Role::Dim, "loop", CELL, false).cell(Role::Dim, "pending", CELL, true);
    let pen = titles.iter().fold(pen, |pen, title| pen.cell(Role::Dim, title, CELL, true));
    pen.draw(line_of(area, 1), buf);
    let room = usize::from(area.height.saturating_sub(2));
    // The last line says that there are more, if there are.
    let all_fit = beside.loop_count <= room as u64;
    let shown = beside.loops.len().min(if all_fit { room } else { room.saturating_sub(1) });
    let mut line = 2;
    for seen in &beside.loops[..shown] {
        loop_line(seen, theme).draw(line_of(area, line), buf);
        line += 1;
    }
    let more = beside.loop_count.saturating_sub(shown as u64);
    if more > 0 {
        let text = format!("and {} more", words::counted(more, "loop"));
        Pen::new(theme).gap(MARK).dim(text).draw(line_of(area, line), buf);
        line += 1;
    }
    let rest = Rect { y: area.y + line.min(area.height), height: area.height.saturating_sub(line), ..area };
    histograms(beside, theme, below(rest), buf);
}

/// The width of a number in the table of loops.
const CELL: u16 = 10;

fn loop_line<'a>(seen: &Loop, theme: &'a Theme) -> Pen<'a> {
    let name = seen.name.as_deref().or(seen.thread.as_deref()).unwrap_or_default();
    let name = format!("{} {}", seen.id, words::escape(name, words::NAME_CHARS_MAX));
    let pending = seen.timers.map(words::count).unwrap_or_default();
    let pen =
        Pen::new(theme).gap(MARK).cell(Role::Text, name, CELL, false).cell(Role::Text, pending, CELL, true);
    let late = seen.lateness.as_ref();
    let of =
        |of: fn(&Summary) -> Option<u64>| late.and_then(of).map_or_else(|| "-".to_owned(), words::duration);
    let numbers = [of(|it| it.p50_ns), of(|it| it.p90_ns), of(|it| it.p99_ns), of(|it| it.max_ns)];
    let pen = numbers.iter().fold(pen, |pen, text| pen.cell(Role::Text, text, CELL, true));
    let fired = late.map_or_else(|| "-".to_owned(), |late| words::count(late.count));
    pen.cell(Role::Text, fired, CELL, true)
}

/// The histograms side by side, as many as there is room for.
fn histograms(beside: &Beside, theme: &Theme, area: Rect, buf: &mut Buffer) {
    const WIDTH_MIN: u16 = 38;
    let most = usize::from(area.width / WIDTH_MIN);
    let shown = u16::try_from(beside.lateness.len().min(most)).unwrap_or(0);
    if area.height < BARS_MIN || shown == 0 {
        return;
    }
    let width = area.width / shown;
    for (column, (id, hist)) in (0..shown).zip(&beside.lateness) {
        let area = Rect { x: area.x + column * width, width: width.saturating_sub(2), ..area };
        histogram::draw(theme, &format!("Loop {id}"), hist, area, buf);
    }
}
