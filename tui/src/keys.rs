//! Which key does what, where, and in which words: the one table.
//!
//! [`TABLE`] drives three things, so that they cannot disagree: [`read`] turns a key into an [`Action`], the help overlay
//! lists every row, and the bottom bar shows the rows that have a short label. A key that has a row, but not on this
//! screen, is answered with where it works; a key without one with where help is.
//!
//! While a line is being typed (a filter), the table does not apply: the line takes every key but Esc, Enter and Ctrl-C.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// To the parent, or collapse.
    Left,
    /// Into the children, or expand.
    Right,
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// One screenful up.
    PageUp,
    /// One screenful down.
    PageDown,
    /// Drill in.
    Open,
    /// One step back.
    Back,
    /// The next screen.
    NextScreen,
    /// The screen before.
    PreviousScreen,
    /// The screen with this number, from 1.
    Screen(usize),
    /// Type a filter.
    Filter,
    /// Sort by the next column.
    SortNext,
    /// Sort by the column before.
    SortPrevious,
    /// Turn the order round.
    Invert,
    /// Show or hide the children of a row.
    Expand,
    /// Show or hide all children.
    ExpandAll,
    /// Tree or flat table.
    Shape,
    /// Walk the chain to the root of a wait.
    Why,
    /// Keep the selection on this task.
    Follow,
    /// Freeze or thaw the picture.
    Pause,
    /// Copy to the clipboard.
    Copy,
    /// Open the editor at the place.
    Editor,
    /// Attach to another process.
    Processes,
    /// Keys and what they do.
    Help,
    /// Draw everything anew.
    Redraw,
    /// Stop the program for a while, back to the shell.
    Suspend,
    /// End the program.
    Quit,
}

/// What the keys act on: the screen, or the overlay on top of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// The list of processes.
    Picker,
    /// Before the first picture.
    Connecting,
    /// The verdict, the loops.
    Overview,
    /// The tree or table of tasks.
    Tasks,
    /// One task.
    Task,
    /// The chain from a task to the root of its wait.
    Why,
    /// The help overlay.
    Help,
}

impl Context {
    /// As it is named in a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Picker => "the list of processes",
            Self::Connecting => "connecting",
            Self::Overview => "Overview",
            Self::Tasks => "Tasks",
            Self::Task => "the task page",
            Self::Why => "the chain of waits",
            Self::Help => "help",
        }
    }
}

const ALL: &[Context] = &[
    Context::Picker,
    Context::Connecting,
    Context::Overview,
    Context::Tasks,
    Context::Task,
    Context::Why,
    Context::Help,
];
const LISTS: &[Context] =
    &[Context::Picker, Context::Overview, Context::Tasks, Context::Task, Context::Why, Context::Help];
const SCREENS: &[Context] = &[Context::Overview, Context::Tasks, Context::Task];
const PICTURES: &[Context] = &[Context::Overview, Context::Tasks, Context::Task, Context::Why];

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    /// The keys; two characters in a string are typed one after the other.
    pub(crate) keys: &'static [Key],
    /// What they ask for.
    pub(crate) action: Action,
    /// Where they work.
    pub(crate) contexts: &'static [Context],
    /// One or two words for the bottom bar; empty for keys that go without saying.
    pub(crate) label: &'static str,
    /// A sentence for the help overlay.
    pub(crate) help: &'static str,
}

/// One key, or two typed one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A character, with Shift where it needs it.
    Char(char),
    /// The same character twice.
    Twice(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// A key without a character, and its name.
    Named(KeyCode, &'static str),
}

impl Key {
    fn matches(self, event: KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        if event.modifiers.contains(KeyModifiers::ALT) {
            return false;
        }
        match self {
            Self::Char(c) => event.code == KeyCode::Char(c) && !control,
            // The second of the two; `read` sees to the first.
            Self::Twice(_) => false,
            Self::Ctrl(c) => event.code == KeyCode::Char(c) && control,
            Self::Named(code, _) => event.code == code,
        }
    }

    /// As help and the bottom bar write it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Char(' ') => "Space".to_owned(),
            Self::Char(c) => c.to_string(),
            Self::Twice(c) => format!("{c}{c}"),
            Self::Ctrl(c) => format!("Ctrl-{}", c.to_ascii_uppercase()),
            Self::Named(_, name) => name.to_owned(),
        }
    }
}

const fn row(
    keys: &'static [Key],
    action: Action,
    contexts: &'static [Context],
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, action, contexts, label, help }
}

