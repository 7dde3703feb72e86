//! What one client was told, and what of the loops is news to it.
//!
//! The records are walked as they lie. Of what the client knows already only numbers are compared; texts are looked up for what
//! it is introduced to, while that is sent. What is held is bounded by what the ledgers hold.

use super::facts::{TaskCounts, What};
use super::jobs;
use super::ledger::{self, Figures, Full, Key, Ledger, Offer, Unseen};
use super::packer::Dropped;
use crate::agent::reading::context::Context;
use crate::agent::reading::ids::{IdHasher, IdMap};
use crate::agent::reading::{tasks, waits};
use crate::model::{WaitKind, WallTime};
use crate::wire::Request;
use loopscope::telemetry::{
    self, JobView, PlaceIndex, PoolReader, ResourceView, SiteView, TaskView, WaitView,
};
use loopscope::time::Instant;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;

/// A wait that begins within this of the one before is the same: the clock's rate is refined from reading to reading.
const SAME_SINCE_NS: u64 = 1_000_000;

/// What tells a resource from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ResourceKey {
    /// One with a record, by its own number.
    Recorded(u64),
    /// The task or job whose end others wait for.
    Task(u64),
    /// One that lives as long as a wait.
    OfWait(WaitKey),
}

impl Key for ResourceKey {
    fn number(&self) -> Option<u64> {
        if let Self::Recorded(id) = self { Some(*id) } else { None }
    }
}

/// What tells a wait from another: two reads of one socket in one task are one op that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct WaitKey {
    task: u64,
    kind: WaitKind,
    /// The resource or the task that is waited for.
    target: u64,
    made_at: Option<PlaceIndex>,
    /// Among those that have all of this in common.
    nth: u32,
}

impl Key for WaitKey {
    fn number(&self) -> Option<u64> {
        None
    }
}

impl Figures for TaskCounts {
    fn differs(&self, told: &Self) -> bool {
        let figures = |it: &Self| {
            (it.state, it.polls, it.wakes, it.self_wakes, it.busy_ns, it.scheduled_ns, it.ended_at.is_some())
        };
        figures(self) != figures(told)
    }
}

/// What the client was told of a resource. It is told so again when the resource is gone, or it would forget the rest.
#[derive(Clone, Debug)]
pub(super) struct ResourceTold {
    pub(super) shown_since: WallTime,
    pub(super) fingerprint: u64,
    pub(super) figures: ResourceFigures,
}

#[derive(Clone, Debug)]
pub(super) enum ResourceFigures {
    Recorded { event_loop: u64, view: Box<ResourceView>, waiters: u32 },
    Timer { duration_ns: u64 },
    Task(u64),
    Job { kind: WaitKind, id: u64 },
    Other(WaitKind),
}

impl ResourceFigures {
    pub(super) fn what(&self) -> What {
        match self {
            Self::Recorded { view, .. } => What::Recorded(waits::resource_kind(view.kind)),
            Self::Timer { .. } => What::Timer,
            Self::Task(_) => What::Task,
            Self::Other(kind) | Self::Job { kind, .. } => What::Other(*kind),
        }
    }
}

impl Figures for ResourceTold {
    fn differs(&self, told: &Self) -> bool {
        self.fingerprint != told.fingerprint
    }
}

/// What the client was told of a wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpTold {
    pub(super) task: u64,
    pub(super) since: WallTime,
    pub(super) perhaps: bool,
}

impl Figures for OpTold {
    fn differs(&self, told: &Self) -> bool {
        self.perhaps != told.perhaps || self.since.0.abs_diff(told.since.0) > SAME_SINCE_NS
    }
}

/// What one client was told.
#[derive(Debug)]
pub(super) struct Told {
    tasks: Ledger<u64, TaskCounts, BuildHasherDefault<IdHasher>>,
    resources: Ledger<ResourceKey, ResourceTold>,
    ops: Ledger<WaitKey, OpTold>,
    unseen: Unseen,
    jobs_full: Full,
    knows_metadata: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            tasks: Ledger::new(ledger::TASKS_MAX),
            resources: Ledger::new(ledger::RESOURCES_MAX),
            ops: Ledger::new(ledger::OPS_MAX),
            unseen: Unseen::default(),
            jobs_full: Full::default(),
            knows_metadata: false,
        }
    }
}

/// News, before it is put into words.
#[derive(Debug)]
pub(super) enum Change {
    Task { is_new: bool, lp: usize, view: Box<TaskView> },
    Job { is_new: bool, pool: PoolReader, view: Box<JobView> },
    TaskGone(u64, TaskCounts),
    Resource { made: Option<Made>, number: u64, told: ResourceTold },
    ResourceGone(u64, ResourceTold),
    Op { is_new: bool, number: u64, resource: u64, lp: usize, wait: Box<WaitView> },
    OpGone(u64, OpTold),
}

/// A wait, and what it is a wait on.
#[derive(Debug)]
struct WaitSeen {
    key: WaitKey,
    on: ResourceKey,
    lp: usize,
    wait: WaitView,
}

