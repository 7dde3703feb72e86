//! What Python's own tests of its renderers check, on our values.

use super::*;
use crate::model::{Branch, TaskState};

fn wait(kind: WaitKind, task: impl Into<Option<u64>>, line: u32) -> Wait {
    let at = Some(Place::new("example.rs", line, 1));
    Wait { kind, task: task.into(), at, ..Wait::default() }
}

fn task(id: u64, name: &str, line: u32, waiting_on: impl Into<Vec<Wait>>) -> Task {
    Task {
        id,
        name: (!name.is_empty()).then(|| name.to_owned()),
        loop_id: Some(0),
        site: Some(Place::new("example.rs", line, 1)),
        waiting_on: waiting_on.into(),
        ..Task::default()
    }
}

/// The example of Python's documentation: two albums, each a group of two songs.
fn albums() -> Vec<Task> {
    let song =
        |id, name, album| Task { parent: Some(album), ..task(id, name, 8, [wait(WaitKind::Sleep, None, 4)]) };
    let album = |id, name| Task { parent: Some(1), ..task(id, name, 13, [wait(WaitKind::Group, None, 9)]) };
    vec![
        task(1, "", 20, [wait(WaitKind::Group, None, 14)]),
        album(2, "Sundowning"),
        album(3, "TMBTE"),
        song(4, "TNDNBTG", 2),
        song(5, "Levitate", 2),
        song(6, "DYWTYLM", 3),
        Task { state: TaskState::Completed, ..song(7, "gone", 3) },
        Task { kind: TaskKind::Callback, ..task(8, "callback", 1, []) },
    ]
}

#[test]
fn pstree_hangs_awaited_tasks_below_the_frame_that_awaits_them() {
    let expected = "\
└── (T) Task-1
    └──  example.rs:20
        └──  group example.rs:14
            ├── (T) Sundowning
            │   └──  example.rs:13
            │       └──  group example.rs:9
            │           ├── (T) TNDNBTG
            │           │   └──  example.rs:8
            │           │       └──  sleep example.rs:4
            │           └── (T) Levitate
            │               └──  example.rs:8
            │                   └──  sleep example.rs:4
            └── (T) TMBTE
                └──  example.rs:13
                    └──  group example.rs:9
                        └── (T) DYWTYLM
                            └──  example.rs:8
                                └──  sleep example.rs:4
";
    assert_eq!(pstree(&albums(), None).unwrap(), expected);
}

#[test]
fn ps_has_a_row_for_each_task_and_awaiter() {
    let loops = [Loop { id: 0, tid: Some(1_935_500), ..Loop::default() }];
    let text = ps(&albums()[..2], &loops, None);
    let lines: Vec<&str> = text.lines().collect();
    let header = "tid        task id              task name            coroutine stack                                    \
                  awaiter chain                                      awaiter name    awaiter id     ";
    let nobody = " ".repeat(50 + 1 + 15);
    let first = format!(
        "1935500    0x1                  Task-1               group -> example.rs:20                             {nobody} 0x0            "
    );
    let second = "1935500    0x2                  Sundowning           group -> example.rs:13                             \
                  group -> example.rs:20                             Task-1          0x1            ";
    assert_eq!(lines, [header, &"-".repeat(180), &first, second]);
}

#[test]
fn a_task_with_two_awaiters_has_two_rows_and_is_drawn_twice() {
    let join = || [wait(WaitKind::Join, 3, 5)];
    let tasks = [task(1, "a", 1, join()), task(2, "b", 2, join()), task(3, "shared", 3, [])];
    assert_eq!(
        ps(&tasks, &[], None)
            .lines()
            .filter(|line| line.contains("0x3  ") && line.contains("shared"))
            .count(),
        2
    );
    assert_eq!(
        pstree(&tasks, None).unwrap(),
        "\
└── (T) a
    └──  example.rs:1
        └──  join example.rs:5
            └── (T) shared
                └──  example.rs:3
└── (T) b
    └──  example.rs:2
        └──  join example.rs:5
            └── (T) shared
                └──  example.rs:3
"
    );
}

#[test]
fn identical_frames_are_merged_and_only_those_that_await_tasks_are_drawn() {
    let waits = [wait(WaitKind::Join, 2, 5), wait(WaitKind::Join, 3, 5), wait(WaitKind::Sleep, None, 6)];
    let tasks = [task(1, "a", 1, waits), Task { site: None, ..task(2, "b", 0, []) }, task(3, "c", 3, [])];
    assert_eq!(
        pstree(&tasks, None).unwrap(),
        "\
└── (T) a
    └──  example.rs:1
        └──  join example.rs:5
            ├── (T) b
            └── (T) c
                └──  example.rs:3
"
    );
}