/// Every key of the program. The order is that of the help overlay; in the bottom bar what does not fit falls off at the
/// right, `?` and `q` never.
pub(crate) const TABLE: &[Binding] = &[
    row(
        &[Key::Named(KeyCode::Enter, "Enter")],
        Action::Open,
        &[Context::Picker, Context::Overview, Context::Tasks, Context::Task, Context::Why],
        "open",
        "open what is selected",
    ),
    row(
        &[Key::Named(KeyCode::Esc, "Esc"), Key::Named(KeyCode::Backspace, "Backspace")],
        Action::Back,
        ALL,
        "back",
        "go one step back: close, clear the filter, leave the page",
    ),
    row(
        &[Key::Char('w')],
        Action::Why,
        &[Context::Tasks, Context::Task, Context::Overview],
        "why",
        "walk the chain to the root of its wait",
    ),
    row(
        &[Key::Char('/')],
        Action::Filter,
        &[Context::Tasks],
        "filter",
        "show only the tasks that match, as in state=idle name~^work busy>10ms",
    ),
    row(&[Key::Char('s')], Action::SortNext, &[Context::Tasks], "sort", "sort by the next column"),
    row(&[Key::Char('S')], Action::SortPrevious, &[Context::Tasks], "", "sort by the column before"),
    row(&[Key::Char('i')], Action::Invert, &[Context::Tasks], "invert", "turn the order round"),
    row(&[Key::Char('t')], Action::Shape, &[Context::Tasks], "tree/flat", "show the tree, or one flat table"),
    row(
        &[Key::Char('e')],
        Action::Expand,
        &[Context::Tasks],
        "expand",
        "show or hide the children of the selected task",
    ),
    row(
        &[Key::Char('E')],
        Action::ExpandAll,
        &[Context::Tasks],
        "",
        "show or hide the children of all tasks",
    ),
    row(
        &[Key::Char('f')],
        Action::Follow,
        &[Context::Tasks],
        "follow",
        "keep the selection on this task wherever it moves",
    ),
    row(
        &[Key::Char(' ')],
        Action::Pause,
        PICTURES,
        "pause",
        "freeze the picture; the program goes on, and so does the reading of it",
    ),
    row(
        &[Key::Char('y')],
        Action::Copy,
        LISTS,
        "copy",
        "copy what is selected to the clipboard of the terminal (OSC 52)",
    ),
    row(
        &[Key::Char('o')],
        Action::Editor,
        PICTURES,
        "editor",
        "open $EDITOR at the place of what is selected",
    ),
    row(&[Key::Named(KeyCode::Up, "Up"), Key::Char('k')], Action::Up, LISTS, "", "one row up"),
    row(&[Key::Named(KeyCode::Down, "Down"), Key::Char('j')], Action::Down, LISTS, "", "one row down"),
    row(
        &[Key::Named(KeyCode::Left, "Left"), Key::Char('h')],
        Action::Left,
        LISTS,
        "",
        "hide the children, or go to the parent",
    ),
    row(
        &[Key::Named(KeyCode::Right, "Right"), Key::Char('l')],
        Action::Right,
        LISTS,
        "",
        "show the children, or open",
    ),
    row(&[Key::Twice('g'), Key::Named(KeyCode::Home, "Home")], Action::Top, LISTS, "", "to the first row"),
    row(&[Key::Char('G'), Key::Named(KeyCode::End, "End")], Action::Bottom, LISTS, "", "to the last row"),
    row(
        &[Key::Named(KeyCode::PageUp, "PgUp"), Key::Ctrl('b')],
        Action::PageUp,
        LISTS,
        "",
        "one screenful up",
    ),
    row(
        &[Key::Named(KeyCode::PageDown, "PgDn"), Key::Ctrl('f')],
        Action::PageDown,
        LISTS,
        "",
        "one screenful down",
    ),
    row(&[Key::Named(KeyCode::Tab, "Tab")], Action::NextScreen, SCREENS, "screens", "the next screen"),
    row(
        &[Key::Named(KeyCode::BackTab, "Shift-Tab")],
        Action::PreviousScreen,
        SCREENS,
        "",
        "the screen before",
    ),
    row(&[Key::Char('1')], Action::Screen(1), SCREENS, "", "Overview"),
    row(&[Key::Char('2')], Action::Screen(2), SCREENS, "", "Tasks"),
    row(
        &[Key::Char('p')],
        Action::Processes,
        &[Context::Connecting, Context::Overview, Context::Tasks, Context::Task],
        "processes",
        "leave this process and choose another",
    ),
    row(&[Key::Ctrl('l')], Action::Redraw, ALL, "", "draw everything anew"),
    row(&[Key::Ctrl('z')], Action::Suspend, ALL, "", "back to the shell for a while; fg returns"),
    row(&[Key::Char('?'), Key::Named(KeyCode::F(1), "F1")], Action::Help, ALL, "help", "this page"),
    row(
        &[Key::Char('q'), Key::Ctrl('c')],
        Action::Quit,
        ALL,
        "quit",
        "quit; Ctrl-C does so even while typing",
    ),
];

