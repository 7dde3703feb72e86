//! What is told of which history, and of which nothing is.

use super::*;
use crate::model::{Lint, Place, Severity, TaskState};
use proptest::prelude::*;

const S: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

#[expect(clippy::unnecessary_wraps, reason = "as warnings have it")]
fn place(line: u32) -> Option<Place> {
    Some(Place::new("src/main.rs", line, 5))
}

/// Feeds one reading a second, and returns what is found at the end.
fn after<T>(histories: impl IntoIterator<Item = T>, mut seen: impl FnMut(T) -> Seen) -> Vec<Warning> {
    let mut sentinel = Sentinel::new();
    for (second, values) in histories.into_iter().enumerate() {
        sentinel.observe(Seen { at_ns: (second as u64 + 1) * S, ..seen(values) });
    }
    sentinel.findings(&Thresholds::default())
}

#[track_caller]
fn check(found: &[Warning], expected: &[&str]) {
    let said: Vec<String> =
        found.iter().map(|warning| format!("{}: {}", warning.name, warning.message)).collect();
    assert_eq!(said, expected);
}

fn site(live: u64, ended: u64, waiting_for_io: u64) -> Seen {
    let site = SiteSeen { live, ended, waiting_for_io, site: place(8), ..SiteSeen::default() };
    Seen { sites: vec![site], ..Seen::default() }
}

#[test]
fn a_site_whose_tasks_only_become_more_leaks() {
    let found = after(0..=30, |second| site(10 + 5 * second, 7, 0));
    check(&found, &["leak: 160 tasks spawned at src/main.rs:8: 150 more in 30 s, and none ended"]);
    assert_eq!((found[0].count, found[0].at.clone(), found[0].for_ns), (160, place(8), Some(30 * S)));
}

#[test]
fn what_ends_waits_for_io_bursts_or_is_few_is_no_leak() {
    check(&after(0..=29, |second| site(10 + 5 * second, 0, 0)), &[]); // the window is not full
    check(&after(0..=60, |second| site(10 + 5 * second, second / 20, 0)), &[]);
    check(&after(0..=60, |second| site(10 + 5 * second, 0, 6 + 3 * second)), &[]);
    check(&after(0..=60, |second| site(if second < 40 { 10 } else { 5_000 }, 0, 0)), &[]);
    check(&after(0..=60, |second| site(10 + 3 * second, 0, 0)), &[]);
    check(&after(0..=60, |second| site(1_000 - second, 0, 0)), &[]);
}

#[test]
fn a_gap_in_the_readings_proves_nothing() {
    let mut sentinel = Sentinel::new();
    for second in (0..20).chain(31..50) {
        sentinel.observe(Seen { at_ns: second * S, ..site(10 + 10 * second, 0, 0) });
    }
    check(&sentinel.findings(&Thresholds::default()), &[]);
    for second in 50..62 {
        sentinel.observe(Seen { at_ns: second * S, ..site(10 + 10 * second, 0, 0) });
    }
    assert_eq!(sentinel.findings(&Thresholds::default()).len(), 1);
}

#[test]
fn readings_of_several_clients_at_once_do_not_push_out_the_window() {
    let mut sentinel = Sentinel::new();
    for tenth in 0..400 {
        sentinel.observe(Seen { at_ns: tenth * S / 10, ..site(10 + tenth, 0, 0) });
    }
    assert_eq!(sentinel.findings(&Thresholds::default()).len(), 1);
    // A reading that comes late from another thread is not taken.
    sentinel.observe(Seen { at_ns: S, ..Seen::default() });
    assert_eq!(sentinel.observed_at_ns(), Some(399 * S / 10));
}

#[test]
fn the_window_and_the_thresholds_can_be_set() {
    let mut thresholds = Thresholds::default();
    assert_eq!(thresholds.set_by_list("window=3s,leak=5"), []);
    let mut sentinel = Sentinel::new();
    for second in 0..=3 {
        sentinel.observe(Seen { at_ns: second * S, ..site(10 + 2 * second, 0, 0) });
    }
    assert_eq!(sentinel.findings(&thresholds).len(), 1);
    thresholds.switch(Lint::Leak, false);
    assert_eq!(sentinel.findings(&thresholds), []);
}

#[test]
fn descriptors_that_nobody_uses_and_that_become_more_leak() {
    let seen = |unused: u64, open: u64| {
        let place = PlaceSeen { unused, open, made_at: place(9), ..PlaceSeen::default() };
        Seen { places: vec![place], ..Seen::default() }
    };
    check(
        &after(0..=30, |second| seen(4 * second, 20 + 4 * second)),
        &["fd-leak: 120 descriptors made at src/main.rs:9 that nobody uses: 120 more in 30 s, of 140 open"],
    );
    check(&after(0..=60, |second| seen(0, 20 + 100 * second)), &[]);
    check(&after(0..=60, |second| seen(4 * (second % 20), 200)), &[]);
}

