//! The terminal program: one state, one way to change it, one place that draws.
//!
//! ```text
//!                  ┌───────────────────────────────────────────────────┐
//!   input thread ──┤                                                   │
//!   feed task ─────┼─► Inbox ─► update(&mut State, Event) ─► Step      │
//!   tick task ─────┤                                     │   │         │
//!                  │      view(&State, area) ◄─ changed ─┘   └─ Effect─┘
//!                  └──────────────│────────────────────────────────────┘
//!                                 ▼
//!                              terminal
//! ```
//!
//! - [`event`]: what can happen, and what the program can want done. [`inbox`]: the channel.
//! - [`state`]: everything that is seen. [`update`]: the only thing that changes it; pure.
//! - [`question`]: what a screen needs to know. The state says which question is open; the feed asks it.
//! - [`crate::view`]: the state as cells; pure.
//! - [`run`]: the only place that does anything: it takes events, updates, draws if something changed, carries out effects.
//!
//! - [`table`]: what all screens of rows share: window, paging, sort, filter.
//!
//! A new screen is: its state and its rows in a file of its own here, a variant of [`state::Tab`], a [`question`], its
//! keys in [`crate::keys`], a view of its own, and its snapshots.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rows, columns and percentages: numbers for the eye, clamped where they index"
)]

pub(crate) mod act;
mod ask;
pub(crate) mod columns;
mod copied;
pub(crate) mod cursor;
mod desk;
mod editor;
pub(crate) mod ending;
pub(crate) mod event;
mod feed;
mod filter;
pub(crate) mod fold;
pub(crate) mod frames;
pub(crate) mod geometry;
pub(crate) mod inbox;
mod input;
pub(crate) mod io;
pub(crate) mod line;
pub(crate) mod link;
pub(crate) mod logs;
pub(crate) mod looks;
pub(crate) mod menu;
pub(crate) mod mouse;
mod open;
pub(crate) mod order;
mod orders;
pub(crate) mod overview;
pub(crate) mod palette;
pub(crate) mod picker;
pub(crate) mod question;
mod recall;
pub(crate) mod run;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod sites;
pub(crate) mod source;
pub(crate) mod stacks;
pub(crate) mod state;
pub(crate) mod sync;
pub(crate) mod table;
pub(crate) mod tabs;
pub(crate) mod task;
pub(crate) mod tasks;
pub(crate) mod timers;
pub(crate) mod typing;
pub(crate) mod update;
pub(crate) mod warning;
pub(crate) mod warnings;

use loopscope_inspector::model::{Process, words};

/// A process as sentences name it: `demo (pid 4242)`.
pub(crate) fn process_words(process: &Process) -> String {
    match process.name.as_deref().or(process.exe.as_deref()) {
        Some(name) => format!("{} (pid {})", words::escape(name, words::NAME_CHARS_MAX), process.pid),
        None => format!("pid {}", process.pid),
    }
}

#[cfg(test)]
mod tests;
