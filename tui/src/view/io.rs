//! The I/O screen, drawn.

use super::pen::Pen;
use super::rows;
use super::table;
use crate::app::columns::{GAP, IO_COLUMNS, IoColumn, Placed};
use crate::app::io;
use crate::app::state::State;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::rates::IoRates;
use loopscope_inspector::model::{Io, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    table::draw(state, (&state.io, IO_COLUMNS), area, buf, &[], |_, seen, placed| {
        row(theme, seen, io::rates(&state.io, seen), placed)
    })
}

fn row<'a>(theme: &'a Theme, io: &Io, rates: Option<IoRates>, placed: &[Placed<IoColumn>]) -> Pen<'a> {
    let text = |text: &Option<String>| {
        words::escape(text.as_deref().unwrap_or_default(), words::NAME_CHARS_MAX).into_owned()
    };
    let per_s = |rate: Option<f64>| rate.map(|rate| words::bytes(rate.round() as u64)).unwrap_or_default();
    placed.iter().fold(Pen::new(theme), |pen, cell| {
        let (role, text) = match cell.column.id {
            IoColumn::Fd => (Role::Strong, io.fd.map(|fd| fd.to_string()).unwrap_or_default()),
            IoColumn::Kind => (Role::Text, io.kind.to_string()),
            IoColumn::Name => (Role::Text, text(&io.name)),
            IoColumn::Local => (Role::Dim, text(&io.local)),
            IoColumn::Peer => (Role::Text, text(&io.peer)),
            IoColumn::Read => (Role::Text, words::bytes(io.bytes_read)),
            IoColumn::ReadRate => (Role::Text, per_s(rates.map(|rates| rates.read_per_s))),
            IoColumn::Written => (Role::Text, words::bytes(io.bytes_written)),
            IoColumn::WriteRate => (Role::Text, per_s(rates.map(|rates| rates.written_per_s))),
            IoColumn::Reads => (Role::Text, words::count(io.reads)),
            IoColumn::Writes => (Role::Text, words::count(io.writes)),
            IoColumn::WouldBlock => (Role::Dim, words::count(io.would_block)),
            IoColumn::Idle => match io.idle_for_ns {
                Some(ns) => (Role::Text, words::duration(ns)),
                None => (Role::Dim, "never used".to_owned()),
            },
            IoColumn::Waiting => waiting(io),
            IoColumn::MadeAt => {
                let at = io.made_at.as_ref().map(|at| rows::place(theme, at, cell.width));
                (Role::Dim, at.unwrap_or_default())
            }
        };
        pen.cell(role, text, cell.width, cell.column.number).gap(GAP)
    })
}

/// The tasks that wait for it, the longest waiting first.
fn waiting(io: &Io) -> (Role, String) {
    match io.waiting.as_slice() {
        [] => (Role::Dim, "nobody".to_owned()),
        [one] => (Role::Text, format!("#{one}")),
        [first, others @ ..] => {
            (Role::Text, format!("#{first} and {} more", words::count(others.len() as u64)))
        }
    }
}
