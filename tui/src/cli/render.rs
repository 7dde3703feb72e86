//! One picture written as what the flags ask for: words, CSV or JSON.

use super::cells::Ink;
use super::findings;
use super::flags::{Flags, Look};
use super::json::{
    self, IoJson, IoTotalJson, JobJson, LoopJson, PoolJson, SiteJson, SyncJson, TaskJson, TimerJson,
    WarningJson,
};
use super::table::{self, Caption, Column};
use super::tables::{
    IO, IO_TOTALS, JOBS, LOOPS, POOLS, PROCESSES, SITES, SYNC, TASKS, TIMERS, WARNINGS, job_ink, site_ink,
    task_ink, warning_ink,
};
use super::tree;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use loopscope_inspector::model::{Loop, Process, Snapshot};
use serde::Serialize;
use std::io::{self, Write};

/// A table that a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// `ps`
    Processes,
    /// `tasks`
    Tasks,
    /// `tree`
    Tree,
    /// `sites`
    Sites,
    /// `timers`
    Timers,
    /// `io`
    Io,
    /// `sync`
    Sync,
    /// `blocking`
    Blocking,
    /// `loops`
    Loops,
    /// `warnings`
    Warnings,
}

impl Table {
    /// Every table, as `--help` lists them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Processes,
        Self::Tree,
        Self::Tasks,
        Self::Sites,
        Self::Timers,
        Self::Io,
        Self::Sync,
        Self::Blocking,
        Self::Loops,
        Self::Warnings,
    ];

    /// The command's name, and the array's in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Processes => "ps",
            Self::Tasks => "tasks",
            Self::Tree => "tree",
            Self::Sites => "sites",
            Self::Timers => "timers",
            Self::Io => "io",
            Self::Sync => "sync",
            Self::Blocking => "blocking",
            Self::Loops => "loops",
            Self::Warnings => "warnings",
        }
    }
}

impl ValueEnum for Table {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

/// Writes a table of a picture.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn write(
    out: &mut dyn Write,
    table: Table,
    snapshot: &Snapshot,
    flags: &Flags,
    look: Look,
) -> io::Result<()> {
    if flags.json {
        write_json(out, table, snapshot, look)
    } else if flags.csv {
        write_csv(out, table, snapshot, look)
    } else {
        write_words(out, table, snapshot, look)
    }
}

/// The rows of a table that was asked for.
fn rows<R>(table: Option<&Vec<R>>) -> &[R] {
    table.map(Vec::as_slice).unwrap_or_default()
}

fn write_json(out: &mut dyn Write, table: Table, snapshot: &Snapshot, look: Look) -> io::Result<()> {
    match table {
        Table::Processes => json::write_processes(out, snapshot),
        Table::Tree => json::write_tree(out, snapshot),
        Table::Tasks => array(out, table, snapshot, snapshot.tasks.as_ref(), TaskJson::from, look),
        Table::Sites => array(out, table, snapshot, snapshot.sites.as_ref(), SiteJson::from, look),
        Table::Timers => array(out, table, snapshot, snapshot.timers.as_ref(), TimerJson::from, look),
        Table::Io => {
            let io = shown(snapshot.io.as_ref(), look).map(IoJson::from);
            let totals = rows(snapshot.io_totals.as_ref()).iter().map(IoTotalJson::from);
            json::write_two_tables(out, snapshot, (table.as_str(), io), ("io_totals", totals))
        }
        Table::Sync => array(out, table, snapshot, snapshot.sync.as_ref(), SyncJson::from, look),
        Table::Blocking => {
            let jobs = shown(snapshot.blocking.as_ref(), look).map(JobJson::from);
            let pools = rows(snapshot.pools.as_ref()).iter().map(PoolJson::from);
            json::write_two_tables(out, snapshot, (table.as_str(), jobs), ("pools", pools))
        }
        Table::Loops => array(out, table, snapshot, snapshot.loops.as_ref(), LoopJson::from, look),
        Table::Warnings => array(out, table, snapshot, snapshot.warnings.as_ref(), WarningJson::from, look),
    }
}

