//! The walk over the waits, and what is said of the waits of a task.

use super::context::Context;
use super::detail::Extra;
use super::graph::{Graph, Held};
use super::ids::{IdMap, IdSet};
use super::jobs::Jobs;
use super::lints;
use super::tasks::{self, Record, Walked};
use crate::model::lints::Thresholds;
use crate::model::{Place, ResourceKind, ResourceRef, Task, Wait, WaitKind, words};
use crate::wire::Request;
use loopscope::telemetry::{self, Address, IoView, PlaceIndex, ResourceId, ResourceView, WaitView};
use loopscope::time::Instant;
use std::ops::ControlFlow;

/// A wait's record, in 56 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitRecord {
    pub(super) task: u64,
    pub(super) kind: telemetry::WaitKind,
    target: Target,
    at: Option<PlaceIndex>,
    made_at: Option<PlaceIndex>,
    since: Instant,
    lp: u32,
    perhaps: bool,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    None,
    Task(u64),
    Job(u64),
    Resource(u64),
    Deadline(Instant),
}

impl WaitRecord {
    pub(super) fn new(lp: usize, wait: &WaitView) -> Self {
        let target = match (wait.target_task, wait.resource, wait.deadline) {
            _ if wait.target_job.is_some() => wait.target_job.map_or(Target::None, Target::Job),
            (Some(task), _, _) => Target::Task(task),
            (_, Some(ResourceId(id)), _) => Target::Resource(id),
            (_, _, Some(deadline)) => Target::Deadline(deadline),
            _ => Target::None,
        };
        Self {
            task: wait.task,
            kind: wait.kind,
            target,
            at: wait.at,
            made_at: wait.made_at,
            since: wait.since,
            lp: u32::try_from(lp).unwrap_or(u32::MAX),
            perhaps: wait.perhaps,
        }
    }

    fn resource(&self) -> Option<u64> {
        if let Target::Resource(id) = self.target { Some(id) } else { None }
    }

    fn job(&self) -> Option<u64> {
        if let Target::Job(id) = self.target { Some(id) } else { None }
    }

    /// The wait in full.
    fn wait(&self, context: &Context, resources: &Resources, jobs: &Jobs, names: &Names) -> Wait {
        let lp = context.loops.get(self.lp as usize);
        let resource = self.resource().and_then(|id| resources.get(id));
        let task = match self.target {
            Target::Task(task) => Some(task),
            _ => resource.and_then(|(_, resource)| resource.holder),
        };
        Wait {
            kind: kind(self.kind),
            resource: resource.map(|(at, resource)| resource_ref(context, at, resource)),
            task,
            task_name: task.and_then(|task| names.0.get(&task).cloned().flatten()),
            for_ns: Some(context.since(self.since)),
            deadline_in_ns: if let Target::Deadline(at) = self.target {
                Some(context.until(at))
            } else {
                None
            },
            at: lp.and_then(|lp| lp.place(self.at)),
            made_at: lp.and_then(|lp| lp.place(self.made_at)),
            detail: self.job().map(|job| jobs.detail(job, self.kind)),
            perhaps: self.perhaps,
        }
    }
}

/// Some resources, each with the place of its loop.
#[derive(Debug, Default)]
pub(super) struct Resources(IdMap<(usize, ResourceView)>);

