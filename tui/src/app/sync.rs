//! The Sync screen: locks with who holds them, queues with how full they are, and who waits.

use super::table::Row;
use loopscope_inspector::model::{Place, Sync};

impl Row for Sync {
    type Beside = ();

    fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// The most telling place: where it was taken, else where it was made.
pub(crate) fn place(sync: &Sync) -> Option<&Place> {
    sync.held_at.as_ref().or(sync.made_at.as_ref())
}
