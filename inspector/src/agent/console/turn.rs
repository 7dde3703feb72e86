//! One look at the loops, and what of it is news to one client.
//!
//! The records are walked as they lie. Of what the client knows already only numbers are compared; texts are looked up for what
//! it is introduced to, while that is sent. What a turn holds is bounded by what the ledgers hold.

use super::convert;
use super::facts::{
    Attribute, OpCounts, OpFacts, ResourceCounts, ResourceFacts, TaskCounts, TaskFacts, What,
};
use super::ledger::{self, Figures, Key, Ledger, Offer, Unseen};
use super::packer::{Dropped, Item, Packer};
use crate::agent::reading::context::Context;
use crate::agent::reading::ids::{IdHasher, IdMap};
use crate::agent::reading::{tasks, waits};
use crate::model::{ResourceKind, TaskState, WaitKind, WallTime};
use crate::wire::Request;
use console_api::instrument::Update;
use console_api::resources;
use loopscope::telemetry::{PlaceIndex, ResourceView, SiteView, TaskView, WaitView};
use loopscope::time::Instant;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;

/// A wait that begins within this of the one before is the same: the clock's rate is refined from reading to reading.
const SAME_SINCE_NS: u64 = 1_000_000;

const MS: u64 = 1_000_000;

/// What tells a resource from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ResourceKey {
    /// One with a record, by its own number.
    Recorded(u64),
    /// The task that others join.
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
struct ResourceTold {
    shown_since: WallTime,
    fingerprint: u64,
    figures: ResourceFigures,
}

#[derive(Clone, Debug)]
enum ResourceFigures {
    Recorded { event_loop: u64, view: Box<ResourceView>, waiters: u32 },
    Timer { duration_ns: u64 },
    Task(u64),
    Other(WaitKind),
}

