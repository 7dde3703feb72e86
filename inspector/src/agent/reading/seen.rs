//! A reading for the sentinel: three walks over the records, of which little is kept.

use super::context::{Context, LoopSeen as At};
use super::graph::Graph;
use super::ids::{IdMap, IdSet};
use super::tasks::{self, state};
use super::waits::{self, Names};
use crate::model::sentinel::{
    FilesSeen, LATE_BOUNDS_NS, LockSeen, LoopSeen, PlaceSeen, PoolSeen, QueueSeen, SEEN_MAX, Seen, SiteSeen,
    Taker, TaskSeen,
};
use crate::model::{TaskState, Wait, words};
use crate::wire::Request;
use loopscope::telemetry::{
    self, HistogramKind, PlaceIndex, ResourceKind, ResourceView, Taker as LastTaker, TaskView, WaitView,
};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Tasks and descriptors that wait for I/O are told apart up to here, at 8 to 16 bytes each.
const WAITING_MAX: usize = 200_000;

/// A process that may have more descriptors is not asked how many it has: listing them takes too long.
const FILES_MAX: u64 = 1 << 16;

/// Reads what the lints look at.
pub(in crate::agent) fn seen() -> Seen {
    let context = Context::new(&Request::default());
    let waiting = Waiting::read(&context);
    let mut seen = Seen { at_ns: context.now().as_nanos(), ..Seen::default() };
    read_resources(&context, &waiting, &mut seen);
    read_tasks(&context, &waiting, &mut seen);
    seen.loops = (0..context.loops.len()).map(|at| read_loop(&context, at)).collect();
    for lock in &mut seen.locks {
        let running = seen.loops.iter().find(|lp| lp.id == lock.loop_id).and_then(|lp| lp.running);
        if running.is_some_and(|(task, _)| task == Some(lock.holder)) {
            lock.holder_waits = None;
        }
    }
    let pools = loopscope::telemetry::pools();
    let pool = |view: telemetry::PoolView| PoolSeen {
        name: view.name.to_owned(),
        queued: view.queued,
        threads: view.threads,
    };
    seen.pools = pools.iter().take(SEEN_MAX).map(|reader| pool(reader.view())).collect();
    seen.files = count_files();
    seen
}

/// Who waits, as much as is needed of it.
#[derive(Debug, Default)]
struct Waiting {
    /// Tasks that wait for I/O.
    for_io: IdSet,
    /// Descriptors that somebody waits for.
    descriptors: IdSet,
    /// There were more of either than are kept.
    is_cut: bool,
    locks: IdMap<Line>,
    queues: IdMap<Line>,
}

/// Those who wait for one thing.
#[derive(Clone, Copy, Debug)]
struct Line {
    count: u64,
    first: u64,
    since_ns: u64,
}

impl Waiting {
    fn read(context: &Context) -> Self {
        let mut this = Self::default();
        context.waits(|_, wait| this.add(wait));
        this
    }

    fn add(&mut self, wait: &WaitView) {
        use telemetry::WaitKind as Kind;
        let Some(id) = wait.resource.map(|id| id.0) else { return };
        match wait.kind {
            Kind::Lock | Kind::Put | Kind::Send if !wait.perhaps => {
                let lines = if wait.kind == Kind::Lock { &mut self.locks } else { &mut self.queues };
                if lines.len() >= SEEN_MAX && !lines.contains_key(&id) {
                    return;
                }
                let since_ns = wait.since.as_nanos();
                let line = lines.entry(id).or_insert(Line { count: 0, first: wait.task, since_ns });
                line.count += 1;
                if since_ns < line.since_ns {
                    (line.first, line.since_ns) = (wait.task, since_ns);
                }
            }
            Kind::Read | Kind::Write | Kind::Accept | Kind::Connect | Kind::Process | Kind::Signal => {
                if self.for_io.len() >= WAITING_MAX {
                    self.is_cut = true;
                    return;
                }
                self.for_io.insert(wait.task);
                self.descriptors.insert(id);
            }
            _ => {}
        }
    }
}

