//! `debug` and `cancel`: what came of them.

use super::{Head, write_array, write_unclosed};
use loopscope_inspector::model::{Cancelled, DebugState, Process, Snapshot, WallTime};
use serde::Serialize;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

fn head(process: Process, rows: usize) -> Snapshot {
    let total = u64::try_from(rows).unwrap_or(u64::MAX);
    let taken_at = WallTime::from(SystemTime::now());
    Snapshot { taken_at, processes: vec![process], total, shown: total, ..Snapshot::default() }
}

#[derive(Debug, Serialize)]
struct DebugJson {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_callback_ns: Option<u64>,
    loops: u64,
    /// Whether it is as before when this program ends.
    undone_at_leave: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lasts_for_ns: Option<u64>,
}

/// Writes the document of `debug`.
pub(crate) fn write_debug(
    out: &mut dyn Write,
    process: Process,
    state: &DebugState,
    lasts: Option<Duration>,
) -> io::Result<()> {
    write_unclosed(out, &Head::new(&head(process, 1)))?;
    let row = DebugJson {
        mode: state.mode.as_str(),
        slow_callback_ns: state.slow_callback_ns,
        loops: state.loops,
        undone_at_leave: state.undone_at_leave,
        lasts_for_ns: lasts.map(|lasts| u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX)),
    };
    write_array(out, "debug", std::iter::once(row))?;
    writeln!(out, "}}")
}

#[derive(Debug, Serialize)]
struct CancelledJson {
    task: u64,
    outcome: &'static str,
}

/// Writes the document of `cancel`, or the same as CSV.
pub(crate) fn write_cancelled(
    out: &mut dyn Write,
    process: Process,
    cancelled: &[Cancelled],
    csv: bool,
) -> io::Result<()> {
    if csv {
        writeln!(out, "task,outcome")?;
        return cancelled.iter().try_for_each(|it| writeln!(out, "{},{}", it.task, it.outcome));
    }
    write_unclosed(out, &Head::new(&head(process, cancelled.len())))?;
    let row = |it: &Cancelled| CancelledJson { task: it.task, outcome: it.outcome.as_str() };
    write_array(out, "cancel", cancelled.iter().map(row))?;
    writeln!(out, "}}")
}