/// What was found among the waits.
#[derive(Debug)]
struct Waits {
    seen: Vec<WaitSeen>,
    /// By resource.
    waiters: IdMap<u32>,
}

/// Where a resource that is to be introduced was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) lp: usize,
    pub(super) at: Option<PlaceIndex>,
}

/// What one look at the loops brought.
#[derive(Debug)]
pub(super) struct News {
    pub(super) context: Context,
    pub(super) changes: VecDeque<Change>,
    pub(super) dropped: Dropped,
    /// The client must be told the metadata first.
    pub(super) with_metadata: bool,
}

impl Told {
    /// Looks at the loops.
    pub(super) fn look(&mut self) -> News {
        let context = Context::new(&Request::default());
        let mut changes = VecDeque::new();
        self.look_at_tasks(&context, &mut changes);
        let waits = self.look_at_waits(&context, &mut changes);
        self.look_at_resources(&context, &waits.waiters, &mut changes);
        self.tell_of_waits(&context, waits.seen, &mut changes);
        context.move_on();
        let dropped = Dropped {
            tasks: self.unseen.newly() + self.jobs_full.newly(),
            resources: self.resources.newly_full(),
            ops: self.ops.newly_full(),
        };
        let with_metadata = !std::mem::replace(&mut self.knows_metadata, true);
        News { context, changes, dropped, with_metadata }
    }

    fn look_at_tasks(&mut self, context: &Context, changes: &mut VecDeque<Change>) {
        let spawned = |sites: Vec<SiteView>| sites.iter().map(|site| site.spawned).sum();
        self.unseen.spawned(context.loops.iter().map(|lp| (lp.view.id, spawned(lp.reader.sites()))));
        self.tasks.begin();
        let mut count = 0;
        context.tasks(|lp, view| {
            count += 1;
            let is_new = match self.tasks.offer(view.id, counts(context, view)) {
                Offer::New(_) => true,
                Offer::Changed(_) => false,
                Offer::Same(_) | Offer::Full => return ControlFlow::Continue(()),
            };
            if is_new {
                self.unseen.introduced();
            }
            changes.push_back(Change::Task { is_new, lp, view: Box::new(*view) });
            ControlFlow::Continue(())
        });
        self.unseen.began(count);
        self.look_at_jobs(context, changes);
        context.move_on();
        self.tasks.end(|_, number, told| {
            // One that was told to be over needs no second end.
            if !told.state.is_finished() {
                changes.push_back(Change::TaskGone(number, *told));
            }
        });
    }

    /// Jobs have numbers as tasks have, and are told as tasks.
    fn look_at_jobs(&mut self, context: &Context, changes: &mut VecDeque<Change>) {
        let mut full = 0;
        for pool in telemetry::pools() {
            pool.jobs(&mut |view| {
                if !jobs::is_shown(context, view) {
                    return ControlFlow::Continue(());
                }
                let is_new = match self.tasks.offer(view.id, jobs::counts(context, view)) {
                    Offer::New(_) => true,
                    Offer::Changed(_) => false,
                    Offer::Same(_) => return ControlFlow::Continue(()),
                    Offer::Full => {
                        full += 1;
                        return ControlFlow::Continue(());
                    }
                };
                changes.push_back(Change::Job { is_new, pool, view: Box::new(*view) });
                ControlFlow::Continue(())
            });
        }
        self.jobs_full.now(full);
    }

    /// The waits of tasks that the client knows, and how many tasks wait for each resource.
    fn look_at_waits(&mut self, context: &Context, changes: &mut VecDeque<Change>) -> Waits {
        let mut waiters = IdMap::default();
        let mut alike: HashMap<WaitKey, u32> = HashMap::new();
        let mut seen = Vec::new();
        self.resources.begin();
        self.ops.begin();
        context.waits(|lp, wait| {
            if let Some(resource) = wait.resource {
                *waiters.entry(resource.0).or_insert(0) += 1;
            }
            let kind = waits::kind(wait.kind);
            let is_shown = self.tasks.told(&wait.task).is_some_and(|told| !told.state.is_finished());
            if !is_shown || kind == WaitKind::Yield {
                return;
            }
            if seen.len() >= ledger::OPS_MAX {
                self.ops.has_no_room();
                return;
            }
            let resource = wait.resource.map(|resource| resource.0);
            let target = wait.target_task.or(wait.target_job).or(resource).unwrap_or(0);
            let mut key = WaitKey { task: wait.task, kind, target, made_at: wait.made_at, nth: 0 };
            let nth = alike.entry(key).or_insert(0);
            key.nth = *nth;
            *nth += 1;
            let on = match wait.resource {
                Some(resource) => Some(ResourceKey::Recorded(resource.0)),
                None => self.resource_of_wait(context, key, lp, wait, changes),
            };
            seen.extend(on.map(|on| WaitSeen { key, on, lp, wait: *wait }));
        });
        context.move_on();
        Waits { seen, waiters }
    }