fn read_resources(context: &Context, waiting: &Waiting, seen: &mut Seen) {
    let mut places: HashMap<(usize, Option<PlaceIndex>), PlaceSeen> = HashMap::new();
    let mut takers: Vec<(usize, u64)> = Vec::new();
    for (at, lp) in context.loops.iter().enumerate() {
        lp.reader.resources(&mut |resource| {
            let id = resource.id.0;
            if resource.io.is_some() {
                let key = (at, resource.made_at);
                if places.len() < SEEN_MAX || places.contains_key(&key) {
                    count_descriptor(context, waiting, resource, places.entry(key).or_default());
                }
            } else if let Some(line) = waiting.locks.get(&id).filter(|_| resource.holder.is_some()) {
                seen.locks.push(lock(context, lp, resource, line));
            } else if let Some(line) = waiting.queues.get(&id) {
                let queue = queue(context, lp, resource, line);
                if let Some(LastTaker::Task(task)) = resource.taker {
                    takers.push((seen.queues.len(), task));
                }
                seen.queues.push(queue);
            }
            ControlFlow::Continue(())
        });
    }
    seen.places = places
        .into_iter()
        .map(|((at, made_at), place)| {
            let lp = &context.loops[at];
            PlaceSeen { loop_id: lp.view.id, made_at: lp.place(made_at), ..place }
        })
        .collect();
    complete_queues(context, &takers, &mut seen.queues);
    complete_locks(context, &mut seen.locks);
}

fn count_descriptor(context: &Context, waiting: &Waiting, resource: &ResourceView, place: &mut PlaceSeen) {
    let Some(io) = &resource.io else { return };
    let is_of_ours = !matches!(
        resource.kind,
        ResourceKind::Signal | ResourceKind::Process | ResourceKind::TcpListener | ResourceKind::UnixListener
    );
    let is_unused = io.last_used.is_none_or(|at| context.since(at) >= PlaceSeen::UNUSED_NS_MIN);
    place.open += 1;
    place.unused += u64::from(
        is_of_ours && is_unused && !waiting.is_cut && !waiting.descriptors.contains(&resource.id.0),
    );
}

fn lock(context: &Context, lp: &At, resource: &ResourceView, line: &Line) -> LockSeen {
    LockSeen {
        id: resource.id.0,
        loop_id: lp.view.id,
        what: what(lp, resource),
        holder: resource.holder.unwrap_or(0),
        held_for_ns: resource.held_since.map_or(0, |since| context.since(since)),
        held_at: lp.place(resource.held_at),
        waiters: line.count,
        longest_wait_ns: context.now().as_nanos().saturating_sub(line.since_ns),
        ..LockSeen::default()
    }
}

fn queue(context: &Context, lp: &At, resource: &ResourceView, line: &Line) -> QueueSeen {
    QueueSeen {
        id: resource.id.0,
        loop_id: lp.view.id,
        what: what(lp, resource),
        made_at: lp.place(resource.made_at),
        waiters: line.count,
        first: line.first,
        longest_wait_ns: context.now().as_nanos().saturating_sub(line.since_ns),
        taker: match resource.taker {
            Some(LastTaker::Nobody) => Taker::Nobody,
            Some(LastTaker::Over) => Taker::Over,
            Some(LastTaker::Task(_)) | None => Taker::Unknown,
        },
    }
}

fn what(lp: &At, resource: &ResourceView) -> String {
    let kind = waits::resource_kind(resource.kind);
    match lp.name(resource.name) {
        Some(name) => format!("{kind} \"{}\"", words::escape(&name, words::NAME_CHARS_MAX)),
        None => format!("a {kind}"),
    }
}

/// A task that is not found any more is over.
fn complete_queues(context: &Context, takers: &[(usize, u64)], queues: &mut [QueueSeen]) {
    let ids: Vec<u64> = takers.iter().map(|&(_, task)| task).collect();
    let records = tasks::find(context, &ids);
    for &(at, task) in takers {
        let lives = records.get(&task).is_some_and(|record| !state(record.view.state).is_finished());
        queues[at].taker = if lives { Taker::Live } else { Taker::Over };
    }
}

/// What the holders wait for.
fn complete_locks(context: &Context, locks: &mut [LockSeen]) {
    if locks.is_empty() {
        return;
    }
    let holders: Vec<u64> = locks.iter().map(|lock| lock.holder).collect();
    let names = Names::read(context, &holders);
    let graph = Graph::read(context);
    let records = tasks::find(context, &holders);
    let mut waits = waits::of_tasks(context, &holders);
    for lock in locks {
        lock.holder_name = names.get(lock.holder);
        lock.is_stuck = graph.is_stuck(lock.holder);
        let record = records.get(&lock.holder);
        let is_idle = record.is_some_and(|record| state(record.view.state) == TaskState::Idle);
        let idle_ns = record.map_or(0, |record| context.since(record.view.state_since));
        let of_holder = waits.remove(&lock.holder).unwrap_or_default();
        lock.holder_waits = is_idle.then(|| holder_waits(&of_holder, idle_ns));
    }
}

