#![allow(unsafe_code, reason = "pools are made once and never freed, and a fork leaves them behind")]
//! A pool of threads that run jobs in the order they came.
//!
//! ```text
//!   submit: lock ─ record, queue ─ unlock ─► an idle thread is told, or a new one started
//!   thread: lock ─ take the first ─ unlock ─ run ─ lock ─ record ─ unlock ─ publish ─┐
//!             ▲                                                                      │
//!             └── idle: waits to be told, ends after the keep-alive ◄────────────────┘
//! ```
//!
//! # Invariants
//!
//! - While jobs are queued, as many threads as there are jobs are on their way to the lock, or there are as many threads as may
//!   be: so no job waits beside an idle thread.
//! - No foreign code runs under the lock: closures, wakers, and destructors come when it is free.
//! - A pool is never freed. In the child of a fork the parent's pools are left as they are, since their locks may be held for
//!   ever and their threads do not exist; whoever still has a handle of one of their jobs is told that it was cancelled.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicPtr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::job::{CalledOff, Run};
use super::settings::Settings;
use crate::telemetry::atomic::{AcqRel, Acquire, AtomicU64, OneWriter, Release};
use crate::telemetry::clock::{self, Ticks};
use crate::telemetry::job::{CANCELLED, COMPLETED, JobBirth, PANICKED, Pen};
use crate::telemetry::pool_record::{PoolRecord, count};
use crate::telemetry::view::WaitKind;

/// The threads of `spawn_blocking` and `to_thread`.
pub(crate) static BLOCKING: PoolSlot = PoolSlot::new(Kind { name: "blocking", waits: WaitKind::Blocking });
/// The threads that resolve the names of hosts.
pub(crate) static RESOLVE: PoolSlot = PoolSlot::new(Kind { name: "resolve", waits: WaitKind::Resolve });

/// What a pool is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// What it is called; its threads are `loopscope-NAME-N`.
    name: &'static str,
    /// What a task waits for that awaits one of its jobs.
    waits: WaitKind,
}

/// Where a pool is found; it is made at its first use.
pub(crate) struct PoolSlot {
    kind: Kind,
    pool: AtomicPtr<Pool>,
}

/// Every pool that was used.
pub(crate) fn all() -> impl Iterator<Item = &'static Pool> {
    [&BLOCKING, &RESOLVE].into_iter().filter_map(PoolSlot::peek)
}

/// In the child of a fork: the pools stay with the parent.
pub(crate) fn forget_all_after_fork() {
    for slot in [&BLOCKING, &RESOLVE] {
        if let Some(pool) = slot.peek() {
            pool.forked.store(true, Release);
        }
        slot.pool.store(std::ptr::null_mut(), Release);
    }
}

impl PoolSlot {
    const fn new(kind: Kind) -> Self {
        Self { kind, pool: AtomicPtr::new(std::ptr::null_mut()) }
    }

    fn peek(&self) -> Option<&'static Pool> {
        // SAFETY: a pool is published once it is whole, and never freed.
        unsafe { self.pool.load(Acquire).as_ref() }
    }

    /// The pool.
    ///
    /// # Panics
    ///
    /// When the OS refuses the address space of its records.
    pub(crate) fn get(&self) -> &'static Pool {
        self.peek().unwrap_or_else(|| self.make())
    }

    #[cold]
    fn make(&self) -> &'static Pool {
        crate::event_loop::current::watch_forks();
        let made = match Pool::new(self.kind) {
            Ok(pool) => Box::leak(Box::new(pool)),
            Err(error) => panic!("cannot make the pool of blocking threads: {error}"),
        };
        // Whoever comes second takes what the first one made; the address space of its own is lost, once.
        match self.pool.compare_exchange(std::ptr::null_mut(), made, AcqRel, Acquire) {
            Ok(_) => made,
            // SAFETY: as in `peek`.
            Err(theirs) => unsafe { &*theirs },
        }
    }
}

/// A pool.
pub(crate) struct Pool {
    kind: Kind,
    /// The process was forked and this is the child's copy.
    forked: AtomicBool,
    locked: Mutex<Locked>,
    /// Idle threads wait here.
    wanted: Condvar,
    ticks: Ticks,
    pub(crate) record: PoolRecord,
}

/// What the lock guards.
struct Locked {
    pen: Pen,
    /// By the order they came.
    queue: BTreeMap<u64, Queued>,
    /// Jobs that were ever queued.
    submitted: u64,
    threads: usize,
    /// Threads that wait to be told, those that were told and are not there yet among them.
    idle: usize,
    /// Threads that were ever started.
    started: u64,
    settings: Settings,
}

/// One job in the queue.
struct Queued {
    job: Arc<dyn Run>,
    /// Its record.
    index: u32,
    /// The loop it was made on plus one.
    parent_loop: u64,
    /// When it was queued, in ticks.
    since: u64,
}

/// What is said of a job when it is handed over.
pub(super) struct Submission<'a> {
    pub(super) id: u64,
    pub(super) parent: u64,
    /// The loop's number plus one.
    pub(super) parent_loop: u64,
    pub(super) name: Option<&'a str>,
    pub(super) place: &'static Location<'static>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("name", &self.kind.name).finish_non_exhaustive()
    }
}

