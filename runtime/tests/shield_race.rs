//! Futures that outlive who awaits them, and attempts that race.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::cell::Cell;
use std::future::{Ready, pending, ready};
use std::pin::Pin;
use std::time::Duration;

use loopscope::task::{gather, race_staggered, shield, shield_fallible, spawn_eager};
use loopscope::telemetry::WaitKind;
use loopscope::time::Instant;
use loopscope::{Task, all_tasks, current, sleep, spawn, timeout, yield_now};
use steps::Step;
use trace::{Trace, paused};

type Attempt<'a> = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Result<&'static str, String>> + 'a>> + 'a>;

/// An attempt that takes its time; the trace says when it begins and when it is dropped.
fn attempt<'a>(trace: &Trace, name: &'static str, ms: u64, succeeds: bool) -> Attempt<'a> {
    let trace = trace.clone();
    Box::new(move || {
        trace.push(format!("{name} begins"));
        let guard = trace.on_drop(&format!("{name} is gone"));
        Box::pin(async move {
            let _guard = guard;
            sleep(Duration::from_millis(ms)).await;
            if succeeds { Ok(name) } else { Err(format!("{name} failed")) }
        })
    })
}

const DELAY: Option<Duration> = Some(Duration::from_millis(10));

#[test]
fn a_shielded_future_goes_on_when_nobody_awaits_it() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        records::run(async {
            let trace = Trace::new();
            let inside = trace.clone();
            let mut shielded = Box::pin(shield(async move {
                sleep(Duration::from_millis(5)).await;
                inside.push("came to its end");
                7
            }));
            if step != Step::NeverPolled {
                assert!(steps::poll(&mut shielded).is_pending());
            }
            if matches!(step, Step::Notified | Step::Done) {
                sleep(Duration::from_millis(6)).await;
            }
            if step == Step::Done {
                assert_eq!(steps::done(&mut shielded).unwrap(), 7);
            }
            drop(shielded);
            sleep(Duration::from_millis(6)).await;
            trace.expect(&["came to its end"]);
        });
    }
}

#[test]
fn cancelling_who_awaits_a_shield_cancels_that_task_alone() {
    records::run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let outer = spawn(async move {
            shield(async move {
                sleep(Duration::from_millis(1)).await;
                inside.push("inner");
            })
            .await
        });
        yield_now().await;
        assert!(outer.cancel().await.is_none());
        sleep(Duration::from_millis(2)).await;
        trace.expect(&["inner"]);
    });
}

#[test]
fn a_shield_gives_what_became_of_its_task() {
    records::run(async {
        assert_eq!(shield(ready(1)).await.unwrap(), 1);
        let panics = shield(async { panic!("oh no") });
        let id = panics.id();
        let error = panics.await.unwrap_err();
        assert!(error.is_panic() && error.id() == id);
        // A task that is there already, which somebody else cancels.
        let inner: Task<()> = spawn(pending());
        inner.request_cancel();
        assert!(shield(inner).await.unwrap().unwrap_err().is_cancelled());
        // One that is over before it is awaited.
        let over = shield(ready(2));
        yield_now().await;
        assert!(over.is_finished());
        assert_eq!(steps::done(&mut Box::pin(over)).unwrap(), 2);
    });
}

#[test]
fn what_fails_later_is_reported_once_nobody_awaits_it() {
    let trace = Trace::new();
    records::run_on(paused(&trace), async {
        let later = || sleep(Duration::from_millis(2));
        let (one, two, three) = (later(), later(), later());
        let limit = Duration::from_millis(1);
        let panics = shield(async move {
            one.await;
            panic!("too late");
        });
        let fails = shield_fallible(async move {
            two.await;
            Err::<(), _>("too late as well")
        });
        let received = shield_fallible(async move {
            three.await;
            Err::<(), _>("received")
        });
        assert!(timeout(limit, panics).await.is_err());
        assert!(timeout(Duration::ZERO, fails).await.is_err());
        assert_eq!(received.await.unwrap(), Err("received"));
        yield_now().await;
    });
    trace.expect(&["-: Panic(\"too late\")", "-: Error(\"\\\"too late as well\\\"\")"]);
}

#[test]
fn shields_within_a_gather_survive_it_and_a_gather_within_a_shield_survives_too() {
    records::run(async {
        let trace = Trace::new();
        let work = |name: &'static str| {
            let trace = trace.clone();
            async move {
                sleep(Duration::from_millis(2)).await;
                trace.push(name);
                Ok::<_, String>(())
            }
        };
        let shields = [shield(work("one")), shield(work("two"))];
        assert!(timeout(Duration::from_millis(1), gather(shields)).await.is_err());
        let both = gather([work("three"), work("four")]);
        assert!(timeout(Duration::ZERO, shield(both)).await.is_err());
        sleep(Duration::from_millis(5)).await;
        trace.expect(&["one", "two", "three", "four"]);
    });
}

#[test]
fn a_race_without_attempts_has_no_winner() {
    records::run(async {
        let nobody = [] as [fn() -> Ready<Result<u8, String>>; 0];
        let error = race_staggered(nobody, DELAY).await.unwrap_err();
        assert_eq!(error.to_string(), "a race without attempts has no winner");
        assert!(error.into_errors().is_empty());
    });
}

