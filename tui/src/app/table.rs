//! A table that lies in the observed process, and the window onto it: what all screens of rows share.
//!
//! # State
//!
//! `top` and `cursor` of the [`Window`] are row numbers of the whole table, which may have a million rows; `page` of the
//! [`Table`] holds the few that are in memory. Moving is therefore never refused: rows that are not there yet are drawn as
//! such, and [`Table::question`] asks for them. It asks in steps of whole screenfuls, a screenful before and after what is
//! seen, so that scrolling by one row asks nothing.
//!
//! # Invariants
//!
//! - `cursor < reach()` or both are 0; `top <= cursor < top + screen`, whenever a page has come.
//! - The selection stays on its row, as in `top`; a tree moves it along with its task.

use super::cursor::Move;
use super::filter;
use super::line::Line;
use super::question::{Listing, PAGE_ROWS_MAX, Page, Shape, TableQuestion};
use super::recall::Recall;
use loopscope_inspector::model::rates;
use std::fmt;

/// The rows of a flat table that an agent gives: it keeps all those above while it looks for a page.
pub(crate) const FLAT_ROWS_MAX: u64 = 200_000;

/// The shortest time between two pages that rates are taken over.
const RATES_NS_MIN: u64 = 500_000_000;

/// A row of a table.
pub(crate) trait Row: Clone + fmt::Debug + PartialEq {
    /// What is asked for together with such rows.
    type Beside: Clone + fmt::Debug + Default + PartialEq;

    /// Whether it is about the same thing as a row of another picture.
    fn is(&self, other: &Self) -> bool;
}

/// A column that a flat table can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    /// As the filter language names it.
    pub(crate) name: &'static str,
    /// Whether the greatest comes first unless inverted.
    pub(crate) descending: bool,
}

const fn up(name: &'static str) -> Sort {
    Sort { name, descending: false }
}

const fn down(name: &'static str) -> Sort {
    Sort { name, descending: true }
}

const TASKS_SORTS: &[Sort] = &[
    up("id"),
    up("state"),
    down("busy"),
    down("polls"),
    down("longest_poll"),
    down("scheduled"),
    down("blocks"),
    up("site"),
];
const SITES_SORTS: &[Sort] = &[
    down("busy"),
    down("live"),
    down("spawned"),
    down("completed"),
    down("cancelled"),
    down("panicked"),
    down("poll.p50"),
    down("poll.p99"),
    down("poll.max"),
    down("scheduled.p99"),
    up("name"),
    up("site"),
];
const TIMERS_SORTS: &[Sort] = &[up("deadline_in"), up("task"), up("kind"), up("loop"), up("at")];
const IO_SORTS: &[Sort] = &[
    up("fd"),
    up("kind"),
    up("name"),
    up("local"),
    up("peer"),
    down("bytes_read"),
    down("bytes_written"),
    down("reads"),
    down("writes"),
    down("would_block"),
    down("idle_for"),
];
const SYNC_SORTS: &[Sort] = &[
    down("held_for"),
    up("kind"),
    up("name"),
    up("holder"),
    down("len"),
    down("cycle"),
    up("made_at"),
    up("held_at"),
];
const WARNINGS_SORTS: &[Sort] = &[
    down("for"),
    down("count"),
    up("name"),
    up("severity"),
    up("task"),
    up("loop"),
    up("at"),
    up("message"),
];

