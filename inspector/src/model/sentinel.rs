//! The memory behind the lints: what was seen in the last minute, and what is wrong by it.
//!
//! ```text
//!   records ──a reading, about once a second──► Seen ──observe──► Sentinel (the last Seen, and tracks of what may grow)
//!                                                                    └─ findings(thresholds) ─► Vec<Warning>
//! ```
//!
//! Pure: it is fed with readings and their times, and has no clock and no I/O. The agent feeds it while a loop is in debug mode or
//! a client asks for warnings; tests feed it with histories.
//!
//! # What can be told from one reading, and what cannot
//!
//! A lock that is held, a task that stands in the run queue: these are told by `moment`, from the last reading alone. That
//! something *only grows* is told by `growth`, from tracks over a window ([`Thresholds::window_ns`]): a reading at least as old
//! as the window must be there, with no gap in between, and there must be growth in each third of it, so that one burst is no leak.
//!
//! # Bounds
//!
//! [`TRACKS_MAX`] tracks of each kind with [`READINGS_MAX`] readings each; what is beyond is not told of. Whoever fills a
//! [`Seen`] bounds it as [`SEEN_MAX`] says.

mod growth;
mod moment;
mod seen;
mod track;

use super::{Thresholds, Warning, lints};
use growth::Growth;
pub use seen::{
    FilesSeen, LATE_BOUNDS_NS, LockSeen, LoopSeen, PlaceSeen, PoolSeen, QueueSeen, Seen, SiteSeen, Taker,
    TaskSeen,
};
pub use track::{READINGS_MAX, TRACKS_MAX};

/// The most rows of each kind that a reading should hold.
pub const SEEN_MAX: usize = 1_000;

/// Readings nearer to each other than this count as one: several clients may ask at once.
const READING_NS_MIN: u64 = 500_000_000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Sentinel {
    last: Option<Seen>,
    growth: Growth,
}

impl Sentinel {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// When it was last fed, on the clock of the readings.
    pub fn observed_at_ns(&self) -> Option<u64> {
        self.last.as_ref().map(|seen| seen.at_ns)
    }

    /// Takes a reading. One that is older than the last is not taken.
    pub fn observe(&mut self, seen: Seen) {
        let last = self.last.as_ref().map(|last| last.at_ns);
        if last.is_some_and(|last| seen.at_ns < last) {
            return;
        }
        let tracked = self.growth.last_at_ns();
        if tracked.is_none_or(|tracked| seen.at_ns - tracked >= READING_NS_MIN) {
            self.growth.observe(&seen);
        }
        self.last = Some(seen);
    }

    /// What is wrong by all that was seen, the worst first.
    pub fn findings(&self, thresholds: &Thresholds) -> Vec<Warning> {
        let Some(seen) = &self.last else { return Vec::new() };
        let mut found = moment::findings(seen, thresholds);
        found.extend(self.growth.findings(seen, thresholds));
        found.retain(|warning| warning.name.parse().is_ok_and(|lint| thresholds.is_on(lint)));
        lints::sort(&mut found);
        found
    }
}

#[cfg(test)]
mod tests;
