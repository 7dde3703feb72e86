//! Everything that is seen, in one value.
//!
//! Whoever has the [`State`] and an area can draw the screen; whoever has the state and an event can say what comes next.
//! Nothing of what is seen lies anywhere else, so a test makes a state, and a screen of a million tasks needs no million
//! tasks.

use super::event::{Identity, Now};
use super::geometry::{self, Panel};
use super::link::Link;
use super::logs::LogsScreen;
use super::looks::Wishes;
use super::menu::Menu;
use super::order::Ask;
use super::overview::OverviewScreen;
use super::palette::Palette;
use super::picker::Picker;
use super::question::{Listing, Overview, Question, TableQuestion, Wanted};
use super::sites::Sites;
use super::stacks::Stacks;
use super::table::{Row, Table, Typing, Window};
use super::task::TaskScreen;
use super::tasks::Tasks;
use super::warning::WarningScreen;
use super::warnings::Warnings;
use crate::keys::Context;
use crate::theme::Theme;
use loopscope_inspector::model::{Io, Process, Sync, Timer};
use ratatui::layout::Rect;
use std::time::Duration;

/// How long the line above the bottom bar stays.
pub(crate) const NOTE_FOR: Duration = Duration::from_secs(8);
/// The lines below log lines: one of them in full.
const LOG_LINES: u16 = 9;
/// Task pages that Esc leads back through.
pub(crate) const PAGES_MAX: usize = 64;

/// Everything that is seen.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// How it looks.
    pub(crate) theme: Theme,
    /// The size of the terminal.
    pub(crate) size: (u16, u16),
    /// What the user wants, whichever process is looked at.
    pub(crate) wishes: Wishes,
    /// The time.
    pub(crate) now: Now,
    /// How the connection stands.
    pub(crate) link: Link,
    /// The attached process, as it was seen last.
    pub(crate) process: Option<Process>,
    /// Records lost, or unreadable while they changed.
    pub(crate) dropped: u64,
    /// Which of the screens.
    pub(crate) tab: Tab,
    /// Overview.
    pub(crate) overview: OverviewScreen,
    /// Tasks.
    pub(crate) tasks: Tasks,
    /// Sites.
    pub(crate) sites: Sites,
    /// Timers.
    pub(crate) timers: Table<Timer>,
    /// I/O.
    pub(crate) io: Table<Io>,
    /// Sync.
    pub(crate) sync: Table<Sync>,
    /// Warnings.
    pub(crate) warnings: Warnings,
    /// Logs.
    pub(crate) logs: LogsScreen,
    /// The page of a warning on top of the screen, below those of tasks.
    pub(crate) warning: Option<WarningScreen>,
    /// How Enter led to Tasks, if it did.
    pub(crate) drill: Option<Drill>,
    /// The task pages on top of the screen, the one that is seen last.
    pub(crate) pages: Vec<TaskScreen>,
    /// The list of processes.
    pub(crate) picker: Picker,
    /// What lies over all that.
    pub(crate) overlay: Option<Overlay>,
    /// The picture is frozen since then.
    pub(crate) paused: Option<Paused>,
    /// The process that took the place of one that has ended, while the picture is frozen.
    pub(crate) successor: Option<(Identity, Process)>,
    /// The line above the bottom bar, and until when.
    pub(crate) note: Option<(Note, Now)>,
    /// The first of two keys.
    pub(crate) prefix: Option<char>,
}

/// A screen with a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    /// What is wrong, then what there is.
    #[default]
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
    /// What the application logs.
    Logs,
}

/// How Enter led from a screen to some of the tasks, so that Esc leads back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drill {
    /// The screen.
    pub(crate) from: Tab,
    /// The filter of Tasks before.
    pub(crate) before: String,
    /// The filter that it led to.
    pub(crate) filter: String,
}

impl Tab {
    /// The screens, in the order of their numbers.
    pub(crate) const ALL: &[Self] = &[
        Self::Overview,
        Self::Tasks,
        Self::Sites,
        Self::Timers,
        Self::Io,
        Self::Sync,
        Self::Warnings,
        Self::Logs,
    ];

    /// The number; 3 is the page of a task.
    pub(crate) const fn number(self) -> usize {
        match self {
            Self::Overview => 1,
            Self::Tasks => 2,
            Self::Sites => 4,
            Self::Timers => 5,
            Self::Io => 6,
            Self::Sync => 7,
            Self::Warnings => 8,
            Self::Logs => 9,
        }
    }

    /// The title.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Tasks => "Tasks",
            Self::Sites => "Sites",
            Self::Timers => "Timers",
            Self::Io => "I/O",
            Self::Sync => "Sync",
            Self::Warnings => "Warnings",
            Self::Logs => "Logs",
        }
    }

    /// What the keys act on there.
    pub(crate) const fn context(self) -> Context {
        match self {
            Self::Overview => Context::Overview,
            Self::Tasks => Context::Tasks,
            Self::Sites => Context::Sites,
            Self::Timers => Context::Timers,
            Self::Io => Context::Io,
            Self::Sync => Context::Sync,
            Self::Warnings => Context::Warnings,
            Self::Logs => Context::Logs,
        }
    }
}

