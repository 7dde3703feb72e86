//! Who took the last item out of a queue or a channel, so that it can be told when who empties it is gone.

use std::cell::Cell;
use std::fmt;

use crate::event_loop::slot::Loop;
use crate::task::control::TaskWord;
use crate::telemetry::view::Taker;

/// Who took an item is not known: it was outside of a task, or before anybody waited.
const UNKNOWN: u64 = u64::MAX;

/// The word of the task that took the last item; 0 for nobody yet, [`UNKNOWN`] if it is not known.
#[derive(Default)]
pub(super) struct LastTaker(Cell<u64>);

impl LastTaker {
    /// The running task takes an item. `lp` is the loop of those who wait.
    #[inline]
    pub(super) fn took(&self, lp: Option<&Loop>) {
        let word = lp.map_or(0, |lp| lp.running.get());
        self.0.set(if word == 0 { UNKNOWN } else { word });
    }

    /// Who it was, if that is known.
    pub(super) fn of(&self, lp: &Loop) -> Option<Taker> {
        match self.0.get() {
            0 => Some(Taker::Nobody),
            UNKNOWN => None,
            word => Some(lp.task_id(TaskWord(word)).map_or(Taker::Over, Taker::Task)),
        }
    }
}

impl fmt::Debug for LastTaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LastTaker").field(&self.0.get()).finish()
    }
}
