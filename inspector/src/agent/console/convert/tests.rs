//! What the client makes of what it is told, by its own rules.

use super::*;
use proptest::prelude::*;

/// When everything happens.
const NOON: WallTime = WallTime(1_795_000_000 * NS);

fn after(ms: u64) -> WallTime {
    WallTime(NOON.0 + ms * 1_000_000)
}

/// The state that the client shows: the four lines of its own `Task::state`.
fn shown(stats: &tasks::Stats) -> &'static str {
    let poll = stats.poll_stats.as_ref().unwrap();
    let order = |at: &Option<Timestamp>| at.map(|at| (at.seconds, at.nanos));
    if stats.dropped_at.is_some() {
        "done"
    } else if order(&poll.last_poll_started) > order(&poll.last_poll_ended) {
        "running"
    } else if order(&stats.last_wake) > order(&poll.last_poll_started) {
        "scheduled"
    } else {
        "idle"
    }
}

/// Whether the client would warn that nobody can wake it.
fn is_lost(stats: &tasks::Stats) -> bool {
    let was_polled = stats.poll_stats.as_ref().unwrap().polls > 0;
    shown(stats) == "idle" && was_polled && stats.waker_clones <= stats.waker_drops
}

fn counts(state: TaskState, polls: u64, wakes: u64) -> TaskCounts {
    let ended_at = state.is_finished().then_some(after(20));
    TaskCounts {
        state,
        state_since: after(20),
        spawned_at: NOON,
        ended_at,
        polls,
        wakes,
        ..TaskCounts::default()
    }
}

#[test]
fn the_client_shows_the_state_that_a_task_has() {
    for (polls, wakes) in [(1, 0), (1, 1), (2, 1), (9, 9)] {
        assert_eq!(shown(&task_stats(&counts(TaskState::Idle, polls, wakes))), "idle");
        assert_eq!(shown(&task_stats(&counts(TaskState::Scheduled, polls, wakes))), "scheduled");
        assert_eq!(shown(&task_stats(&counts(TaskState::Running, polls, wakes))), "running");
        for over in [TaskState::Completed, TaskState::Cancelled, TaskState::Panicked] {
            assert_eq!(shown(&task_stats(&counts(over, polls, wakes))), "done");
        }
    }
    // Spawned this moment, and not polled yet.
    let fresh = TaskCounts { state_since: NOON, ..counts(TaskState::Scheduled, 0, 0) };
    assert_eq!(shown(&task_stats(&fresh)), "scheduled");
    let first = TaskCounts { state_since: NOON, ..counts(TaskState::Running, 1, 0) };
    assert_eq!(shown(&task_stats(&first)), "running");
}

#[test]
fn a_finished_task_has_an_end_even_if_nobody_knows_when() {
    let over = TaskCounts { ended_at: None, ..counts(TaskState::Completed, 1, 0) };
    assert_eq!(task_stats(&over).dropped_at, Some(timestamp(after(20))));
}

#[test]
fn a_task_is_introduced_with_the_fields_that_the_client_knows_by_name() {
    let facts = TaskFacts {
        id: 7,
        name: Some("wor\u{1b}ker".to_owned()),
        kind: TaskKind::Task,
        parent: Some(3),
        event_loop: "main".to_owned(),
        histograms: "of its spawn place",
        site: Some(Place::new("src/a.rs", 5, 9)),
        size_bytes: Some(640),
    };
    let task = task(&facts);
    assert_eq!(task.id, Some(api::Id { id: 7 }));
    assert_eq!(task.kind, i32::from(tasks::task::Kind::Spawn));
    let fields: Vec<String> = task.fields.iter().map(ToString::to_string).collect();
    assert_eq!(
        fields,
        [
            "task.id=7",
            "kind=task",
            r"task.name=wor\u{1b}ker",
            "loop=main",
            "parent=3",
            "size.bytes=640",
            "task.histograms=of its spawn place",
        ]
    );
    assert_eq!(task.location.unwrap().to_string(), "src/a.rs:5:9");
    let blocking = super::task(&TaskFacts { kind: TaskKind::Blocking, ..facts });
    assert_eq!(blocking.kind, i32::from(tasks::task::Kind::Blocking));
    assert_eq!(blocking.fields[1].to_string(), "kind=blocking");
}

