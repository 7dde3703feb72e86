//! The columns of every table, for people and for CSV.

mod loops;
mod processes;
mod tasks;
mod warnings;

pub(crate) use loops::LOOPS;
pub(crate) use processes::PROCESSES;
pub(crate) use tasks::{TASKS, task_ink};
pub(crate) use warnings::{WARNINGS, warning_ink};

use super::json::rfc3339;
use loopscope_inspector::model::{Place, WallTime, words};

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
