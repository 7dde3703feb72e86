//! The rows of the key table. The order is that of the help overlay and of the bottom bar.

use super::{Action, Binding, Context, Key};
use ratatui::crossterm::event::KeyCode;

pub(super) const ALL: &[Context] = &[
    Context::Picker,
    Context::Connecting,
    Context::Overview,
    Context::Tasks,
    Context::Sites,
    Context::Timers,
    Context::Io,
    Context::Sync,
    Context::Task,
    Context::Why,
    Context::Help,
    Context::Menu,
];
const LISTS: &[Context] = &[
    Context::Picker,
    Context::Overview,
    Context::Tasks,
    Context::Sites,
    Context::Timers,
    Context::Io,
    Context::Sync,
    Context::Task,
    Context::Why,
    Context::Help,
    Context::Menu,
];
/// What Enter opens something in.
const OPENS: &[Context] = &[
    Context::Picker,
    Context::Overview,
    Context::Tasks,
    Context::Sites,
    Context::Timers,
    Context::Io,
    Context::Sync,
    Context::Task,
    Context::Why,
    Context::Menu,
];
const SCREENS: &[Context] = &[
    Context::Overview,
    Context::Tasks,
    Context::Sites,
    Context::Timers,
    Context::Io,
    Context::Sync,
    Context::Task,
];
const PICTURES: &[Context] = &[
    Context::Overview,
    Context::Tasks,
    Context::Sites,
    Context::Timers,
    Context::Io,
    Context::Sync,
    Context::Task,
    Context::Why,
];
/// The tables of the observed process.
pub(super) const TABLES: &[Context] =
    &[Context::Tasks, Context::Sites, Context::Timers, Context::Io, Context::Sync];

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
/// right, `:`, `?` and `q` never.
pub(crate) const TABLE: &[Binding] = &[
    row(&[Key::Named(KeyCode::Enter, "Enter")], Action::Open, OPENS, "open", "open what is selected"),
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
        &[Context::Tasks, Context::Task, Context::Overview, Context::Timers, Context::Io, Context::Sync],
        "why",
        "walk the chain to the root of its wait",
    ),
    row(
        &[Key::Char('/')],
        Action::Filter,
        TABLES,
        "filter",
        "show only the rows that match, as in state=idle name~^work busy>10ms",
    ),
    row(&[Key::Char('s')], Action::SortNext, TABLES, "sort", "sort by the next column"),
    row(&[Key::Char('S')], Action::SortPrevious, TABLES, "", "sort by the column before"),
    row(&[Key::Char('i')], Action::Invert, TABLES, "invert", "turn the order round"),
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
        &[Key::Char('Y')],
        Action::CopyMenu,
        LISTS,
        "",
        "choose what to copy: number, name, place, row, chain",
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
    row(&[Key::Char('3')], Action::TaskPage, SCREENS, "", "the page of the selected task"),
    row(&[Key::Char('4')], Action::Screen(4), SCREENS, "", "Sites: tasks by where they were spawned"),
    row(&[Key::Char('5')], Action::Screen(5), SCREENS, "", "Timers: what is pending, by deadline"),
    row(&[Key::Char('6')], Action::Screen(6), SCREENS, "", "I/O: descriptors, and what goes through them"),
    row(&[Key::Char('7')], Action::Screen(7), SCREENS, "", "Sync: locks, queues and channels, and who waits"),
    row(
        &[Key::Char('p')],
        Action::Processes,
        &[
            Context::Connecting,
            Context::Overview,
            Context::Tasks,
            Context::Sites,
            Context::Timers,
            Context::Io,
            Context::Sync,
            Context::Task,
        ],
        "processes",
        "leave this process and choose another",
    ),
    row(
        &[Key::Char('x')],
        Action::Control,
        &[Context::Tasks, Context::Task],
        "",
        "act on a task, after asking, where the process grants the right to",
    ),
    row(&[Key::Char(':')], Action::Palette, ALL, "commands", "type a command, or find one by its letters"),
    row(&[], Action::Goto, PICTURES, "", "the page of a task: goto 42, or just 42"),
    row(&[], Action::Interval, ALL, "", "how often the picture is renewed: interval 500ms"),
    row(
        &[Key::Char('T')],
        Action::Theme,
        ALL,
        "",
        "other tones: dark, light, safe for every colour vision, mono",
    ),
    row(
        &[Key::Char('m')],
        Action::Mouse,
        ALL,
        "",
        "leave the mouse to the terminal, so that its own selection works; again takes it back",
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
