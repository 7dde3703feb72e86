//! Who waits for whom: the wait-for graph, how many tasks a task holds up, circles and deadlocks.
//!
//! # What the graph is made of
//!
//! A task waits; a wait is either *held* by tasks (the task joined, the holder of the lock, all children of a group) or
//! *open*: something outside can end it (a timer, I/O, a signal, another thread, an unknown holder, anything foreign, a
//! wait that is there only "perhaps", or the task is not waiting at all). One open wait makes the task open.
//!
//! # What a deadlock is
//!
//! The greatest set of tasks in which none is open and all holders of all waits are themselves in the set. Nothing outside
//! the set can wake a member. A circle of which a member is open, by a timeout say, is a circle and no deadlock.
//!
//! # Cost
//!
//! Linear in the edges, with one exception: a task with several waiters whose own waiters may be the same is counted by a
//! walk of its own. All walks together may take [`WALK_STEPS_MAX`] steps; what is not counted by then is `None`. Scratch
//! memory is about 50 bytes for each task that waits for a task or is waited for; others cost nothing but their open mark.

use super::{Cycle, Sync, Task, TaskState, Wait, WaitKind};
use std::collections::{BTreeMap, VecDeque};

mod components;
mod links;
mod members;

use components::Components;
use links::Links;
pub(super) use members::Members;

/// Steps that all walks for `blocks` may take together: a bound for hostile graphs, far from what real ones take.
pub const WALK_STEPS_MAX: u64 = 50_000_000;

const NONE: u32 = u32::MAX;

/// One statement about a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// `task` has a wait that `by` holds; several of them if several tasks hold it.
    Held {
        /// Who waits.
        task: u64,
        /// Who must do something for it to end.
        by: u64,
    },
    /// Something outside can end a wait of `task`, or it is not waiting.
    Open {
        /// Who.
        task: u64,
    },
}

impl Edge {
    /// What one wait says: held by `holder` if it is known and `kind` is one that tasks end, else open.
    ///
    /// A group's wait is held by each of its children: one edge for each, or one open edge if there are none.
    pub fn of_wait(task: u64, kind: WaitKind, holder: Option<u64>, perhaps: bool) -> Self {
        match holder {
            Some(by) if !perhaps && is_held_by_tasks(kind) => Self::Held { task, by },
            _ => Self::Open { task },
        }
    }
}

/// Whether only other tasks end waits of this kind.
fn is_held_by_tasks(kind: WaitKind) -> bool {
    matches!(kind, WaitKind::Join | WaitKind::Group | WaitKind::Lock | WaitKind::Semaphore)
}

/// The graph, with everything that is asked of it counted beforehand.
#[derive(Clone, Debug, Default)]
pub struct WaitGraph {
    /// The tasks that wait for a task or are waited for, ascending.
    ids: Vec<u64>,
    /// From a task to those that hold its waits.
    holders: Links,
    /// From a task to those that wait for it.
    waiters: Links,
    /// How many tasks wait for each, or `NONE`.
    blocks: Vec<u32>,
    is_stuck: Vec<bool>,
    /// For each the number of the set of tasks that all wait for each other, of which most have one member.
    component: Vec<u32>,
    cycles: Vec<Cycle>,
}

impl WaitGraph {
    /// The graph of `edges`, in whatever order they come; edges that come twice count once.
    ///
    /// # Panics
    ///
    /// If there are more than 4,294,967,294 edges.
    pub fn build(edges: impl IntoIterator<Item = Edge>) -> Self {
        let mut held = Vec::new();
        let mut open = Vec::new();
        for edge in edges {
            match edge {
                Edge::Held { task, by } => held.push((task, by)),
                Edge::Open { task } => open.push(task),
            }
        }
        held.sort_unstable();
        held.dedup();
        assert!(
            u32::try_from(held.len()).is_ok_and(|len| len < NONE / 2),
            "more waits than a graph can number"
        );
        let mut ids: Vec<u64> = held.iter().flat_map(|&(task, by)| [task, by]).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.shrink_to_fit();
        let mut is_open = vec![false; ids.len()];
        for task in open {
            if let Ok(index) = ids.binary_search(&task) {
                is_open[index] = true;
            }
        }
        let numbered = held.iter().map(|&(task, by)| (index_in(&ids, task), index_in(&ids, by)));
        let holders = Links::build(ids.len(), numbered);
        drop(held);
        let components = Components::of(&holders);
        let waiters = holders.reversed();
        let is_stuck = stuck(&holders, &waiters, is_open);
        let blocks = components.count_blocks(&holders, &waiters, WALK_STEPS_MAX);
        let mut graph = Self { ids, holders, waiters, blocks, is_stuck, ..Self::default() };
        graph.cycles = graph.find_cycles(&components);
        graph.component = components.into_numbers();
        graph
    }

    /// The graph of whole tasks, as a client has them.
    ///
    /// The children of a group are the tasks that name it as theirs; where none does, the live tasks whose parent waits
    /// for it. Holders that no wait names are looked up in `sync`. The tasks should be all of a process: a task that is
    /// left out is taken for one that can still do something.
    pub fn of_tasks(tasks: &[Task], sync: &[Sync]) -> Self {
        let locks: BTreeMap<u64, u64> =
            sync.iter().filter_map(|row| row.holder.map(|by| (row.id, by))).collect();
        let members = Members::of_tasks(tasks);
        let mut edges = Vec::new();
        for task in tasks.iter().filter(|task| !task.state.is_finished()) {
            if task.state != TaskState::Idle || task.waiting_on.is_empty() || task.waiting_on_more > 0 {
                edges.push(Edge::Open { task: task.id });
            }
            for wait in &task.waiting_on {
                match members.of(task.id, wait) {
                    Some(below) => edges.extend(
                        below.iter().map(|&by| Edge::of_wait(task.id, wait.kind, Some(by), wait.perhaps)),
                    ),
                    None => edges.push(Self::edge_of(task.id, wait, &locks)),
                }
            }
        }
        Self::build(edges)
    }

