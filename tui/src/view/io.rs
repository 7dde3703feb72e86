//! The I/O screen, drawn.

use super::pen::{Pen, line_of};
use super::rows;
use super::table::{self, below};
use crate::app::columns::{GAP, IO_COLUMNS, IoColumn, Placed, TOTAL_COLUMNS, TotalColumn, fit};
use crate::app::geometry::{self, MARK};
use crate::app::io;
use crate::app::state::State;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::rates::IoRates;
use loopscope_inspector::model::{Io, IoTotal, ResourceKind, Summary, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    if let Some((_, page)) = &state.io.page {
        totals(&page.beside, theme, state.table_parts(area).panel, buf);
    }
    table::draw(state, (&state.io, IO_COLUMNS), area, buf, &[], |_, seen, placed| {
        row(theme, seen, io::rates(&state.io, seen), placed)
    })
}

fn row<'a>(theme: &'a Theme, io: &Io, rates: Option<IoRates>, placed: &[Placed<IoColumn>]) -> Pen<'a> {
    let text = |text: &Option<String>| {
        words::escape(text.as_deref().unwrap_or_default(), words::NAME_CHARS_MAX).into_owned()
    };
    let moves_bytes = !matches!(io.kind, ResourceKind::Process | ResourceKind::Signal);
    let bytes = |bytes: u64| if moves_bytes { words::bytes(bytes) } else { String::new() };
    let per_s = |rate: Option<f64>| rate.map(|rate| bytes(rate.round() as u64)).unwrap_or_default();
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let (role, text) = match cell.column.id {
            IoColumn::Fd => (Role::Strong, io.fd.map(|fd| fd.to_string()).unwrap_or_default()),
            IoColumn::Kind => (Role::Text, io.kind.to_string()),
            IoColumn::Name => (Role::Text, text(&io.name)),
            IoColumn::Local => (Role::Dim, text(&io.local)),
            IoColumn::Peer => (Role::Text, words::other_end(io).unwrap_or_default()),
            IoColumn::Read => (Role::Text, bytes(io.bytes_read)),
            IoColumn::ReadRate => (Role::Text, per_s(rates.map(|rates| rates.read_per_s))),
            IoColumn::Written => (Role::Text, bytes(io.bytes_written)),
            IoColumn::WriteRate => (Role::Text, per_s(rates.map(|rates| rates.written_per_s))),
            IoColumn::Reads => (Role::Text, words::count(io.reads)),
            IoColumn::Writes => (Role::Text, words::count(io.writes)),
            IoColumn::WouldBlock => (Role::Dim, words::count(io.would_block)),
            IoColumn::Idle => match io.idle_for_ns {
                Some(ns) => (Role::Text, words::duration(ns)),
                None => (Role::Dim, "never".to_owned()),
            },
            IoColumn::Waiting => rows::waiting(io.kind, &io.waits, &io.waiting),
            IoColumn::MadeAt => {
                let at = io.made_at.as_ref().map(|at| rows::place(theme, at, cell.width));
                (Role::Dim, at.unwrap_or_default())
            }
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// What went through all descriptors, open and closed, by the place they were made at; the busiest first.
fn totals(totals: &[IoTotal], theme: &Theme, area: Rect, buf: &mut Buffer) {
    let area = below(area);
    let sum = |of: fn(&IoTotal) -> u64| totals.iter().fold(0_u64, |sum, total| sum.saturating_add(of(total)));
    let title = format!(
        "All so far: {} opened, {} closed, read {}, written {}",
        words::count(sum(|total| total.opened)),
        words::count(sum(|total| total.closed)),
        words::bytes(sum(|total| total.bytes_read)),
        words::bytes(sum(|total| total.bytes_written)),
    );
    rows::heading(Pen::new(theme), theme, &title, area.width).draw(line_of(area, 0), buf);
    let placed = fit(TOTAL_COLUMNS, geometry::cells_width(area));
    let titles = placed.iter().fold(Pen::new(theme).gap(MARK), |pen, cell| {
        pen.cell(Role::Dim, cell.column.title, cell.width, cell.column.number).gap(GAP)
    });
    titles.draw(line_of(area, 1), buf);
    let room = usize::from(area.height.saturating_sub(2));
    // The last line says that there are more, if there are.
    let shown = if totals.len() > room { room.saturating_sub(1) } else { totals.len() };
    for (line, total) in (2..).zip(&totals[..shown]) {
        let pen = placed.iter().fold(Pen::new(theme).gap(MARK), |pen, cell| {
            let text = total_text(theme, total, cell);
            let role = if cell.column.id == TotalColumn::MadeAt { Role::Dim } else { Role::Text };
            pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
        });
        pen.draw(line_of(area, line), buf);
    }
    if totals.len() > shown {
        let text = format!("and {} more", words::counted((totals.len() - shown) as u64, "place"));
        Pen::new(theme).gap(MARK).dim(text).draw(line_of(area, area.height.saturating_sub(1)), buf);
    }
}

fn total_text(theme: &Theme, total: &IoTotal, cell: &Placed<TotalColumn>) -> String {
    let delay = |of: fn(&Summary) -> Option<u64>| {
        total.readiness_delay.as_ref().and_then(of).map_or_else(|| "-".to_owned(), words::duration)
    };
    match cell.column.id {
        TotalColumn::MadeAt => match &total.made_at {
            Some(at) => rows::place(theme, at, cell.width),
            None => "elsewhere".to_owned(),
        },
        TotalColumn::Kind => total.kind.to_string(),
        TotalColumn::Open => words::count(total.open),
        TotalColumn::Closed => words::count(total.closed),
        TotalColumn::Read => words::bytes(total.bytes_read),
        TotalColumn::Written => words::bytes(total.bytes_written),
        TotalColumn::Reads => words::count(total.reads),
        TotalColumn::Writes => words::count(total.writes),
        TotalColumn::DelayP50 => delay(|delay| delay.p50_ns),
        TotalColumn::DelayP99 => delay(|delay| delay.p99_ns),
        TotalColumn::DelayMax => delay(|delay| delay.max_ns),
    }
}
