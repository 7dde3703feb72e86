#![allow(unsafe_code, reason = "marks types as readable from zeroed pages or shared under a lock")]
//! What anybody may read of one job on a blocking thread: 96 bytes under an identity word.
//!
//! ```text
//!            begin             started              ended
//!   (free) ────────► QUEUED ────────────► RUNNING ─────────► COMPLETED | PANICKED ──► history ──► (free)
//!                      └──────────────── ended ────────────► CANCELLED ─────────────►
//! ```
//!
//! # Who may touch what
//!
//! A job is made by one thread, started and ended by another, and perhaps cancelled by a third. There is still one writer at a
//! time: whoever holds the lock of the job's pool, which shows it with the [`Pen`] that lies inside of that lock. So each
//! writer sees all that the one before it wrote, and the identity word is what it is for a loop's records: a seqlock with one
//! writer. Readers take no lock; they look at the atomics, at [`Slots::high_water`] and at [`Slots::group_in_use`].
//!
//! With `--cfg loopscope_bare` nothing is published, to measure what the records cost.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::atomic::{Acquire, AtomicU32, AtomicU64, Relaxed, Release};
use super::identity::Identity;
use super::pages::{Pages, Zeroed};
use super::slots::{Links, Slots};

/// In the queue.
pub(crate) const QUEUED: u32 = 1;
/// On a thread.
pub(crate) const RUNNING: u32 = 2;
/// Its closure returned.
pub(crate) const COMPLETED: u32 = 3;
/// Taken out of the queue, or refused.
pub(crate) const CANCELLED: u32 = 4;
/// Its closure panicked.
pub(crate) const PANICKED: u32 = 5;

/// Jobs of one pool that are queued, running or remembered at most; further ones are refused.
#[cfg(not(loom))]
pub(crate) const JOBS_MAX: u32 = 1 << 20;
#[cfg(loom)]
pub(crate) const JOBS_MAX: u32 = 4;
/// How many jobs that ended stay readable.
#[cfg(not(loom))]
const HISTORY: usize = 256;
#[cfg(loom)]
const HISTORY: usize = 1;

#[cfg(not(loom))]
const _: () = assert!(size_of::<JobRecord>() == 96, "a group of 128 fills whole pages");

/// The right to write the records of one pool: it lies inside of the pool's lock.
#[derive(Debug, Default)]
pub(crate) struct Pen(());

/// One job.
#[derive(Default)]
#[repr(C, align(32))]
pub(crate) struct JobRecord {
    identity: Identity,
    state: AtomicU32,
    id: AtomicU64,
    /// The id of the task that made it, 0 for none.
    parent: AtomicU64,
    /// The number of the loop it was made on plus one, 0 for none.
    parent_loop: AtomicU64,
    /// Ticks.
    queued_at: AtomicU64,
    /// Ticks, 0 until it is started.
    started_at: AtomicU64,
    /// Ticks, 0 until it ended.
    ended_at: AtomicU64,
    place: AtomicU32,
    name: AtomicU32,
    /// The OS's number of its thread, 0 until it is started.
    tid: AtomicU32,
    link: Cell<u32>,
}

// SAFETY: zero is a free record: identity 0, a link that nobody follows. Other threads only touch the atomics.
unsafe impl Zeroed for JobRecord {}

/// What a job starts with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JobBirth {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) parent_loop: u64,
    pub(crate) place: u32,
    pub(crate) name: u32,
    /// Ticks.
    pub(crate) now: u64,
}

/// A copy of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobWords {
    pub(crate) state: u32,
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) parent_loop: u64,
    pub(crate) queued_at: u64,
    pub(crate) started_at: u64,
    pub(crate) ended_at: u64,
    pub(crate) place: u32,
    pub(crate) name: u32,
    pub(crate) tid: u32,
}