    /// Waits are ops on resources, so they come after those.
    fn tell_of_waits(&mut self, context: &Context, seen: Vec<WaitSeen>, changes: &mut VecDeque<Change>) {
        for WaitSeen { key, on, lp, wait } in seen {
            // Without room for the resource, or when its record was given back while it was read, there is no op on it.
            let Some(resource) = self.resources.number(&on) else { continue };
            let since = context.wall(wait.since);
            let told = OpTold { task: wait.task, since, perhaps: wait.perhaps };
            let (is_new, number) = match self.ops.offer(key, told) {
                Offer::New(number) => (true, number),
                Offer::Changed(number) => (false, number),
                Offer::Same(_) | Offer::Full => continue,
            };
            changes.push_back(Change::Op { is_new, number, resource, lp, wait: Box::new(wait) });
        }
        self.ops.end(|_, number, told| changes.push_back(Change::OpGone(number, *told)));
    }

    /// A resource for what has no record: a timer, the end of a task.
    fn resource_of_wait(
        &mut self,
        context: &Context,
        key: WaitKey,
        lp: usize,
        wait: &WaitView,
        changes: &mut VecDeque<Change>,
    ) -> Option<ResourceKey> {
        let (key, figures) = match (wait.target_task, wait.target_job, wait.deadline) {
            (Some(task), ..) => (ResourceKey::Task(task), ResourceFigures::Task(task)),
            (_, Some(id), _) => (ResourceKey::Task(id), ResourceFigures::Job { kind: key.kind, id }),
            (.., Some(deadline)) => {
                let duration_ns = deadline.as_nanos().saturating_sub(wait.since.as_nanos());
                (ResourceKey::OfWait(key), ResourceFigures::Timer { duration_ns })
            }
            (None, None, None) => (ResourceKey::OfWait(key), ResourceFigures::Other(key.kind)),
        };
        let fingerprint = wait.deadline.map_or(0, Instant::as_nanos);
        let told = ResourceTold { shown_since: context.wall(wait.since), fingerprint, figures };
        let at = wait.made_at.or(wait.at);
        let (made, number) = match self.resources.offer(key, told.clone()) {
            Offer::New(number) => (Some(Made { lp, at }), number),
            Offer::Changed(number) => (None, number),
            Offer::Same(_) => return Some(key),
            Offer::Full => return None,
        };
        changes.push_back(Change::Resource { made, number, told });
        Some(key)
    }

    fn look_at_resources(&mut self, context: &Context, waiters: &IdMap<u32>, changes: &mut VecDeque<Change>) {
        let now = context.wall(context.now());
        for (lp, seen) in context.loops.iter().enumerate() {
            seen.reader.resources(&mut |view| {
                if view.id.0 == 0 {
                    return ControlFlow::Continue(());
                }
                let key = ResourceKey::Recorded(view.id.0);
                let waiters = waiters.get(&view.id.0).copied().unwrap_or(0);
                let fingerprint = fingerprint(view, waiters);
                if self.resources.touch(&key, |told| told.fingerprint == fingerprint) {
                    return ControlFlow::Continue(());
                }
                let shown_since = self.resources.told(&key).map_or(now, |told| told.shown_since);
                let figures = ResourceFigures::Recorded {
                    event_loop: seen.view.id,
                    view: Box::new(view.clone()),
                    waiters,
                };
                let told = ResourceTold { shown_since, fingerprint, figures };
                let (made, number) = match self.resources.offer(key, told.clone()) {
                    Offer::New(number) => (Some(Made { lp, at: view.made_at }), number),
                    Offer::Changed(number) => (None, number),
                    Offer::Same(_) | Offer::Full => return ControlFlow::Continue(()),
                };
                changes.push_back(Change::Resource { made, number, told });
                ControlFlow::Continue(())
            });
        }
        self.resources.end(|_, number, told| changes.push_back(Change::ResourceGone(number, told.clone())));
    }
}

pub(super) fn counts(context: &Context, view: &TaskView) -> TaskCounts {
    TaskCounts {
        state: tasks::state(view.state),
        state_since: context.wall(view.state_since),
        spawned_at: context.wall(view.spawned_at),
        ended_at: view.ended_at.map(|at| context.wall(at)),
        polls: view.polls,
        wakes: view.wakes,
        self_wakes: view.self_wakes,
        busy_ns: view.busy_ns,
        scheduled_ns: view.scheduled_ns,
    }
}

/// A number that is another when there is something new to be told of it.
fn fingerprint(view: &ResourceView, waiters: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (view.len, view.limit, view.holder, view.name, waiters).hash(&mut hasher);
    if let Some(io) = &view.io {
        (io.fd, io.bytes_read, io.bytes_written, io.reads, io.writes).hash(&mut hasher);
        (io.pid, io.exit.map(ExitStatusExt::into_raw)).hash(&mut hasher);
        // Addresses are known late for a socket that is still connecting.
        (&io.local, &io.peer).hash(&mut hasher);
    }
    hasher.finish()
}