/// A document with one array.
fn array<'a, R: 'a, J: Serialize>(
    out: &mut dyn Write,
    table: Table,
    snapshot: &Snapshot,
    of: Option<&'a Vec<R>>,
    json: impl Fn(&'a R) -> J,
    look: Look,
) -> io::Result<()> {
    json::write_table(out, snapshot, table.as_str(), shown(of, look).map(json))
}

/// The rows of a table that the limit leaves.
fn shown<R>(table: Option<&Vec<R>>, look: Look) -> impl Iterator<Item = &R> {
    rows(table).iter().take(look.limit.unwrap_or(usize::MAX))
}

fn write_csv(out: &mut dyn Write, table: Table, snapshot: &Snapshot, look: Look) -> io::Result<()> {
    match table {
        Table::Processes => table::write_csv(out, PROCESSES, &snapshot.processes, look),
        Table::Tasks => table::write_csv(out, TASKS, rows(snapshot.tasks.as_ref()), look),
        Table::Sites => table::write_csv(out, SITES, rows(snapshot.sites.as_ref()), look),
        Table::Timers => table::write_csv(out, TIMERS, rows(snapshot.timers.as_ref()), look),
        Table::Io => table::write_csv(out, IO, rows(snapshot.io.as_ref()), look),
        Table::Sync => table::write_csv(out, SYNC, rows(snapshot.sync.as_ref()), look),
        Table::Blocking => table::write_csv(out, JOBS, rows(snapshot.blocking.as_ref()), look),
        Table::Loops => table::write_csv(out, LOOPS, rows(snapshot.loops.as_ref()), look),
        Table::Warnings => table::write_csv(out, WARNINGS, rows(snapshot.warnings.as_ref()), look),
        Table::Tree => {
            let tasks: Vec<_> = rows(snapshot.tree.as_ref()).iter().map(|row| row.task.clone()).collect();
            table::write_csv(out, TASKS, &tasks, look)
        }
    }
}

fn write_words(out: &mut dyn Write, table: Table, snapshot: &Snapshot, look: Look) -> io::Result<()> {
    let all = snapshot;
    match table {
        Table::Processes => words(out, PROCESSES, &all.processes, all, "processes", process_ink, look),
        Table::Tasks => words(out, TASKS, rows(all.tasks.as_ref()), all, "tasks", task_ink, look),
        Table::Sites => words(out, SITES, rows(all.sites.as_ref()), all, "sites", site_ink, look),
        Table::Timers => words(out, TIMERS, rows(all.timers.as_ref()), all, "timers", plain, look),
        Table::Io => {
            words(out, IO, rows(all.io.as_ref()), all, "descriptors", plain, look)?;
            below(out, "in all, with what is closed:", IO_TOTALS, rows(all.io_totals.as_ref()), look)
        }
        Table::Sync => words(
            out,
            SYNC,
            rows(all.sync.as_ref()),
            all,
            "locks or queues that a task waits for",
            plain,
            look,
        ),
        Table::Blocking => {
            words(out, JOBS, rows(all.blocking.as_ref()), all, "jobs", job_ink, look)?;
            below(out, "the pools:", POOLS, rows(all.pools.as_ref()), look)
        }
        Table::Loops => words(out, LOOPS, rows(all.loops.as_ref()), all, "loops", loop_ink, look),
        Table::Warnings => {
            words(out, WARNINGS, rows(all.warnings.as_ref()), all, "warnings", warning_ink, look)?;
            findings::write(out, rows(all.warnings.as_ref()), look)
        }
        Table::Tree => tree::write_tree(out, all, look),
    }
}

/// A second table below the command's.
fn below<R>(
    out: &mut dyn Write,
    heading: &str,
    columns: &[Column<R>],
    rows: &[R],
    look: Look,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", Ink::Heading.paint(heading, look.color))?;
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    table::write_words(out, columns, rows, &Caption { what: "rows", total, dropped: 0 }, plain, look)
}

/// A row in no colour.
fn plain<R>(_: &R) -> Ink {
    Ink::Plain
}

fn words<R>(
    out: &mut dyn Write,
    columns: &[Column<R>],
    rows: &[R],
    snapshot: &Snapshot,
    what: &'static str,
    ink: fn(&R) -> Ink,
    look: Look,
) -> io::Result<()> {
    let caption = Caption { what, total: snapshot.total, dropped: snapshot.dropped };
    table::write_words(out, columns, rows, &caption, ink, look)
}

fn process_ink(process: &Process) -> Ink {
    if process.blocked.is_some_and(|blocked| blocked > 0) {
        Ink::Error
    } else if process.warnings.is_some_and(|warnings| warnings > 0) {
        Ink::Warning
    } else {
        Ink::Plain
    }
}

/// A poll that has been under way for longer than this is worth a colour: the threshold of the lints, unless the application set another.
const LONG_POLL_NS: u64 = 100_000_000;

fn loop_ink(row: &Loop) -> Ink {
    if row.running.as_ref().is_some_and(|running| running.for_ns >= LONG_POLL_NS) {
        Ink::Error
    } else {
        Ink::Plain
    }
}

#[cfg(test)]
mod tests;
