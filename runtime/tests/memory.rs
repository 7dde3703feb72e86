//! What a burst of tasks takes goes back to the OS.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;

use std::future::pending;
use std::time::Duration;

use child::{Side, side};
use loopscope::time::Instant;
use loopscope::{sleep, spawn, yield_now};

/// A million in a release build, and under valgrind and the like as many as can be waited for.
const TASKS: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
const ALLOWED_KIB: u64 = 64 << 10;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits on the loop until the memory is back, which the sweep after a second of rest does; ten are allowed.
async fn memory_is_back(before: u64) {
    let start = Instant::now();
    while resident_kib() > before + ALLOWED_KIB {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{before} KiB before, {} KiB after",
            resident_kib()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

fn in_a_process_of_its_own(name: &str, scenario: impl Future<Output = ()>) {
    match side(name) {
        Side::Child => loopscope::run(scenario),
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}

#[test]
fn after_a_million_short_tasks_the_memory_is_back() {
    in_a_process_of_its_own("after_a_million_short_tasks_the_memory_is_back", async {
        let before = resident_kib();
        for _ in 0..TASKS / 10_000 {
            let tasks: Vec<_> = (0..10_000).map(|number| spawn(async move { number })).collect();
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), number);
            }
        }
        memory_is_back(before).await;
    });
}

#[test]
fn after_a_million_live_tasks_with_timers_the_memory_is_back() {
    in_a_process_of_its_own("after_a_million_live_tasks_with_timers_the_memory_is_back", async {
        let before = resident_kib();
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                spawn(async move {
                    if number % 2 == 0 {
                        sleep(Duration::from_secs(3600)).await;
                    }
                    pending::<()>().await;
                })
            })
            .collect();
        yield_now().await;
        let per_task = (resident_kib() - before) * 1024 / TASKS as u64;
        assert!(per_task > 100, "{per_task} bytes a task: they were there");
        for task in tasks {
            drop(task.cancel());
        }
        yield_now().await;
        memory_is_back(before).await;
    });
}

#[test]
fn a_loop_that_never_rests_gives_memory_back_too() {
    in_a_process_of_its_own("a_loop_that_never_rests_gives_memory_back_too", async {
        spawn(async {
            loop {
                yield_now().await;
            }
        })
        .detach();
        let before = resident_kib();
        let tasks: Vec<_> = (0..TASKS).map(|_| spawn(pending::<()>())).collect();
        yield_now().await;
        // More than is allowed to stay, so that it is the sweep that this sees.
        let spacious: Vec<_> = (0..TASKS / 10).map(|_| spawn(keep_a_kibibyte())).collect();
        yield_now().await;
        assert!(resident_kib() > before + ALLOWED_KIB / 2);
        for task in tasks {
            drop(task.cancel());
        }
        for task in spacious {
            drop(task.cancel());
        }
        yield_now().await;
        let start = Instant::now();
        while resident_kib() > before + ALLOWED_KIB / 4 {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{before} KiB before, {} after",
                resident_kib()
            );
            for _ in 0..1000 {
                yield_now().await;
            }
        }
    });
}

async fn keep_a_kibibyte() -> u8 {
    let bytes = [1_u8; 1024];
    pending::<()>().await;
    bytes[0]
}
