//! Reading the pools of blocking threads and their jobs, from any thread at any time.
//!
//! As with loops, a reading takes no lock that a job's maker or a pool's thread needs, and what is read may be from slightly
//! different instants.

use std::ops::ControlFlow;

use super::atomic::OneWriter;
use super::clock::{self, Rate};
use super::job::{self, JobWords};
use super::view::{Histogram, JobView, NameIndex, Place, PlaceIndex, PoolHistogramKind, PoolView, TaskState};
use crate::blocking::pool::{Pool, all};
use crate::time::Instant;

/// Every pool of this process that was used: `blocking` of [`spawn_blocking`](crate::spawn_blocking) and
/// [`to_thread`](crate::to_thread), `resolve` for the names of hosts.
pub fn pools() -> Vec<PoolReader> {
    all().map(|pool| PoolReader { pool }).collect()
}

/// Reads the records of one pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolReader {
    pool: &'static Pool,
}

impl PoolReader {
    /// What the pool is called.
    pub fn name(&self) -> &'static str {
        self.pool.name()
    }

    /// The pool itself.
    pub fn view(&self) -> PoolView {
        let counters = &self.pool.record.counters;
        PoolView {
            name: self.pool.name(),
            threads: counters.threads.read(),
            idle: counters.idle.read(),
            threads_max: counters.threads_max.read(),
            queue_max: counters.queue_max.read(),
            queued: counters.queued.read(),
            running: counters.running.read(),
            completed: counters.completed.read(),
            cancelled: counters.cancelled.read(),
            panicked: counters.panicked.read(),
            refused: counters.refused.read(),
        }
    }

    /// Walks the jobs that are queued or running and the last 256 that ended, without allocating, until `each` breaks.
    pub fn jobs(&self, each: &mut dyn FnMut(&JobView) -> ControlFlow<()>) {
        let rate = clock::rate();
        self.pool.record.jobs.read(&mut |words| each(&view(&words, &rate)));
    }

    /// One job, if it is there or ended lately.
    pub fn job(&self, id: u64) -> Option<JobView> {
        let mut found = None;
        self.jobs(&mut |job| {
            if job.id == id {
                found = Some(*job);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        found
    }

    /// The text of a place.
    pub fn place(&self, index: PlaceIndex) -> Option<Place> {
        self.pool.record.places.get(index)
    }

    /// The text of a name. Names are what the application chose: escape them before showing them.
    pub fn text(&self, index: NameIndex) -> Option<String> {
        self.pool.record.names.get(index)
    }

    /// A histogram of the pool.
    pub fn histogram(&self, kind: PoolHistogramKind) -> Histogram {
        let record = &self.pool.record;
        let histograms = record.histograms.get(0);
        record.blocks.read(match kind {
            PoolHistogramKind::Waited => &histograms.waited,
            PoolHistogramKind::Ran => &histograms.ran,
        })
    }
}

fn view(words: &JobWords, rate: &Rate) -> JobView {
    let at = |ticks: u64| Instant::from_nanos(rate.at_ns(ticks));
    let state = match words.state {
        job::QUEUED => TaskState::Scheduled,
        job::RUNNING => TaskState::Running,
        job::COMPLETED => TaskState::Completed,
        job::CANCELLED => TaskState::Cancelled,
        _ => TaskState::Panicked,
    };
    JobView {
        id: words.id,
        state,
        name: words.name.checked_sub(1).map(NameIndex),
        place: words.place.checked_sub(1).map(PlaceIndex),
        parent: (words.parent != 0).then_some(words.parent),
        parent_loop: words.parent_loop.checked_sub(1),
        tid: i32::try_from(words.tid).ok().filter(|&tid| tid != 0),
        queued_at: at(words.queued_at),
        started_at: (words.started_at != 0).then(|| at(words.started_at)),
        ended_at: (state.is_finished() && words.ended_at != 0).then(|| at(words.ended_at)),
    }
}