#[test]
fn few_descriptors_left_are_told_at_once() {
    let seen = |open| Seen { files: Some(FilesSeen { open, limit: 1_024 }), ..Seen::default() };
    check(&after([900], seen), &[]);
    check(&after([918], seen), &["fd-leak: 918 of 1,024 descriptors are open (RLIMIT_NOFILE)"]);
}

#[test]
fn a_queue_of_a_pool_that_only_grows_is_told() {
    let seen = |queued| Seen {
        pools: vec![PoolSeen { name: "default".into(), queued, threads: 6 }],
        ..Seen::default()
    };
    check(
        &after(0..=30, |second| seen(5 * second)),
        &["pool-queue: 150 queued jobs for the 6 threads of pool default: 150 more in 30 s"],
    );
    check(&after(0..=60, |second| seen(500 - 5 * second)), &[]);
    check(&after(0..=60, |_| seen(10_000)), &[]);
}

fn spinner(polls: u64, self_wakes: u64, busy_ns: u64) -> Seen {
    let task = TaskSeen {
        id: 7,
        name: Some("spinner".into()),
        state: TaskState::Scheduled,
        polls,
        self_wakes,
        busy_ns,
        site: place(3),
        ..TaskSeen::default()
    };
    Seen { tasks: vec![task], ..Seen::default() }
}

#[test]
fn a_task_that_wakes_itself_in_a_circle_is_told() {
    check(
        &after(0..=30, |second| spinner(second * 250_000, second * 249_000, second * 250_000 * 900)),
        &["self-wake: #7 spinner wakes itself 250,000 times a second, and its polls take 900 ns"],
    );
}

#[test]
fn a_task_that_yields_between_real_work_or_waits_for_others_is_no_circle() {
    check(&after(0..=60, |second| spinner(second * 50_000, second * 50_000, second * 900 * MS)), &[]);
    check(&after(0..=60, |second| spinner(second * 50_000, second * 40_000, second)), &[]);
    check(&after(0..=60, |second| spinner(second * 900, second * 900, second)), &[]);
    check(&after(0..=60, |second| spinner(second.min(20) * 90_000, second.min(20) * 90_000, 0)), &[]);
}

fn timers(fired: u64, late: u64) -> Seen {
    let mut lp = LoopSeen { fired, ..LoopSeen::default() };
    lp.late[..=5].fill(late);
    Seen { loops: vec![lp], ..Seen::default() }
}

#[test]
fn timers_that_are_always_late_are_told() {
    check(
        &after(0..=30, |second| timers(10 * second, 10 * second - second / 8)),
        &["late-timer: 297 of 300 timers that fired in 30 s on loop 0 were late by 100 ms or more"],
    );
    check(&after(0..=60, |second| timers(10 * second, 8 * second)), &[]);
    check(&after(0..=60, |second| timers(second / 2, second / 2)), &[]);
    check(&after(0..=60, |second| timers(100 * (second / 50), 100 * (second / 50))), &[]);
}

#[test]
fn a_lock_held_across_a_long_wait_is_told_with_where_it_was_taken() {
    let lock = LockSeen {
        id: 4,
        what: "lock \"db\"".into(),
        holder: 9,
        holder_name: Some("writer".into()),
        held_for_ns: 3 * S,
        held_at: place(40),
        holder_waits: Some(("read 10.0.0.7:5432 (fd 12)".into(), place(42), 2 * S)),
        waiters: 3,
        longest_wait_ns: S,
        ..LockSeen::default()
    };
    let told = "lock-held-long: lock \"db\" is held by #9 writer, taken at src/main.rs:40, for 3.0 s while it waits \
                for read 10.0.0.7:5432 (fd 12) at src/main.rs:42; 3 tasks wait for it";
    let of = |lock: LockSeen| after([lock], |lock| Seen { locks: vec![lock], ..Seen::default() });
    check(&of(lock.clone()), &[told]);
    check(&of(LockSeen { longest_wait_ns: 900 * MS, ..lock.clone() }), &[]);
    check(&of(LockSeen { held_for_ns: 900 * MS, ..lock.clone() }), &[]);
    check(&of(LockSeen { is_stuck: true, ..lock.clone() }), &[]);
    check(&of(LockSeen { holder_waits: None, ..lock }), &[]);
}

#[test]
fn a_full_queue_is_told_only_if_whoever_took_from_it_is_gone() {
    let of = |taker, longest_wait_ns| {
        let queue = QueueSeen {
            id: 5,
            what: "queue \"jobs\"".into(),
            made_at: place(20),
            waiters: 1,
            first: 3,
            longest_wait_ns,
            taker,
            ..QueueSeen::default()
        };
        after([queue], |queue| Seen { queues: vec![queue], ..Seen::default() })
    };
    check(
        &of(Taker::Over, 12 * S),
        &[
            "no-consumer: queue \"jobs\" made at src/main.rs:20 is full, and the task that last took from it is over; \
           1 task waits for room in it, the first for 12 s",
        ],
    );
    assert_eq!(of(Taker::Nobody, 10 * S).len(), 1);
    for (taker, for_ns) in [(Taker::Live, 600 * S), (Taker::Unknown, 600 * S), (Taker::Over, 9 * S)] {
        check(&of(taker, for_ns), &[]);
    }
}