impl Resources {
    pub(super) fn read(context: &Context, mut wanted: IdSet) -> Self {
        let mut found = IdMap::default();
        for (at, lp) in context.loops.iter().enumerate() {
            if wanted.is_empty() {
                break;
            }
            lp.reader.resources(&mut |resource| {
                if wanted.remove(&resource.id.0) {
                    found.insert(resource.id.0, (at, resource.clone()));
                }
                if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        Self(found)
    }

    pub(super) fn get(&self, id: u64) -> Option<(usize, &ResourceView)> {
        self.0.get(&id).map(|(at, resource)| (*at, resource))
    }

    pub(super) fn holder(&self, id: u64) -> Option<u64> {
        self.0.get(&id)?.1.holder
    }
}

/// Names of tasks.
#[derive(Debug, Default)]
pub(super) struct Names(IdMap<Option<String>>);

impl Names {
    pub(super) fn read(context: &Context, ids: &[u64]) -> Self {
        let records = tasks::find(context, ids);
        Self(records.into_iter().map(|(id, record)| (id, name(context, &record))).collect())
    }

    pub(super) fn get(&self, id: u64) -> Option<String> {
        self.0.get(&id).cloned().flatten()
    }
}

pub(super) fn name(context: &Context, record: &Record) -> Option<String> {
    context.loops[record.lp].name(record.view.name)
}

/// The waits of the tasks on a page, and the graph of all.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The oldest ones of each, and how many more there are.
    waits: IdMap<(Vec<WaitRecord>, u64)>,
    resources: Resources,
    jobs: Jobs,
    names: Names,
    pub(super) graph: Graph,
    pub(super) extra: Extra,
    thresholds: Thresholds,
}

impl Waiting {
    pub(super) fn read(context: &Context, request: &Request, walked: &Walked) -> Self {
        let pages = [walked.flat.as_ref(), walked.tree.as_ref()];
        let on_pages = pages.into_iter().flatten().flat_map(|page| &page.rows).map(|row| row.record.view.id);
        let mut shown: IdSet = on_pages.collect();
        let asks_for_tasks = request.why.is_some() || request.detail.is_some();
        if shown.is_empty() && !asks_for_tasks && !request.cycles && request.warnings.is_none() {
            return Self::default();
        }
        let mut this = Self { thresholds: lints::thresholds(request), ..Self::default() };
        let held = this.scan(context, &shown, tasks_waits_max(None));
        this.graph = Graph::build(context, &held);
        if asks_for_tasks {
            this.extra = Extra::read(context, request, &this.graph);
            shown.extend(this.extra.ids());
            this.waits.clear();
            this.scan(context, &shown, tasks_waits_max(request.detail));
        }
        this.look_up(context);
        this
    }

    /// Keeps the oldest waits of the tasks in `shown`, and returns those of all tasks that other tasks end.
    fn scan(&mut self, context: &Context, shown: &IdSet, max: impl Fn(u64) -> usize) -> Held {
        let mut held = Held::default();
        context.waits(|lp, wait| {
            held.offer(wait);
            if !shown.contains(&wait.task) {
                return;
            }
            let (waits, more) = self.waits.entry(wait.task).or_default();
            let record = WaitRecord::new(lp, wait);
            let at = waits.partition_point(|other| other.since <= record.since);
            let max = max(wait.task);
            if waits.len() < max || at < max {
                waits.insert(at, record);
            }
            if waits.len() > max || at >= max {
                waits.truncate(max);
                *more += 1;
            }
        });
        held
    }

    /// Reads the resources and the names that the waits kept speak of.
    fn look_up(&mut self, context: &Context) {
        let waits = || self.waits.values().flat_map(|(waits, _)| waits);
        self.resources = Resources::read(context, waits().filter_map(WaitRecord::resource).collect());
        self.jobs = Jobs::read(context, waits().filter_map(WaitRecord::job).collect());
        let mut targets: Vec<u64> = waits()
            .filter_map(|wait| match wait.target {
                Target::Task(task) => Some(task),
                Target::Resource(id) => self.resources.holder(id),
                _ => None,
            })
            .collect();
        targets.sort_unstable();
        targets.dedup();
        self.names = Names::read(context, &targets);
    }

    /// A task's row.
    pub(super) fn task(&self, context: &Context, record: &Record) -> Task {
        let mut task = tasks::task(context, record);
        task.blocks = self.graph.blocks(task.id);
        (task.waiting_on, task.waiting_on_more) = self.waits_of(context, record, Task::WAITS_MAX);
        let lints = crate::model::lints::of_task(&task, self.graph.is_stuck(task.id), self.thresholds);
        task.warnings = lints.into_iter().map(|lint| lint.as_str().to_owned()).collect();
        task
    }

    /// Its waits, the oldest first, and how many more there are.
    pub(super) fn waits_of(&self, context: &Context, record: &Record, max: usize) -> (Vec<Wait>, u64) {
        if tasks::state(record.view.state).is_finished() {
            return (Vec::new(), 0);
        }
        let Some((waits, more)) = self.waits.get(&record.view.id) else {
            return (idle_without(context, record).into_iter().collect(), 0);
        };
        let kept = waits
            .iter()
            .take(max)
            .map(|wait| wait.wait(context, &self.resources, &self.jobs, &self.names))
            .collect();
        (kept, more + waits.len().saturating_sub(max) as u64)
    }
}

/// The waits of some tasks, without the names of those waited for.
pub(super) fn of_tasks(context: &Context, tasks: &[u64]) -> IdMap<Vec<Wait>> {
    let wanted: IdSet = tasks.iter().copied().collect();
    let mut records: Vec<WaitRecord> = Vec::new();
    context.waits(|lp, wait| {
        if wanted.contains(&wait.task) {
            records.push(WaitRecord::new(lp, wait));
        }
    });
    let resources = Resources::read(context, records.iter().filter_map(WaitRecord::resource).collect());
    let jobs = Jobs::read(context, records.iter().filter_map(WaitRecord::job).collect());
    let names = Names::default();
    let mut waits: IdMap<Vec<Wait>> = IdMap::default();
    for record in &records {
        waits.entry(record.task).or_default().push(record.wait(context, &resources, &jobs, &names));
    }
    waits
}

/// Where the locks that some tasks wait for were taken.
pub(super) fn taken_at(context: &Context, tasks: &[u64]) -> IdMap<Place> {
    let wanted: IdSet = tasks.iter().copied().collect();
    let mut resources = IdSet::default();
    context.waits(|_, wait| {
        if let Some(id) = wait.resource.filter(|_| wanted.contains(&wait.task)) {
            resources.insert(id.0);
        }
    });
    let place = |(id, (at, resource)): (u64, (usize, ResourceView))| {
        Some((id, context.loops[at].place(resource.held_at)?))
    };
    Resources::read(context, resources).0.into_iter().filter_map(place).collect()
}

/// Of the one task that is shown in detail more waits are kept.
fn tasks_waits_max(detail: Option<u64>) -> impl Fn(u64) -> usize {
    move |task| if detail == Some(task) { crate::wire::limits::DETAIL_MAX } else { Task::WAITS_MAX }
}

/// A task that is idle without a wait waits for something that the runtime does not know.
fn idle_without(context: &Context, record: &Record) -> Option<Wait> {
    let is_idle = record.view.state == telemetry::TaskState::Idle;
    is_idle.then(|| Wait {
        kind: WaitKind::Foreign,
        for_ns: Some(context.since(record.view.state_since)),
        ..Wait::default()
    })
}

/// All waits, for a filter that looks at them.
#[derive(Debug)]
pub(super) struct AllWaits {
    /// By task, the oldest first.
    waits: Vec<WaitRecord>,
    resources: Resources,
    jobs: Jobs,
}

impl AllWaits {
    pub(super) fn read(context: &Context) -> Self {
        let mut waits = Vec::new();
        context.waits(|lp, wait| waits.push(WaitRecord::new(lp, wait)));
        waits.sort_unstable_by_key(|wait| (wait.task, wait.since));
        let resources = Resources::read(context, waits.iter().filter_map(WaitRecord::resource).collect());
        let jobs = Jobs::read(context, waits.iter().filter_map(WaitRecord::job).collect());
        Self { waits, resources, jobs }
    }

    fn of(&self, task: u64) -> impl Iterator<Item = &WaitRecord> {
        let from = self.waits.partition_point(|wait| wait.task < task);
        self.waits[from..].iter().take_while(move |wait| wait.task == task).take(Task::WAITS_MAX)
    }

    /// The waits of a task as people see them.
    pub(super) fn words(&self, context: &Context, record: &Record) -> Vec<String> {
        if tasks::state(record.view.state).is_finished() {
            return Vec::new();
        }
        let names = Names::default();
        let known =
            self.of(record.view.id).map(|wait| wait.wait(context, &self.resources, &self.jobs, &names));
        let mut words: Vec<String> = known.map(|wait| words::wait(&wait)).collect();
        if words.is_empty() {
            words.extend(idle_without(context, record).map(|wait| words::wait(&wait)));
        }
        words
    }
}

pub(super) fn resource_ref(context: &Context, at: usize, resource: &ResourceView) -> ResourceRef {
    let io = resource.io.as_ref();
    ResourceRef {
        id: resource.id.0,
        kind: resource_kind(resource.kind),
        name: context.loops[at].name(resource.name),
        fd: io.and_then(descriptor),
        local: io.and_then(|io| io.local.as_ref()).map(address),
        peer: io.and_then(|io| io.peer.as_ref()).map(address),
        len: resource.len,
        limit: resource.limit,
        child_pid: io.and_then(|io| io.pid),
    }
}

/// Its number, if it has one: the listeners for a signal share a descriptor of the runtime's.
pub(super) fn descriptor(io: &IoView) -> Option<i32> {
    (io.fd >= 0).then_some(io.fd)
}

/// As Rust prints it.
pub(in crate::agent) fn address(address: &Address) -> String {
    match address {
        Address::Inet(address) => address.to_string(),
        Address::Unix(path) => path.clone(),
        _ => "?".to_owned(),
    }
}

macro_rules! same_members {
    ($name:ident: $from:ty => $to:ty { $($member:ident),+ $(,)? } else $other:ident) => {
        pub(in crate::agent) fn $name(kind: $from) -> $to {
            match kind {
                $( <$from>::$member => <$to>::$member, )+
                _ => <$to>::$other,
            }
        }
    };
}

same_members! {
    kind: telemetry::WaitKind => WaitKind {
        Sleep, Join, Group, Lock, Semaphore, Event, Condition, Barrier, Put, Get, Send, Recv, Read, Write, Accept,
        Connect, Resolve, Process, Signal, Blocking, Yield, Foreign,
    } else Unknown
}

same_members! {
    resource_kind: telemetry::ResourceKind => ResourceKind {
        Lock, Queue, Channel, Oneshot, Group, Semaphore, Event, Condition, Barrier, TcpListener, Tcp, Udp, UnixListener,
        Unix, UnixDatagram, Pipe, Process, Signal, Fd,
    } else Unknown
}