/// One line of the help overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HelpLine {
    /// The keys, apart by a space; empty for a line of text.
    pub(crate) keys: String,
    /// What they do.
    pub(crate) text: String,
    /// Where, if not everywhere.
    pub(crate) contexts: String,
}

/// The help overlay: every row of the table.
pub(crate) fn help_lines() -> Vec<HelpLine> {
    // Where a key works nearly everywhere, the places it does not are no help.
    let everywhere = |contexts: &[Context]| contexts.len() >= PICTURES.len();
    TABLE
        .iter()
        .map(|binding| HelpLine {
            keys: binding.keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(" "),
            text: binding.help.to_owned(),
            contexts: if everywhere(binding.contexts) {
                String::new()
            } else {
                binding.contexts.iter().map(|context| context.name()).collect::<Vec<_>>().join(", ")
            },
        })
        .collect()
}

/// The help overlay as plain text.
pub(crate) fn help_text() -> String {
    let lines: Vec<String> =
        help_lines().iter().map(|line| format!("{:<16} {}", line.keys, line.text)).collect();
    lines.join("\n")
}

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
    let places: Vec<&str> = binding.contexts.iter().map(|context| context.name()).collect();
    let places = match places.as_slice() {
        [] => "nowhere".to_owned(),
        [one] => format!("in {one}"),
        [most @ .., last] => format!("in {} and {last}", most.join(", ")),
    };
    format!("{} ({}) works {places}, not in {}.", name(event), binding.help, context.name())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    #[test]
    fn no_key_means_two_things_in_one_context() {
        for context in ALL {
            let mut seen = Vec::new();
            for binding in TABLE.iter().filter(|binding| binding.contexts.contains(context)) {
                for key in binding.keys {
                    assert!(!seen.contains(key), "{} twice in {}", key.name(), context.name());
                    seen.push(*key);
                }
            }
        }
    }

    #[test]
    fn back_help_and_quit_work_everywhere() {
        for context in ALL {
            for (event, action) in [
                (plain(KeyCode::Esc), Action::Back),
                (plain(KeyCode::Char('?')), Action::Help),
                (plain(KeyCode::Char('q')), Action::Quit),
                (KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), Action::Quit),
            ] {
                assert_eq!(read(event, None, *context), Reading::Action(action), "{}", context.name());
            }
        }
    }

    #[test]
    fn g_twice_goes_to_the_top_and_once_waits() {
        let g = plain(KeyCode::Char('g'));
        assert_eq!(read(g, None, Context::Tasks), Reading::Prefix('g'));
        assert_eq!(read(g, Some('g'), Context::Tasks), Reading::Action(Action::Top));
        assert_eq!(read(plain(KeyCode::Char('j')), Some('g'), Context::Tasks), Reading::Action(Action::Down));
    }

    #[test]
    fn a_key_of_another_screen_says_where_it_works() {
        let said = read(plain(KeyCode::Char('s')), None, Context::Overview);
        assert_eq!(
            said,
            Reading::Nothing("s (sort by the next column) works in Tasks, not in Overview.".to_owned())
        );
    }

    #[test]
    fn a_key_without_a_meaning_says_where_help_is() {
        let said = |code| read(plain(code), None, Context::Tasks);
        assert_eq!(
            said(KeyCode::Char('Q')),
            Reading::Nothing("Q does nothing here; ? lists the keys.".to_owned())
        );
        assert_eq!(
            said(KeyCode::Char('7')),
            Reading::Nothing("There is no screen 7; Tab goes through those there are.".to_owned())
        );
    }

    #[test]
    fn control_is_not_the_plain_key() {
        let event = KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL);
        assert_eq!(
            read(event, None, Context::Tasks),
            Reading::Nothing("Ctrl-s does nothing here; ? lists the keys.".to_owned())
        );
    }
}
