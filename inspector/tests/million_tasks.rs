//! Tree, wait-for graph and top-k over a million tasks, as an agent has to do it: results, not times.

#![allow(clippy::unwrap_used, reason = "test crate")]

use loopscope_inspector::model::Task;
use loopscope_inspector::model::graph::{Edge, WaitGraph};
use loopscope_inspector::model::query::{Column, Filter, Row, Sort, TaskColumn, Top, Value};
use loopscope_inspector::model::tree::{Node, Tree};

const TASKS: u64 = 1_000_000;
/// Task 0 has a thousand children, each of which has 999 or fewer of its own.
const CONNECTIONS: u64 = 1_000;

fn parent(id: u64) -> Option<u64> {
    match id {
        0 => None,
        1..=CONNECTIONS => Some(0),
        _ => Some(id % CONNECTIONS + 1),
    }
}

#[test]
fn the_first_page_of_the_tree_and_its_counts() {
    // Slots are reused last in, first out, so a reader meets the ids in no order: 7 and the number of tasks share no factor.
    let in_no_order = (0..TASKS).map(|index| index * 7 % TASKS);
    let tree = Tree::build(in_no_order.map(|id| Node { id, parent: parent(id), shown: true }));
    assert_eq!(tree.len(), 1_000_000);
    let page = tree.page(0, 4, |_| true);
    let ids: Vec<(u64, u32)> = page.iter().map(|row| (row.id, row.depth)).collect();
    assert_eq!(ids, [(0, 0), (1, 1), (2_000, 2), (3_000, 2)]);
    assert_eq!((page[0].children, page[0].descendants), (1_000, 999_999));
    assert_eq!(tree.page(0, 4, |id| id == 0).iter().map(|row| row.id).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(tree.rows_from(999_999).map(|row| (row.id, row.last)).collect::<Vec<_>>(), [(999_999, true)]);
    assert_eq!(tree.rows().count(), 1_000_000);
}

#[test]
fn how_many_tasks_each_holds_up() {
    // Every child waits for the lock of its connection, every connection for task 0, which reads from a socket; two
    // connections wait for each other instead.
    let edges = (0..TASKS).map(|id| match id {
        0 => Edge::Open { task: 0 },
        1 => Edge::Held { task: 1, by: 2 },
        2 => Edge::Held { task: 2, by: 1 },
        _ => Edge::Held { task: id, by: parent(id).unwrap() },
    });
    let graph = WaitGraph::build(edges);
    // Connection 1 has 998 children (1,000 is itself a connection), each other one 999 but the last two.
    let children_of =
        |id: u64| (CONNECTIONS + 1..TASKS).filter(|&child| parent(child) == Some(id)).count() as u64;
    assert_eq!(graph.blocks(3), Some(children_of(3)));
    assert_eq!(graph.blocks(1), Some(children_of(1) + children_of(2) + 1));
    assert_eq!(graph.blocks(0), Some(TASKS - 1 - 2 - children_of(1) - children_of(2)));
    assert_eq!(graph.blocks(TASKS - 1), Some(0));
    let [cycle] = graph.cycles() else { panic!("one circle") };
    assert_eq!((cycle.deadlock, &cycle.tasks[..]), (true, &[1, 2][..]));
    assert_eq!(cycle.behind, children_of(1) + children_of(2));
    assert_eq!(graph.is_stuck(1 + CONNECTIONS), graph.holders(1 + CONNECTIONS).any(|holder| holder <= 2));
}

#[test]
fn a_group_of_all_tasks_is_counted_without_walking_from_each() {
    let group = (1..TASKS).map(|id| Edge::Held { task: 0, by: id });
    let locks = (1..TASKS).filter(|id| id % 2 == 1).map(|id| Edge::Held { task: id, by: id + 1 });
    let graph = WaitGraph::build(group.chain(locks.take(1_000)));
    assert_eq!(graph.blocks(1), Some(1));
    assert_eq!(graph.blocks(2), Some(2));
    assert_eq!(graph.blocks(TASKS - 1), Some(1));
}

/// A row as an agent has it: a view of a record, without anything on the heap.
struct View {
    id: u64,
    busy_ns: u64,
}

impl Row for View {
    const COLUMNS: &'static [Column] = Task::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match TaskColumn::ALL[column] {
            TaskColumn::Id => Value::Number(self.id),
            TaskColumn::Busy => Value::Number(self.busy_ns),
            TaskColumn::State => Value::text(if self.id.is_multiple_of(2) { "idle" } else { "running" }),
            _ => Value::Absent,
        }
    }
}

#[test]
fn the_busiest_of_those_that_match() {
    let filter = Filter::parse::<View>("state=idle busy<999ms").unwrap();
    let mut top = Top::new(Some(Sort::parse::<View>("-busy").unwrap()), 3);
    let mut made = 0;
    for id in 0..TASKS {
        let row = View { id, busy_ns: id * 7_919 % TASKS * 1_000 };
        if filter.matches(&row) {
            top.offer(&row, || {
                made += 1;
                (row.id, row.busy_ns)
            });
        }
    }
    let mut expected: Vec<(u64, u64)> = (0..TASKS)
        .map(|id| (id, id * 7_919 % TASKS * 1_000))
        .filter(|&(id, busy_ns)| id % 2 == 0 && busy_ns < 999_000_000)
        .collect();
    expected.sort_by_key(|&(_, busy_ns)| std::cmp::Reverse(busy_ns));
    assert_eq!(top.total(), expected.len() as u64);
    assert_eq!(top.into_rows(), expected[..3]);
    assert!(made < 100, "{made} of them were made for three that are kept");
}
