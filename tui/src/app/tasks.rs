//! The Tasks screen: a window onto a tree or table that lies in the observed process.
//!
//! # State
//!
//! `top` and `cursor` are row numbers of the whole table, which may have a million rows; `page` holds the few that are in
//! memory. Moving is therefore never refused: rows that are not there yet are drawn as such, and
//! [`Tasks::question`] asks for them. It asks in steps of whole screenfuls, a screenful before and after what is seen, so
//! that scrolling by one row asks nothing.
//!
//! # Invariants
//!
//! - `cursor < reach()` or both are 0; `top <= cursor < top + screen`, whenever a page has come.
//! - In the tree the selection stays on its task when rows come and go above it. In the flat table it stays on its row,
//!   as in `top`, unless the task is followed.

use super::columns::TaskColumn;
use super::cursor::Move;
use super::line::Line;
use super::question::{PAGE_ROWS_MAX, Page, Question, Shape, TaskQuestion};
use super::rates;
use loopscope_inspector::model::rates::TaskRates;
use loopscope_inspector::model::{Task, TreeNode};
use std::collections::BTreeSet;

/// The most single rows whose children are shown or hidden against the rule: they are sent with every question.
pub(crate) const EXCEPT_MAX: usize = 1_000;

/// The rows of a flat table that an agent gives: it keeps all those above while it looks for a page.
pub(crate) const FLAT_ROWS_MAX: u64 = 200_000;

/// The shortest time between two pages that rates are taken over.
const RATES_NS_MIN: u64 = 500_000_000;

/// A column that the flat table can be sorted by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SortColumn {
    /// As the filter language names it.
    pub(crate) name: &'static str,
    /// The column of the table.
    pub(crate) column: TaskColumn,
    /// Whether the greatest comes first unless inverted.
    pub(crate) descending: bool,
}

const fn sort_column(name: &'static str, column: TaskColumn, descending: bool) -> SortColumn {
    SortColumn { name, column, descending }
}

/// The columns to sort by, in the order in which `s` goes through them.
pub(crate) const SORT_COLUMNS: &[SortColumn] = &[
    sort_column("id", TaskColumn::Task, false),
    sort_column("state", TaskColumn::State, false),
    sort_column("busy", TaskColumn::Busy, true),
    sort_column("polls", TaskColumn::Polls, true),
    sort_column("longest_poll", TaskColumn::Longest, true),
    sort_column("scheduled", TaskColumn::Scheduled, true),
    sort_column("blocks", TaskColumn::Blocks, true),
    sort_column("site", TaskColumn::Site, false),
];

/// The filter while it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typing {
    /// The line.
    pub(crate) line: Line,
    /// What is wrong with it.
    pub(crate) mistake: Option<Mistake>,
}

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// In words.
    pub(crate) message: String,
    /// The character of the filter that it is about, from 0.
    pub(crate) at: usize,
}

/// The Tasks screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tasks {
    /// Whether the tree is shown.
    pub(crate) tree: bool,
    /// Whether children are shown unless `except` says otherwise.
    pub(crate) expanded: bool,
    /// Tasks for which it is the other way round.
    pub(crate) except: BTreeSet<u64>,
    /// Which of [`SORT_COLUMNS`].
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
    /// The task that the selection stays on.
    pub(crate) follow: Option<u64>,
    /// The rows in memory, and the question that they answer.
    pub(crate) page: Option<(TaskQuestion, Page)>,
    /// The page before it, for what happened in between.
    pub(crate) before: Option<Page>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            tree: true,
            expanded: true,
            except: BTreeSet::new(),
            sort: 2,
            descending: true,
            filter: String::new(),
            typing: None,
            top: 0,
            cursor: 0,
            follow: None,
            page: None,
            before: None,
        }
    }
}

impl Tasks {
    /// What to ask for with so many rows on the screen.
    pub(crate) fn question(&self, screen: u16) -> Question {
        let screen = u64::from(screen.max(1));
        let limit = (3 * screen).min(PAGE_ROWS_MAX);
        // With very many rows on the screen the page is hardly larger than it, and every step has to ask.
        let step = ((limit - screen.min(limit)) / 2).clamp(1, screen);
        let offset = (self.top / step * step).saturating_sub(step);
        let limit = if self.tree { limit } else { limit.min(FLAT_ROWS_MAX.saturating_sub(offset)) };
        Question::Tasks(TaskQuestion {
            shape: if self.tree {
                Shape::Tree { expanded: self.expanded, except: self.except.clone() }
            } else {
                Shape::Flat
            },
            filter: self.filter.clone(),
            sort: SORT_COLUMNS[self.sort].name,
            descending: self.descending,
            offset,
            limit,
            around: self.follow,
        })
    }

    /// How many rows there are, as far as is known.
    pub(crate) fn total(&self) -> u64 {
        self.page.as_ref().map_or(0, |(_, page)| page.total)
    }