/// The records of all jobs of one pool.
pub(crate) struct Jobs {
    records: Pages<JobRecord>,
    slots: Slots,
    /// Jobs that ended, the oldest first.
    history: RefCell<VecDeque<u32>>,
}

// SAFETY: the cells of `slots`, `history` and the links are touched with the `Pen` alone, so by one thread at a time, each
// after the one before it; readers touch atomics.
unsafe impl Sync for Jobs {}

struct JobLinks<'a>(&'a Pages<JobRecord>);

impl Links for JobLinks<'_> {
    fn link(&self, index: u32) -> &Cell<u32> {
        &self.0.get(index).link
    }
    fn generation(&self, index: u32) -> u32 {
        self.0.get(index).identity.generation()
    }
    fn set_generation(&self, index: u32, generation: u32) {
        self.0.get(index).identity.set_free(generation);
    }
    #[cfg(not(loom))]
    fn release(&self, entries: std::ops::Range<u32>) {
        self.0.release(entries);
    }
    #[cfg(loom)]
    fn release(&self, entries: std::ops::Range<u32>) {
        // What the OS does to a page that is given back.
        for index in entries {
            let record = self.0.get(index);
            record.identity.set_free(0);
            record.id.store(0, Relaxed);
            record.parent.store(0, Relaxed);
        }
    }
}

#[cfg_attr(loopscope_bare, allow(unused_variables, reason = "compiled out"))]
impl Jobs {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        Ok(Self {
            records: Pages::reserve(JOBS_MAX as usize)?,
            slots: Slots::reserve(JOBS_MAX)?,
            history: RefCell::default(),
        })
    }

    /// A job enters the queue; `None` when there are too many.
    pub(crate) fn begin(&self, _: &mut Pen, birth: &JobBirth) -> Option<u32> {
        let index = self.slots.alloc(&JobLinks(&self.records))?;
        #[cfg(not(loopscope_bare))]
        {
            let record = self.records.get(index);
            record.identity.publish(record.identity.generation(), || {
                record.state.store(QUEUED, Relaxed);
                record.id.store(birth.id, Relaxed);
                record.parent.store(birth.parent, Relaxed);
                record.parent_loop.store(birth.parent_loop, Relaxed);
                record.queued_at.store(birth.now, Relaxed);
                record.started_at.store(0, Relaxed);
                record.ended_at.store(0, Relaxed);
                record.place.store(birth.place, Relaxed);
                record.name.store(birth.name, Relaxed);
                record.tid.store(0, Relaxed);
            });
        }
        Some(index)
    }

    /// A thread took the job at `now` (ticks).
    pub(crate) fn started(&self, _: &mut Pen, index: u32, tid: u32, now: u64) {
        #[cfg(not(loopscope_bare))]
        {
            let record = self.records.get(index);
            record.tid.store(tid, Relaxed);
            record.started_at.store(now, Relaxed);
            // Pairs with the reader's Acquire: a job that runs has a thread and a beginning.
            record.state.store(RUNNING, Release);
        }
    }

    /// The job is over; its record stays until 256 others are over.
    pub(crate) fn ended(&self, _: &mut Pen, index: u32, state: u32, now: u64) {
        #[cfg(not(loopscope_bare))]
        {
            let record = self.records.get(index);
            record.ended_at.store(now, Relaxed);
            // Pairs with the reader's Acquire: a job that is over has an end.
            record.state.store(state, Release);
        }
        let mut history = self.history.borrow_mut();
        history.push_back(index);
        if history.len() > HISTORY
            && let Some(oldest) = history.pop_front()
        {
            // Even again first: from here on readers find it free.
            self.slots.free(&JobLinks(&self.records), oldest);
        }
    }

    /// Gives memory of free records back.
    pub(crate) fn release_empty(&self, _: &mut Pen) {
        if self.slots.has_empty() {
            self.slots.release_empty(&JobLinks(&self.records));
        }
    }

    /// Walks the jobs, as any thread, until `each` breaks.
    pub(crate) fn read(&self, each: &mut dyn FnMut(JobWords) -> ControlFlow<()>) {
        for index in 0..self.slots.high_water() {
            if self.slots.group_in_use(index)
                && let Some(words) = self.records.get(index).read()
                && each(words).is_break()
            {
                return;
            }
        }
    }
}