#[test]
fn circles_are_told_instead_of_a_tree_and_do_not_hurt_the_table() {
    let tasks = [
        task(1, "", 1, []),
        task(2, "", 1, [wait(WaitKind::Join, 3, 5)]),
        task(3, "", 1, [wait(WaitKind::Join, 2, 5)]),
        task(4, "self", 1, [wait(WaitKind::Join, 4, 5)]),
    ];
    let error = pstree(&tasks, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ERROR: await-graph contains cycles - cannot print a tree!\n\n\
         cycle: Task-2 → Task-3 → Task-2\ncycle: self → self"
    );
    assert_eq!(error.cycles().len(), 2);
    assert_eq!(ps(&tasks, &[], None).lines().count(), 6);
}

#[test]
fn a_lock_in_a_circle_is_no_matter_of_awaiting() {
    let tasks = [task(1, "", 1, [wait(WaitKind::Lock, 2, 5)]), task(2, "", 1, [wait(WaitKind::Lock, 1, 5)])];
    assert_eq!(pstree(&tasks, None).unwrap().lines().count(), 6);
}

#[test]
fn nothing_gives_a_header_and_no_tree() {
    assert_eq!(ps(&[], &[], None).lines().count(), 2);
    assert_eq!(pstree(&[], None).unwrap(), "");
}

#[test]
fn a_tree_that_doubles_at_each_level_is_cut() {
    let waits = |id: u64| [wait(WaitKind::Join, id + 1, 1), wait(WaitKind::Join, id + 2, 2)];
    let tasks: Vec<Task> = (0..60).map(|id| task(id, "", 1, waits(id))).collect();
    let text = pstree(&tasks, None).unwrap();
    assert!(text.len() <= TREE_BYTES_MAX + 1_024 && text.ends_with(CUT));
}

#[test]
fn names_that_a_terminal_would_obey_are_escaped() {
    let tasks = [task(1, "a\x1b[2J\nb", 1, [])];
    for text in [ps(&tasks, &[], None), pstree(&tasks, None).unwrap()] {
        assert!(!text.replace('\n', "").chars().any(char::is_control));
        assert!(text.contains(r"a\u{1b}[2J\nb"));
    }
}

fn frame(function: &str, line: u32) -> Frame {
    Frame { function: function.into(), at: (line > 0).then(|| Place::new("example.rs", line, 0)) }
}

fn branch(parent: Option<usize>, frames: &[(&str, u32)]) -> Branch {
    let frames = frames.iter().map(|&(function, line)| frame(function, line)).collect();
    Branch { parent, frames, ..Branch::default() }
}

/// The stacks of the albums: the first song waits for two things at once.
fn stacks() -> Dump {
    let stack =
        |task, branches: &[Branch]| TaskStack { task, branches: branches.to_vec(), ..TaskStack::default() };
    let group = "loopscope::TaskGroup::close";
    let stacks = vec![
        stack(1, &[branch(None, &[("main", 14), (group, 0)])]),
        stack(2, &[branch(None, &[("album", 9), (group, 0)])]),
        stack(
            4,
            &[
                branch(None, &[("song", 3), ("play", 4)]),
                branch(Some(0), &[("{branch of play}", 5), ("loopscope::sleep", 0)]),
                branch(Some(0), &[("{branch of play}", 6), ("loopscope::sync::Event::wait", 0)]),
            ],
        ),
        stack(5, &[branch(None, &[])]),
    ];
    Dump { stacks, ..Dump::default() }
}

#[test]
fn with_a_dump_the_frames_are_functions_and_alike_ones_are_merged() {
    let expected = "\
└── (T) Task-1
    └──  main example.rs:14
        └──  loopscope::TaskGroup::close
            ├── (T) Sundowning
            │   └──  album example.rs:9
            │       └──  loopscope::TaskGroup::close
            │           ├── (T) TNDNBTG
            │           │   └──  song example.rs:3
            │           │       └──  play example.rs:4
            │           │           ├──  {branch of play} example.rs:5
            │           │           │   └──  loopscope::sleep
            │           │           └──  {branch of play} example.rs:6
            │           │               └──  loopscope::sync::Event::wait
            │           └── (T) Levitate
            │               └──  example.rs:8
            │                   └──  sleep example.rs:4
            └── (T) TMBTE
                └──  example.rs:13
                    └──  group example.rs:9
                        └── (T) DYWTYLM
                            └──  example.rs:8
                                └──  sleep example.rs:4
";
    assert_eq!(pstree(&albums(), Some(&stacks())).unwrap(), expected);
}

#[test]
fn with_a_dump_the_table_has_the_names_of_functions_innermost_first() {
    let table = ps(&albums(), &[], Some(&stacks()));
    let row = table.lines().find(|line| line.contains("TNDNBTG")).unwrap();
    assert!(row.contains("loopscope::sleep -> {branch of play} -> play -> song "), "{row}");
    assert!(row.contains(" loopscope::TaskGroup::close -> album "), "{row}");
}
