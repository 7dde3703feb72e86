//! What the words are.

use super::super::ResourceKind as Of;
use super::*;
use crate::model::{ResourceKind, ResourceRef};
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

#[test]
fn durations_have_two_or_three_digits_and_are_rounded_down() {
    for (ns, expected) in [
        (0, "0 ns"),
        (870, "870 ns"),
        (1_000, "1.0 µs"),
        (9_999, "9.9 µs"),
        (12 * MS, "12 ms"),
        (340 * MS, "340 ms"),
        (999_999_999, "999 ms"),
        (3_250 * MS, "3.2 s"),
        (12 * S, "12 s"),
        (245 * S, "4 min 5 s"),
        (7_500 * S, "2 h 5 min"),
        (273_600 * S, "3 d 4 h"),
        (u64::MAX, "213,503 d 23 h"),
    ] {
        assert_eq!(duration(ns), expected);
    }
}

#[test]
fn counts_have_their_thousands_apart() {
    for (n, expected) in [(0, "0"), (999, "999"), (9_950, "9,950"), (1_000_000, "1,000,000")] {
        assert_eq!(count(n), expected);
    }
    assert_eq!(counted(1, "problem"), "1 problem");
    assert_eq!(counted(1_200, "task"), "1,200 tasks");
}

#[test]
fn bytes_are_in_powers_of_1024() {
    for (n, expected) in [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.0 KiB"),
        (1_536, "1.5 KiB"),
        (30 << 20, "30 MiB"),
        (1_023 << 20, "1023 MiB"),
        (u64::MAX, "15 EiB"),
    ] {
        assert_eq!(bytes(n), expected);
    }
}

#[test]
fn percents_have_a_decimal_where_it_matters() {
    assert_eq!(percent(0.0), "0 %");
    assert_eq!(percent(0.004), "0.4 %");
    assert_eq!(percent(0.42), "42 %");
    assert_eq!(percent(f64::NAN), "?");
}

#[test]
fn a_place_is_shortened_to_what_tells_it_apart() {
    for (file, expected) in [
        ("src/main.rs", "src/main.rs:40"),
        ("./src/main.rs", "src/main.rs:40"),
        ("/any/.cargo/registry/src/index.example-1/hyper-1.12.0/src/rt.rs", "hyper-1.12.0/src/rt.rs:40"),
        ("/rustc/0123abcd/library/core/src/task.rs", "core/src/task.rs:40"),
        ("/a/git/checkouts/repo-12/abc/src/x.rs", "src/x.rs:40"),
        (
            "/a/very/long/path/that/nobody/wants/to/read/in/a/table/src/main.rs",
            "…/nobody/wants/to/read/in/a/table/src/main.rs:40",
        ),
        ("a\x1bb.rs", "a\\u{1b}b.rs:40"),
    ] {
        assert_eq!(place(&Place::new(file, 40, 9)), expected);
    }
}

fn lock_wait() -> Wait {
    Wait {
        kind: WaitKind::Lock,
        resource: Some(ResourceRef {
            id: 3,
            kind: ResourceKind::Lock,
            name: Some("db".into()),
            ..Default::default()
        }),
        task: Some(9),
        task_name: Some("writer".into()),
        for_ns: Some(1_200 * MS),
        ..Wait::default()
    }
}

fn socket_wait(kind: WaitKind) -> Wait {
    Wait {
        kind,
        resource: Some(ResourceRef {
            id: 4,
            kind: ResourceKind::Tcp,
            fd: Some(12),
            local: Some("10.0.0.1:80".into()),
            peer: Some("10.0.0.7:5432".into()),
            ..Default::default()
        }),
        for_ns: Some(12 * S),
        ..Wait::default()
    }
}

#[test]
fn a_wait_is_said_in_plain_words() {
    let sleep =
        Wait { kind: WaitKind::Sleep, deadline_in_ns: Some(340 * MS.cast_signed()), ..Wait::default() };
    let late = Wait { deadline_in_ns: Some(-2 * MS.cast_signed()), ..sleep.clone() };
    let join = Wait { kind: WaitKind::Join, task: Some(22), ..Wait::default() };
    let unnamed = Wait {
        resource: Some(ResourceRef { kind: ResourceKind::Lock, ..Default::default() }),
        task: None,
        for_ns: None,
        made_at: Some(Place::new("src/db.rs", 4, 1)),
        ..lock_wait()
    };
    let foreign = Wait { kind: WaitKind::Foreign, for_ns: Some(2 * S), ..Wait::default() };
    let maybe = Wait { perhaps: true, ..socket_wait(WaitKind::Write) };
    for (given, expected) in [
        (lock_wait(), "lock \"db\" held by #9 writer, 1.2 s"),
        (socket_wait(WaitKind::Read), "read 10.0.0.7:5432 (fd 12)"),
        (socket_wait(WaitKind::Accept), "accept 10.0.0.1:80 (fd 12)"),
        (sleep, "sleep, 340 ms left"),
        (late, "sleep, 2.0 ms late"),
        (join, "join #22"),
        (unnamed, "lock of src/db.rs:4"),
        (foreign, "something foreign, 2.0 s"),
        (maybe, "write 10.0.0.7:5432 (fd 12) (perhaps)"),
    ] {
        assert_eq!(wait(&given), expected);
    }
}

