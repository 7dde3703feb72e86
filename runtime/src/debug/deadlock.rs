//! Deadlocks, as they close: the loop looks when a task has begun to wait for what another one must give.
//!
//! ```text
//!   a task waits for a lock, a permit, an end ──► it is a suspect
//!   the loop looks for new work, or goes to sleep ──► who waits for whom? ──► a suspect waits for itself, and nobody of all that it
//!                                                                            waits for can be woken otherwise ──► reported
//! ```
//!
//! The walk is made only in debug mode, and takes no more than a twentieth of the loop's time. It is made by the loop itself, between two
//! polls, so that what it sees is of one moment. A task of which more wakers live than wait entries show may be woken by something else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

use super::{Lint, Warning, report};
use crate::event_loop::slot::{Loop, TimeSource};
use crate::telemetry::view::{PlaceIndex, ResourceView, TaskState, TaskView, WaitKind, WaitView};
use crate::telemetry::{LoopReader, clock};

/// How many times as long as a walk took the loop does not walk again.
const REST: u64 = 20;

/// Suspects that are kept; with more of them a circle is found when the next task joins it, or by the inspector.
const SUSPECTS_MAX: usize = 1_024;

/// Tasks of a circle that are told with what they wait for.
const NOTES_MAX: usize = 16;

/// Tasks of a circle that are named in the sentence.
const NAMED_MAX: usize = 4;

/// Tasks that began to wait for others, and when they are looked at.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    tasks: Vec<u64>,
    /// On the OS's clock.
    not_before_ns: u64,
}

impl Loop {
    /// The running task begins to wait for what another task must give.
    #[inline]
    pub(crate) fn suspect(&self) {
        if self.slow_ns.get() != u64::MAX {
            self.keep_suspect();
        }
    }

    #[cold]
    #[inline(never)]
    fn keep_suspect(&self) {
        let mut suspects = self.suspects.borrow_mut();
        if suspects.tasks.len() < SUSPECTS_MAX {
            suspects.tasks.push(self.running_id());
        }
    }

    /// When the suspects may be looked at; `None` if there are none.
    pub(crate) fn suspects_due_ns(&self) -> Option<u64> {
        let suspects = self.suspects.borrow();
        (!suspects.tasks.is_empty()).then_some(suspects.not_before_ns)
    }

    /// Looks at the suspects, if it is time.
    pub(crate) fn look_for_deadlocks(&'static self) {
        let Some(due_ns) = self.suspects_due_ns() else { return };
        let begun_ns = clock::os_now_ns();
        if begun_ns < due_ns && self.time.get() == TimeSource::Real {
            return;
        }
        let suspects = std::mem::take(&mut self.suspects.borrow_mut().tasks);
        for warning in Waits::read(self).deadlocks(&suspects) {
            report(&warning);
        }
        let ended_ns = clock::os_now_ns();
        self.suspects.borrow_mut().not_before_ns = ended_ns + (ended_ns - begun_ns) * REST;
    }
}

/// Who waits for whom on one loop, of waits that only tasks end.
struct Waits {
    reader: LoopReader,
    /// Those who wait for tasks, each with its waits and who must end them.
    held: BTreeMap<u64, Vec<(WaitView, u64)>>,
    resources: BTreeMap<u64, ResourceView>,
}

/// Whether only another task ends waits of this kind.
fn is_held(kind: WaitKind) -> bool {
    matches!(kind, WaitKind::Join | WaitKind::Group | WaitKind::Lock | WaitKind::Semaphore)
}

impl Waits {
    fn read(lp: &'static Loop) -> Self {
        let reader = LoopReader::new(lp, lp.life.load(crate::telemetry::atomic::Relaxed));
        let mut this = Self { reader, held: BTreeMap::new(), resources: BTreeMap::new() };
        let mut waits: Vec<WaitView> = Vec::new();
        reader.waits(&mut |wait| {
            if is_held(wait.kind) && !wait.perhaps {
                waits.push(*wait);
            }
            ControlFlow::Continue(())
        });
        let mut wanted: BTreeSet<u64> =
            waits.iter().filter_map(|wait| wait.resource.map(|id| id.0)).collect();
        reader.resources(&mut |resource| {
            if wanted.remove(&resource.id.0) {
                this.resources.insert(resource.id.0, resource.clone());
            }
            if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let (of_groups, others): (Vec<_>, Vec<_>) =
            waits.into_iter().partition(|wait| wait.kind == WaitKind::Group);
        this.add_groups(&of_groups);
        for wait in others {
            this.add(wait);
        }
        this
    }

    /// The children of a group are those whose parent waits for it: one walk over the tasks finds those of all groups.
    fn add_groups(&mut self, waits: &[WaitView]) {
        if waits.is_empty() {
            return;
        }
        let mut waiting: BTreeMap<u64, Vec<WaitView>> = BTreeMap::new();
        for wait in waits {
            waiting.entry(wait.task).or_default().push(*wait);
        }
        let held = &mut self.held;
        self.reader.tasks(&mut |task| {
            if !task.state.is_finished()
                && let Some(parent) = task.parent
                && let Some(waits) = waiting.get(&parent)
            {
                held.entry(parent).or_default().extend(waits.iter().map(|wait| (*wait, task.id)));
            }
            ControlFlow::Continue(())
        });
    }

    fn add(&mut self, wait: WaitView) {
        let resource = wait.resource.and_then(|id| self.resources.get(&id.0));
        if let Some(by) = wait.target_task.or_else(|| resource?.holder) {
            self.held.entry(wait.task).or_default().push((wait, by));
        }
    }

    fn holders(&self, task: u64) -> impl Iterator<Item = u64> + '_ {
        self.held.get(&task).into_iter().flatten().map(|(_, by)| *by)
    }

    /// All that a task waits for, directly or not, and the shortest way back to itself, if there is one.
    fn circle(&self, start: u64) -> (BTreeSet<u64>, Option<Vec<u64>>) {
        let mut from: BTreeMap<u64, u64> = BTreeMap::new();
        let (mut next, mut circle) = (VecDeque::from([start]), None);
        while let Some(at) = next.pop_front() {
            for holder in self.holders(at) {
                if holder == start && circle.is_none() {
                    let mut way = vec![at];
                    while let Some(&before) = way.last().and_then(|at| from.get(at)) {
                        way.push(before);
                    }
                    way.reverse();
                    circle = Some(way);
                }
                if holder != start && !from.contains_key(&holder) {
                    from.insert(holder, at);
                    next.push_back(holder);
                }
            }
        }
        (from.into_keys().chain([start]).collect(), circle)
    }

    /// What closed with one of the suspects.
    fn deadlocks(&self, suspects: &[u64]) -> Vec<Warning> {
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for &suspect in suspects {
            let (closure, Some(mut circle)) = self.circle(suspect) else { continue };
            if told.contains(&suspect) || !self.is_closed(&closure) {
                continue;
            }
            told.extend(closure.iter().copied());
            let first = circle.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(at, _)| at);
            circle.rotate_left(first);
            found.push(self.warning(&circle));
        }
        found
    }