impl Listing {
    /// What can be sorted by, in the order in which `s` goes through it.
    pub(crate) const fn sorts(self) -> &'static [Sort] {
        match self {
            Self::Tasks => TASKS_SORTS,
            Self::Sites => SITES_SORTS,
            Self::Timers => TIMERS_SORTS,
            Self::Io => IO_SORTS,
            Self::Sync => SYNC_SORTS,
            Self::Warnings => WARNINGS_SORTS,
            // They come in one order only.
            Self::Logs => const { &[up("number")] },
        }
    }

    /// Which of them it is at first.
    const fn first_sort(self) -> usize {
        match self {
            Self::Tasks => 2,
            Self::Sites | Self::Timers | Self::Io | Self::Sync | Self::Warnings | Self::Logs => 0,
        }
    }

    /// That there are no rows, and what would make some.
    pub(crate) const fn none(self) -> &'static str {
        match self {
            Self::Tasks => "there are no tasks",
            Self::Sites => "no task was ever spawned",
            Self::Timers => "no timers are pending",
            Self::Io => "no descriptors are open",
            Self::Sync => "no task waits for a lock, a queue or the like",
            Self::Warnings => "all is well: there is no warning",
            Self::Logs => "nothing was logged yet",
        }
    }

    /// What its rows are in before somebody sorts them, if that is no column; in a few words.
    pub(crate) const fn own_order(self) -> Option<&'static str> {
        match self {
            Self::Tasks => Some("tree"),
            Self::Warnings => Some("by warning, the worst first"),
            Self::Logs => Some("log lines"),
            Self::Sites | Self::Timers | Self::Io | Self::Sync => None,
        }
    }

    /// One of its rows, in a sentence.
    pub(crate) const fn one(self) -> &'static str {
        match self {
            Self::Tasks => "task",
            Self::Sites => "spawn site",
            Self::Timers => "timer",
            Self::Io => "descriptor",
            Self::Sync => "resource",
            Self::Warnings => "warning",
            Self::Logs => "log line",
        }
    }
}

/// The filter while it is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typing {
    /// The line.
    pub(crate) line: Line,
    /// What is wrong with it.
    pub(crate) mistake: Option<Mistake>,
    /// How far back in the history the line is from.
    pub(crate) recall: Recall,
}

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// In words.
    pub(crate) message: String,
    /// The character of the filter that it is about, from 0.
    pub(crate) at: usize,
}

/// Which rows are seen, whatever a row is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    /// Of which table.
    pub(crate) of: Listing,
    /// Whether it is in an order of its own ([`Listing::own_order`]): a tree, or groups.
    pub(crate) tree: bool,
    /// Which of [`Listing::sorts`].
    pub(crate) sort: usize,
    /// Whether the greatest comes first.
    pub(crate) descending: bool,
    /// The filter that applies.
    pub(crate) filter: String,
    /// The filter while it is typed.
    pub(crate) typing: Option<Typing>,
    /// The first row on the screen.
    pub(crate) top: u64,
    /// The selected row.
    pub(crate) cursor: u64,
    /// How many rows there are; `None` before the first page.
    pub(crate) total: Option<u64>,
}

impl Window {
    /// A window onto the top of a table.
    pub(crate) fn new(of: Listing) -> Self {
        let sort = of.first_sort();
        Self {
            of,
            tree: of.own_order().is_some(),
            sort,
            descending: of.sorts()[sort].descending,
            filter: String::new(),
            typing: None,
            top: 0,
            cursor: 0,
            total: None,
        }
    }

    /// What it is sorted by, if it is not a tree.
    pub(crate) fn sorted_by(&self) -> Option<&'static str> {
        (!self.tree).then(|| self.of.sorts()[self.sort].name)
    }

    /// How many rows there are, as far as is known.
    pub(crate) fn total(&self) -> u64 {
        self.total.unwrap_or(0)
    }

    /// How many of them can be gone to.
    pub(crate) fn reach(&self) -> u64 {
        if self.tree { self.total() } else { self.total().min(FLAT_ROWS_MAX) }
    }

    /// Moves the selection; `false` if it is where it was.
    pub(crate) fn go(&mut self, to: Move, screen: u16) -> bool {
        let before = self.cursor;
        let last = self.reach().saturating_sub(1);
        self.cursor = match to {
            Move::Top => 0,
            Move::Bottom => last,
            Move::By(rows) => self.cursor.saturating_add_signed(rows as i64).min(last),
        };
        self.settle(screen);
        self.cursor != before
    }

    /// Brings cursor and window inside the table.
    pub(crate) fn settle(&mut self, screen: u16) {
        let screen = u64::from(screen);
        let reach = self.reach();
        if self.total.is_some() {
            self.cursor = self.cursor.min(reach.saturating_sub(1));
            self.top = self.top.min(reach.saturating_sub(screen));
        }
        self.top = self.top.min(self.cursor);
        if screen > 0 && self.cursor - self.top >= screen {
            self.top = self.cursor + 1 - screen;
        }
    }

    /// Starts at the top of a table that is another one from now on.
    pub(crate) fn restart(&mut self) {
        (self.top, self.cursor) = (0, 0);
    }

    /// Shows what matches, from the top.
    pub(crate) fn set_filter(&mut self, filter: &str) {
        filter.trim().clone_into(&mut self.filter);
        self.restart();
    }

    /// Sorts by one of [`Listing::sorts`]; by the one that it is sorted by already, turned round.
    pub(crate) fn sort_by(&mut self, sort: usize) {
        let Some(wanted) = self.of.sorts().get(sort) else { return };
        self.descending = if self.sort == sort { !self.descending } else { wanted.descending };
        self.sort = sort;
        self.tree = false;
        self.restart();
    }

    /// Whether a filter can be asked of this table; if not, what is wrong with it.
    pub(crate) fn check(&self, filter: &str) -> Result<(), Mistake> {
        filter::check(self.of, filter)
    }
}

