//! Groups of tasks that end together.

use std::cell::Cell;

use crate::event_loop::slot::Loop;

/// What the loop knows of a group: whom to tell when a child is over.
pub(crate) struct GroupCore {
    live: Cell<usize>,
}

impl GroupCore {
    /// A child is over; `panic` is the text of its panic.
    pub(crate) fn child_ended(&self, _lp: &Loop, _id: u64, _panic: Option<String>) {
        self.live.set(self.live.get() - 1);
    }
}
