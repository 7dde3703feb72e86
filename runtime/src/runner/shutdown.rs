//! The end of a loop: tasks finish by themselves until a deadline, then what is left is dropped.
//!
//! ```text
//!   grace: tasks run and may spawn, jobs on blocking threads too ──all over, or deadline──► survivors are noted ──► queued jobs
//!   are cancelled ──► every future is dropped ──► outputs that nobody took are dropped ──► slot free
//! ```

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::UnhandledKind;
use crate::event_loop::slot::{Closing, Loop};
use crate::io::driver::Until;
use crate::task::TaskId;
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::clock;
use crate::telemetry::view::{Place, TaskState, TimerKind, WaitKind, WaitView};
use crate::telemetry::{LoopReader, TaskView};
use crate::time::Instant;
use crate::time::sleep::Sleep;

/// Survivors of a kind that a report names; the rest is counted.
const SURVIVORS_MAX: usize = 1000;
/// Batches in which destructors may spawn tasks, each from the drop of the one before, until futures are leaked instead.
const CLOSING_BATCHES_MAX: usize = 1000;

/// What a shutdown had to drop. Made by [`Runner::shutdown`](super::Runner::shutdown).
#[derive(Clone, Debug, Default)]
pub struct ShutdownReport {
    survivors: Vec<Survivor>,
    dropped: u64,
    jobs: Vec<JobSurvivor>,
    jobs_left: u64,
}

impl ShutdownReport {
    /// Whether every task and every job on a blocking thread came to its own end.
    pub fn is_clean(&self) -> bool {
        self.dropped == 0 && self.jobs_left == 0
    }

    /// How many tasks were dropped because they were not over by the deadline.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The first thousand of them, in the order they were spawned.
    pub fn survivors(&self) -> &[Survivor] {
        &self.survivors
    }

    /// How many jobs on blocking threads were not over by the deadline: those that were queued never run, those that were
    /// running run on.
    pub fn jobs_left(&self) -> u64 {
        self.jobs_left
    }

    /// The first thousand of them, in the order they were made.
    pub fn jobs(&self) -> &[JobSurvivor] {
        &self.jobs
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dropped {
            0 if self.jobs_left == 0 => return f.write_str("every task came to its end"),
            0 => f.write_str("no task was dropped")?,
            1 => f.write_str("1 task was dropped")?,
            many => write!(f, "{many} tasks were dropped")?,
        }
        for survivor in &self.survivors {
            write!(f, "\n  {survivor}")?;
        }
        more(f, self.dropped, self.survivors.len())?;
        match self.jobs_left {
            0 => return Ok(()),
            1 => f.write_str("\n1 job on a blocking thread was not over")?,
            many => write!(f, "\n{many} jobs on blocking threads were not over")?,
        }
        for job in &self.jobs {
            write!(f, "\n  {job}")?;
        }
        more(f, self.jobs_left, self.jobs.len())
    }
}

fn more(f: &mut fmt::Formatter<'_>, of: u64, shown: usize) -> fmt::Result {
    match of.saturating_sub(shown as u64) {
        0 => Ok(()),
        more => write!(f, "\n  … and {more} more"),
    }
}

/// A job on a blocking thread that was not over when the time was up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobSurvivor {
    /// Its number.
    pub id: TaskId,
    /// Its name.
    pub name: Option<String>,
    /// Where it was made.
    pub made_at: Option<Place>,
    /// For how long it had been running; of a job that was queued, and so never runs, nothing.
    pub running_for: Option<Duration>,
}

impl fmt::Display for JobSurvivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(Place { file, line, column }) = &self.made_at {
            write!(f, " made at {file}:{line}:{column}")?;
        }
        match self.running_for {
            Some(running_for) => write!(f, ", running for {running_for:.1?}, and it runs on"),
            None => f.write_str(", queued, and cancelled"),
        }
    }
}

