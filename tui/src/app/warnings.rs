//! The Warnings screen: what is wrong and what was, by the name of the warning, each group with its worst first.
//!
//! # State
//!
//! The warnings of a process are few (its ledger is bounded), so as many as are listed are all in memory. The [`Table`]
//! holds the *lines* that are made of them: a line for each group and below it, unless it is folded, one for each warning.
//! Sorted by a column there are no groups, and each warning is a line.
//!
//! # Invariants
//!
//! The lines are made anew from the warnings whenever either they or what is folded change. The selection stays on its
//! group or warning.

use super::question::{Listing, Page, Shape, TableQuestion, WARNINGS_MAX, Warned};
use super::table::{Row, Table, Window};
use loopscope_inspector::model::{Severity, Warning};
use std::collections::BTreeSet;

/// One line of the screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// All warnings of one name.
    Group(Group),
    /// One warning.
    Warning(Box<Warning>),
}

/// What is to be said of all warnings of one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// The name.
    pub(crate) name: String,
    /// How bad the worst is.
    pub(crate) severity: Severity,
    /// How many hold now.
    pub(crate) live: u64,
    /// How many are over.
    pub(crate) past: u64,
    /// How often they were seen, together.
    pub(crate) count: u64,
    /// The longest.
    pub(crate) worst_ns: Option<u64>,
    /// Whether its warnings are not shown.
    pub(crate) folded: bool,
}

impl Row for Line {
    /// The warnings that match and are not listed.
    type Beside = u64;

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Group(one), Self::Group(another)) => one.name == another.name,
            (Self::Warning(one), Self::Warning(another)) => is_same(one, another),
            _ => false,
        }
    }
}

/// Whether two warnings, of different pictures, are about the same thing.
pub(crate) fn is_same(one: &Warning, another: &Warning) -> bool {
    let what = |warning: &Warning| (warning.task, warning.resource, warning.loop_id);
    one.name == another.name && one.at == another.at && what(one) == what(another)
}

/// The lines below the rows, a blank one and a heading included: what is wrong, and how to mend it.
pub(crate) const LINES: u16 = 12;

/// The Warnings screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Warnings {
    /// The lines.
    pub(crate) table: Table<Line>,
    /// The warnings that they are made of, in the order in which the process gave them.
    known: Vec<Warning>,
    /// The names whose warnings are not shown.
    folded: BTreeSet<String>,
}

impl Default for Warnings {
    fn default() -> Self {
        Self { table: Table::new(Listing::Warnings), known: Vec::new(), folded: BTreeSet::new() }
    }
}

impl Warnings {
    /// What to ask for.
    pub(crate) fn question(&self) -> TableQuestion {
        let shape = if self.window().tree {
            Shape::Tree { expanded: true, except: BTreeSet::new() }
        } else {
            Shape::Flat
        };
        TableQuestion { shape, offset: 0, limit: WARNINGS_MAX, ..self.table.question(1) }
    }

    fn window(&self) -> &Window {
        &self.table.window
    }

    /// The selected warning; of a group the worst.
    pub(crate) fn selected(&self) -> Option<&Warning> {
        match self.table.selected()? {
            Line::Warning(warning) => Some(warning),
            Line::Group(group) => self.known.iter().find(|warning| warning.name == group.name),
        }
    }

    /// The warning of another picture, as it is in this one.
    pub(crate) fn find(&self, seen: &Warning) -> Option<&Warning> {
        self.known.iter().find(|warning| is_same(warning, seen))
    }

    /// Takes an answer.
    pub(crate) fn take(&mut self, question: TableQuestion, answer: Warned, screen: u16) {
        self.known = answer.rows;
        let page = Page {
            taken_at: answer.taken_at,
            process: answer.process,
            dropped: answer.dropped,
            beside: answer.total.saturating_sub(self.known.len() as u64),
            offset: 0,
            total: 0,
            rows: Vec::new(),
        };
        self.show(question, page, screen);
    }

    /// Shows or hides the warnings of the selected group, or of the one that the selected warning is in; `None` turns it
    /// round. `false` if it is so already, or there are no groups.
    pub(crate) fn fold(&mut self, hidden: Option<bool>, screen: u16) -> bool {
        let name = match self.table.selected() {
            Some(Line::Group(group)) => group.name.clone(),
            Some(Line::Warning(warning)) if self.window().tree => warning.name.clone(),
            _ => return false,
        };
        let hidden = hidden.unwrap_or(!self.folded.contains(&name));
        let changed = if hidden { self.folded.insert(name.clone()) } else { self.folded.remove(&name) };
        self.remake(screen);
        if changed {
            self.select(|line| matches!(line, Line::Group(group) if group.name == name), screen);
        }
        changed
    }

    /// Shows or hides the warnings of all groups; those of all are shown if those of any are hidden.
    pub(crate) fn fold_all(&mut self, screen: u16) -> bool {
        if !self.window().tree {
            return false;
        }
        self.folded = if self.folded.is_empty() {
            self.known.iter().map(|warning| warning.name.clone()).collect()
        } else {
            BTreeSet::new()
        };
        self.remake(screen);
        true
    }

    /// Makes the lines anew, of the same warnings.
    fn remake(&mut self, screen: u16) {
        if let Some((question, page)) = self.table.page.clone() {
            self.show(question, page, screen);
        }
    }

    fn show(&mut self, question: TableQuestion, page: Page<Line>, screen: u16) {
        let selected = self.table.selected().cloned();
        let rows = if self.window().tree { self.grouped() } else { self.flat() };
        self.table.take(question, Page { total: rows.len() as u64, rows, ..page });
        if let Some(selected) = selected.filter(|_| self.window().tree) {
            self.select(|line| line.is(&selected), screen);
        }
        self.table.window.settle(screen);
    }

    fn select(&mut self, wanted: impl Fn(&Line) -> bool, screen: u16) {
        let Some((_, page)) = &self.table.page else { return };
        if let Some(number) = page.rows.iter().position(wanted) {
            let window = &mut self.table.window;
            let on_screen = window.cursor.saturating_sub(window.top);
            window.cursor = number as u64;
            window.top = window.cursor.saturating_sub(on_screen);
        }
        self.table.window.settle(screen);
    }

    fn flat(&self) -> Vec<Line> {
        self.known.iter().map(|warning| Line::Warning(Box::new(warning.clone()))).collect()
    }

    fn grouped(&self) -> Vec<Line> {
        let mut names: Vec<&str> = Vec::new();
        for warning in &self.known {
            if !names.contains(&warning.name.as_str()) {
                names.push(&warning.name);
            }
        }
        let mut lines = Vec::new();
        for name in names {
            let of = || self.known.iter().filter(|warning| warning.name == name);
            let folded = self.folded.contains(name);
            lines.push(Line::Group(Group {
                name: name.to_owned(),
                severity: of().map(|warning| warning.severity).max().unwrap_or_default(),
                live: of().filter(|warning| !warning.past).count() as u64,
                past: of().filter(|warning| warning.past).count() as u64,
                count: of().fold(0, |sum, warning| sum.saturating_add(warning.count)),
                worst_ns: of().filter_map(|warning| warning.for_ns).max(),
                folded,
            }));
            if !folded {
                lines.extend(of().map(|warning| Line::Warning(Box::new(warning.clone()))));
            }
        }
        lines
    }
}
