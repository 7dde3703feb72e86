//! How large a pool may become.

use std::time::Duration;

use super::pool;
use crate::telemetry::job::JOBS_MAX;

/// How long a thread without work stays: long enough for the next burst of a busy program, short enough that an idle one gives
/// its stacks back.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How many threads a pool may have, how long they stay, and how many jobs may queue.
///
/// # Examples
///
/// ```
/// use loopscope::blocking::{Settings, configure};
///
/// configure(Settings::new().threads_max(4).queue_max(1000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "asyncio.loop.set_default_executor")]
pub struct Settings {
    pub(super) threads_max: usize,
    pub(super) keep_alive: Duration,
    pub(super) queue_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// `min(32, cores + 4)` threads that stay for ten seconds, a million jobs.
    pub fn new() -> Self {
        // As asyncio has it: jobs mostly wait for a disk, so a few more than there are cores; not so many that a program
        // falls over on a large machine.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { threads_max: (cores + 4).min(32), keep_alive: KEEP_ALIVE, queue_max: JOBS_MAX as usize }
    }

    /// Threads at most.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[must_use]
    #[track_caller]
    pub fn threads_max(mut self, threads_max: usize) -> Self {
        assert!(threads_max > 0, "a pool without threads runs nothing");
        self.threads_max = threads_max;
        self
    }

    /// How long a thread waits for a job before it ends.
    #[must_use]
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Jobs that may stand in the queue; further ones are refused. A million at most.
    #[must_use]
    pub fn queue_max(mut self, queue_max: usize) -> Self {
        self.queue_max = queue_max.min(JOBS_MAX as usize);
        self
    }
}

/// Changes the pool of [`spawn_blocking`](crate::spawn_blocking) and [`to_thread`](crate::to_thread), of which the process has
/// one; at any time, and the last call counts.
///
/// Threads beyond a lower maximum end when their jobs do. Jobs beyond a lower limit of the queue stay in it.
pub fn configure(settings: Settings) {
    pool::BLOCKING.get().configure(settings);
}
