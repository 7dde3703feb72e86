//! The Logs screen: the application's own log lines as they come, each with the task that it is of.
//!
//! # State
//!
//! The process keeps the latest lines in a ring and is asked for those since the last one (which one that is, is not part of
//! the question: the feed knows). [`LINES_MAX`] of them are kept here; those that match the level and the filter
//! are the rows of the table, which are made anew when any of these changes.
//!
//! While lines are followed the selection is on the last one; a move up stops that, the last row or `f` goes on. While the
//! picture is frozen, what comes is held back.

use super::question::{Listing, Page, TableQuestion};
use super::table::{Row, Table};
use loopscope_inspector::model::query::Filter;
use loopscope_inspector::model::{LogLevel, LogLine, Logs, Place};
use std::collections::VecDeque;
use std::sync::Arc;

/// Lines that are kept: half an hour of a program that says three things a second, and 2 MiB at 400 bytes each.
pub(crate) const LINES_MAX: usize = 5_000;

impl Row for Arc<LogLine> {
    type Beside = ();

    fn is(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

/// The Logs screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogsScreen {
    /// The lines that match.
    pub(crate) table: Table<Arc<LogLine>>,
    /// The least level that is shown.
    pub(crate) level: LogLevel,
    /// Whether the selection stays on the last line.
    pub(crate) follow: bool,
    /// Which lines the application keeps.
    pub(crate) filter: Option<String>,
    /// Lines that nobody could read any more.
    pub(crate) missed: u64,
    /// Why there are no lines.
    pub(crate) failed: Option<String>,
    /// Whether anything was ever read.
    pub(crate) is_read: bool,
    /// The filter and the level that the rows are of.
    shown: (String, LogLevel),
    lines: VecDeque<Arc<LogLine>>,
    /// What came while the picture was frozen.
    held: VecDeque<Arc<LogLine>>,
}

impl Default for LogsScreen {
    fn default() -> Self {
        Self {
            table: Table::new(Listing::Logs),
            level: LogLevel::Trace,
            follow: true,
            filter: None,
            missed: 0,
            failed: None,
            is_read: false,
            shown: (String::new(), LogLevel::Trace),
            lines: VecDeque::new(),
            held: VecDeque::new(),
        }
    }
}

impl LogsScreen {
    /// The selected line.
    pub(crate) fn selected(&self) -> Option<&LogLine> {
        self.table.selected().map(|line| &**line)
    }

    /// Takes an answer; while the picture is frozen it is held back. `false` if nothing that is seen has changed.
    pub(crate) fn take(&mut self, answer: Result<Logs, String>, frozen: bool, screen: u16) -> bool {
        let first = !std::mem::replace(&mut self.is_read, true);
        let logs = match answer {
            Ok(logs) => logs,
            Err(why) => {
                let why = Some(why);
                self.table.window.total.get_or_insert(0);
                let changed = self.failed != why || first;
                self.failed = why;
                return changed;
            }
        };
        let mended = self.failed.take().is_some();
        let filtered = logs.filter.is_some() && self.filter != logs.filter;
        if filtered {
            self.filter = logs.filter;
        }
        self.missed = self.missed.saturating_add(logs.missed);
        let last = self.held.back().or(self.lines.back()).map_or(0, |line| line.number);
        let new: Vec<_> = logs.lines.into_iter().filter(|line| line.number > last).collect();
        let changed = first || mended || filtered || logs.missed > 0 || (!new.is_empty() && !frozen);
        keep(if frozen { &mut self.held } else { &mut self.lines }, new);
        if !frozen {
            self.thaw(screen);
        }
        changed
    }

    /// Shows what was held back.
    pub(crate) fn thaw(&mut self, screen: u16) {
        let held = std::mem::take(&mut self.held);
        keep(&mut self.lines, held);
        self.remake(screen);
    }

    /// Makes the rows anew.
    pub(crate) fn remake(&mut self, screen: u16) {
        let selected = self.table.selected().map(|line| line.number);
        // A filter that is applied was checked before.
        let filter = Filter::parse::<LogLine>(&self.table.window.filter).ok();
        let matches = |line: &&Arc<LogLine>| {
            line.level <= self.level && filter.as_ref().is_none_or(|filter| filter.matches(&***line))
        };
        let rows: Vec<Arc<LogLine>> = self.lines.iter().filter(matches).cloned().collect();
        let total = rows.len() as u64;
        self.shown = (self.table.window.filter.clone(), self.level);
        // The line itself, else the first after it.
        let at = selected.map(|number| rows.partition_point(|line| line.number < number) as u64);
        let question = self.question();
        self.table.take(question, Page { total, rows, ..Page::default() });
        let window = &mut self.table.window;
        let on_screen = window.cursor.saturating_sub(window.top);
        window.cursor = if self.follow { total.saturating_sub(1) } else { at.unwrap_or(0) };
        window.top = window.cursor.saturating_sub(if self.follow { u64::from(screen) } else { on_screen });
        window.settle(screen);
    }

    /// Brings the selection onto a line that is there, after another filter or level too.
    pub(crate) fn settle(&mut self, screen: u16) {
        if (&self.table.window.filter, self.level) == (&self.shown.0, self.shown.1) {
            self.table.window.settle(screen);
        } else if self.is_read {
            self.remake(screen);
        }
    }

    /// Notes where a move has led: the last line is followed, any other is not.
    pub(crate) fn moved(&mut self) {
        let window = &self.table.window;
        self.follow = window.cursor + 1 >= window.total();
    }

    /// The lines after the selected one.
    pub(crate) fn below(&self) -> u64 {
        let window = &self.table.window;
        window.total().saturating_sub(window.cursor + 1)
    }

    fn question(&self) -> TableQuestion {
        TableQuestion { limit: LINES_MAX as u64, offset: 0, ..self.table.question(1) }
    }
}

fn keep(lines: &mut VecDeque<Arc<LogLine>>, new: impl IntoIterator<Item = Arc<LogLine>>) {
    lines.extend(new);
    let excess = lines.len().saturating_sub(LINES_MAX);
    lines.drain(..excess);
}

/// Where a line was logged.
pub(crate) fn place(line: &LogLine) -> Option<Place> {
    Some(Place::new(line.file.clone()?, line.line?, 0))
}

/// The next least level that is shown, from the worst to all.
pub(crate) fn next_level(level: LogLevel) -> LogLevel {
    let all = LogLevel::ALL;
    let at = all.iter().position(|known| *known == level).unwrap_or(0);
    all[(at + 1) % all.len()]
}

/// That only lines of this level and worse are shown.
pub(crate) fn level_words(level: LogLevel) -> String {
    match level {
        LogLevel::Error => "Only errors are shown; v shows more.".to_owned(),
        LogLevel::Trace => "Lines of every level are shown.".to_owned(),
        level => format!("Lines of level {level} and worse are shown; v shows more."),
    }
}

/// What a line says, with what else was said by name.
pub(crate) fn words(line: &LogLine) -> String {
    use loopscope_inspector::model::words::{NAME_CHARS_MAX, TEXT_CHARS_MAX, escape};
    let mut text = escape(&line.message, TEXT_CHARS_MAX).into_owned();
    for (name, value) in &line.fields {
        text = format!("{text} {}={}", escape(name, NAME_CHARS_MAX), escape(value, TEXT_CHARS_MAX));
    }
    text.trim_start().to_owned()
}

/// The time of a line, of the day in UTC: `12:34:56.789`.
pub(crate) fn time(line: &LogLine) -> String {
    let ms = line.at.as_unix_ns() / 1_000_000 % 86_400_000;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1_000)
}
