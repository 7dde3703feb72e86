//! What can be copied of the selected thing: all of it as `y` does, or one of its parts.

use super::act::place;
use super::copied;
use super::cursor::Cursor;
use super::event::{Effect, Step};
use super::state::{Overlay, State};
use crate::keys::{self, Context};
use crate::terminal::COPY_BYTES_MAX;
use loopscope_inspector::model::words;

/// The choice of what to copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Menu {
    /// What there is.
    pub(crate) items: Vec<Item>,
    /// The selected one.
    pub(crate) cursor: Cursor,
}

/// One thing that can be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// What it is.
    pub(crate) label: &'static str,
    /// What is copied.
    pub(crate) text: String,
}

/// Opens the menu; says so if there is nothing to choose from.
pub(crate) fn open(state: &mut State) {
    let items = items(state);
    if items.is_empty() {
        state.say("There is nothing to copy.");
        return;
    }
    state.overlay = Some(Overlay::Menu(Menu { items, cursor: Cursor::default() }));
}

/// Copies the selected part, and closes the menu.
pub(crate) fn take(state: &mut State) -> Step {
    let Some(Overlay::Menu(menu)) = state.overlay.take() else { return Step::nothing() };
    match menu.items.into_iter().nth(menu.cursor.at) {
        Some(item) => copy(state, item.text),
        None => Step::changed(),
    }
}

/// Copies all of what is selected.
pub(crate) fn copy_row(state: &mut State) -> Step {
    let Some(text) = row(state) else {
        state.say("There is nothing to copy.");
        return Step::changed();
    };
    copy(state, text)
}

/// All of what is selected, in words.
fn row(state: &State) -> Option<String> {
    let text = match state.context() {
        Context::Picker => state.picker.selected().map(|process| process.pid.to_string()),
        Context::Help => Some(keys::help_text()),
        Context::Menu => match &state.overlay {
            Some(Overlay::Menu(menu)) => menu.items.get(menu.cursor.at).map(|item| item.text.clone()),
            _ => None,
        },
        _ => copied::text(state),
    };
    text.filter(|text| !text.is_empty())
}

fn copy(state: &mut State, text: String) -> Step {
    let first = text.lines().next().unwrap_or_default();
    let lines = text.lines().count();
    let more = if lines > 1 { format!(" and {} more lines", lines - 1) } else { String::new() };
    let cut = if text.len() > COPY_BYTES_MAX {
        format!("; only the first {}, more no terminal takes", words::bytes(COPY_BYTES_MAX as u64))
    } else {
        String::new()
    };
    state.say(format!("Copied, if the terminal allows it: {first}{more}{cut}"));
    Step::with(Effect::Copy(text))
}

/// The parts of what is selected, and all of it.
fn items(state: &State) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut item = |label: &'static str, text: Option<String>| {
        items.extend(text.filter(|text| !text.is_empty()).map(|text| Item { label, text }));
    };
    if state.context() == Context::Picker {
        let process = state.picker.selected();
        item("number", process.map(|process| process.pid.to_string()));
        item("program", process.and_then(|process| process.name.clone()).map(|name| escaped(&name)));
        item("socket", process.and_then(|process| process.socket.clone()).map(|path| escaped(&path)));
        return items;
    }
    let task = copied::task_of(state);
    item("number", state.selected_task().map(|id| id.to_string()));
    item("name", task.and_then(|task| task.name.as_deref()).map(escaped));
    item("place", place(state).map(|place| words::place(&place)));
    item("spawned at", task.and_then(|task| task.site.as_ref()).map(words::place));
    item("chain", copied::chain(state));
    item("all of it", row(state));
    items
}

fn escaped(text: &str) -> String {
    words::escape(text, words::TEXT_CHARS_MAX).into_owned()
}