/// What lies over a screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Overlay {
    /// Keys and what they do; the first line that is seen.
    Help(usize),
    /// The chain from a task to the root of its wait.
    Why(Box<TaskScreen>),
    /// What can be copied.
    Menu(Menu),
    /// The native stacks of the loops.
    Stacks(Box<Stacks>),
    /// Whether something is to be done that cannot be undone.
    Ask(Box<Ask>),
    /// Commands.
    Palette(Box<Palette>),
}

/// A frozen picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Paused {
    /// Since when.
    pub(crate) since: Now,
    /// The newest picture, for when it goes on.
    pub(crate) held: Option<Box<Overview>>,
}

/// What the program has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// In words.
    pub(crate) text: String,
    /// Whether something failed.
    pub(crate) bad: bool,
}

impl State {
    /// The state at the start.
    pub(crate) fn new(theme: Theme, size: (u16, u16), link: Link) -> Self {
        Self {
            theme,
            size,
            wishes: Wishes::default(),
            now: Now::ZERO,
            link,
            process: None,
            dropped: 0,
            tab: Tab::default(),
            overview: OverviewScreen::default(),
            tasks: Tasks::default(),
            sites: Sites::default(),
            timers: Table::new(Listing::Timers),
            io: Table::new(Listing::Io),
            sync: Table::new(Listing::Sync),
            warnings: Warnings::default(),
            warning: None,
            logs: LogsScreen::default(),
            drill: None,
            pages: Vec::new(),
            picker: Picker::default(),
            overlay: None,
            paused: None,
            successor: None,
            note: None,
            prefix: None,
        }
    }

    /// The whole terminal.
    pub(crate) fn area(&self) -> Rect {
        Rect::new(0, 0, self.size.0, self.size.1)
    }

    /// What the keys act on.
    pub(crate) fn context(&self) -> Context {
        match &self.overlay {
            Some(Overlay::Help(_)) => Context::Help,
            Some(Overlay::Why(_)) => Context::Why,
            Some(Overlay::Menu(_)) => Context::Menu,
            Some(Overlay::Stacks(_)) => Context::Stacks,
            Some(Overlay::Ask(_)) => Context::Ask,
            Some(Overlay::Palette(_)) => Context::Palette,
            None => self.screen(),
        }
    }

    /// The screen, whatever lies over it.
    pub(crate) fn screen(&self) -> Context {
        match (&self.link, self.tab) {
            (Link::Choosing, _) => Context::Picker,
            (Link::Connecting { .. } | Link::Refused { .. }, _) => Context::Connecting,
            _ if !self.pages.is_empty() => Context::Task,
            _ if self.warning.is_some() => Context::Warning,
            (_, tab) => tab.context(),
        }
    }

    /// The one thing that has to be known to draw what is seen; `None` if that is known or cannot be.
    pub(crate) fn question(&self) -> Option<Question> {
        match &self.link {
            Link::Choosing => return Some(Question::Processes),
            Link::Refused { .. } | Link::Ended { .. } => return None,
            Link::Connecting { .. } | Link::Live { .. } | Link::Silent { .. } => {}
        }
        let page = match &self.overlay {
            Some(Overlay::Why(page)) => Some(&**page),
            _ => self.pages.last(),
        };
        // What lies over a screen does not change what the screen shows.
        let rows = self.rows_in(self.tab.context());
        let bars = geometry::frame(self.area()).is_some_and(|frame| geometry::has_bars(frame.body));
        Some(match (page, self.tab) {
            (Some(page), _) => Question::Task(page.id),
            (None, Tab::Overview) => Question::Overview,
            (None, Tab::Tasks) => Question::Table(self.tasks.question(rows)),
            (None, Tab::Sites) => Question::Table(self.sites.question(rows, bars)),
            (None, Tab::Timers) => {
                let histograms = bars.then_some(Wanted::Lateness);
                Question::Table(TableQuestion { histograms, ..self.timers.question(rows) })
            }
            (None, Tab::Io) => Question::Table(self.io.question(rows)),
            (None, Tab::Sync) => {
                let room = geometry::frame(self.area())
                    .is_some_and(|frame| self.table_parts(frame.body).panel.height > 0);
                Question::Table(super::sync::question(&self.sync, rows, room))
            }
            (None, Tab::Warnings) => Question::Table(self.warnings.question()),
            (None, Tab::Logs) => Question::Logs,
        })
    }

    /// The rows that the list of the current screen has.
    pub(crate) fn list_rows(&self) -> u16 {
        self.rows_in(self.context())
    }

