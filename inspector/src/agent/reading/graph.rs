//! The wait-for graph of a reading: only waits that tasks end are collected, which are few even among a million.

use super::context::Context;
use super::ids::{IdMap, IdSet};
use super::tasks::state;
use super::waits::{self, Resources};
use crate::model::graph::Edge;
use crate::model::{Cycle, InCycle, Sync, TaskState, WaitGraph, WaitKind};
use crate::wire::Request;
use crate::wire::limits::CYCLES_MAX;
use loopscope::telemetry::{self, WaitView};
use std::ops::ControlFlow;

/// Waits that are collected at most, at 24 bytes each and some 60 more in the graph.
const HELD_MAX: usize = 200_000;

/// Waits that tasks end, as they were found.
#[derive(Debug, Default)]
pub(super) struct Held {
    waits: Vec<HeldWait>,
    /// There were more than [`HELD_MAX`].
    is_cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct HeldWait {
    task: u64,
    /// A task of a join, else a resource.
    target: u64,
    kind: telemetry::WaitKind,
    perhaps: bool,
}

impl Held {
    /// Keeps the wait if tasks end it.
    pub(super) fn offer(&mut self, wait: &WaitView) {
        let target = match wait.kind {
            telemetry::WaitKind::Join => wait.target_task,
            telemetry::WaitKind::Lock | telemetry::WaitKind::Semaphore => wait.resource.map(|id| id.0),
            telemetry::WaitKind::Group => Some(wait.resource.map_or(0, |id| id.0)),
            _ => None,
        };
        let Some(target) = target else { return };
        if self.waits.len() >= HELD_MAX {
            self.is_cut = true;
            return;
        }
        self.waits.push(HeldWait { task: wait.task, target, kind: wait.kind, perhaps: wait.perhaps });
    }
}

/// The graph, where there is anything to be said.
#[derive(Debug, Default)]
pub(super) struct Graph {
    graph: WaitGraph,
    is_cut: bool,
}

impl Graph {
    /// Walks the waits for it.
    pub(super) fn read(context: &Context) -> Self {
        let mut held = Held::default();
        context.waits(|_, wait| held.offer(wait));
        Self::build(context, &held)
    }

    /// The graph of waits that were collected.
    pub(super) fn build(context: &Context, held: &Held) -> Self {
        if held.waits.is_empty() {
            return Self { graph: WaitGraph::default(), is_cut: held.is_cut };
        }
        let of_resource = |wait: &&HeldWait| {
            matches!(wait.kind, telemetry::WaitKind::Lock | telemetry::WaitKind::Semaphore)
        };
        let wanted = held.waits.iter().filter(of_resource).map(|wait| wait.target).collect();
        let resources = Resources::read(context, wanted);
        let mut is_cut = held.is_cut;
        let mut edges: Vec<Edge> = held
            .waits
            .iter()
            .filter(|wait| wait.kind != telemetry::WaitKind::Group)
            .map(|wait| {
                let holder = match wait.kind {
                    telemetry::WaitKind::Join => Some(wait.target),
                    _ => resources.holder(wait.target),
                };
                Edge::of_wait(wait.task, waits::kind(wait.kind), holder, wait.perhaps)
            })
            .collect();
        is_cut |= add_groups(context, held, &mut edges);
        let graph = WaitGraph::build(edges.iter().copied());
        if graph.cycles().is_empty() {
            // No circle, no deadlock, whatever else these tasks wait for.
            return Self { graph, is_cut };
        }
        add_open(context, held, &mut edges);
        Self { graph: WaitGraph::build(edges), is_cut }
    }

    /// Whether nothing outside can wake it.
    pub(super) fn is_stuck(&self, task: u64) -> bool {
        self.graph.is_stuck(task)
    }

    /// What waiting for a resource is part of.
    pub(super) fn in_cycle(&self, row: &Sync) -> Option<InCycle> {
        row.in_cycle(&self.graph)
    }

    /// All circles.
    pub(super) fn all_cycles(&self) -> &[Cycle] {
        self.graph.cycles()
    }

