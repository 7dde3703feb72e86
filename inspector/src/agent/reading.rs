//! One picture, read from the records of the loops when a client asks.
//!
//! # How a million tasks stay cheap
//!
//! The records are walked once for the tasks and once for the waits, as they lie, and only what the request needs is kept:
//! the first rows of a sort in a bounded heap, 16 bytes a task for a tree, the few waits that tasks hold. Names and places
//! are looked up for the rows that are sent, while they are sent. Further walks are made only where a filter asks for what
//! is not there yet, or a row names a task that is not on the page; they end as soon as all is found.
//!
//! Everything that a reading allocates is gone when its picture has been sent.

pub(super) mod context;
mod detail;
mod graph;
mod histograms;
pub(super) mod ids;
mod jobs;
mod lints;
mod seen;
mod sync;
pub(super) mod tables;
pub(super) mod tasks;
mod timers;
mod tree_page;
mod waiters;
pub(super) mod waits;

use super::sentinel::Watch;
use crate::model::query::QueryError;
use crate::model::{Lint, Process, WallTime};
use crate::wire::{Heading, Query, Request, Row, Table, TableInfo};
use context::Context;
pub(super) use histograms::HistogramReading;
pub(super) use jobs::is_job;
pub(super) use lints::deadlocks;
#[cfg(feature = "stacks")]
pub(super) use lints::{frame, place};
pub(super) use seen::seen;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::SystemTime;
use tasks::Page;
#[cfg(feature = "stacks")]
pub(super) use tasks::state as task_state;
use waits::Waiting;
#[cfg(feature = "stacks")]
pub(super) use waits::kind as wait_kind;

/// Why a request cannot be answered.
#[derive(Debug)]
pub(super) enum BadRequest {
    /// A filter or a column is wrong.
    Query(QueryError),
    /// Rows that would take too much memory to get at.
    TooDeep,
    /// The tree is in the order of spawning and no other.
    TreeOrder,
}

impl From<QueryError> for BadRequest {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(error) => error.fmt(f),
            Self::TooDeep => {
                write!(
                    f,
                    "with this order a page must lie within the first {} rows; sort by a number or use a filter",
                    tasks::KEPT_MAX
                )
            }
            Self::TreeOrder => {
                f.write_str("the tree is in the order of spawning; only `id` can be sorted by")
            }
        }
    }
}

/// Puts what the loops know into the process's row, for the handshake.
pub(super) fn count_loops(process: &mut Process) {
    let request = Request::default();
    let context = Context::new(&request);
    tables::count_loops(&context, process);
    process.blocked = Some(tables::count_blocked(&context, lints::thresholds(&request).of(Lint::Blocked)));
}

/// Whether any loop that is shown is in debug mode.
pub(super) fn is_debug_mode_on() -> bool {
    Context::new(&Request::default()).loops.iter().any(|lp| lp.view.debug)
}

/// What is remembered from one reading to the next: enough to say how busy a loop was lately, and what only grows.
#[derive(Debug, Default)]
pub(super) struct Reader {
    busy: HashMap<u64, tables::Busy>,
    pub(super) watch: Watch,
}

impl Reader {
    /// Reads what the request asks for.
    pub(super) fn read(
        &mut self,
        request: &Request,
        process: Process,
        start_ticks: Option<u64>,
    ) -> Result<Reading, BadRequest> {
        let begun = loopscope::time::Instant::now();
        let context = Context::new(request);
        let mut heading = Heading {
            taken_at: WallTime::from(SystemTime::now()),
            process,
            start_ticks,
            cycles: request.cycles || request.why.is_some(),
            ..Heading::default()
        };
        tables::count_loops(&context, &mut heading.process);
        heading.process.blocked =
            Some(tables::count_blocked(&context, lints::thresholds(request).of(Lint::Blocked)));
        self.busy.retain(|id, _| context.loops.iter().any(|lp| lp.view.id == *id));
        let mut rows = VecDeque::new();
        let walked = tasks::walk(&context, request)?;
        heading.states = request.states.then_some(walked.states);
        let waiting = Waiting::read(&context, request, &walked);
        context.move_on();
        for page in [walked.flat.as_ref(), walked.tree.as_ref()].into_iter().flatten() {
            heading.tables.push(page.info);
        }
        let (totals, totals_more) = tables::io_totals(&context, request.io.is_some());
        let mut add = |table, query: &Query, found: Found| {
            heading.tables.push(found.info(table, query));
            rows.extend(found.rows);
        };
        if let Some(query) = &request.sites {
            add(Table::Sites, query, tables::sites(&context, query)?);
        }
        if let Some(query) = &request.timers {
            add(Table::Timers, query, timers::timers(&context, query)?);
        }
        if let Some(query) = &request.io {
            let mut found = tables::io(&context, query)?;
            found.dropped += totals_more;
            add(Table::Io, query, found);
        }
        if let Some(query) = &request.sync {
            add(Table::Sync, query, sync::sync(&context, query)?);
        }
        if let Some(query) = &request.blocking {
            add(Table::Blocking, query, jobs::blocking(&context, query)?);
        }
        if let Some(query) = &request.loops {
            add(Table::Loops, query, tables::loops(&context, query, &mut self.busy)?);
        }
        if let Some(query) = &request.warnings {
            let (found, all) =
                lints::warnings(&context, request, query, (&walked, &waiting), &mut self.watch)?;
            heading.process.warnings = Some(all);
            add(Table::Warnings, query, found);
        }
        rows.extend(totals);
        if request.blocking.is_some() {
            rows.extend(jobs::pools());
        }
        if heading.cycles {
            rows.extend(waiting.graph.cycles(request).map(Row::Cycle));
        }
        rows.extend(detail::rows(&context, &waiting));
        context.move_on();
        heading.reading_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let pages = [walked.flat, walked.tree].into_iter().flatten().collect();
        Ok(Reading { heading, context, pages, waiting, rows })
    }
}

/// The rows of a table, and how many there were.
#[derive(Debug, Default)]
struct Found {
    rows: Vec<Row>,
    total: u64,
    dropped: u64,
}

impl Found {
    fn info(&self, table: Table, query: &Query) -> TableInfo {
        TableInfo {
            table,
            total: self.total,
            shown: self.rows.len() as u64,
            dropped: self.dropped,
            offset: query.offset,
        }
    }
}

/// A picture that is being sent.
#[derive(Debug)]
pub(super) struct Reading {
    heading: Heading,
    context: Context,
    /// Tables whose rows are made when they are sent.
    pages: VecDeque<Page>,
    waiting: Waiting,
    rows: VecDeque<Row>,
}

impl Reading {
    /// What the picture begins with; once.
    pub(super) fn heading(&mut self) -> Heading {
        std::mem::take(&mut self.heading)
    }

    /// How many rows it holds.
    pub(super) fn rows_held(&self) -> u64 {
        let pages: usize = self.pages.iter().map(Page::len).sum();
        (pages + self.rows.len()) as u64
    }

    /// The next row.
    pub(super) fn next_row(&mut self) -> Option<Row> {
        while let Some(page) = self.pages.front_mut() {
            if let Some(row) = page.next_row(&self.context, &self.waiting) {
                return Some(row);
            }
            self.pages.pop_front();
        }
        self.rows.pop_front()
    }
}

#[cfg(test)]
mod tests;