#[test]
fn a_starved_task_is_one_that_not_just_one_poll_keeps_waiting() {
    let task = |id, state_for_ns, loop_running_ns| TaskSeen {
        id,
        state: TaskState::Scheduled,
        state_for_ns,
        loop_running_ns,
        ..TaskSeen::default()
    };
    let of = |tasks: Vec<TaskSeen>| after([tasks], |tasks| Seen { tasks, ..Seen::default() });
    check(
        &of(vec![task(1, 2 * S, MS), task(2, 3 * S, MS), task(3, 900 * MS, 0)]),
        &[
            "starved: #2 has been ready to run for 2.9 s and did not get its turn; 1 more task like it on loop 0",
        ],
    );
    check(&of(vec![task(1, 5 * S, 5 * S), task(2, 5 * S, 4_500 * MS)]), &[]);
}

#[test]
fn an_idle_task_without_a_waker_is_told_unless_it_is_the_main_task_or_the_count_is_not_known() {
    let idle =
        TaskSeen { id: 6, state_for_ns: 2 * S, wakers: Some(0), site: place(30), ..TaskSeen::default() };
    let of = |task: TaskSeen| after([task], |task| Seen { tasks: vec![task], ..Seen::default() });
    let found = of(idle.clone());
    check(
        &found,
        &[
            "no-waker: #6 has been idle for 2.0 s and nobody has a waker of it: nothing will wake it, spawned at \
           src/main.rs:30",
        ],
    );
    assert_eq!(found[0].severity, Severity::Error);
    check(&of(TaskSeen { wakers: Some(1), ..idle.clone() }), &[]);
    check(&of(TaskSeen { wakers: None, ..idle.clone() }), &[]);
    check(&of(TaskSeen { is_main: true, ..idle.clone() }), &[]);
    check(&of(TaskSeen { state: TaskState::Running, ..idle.clone() }), &[]);
    check(&of(TaskSeen { state_for_ns: 900 * MS, ..idle }), &[]);
}

#[test]
fn a_poll_that_goes_on_for_ever_and_a_large_future_are_told() {
    let lp = LoopSeen {
        running: Some((Some(2), 11 * S)),
        running_site: place(50),
        running_name: Some("spin".into()),
        ..LoopSeen::default()
    };
    let site = SiteSeen { largest: Some((70_000, 5)), live: 3, site: place(60), ..SiteSeen::default() };
    let found =
        after([()], |()| Seen { loops: vec![lp.clone()], sites: vec![site.clone()], ..Seen::default() });
    check(
        &found,
        &[
            "never-yields: a poll of #2 spin, spawned at src/main.rs:50 has held loop 0 for 11 s and not given way",
            "large-future: the future of #5 spawned at src/main.rs:60 has 68 KiB",
        ],
    );
}

/// Live tasks, ended tasks and those that wait for I/O, from second to second.
fn any_history() -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
    let step = prop_oneof![
        60 => (0_u64..12, Just(0_u64)),
        1 => (0_u64..12, 1_u64..3),
        6 => Just((0, 0)),
    ];
    let start = (0_u64..200, prop::bool::weighted(0.2));
    (start, prop::collection::vec(step, 0..70)).prop_map(|((start, waits_for_io), steps)| {
        let (mut spawned, mut ended) = (start, 0);
        let each = |(more, over): (u64, u64)| {
            (spawned, ended) = (spawned + more, ended + over.min(spawned - ended));
            let live = spawned - ended;
            (live, ended, if waits_for_io { live } else { 0 })
        };
        steps.into_iter().map(each).collect()
    })
}

proptest! {
    #[test]
    fn of_random_histories_only_those_leak_that_grew_all_the_time_without_an_end(history in any_history()) {
        let told = !after(history.clone(), |(live, ended, io)| site(live, ended, io)).is_empty();
        // Only the last 31 readings count, and only from ten tasks on is a site looked at.
        let window = history.len().checked_sub(31).map(|from| &history[from..]);
        let leaks = window.is_some_and(|window| {
            let (first, last) = (window[0], window[30]);
            let third = |third: usize| window[third * 10 + 10].0.saturating_sub(window[third * 10].0);
            let grown = last.0.saturating_sub(first.0);
            window.iter().all(|reading| reading.0 >= 10)
                && last.1 == first.1
                && grown >= 100
                && (0..3).all(|at| third(at) >= (grown / 10).max(1))
                && last.2 == 0
        });
        prop_assert_eq!(told, leaks);
    }

    #[test]
    fn a_site_that_does_not_outgrow_where_it_was_is_never_told(
        live in prop::collection::vec(0_u64..100_000, 1..120),
    ) {
        // As of a busy server: whatever comes up goes down again within the window.
        let seen = live.iter().flat_map(|&live| [live, live / 2]);
        let found = after(seen, |live| site(live, 0, 0));
        prop_assert!(found.is_empty(), "{found:?}");
    }
}
