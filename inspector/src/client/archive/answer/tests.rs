//! A stored picture answers as an agent does.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::model::{Process, Wait, WaitKind};

fn task(id: u64, parent: Option<u64>, state: TaskState, joins: Option<u64>) -> Task {
    let wait = joins.map(|task| Wait { kind: WaitKind::Join, task: Some(task), ..Wait::default() });
    Task { id, parent, state, waiting_on: wait.into_iter().collect(), polls: 10 - id, ..Task::default() }
}

/// 1 spawned 2 and 3; 3 spawned 4, which is over. 1 waits for 2, and 2 for 3.
fn picture() -> Picture {
    let tasks = vec![
        task(1, None, TaskState::Idle, Some(2)),
        task(2, Some(1), TaskState::Idle, Some(3)),
        task(3, Some(1), TaskState::Scheduled, None),
        task(4, Some(3), TaskState::Completed, None),
    ];
    let snapshot =
        Snapshot { processes: vec![Process::default()], tasks: Some(tasks), ..Snapshot::default() };
    let stored = TableInfo { table: Table::Tasks, total: 9, shown: 4, dropped: 1, offset: 0 };
    Picture { snapshot, tables: vec![stored], ..Picture::default() }
}

/// The ids of the rows, indented in a tree, and the heading.
fn asked(request: &Request) -> (Heading, Vec<String>) {
    let (heading, rows) = answer(&picture(), request).unwrap();
    let words = rows.iter().map(|row| match row {
        Row::Task(task) => format!("task {}", task.id),
        Row::Tree(node) => format!("{}{}", "  ".repeat(node.depth as usize), node.task.id),
        Row::Chain(task) => format!("chain {}", task.id),
        Row::Detail(detail) => {
            let ids = |tasks: &[Task]| tasks.iter().map(|task| task.id).collect::<Vec<_>>();
            let (above, below, behind) =
                (ids(&detail.ancestors), ids(&detail.children), ids(&detail.waiters));
            format!("{} under {above:?}, over {below:?}, before {behind:?}", detail.task.id)
        }
        other => format!("{other:?}"),
    });
    (heading, words.collect())
}

fn tasks_of(query: Query) -> (TableInfo, Vec<String>) {
    let (heading, rows) = asked(&Request { tasks: Some(query), ..Request::default() });
    (heading.tables[0], rows)
}

#[test]
fn tables_are_filtered_sorted_and_cut_into_pages() {
    let (info, rows) = tasks_of(Query::all());
    assert_eq!(rows, ["task 1", "task 2", "task 3", "task 4"]);
    assert_eq!((info.total, info.shown, info.dropped), (9, 4, 1), "five did not fit into the file");
    let (info, rows) = tasks_of(Query::all().filter("state=idle").sort("-id"));
    assert_eq!((rows, info.total), (vec!["task 2".to_owned(), "task 1".to_owned()], 2));
    let (info, rows) = tasks_of(Query::all().sort("polls").offset(1).limit(2));
    assert_eq!((rows, info.offset), (vec!["task 3".to_owned(), "task 2".to_owned()], 1));
    let (info, rows) = tasks_of(Query::all().around(4).limit(3));
    assert_eq!((rows, info.offset), (vec!["task 4".to_owned()], 3));
    let far = Query::all().offset(u64::MAX).limit(u64::MAX);
    assert_eq!(tasks_of(far).1, Vec::<String>::new());
    let bad = Request { tasks: Some(Query::all().filter("nonsense=1")), ..Request::default() };
    assert!(answer(&picture(), &bad).unwrap_err().to_string().contains("nonsense"));
}

#[test]
fn the_tree_has_what_is_alive_and_what_a_filter_finds_with_its_ancestors() {
    let tree = |tree: TreeQuery| asked(&Request { tree: Some(tree), ..Request::default() }).1;
    assert_eq!(tree(TreeQuery::default()), ["1", "  2", "  3"]);
    assert_eq!(tree(TreeQuery { finished: true, ..TreeQuery::default() }), ["1", "  2", "  3", "    4"]);
    let found = TreeQuery { query: Query::all().filter("id=4"), finished: true, ..TreeQuery::default() };
    assert_eq!(tree(found), ["1", "  3", "    4"]);
    assert_eq!(tree(TreeQuery { depth: Some(0), ..TreeQuery::default() }), ["1"]);
    assert_eq!(tree(TreeQuery { collapsed: vec![1], ..TreeQuery::default() }), ["1"]);
}

#[test]
fn a_task_has_its_chain_its_family_and_those_that_wait_for_it() {
    let (heading, rows) = asked(&Request { why: Some(1), states: true, ..Request::default() });
    assert_eq!(rows, ["chain 1", "chain 2", "chain 3"]);
    let states = heading.states.unwrap();
    assert_eq!((states.idle, states.scheduled, states.completed), (2, 1, 1));
    assert_eq!(asked(&Request { why: Some(7), ..Request::default() }).1, Vec::<String>::new());
    let (_, rows) = asked(&Request { detail: Some(3), ..Request::default() });
    assert_eq!(rows, ["3 under [1], over [4], before [2]"]);
}