#[test]
fn there_is_no_location_without_a_file() {
    // The client takes the empty string apart and finds no first line in it.
    assert_eq!(location(Some(&Place::new("", 0, 0))), None);
    assert_eq!(location(None), None);
}

#[test]
fn every_kind_of_resource_has_a_kind_a_type_and_a_metadata() {
    let known: Vec<u64> = metadata().metadata.iter().map(|it| it.id.unwrap().id).collect();
    assert!(known.iter().all(|&id| id > 0));
    let whats = ResourceKind::ALL.iter().map(|&kind| What::Recorded(kind));
    let others = WaitKind::ALL.iter().map(|&kind| What::Other(kind));
    for what in whats.chain(others).chain([What::Timer, What::Task]) {
        let resource = resource(&ResourceFacts { id: 1, what, made_at: None });
        // The client panics where the kind is there and empty.
        assert!(resource.kind.unwrap().kind.is_some(), "{what:?}");
        assert!(known.contains(&resource.metadata.unwrap().id), "{what:?}");
        assert!(!resource.concrete_type.is_empty(), "{what:?}");
    }
}

#[test]
fn a_lock_says_who_holds_it() {
    let attributes = vec![
        Attribute::text("name", "d\nb"),
        Attribute::number("holder", 9),
        Attribute::number("bytes_read", 5).unit("B"),
    ];
    let counts = ResourceCounts { shown_since: NOON, gone_at: None, attributes };
    let stats = resource_stats(What::Recorded(ResourceKind::Lock), counts);
    let attributes: Vec<(String, Option<String>)> = stats
        .attributes
        .into_iter()
        .map(|attribute| (attribute.field.unwrap().to_string(), attribute.unit))
        .collect();
    let expected = [(r"name=d\nb", None), ("holder=9", None), ("bytes_read=5", Some("B"))];
    assert_eq!(attributes, expected.map(|(text, unit)| (text.to_owned(), unit.map(str::to_owned))));
}

#[test]
fn a_wait_belongs_to_a_task_and_a_resource() {
    let op = op(OpFacts { id: 4, kind: WaitKind::Lock, resource: 11 });
    assert_eq!((op.source.as_str(), op.resource_id), ("lock", Some(api::Id { id: 11 })));
    let counts = OpCounts { task: 7, since: NOON, gone_at: Some(after(5)), attributes: Vec::new() };
    let stats = op_stats(counts);
    assert_eq!(stats.task_id, Some(api::Id { id: 7 }));
    assert_eq!((stats.created_at, stats.dropped_at), (Some(timestamp(NOON)), Some(timestamp(after(5)))));
}

fn any_state() -> impl Strategy<Value = TaskState> {
    proptest::sample::select(TaskState::ALL)
}

proptest! {
    #[test]
    fn whatever_a_record_says_the_client_survives_it(
        state in any_state(),
        times in any::<[u64; 3]>(),
        has_ended: bool,
        figures in any::<[u64; 5]>(),
    ) {
        let [state_since, spawned_at, ended_at] = times.map(WallTime);
        let [polls, wakes, self_wakes, busy_ns, scheduled_ns] = figures;
        let ended_at = has_ended.then_some(ended_at);
        let counts = TaskCounts {
            state, state_since, spawned_at, ended_at, polls, wakes, self_wakes, busy_ns, scheduled_ns,
        };
        let stats = task_stats(&counts);
        let poll = stats.poll_stats.unwrap();
        for at in [stats.created_at, stats.dropped_at, stats.last_wake, poll.last_poll_started, poll.last_poll_ended]
            .into_iter()
            .flatten()
        {
            prop_assert!(at.seconds >= 0 && (0..1_000_000_000).contains(&at.nanos));
            prop_assert!(std::time::SystemTime::try_from(at).is_ok());
        }
        for time in [poll.busy_time.unwrap(), stats.scheduled_time.unwrap()] {
            prop_assert!(time.seconds >= 0 && time.nanos >= 0);
        }
        prop_assert!(stats.self_wakes <= stats.wakes);
        prop_assert_eq!(stats.dropped_at.is_some(), state.is_finished());
        prop_assert!(!is_lost(&stats));
    }
}
