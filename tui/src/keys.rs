//! Which key does what, where, and in which words: the one table.
//!
//! [`TABLE`] drives three things, so that they cannot disagree: [`read`] turns a key into an [`Action`], the help overlay
//! lists every row, and the bottom bar shows the rows that have a short label. A key that has a row, but not on this
//! screen, is answered with where it works; a key without one with where help is.
//!
//! While a line is being typed (a filter, a command), the table does not apply: the line takes every key but Esc, Enter and
//! Ctrl-C. The palette offers every row as a command; a row without keys is only there, and in the help.

mod command;
mod help;
mod read;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use help::{help_lines, help_text};
pub(crate) use read::{Reading, places, read};
pub(crate) use table::TABLE;

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
    /// The page of the selected task.
    TaskPage,
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
    /// Choose what to copy.
    CopyMenu,
    /// Open the editor at the place.
    Editor,
    /// Cancel a task, after asking.
    Control,
    /// Do what was asked about.
    Yes,
    /// Leave what was asked about as it is.
    No,
    /// Take the native stacks of the loops.
    Stacks,
    /// Take the async stack of a task.
    Dump,
    /// Switch debug mode.
    Debug,
    /// Show log lines of another level.
    Level,
    /// Change what the application logs.
    LogFilter,
    /// Attach to another process.
    Processes,
    /// Type a command.
    Palette,
    /// The page of a task by its number.
    Goto,
    /// How often the picture is renewed.
    Interval,
    /// The next set of tones.
    Theme,
    /// Leave the mouse to the terminal, or take it back.
    Mouse,
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
    /// Tasks by where they were spawned.
    Sites,
    /// What is pending, by deadline.
    Timers,
    /// Descriptors.
    Io,
    /// Locks, queues, channels.
    Sync,
    /// What is wrong.
    Warnings,
    /// One warning.
    Warning,
    /// What the application logs.
    Logs,
    /// One task.
    Task,
    /// The chain from a task to the root of its wait.
    Why,
    /// The help overlay.
    Help,
    /// The choice of what to copy.
    Menu,
    /// The native stacks of the loops.
    Stacks,
    /// Whether something is to be done that cannot be undone.
    Ask,
    /// The palette, which takes every key but Ctrl-C.
    Palette,
}

impl Context {
    /// As it is named in a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Picker => "the list of processes",
            Self::Connecting => "connecting",
            Self::Overview => "Overview",
            Self::Tasks => "Tasks",
            Self::Sites => "Sites",
            Self::Timers => "Timers",
            Self::Io => "I/O",
            Self::Sync => "Sync",
            Self::Warnings => "Warnings",
            Self::Warning => "the page of a warning",
            Self::Logs => "Logs",
            Self::Task => "the task page",
            Self::Why => "the chain of waits",
            Self::Help => "help",
            Self::Menu => "a menu",
            Self::Stacks => "the stacks of loops",
            Self::Ask => "a question",
            Self::Palette => "the palette",
        }
    }
}

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