/// A table, as far as it is in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table<R: Row> {
    /// Which rows are seen.
    pub(crate) window: Window,
    /// The rows in memory, and the question that they answer.
    pub(crate) page: Option<(TableQuestion, Page<R>)>,
    /// The page before it, for what happened in between.
    pub(crate) before: Option<Page<R>>,
}

impl<R: Row> Table<R> {
    /// A table of which nothing is known yet.
    pub(crate) fn new(of: Listing) -> Self {
        Self { window: Window::new(of), page: None, before: None }
    }

    /// What to ask for with so many rows on the screen.
    pub(crate) fn question(&self, screen: u16) -> TableQuestion {
        let window = &self.window;
        let screen = u64::from(screen.max(1));
        let limit = (3 * screen).min(PAGE_ROWS_MAX);
        // With very many rows on the screen the page is hardly larger than it, and every step has to ask.
        let step = ((limit - screen.min(limit)) / 2).clamp(1, screen);
        let offset = (window.top / step * step).saturating_sub(step);
        TableQuestion {
            of: window.of,
            shape: Shape::Flat,
            filter: window.filter.clone(),
            sort: window.of.sorts()[window.sort].name,
            descending: window.descending,
            offset,
            limit: if window.tree { limit } else { limit.min(FLAT_ROWS_MAX.saturating_sub(offset)) },
            around: None,
            histograms: None,
            why: None,
        }
    }

    /// The row with this number, if it is in memory.
    pub(crate) fn row(&self, number: u64) -> Option<&R> {
        let (_, page) = self.page.as_ref()?;
        page.rows.get(usize::try_from(number.checked_sub(page.offset)?).ok()?)
    }

    /// The selected row.
    pub(crate) fn selected(&self) -> Option<&R> {
        self.row(self.window.cursor)
    }

    /// What a row was in the page before this one, and the nanoseconds since; `None` if it was not in that.
    pub(crate) fn before(&self, row: &R) -> Option<(&R, u64)> {
        let (_, page) = self.page.as_ref()?;
        let before = self.before.as_ref()?;
        let window_ns = rates::window_ns(&before.process, &page.process)?;
        Some((before.rows.iter().find(|earlier| row.is(earlier))?, window_ns))
    }

    /// Whether an answer to this question is to be shown: it is about the table on the screen, of which `current` asks, and
    /// while the picture is frozen only rows that were not there are taken.
    pub(crate) fn wants(&self, asked: &TableQuestion, current: &TableQuestion, frozen: bool) -> bool {
        asked.is_same_table(current) && !(frozen && self.has(asked))
    }

    /// Whether the rows that are asked for are in memory.
    fn has(&self, asked: &TableQuestion) -> bool {
        let Some((shown, page)) = &self.page else { return false };
        let end = page.offset.saturating_add(page.rows.len() as u64);
        let wanted = asked.offset.saturating_add(asked.limit).min(page.total);
        let covers = page.offset <= asked.offset && wanted <= end && shown.around == asked.around;
        shown == asked || (shown.is_same_table(asked) && covers)
    }

    /// Takes a page of the table on the screen.
    pub(crate) fn take(&mut self, question: TableQuestion, page: Page<R>) {
        let taken_at = page.taken_at;
        self.window.total = Some(page.total);
        if let Some((_, old)) = self.page.replace((question, page)) {
            // Going through a table brings pages a moment apart, over which a rate would be noise.
            let window_ns = |page: &Page<R>| taken_at.saturating_since_ns(page.taken_at);
            let worn = self.before.as_ref().is_some_and(|before| window_ns(before) >= 2 * RATES_NS_MIN);
            if worn || window_ns(&old) >= RATES_NS_MIN {
                self.before = Some(old);
            }
        }
    }
}
