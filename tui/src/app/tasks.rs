//! The Tasks screen: a table that may be a tree, and a task that the selection may follow.
//!
//! # Invariants
//!
//! In the tree the selection stays on its task when rows come and go above it. In the flat table it stays on its row, as
//! in `top`, unless the task is followed.

use super::cursor::Move;
use super::question::{Listing, Page, Shape, TableQuestion};
use super::table::{Row, Table, Window};
use loopscope_inspector::model::rates::{self, TaskRates};
use loopscope_inspector::model::{Cycle, Task, TreeNode};
use std::collections::BTreeSet;

/// The most single rows whose children are shown or hidden against the rule: they are sent with every question.
pub(crate) const EXCEPT_MAX: usize = 1_000;

impl Row for TreeNode {
    /// The circles of the wait-for graph, deadlocks first.
    type Beside = Vec<Cycle>;

    fn is(&self, other: &Self) -> bool {
        self.task.id == other.task.id
    }
}

/// The Tasks screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tasks {
    /// The tree or table.
    pub(crate) table: Table<TreeNode>,
    /// Whether children are shown unless `except` says otherwise.
    pub(crate) expanded: bool,
    /// Tasks for which it is the other way round.
    pub(crate) except: BTreeSet<u64>,
    /// The task that the selection stays on.
    pub(crate) follow: Option<u64>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { table: Table::new(Listing::Tasks), expanded: true, except: BTreeSet::new(), follow: None }
    }
}

impl Tasks {
    /// Which rows are seen.
    pub(crate) fn window(&self) -> &Window {
        &self.table.window
    }

    /// What to ask for with so many rows on the screen.
    pub(crate) fn question(&self, screen: u16) -> TableQuestion {
        let shape = if self.window().tree {
            Shape::Tree { expanded: self.expanded, except: self.except.clone() }
        } else {
            Shape::Flat
        };
        TableQuestion { shape, around: self.follow, ..self.table.question(screen) }
    }

    /// The row with this number, if it is in memory.
    pub(crate) fn row(&self, number: u64) -> Option<&TreeNode> {
        self.table.row(number)
    }

    /// What a task did between the page before and this one; `None` if it was in only one of them.
    pub(crate) fn rates(&self, node: &TreeNode) -> Option<TaskRates> {
        let (before, window_ns) = self.table.before(node)?;
        rates::task_rates(Some(&before.task), &node.task, window_ns)
    }

    /// The circles of the wait-for graph, deadlocks first.
    pub(crate) fn cycles(&self) -> &[Cycle] {
        self.table.page.as_ref().map_or(&[], |(_, page)| &page.beside)
    }

    /// The circle that a task is part of.
    pub(crate) fn cycle(&self, id: u64) -> Option<&Cycle> {
        self.cycles().iter().find(|cycle| cycle.tasks.contains(&id))
    }

    /// The selected task.
    pub(crate) fn selected(&self) -> Option<&Task> {
        self.table.selected().map(|node| &node.task)
    }

    /// Takes a page of the table on the screen. The id of the task that was followed, if it is not there any more.
    pub(crate) fn take(&mut self, question: TableQuestion, page: Page<TreeNode>, screen: u16) -> Option<u64> {
        let anchor = match (self.follow, self.window().tree) {
            (Some(id), _) => Some(id),
            (None, true) => self.selected().map(|task| task.id),
            (None, false) => None,
        };
        let same = self.table.page.as_ref().is_some_and(|(old, _)| old.is_same_table(&question));
        self.table.take(question, page);
        let found = anchor.and_then(|id| self.number_of(id));
        let window = &mut self.table.window;
        if let (Some(number), true) = (found, same || self.follow.is_some()) {
            let on_screen = window.cursor.saturating_sub(window.top);
            window.cursor = number;
            window.top = number.saturating_sub(on_screen);
        }
        window.settle(screen);
        self.follow.take_if(|_| found.is_none())
    }

    fn number_of(&self, id: u64) -> Option<u64> {
        let (_, page) = self.table.page.as_ref()?;
        let index = page.rows.iter().position(|node| node.task.id == id)?;
        // The offset is what the process says it is.
        page.offset.checked_add(index as u64)
    }

    /// Moves the selection, which follows nothing from then on; `false` if it is where it was.
    pub(crate) fn go(&mut self, to: Move, screen: u16) -> bool {
        self.follow = None;
        self.table.window.go(to, screen)
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
        let mut number = self.window().cursor;
        let depth = self.row(number)?.depth;
        while let Some(up) = number.checked_sub(1) {
            number = up;
            if self.row(number)?.depth < depth {
                return Some(number);
            }
        }
        None
    }
}
