//! The end of a loop: tasks finish by themselves until a deadline, then what is left is dropped.
//!
//! ```text
//!   grace: tasks run and may spawn ──all over, or deadline──► survivors are noted ──► every future is dropped ──► outputs that
//!   nobody took are dropped ──► slot free
//! ```

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::Location;
use std::time::Duration;

use super::UnhandledKind;
use crate::event_loop::slot::{Closing, Loop};
use crate::task::TaskId;
use crate::telemetry::view::{Place, TaskState, WaitKind, WaitView};
use crate::telemetry::{LoopReader, TaskView};
use crate::time::sleep::Sleep;

/// Survivors that a report names; the rest is counted.
const SURVIVORS_MAX: usize = 1000;
/// Batches in which destructors may spawn tasks, each from the drop of the one before, until futures are leaked instead.
const CLOSING_BATCHES_MAX: usize = 1000;

/// What a shutdown had to drop. Made by [`Runner::shutdown`](super::Runner::shutdown).
#[derive(Clone, Debug, Default)]
pub struct ShutdownReport {
    survivors: Vec<Survivor>,
    dropped: u64,
}

impl ShutdownReport {
    /// Whether every task came to its own end.
    pub fn is_clean(&self) -> bool {
        self.dropped == 0
    }

    /// How many tasks were dropped because they were not over by the deadline.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The first thousand of them, in the order they were spawned.
    pub fn survivors(&self) -> &[Survivor] {
        &self.survivors
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dropped {
            0 => return f.write_str("every task came to its end"),
            1 => f.write_str("1 task was dropped")?,
            many => write!(f, "{many} tasks were dropped")?,
        }
        for survivor in &self.survivors {
            write!(f, "\n  {survivor}")?;
        }
        match self.dropped - self.survivors.len() as u64 {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more"),
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
        if self.live.get() > 0 && !grace.is_zero() {
            // The timer ends the loop's sleep; it wakes nobody.
            let mut deadline = Sleep::new(self.deadline_after(grace), place);
            deadline.arm_early(self);
            self.run_until(|| self.live.get() == 0 || deadline.is_elapsed());
        }
        self.survivors()
    }

    fn survivors(&'static self) -> ShutdownReport {
        let mut report = ShutdownReport { survivors: Vec::new(), dropped: self.live.get() };
        if report.dropped == 0 {
            return report;
        }
        let reader = LoopReader::new(self, self.life.load(crate::telemetry::atomic::Relaxed));
        let tasks = oldest(&reader);
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
        report.survivors = tasks.iter().map(survivor).collect();
        report
    }

    /// Drops every task that is left, those that destructors spawn too, and what finished tasks left behind.
    pub(super) fn close(&'static self) {
        self.closing.set(Closing::Cancelling);
        for word in self.live_tasks() {
            self.cancel(word);
        }
        let mut batches = 0;
        loop {
            // Whatever is spawned from here on is cancelled from birth and stands in the queue.
            while self.ready.len() > 0 {
                if batches == CLOSING_BATCHES_MAX {
                    self.closing.set(Closing::Refusing(0));
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