/// Of several waits the one that is there longest; of none, something foreign.
fn holder_waits(waits: &[Wait], idle_ns: u64) -> (String, Option<crate::model::Place>, u64) {
    match waits.iter().max_by_key(|wait| wait.for_ns) {
        Some(wait) => (words::wait_target(wait, true), wait.at.clone(), wait.for_ns.unwrap_or(0)),
        None => ("something that Loopscope does not know".to_owned(), None, idle_ns),
    }
}

/// Live tasks of a site that wait for I/O, and the largest future with its task.
type OfSite = (u64, Option<(u64, u64)>);

fn read_tasks(context: &Context, waiting: &Waiting, seen: &mut Seen) {
    let mut of_sites: HashMap<(usize, u32), OfSite> = HashMap::new();
    let mut candidates = Vec::new();
    context.tasks(|at, view| {
        if !state(view.state).is_finished() {
            let (io, largest) = of_sites.entry((at, view.site.0)).or_default();
            *io += u64::from(waiting.is_cut || waiting.for_io.contains(&view.id));
            let is_task = view.kind == telemetry::TaskKind::Task;
            *largest = (*largest).max(is_task.then_some((u64::from(view.size_bytes), view.id)));
            if candidates.len() < SEEN_MAX && is_candidate(context, view) {
                candidates.push(tasks::Record::new(at, view));
            }
        }
        ControlFlow::Continue(())
    });
    seen.tasks = candidates.iter().map(|record| task(context, record)).collect();
    for (at, lp) in context.loops.iter().enumerate() {
        for site in lp.reader.sites() {
            let (waiting_for_io, largest) = of_sites.remove(&(at, site.index.0)).unwrap_or_default();
            seen.sites.push(SiteSeen {
                loop_id: lp.view.id,
                index: site.index.0,
                site: lp.place(Some(site.place)),
                name: lp.name(site.name),
                live: site.live(),
                ended: site.completed + site.cancelled + site.panicked,
                waiting_for_io,
                largest,
            });
        }
    }
}

fn is_candidate(context: &Context, view: &TaskView) -> bool {
    let state_for_ns = context.since(view.state_since);
    TaskSeen::is_worth_a_look(state(view.state), state_for_ns, view.polls, view.self_wakes, view.wakers)
}

fn task(context: &Context, record: &tasks::Record) -> TaskSeen {
    let task = tasks::task(context, record);
    let lp = &context.loops[record.lp];
    TaskSeen {
        id: task.id,
        // The runner names its main task, which nobody spawned.
        is_main: task.parent.is_none() && task.name.as_deref() == Some("main"),
        name: task.name,
        loop_id: lp.view.id,
        site: task.site,
        state: task.state,
        state_for_ns: task.state_for_ns.unwrap_or(0),
        loop_running_ns: lp.view.running.map_or(0, |running| context.since(running.since)),
        polls: task.polls,
        self_wakes: task.self_wakes,
        busy_ns: task.busy_ns,
        wakers: record.view.wakers,
    }
}

fn read_loop(context: &Context, at: usize) -> LoopSeen {
    let row = super::tables::bare_loop(context, at);
    let histogram = context.loops[at].reader.histogram(HistogramKind::Lateness, None);
    let count = |bound: u64| {
        let late = histogram.buckets.iter().filter(|bucket| bucket.low_ns >= bound);
        late.map(|bucket| bucket.count).sum()
    };
    LoopSeen {
        id: row.id,
        running: row.running.as_ref().map(|running| (running.task, running.for_ns)),
        running_name: row.running.as_ref().and_then(|running| running.name.clone()),
        running_site: row.running.and_then(|running| running.site),
        fired: count(0),
        late: LATE_BOUNDS_NS.map(count),
    }
}

/// Descriptors of the process, registered with a loop or not.
fn count_files() -> Option<FilesSeen> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    if limit > FILES_MAX {
        return None;
    }
    let listed = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    // The listing has one itself.
    Some(FilesSeen { open: listed.saturating_sub(1), limit })
}

#[cfg(test)]
mod tests;