    /// The rows that the list of a context has.
    pub(crate) fn rows_in(&self, context: Context) -> u16 {
        let Some(frame) = geometry::frame(self.area()) else { return 0 };
        match context {
            Context::Palette => geometry::palette(frame.body).list.height,
            Context::Why | Context::Help | Context::Menu | Context::Stacks | Context::Ask => {
                geometry::inside(geometry::overlay(frame.body)).height
            }
            Context::Picker
            | Context::Tasks
            | Context::Sites
            | Context::Timers
            | Context::Io
            | Context::Sync
            | Context::Warnings
            | Context::Logs => self.table_parts(frame.body).rows.height,
            Context::Connecting | Context::Overview | Context::Task | Context::Warning => frame.body.height,
        }
    }

    /// Which rows of its table are seen, if the screen on top is a table of the process.
    pub(crate) fn window(&self) -> Option<&Window> {
        match self.context() {
            Context::Tasks => Some(&self.tasks.table.window),
            Context::Sites => Some(&self.sites.table.window),
            Context::Timers => Some(&self.timers.window),
            Context::Io => Some(&self.io.window),
            Context::Sync => Some(&self.sync.window),
            Context::Warnings => Some(&self.warnings.table.window),
            Context::Logs => Some(&self.logs.table.window),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn window_mut(&mut self) -> Option<&mut Window> {
        match self.context() {
            Context::Tasks => Some(&mut self.tasks.table.window),
            Context::Sites => Some(&mut self.sites.table.window),
            Context::Timers => Some(&mut self.timers.window),
            Context::Io => Some(&mut self.io.window),
            Context::Sync => Some(&mut self.sync.window),
            Context::Warnings => Some(&mut self.warnings.table.window),
            Context::Logs => Some(&mut self.logs.table.window),
            _ => None,
        }
    }

    /// Whether the titles of the screens are there.
    pub(crate) fn has_tabs(&self) -> bool {
        !matches!(self.screen(), Context::Picker | Context::Connecting)
    }

    /// The filter that is being typed.
    pub(crate) fn typing(&self) -> Option<&Typing> {
        self.window()?.typing.as_ref()
    }

    /// The parts of a body that is a table.
    pub(crate) fn table_parts(&self, body: Rect) -> geometry::Table {
        let panel = match self.screen() {
            Context::Sites => Panel::Large,
            Context::Timers => Panel::LinesAndBars(lines_beside(&self.timers, |beside| beside.loops.len())),
            Context::Io => Panel::Lines(lines_beside(&self.io, Vec::len)),
            Context::Sync if self.sync.window.total() > 0 => Panel::Lines(super::sync::LINES),
            Context::Warnings if self.warnings.table.window.total() > 0 => {
                Panel::Lines(super::warnings::LINES)
            }
            Context::Logs if self.logs.table.window.total() > 0 => Panel::Lines(LOG_LINES),
            _ => Panel::None,
        };
        geometry::table(body, panel)
    }

    /// Whether nothing more can be asked.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.link, Link::Ended { .. })
    }

    /// Says something in the line above the bottom bar.
    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.note = Some((Note { text: text.into(), bad: false }, self.now + NOTE_FOR));
    }

    /// Says that something failed.
    pub(crate) fn complain(&mut self, text: impl Into<String>) {
        self.note = Some((Note { text: text.into(), bad: true }, self.now + NOTE_FOR));
    }

    /// Throws away what was seen of a process, for another one.
    pub(crate) fn forget(&mut self) {
        let fresh = Self::new(self.theme, self.size, Link::Choosing);
        *self = Self {
            wishes: std::mem::take(&mut self.wishes),
            now: self.now,
            picker: std::mem::take(&mut self.picker),
            note: self.note.take(),
            ..fresh
        };
    }

    /// The task that is selected, whichever screen it is on.
    pub(crate) fn selected_task(&self) -> Option<u64> {
        match &self.overlay {
            Some(Overlay::Help(_) | Overlay::Menu(_) | Overlay::Palette(_) | Overlay::Ask(_)) => return None,
            Some(Overlay::Stacks(stacks)) => return stacks.stack()?.task,
            Some(Overlay::Why(page)) => return Some(page.id),
            None => {}
        }
        if let Some(page) = self.pages.last() {
            return Some(page.id);
        }
        if let Some(page) = &self.warning {
            return page.seen.task;
        }
        match self.tab {
            Tab::Overview => match self.overview.link() {
                Ok(super::overview::Link::Task(id)) => Some(id),
                _ => None,
            },
            Tab::Tasks => self.tasks.selected().map(|task| task.id),
            Tab::Sites => None,
            Tab::Timers => self.timers.selected()?.task,
            Tab::Io => self.io.selected()?.waiting.first().copied(),
            Tab::Sync => super::sync::task(self.sync.selected()?),
            Tab::Warnings => self.warnings.selected()?.task,
            Tab::Logs => self.logs.selected()?.task,
        }
    }
}

/// The lines for what comes with a table, below a heading, titles and a blank that sets it apart.
fn lines_beside<R: Row>(table: &Table<R>, rows: fn(&R::Beside) -> usize) -> u16 {
    let rows = table.page.as_ref().map_or(0, |(_, page)| rows(&page.beside));
    u16::try_from(rows + 3).unwrap_or(u16::MAX)
}
