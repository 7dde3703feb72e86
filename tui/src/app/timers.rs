//! The Timers screen: what is pending, by deadline, and how late each loop's timers fire.

use super::table::Row;
use loopscope_inspector::model::{Loop, Timer, words};

impl Row for Timer {
    /// The loops, for their numbers of timers and how late these fire.
    type Beside = Vec<Loop>;

    fn is(&self, other: &Self) -> bool {
        (self.loop_id, self.task, &self.at) == (other.loop_id, other.task, &other.at)
    }
}

/// When a timer fires, in words: `in 340 ms`, or `late by 1.2 s`.
pub(crate) fn deadline(timer: &Timer) -> String {
    let distance = words::duration(timer.deadline_in_ns.unsigned_abs());
    if timer.deadline_in_ns < 0 { format!("late by {distance}") } else { format!("in {distance}") }
}