#[test]
fn one_that_succeeds_wins_and_no_other_begins() {
    records::run(async {
        let trace = Trace::new();
        let attempts = [attempt(&trace, "a", 5, true), attempt(&trace, "b", 1, true)];
        let won = race_staggered(attempts, DELAY).await.unwrap();
        assert_eq!((won.value, won.index, won.errors), ("a", 0, vec![]));
        trace.expect(&["a begins", "a is gone"]);
        assert_eq!(records::waits(), []);
    });
}

#[test]
fn the_next_begins_at_once_when_the_last_one_fails() {
    records::run(async {
        for delay in [DELAY, None] {
            let (trace, start) = (Trace::new(), Instant::now());
            let attempts = [
                attempt(&trace, "a", 1, false),
                attempt(&trace, "b", 2, true),
                attempt(&trace, "c", 0, true),
            ];
            let won = race_staggered(attempts, delay).await.unwrap();
            assert_eq!((won.value, won.index), ("b", 1));
            assert_eq!(won.errors, [(0, "a failed".to_owned())]);
            assert_eq!(start.elapsed(), Duration::from_millis(3));
            trace.expect(&["a begins", "a is gone", "b begins", "b is gone"]);
        }
    });
}

#[test]
fn the_next_begins_when_the_delay_has_passed_and_the_losers_are_gone_before_it_returns() {
    records::run(async {
        let (trace, start) = (Trace::new(), Instant::now());
        let attempts = [
            attempt(&trace, "a", 3_600_000, true),
            attempt(&trace, "b", 25, false),
            attempt(&trace, "c", 30, true),
            attempt(&trace, "d", 1, false),
            attempt(&trace, "e", 0, true),
        ];
        // Kept, so that it is not its drop that ends them.
        let mut race = Box::pin(race_staggered(attempts, DELAY));
        let won = race.as_mut().await.unwrap();
        assert_eq!((won.value, won.index), ("e", 4));
        assert_eq!(won.errors, [(3, "d failed".to_owned())]);
        assert_eq!(start.elapsed(), Duration::from_millis(31));
        trace.push("returned");
        trace.expect(&[
            "a begins",
            "b begins",
            "c begins",
            "d begins",
            "d is gone",
            "e begins",
            "e is gone",
            "a is gone",
            "b is gone",
            "c is gone",
            "returned",
        ]);
    });
}

#[test]
fn when_all_fail_every_error_is_told() {
    records::run(async {
        let trace = Trace::new();
        let attempts = [attempt(&trace, "a", 15, false), attempt(&trace, "b", 1, false)];
        let error = race_staggered(attempts, DELAY).await.unwrap_err();
        let texts: Vec<_> = error.errors().iter().map(|(index, text)| (*index, text.as_str())).collect();
        assert_eq!(texts, [(1, "b failed"), (0, "a failed")]);
        let text = "all 2 attempts of a race failed: attempt 1: b failed; attempt 0: a failed";
        assert_eq!(error.to_string(), text);
        let one = race_staggered([|| ready(Err::<(), _>("no"))], None).await.unwrap_err();
        assert_eq!(one.to_string(), "the only attempt of a race failed: attempt 0: no");
    });
}

#[test]
fn of_two_that_succeed_in_the_same_turn_the_earlier_wins() {
    records::run(async {
        let trace = Trace::new();
        let attempts = [attempt(&trace, "a", 20, true), attempt(&trace, "b", 10, true)];
        assert_eq!(race_staggered(attempts, DELAY).await.unwrap().value, "a");
    });
}

#[test]
fn attempts_may_borrow_and_their_waits_are_the_tasks_own() {
    records::run(async {
        let count = Cell::new(0);
        let attempts = (0..3).map(|n| {
            let count = &count;
            move || async move {
                count.set(count.get() + 1);
                sleep(Duration::from_millis(100 - 40 * n)).await;
                Ok::<_, String>(n)
            }
        });
        let here = current().unwrap().as_u64();
        let watcher = spawn(async move {
            sleep(Duration::from_millis(15)).await;
            records::waits()
                .into_iter()
                .filter(|wait| wait.task == here)
                .map(|wait| wait.kind)
                .collect::<Vec<_>>()
        });
        assert_eq!(race_staggered(attempts, DELAY).await.unwrap().value, 2);
        assert_eq!(count.get(), 3);
        // Two attempts and the delay until the third.
        assert_eq!(watcher.await.unwrap(), [WaitKind::Sleep; 3]);
    });
}

#[test]
fn a_race_may_be_dropped_at_each_step() {
    for ms in [None, Some(0), Some(5), Some(15), Some(25)] {
        records::run(async {
            let trace = Trace::new();
            let attempts = [attempt(&trace, "a", 30, true), attempt(&trace, "b", 3_600_000, true)];
            let mut race = Box::pin(race_staggered(attempts, DELAY));
            if let Some(ms) = ms {
                drop(timeout(Duration::from_millis(ms), race.as_mut()).await);
            }
            drop(race);
            assert_eq!(records::waits(), []);
            assert_eq!(all_tasks(), [current().unwrap()]);
            match ms {
                None => trace.expect(&[]),
                Some(0 | 5) => trace.expect(&["a begins", "a is gone"]),
                Some(_) => trace.expect(&["a begins", "b begins", "a is gone", "b is gone"]),
            }
        });
    }
}

#[test]
fn a_race_of_eager_tasks_is_over_at_once() {
    records::run(async {
        let attempts = (0..2).map(|n| move || async move { spawn_eager(async move { n }).await });
        let mut race = Box::pin(race_staggered(attempts, DELAY));
        assert_eq!(steps::done(&mut race).unwrap().value, 0);
    });
}