impl Pool {
    fn new(kind: Kind) -> std::io::Result<Self> {
        let settings = Settings::new();
        let record = PoolRecord::reserve()?;
        let locked = Locked {
            pen: Pen::default(),
            queue: BTreeMap::new(),
            submitted: 0,
            threads: 0,
            idle: 0,
            started: 0,
            settings,
        };
        let pool = Self {
            kind,
            forked: AtomicBool::new(false),
            locked: Mutex::new(locked),
            wanted: Condvar::new(),
            ticks: Ticks::of_process(),
            record,
        };
        pool.show(settings);
        Ok(pool)
    }

    /// What the pool is called.
    pub(crate) fn name(&self) -> &'static str {
        self.kind.name
    }

    /// What a task waits for that awaits one of its jobs.
    pub(super) fn waits(&self) -> WaitKind {
        self.kind.waits
    }

    /// Whether this is the parent's pool, seen by the child of a fork.
    pub(super) fn is_forked(&self) -> bool {
        self.forked.load(Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn configure(&'static self, settings: Settings) {
        let mut locked = self.lock();
        locked.settings = settings;
        self.show(settings);
        let queued = locked.queue.len();
        drop(locked);
        // Idle threads see that they are too many, and jobs that waited for a thread get one.
        self.wanted.notify_all();
        for _ in 0..queued.min(settings.threads_max) {
            self.start_thread_if_wanted();
        }
    }

    fn show(&self, settings: Settings) {
        self.record.counters.threads_max.put(settings.threads_max as u64);
        self.record.counters.queue_max.put(settings.queue_max as u64);
    }

    /// Puts a job into the queue. Returns its place in it, with which it can be called off.
    pub(super) fn submit(
        &'static self,
        job: Arc<dyn Run>,
        submission: &Submission<'_>,
    ) -> Result<u64, Arc<dyn Run>> {
        let now = self.ticks.now();
        let mut locked = self.lock();
        let Locked { pen, queue, settings, submitted, .. } = &mut *locked;
        let birth = JobBirth {
            id: submission.id,
            parent: submission.parent,
            parent_loop: submission.parent_loop,
            place: self.record.place(pen, submission.place),
            name: submission.name.map_or(0, |name| self.record.name(pen, name)),
            now,
        };
        let counters = &self.record.counters;
        let has_room = queue.len() < settings.queue_max;
        let Some(index) = has_room.then(|| self.record.jobs.begin(pen, &birth)).flatten() else {
            count(pen, &counters.refused, 1);
            return Err(job);
        };
        let order = *submitted;
        *submitted += 1;
        let parent_loop = submission.parent_loop;
        queue.insert(order, Queued { job, index, parent_loop, since: now });
        count(pen, &counters.queued, 1);
        let is_served = locked.queue.len() <= locked.idle;
        drop(locked);
        if is_served {
            self.wanted.notify_one();
        } else {
            self.start_thread_if_wanted();
        }
        Ok(order)
    }

    /// Starts a thread, unless there are enough for the jobs or as many as may be.
    fn start_thread_if_wanted(&'static self) {
        let number = {
            let mut locked = self.lock();
            let is_wanted = locked.queue.len() > locked.idle && locked.threads < locked.settings.threads_max;
            if !is_wanted {
                return;
            }
            locked.threads += 1;
            locked.started += 1;
            self.record.counters.threads.put(locked.threads as u64);
            locked.started
        };
        let name = format!("loopscope-{}-{number}", self.kind.name);
        if thread::Builder::new().name(name).spawn(move || self.work()).is_err() {
            self.no_thread();
        }
    }

    /// The OS refused a thread: the others do the work, and without any the jobs are refused.
    #[cold]
    fn no_thread(&self) {
        let refused = {
            let mut locked = self.lock();
            locked.threads -= 1;
            self.record.counters.threads.put(locked.threads as u64);
            let refused = &self.record.counters.refused;
            if locked.threads > 0 { Vec::new() } else { self.take_out(&mut locked, refused, |_| true) }
        };
        for job in refused {
            job.call_off(CalledOff::NoThread);
        }
    }

    /// A thread of the pool.
    fn work(&'static self) {
        let tid = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
        let mut locked = self.lock();
        loop {
            let Some((queued, started)) = self.take_first(&mut locked, tid) else {
                match self.rest(locked) {
                    Some(again) => locked = again,
                    None => return,
                }
                continue;
            };
            drop(locked);
            let panicked = queued.job.run();
            if self.is_forked() {
                // A job forked, and this is the child's only thread: the pool's lock is the parent's.
                return;
            }
            self.ended(&queued, started, panicked);
            queued.job.publish();
            drop(queued);
            clock::refine();
            locked = self.lock();
        }
    }

    /// Takes the first job of the queue, unless there are more threads than may be.
    fn take_first(&self, locked: &mut Locked, tid: u32) -> Option<(Queued, u64)> {
        if locked.threads > locked.settings.threads_max {
            return None;
        }
        let (_, queued) = locked.queue.pop_first()?;
        let (now, pen, counters) = (self.ticks.now(), &mut locked.pen, &self.record.counters);
        self.record.jobs.started(pen, queued.index, tid, now);
        self.record.waited(pen, clock::rate().span_ns(now.saturating_sub(queued.since)));
        count(pen, &counters.queued, -1);
        count(pen, &counters.running, 1);
        Some((queued, now))
    }

    fn ended(&self, queued: &Queued, started: u64, panicked: bool) {
        let now = self.ticks.now();
        let ran_ns = clock::rate().span_ns(now.saturating_sub(started));
        let mut locked = self.lock();
        let (pen, counters) = (&mut locked.pen, &self.record.counters);
        self.record.jobs.ended(pen, queued.index, if panicked { PANICKED } else { COMPLETED }, now);
        self.record.ran(pen, ran_ns);
        count(pen, &counters.running, -1);
        count(pen, if panicked { &counters.panicked } else { &counters.completed }, 1);
    }

    /// Waits for a job. Returns nothing when the thread is to end, which it counts for already.
    fn rest<'a>(&'a self, mut locked: MutexGuard<'a, Locked>) -> Option<MutexGuard<'a, Locked>> {
        let counters = &self.record.counters;
        self.record.jobs.release_empty(&mut locked.pen);
        let mut is_over = locked.threads > locked.settings.threads_max;
        if !is_over {
            locked.idle += 1;
            counters.idle.put(locked.idle as u64);
            let keep_alive = locked.settings.keep_alive;
            let waited = self.wanted.wait_timeout(locked, keep_alive);
            let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            locked = again;
            locked.idle -= 1;
            counters.idle.put(locked.idle as u64);
            is_over = timeout.timed_out() && locked.queue.is_empty();
        }
        if !is_over {
            return Some(locked);
        }
        locked.threads -= 1;
        counters.threads.put(locked.threads as u64);
        None
    }

    /// Takes a job out of the queue if it has not begun. Returns whether it had not.
    pub(super) fn cancel(&self, order: u64) -> bool {
        if self.is_forked() {
            return false;
        }
        let job = {
            let mut locked = self.lock();
            let Some(queued) = locked.queue.remove(&order) else { return false };
            self.taken_out(&mut locked.pen, queued, &self.record.counters.cancelled)
        };
        job.call_off(CalledOff::Cancelled);
        true
    }

    /// Takes the jobs of a loop that ends out of the queue. Returns how many there were.
    pub(crate) fn cancel_of_loop(&self, parent_loop: u64) -> u64 {
        if self.is_forked() {
            return 0;
        }
        let cancelled = &self.record.counters.cancelled;
        let jobs = self.take_out(&mut self.lock(), cancelled, |queued| queued.parent_loop == parent_loop);
        let number = jobs.len() as u64;
        for job in jobs {
            job.call_off(CalledOff::Cancelled);
        }
        number
    }

    /// Takes jobs out of the queue and counts them.
    fn take_out(
        &self,
        locked: &mut Locked,
        counter: &AtomicU64,
        which: impl Fn(&Queued) -> bool,
    ) -> Vec<Arc<dyn Run>> {
        let orders: Vec<u64> =
            locked.queue.iter().filter(|(_, queued)| which(queued)).map(|(order, _)| *order).collect();
        let taken = orders.into_iter().filter_map(|order| {
            let queued = locked.queue.remove(&order)?;
            Some(self.taken_out(&mut locked.pen, queued, counter))
        });
        taken.collect()
    }

    fn taken_out(&self, pen: &mut Pen, queued: Queued, counter: &AtomicU64) -> Arc<dyn Run> {
        self.record.jobs.ended(pen, queued.index, CANCELLED, self.ticks.now());
        count(pen, &self.record.counters.queued, -1);
        count(pen, counter, 1);
        queued.job
    }
}

/// A number for a job that is made outside of a loop.
pub(super) fn next_id() -> u64 {
    crate::event_loop::slot::next_job_id()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::blocking::job::Job;
    use crate::blocking::report::Report;
    use crate::task::TaskId;

    #[test]
    fn jobs_are_refused_when_the_os_gives_no_thread() {
        static TESTED: PoolSlot = PoolSlot::new(Kind { name: "test", waits: WaitKind::Blocking });
        let pool = TESTED.get();
        pool.configure(Settings::new().threads_max(1));
        // One that is being started, so that no other is.
        pool.lock().threads = 1;
        let place = Location::caller();
        let report = Report::new(TaskId::from_raw(1), None, place);
        let job: Arc<dyn Run> = Arc::new(Job::new(|| unreachable!("there is no thread"), None, report));
        let submission = Submission { id: 1, parent: 0, parent_loop: 0, name: None, place };
        assert!(pool.submit(job, &submission).is_ok());
        pool.no_thread();
        let counters = &pool.record.counters;
        assert_eq!((counters.queued.read(), counters.refused.read(), counters.cancelled.read()), (0, 1, 0));
        assert_eq!(counters.threads.read(), 0);
    }
}