    /// Whether nobody of them can be woken but by others of them.
    fn is_closed(&self, tasks: &BTreeSet<u64>) -> bool {
        let mut entries: BTreeMap<u64, u64> = BTreeMap::new();
        let mut is_closed = true;
        self.reader.waits(&mut |wait| {
            if !tasks.contains(&wait.task) {
                return ControlFlow::Continue(());
            }
            *entries.entry(wait.task).or_default() += 1;
            let held = self.held.get(&wait.task).into_iter().flatten();
            let is_one = |known: &WaitView| {
                known.kind == wait.kind
                    && known.resource == wait.resource
                    && known.target_task == wait.target_task
            };
            is_closed = !wait.perhaps && held.into_iter().any(|(known, _)| is_one(known));
            if is_closed { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let mut left = tasks.clone();
        self.reader.tasks(&mut |task| {
            if is_closed && left.remove(&task.id) {
                let shown = entries.get(&task.id).copied().unwrap_or(0);
                is_closed = task.state == TaskState::Idle
                    && shown > 0
                    && task.wakers.is_none_or(|wakers| wakers <= shown);
            }
            ControlFlow::Continue(())
        });
        is_closed && left.is_empty()
    }

    fn warning(&self, circle: &[u64]) -> Warning {
        let views: BTreeMap<u64, TaskView> =
            circle.iter().filter_map(|&id| Some((id, self.reader.task(id)?))).collect();
        let named = |id: u64| called(&self.reader, id, views.get(&id));
        let mut members: Vec<String> = circle.iter().take(NAMED_MAX).map(|&id| named(id)).collect();
        if circle.len() > NAMED_MAX {
            members.push(format!("{} more", circle.len() - NAMED_MAX));
        }
        let message = match members.pop() {
            Some(last) if members.is_empty() => format!("{last} waits for itself and nothing can wake it"),
            last => format!(
                "{} and {} wait for each other and nothing can wake them",
                members.join(", "),
                last.unwrap_or_default()
            ),
        };
        let first = circle.first().copied();
        let view = first.and_then(|id| views.get(&id));
        let site = view.and_then(|view| self.reader.site(view.site));
        let mut warning = Warning::new(Lint::Deadlock, message).about_task(first);
        warning.loop_id = Some(self.reader.id());
        warning.task_name = view.and_then(|view| self.reader.name(view.name?));
        warning.at = site.and_then(|site| self.reader.place(site.place));
        warning.notes = circle.iter().take(NOTES_MAX).flat_map(|&id| self.notes(id, &named)).collect();
        warning
    }

    /// What one task waits for, a line each.
    fn notes(&self, task: u64, named: &impl Fn(u64) -> String) -> Vec<String> {
        let note = |(wait, by): &(WaitView, u64)| {
            let resource = wait.resource.and_then(|id| self.resources.get(&id.0));
            let what = match (wait.kind, resource) {
                (WaitKind::Join, _) => format!("the end of {}", named(*by)),
                (_, resource) => {
                    let kind = if wait.kind == WaitKind::Lock { "lock" } else { "semaphore" };
                    let kind = if wait.kind == WaitKind::Group { "group" } else { kind };
                    let name = resource.and_then(|resource| self.reader.name(resource.name?));
                    let made = resource.and_then(|resource| resource.made_at);
                    let what = match (name, self.place(made)) {
                        (Some(name), _) => format!("{kind} {name:?}"),
                        (None, Some(made)) => format!("the {kind} made at {made}"),
                        (None, None) => format!("a {kind}"),
                    };
                    format!("{what} held by {}", named(*by))
                }
            };
            let at = self.place(wait.at).map_or_else(String::new, |at| format!(" at {at}"));
            let taken = self.place(resource.and_then(|resource| resource.held_at));
            let taken = taken.map_or_else(String::new, |at| format!(", taken at {at}"));
            format!("{} waits for {what}{at}{taken}", named(task))
        };
        self.held.get(&task).into_iter().flatten().map(note).collect()
    }

    fn place(&self, index: Option<PlaceIndex>) -> Option<String> {
        let place = self.reader.place(index?)?;
        Some(format!("{}:{}", place.file, place.line))
    }
}

/// `#7 writer`.
pub(super) fn called(reader: &LoopReader, id: u64, view: Option<&TaskView>) -> String {
    match view.and_then(|view| reader.name(view.name?)) {
        Some(name) => format!("#{id} {name}"),
        None => format!("#{id}"),
    }
}
