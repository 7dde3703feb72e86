//! The screens, as functions of the state: `(&State, area) -> buffer`.
//!
//! Nothing in here changes anything, reads a clock or remembers a frame. A view gets the state and an area and fills the
//! area; it never draws outside, and an area of any size, 0×0 included, is an area. What a row says is decided where the
//! rows are made (`app`), so that what is walked over and what is seen are the same.
//!
//! ```text
//!   header   demo · pid 4242 · up 12 min · cpu 3.0 % · …
//!   tabs      1 Overview  2 Tasks                              live
//!   body     the screen, and on top of it the overlay
//!   note     what the program has to say
//!   keys     Enter open  Esc back  / filter  …
//! ```

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rows, columns and percentages: numbers for the eye, clamped where they index"
)]

mod ask;
mod chrome;
mod connecting;
mod frames;
mod help;
pub(crate) mod histogram;
mod io;
mod logs;
mod menu;
mod overview;
mod palette;
mod pen;
mod picker;
mod prompt;
#[cfg(test)]
mod readme;
mod rows;
mod sites;
mod spark;
mod stacks;
mod sync;
mod table;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod timers;
mod warning;
mod warnings;
mod why;

use crate::app::geometry::{self, HEIGHT_MIN, WIDTH_MIN};
use crate::app::state::{Overlay, State};
use crate::keys::Context;
use pen::Pen;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Draws everything. Returns where the terminal's cursor belongs: on the selected row, for screen readers, or in the line
/// that is typed.
pub(crate) fn view(state: &State, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let area = area.intersection(buf.area);
    let Some(frame) = geometry::frame(area) else {
        let text = format!(
            "loopscope needs {WIDTH_MIN}x{HEIGHT_MIN}, this is {}x{}; q quits",
            area.width, area.height
        );
        Pen::new(&state.theme).text(text).draw(area, buf);
        return None;
    };
    chrome::header(state, frame.header, buf);
    chrome::tabs(state, frame.tabs, buf);
    let below = match state.screen() {
        Context::Picker => picker::draw(state, frame.body, buf),
        Context::Connecting => connecting::draw(state, frame.body, buf),
        Context::Overview => overview::draw(state, frame.body, buf),
        Context::Tasks => tasks::draw(state, frame.body, buf),
        Context::Sites => sites::draw(state, frame.body, buf),
        Context::Timers => timers::draw(state, frame.body, buf),
        Context::Io => io::draw(state, frame.body, buf),
        Context::Sync => sync::draw(state, frame.body, buf),
        Context::Warnings => warnings::draw(state, frame.body, buf),
        Context::Warning => warning::draw(state, frame.body, buf),
        Context::Logs => logs::draw(state, frame.body, buf),
        Context::Task
        | Context::Why
        | Context::Help
        | Context::Menu
        | Context::Stacks
        | Context::Ask
        | Context::Palette => task::draw(state, frame.body, buf),
    };
    let cursor = match &state.overlay {
        Some(Overlay::Help(top)) => Some(help::draw(state, *top, geometry::overlay(frame.body), buf)),
        Some(Overlay::Why(page)) => why::draw(state, page, geometry::overlay(frame.body), buf),
        Some(Overlay::Menu(menu)) => menu::draw(state, menu, geometry::overlay(frame.body), buf),
        Some(Overlay::Stacks(open)) => stacks::draw(state, open, geometry::overlay(frame.body), buf),
        Some(Overlay::Ask(ask)) => Some(ask::draw(state, ask, geometry::overlay(frame.body), buf)),
        Some(Overlay::Palette(palette)) => Some(palette::draw(state, palette, frame.body, buf)),
        None => below,
    };
    chrome::note(state, frame.note, buf);
    chrome::keys(state, frame.keys, buf);
    cursor
}
