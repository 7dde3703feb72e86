//! The JSON that scripts rely on: schema 1.
//!
//! The model's values are converted here, at the edge, so that the model can change without a script noticing. What is unknown is
//! absent; durations are whole nanoseconds in fields that end in `_ns`; wall-clock times are RFC 3339.
//!
//! Rows are written one after the other and never collected, and the tree is written without recursion: a million tasks, or a chain
//! of tasks a hundred thousand levels deep, must not cost the memory or the stack of this program.

mod act;
mod blocking;
mod event_loop;
mod histogram;
mod lint;
mod log;
mod process;
mod resource;
mod site;
mod stack;
mod task;
mod timer;
mod value;
mod warning;
mod why;

pub(crate) use act::{write_cancelled, write_debug};
pub(crate) use blocking::{JobJson, PoolJson};
pub(crate) use event_loop::LoopJson;
pub(crate) use histogram::{write_hist, write_histograms};
pub(crate) use lint::write_lints;
pub(crate) use log::{write_log_line, write_logs};
use process::ProcessJson;
pub(crate) use resource::{IoJson, IoTotalJson, SyncJson};
pub(crate) use site::SiteJson;
pub(crate) use stack::{write_dump, write_stacks};
pub(crate) use task::TaskJson;
pub(crate) use timer::TimerJson;
pub(crate) use value::rfc3339;
pub(crate) use warning::WarningJson;
pub(crate) use why::write_why;

use loopscope_inspector::model::{Cycle, Snapshot, Task, TreeNode};
use serde::Serialize;
use std::io::{self, Write};

/// The version of what is written here. It changes when a field changes its meaning, not when one is added.
const SCHEMA: u32 = 1;

/// What every document begins with.
#[derive(Debug, Serialize)]
struct Head<'a> {
    schema: u32,
    taken_at: String,
    processes: Vec<ProcessJson<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
}

/// How much there is. In a document that is written while it is read, this is its end.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    total: u64,
    shown: u64,
    dropped: u64,
}

impl<'a> Head<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            schema: SCHEMA,
            taken_at: value::rfc3339(snapshot.taken_at),
            processes: snapshot.processes.iter().map(ProcessJson::from).collect(),
            counts: Some(Counts { total: snapshot.total, shown: snapshot.shown, dropped: snapshot.dropped }),
        }
    }
}

/// One circle of waiting tasks.
#[derive(Debug, Serialize)]
struct CycleJson<'a> {
    deadlock: bool,
    tasks: &'a [u64],
    behind: u64,
}

/// Writes the document of `ps`, which has no table but `processes`.
pub(crate) fn write_processes(out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Head::new(snapshot))?;
    writeln!(out)
}

/// Writes a document whose array bears the command's name.
pub(crate) fn write_table<R: Serialize>(
    out: &mut dyn Write,
    snapshot: &Snapshot,
    command: &str,
    rows: impl Iterator<Item = R>,
) -> io::Result<()> {
    open(out, snapshot)?;
    write_array(out, command, rows)?;
    writeln!(out, "}}")
}

/// Writes a document with a second array beside the command's.
pub(crate) fn write_two_tables<R: Serialize, S: Serialize>(
    out: &mut dyn Write,
    snapshot: &Snapshot,
    (command, rows): (&str, impl Iterator<Item = R>),
    (beside, more): (&str, impl Iterator<Item = S>),
) -> io::Result<()> {
    open(out, snapshot)?;
    write_array(out, command, rows)?;
    write_array(out, beside, more)?;
    writeln!(out, "}}")
}

/// Writes an array as the next field of an object.
fn write_array<R: Serialize>(
    out: &mut dyn Write,
    name: &str,
    rows: impl Iterator<Item = R>,
) -> io::Result<()> {
    write!(out, ",\"{name}\":[")?;
    write_rows(out, rows, true)?;
    out.write_all(b"]")
}

/// Writes rows with commas between them, and before them unless they are the first.
fn write_rows<R: Serialize>(
    out: &mut dyn Write,
    rows: impl Iterator<Item = R>,
    first: bool,
) -> io::Result<()> {
    let mut first = first;
    for row in rows {
        if !first {
            out.write_all(b",")?;
        }
        first = false;
        serde_json::to_writer(&mut *out, &row)?;
    }
    Ok(())
}