    /// How many of them can be gone to.
    pub(crate) fn reach(&self) -> u64 {
        if self.tree { self.total() } else { self.total().min(FLAT_ROWS_MAX) }
    }

    /// The row with this number, if it is in memory.
    pub(crate) fn row(&self, number: u64) -> Option<&TreeNode> {
        let (_, page) = self.page.as_ref()?;
        page.rows.get(usize::try_from(number.checked_sub(page.offset)?).ok()?)
    }

    /// What a task did between the page before and this one; `None` if it was in only one of them.
    pub(crate) fn rates(&self, task: &Task) -> Option<TaskRates> {
        let (_, page) = self.page.as_ref()?;
        let before = self.before.as_ref()?;
        let node = before.rows.iter().find(|node| node.task.id == task.id)?;
        rates::since(&node.task, &before.process, task, &page.process)
    }

    /// The selected task.
    pub(crate) fn selected(&self) -> Option<&Task> {
        self.row(self.cursor).map(|node| &node.task)
    }

    /// Takes an answer. `false` if it is to a question about another table than the one on the screen. `Some` if the task
    /// that is followed is not there any more.
    pub(crate) fn take(&mut self, question: TaskQuestion, page: Page, screen: u16) -> Taken {
        let Question::Tasks(current) = self.question(screen) else { return Taken::OtherTable };
        let same_table = |a: &TaskQuestion, b: &TaskQuestion| {
            (&a.shape, &a.filter, a.sort, a.descending) == (&b.shape, &b.filter, b.sort, b.descending)
        };
        if !same_table(&question, &current) {
            return Taken::OtherTable;
        }
        let anchor = match (self.follow, self.tree) {
            (Some(id), _) => Some(id),
            (None, true) => self.selected().map(|task| task.id),
            (None, false) => None,
        };
        let same = self.page.as_ref().is_some_and(|(old, _)| same_table(old, &question));
        let taken_at = page.taken_at;
        if let Some((_, old)) = self.page.replace((question, page)) {
            // Going through a table brings pages a moment apart, over which a rate would be noise.
            let window_ns = |page: &Page| taken_at.saturating_since_ns(page.taken_at);
            let worn = self.before.as_ref().is_some_and(|before| window_ns(before) >= 2 * RATES_NS_MIN);
            if worn || window_ns(&old) >= RATES_NS_MIN {
                self.before = Some(old);
            }
        }
        let found = anchor.and_then(|id| self.number_of(id));
        if let (Some(number), true) = (found, same || self.follow.is_some()) {
            let on_screen = self.cursor.saturating_sub(self.top);
            self.cursor = number;
            self.top = number.saturating_sub(on_screen);
        }
        let lost = self.follow.filter(|_| found.is_none());
        if lost.is_some() {
            self.follow = None;
        }
        self.settle(screen);
        lost.map_or(Taken::Shown, Taken::Lost)
    }

    fn number_of(&self, id: u64) -> Option<u64> {
        let (_, page) = self.page.as_ref()?;
        let index = page.rows.iter().position(|node| node.task.id == id)?;
        Some(page.offset + index as u64)
    }

    /// Brings cursor and window inside the table.
    pub(crate) fn settle(&mut self, screen: u16) {
        let screen = u64::from(screen);
        let total = self.reach();
        if self.page.is_some() {
            self.cursor = self.cursor.min(total.saturating_sub(1));
            self.top = self.top.min(total.saturating_sub(screen));
        }
        self.top = self.top.min(self.cursor);
        if screen > 0 && self.cursor - self.top >= screen {
            self.top = self.cursor + 1 - screen;
        }
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
        self.follow = None;
        self.settle(screen);
        self.cursor != before
    }

    /// Starts at the top of a table that is another one from now on.
    pub(crate) fn restart(&mut self) {
        (self.top, self.cursor) = (0, 0);
    }

    /// Whether the children of a row are shown.
    pub(crate) fn is_expanded(&self, id: u64) -> bool {
        self.expanded != self.except.contains(&id)
    }

    /// Shows or hides the children of a row; `false` if there are too many exceptions already.
    pub(crate) fn expand(&mut self, id: u64, expanded: bool) -> bool {
        if expanded == self.expanded {
            self.except.remove(&id);
        } else if self.except.len() < EXCEPT_MAX {
            self.except.insert(id);
        } else {
            return false;
        }
        true
    }

    /// The number of the parent of the selected row, if it is in memory.
    pub(crate) fn parent_number(&self) -> Option<u64> {
        let depth = self.row(self.cursor)?.depth;
        let mut number = self.cursor;
        while let Some(up) = number.checked_sub(1) {
            number = up;
            if self.row(number)?.depth < depth {
                return Some(number);
            }
        }
        None
    }
}

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Taken {
    /// It is on the screen.
    Shown,
    /// It is on the screen, and the task that was followed is not in it.
    Lost(u64),
    /// It is of a table that is not shown any more.
    OtherTable,
}