#[test]
fn what_a_task_does_is_its_waits_or_its_state() {
    let mut task = Task {
        waiting_on: vec![lock_wait(), socket_wait(WaitKind::Read)],
        waiting_on_more: 2,
        state_for_ns: Some(3 * S),
        ..Task::default()
    };
    assert_eq!(doing(&task), "lock \"db\" held by #9 writer, 1.2 s; read 10.0.0.7:5432 (fd 12); and 2 more");
    task.state = TaskState::Running;
    assert_eq!(doing(&task), "running, 3.0 s");
    task.state = TaskState::Scheduled;
    assert_eq!(doing(&task), "ready to run");
    task.state = TaskState::Panicked;
    assert_eq!(doing(&task), "panicked");
    assert_eq!(doing(&Task::default()), "something unknown");
}

#[test]
fn ascii_has_a_likeness_for_each_sign_used_here() {
    assert_eq!(ascii("#7 → lock… 3 µs ├── └── │ é"), "#7 -> lock... 3 us |-- `-- | ?");
    assert_eq!(ascii("plain"), "plain");
}

proptest! {
    #[test]
    fn no_words_hold_a_control_character(name in any::<String>(), file in any::<String>(), kind in 0..WaitKind::ALL.len()) {
        let wait_of_it = Wait {
            kind: WaitKind::ALL[kind],
            resource: Some(ResourceRef { name: Some(name.clone()), peer: Some(file.clone()), ..Default::default() }),
            task: Some(1),
            task_name: Some(name.clone()),
            made_at: Some(Place::new(file.clone(), 1, 1)),
            detail: Some(file.clone()),
            ..Wait::default()
        };
        let text = [wait(&wait_of_it), place(&Place::new(file, 1, 1)), task(1, Some(&name))].concat();
        prop_assert!(!text.chars().any(char::is_control));
        prop_assert!(text.chars().count() < 1_000);
    }

    #[test]
    fn numbers_of_any_size_have_words(n in any::<u64>(), part in any::<f64>()) {
        prop_assert!(duration(n).len() < 24);
        prop_assert!(bytes(n).len() < 12);
        prop_assert_eq!(count(n).replace(',', ""), n.to_string());
        prop_assert!(!percent(part).is_empty());
    }
}

#[test]
fn a_wait_for_each_kind_of_resource_says_what_it_is_and_how_full() {
    let wait = |kind, of, name: &str, len, limit| Wait {
        kind,
        resource: Some(ResourceRef {
            kind: of,
            name: Some(name.into()),
            len,
            limit,
            ..ResourceRef::default()
        }),
        ..Wait::default()
    };
    let child = |kind, of, name, fd| {
        let wait = wait(kind, of, name, None, None);
        let resource = wait.resource.map(|resource| ResourceRef { fd, child_pid: Some(123), ..resource });
        Wait { kind, resource, ..Wait::default() }
    };
    for (given, expected, in_a_chain) in [
        (
            wait(WaitKind::Semaphore, Of::Semaphore, "api", Some(0), Some(3)),
            "semaphore \"api\" (0 of 3 permits free)",
            "semaphore api (0 of 3 permits free)",
        ),
        (wait(WaitKind::Event, Of::Event, "ready", None, None), "event \"ready\"", "event ready"),
        (
            wait(WaitKind::Condition, Of::Condition, "not full", None, None),
            "condition \"not full\"",
            "condition not full",
        ),
        (
            wait(WaitKind::Barrier, Of::Barrier, "start", Some(2), Some(3)),
            "barrier \"start\" (2 of 3 arrived)",
            "barrier start (2 of 3 arrived)",
        ),
        (wait(WaitKind::Put, Of::Queue, "jobs", Some(8), Some(8)), "put \"jobs\"", "put jobs"),
        (wait(WaitKind::Event, Of::Queue, "jobs", Some(8), None), "all done of \"jobs\"", "all done of jobs"),
        (wait(WaitKind::Event, Of::Oneshot, "one", None, None), "close of \"one\"", "close of one"),
        (wait(WaitKind::Recv, Of::Channel, "news", Some(0), None), "recv \"news\"", "recv news"),
        (wait(WaitKind::Signal, Of::Signal, "SIGTERM", None, None), "signal SIGTERM", "signal SIGTERM"),
        (
            child(WaitKind::Process, Of::Process, "sh", Some(9)),
            "process sh (pid 123)",
            "process sh (pid 123)",
        ),
        (
            child(WaitKind::Read, Of::Pipe, "stdout of sh", Some(10)),
            "read \"stdout of sh\" (pid 123, fd 10)",
            "read stdout of sh (pid 123, fd 10)",
        ),
    ] {
        assert_eq!(super::wait(&given), expected);
        assert_eq!(wait_target(&given, false), in_a_chain);
    }
}

#[test]
fn how_full_a_resource_is_has_words_that_fit_its_kind() {
    for (kind, len, limit, expected) in [
        (Of::Queue, Some(16), Some(16), Some("16 of 16 items")),
        (Of::Queue, Some(1), None, Some("1 item")),
        (Of::Channel, Some(1_234), None, Some("1,234 messages")),
        (Of::Semaphore, Some(0), Some(1), Some("0 of 1 permit free")),
        (Of::Semaphore, Some(2), None, Some("2 permits free")),
        (Of::Barrier, Some(2), Some(5), Some("2 of 5 arrived")),
        (Of::Group, Some(3), None, Some("3 tasks")),
        (Of::Lock, None, None, None),
        (Of::Event, None, Some(4), None),
    ] {
        assert_eq!(fill(kind, len, limit).as_deref(), expected);
    }
}
