//! The Timers screen, drawn.

use super::pen::Pen;
use super::rows;
use super::table;
use crate::app::columns::{GAP, Placed, TIMER_COLUMNS, TimerColumn};
use crate::app::state::State;
use crate::app::timers::deadline;
use crate::theme::{Role, Theme};
use loopscope_inspector::model::{Timer, words};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws the screen.
pub(super) fn draw(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &state.theme;
    table::draw(state, (&state.timers, TIMER_COLUMNS), area, buf, &[], |_, timer, placed| {
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
                Some(id) => (Role::Text, words::task(id, None)),
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
