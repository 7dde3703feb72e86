//! A filter while it is typed: keys, pastes, and what was typed before.

use super::event::Step;
use super::line::Line;
use super::palette;
use super::state::{Overlay, State};
use super::table::{Typing, Window};
use ratatui::crossterm::event::{KeyCode, KeyEvent};

/// Begins with the filter that applies.
pub(crate) fn begin(state: &mut State) {
    if let Some(window) = state.window_mut() {
        let line = Line::new(&window.filter);
        window.typing = Some(Typing { line, ..Typing::default() });
    }
}

/// A key while the filter is typed.
pub(crate) fn on_key(state: &mut State, key: KeyEvent) -> Step {
    let Some(window) = state.window_mut() else { return Step::nothing() };
    let Some(mut typing) = window.typing.take() else { return Step::nothing() };
    let changed = match key.code {
        KeyCode::Esc => return Step::changed(),
        KeyCode::Enter => {
            let text = typing.line.text();
            match window.check(&text) {
                Ok(()) => {
                    window.set_filter(&text);
                    state.wishes.filters.keep(&text);
                }
                Err(mistake) => window.typing = Some(Typing { mistake: Some(mistake), ..typing }),
            }
            return Step::changed();
        }
        KeyCode::Up => recalled(&mut typing, |typing, text| typing.recall.older(&state.wishes.filters, text)),
        KeyCode::Down => recalled(&mut typing, |typing, _| typing.recall.newer(&state.wishes.filters)),
        _ => typing.line.key(key),
    };
    put_back(state, typing, changed);
    Step { changed, effects: Vec::new() }
}

/// Another line of the history takes the place of the one that is seen; `false` if there is none.
fn recalled(typing: &mut Typing, other: impl FnOnce(&mut Typing, &str) -> Option<String>) -> bool {
    let text = typing.line.text();
    let found = other(typing, &text);
    if let Some(found) = &found {
        typing.line = Line::new(found);
    }
    found.is_some()
}

/// Goes on typing; what is wrong with another line is found out.
fn put_back(state: &mut State, mut typing: Typing, changed: bool) {
    let Some(window) = state.window_mut() else { return };
    if changed {
        typing.mistake = window.check(&typing.line.text()).err();
    }
    window.typing = Some(typing);
}

/// Pasted text: into the line that is typed, else nowhere.
pub(crate) fn paste(state: &mut State, text: &str) -> Step {
    if let Some(Overlay::Palette(open)) = &mut state.overlay {
        palette::paste(open, text);
        return Step::changed();
    }
    match state.window_mut() {
        Some(window @ Window { typing: Some(_), .. }) => {
            let mut typing = window.typing.take().unwrap_or_default();
            typing.line.insert(text);
            put_back(state, typing, true);
        }
        _ => state.say("There is no line to paste into; / starts a filter on a table."),
    }
    Step::changed()
}
