//! What anybody may read of a loop itself, "which task has been running since when" first of all.

use std::sync::Mutex;

use super::atomic::{AtomicU64, OneWriter};
use super::view::RunningView;

/// Counters and moments of one loop; one writer, its thread. Ticks where not said otherwise.
#[derive(Default)]
pub(crate) struct LoopRecord {
    /// The task word of the poll under way, 0 when none is.
    pub(crate) running: AtomicU64,
    pub(crate) running_since: AtomicU64,
    /// Length of the run queue.
    pub(crate) ready: AtomicU64,
    /// Timers in the wheel.
    pub(crate) timers: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) driver_turns: AtomicU64,
    pub(crate) remote_wakes: AtomicU64,
    /// Not 0 once a handle was made by which another thread may bring something.
    pub(crate) entrances: AtomicU64,
    pub(crate) parked_ns: AtomicU64,
    /// 0 when not parked.
    pub(crate) parked_since: AtomicU64,
    pub(crate) started_at: AtomicU64,
    /// 1 while somebody runs the loop, as `block_on` does, or ends it.
    pub(crate) entered: AtomicU64,
    /// The word of a [`Mode`](crate::debug::Mode). Anybody may write it; the loop heeds it from its next look on.
    pub(crate) debug: AtomicU64,
    /// From when on a poll is slow, in nanoseconds. Likewise.
    pub(crate) slow_ns: AtomicU64,
    /// What changes once in a life.
    pub(crate) info: Mutex<LoopInfo>,
}

/// What a loop is called and where it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoopInfo {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) thread: String,
    pub(crate) tid: i32,
    pub(crate) hidden: bool,
}

impl LoopRecord {
    /// Starts a loop's life at `now` (ticks).
    pub(crate) fn start(&self, info: LoopInfo, now: u64) {
        for counter in [
            &self.running,
            &self.running_since,
            &self.ready,
            &self.timers,
            &self.batches,
            &self.driver_turns,
            &self.remote_wakes,
            &self.entrances,
            &self.parked_ns,
            &self.parked_since,
            &self.entered,
            &self.debug,
        ] {
            counter.put(0);
        }
        self.started_at.put(now);
        *self.info.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = info;
    }

    /// A copy of what changes once in a life.
    pub(crate) fn info(&self) -> LoopInfo {
        self.info.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The poll under way: task word and ticks.
    pub(crate) fn running(&self) -> Option<(u64, u64)> {
        let word = self.running.read();
        (word != 0).then(|| (word, self.running_since.read()))
    }
}

impl RunningView {
    pub(crate) fn new(task: Option<u64>, since: crate::time::Instant) -> Self {
        Self { task, since }
    }
}