impl ResourceFigures {
    fn what(&self) -> What {
        match self {
            Self::Recorded { view, .. } => What::Recorded(waits::resource_kind(view.kind)),
            Self::Timer { .. } => What::Timer,
            Self::Task(_) => What::Task,
            Self::Other(kind) => What::Other(*kind),
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
struct OpTold {
    task: u64,
    since: WallTime,
    perhaps: bool,
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
    knows_metadata: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            tasks: Ledger::new(ledger::TASKS_MAX),
            resources: Ledger::new(ledger::RESOURCES_MAX),
            ops: Ledger::new(ledger::OPS_MAX),
            unseen: Unseen::default(),
            knows_metadata: false,
        }
    }
}

/// News, before it is put into words.
#[derive(Debug)]
enum Change {
    Task { is_new: bool, lp: usize, view: Box<TaskView> },
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
struct Made {
    lp: usize,
    at: Option<PlaceIndex>,
}

/// A turn that is being sent.
#[derive(Debug)]
pub(super) struct Turn {
    context: Context,
    changes: VecDeque<Change>,
    dropped: Dropped,
    with_metadata: bool,
    is_begun: bool,
}

impl Told {
    /// Looks at the loops.
    pub(super) fn turn(&mut self) -> Turn {
        let context = Context::new(&Request::default());
        let mut changes = VecDeque::new();
        self.look_at_tasks(&context, &mut changes);
        let waits = self.look_at_waits(&context, &mut changes);
        self.look_at_resources(&context, &waits.waiters, &mut changes);
        self.tell_of_waits(&context, waits.seen, &mut changes);
        context.move_on();
        let dropped = Dropped {
            tasks: self.unseen.newly(),
            resources: self.resources.newly_full(),
            ops: self.ops.newly_full(),
        };
        let with_metadata = !std::mem::replace(&mut self.knows_metadata, true);
        Turn { context, changes, dropped, with_metadata, is_begun: false }
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
        context.move_on();
        self.tasks.end(|_, number, told| {
            // One that was told to be over needs no second end.
            if !told.state.is_finished() {
                changes.push_back(Change::TaskGone(number, *told));
            }
        });
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
            let target = wait.target_task.or(wait.resource.map(|resource| resource.0)).unwrap_or(0);
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
        let (key, figures) = match (wait.target_task, wait.deadline) {
            (Some(task), _) => (ResourceKey::Task(task), ResourceFigures::Task(task)),
            (None, Some(deadline)) => {
                let duration_ns = deadline.as_nanos().saturating_sub(wait.since.as_nanos());
                (ResourceKey::OfWait(key), ResourceFigures::Timer { duration_ns })
            }
            (None, None) => (ResourceKey::OfWait(key), ResourceFigures::Other(key.kind)),
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

impl Turn {
    /// The next update; every turn has at least one, so that the client's clock goes on.
    pub(super) fn next_update(&mut self) -> Option<Update> {
        if self.is_begun && self.changes.is_empty() {
            return None;
        }
        let mut packer = Packer::new(self.context.wall(self.context.now()));
        if !std::mem::replace(&mut self.is_begun, true) {
            packer.with_dropped(self.dropped);
            if self.with_metadata {
                packer.with_metadata();
            }
        }
        while !packer.is_full()
            && let Some(change) = self.changes.pop_front()
        {
            packer.push(self.item(change));
        }
        Some(packer.finish())
    }

    fn item(&self, change: Change) -> Item {
        let now = self.context.wall(self.context.now());
        match change {
            Change::Task { is_new, lp, view } => {
                let task = is_new.then(|| convert::task(&self.task(lp, &view)));
                Item::Task(task, view.id, convert::task_stats(&counts(&self.context, &view)))
            }
            Change::TaskGone(number, told) => {
                let over = TaskCounts { state: TaskState::Completed, ended_at: Some(now), ..told };
                Item::Task(None, number, convert::task_stats(&over))
            }
            Change::Resource { made, number, told } => {
                let resource = made.map(|Made { lp, at }| {
                    let made_at = self.context.loops[lp].place(at);
                    convert::resource(&ResourceFacts { id: number, what: told.figures.what(), made_at })
                });
                Item::Resource(resource, number, self.resource_stats(&told, None))
            }
            Change::ResourceGone(number, told) => {
                Item::Resource(None, number, self.resource_stats(&told, Some(now)))
            }
            Change::Op { is_new, number: id, resource, lp, wait } => {
                let facts = OpFacts { id, kind: waits::kind(wait.kind), resource };
                let op = is_new.then(|| convert::op(facts));
                let counts = OpCounts {
                    task: wait.task,
                    since: self.context.wall(wait.since),
                    gone_at: None,
                    attributes: self.op_attributes(lp, &wait),
                };
                Item::Op(op, id, convert::op_stats(counts))
            }
            Change::OpGone(number, told) => {
                let OpTold { task, since, .. } = told;
                let counts = OpCounts { task, since, gone_at: Some(now), attributes: Vec::new() };
                Item::Op(None, number, convert::op_stats(counts))
            }
        }
    }

    fn task(&self, lp: usize, view: &TaskView) -> TaskFacts {
        let lp = &self.context.loops[lp];
        let kind = tasks::kind(view.kind);
        let event_loop = if lp.view.name.is_empty() { lp.view.id.to_string() } else { lp.view.name.clone() };
        TaskFacts {
            id: view.id,
            name: lp.name(view.name),
            kind,
            parent: view.parent,
            event_loop,
            site: lp.site_place(view.site),
            size_bytes: (view.size_bytes > 0).then_some(u64::from(view.size_bytes)),
        }
    }

    fn resource_stats(&self, told: &ResourceTold, gone_at: Option<WallTime>) -> resources::Stats {
        let attributes = match &told.figures {
            ResourceFigures::Recorded { event_loop, view, waiters } => {
                let mut attributes = self.attributes(*event_loop, view);
                if gone_at.is_none() {
                    attributes.extend(passing_attributes(view, *waiters));
                }
                attributes
            }
            ResourceFigures::Timer { duration_ns } => {
                vec![Attribute::number("duration", duration_ns / MS).unit("ms")]
            }
            ResourceFigures::Task(task) => vec![Attribute::number("task", *task)],
            ResourceFigures::Other(_) => Vec::new(),
        };
        let counts = ResourceCounts { shown_since: told.shown_since, gone_at, attributes };
        convert::resource_stats(told.figures.what(), counts)
    }

    /// What holds of a resource also when it is gone.
    fn attributes(&self, event_loop: u64, view: &ResourceView) -> Vec<Attribute> {
        let lp = self.context.loops.iter().find(|lp| lp.view.id == event_loop);
        let name = lp.and_then(|lp| lp.name(view.name)).map(|name| Attribute::text("name", name));
        let mut attributes: Vec<Attribute> = name.into_iter().collect();
        let kind = waits::resource_kind(view.kind);
        let is_listener = matches!(kind, ResourceKind::TcpListener | ResourceKind::UnixListener);
        if let Some(io) = &view.io {
            attributes.extend(u64::try_from(io.fd).ok().map(|fd| Attribute::number("fd", fd)));
            attributes.extend(io.local.as_ref().map(|it| Attribute::text("local", waits::address(it))));
            attributes.extend(io.peer.as_ref().map(|it| Attribute::text("peer", waits::address(it))));
        }
        if let Some(io) = view.io.as_ref().filter(|_| !is_listener) {
            attributes.push(Attribute::number("bytes_read", io.bytes_read).unit("B"));
            attributes.push(Attribute::number("bytes_written", io.bytes_written).unit("B"));
            attributes.push(Attribute::number("reads", io.reads));
            attributes.push(Attribute::number("writes", io.writes));
        }
        attributes.extend(view.limit.map(|limit| Attribute::number("limit", limit)));
        attributes
    }

    fn op_attributes(&self, lp: usize, wait: &WaitView) -> Vec<Attribute> {
        let place = |name, index| {
            let place = self.context.loops[lp].place(index)?;
            Some(Attribute::text(name, place.to_string()))
        };
        let mut attributes: Vec<Attribute> = place("at", wait.at).into_iter().collect();
        if wait.made_at != wait.at {
            attributes.extend(place("made_at", wait.made_at));
        }
        if wait.perhaps {
            attributes.push(Attribute::flag("perhaps"));
        }
        attributes
    }
}

/// What holds of a resource at a moment.
fn passing_attributes(view: &ResourceView, waiters: u32) -> impl Iterator<Item = Attribute> {
    let len = view.len.map(|len| Attribute::number("len", len));
    let holder = view.holder.map(|holder| Attribute::number("holder", holder));
    let waiters = (waiters > 0).then(|| Attribute::number("waiters", waiters.into()));
    [len, holder, waiters].into_iter().flatten()
}

fn counts(context: &Context, view: &TaskView) -> TaskCounts {
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
        // Addresses are known late for a socket that is still connecting.
        (&io.local, &io.peer).hash(&mut hasher);
    }
    hasher.finish()
}