/// A task that was not over when the time was up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survivor {
    /// Its number.
    pub id: TaskId,
    /// Its name.
    pub name: Option<String>,
    /// Where it was spawned.
    pub spawned_at: Option<Place>,
    /// What it waited for; empty where it was ready to run.
    pub waits: Vec<SurvivorWait>,
}

/// What a survivor waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SurvivorWait {
    /// What for. [`WaitKind::Foreign`] for what this runtime does not know.
    pub kind: WaitKind,
    /// The place of the `.await`.
    pub at: Option<Place>,
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(Place { file, line, column }) = &self.spawned_at {
            write!(f, " spawned at {file}:{line}:{column}")?;
        }
        if self.waits.is_empty() {
            return f.write_str(", ready to run");
        }
        for SurvivorWait { kind, at } in &self.waits {
            write!(f, ", waiting ({kind:?})")?;
            if let Some(Place { file, line, column }) = at {
                write!(f, " at {file}:{line}:{column}")?;
            }
        }
        Ok(())
    }
}

impl Loop {
    /// Lets tasks come to their own end, for at most `grace`. Returns who has not.
    #[track_caller]
    pub(super) fn wind_down(&'static self, grace: Duration) -> ShutdownReport {
        let place = Location::caller();
        let jobs = Arc::clone(&self.jobs.borrow());
        let is_over = || self.live.get() == 0 && jobs.count() == 0;
        if !is_over() && !grace.is_zero() {
            // The timer ends the loop's sleep; it wakes nobody.
            let mut deadline = Sleep::new(self.deadline_after(grace), place);
            deadline.arm_early(TimerKind::Sleep, self);
            self.run_until(|| is_over() || deadline.is_elapsed());
        }
        let mut report = self.survivors();
        (report.jobs, report.jobs_left) = self.jobs_left();
        report
    }

    fn jobs_left(&self) -> (Vec<JobSurvivor>, u64) {
        if self.jobs.borrow().count() == 0 {
            return (Vec::new(), 0); // nor those that run on although nobody wants their answer
        }
        let (number, now) = (self.record.info().id, Instant::now());
        let mut left = Vec::new();
        for pool in crate::telemetry::pools() {
            pool.jobs(&mut |job| {
                if job.parent_loop == Some(number) && !job.state.is_finished() {
                    left.push(JobSurvivor {
                        id: TaskId::from_raw(job.id),
                        name: job.name.and_then(|name| pool.text(name)),
                        made_at: job.place.and_then(|place| pool.place(place)),
                        running_for: job.started_at.map(|at| now.saturating_duration_since(at)),
                    });
                }
                ControlFlow::Continue(())
            });
        }
        let count = left.len() as u64;
        left.sort_unstable_by_key(|job| job.id);
        left.truncate(SURVIVORS_MAX);
        (left, count)
    }

    /// Waits for jobs that run on blocking threads, and says so when they take too long. What they post is done meanwhile, since
    /// they may wait for the answer; what that spawns is dropped, as anything that a closing loop is given.
    pub(super) fn end_jobs(&'static self, limit: Duration) {
        let jobs = Arc::clone(&self.jobs.borrow());
        if limit.is_zero() || jobs.count() == 0 {
            return;
        }
        // By the OS's clock, also where the loop is on a test's.
        let end_ns = clock::os_now_ns().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        while jobs.count() > 0 && clock::os_now_ns() < end_ns {
            self.rest(Until::Deadline(end_ns));
            self.drop_what_is_left();
        }
        // What they had to say, of panics that nobody receives.
        self.take_posted();
        let left = jobs.count();
        if left > 0 {
            self.report_loop(UnhandledKind::JobsAtClose(left));
        }
        self.drop_what_is_left();
    }

    fn survivors(&'static self) -> ShutdownReport {
        let mut report = ShutdownReport { dropped: self.live.get(), ..ShutdownReport::default() };
        if report.dropped == 0 {
            return report;
        }
        let reader = LoopReader::new(self, self.life.load(Relaxed));
        report.survivors = self.describe_survivors(&reader, &oldest(&reader));
        report
    }

