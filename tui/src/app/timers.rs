//! The Timers screen: what is pending, by deadline, and how late each loop's timers fire.

use super::table::Row;
use loopscope_inspector::model::{Hist, Loop, Timer, words};
use std::collections::BTreeMap;

impl Row for Timer {
    type Beside = Beside;

    fn is(&self, other: &Self) -> bool {
        (self.loop_id, self.task, &self.at) == (other.loop_id, other.task, &other.at)
    }
}

/// How late timers fire.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Beside {
    /// The loops, for their numbers of timers and how late these fire.
    pub(crate) loops: Vec<Loop>,
    /// How many loops there are.
    pub(crate) loop_count: u64,
    /// How late those of each loop fired in full, if that was asked for.
    pub(crate) lateness: BTreeMap<u64, Hist>,
}

/// When a timer fires, in words: `in 340 ms`, or `late by 1.2 s`.
pub(crate) fn deadline(timer: &Timer) -> String {
    let distance = words::duration(timer.deadline_in_ns.unsigned_abs());
    if timer.deadline_in_ns < 0 { format!("late by {distance}") } else { format!("in {distance}") }
}
