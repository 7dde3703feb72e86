//! One spawn site.

use super::{Place, Summary};

/// Every task spawned at one place, living or dead, counted exactly: one row of `sites`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// The loop, where sites are listed by loop.
    pub loop_id: Option<u64>,
    /// Where.
    pub site: Place,
    /// The name of the first named task spawned there.
    pub name: Option<String>,
    /// Tasks alive.
    pub live: u64,
    /// Tasks spawned so far.
    pub spawned: u64,
    /// Tasks that returned.
    pub completed: u64,
    /// Tasks dropped before they returned.
    pub cancelled: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Time in `poll` of all of them.
    pub busy_ns: u64,
    /// How long their polls took.
    pub poll: Option<Summary>,
    /// How long they stood in the run queue.
    pub scheduled: Option<Summary>,
}
