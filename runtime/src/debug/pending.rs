//! Tasks that a loop drops at its end although they were not over: named, with what they waited for and where.
//!
//! Those that somebody cancelled are left out, and those that were left to the loop: that they are dropped is what was asked for. So
//! are callbacks and timers of `call_later`, as asyncio lets them go too.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::{Lint, Warning, report};
use crate::event_loop::slot::Loop;
use crate::runner::{Survivor, SurvivorWait};
use crate::task::TaskId;
use crate::task::control::{CANCEL, LEFT_TO_LOOP};
use crate::telemetry::LoopReader;
use crate::telemetry::atomic::{OneWriter, Relaxed};
use crate::telemetry::view::{Place, TaskKind, TaskState, WaitKind};

/// The most tasks that are looked at; what there is more of is of the same sites, or the ledger has no room for it anyway.
const LOOKED_AT_MAX: usize = 100_000;

/// What one spawn site has left.
struct Left {
    first: Survivor,
    /// How many there are besides.
    others: u64,
}

impl Loop {
    /// Tells of the tasks that a closing loop is about to drop: of each spawn site one, and how many more there are. Returns how
    /// many there are.
    #[cold]
    pub(crate) fn warn_of_pending(&'static self) -> u64 {
        let mut sites: HashMap<(u32, bool), usize> = HashMap::new();
        let mut left: Vec<(Left, Lint)> = Vec::new();
        let mut count = 0;
        for word in self.live_tasks().into_iter().take(LOOKED_AT_MAX) {
            let is_meant = self
                .control_of(word)
                .is_none_or(|control| control.flags.get() & (CANCEL | LEFT_TO_LOOP) != 0);
            let record = self.records.get(word.index());
            if is_meant || record.kind() != TaskKind::Task {
                continue;
            }
            count += 1;
            let is_new = record.polls.read() == 0;
            if let Some(at) = sites.get(&(record.site_index().0, is_new)) {
                left[*at].0.others += 1;
                continue;
            }
            sites.insert((record.site_index().0, is_new), left.len());
            let described = self.describe_task(word.index());
            let (id, name, spawned_at) = (described.id, described.name, described.spawned_at);
            let first = Survivor { id, name, spawned_at, waits: Vec::new() };
            let lint = if is_new { Lint::NeverPolled } else { Lint::DestroyedPending };
            left.push((Left { first, others: 0 }, lint));
        }
        self.add_waits(&mut left);
        for (left, lint) in left {
            self.warn_of_left(left, lint);
        }
        count
    }

    fn add_waits(&'static self, left: &mut [(Left, Lint)]) {
        let by_id: HashMap<TaskId, usize> =
            left.iter().enumerate().map(|(at, (left, _))| (left.first.id, at)).collect();
        let reader = LoopReader::new(self, self.life.load(Relaxed));
        reader.waits(&mut |wait| {
            if let Some(at) = by_id.get(&TaskId::from_raw(wait.task)) {
                let at_place = wait.at.and_then(|place| reader.place(place));
                left[*at].0.first.waits.push(SurvivorWait { kind: wait.kind, at: at_place });
            }
            ControlFlow::Continue(())
        });
        reader.tasks(&mut |task| {
            if let Some(at) = by_id.get(&TaskId::from_raw(task.id)) {
                let waits = &mut left[*at].0.first.waits;
                if waits.is_empty() && task.state == TaskState::Idle {
                    waits.push(SurvivorWait { kind: WaitKind::Foreign, at: None });
                }
            }
            ControlFlow::Continue(())
        });
    }

    fn warn_of_left(&self, left: Left, lint: Lint) {
        let Left { first, others } = left;
        let fate = match lint {
            Lint::NeverPolled => "was dropped before its first poll",
            _ => "was dropped before it was over",
        };
        let mut message = format!("task {first}, {fate}, because its loop ended");
        match others {
            0 => {}
            1 => message.push_str("; and 1 more that was spawned there"),
            many => message = format!("{message}; and {many} more that were spawned there"),
        }
        report(&Warning {
            loop_id: Some(self.record.info().id),
            task: Some(first.id),
            task_name: first.name,
            at: first.spawned_at,
            ..Warning::new(lint, message)
        });
    }

    /// Tells, in debug mode, of something of this loop that was dropped and wants to be closed first. `what` is not asked for
    /// otherwise, nor while the thread panics: then much is dropped in a hurry.
    pub(crate) fn warn_unclosed(&self, made_at: impl Into<Place>, what: impl FnOnce() -> Option<String>) {
        if !self.debug_mode().is_on() || std::thread::panicking() {
            return;
        }
        let Some(message) = what() else { return };
        let by = self.describe_running();
        report(&Warning {
            loop_id: Some(self.record.info().id),
            task: by.as_ref().map(|by| by.id),
            task_name: by.and_then(|by| by.name),
            at: Some(made_at.into()),
            ..Warning::new(Lint::Unclosed, message)
        });
    }
}
