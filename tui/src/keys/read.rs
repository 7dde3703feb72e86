//! What a key means where it is pressed.

use super::{Action, Binding, Context, Key, TABLE};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It asks for this.
    Action(Action),
    /// It is the first of two.
    Prefix(char),
    /// It does nothing here, and this says why.
    Nothing(String),
}

/// What a key means in a context, after the prefix typed before it.
pub(crate) fn read(event: KeyEvent, prefix: Option<char>, context: Context) -> Reading {
    if let (Some(first), KeyCode::Char(c)) = (prefix, event.code)
        && first == c
        && let Some(found) = TABLE.iter().find(|binding| binding.keys.contains(&Key::Twice(c)))
        && found.contexts.contains(&context)
    {
        return Reading::Action(found.action);
    }
    let mut elsewhere = None;
    for binding in TABLE {
        if !binding.keys.iter().any(|key| key.matches(event)) {
            continue;
        }
        if binding.contexts.contains(&context) {
            return Reading::Action(binding.action);
        }
        elsewhere = Some(binding);
    }
    let twice = |c: char| TABLE.iter().any(|binding| binding.keys.contains(&Key::Twice(c)));
    match (elsewhere, event.code) {
        (None, KeyCode::Char(c)) if !event.modifiers.contains(KeyModifiers::CONTROL) && twice(c) => {
            Reading::Prefix(c)
        }
        (Some(binding), _) => Reading::Nothing(elsewhere_text(event, binding, context)),
        (None, KeyCode::Char(c)) if c.is_ascii_digit() => {
            Reading::Nothing(format!("There is no screen {c}; Tab goes through those there are."))
        }
        (None, _) => Reading::Nothing(format!("{} does nothing here; ? lists the keys.", name(event))),
    }
}

fn elsewhere_text(event: KeyEvent, binding: &Binding, context: Context) -> String {
    // Where it works comes first: a narrow terminal cuts the end.
    let places = places(binding.contexts);
    format!("{} works in {places}, not in {}: {}.", name(event), context.name(), binding.help)
}

/// Contexts in a sentence: `Tasks, Sites and I/O`.
pub(crate) fn places(contexts: &[Context]) -> String {
    let places: Vec<&str> = contexts.iter().map(|context| context.name()).collect();
    match places.as_slice() {
        [] => "no screen".to_owned(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A key as the user knows it.
fn name(event: KeyEvent) -> String {
    for binding in TABLE {
        if let Some(key) = binding.keys.iter().find(|key| key.matches(event)) {
            return key.name();
        }
    }
    let control = if event.modifiers.contains(KeyModifiers::CONTROL) { "Ctrl-" } else { "" };
    let alt = if event.modifiers.contains(KeyModifiers::ALT) { "Alt-" } else { "" };
    format!("{control}{alt}{}", event.code)
}
