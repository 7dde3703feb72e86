//! Debug mode: tasks that a loop drops at its end, and futures that nobody polled.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/warned.rs"]
mod warned;

use std::future::pending;
use std::time::Duration;

use loopscope::debug::{Lint, must_poll};
use loopscope::task::Builder;
use loopscope::{TaskGroup, call_later, sleep, spawn, yield_now};
use warned::{Heard, here};

const FILE: &str = "runtime/tests/debug_pending.rs";
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_task_that_waits_when_its_loop_ends_is_named_with_what_it_waited_for_and_where() {
    let heard = Heard::default();
    let mut runner = heard.builder().build().unwrap();
    let line = runner
        .block_on(async {
            let builder = Builder::new().name("writer");
            builder.spawn(async { sleep(HOUR).await }).detach();
            yield_now().await;
            here() - 2
        })
        .unwrap();
    assert_eq!(runner.shutdown(Duration::ZERO).dropped(), 1);
    let told = heard.lines();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0, told[0].1), (Lint::DestroyedPending, line));
    assert_eq!(
        told[0].2,
        format!(
            "task \"writer\" spawned at {FILE}:{line}:21, waiting (Sleep) at {FILE}:{line}:47, was dropped before it was over, \
             because its loop ended"
        )
    );
}

#[test]
fn of_many_tasks_of_one_spawn_site_one_is_named_and_the_others_are_counted() {
    let heard = Heard::default();
    let mut runner = heard.builder().build().unwrap();
    let main = async {
        for number in 0..42 {
            Builder::new().name(&format!("worker {number}")).spawn(pending::<()>()).detach();
        }
        yield_now().await;
        // These two had no turn yet.
        for _ in 0..2 {
            Builder::new().name("late").spawn(pending::<()>()).detach();
        }
    };
    runner.block_on(main).unwrap();
    assert_eq!(runner.shutdown(Duration::ZERO).dropped(), 44);
    let told: Vec<_> = heard.lines().into_iter().map(|(lint, _, words)| (lint, words)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].0, Lint::DestroyedPending);
    assert!(told[0].1.contains("\"worker 0\"") && told[0].1.contains("waiting (Foreign)"), "{}", told[0].1);
    assert!(
        told[0].1.ends_with("because its loop ended; and 41 more that were spawned there"),
        "{}",
        told[0].1
    );
    assert_eq!(told[1].0, Lint::NeverPolled);
    assert!(
        told[1].1.ends_with("ready to run, was dropped before its first poll, because its loop ended; and 1 more that was spawned there"),
        "{}",
        told[1].1
    );
}

#[test]
fn a_runner_that_is_dropped_with_tasks_says_so_with_the_place_it_was_made_at_and_one_that_is_shut_down_does_not()
 {
    let heard = Heard::default();
    let line = here() + 1;
    let mut runner = heard.builder().name("app").build().unwrap();
    let number = runner.handle().reader().id();
    runner.block_on(async { spawn(pending::<()>()).detach() }).unwrap();
    drop(runner);
    let told = heard.lines();
    let lints: Vec<_> = told.iter().map(|told| told.0).collect();
    assert_eq!(lints, [Lint::NeverPolled, Lint::Unclosed]);
    assert_eq!(
        (told[1].1, told[1].2.clone()),
        (
            line,
            format!(
                "the runner of loop {number} \"app\", made at {FILE}:{line}, was dropped with 1 task pending: `shutdown` lets them end"
            )
        )
    );

    let mut runner = heard.builder().build().unwrap();
    runner.block_on(async { spawn(sleep(HOUR)).detach() }).unwrap();
    assert!(runner.shutdown(2 * HOUR).is_clean());
    assert_eq!(heard.lines(), []);
}

#[test]
fn what_was_cancelled_or_left_to_the_loop_and_what_is_no_task_is_no_survivor() {
    let heard = Heard::default();
    let mut runner = heard.builder().build().unwrap();
    runner
        .block_on(async {
            let group = TaskGroup::new();
            group.spawn(async { sleep(HOUR).await });
            let task = spawn(sleep(HOUR));
            call_later(HOUR, || ());
            spawn(sleep(HOUR)).leave_to_loop();
            yield_now().await;
            // Neither has had its last turn when main is over.
            drop(task.cancel());
            drop(group);
        })
        .unwrap();
    drop(runner);
    assert_eq!(heard.lines(), []);
}

#[test]
fn out_of_debug_mode_a_loop_ends_in_silence() {
    let heard = Heard::default();
    let mut runner = heard.builder().debug(false).build().unwrap();
    runner
        .block_on(async {
            spawn(pending::<()>()).detach();
            drop(must_poll(async {}));
        })
        .unwrap();
    drop(runner);
    assert_eq!(heard.lines(), []);
}

async fn save() {
    yield_now().await;
}

#[test]
fn a_future_that_must_be_polled_and_is_not_says_where_it_was_made() {
    let heard = Heard::default();
    let mut runner = heard.builder().build().unwrap();
    let line = here() + 3;
    runner
        .block_on(async {
            let forgotten = must_poll(save());
            must_poll(save()).await;
            drop(forgotten);
        })
        .unwrap();
    let told = heard.take();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].lint, told[0].at.as_ref().unwrap().line), (Lint::NeverPolled, line));
    assert_eq!(told[0].task_name.as_deref(), Some("main"));
    assert_eq!(
        told[0].message,
        format!(
            "a future, made at {FILE}:{line}, was dropped without being polled: debug_pending::save::{{{{closure}}}}"
        )
    );
}