    fn edge_of(task: u64, wait: &Wait, locks: &BTreeMap<u64, u64>) -> Edge {
        let in_table = || locks.get(&wait.resource.as_ref()?.id).copied();
        Edge::of_wait(task, wait.kind, wait.task.or_else(in_table), wait.perhaps)
    }

    /// How many tasks wait for this one, directly or through others, itself not counted; `None` if it took too long to count.
    pub fn blocks(&self, task: u64) -> Option<u64> {
        self.index(task).map_or(Some(0), |index| known(self.blocks[index]))
    }

    /// The tasks that hold up others, with how many, as [`blocks`](Self::blocks).
    pub fn blockers(&self) -> impl Iterator<Item = (u64, Option<u64>)> + '_ {
        self.ids
            .iter()
            .zip(&self.blocks)
            .filter(|(_, blocks)| **blocks != 0)
            .map(|(&id, &blocks)| (id, known(blocks)))
    }

    /// The tasks that hold waits of this one, ascending.
    pub fn holders(&self, task: u64) -> impl Iterator<Item = u64> + '_ {
        self.ids_of(self.index(task).map_or(&[], |index| self.holders.of(index)))
    }

    /// The tasks that wait for this one, ascending.
    pub fn waiters(&self, task: u64) -> impl Iterator<Item = u64> + '_ {
        self.ids_of(self.index(task).map_or(&[], |index| self.waiters.of(index)))
    }

    /// Whether nothing outside can wake it: it is part of a deadlock, or waits only for one.
    pub fn is_stuck(&self, task: u64) -> bool {
        self.index(task).is_some_and(|index| self.is_stuck[index])
    }

    /// Whether `task`, which waits for `by`, is waited for by it in turn, directly or not.
    pub fn is_circle(&self, task: u64, by: u64) -> bool {
        match (self.index(task), self.index(by)) {
            (Some(task), Some(by)) => self.component[task] == self.component[by],
            _ => false,
        }
    }

    /// The circles, one for each set of tasks that all wait for each other, deadlocks first, then by their smallest id.
    pub fn cycles(&self) -> &[Cycle] {
        &self.cycles
    }

    fn find_cycles(&self, components: &Components) -> Vec<Cycle> {
        let mut cycles: Vec<Cycle> = components
            .circular(&self.holders)
            .map(|members| {
                let start = members.iter().copied().min().unwrap_or(0);
                let circle = self.shortest_circle(start, components);
                let waiting = known(self.blocks[start as usize]).map_or(0, |blocks| blocks + 1);
                Cycle {
                    deadlock: self.is_stuck[start as usize],
                    behind: waiting.saturating_sub(circle.len() as u64),
                    tasks: circle,
                }
            })
            .collect();
        cycles.sort_by_key(|cycle| (!cycle.deadlock, cycle.tasks.first().copied()));
        cycles
    }

    /// The shortest way from a task through its component back to itself.
    fn shortest_circle(&self, start: u32, components: &Components) -> Vec<u64> {
        let mut from = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(at) = next.pop_front() {
            for &holder in self.holders.of(at as usize) {
                if holder == start {
                    let mut circle = vec![self.ids[at as usize]];
                    let mut back = at;
                    while back != start {
                        back = from[&back];
                        circle.push(self.ids[back as usize]);
                    }
                    circle.reverse();
                    return circle;
                }
                if components.same(holder, start) && !from.contains_key(&holder) {
                    from.insert(holder, at);
                    next.push_back(holder);
                }
            }
        }
        vec![self.ids[start as usize]]
    }

    fn ids_of<'a>(&'a self, indices: &'a [u32]) -> impl Iterator<Item = u64> + 'a {
        indices.iter().map(|&index| self.ids[index as usize])
    }

    fn index(&self, task: u64) -> Option<usize> {
        self.ids.binary_search(&task).ok()
    }
}

/// A count that may be `NONE`.
fn known(count: u32) -> Option<u64> {
    (count != NONE).then_some(count.into())
}

/// Where `id` is in `ids`, which hold it.
#[expect(clippy::cast_possible_truncation, reason = "a graph has fewer than u32::MAX tasks")]
fn index_in(ids: &[u64], id: u64) -> u32 {
    ids.partition_point(|&other| other < id) as u32
}

/// The greatest set in which nobody is open and all holders are members: takes out who is not until that holds.
fn stuck(holders: &Links, waiters: &Links, is_open: Vec<bool>) -> Vec<bool> {
    let mut free = is_open;
    for (index, free) in free.iter_mut().enumerate() {
        // Who waits for no task is free to act, or at least nothing is known that keeps it from it.
        *free |= holders.of(index).is_empty();
    }
    let mut to_tell: Vec<usize> = (0..free.len()).filter(|&index| free[index]).collect();
    while let Some(index) = to_tell.pop() {
        for &waiter in waiters.of(index) {
            let waiter = waiter as usize;
            if !free[waiter] {
                free[waiter] = true;
                to_tell.push(waiter);
            }
        }
    }
    free.into_iter().map(|free| !free).collect()
}

#[cfg(test)]
mod tests;
