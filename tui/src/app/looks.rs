//! What the user changes about the looks while the program runs: the tones, and who has the mouse.

use super::event::{Effect, Step};
use super::recall::History;
use super::state::State;
use crate::theme::Palette;
use std::time::Duration;

/// What the user wants, whichever process is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Whether the mouse is listened to; without it, the terminal's own selection works.
    pub(crate) mouse: bool,
    /// Time from one picture to the next.
    pub(crate) interval: Duration,
    /// The commands that were typed.
    pub(crate) commands: History,
    /// The filters that were typed.
    pub(crate) filters: History,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            mouse: true,
            interval: Duration::from_secs(1),
            commands: History::default(),
            filters: History::default(),
        }
    }
}

/// Draws in other tones from now on.
pub(crate) fn choose(state: &mut State, palette: Palette) {
    state.theme = state.theme.with_palette(palette);
    let name = palette.name();
    if state.theme.is_colourless() && palette != Palette::Mono {
        state.say(format!("The theme is {name}, but without colour: NO_COLOR or --color=never says so."));
    } else {
        state.say(format!("The theme is {name}; T takes the next, --theme {name} starts with it."));
    }
}

/// Listens to the mouse from now on, or leaves it to the terminal.
pub(crate) fn mouse(state: &mut State, ours: bool) -> Step {
    state.wishes.mouse = ours;
    state.say(if ours {
        "The mouse is listened to: click, double click, wheel, the titles of columns."
    } else {
        "The mouse is the terminal's: its own selection works. m takes it back."
    });
    Step::with(Effect::Mouse(ours))
}