    /// How many tasks wait for it, directly or not; `None` if that was too much to count.
    pub(super) fn blocks(&self, task: u64) -> Option<u64> {
        // A cut graph would say too little of any task.
        if self.is_cut { None } else { self.graph.blocks(task) }
    }

    pub(super) fn waiters(&self, task: u64) -> impl Iterator<Item = u64> + '_ {
        self.graph.waiters(task)
    }

    /// The task and all that it waits for, directly or not, `max` at most.
    pub(super) fn closure(&self, task: u64, max: usize) -> Vec<u64> {
        let mut closure = vec![task];
        let mut seen = IdSet::from_iter([task]);
        let mut at = 0;
        while at < closure.len() {
            for holder in self.graph.holders(closure[at]) {
                if closure.len() >= max {
                    return closure;
                }
                if seen.insert(holder) {
                    closure.push(holder);
                }
            }
            at += 1;
        }
        closure
    }

    /// The circles that were asked for: all, or those that one task waits for.
    pub(super) fn cycles<'a>(&'a self, request: &Request) -> impl Iterator<Item = Cycle> + use<'a> {
        let of: Option<IdSet> = (!request.cycles)
            .then_some(request.why)
            .flatten()
            .map(|task| self.closure(task, crate::wire::limits::CHAIN_MAX).into_iter().collect());
        let is_asked = move |cycle: &&Cycle| {
            of.as_ref().is_none_or(|of| cycle.tasks.iter().any(|task| of.contains(task)))
        };
        self.graph.cycles().iter().filter(is_asked).take(CYCLES_MAX).cloned()
    }
}

/// Who waits for a group waits for its children: the live tasks that it spawned. Says whether there were too many.
fn add_groups(context: &Context, held: &Held, edges: &mut Vec<Edge>) -> bool {
    let groups = held.waits.iter().filter(|wait| wait.kind == telemetry::WaitKind::Group);
    let mut childless: IdSet = groups.clone().map(|wait| wait.task).collect();
    let parents: IdSet = groups.filter(|wait| !wait.perhaps).map(|wait| wait.task).collect();
    if childless.is_empty() {
        return false;
    }
    let mut is_cut = false;
    context.tasks(|_, view| {
        let parent = view.parent.filter(|parent| parents.contains(parent));
        if let Some(parent) = parent.filter(|_| !state(view.state).is_finished()) {
            if edges.len() >= HELD_MAX {
                is_cut = true;
                return ControlFlow::Break(());
            }
            childless.remove(&parent);
            edges.push(Edge::of_wait(parent, WaitKind::Group, Some(view.id), false));
        }
        ControlFlow::Continue(())
    });
    edges.extend(childless.into_iter().map(|task| Edge::Open { task }));
    is_cut
}

/// Marks the waiting tasks that something outside can wake as well, or that are awake.
fn add_open(context: &Context, held: &Held, edges: &mut Vec<Edge>) {
    let waiting: IdSet = held.waits.iter().map(|wait| wait.task).collect();
    let mut open = IdSet::default();
    let mut entries: IdMap<u64> = IdMap::default();
    context.waits(|_, wait| {
        if waiting.contains(&wait.task) {
            *entries.entry(wait.task).or_default() += 1;
        }
        let kind = waits::kind(wait.kind);
        // With a holder, whoever it is, only waits that no task ends come out open.
        if waiting.contains(&wait.task)
            && matches!(Edge::of_wait(wait.task, kind, Some(0), wait.perhaps), Edge::Open { .. })
        {
            open.insert(wait.task);
        }
    });
    context.tasks(|_, view| {
        // With more wakers than waits, where they are counted, something that is not shown may wake it too.
        let shown = entries.get(&view.id).copied().unwrap_or(0);
        let is_open =
            state(view.state) != TaskState::Idle || view.wakers.is_some_and(|wakers| wakers > shown);
        if waiting.contains(&view.id) && is_open {
            open.insert(view.id);
        }
        ControlFlow::Continue(())
    });
    edges.extend(open.into_iter().map(|task| Edge::Open { task }));
}
