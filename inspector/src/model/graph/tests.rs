//! Who waits for whom.

use super::*;
use crate::model::{ResourceKind, ResourceRef};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn graph(held: &[(u64, u64)], open: &[u64]) -> WaitGraph {
    let held = held.iter().map(|&(task, by)| Edge::Held { task, by });
    WaitGraph::build(held.chain(open.iter().map(|&task| Edge::Open { task })))
}

fn cycle(deadlock: bool, tasks: &[u64], behind: u64) -> Cycle {
    Cycle { deadlock, tasks: tasks.to_vec(), behind }
}

#[test]
fn a_task_blocks_those_that_wait_for_it_and_those_that_wait_for_them() {
    let graph = graph(&[(1, 2), (2, 3), (4, 3)], &[3]);
    assert_eq!([1, 2, 3, 4, 99].map(|id| graph.blocks(id)), [Some(0), Some(1), Some(3), Some(0), Some(0)]);
    assert_eq!(graph.blockers().collect::<Vec<_>>(), [(2, Some(1)), (3, Some(3))]);
    assert_eq!(graph.waiters(3).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(graph.holders(1).collect::<Vec<_>>(), [2]);
    assert_eq!(graph.cycles(), []);
}

#[test]
fn who_waits_on_two_ways_is_counted_once() {
    // 1 waits for 2 and 3, both wait for 4.
    let graph = graph(&[(1, 2), (1, 3), (2, 4), (3, 4)], &[4]);
    assert_eq!(graph.blocks(4), Some(3));
}

#[test]
fn two_tasks_with_each_others_lock_are_a_deadlock() {
    let graph = graph(&[(7, 9), (9, 7), (3, 7), (2, 3)], &[]);
    assert_eq!(graph.cycles(), [cycle(true, &[7, 9], 2)]);
    assert_eq!([2, 3, 7, 9].map(|id| graph.is_stuck(id)), [true; 4]);
    assert_eq!([2, 3, 7, 9].map(|id| graph.blocks(id)), [Some(0), Some(1), Some(3), Some(3)]);
}

#[test]
fn a_timeout_in_a_circle_makes_it_no_deadlock() {
    let graph = graph(&[(7, 9), (9, 7)], &[9]);
    assert_eq!(graph.cycles(), [cycle(false, &[7, 9], 0)]);
    assert!(!graph.is_stuck(7));
}

#[test]
fn a_circle_with_one_holder_that_can_act_is_no_deadlock() {
    // 7 waits for a group of 9 and 11; 11 reads from a socket.
    let graph = graph(&[(7, 9), (7, 11), (9, 7)], &[11]);
    assert_eq!(graph.cycles(), [cycle(false, &[7, 9], 0)]);
}

#[test]
fn a_holder_of_which_nothing_is_known_can_act() {
    let graph = graph(&[(1, 2)], &[]);
    assert!(!graph.is_stuck(1));
}

#[test]
fn a_task_that_waits_for_itself_is_a_deadlock_of_one() {
    let graph = graph(&[(5, 5)], &[]);
    assert_eq!(graph.cycles(), [cycle(true, &[5], 0)]);
    assert_eq!(graph.blocks(5), Some(0));
}

#[test]
fn of_several_circles_in_one_knot_the_shortest_through_the_first_task_is_told() {
    let graph = graph(&[(1, 2), (2, 3), (3, 1), (2, 1), (3, 4), (4, 3)], &[]);
    assert_eq!(graph.cycles(), [cycle(true, &[1, 2], 2)]);
}

#[test]
fn deadlocks_come_before_other_circles() {
    let graph = graph(&[(1, 2), (2, 1), (8, 9), (9, 8)], &[1]);
    assert_eq!(graph.cycles(), [cycle(true, &[8, 9], 0), cycle(false, &[1, 2], 0)]);
}

#[test]
fn only_a_certain_wait_for_a_known_task_is_held() {
    let held = Edge::Held { task: 1, by: 2 };
    let open = Edge::Open { task: 1 };
    assert_eq!(Edge::of_wait(1, WaitKind::Lock, Some(2), false), held);
    assert_eq!(Edge::of_wait(1, WaitKind::Join, Some(2), false), held);
    assert_eq!(Edge::of_wait(1, WaitKind::Lock, None, false), open);
    assert_eq!(Edge::of_wait(1, WaitKind::Lock, Some(2), true), open);
    assert_eq!(Edge::of_wait(1, WaitKind::Recv, Some(2), false), open);
    assert_eq!(Edge::of_wait(1, WaitKind::Foreign, None, false), open);
}

fn waiting(id: u64, waits: &[(WaitKind, Option<u64>, u64)]) -> Task {
    let waiting_on = waits
        .iter()
        .map(|&(kind, task, resource)| Wait {
            kind,
            task,
            resource: Some(ResourceRef { id: resource, kind: ResourceKind::Lock, ..Default::default() }),
            ..Wait::default()
        })
        .collect();
    Task { id, waiting_on, ..Task::default() }
}

#[test]
fn whole_tasks_give_the_same_graph() {
    let tasks = [
        waiting(1, &[(WaitKind::Group, None, 50)]),
        Task { group: Some(50), ..waiting(2, &[(WaitKind::Lock, Some(3), 60)]) },
        Task { group: Some(50), ..waiting(3, &[(WaitKind::Lock, None, 61)]) },
        waiting(4, &[(WaitKind::Join, Some(1), 0), (WaitKind::Sleep, None, 0)]),
    ];
    let sync = [Sync { id: 61, holder: Some(2), ..Sync::default() }];
    let graph = WaitGraph::of_tasks(&tasks, &sync);
    assert_eq!(graph.cycles(), [cycle(true, &[2, 3], 2)]);
    assert!(graph.is_stuck(1));
    assert!(!graph.is_stuck(4), "its sleep can wake it");
    assert_eq!(graph.blocks(1), Some(1));
}

#[test]
fn the_children_of_an_unnamed_group_are_those_of_the_waiting_task() {
    let tasks = [
        waiting(1, &[(WaitKind::Group, None, 50)]),
        Task { parent: Some(1), ..waiting(2, &[(WaitKind::Join, Some(1), 0)]) },
        Task { parent: Some(1), state: TaskState::Completed, ..Task { id: 3, ..Task::default() } },
    ];
    let graph = WaitGraph::of_tasks(&tasks, &[]);
    assert_eq!(graph.cycles(), [cycle(true, &[1, 2], 0)]);
}

#[test]
fn a_task_that_runs_or_has_waits_that_are_not_listed_is_open() {
    for change in [
        (|task: &mut Task| task.state = TaskState::Running) as fn(&mut Task),
        |task| task.state = TaskState::Scheduled,
        |task| task.waiting_on_more = 1,
        |task| task.waiting_on[0].perhaps = true,
    ] {
        let mut first = waiting(1, &[(WaitKind::Join, Some(2), 0)]);
        change(&mut first);
        let graph = WaitGraph::of_tasks(&[first, waiting(2, &[(WaitKind::Join, Some(1), 0)])], &[]);
        assert!(!graph.cycles().iter().any(|cycle| cycle.deadlock));
        assert!(!graph.is_stuck(2));
    }
}

#[test]
fn what_takes_too_long_to_count_is_unknown() {
    let holders = Links::build(4, [(0, 1), (0, 2), (1, 3), (2, 3)].into_iter());
    let waiters = Links::build(4, [(1, 0), (2, 0), (3, 1), (3, 2)].into_iter());
    let components = Components::of(&holders);
    assert_eq!(components.count_blocks(&holders, &waiters, 100), [0, 1, 1, 3]);
    assert_eq!(components.count_blocks(&holders, &waiters, 2), [0, 1, 1, NONE]);
}

#[test]
fn a_chain_of_a_hundred_thousand_waits_is_counted_without_recursion() {
    let last = 100_000;
    let graph = WaitGraph::build((0..last).map(|task| Edge::Held { task, by: task + 1 }));
    assert_eq!(graph.blocks(last), Some(last));
    let circle = WaitGraph::build((0..last).map(|task| Edge::Held { task, by: (task + 1) % last }));
    assert_eq!(circle.cycles().len(), 1);
    assert_eq!(circle.cycles()[0].tasks.len() as u64, last);
}

fn any_waits() -> impl Strategy<Value = (Vec<(u64, u64)>, Vec<u64>)> {
    (prop::collection::vec((0_u64..16, 0_u64..16), 0..40), prop::collection::vec(0_u64..16, 0..6))
}

/// All tasks that can be reached from `start` by at least one step.
fn reached(edges: &[(u64, u64)], start: u64) -> BTreeSet<u64> {
    let mut seen = BTreeSet::new();
    let mut next = vec![start];
    while let Some(at) = next.pop() {
        for &(from, to) in edges {
            if from == at && seen.insert(to) {
                next.push(to);
            }
        }
    }
    seen
}

proptest! {
    #[test]
    fn blocks_agrees_with_walking_from_every_task((held, open) in any_waits()) {
        let graph = graph(&held, &open);
        let backwards: Vec<(u64, u64)> = held.iter().map(|&(task, by)| (by, task)).collect();
        for id in 0..16 {
            let mut expected = reached(&backwards, id);
            expected.remove(&id);
            prop_assert_eq!(graph.blocks(id), Some(expected.len() as u64));
        }
    }

    #[test]
    fn nothing_outside_can_wake_a_stuck_task((held, open) in any_waits()) {
        let graph = graph(&held, &open);
        for id in (0..16).filter(|&id| graph.is_stuck(id)) {
            prop_assert!(!open.contains(&id));
            let holders: Vec<u64> = graph.holders(id).collect();
            prop_assert!(!holders.is_empty());
            prop_assert!(holders.iter().all(|&holder| graph.is_stuck(holder)));
        }
    }

    #[test]
    fn a_task_is_stuck_unless_somebody_it_depends_on_can_act((held, open) in any_waits()) {
        let graph = graph(&held, &open);
        for id in 0..16 {
            let mut needed = reached(&held, id);
            needed.insert(id);
            let can_act = |id: &u64| open.contains(id) || !held.iter().any(|(task, _)| task == id);
            prop_assert_eq!(graph.is_stuck(id), !needed.iter().any(can_act));
        }
    }

    #[test]
    fn every_knot_has_one_circle_and_each_of_its_tasks_waits_for_the_next((held, open) in any_waits()) {
        let graph = graph(&held, &open);
        for cycle in graph.cycles() {
            for (index, task) in cycle.tasks.iter().enumerate() {
                let next = cycle.tasks[(index + 1) % cycle.tasks.len()];
                prop_assert!(held.contains(&(*task, next)));
                prop_assert_eq!(graph.is_stuck(*task), cycle.deadlock);
            }
        }
        let in_knots: BTreeSet<u64> = (0..16).filter(|&id| reached(&held, id).contains(&id)).collect();
        let knots: BTreeSet<BTreeSet<u64>> = in_knots
            .iter()
            .map(|&id| reached(&held, id).into_iter().filter(|&other| reached(&held, other).contains(&id)).collect())
            .collect();
        prop_assert_eq!(graph.cycles().len(), knots.len());
    }
}
