//! What the chain is.

use super::*;
use crate::model::{ResourceKind, ResourceRef};

const S: u64 = 1_000_000_000;

fn wait(kind: WaitKind, for_s: u64) -> Wait {
    Wait { kind, for_ns: Some(for_s * S), ..Wait::default() }
}

fn lock(name: &str, holder: u64, for_s: u64) -> Wait {
    Wait {
        resource: Some(ResourceRef {
            id: 1,
            kind: ResourceKind::Lock,
            name: Some(name.into()),
            ..Default::default()
        }),
        task: Some(holder),
        at: Some(Place::new("src/db.rs", 40, 9)),
        ..wait(WaitKind::Lock, for_s)
    }
}

fn read(for_s: u64) -> Wait {
    let resource = ResourceRef {
        id: 2,
        kind: ResourceKind::Tcp,
        fd: Some(12),
        peer: Some("10.0.0.7:5432".into()),
        ..Default::default()
    };
    Wait { resource: Some(resource), ..wait(WaitKind::Read, for_s) }
}

fn task(id: u64, waiting_on: impl Into<Vec<Wait>>) -> Task {
    Task { id, waiting_on: waiting_on.into(), ..Task::default() }
}

fn why(tasks: &[Task], id: u64) -> Option<Chain> {
    chain(&SeenTasks::new(tasks, &WaitGraph::of_tasks(tasks, &[])), id)
}

#[track_caller]
fn check(tasks: &[Task], id: u64, sentence: &str) {
    assert_eq!(why(tasks, id).unwrap().sentence(), sentence);
}

fn writer() -> Task {
    Task { name: Some("writer".into()), site: Some(Place::new("src/main.rs", 12, 5)), ..task(9, [read(12)]) }
}

#[test]
fn a_chain_leads_to_what_no_task_holds() {
    let tasks = [task(7, [lock("db", 9, 12)]), writer()];
    check(&tasks, 7, "#7 → lock db → #9 writer → read 10.0.0.7:5432 (fd 12), 12 s");
    assert_eq!(
        why(&tasks, 7).unwrap().lines(),
        [
            "#7",
            "  waits for lock \"db\" held by #9, 12 s  at src/db.rs:40",
            "#9 writer  spawned at src/main.rs:12",
            "  waits for read 10.0.0.7:5432 (fd 12)",
        ]
    );
}

#[test]
fn where_a_wait_was_made_is_said_only_of_another_line() {
    let waits = |line| {
        let made_at = Some(Place::new("src/db.rs", line, 30));
        why(&[task(7, [Wait { made_at, ..lock("db", 9, 12) }])], 7).unwrap().lines()[1].clone()
    };
    assert_eq!(waits(40), "  waits for lock \"db\" held by #9, 12 s  at src/db.rs:40");
    assert_eq!(waits(38), "  waits for lock \"db\" held by #9, 12 s  at src/db.rs:40  made at src/db.rs:38");
}

#[test]
fn of_an_unknown_task_there_is_no_chain() {
    assert_eq!(why(&[], 7), None);
}

#[test]
fn a_chain_may_end_at_a_task_that_does_not_wait() {
    let at = |state, state_for_ns| [task(7, [lock("db", 9, 1)]), Task { state, state_for_ns, ..writer() }];
    check(&at(TaskState::Running, Some(3 * S)), 7, "#7 → lock db → #9 writer, running for 3.0 s");
    check(&at(TaskState::Running, None), 7, "#7 → lock db → #9 writer, running");
    check(&at(TaskState::Scheduled, None), 7, "#7 → lock db → #9 writer, ready to run");
    check(&at(TaskState::Panicked, None), 7, "#7 → lock db → #9 writer, panicked");
    check(&[task(7, [lock("db", 9, 1)])], 7, "#7 → lock db → #9 (unknown)");
    assert_eq!(
        why(&at(TaskState::Scheduled, None), 7).unwrap().lines().last().map(String::as_str),
        Some("  ready to run")
    );
}

#[test]
fn a_circle_is_marked_and_so_is_a_deadlock() {
    let deadlock = [task(3, [lock("a", 4, 1)]), task(4, [lock("b", 3, 1)])];
    check(&deadlock, 3, "#3 → lock a → #4 → lock b → #3 (deadlock)");
    let sleep = Wait { deadline_in_ns: Some(2_000_000_000), ..wait(WaitKind::Sleep, 1) };
    let circle = [task(3, [lock("a", 4, 1)]), task(4, [lock("b", 3, 1), sleep])];
    check(&circle, 3, "#3 → lock a → #4 → lock b (also: sleep, 2.0 s left) → #3 (a circle)");
}

#[test]
fn of_several_waits_the_most_telling_is_followed_and_the_others_are_named() {
    let sleep = wait(WaitKind::Sleep, 99);
    let maybe = Wait { perhaps: true, ..lock("old", 5, 99) };
    let tasks = [task(7, [sleep.clone(), maybe, read(1), lock("db", 9, 2)]), writer()];
    let chain = why(&tasks, 7).unwrap();
    assert_eq!(chain.steps[0].wait, Some(lock("db", 9, 2)));
    assert_eq!(
        chain.sentence(),
        "#7 → lock db (also: sleep; lock \"old\" held by #5, 1 min 39 s (perhaps); 1 more) → \
         #9 writer → read 10.0.0.7:5432 (fd 12), 12 s"
    );
    check(&[task(7, [sleep, read(1)])], 7, "#7 → read 10.0.0.7:5432 (fd 12) (also: sleep), 1.0 s");
}

#[test]
fn of_a_group_the_child_that_waits_longest_is_followed() {
    let child = |id, state_for_ns| Task { parent: Some(1), state_for_ns, ..task(id, [read(2)]) };
    let tasks =
        [task(1, [wait(WaitKind::Group, 5)]), child(2, Some(S)), child(3, Some(4 * S)), child(4, None)];
    check(&tasks, 1, "#1 → group of 3 tasks → #3 → read 10.0.0.7:5432 (fd 12), 2.0 s");
}

#[test]
fn a_chain_that_never_ends_is_cut() {
    let tasks: Vec<Task> = (0..1_000).map(|id| task(id, [lock("x", id + 1, 1)])).collect();
    let chain = why(&tasks, 0).unwrap();
    assert_eq!((chain.steps.len(), &chain.end), (STEPS_MAX, &End::TooLong));
    assert!(chain.sentence().ends_with("lock x → …"));
}
