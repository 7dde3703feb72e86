//! A loop of which no task can ever go on: what a circle of waits is for locks, for queues, conditions and barriers.
//!
//! What a task of a loop waits for at a queue, a condition or a barrier, only another task of the same loop can give: those
//! are not `Send`. So if every task of a loop waits for tasks or for such things, none of them will ever run again, unless something comes from
//! outside. Nothing can, if
//!
//! - no timer, no descriptor, no signal and no job is waited for: all waits are entries, and all entries are looked at;
//! - no [`Handle`](crate::Handle) of the loop was ever made by which another thread could hand it something, and no other thread ever woke
//!   one of its tasks;
//! - no job runs on a blocking thread;
//! - no task has more wakers, where they are counted, than its entries show.
//!
//! It is told only when the loop sleeps, so that all of this is of one moment.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::deadlock::called;
use super::{Lint, Warning, report};
use crate::event_loop::slot::Loop;
use crate::telemetry::atomic::{OneWriter, Relaxed};
use crate::telemetry::view::{TaskKind, TaskState, TaskView, WaitKind, WaitView};
use crate::telemetry::{LoopReader, PoolReader, pools};

/// Tasks that are told with what they wait for.
const NOTES_MAX: usize = 16;

/// Whether only tasks of the same loop end waits of this kind.
fn is_of_the_loop(kind: WaitKind) -> bool {
    matches!(kind, WaitKind::Put | WaitKind::Get | WaitKind::Condition | WaitKind::Barrier)
}

fn is_of_tasks(kind: WaitKind) -> bool {
    matches!(kind, WaitKind::Join | WaitKind::Group | WaitKind::Lock | WaitKind::Semaphore)
}

/// What every task of a loop waits for.
type Waits = BTreeMap<u64, (TaskView, Vec<WaitView>)>;

impl Loop {
    /// The loop is about to sleep in debug mode: looks whether it will ever wake.
    #[cold]
    pub(crate) fn look_whether_stalled(&'static self) {
        if self.has_entrance() {
            return;
        }
        let reader = LoopReader::new(self, self.life.load(Relaxed));
        let Some(warning) = waits_if_stalled(&reader).and_then(|waits| warning(&reader, &waits)) else {
            return;
        };
        // It may be woken all the same, as by a look from outside; it is told once.
        if self.told_stalled.replace(true) {
            return;
        }
        report(&warning);
    }

    /// Whether another thread may have a way to bring the loop something.
    fn has_entrance(&self) -> bool {
        self.record.entrances.read() != 0 || self.record.remote_wakes.read() != 0
    }
}

impl LoopReader {
    /// What is wrong if no task of the loop can ever go on, as told of a loop in debug mode.
    ///
    /// `None` also where that is not certain: if the loop does not sleep, or another thread may have a way to wake it.
    #[doc(hidden)]
    pub fn stalled(&self) -> Option<Warning> {
        let (lp, before) = (self.lp(), self.view()?);
        let asleep_since = before.parked_since?;
        if lp.has_entrance() {
            return None;
        }
        let found = warning(self, &waits_if_stalled(self)?)?;
        let after = self.view()?;
        // Asleep from before to after, so that nothing has changed in between.
        let slept = after.parked_since == Some(asleep_since) && after.ticks == before.ticks;
        (slept && !lp.has_entrance()).then_some(found)
    }
}

/// The waits of all tasks, if none of them can be ended by anything but a task of the loop.
fn waits_if_stalled(reader: &LoopReader) -> Option<Waits> {
    let mut waits = Waits::new();
    let mut by_task: BTreeMap<u64, Vec<WaitView>> = BTreeMap::new();
    let mut is_stalled = true;
    reader.waits(&mut |wait| {
        is_stalled = !wait.perhaps && (is_of_the_loop(wait.kind) || is_of_tasks(wait.kind));
        by_task.entry(wait.task).or_default().push(*wait);
        if is_stalled { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if !is_stalled || !by_task.values().flatten().any(|wait| is_of_the_loop(wait.kind)) {
        return None;
    }
    if pools().iter().map(PoolReader::view).any(|pool| pool.queued + pool.running > 0) {
        return None;
    }
    reader.tasks(&mut |task| {
        if task.state.is_finished() {
            return ControlFlow::Continue(());
        }
        let own = by_task.remove(&task.id).unwrap_or_default();
        is_stalled = task.state == TaskState::Idle
            && task.kind == TaskKind::Task
            && !own.is_empty()
            && task.wakers.is_none_or(|wakers| wakers <= own.len() as u64);
        waits.insert(task.id, (*task, own));
        if is_stalled { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    is_stalled.then_some(waits)
}

fn warning(reader: &LoopReader, waits: &Waits) -> Option<Warning> {
    let of_loop =
        |(_, (_, own)): &(&u64, &(TaskView, Vec<WaitView>))| own.iter().any(|wait| is_of_the_loop(wait.kind));
    let (&first, (view, _)) = waits.iter().find(of_loop)?;
    let message = match waits.len() {
        1 => format!("the only task of loop {} waits for what only another could give it", reader.id()),
        tasks => format!(
            "none of the {tasks} tasks of loop {} can go on: they wait for each other and nothing can wake them",
            reader.id()
        ),
    };
    let mut warning = Warning::new(Lint::Deadlock, message).about_task(Some(first));
    warning.loop_id = Some(reader.id());
    warning.task_name = view.name.and_then(|name| reader.name(name));
    warning.at = reader.site(view.site).and_then(|site| reader.place(site.place));
    let notes = waits.values().flat_map(|(task, own)| own.iter().map(move |wait| (task, wait)));
    warning.notes = notes.take(NOTES_MAX).map(|(task, wait)| note(reader, task, wait, waits)).collect();
    Some(warning)
}

fn note(reader: &LoopReader, task: &TaskView, wait: &WaitView, waits: &Waits) -> String {
    let mut resource = None;
    if let Some(id) = wait.resource {
        reader.resources(&mut |found| {
            if found.id == id {
                resource = Some(found.clone());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
    }
    let named = |id: u64| called(reader, id, waits.get(&id).map(|(view, _)| view));
    let what = match wait.kind {
        WaitKind::Join => format!("the end of {}", wait.target_task.map_or_else(String::new, named)),
        WaitKind::Put => "room in queue".to_owned(),
        WaitKind::Get => "an item of queue".to_owned(),
        WaitKind::Condition => "condition".to_owned(),
        WaitKind::Barrier => "barrier".to_owned(),
        WaitKind::Lock => "lock".to_owned(),
        WaitKind::Semaphore => "semaphore".to_owned(),
        _ => "group".to_owned(),
    };
    let name = resource.as_ref().and_then(|resource| reader.name(resource.name?));
    let name = name.map_or_else(String::new, |name| format!(" {name:?}"));
    let holder = resource.as_ref().filter(|_| is_of_tasks(wait.kind)).and_then(|resource| resource.holder);
    let holder = holder.map_or_else(String::new, |holder| format!(" held by {}", named(holder)));
    let at = wait.at.and_then(|at| reader.place(at));
    let at = at.map_or_else(String::new, |at| format!(" at {}:{}", at.file, at.line));
    format!("{} waits for {what}{name}{holder}{at}", named(task.id))
}
