//! The columns of every table, for people and for CSV.

mod blocking;
mod io;
mod loops;
mod processes;
mod sites;
mod sync;
mod tasks;
mod timers;
mod warnings;

pub(crate) use blocking::{JOBS, POOLS, job_ink};
pub(crate) use io::{IO, IO_TOTALS};
pub(crate) use loops::LOOPS;
pub(crate) use processes::PROCESSES;
pub(crate) use sites::{SITES, site_ink};
pub(crate) use sync::SYNC;
pub(crate) use tasks::{TASKS, task_ink};
pub(crate) use timers::TIMERS;
pub(crate) use warnings::{WARNINGS, warning_ink};

use super::json::rfc3339;
use loopscope_inspector::model::{Place, ResourceKind, Waiting, WallTime, words};

/// The exact value of a cell, empty where unknown.
fn exact(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The exact value of a time.
fn exact_time(value: Option<WallTime>) -> String {
    value.map(rfc3339).unwrap_or_default()
}

/// The exact value of a place.
fn exact_place(place: Option<&Place>) -> String {
    exact(place)
}

/// A name, made harmless and short.
fn name(name: Option<&str>) -> String {
    /// Who gives a task a name of a megabyte should not push everything else off the screen.
    const CHARS_MAX: usize = 32;
    name.map(|name| words::escape(name, CHARS_MAX).into_owned()).unwrap_or_default()
}

/// A duration in words.
fn duration(value_ns: Option<u64>) -> String {
    value_ns.map(words::duration).unwrap_or_default()
}

/// A place in words.
fn place(place: Option<&Place>) -> String {
    place.map(words::place).unwrap_or_default()
}

/// A part of a whole as a percentage.
fn percent(value: Option<f64>) -> String {
    value.map(words::percent).unwrap_or_default()
}

/// A count, empty where unknown.
fn count(value: Option<u64>) -> String {
    value.map(words::count).unwrap_or_default()
}

/// Any other text, made harmless.
fn text(text: &str) -> String {
    words::escape(text, words::TEXT_CHARS_MAX).into_owned()
}

/// An address, made harmless.
fn address(address: Option<&str>) -> String {
    address.map(text).unwrap_or_default()
}

/// A count that is worth a look only if it is not 0.
fn unless_0(value: u64) -> String {
    if value == 0 { String::new() } else { words::count(value) }
}

/// A task, empty where there is none.
fn task(id: Option<u64>, name: Option<&str>) -> String {
    id.map(|id| words::task(id, name)).unwrap_or_default()
}

/// What is left until a deadline, or how long it has been over.
fn left(deadline_in_ns: i64) -> String {
    let span = words::duration(deadline_in_ns.unsigned_abs());
    if deadline_in_ns < 0 { format!("{span} late") } else { span }
}

/// Who waits for a resource, as many as can be read at a glance.
fn waiting(of: ResourceKind, waits: &[Waiting]) -> String {
    const NAMED_MAX: usize = 4;
    words::waiting(of, waits, NAMED_MAX)
}

/// All of some ids.
fn exact_ids(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}