    /// Of these tasks, what the first thousand are and wait for.
    pub(crate) fn survivors_among(&'static self, mut ids: Vec<u64>) -> Vec<Survivor> {
        ids.sort_unstable();
        let reader = LoopReader::new(self, self.life.load(Relaxed));
        let tasks: Vec<TaskView> =
            ids.into_iter().take(SURVIVORS_MAX).filter_map(|id| reader.task(id)).collect();
        self.describe_survivors(&reader, &tasks)
    }

    fn describe_survivors(&'static self, reader: &LoopReader, tasks: &[TaskView]) -> Vec<Survivor> {
        let mut waits: HashMap<u64, Vec<SurvivorWait>> =
            tasks.iter().map(|task| (task.id, Vec::new())).collect();
        reader.waits(&mut |wait: &WaitView| {
            if let Some(of_task) = waits.get_mut(&wait.task) {
                of_task.push(SurvivorWait { kind: wait.kind, at: wait.at.and_then(|at| reader.place(at)) });
            }
            ControlFlow::Continue(())
        });
        let survivor = |task: &TaskView| Survivor {
            id: TaskId::from_raw(task.id),
            name: task.name.and_then(|name| reader.name(name)),
            spawned_at: self.sites.place_of(task.site).and_then(|place| reader.place(place)),
            waits: waits_or_foreign(waits.remove(&task.id).unwrap_or_default(), task.state),
        };
        tasks.iter().map(survivor).collect()
    }

    /// Drops every task that is left, those that destructors spawn too, and what finished tasks left behind.
    pub(super) fn close(&'static self) {
        self.set_closing(Closing::Cancelling);
        for pool in crate::blocking::pool::all() {
            pool.cancel_of_loop(self.life.load(Relaxed));
        }
        for word in self.live_tasks() {
            self.cancel(word);
        }
        self.drop_what_is_left();
    }

    /// Gives everything that is cancelled, and so also what destructors spawn, its last turn.
    fn drop_what_is_left(&'static self) {
        let mut batches = 0;
        loop {
            // Whatever is spawned from here on is cancelled from birth and stands in the queue.
            while self.ready.len() > 0 {
                if batches == CLOSING_BATCHES_MAX {
                    self.set_closing(Closing::Refusing(0));
                }
                batches += 1;
                self.run_batch();
            }
            // Handles may outlive the loop, outputs may not: their memory is the slot's.
            if !self.abandon_outputs() {
                break;
            }
        }
        if let Closing::Refusing(leaked @ 1..) = self.closing.get() {
            self.set_closing(Closing::Refusing(0));
            self.report_loop(UnhandledKind::LeakedAtClose(leaked));
        }
        self.forget_history();
    }
}

/// The tasks that are not over, the first [`SURVIVORS_MAX`] of them in the order they were spawned.
fn oldest(reader: &LoopReader) -> Vec<TaskView> {
    let mut tasks: Vec<TaskView> = Vec::new();
    reader.tasks(&mut |task| {
        if !task.state.is_finished() {
            tasks.push(*task);
        }
        if tasks.len() == 2 * SURVIVORS_MAX {
            tasks.sort_unstable_by_key(|task| task.id);
            tasks.truncate(SURVIVORS_MAX);
        }
        ControlFlow::Continue(())
    });
    tasks.sort_unstable_by_key(|task| task.id);
    tasks.truncate(SURVIVORS_MAX);
    tasks
}

fn waits_or_foreign(mut waits: Vec<SurvivorWait>, state: TaskState) -> Vec<SurvivorWait> {
    if waits.is_empty() && state == TaskState::Idle {
        waits.push(SurvivorWait { kind: WaitKind::Foreign, at: None });
    }
    waits
}