/// The document of `tasks` for so many of them that they are written while they are read. Its counts come last.
#[derive(Debug)]
pub(crate) struct TaskStream {
    counts: Counts,
}

impl TaskStream {
    /// Begins the document.
    pub(crate) fn open(out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<Self> {
        write_unclosed(out, &Head { counts: None, ..Head::new(snapshot) })?;
        out.write_all(b",\"tasks\":[")?;
        Ok(Self { counts: Counts::default() })
    }

    /// Writes some tasks.
    pub(crate) fn write(&mut self, out: &mut dyn Write, tasks: &[Task]) -> io::Result<()> {
        write_rows(out, tasks.iter().map(TaskJson::from), self.counts.shown == 0)?;
        self.counts.shown += u64::try_from(tasks.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// A task as it will be written.
    pub(crate) fn row(task: &Task) -> io::Result<Box<str>> {
        Ok(serde_json::to_string(&TaskJson::from(task))?.into())
    }

    /// Writes what [`row`](Self::row) made.
    pub(crate) fn write_row(&mut self, out: &mut dyn Write, row: &str) -> io::Result<()> {
        if self.counts.shown > 0 {
            out.write_all(b",")?;
        }
        self.counts.shown += 1;
        out.write_all(row.as_bytes())
    }

    /// Ends the document; without a total all that there are were written.
    pub(crate) fn close(mut self, out: &mut dyn Write, total: Option<u64>, dropped: u64) -> io::Result<()> {
        self.counts.total = total.unwrap_or(self.counts.shown);
        self.counts.dropped = dropped;
        let counts = serde_json::to_string(&self.counts)?;
        writeln!(out, "],{}", counts.strip_prefix('{').unwrap_or(&counts))
    }
}

/// Writes the document of `tree`: tasks nested through `children`, and the cycles.
pub(crate) fn write_tree(out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<()> {
    open(out, snapshot)?;
    out.write_all(b",\"tree\":[")?;
    nest(out, snapshot.tree.as_deref().unwrap_or_default())?;
    out.write_all(b"],\"cycles\":")?;
    let cycles = snapshot.cycles.as_deref().unwrap_or_default();
    let cycles: Vec<CycleJson<'_>> = cycles.iter().map(CycleJson::from).collect();
    serde_json::to_writer(&mut *out, &cycles)?;
    writeln!(out, "}}")
}

impl<'a> From<&'a Cycle> for CycleJson<'a> {
    fn from(cycle: &'a Cycle) -> Self {
        Self { deadlock: cycle.deadlock, tasks: &cycle.tasks, behind: cycle.behind }
    }
}

/// Writes rows in the order of display as nested objects. A row that claims to be more than one deeper than the one before (only a
/// broken agent sends that) counts as its child.
fn nest(out: &mut dyn Write, rows: &[TreeNode]) -> io::Result<()> {
    let mut open: usize = 0;
    for (index, row) in rows.iter().enumerate() {
        let depth = usize::try_from(row.depth).unwrap_or(usize::MAX).min(open);
        // A child opens a new array, in which it is the first; so is the first row of all.
        let first = index == 0 || depth == open;
        while open > depth {
            out.write_all(b"]}")?;
            open -= 1;
        }
        if !first {
            out.write_all(b",")?;
        }
        write_unclosed(out, &TaskJson::from(&row.task))?;
        out.write_all(b",\"children\":[")?;
        open += 1;
    }
    for _ in 0..open {
        out.write_all(b"]}")?;
    }
    Ok(())
}

/// Begins a document and leaves its object open.
fn open(out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<()> {
    write_unclosed(out, &Head::new(snapshot))
}

/// Writes an object (which has at least one field) without its closing brace, so that fields can follow.
fn write_unclosed(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(object)?;
    out.write_all(text.strip_suffix('}').unwrap_or(&text).as_bytes())
}

#[cfg(test)]
mod tests;
