//! The I/O screen: descriptors, what goes through them, and who waits for them.

use super::table::{Row, Table};
use loopscope_inspector::model::rates::{self, IoRates};
use loopscope_inspector::model::{Io, IoTotal};

impl Row for Io {
    /// What went through all descriptors made at one place, the closed ones included.
    type Beside = Vec<IoTotal>;

    fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What went through a descriptor between the page before and this one; `None` if it was in only one of them.
pub(crate) fn rates(table: &Table<Io>, io: &Io) -> Option<IoRates> {
    let (before, window_ns) = table.before(io)?;
    rates::io_rates(Some(before), io, window_ns)
}
