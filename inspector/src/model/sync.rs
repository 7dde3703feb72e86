//! What tasks synchronise with: who holds it, who waits for it and how full it is.

use super::kind::InCycle;
use super::{Place, ResourceKind, WaitGraph, WaitKind};

/// A lock, queue, channel, group or the like: one row of `sync`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sync {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// The resource's id, never reused in a process.
    pub id: u64,
    /// The loop it belongs to.
    pub loop_id: Option<u64>,
    /// What it is.
    pub kind: ResourceKind,
    /// The name it was given.
    pub name: Option<String>,
    /// Where it was made.
    pub made_at: Option<Place>,
    /// The task that made it.
    pub made_by: Option<u64>,
    /// The task that holds it.
    pub holder: Option<u64>,
    /// The name of that task.
    pub holder_name: Option<String>,
    /// For how long it has been held.
    pub held_for_ns: Option<u64>,
    /// Where it was taken.
    pub held_at: Option<Place>,
    /// The tasks that wait for it, the longest waiting first.
    pub waiters: Vec<u64>,
    /// The same by what they wait for: of a queue, those who put and those who get.
    pub waits: Vec<Waiting>,
    /// Items in it, free permits, tasks that arrived; see [`words::fill`](super::words::fill).
    pub len: Option<u64>,
    /// What `len` can be at most.
    pub limit: Option<u64>,
    /// Whether waiting for it is part of a cycle.
    pub cycle: Option<InCycle>,
}

/// The tasks that wait for the same thing of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// What for.
    pub kind: WaitKind,
    /// How many.
    pub count: u64,
    /// The longest waiting, [`Waiting::FIRST_MAX`] at most.
    pub first: Vec<Waiter>,
}

impl Waiting {
    /// The most waiters that are told with all that is known of them.
    pub const FIRST_MAX: usize = 16;
}

/// A task that waits for a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiter {
    /// The task.
    pub task: u64,
    /// Its name.
    pub name: Option<String>,
    /// Since when.
    pub for_ns: Option<u64>,
    /// The place of the `.await`.
    pub at: Option<Place>,
}

impl Sync {
    /// What `graph` says of waiting for it.
    ///
    /// The longest waiting of those who wait for it stand for all of them, where there are more than a row names.
    pub fn in_cycle(&self, graph: &WaitGraph) -> Option<InCycle> {
        let mut found = None;
        for &waiter in &self.waiters {
            // Of a group its children are the holders.
            let children = (self.kind == ResourceKind::Group).then(|| graph.holders(waiter));
            for holder in self.holder.into_iter().chain(children.into_iter().flatten()) {
                match (graph.is_circle(waiter, holder), graph.is_stuck(holder)) {
                    (true, true) => return Some(InCycle::Deadlock),
                    (true, false) => found = Some(InCycle::Cycle),
                    (false, true) => found = found.or(Some(InCycle::Behind)),
                    (false, false) => {}
                }
            }
        }
        found
    }

    /// How many tasks wait for it, those included that the row does not name.
    pub fn waiting_count(&self) -> u64 {
        let by_kind = self.waits.iter().fold(0_u64, |sum, waiting| sum.saturating_add(waiting.count));
        by_kind.max(self.waiters.len() as u64)
    }

    /// Which part of it is taken: of a queue the items, of a semaphore the permits given out, of a barrier those who arrived.
    #[expect(clippy::cast_precision_loss, reason = "of a share nobody sees the sixteenth digit")]
    pub fn share(&self) -> Option<f64> {
        let (len, limit) = (self.len?, self.limit.filter(|&limit| limit > 0)?);
        let taken = if self.kind == ResourceKind::Semaphore { limit.saturating_sub(len) } else { len };
        Some(taken.min(limit) as f64 / limit as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::graph::Edge;

    fn lock(holder: u64, waiters: &[u64]) -> Sync {
        Sync { kind: ResourceKind::Lock, holder: Some(holder), waiters: waiters.to_vec(), ..Sync::default() }
    }

    #[test]
    fn a_lock_is_part_of_a_cycle_if_its_holder_waits_for_one_who_waits_for_it() {
        let held = |task, by| Edge::Held { task, by };
        // 1 and 2 wait for each other, 3 for 1; 5 and 6 for each other, which a timer of 5 can end; 8 for 7, which runs.
        let edges = [held(1, 2), held(2, 1), held(3, 1), held(5, 6), held(6, 5), held(8, 7)];
        let graph = WaitGraph::build(edges.into_iter().chain([Edge::Open { task: 5 }]));
        for (row, expected) in [
            (lock(1, &[3, 2]), Some(InCycle::Deadlock)),
            (lock(2, &[1]), Some(InCycle::Deadlock)),
            (lock(1, &[3]), Some(InCycle::Behind)),
            (lock(5, &[6]), Some(InCycle::Cycle)),
            (lock(7, &[8]), None),
            (lock(1, &[]), None),
            (Sync { holder: None, ..lock(1, &[2]) }, None),
        ] {
            assert_eq!(row.in_cycle(&graph), expected, "{row:?}");
        }
    }

    #[test]
    fn a_group_is_part_of_a_cycle_if_a_child_waits_for_who_awaits_it() {
        let edges = [Edge::Held { task: 1, by: 2 }, Edge::Held { task: 2, by: 1 }];
        let group = |kind| Sync { kind, waiters: vec![1], ..Sync::default() };
        let graph = WaitGraph::build(edges);
        assert_eq!(group(ResourceKind::Group).in_cycle(&graph), Some(InCycle::Deadlock));
        assert_eq!(group(ResourceKind::Event).in_cycle(&graph), None);
    }

    #[test]
    fn the_share_of_a_semaphore_is_what_was_given_out() {
        let row = |kind, len, limit| Sync { kind, len: Some(len), limit: Some(limit), ..Sync::default() };
        assert_eq!(row(ResourceKind::Queue, 3, 4).share(), Some(0.75));
        assert_eq!(row(ResourceKind::Semaphore, 3, 4).share(), Some(0.25));
        assert_eq!(row(ResourceKind::Barrier, 9, 4).share(), Some(1.0), "read while it changes");
        assert_eq!(row(ResourceKind::Queue, 3, 0).share(), None);
    }
}