impl JobRecord {
    fn read(&self) -> Option<JobWords> {
        self.identity.read(|| {
            // First, since the moments that belong to it are written before it.
            let state = self.state.load(Acquire);
            JobWords {
                state,
                id: self.id.load(Relaxed),
                parent: self.parent.load(Relaxed),
                parent_loop: self.parent_loop.load(Relaxed),
                queued_at: self.queued_at.load(Relaxed),
                started_at: self.started_at.load(Relaxed),
                ended_at: self.ended_at.load(Relaxed),
                place: self.place.load(Relaxed),
                name: self.name.load(Relaxed),
                tid: self.tid.load(Relaxed),
            }
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn all(jobs: &Jobs) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        jobs.read(&mut |words| {
            found.push((words.id, words.state));
            ControlFlow::Continue(())
        });
        found
    }

    #[test]
    #[cfg(not(loopscope_bare))]
    fn a_job_stays_readable_until_256_others_are_over() {
        let (jobs, mut pen) = (Jobs::reserve().unwrap(), Pen::default());
        for id in 1..=258 {
            let index = jobs.begin(&mut pen, &JobBirth { id, ..JobBirth::default() }).unwrap();
            jobs.started(&mut pen, index, 7, 1);
            jobs.ended(&mut pen, index, COMPLETED, 2);
        }
        let mut ids: Vec<u64> = all(&jobs).into_iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        assert_eq!(ids, (3..=258).collect::<Vec<_>>());
    }

    #[test]
    fn what_finds_no_record_is_refused_and_every_record_is_used_again() {
        let (jobs, mut pen) = (Jobs::reserve().unwrap(), Pen::default());
        let birth = JobBirth::default();
        let taken: Vec<u32> = (0..JOBS_MAX).map(|_| jobs.begin(&mut pen, &birth).unwrap()).collect();
        assert_eq!(jobs.begin(&mut pen, &birth), None);
        for index in taken {
            jobs.ended(&mut pen, index, CANCELLED, 1);
        }
        jobs.release_empty(&mut pen);
        assert!(jobs.begin(&mut pen, &birth).is_some());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    struct World {
        pen: Mutex<Pen>,
        jobs: Jobs,
    }

    // SAFETY: as of `Jobs`.
    unsafe impl Send for Jobs {}

    fn begin(world: &World, id: u64) -> u32 {
        let birth = JobBirth { id, parent: 2 * id, ..JobBirth::default() };
        world.jobs.begin(&mut world.pen.lock().unwrap(), &birth).unwrap()
    }

    fn end(world: &World, index: u32) {
        let mut pen = world.pen.lock().unwrap();
        world.jobs.ended(&mut pen, index, COMPLETED, 1);
        world.jobs.release_empty(&mut pen);
    }

    #[test]
    fn loom_a_reader_meets_whole_jobs_while_two_threads_write_under_the_lock() {
        loom::model(|| {
            let world = Arc::new(World { pen: Mutex::new(Pen::default()), jobs: Jobs::reserve().unwrap() });
            // The first is the history, so that the end of the second frees its record.
            let first = begin(&world, 1);
            end(&world, first);
            let second = begin(&world, 2);
            let ending = Arc::clone(&world);
            let worker = thread::spawn(move || end(&ending, second));
            let making = Arc::clone(&world);
            let maker = thread::spawn(move || begin(&making, 3));
            world.jobs.read(&mut |words| {
                assert!(words.id > 0 && words.parent == 2 * words.id, "{words:?}");
                ControlFlow::Continue(())
            });
            worker.join().unwrap();
            maker.join().unwrap();
        });
    }
}
