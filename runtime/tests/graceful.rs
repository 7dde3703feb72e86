//! Asking tasks to end before they are made to.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::time::Duration;

use loopscope::task::{Ending, cancel_requested, token};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::time::{Instant, timeout_graceful};
use loopscope::{TaskGroup, sleep, spawn, yield_now};
use records::run;
use steps::{Step, done, poll};
use trace::{Trace, panic_of, spec};

const S: Duration = Duration::from_secs(1);

/// A task that, once asked, needs `clean_up` to put its things in order.
async fn polite(clean_up: Duration, trace: Trace) -> &'static str {
    let _dropped = trace.on_drop("dropped");
    cancel_requested().await;
    trace.push("asked");
    sleep(clean_up).await;
    trace.push("in order");
    "output"
}

#[test]
fn a_task_that_ends_within_the_grace_gives_its_output() {
    run(async {
        let (trace, begun) = (Trace::new(), Instant::now());
        let task = spawn(polite(S, trace.clone()));
        yield_now().await;
        let ending = task.cancel_gracefully(10 * S).await;
        assert!(matches!(ending, Ending::Ended(Ok("output"))), "{ending:?}");
        assert_eq!(begun.elapsed(), S, "no longer than it takes");
        trace.expect(&["asked", "in order", "dropped"]);
    });
}

#[test]
fn a_task_that_does_not_end_is_dropped_when_the_grace_is_over() {
    run(async {
        let (trace, begun) = (Trace::new(), Instant::now());
        let task = spawn(polite(10 * S, trace.clone()));
        yield_now().await;
        let ending = task.cancel_gracefully(S).await;
        assert!(ending.is_dropped() && ending.output().is_none());
        assert_eq!(begun.elapsed(), S);
        trace.expect(&["asked", "dropped"]);
        // One that never looks at its token too.
        let deaf = trace.on_drop("deaf");
        let task = spawn(async move {
            let _deaf = deaf;
            pending::<()>().await;
        });
        assert!(task.cancel_gracefully(S).await.is_dropped());
        assert_eq!(begun.elapsed(), 2 * S);
        trace.expect(&["deaf"]);
    });
}

#[test]
fn a_task_is_asked_at_once_and_finds_its_token_cancelled_whenever_it_looks() {
    run(async {
        let task = spawn(async {
            sleep(S).await;
            assert!(token().is_cancelled() && token().child().is_cancelled());
            cancel_requested().await;
            7
        });
        let ending = task.cancel_gracefully(5 * S);
        yield_now().await;
        let began = Instant::now();
        assert_eq!(ending.await.output(), Some(7));
        assert_eq!(began.elapsed(), S);
        // A task that had no turn yet is polled, not dropped.
        let task = spawn(async { token().is_cancelled() });
        assert_eq!(task.cancel_gracefully(Duration::ZERO).await.output(), Some(true));
    });
}

#[test]
fn each_task_has_a_token_of_its_own_and_one_for_life() {
    run(async {
        let trace = Trace::new();
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let trace = trace.clone();
                spawn(async move {
                    let first = token();
                    yield_now().await;
                    let again = token();
                    first.cancel();
                    assert!(again.is_cancelled());
                    trace.push("its own");
                })
            })
            .collect();
        assert!(!token().is_cancelled());
        for task in tasks {
            task.await.unwrap();
        }
        trace.expect(&["its own", "its own"]);
        assert!(!token().is_cancelled());
    });
}

#[test]
fn a_token_outside_of_a_task_is_refused() {
    let text = panic_of(token);
    assert!(text.starts_with("loopscope::task::token outside of an event loop"), "{text}");
}

#[test]
fn what_became_of_the_task_is_told_whoever_ended_it() {
    run(async {
        let finished = spawn(async { 7 });
        yield_now().await;
        assert_eq!(finished.cancel_gracefully(S).await.output(), Some(7));
        let panics = spawn(async {
            cancel_requested().await;
            panic!("oh no");
        });
        match panics.cancel_gracefully(S).await {
            Ending::Ended(Err(error)) => assert!(error.is_panic(), "{error}"),
            other => panic!("{other:?}"),
        }
        let group = TaskGroup::new();
        let child = group.spawn(pending::<()>());
        let canceller = group.handle();
        let other = spawn(async move {
            sleep(S).await;
            canceller.cancel();
        });
        match child.cancel_gracefully(10 * S).await {
            Ending::Ended(Err(error)) => assert!(error.is_cancelled(), "{error}"),
            other => panic!("{other:?}"),
        }
        other.await.unwrap();
        group.close().await.unwrap();
    });
}

#[test]
fn a_panic_while_it_is_dropped_is_reported() {
    spec(
        |trace| async move {
            let task = loopscope::task::Builder::new().name("clumsy").spawn(async {
                let _clumsy = trace::Defer(|| panic!("cannot clean up"));
                pending::<()>().await;
            });
            assert!(task.cancel_gracefully(S).await.is_dropped());
            trace.push("over");
        },
        &["clumsy: PanicInDrop(\"cannot clean up\")", "over"],
    );
}

#[test]
fn a_task_that_waits_for_its_own_end_is_reported_once_and_ended() {
    spec(
        |trace| async move {
            let slot = std::rc::Rc::new(RefCell::new(None::<loopscope::Task<()>>));
            let own = std::rc::Rc::clone(&slot);
            let dropped = trace.on_drop("dropped");
            let task = loopscope::task::Builder::new().name("itself").spawn(async move {
                let _dropped = dropped;
                let own = own.take().unwrap();
                own.cancel_gracefully(S).await;
            });
            *slot.borrow_mut() = Some(task);
            sleep(10 * S).await;
        },
        &["itself: SelfCancel", "dropped"],
    );
}

#[test]
fn a_graceful_cancellation_that_is_dropped_at_any_step_ends_the_task() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        run(async {
            let trace = Trace::new();
            let task = spawn(polite(S, trace.clone()));
            yield_now().await;
            let mut ending = Box::pin(task.cancel_gracefully(10 * S));
            if step != Step::NeverPolled {
                assert!(poll(&mut ending).is_pending());
                yield_now().await;
            }
            if matches!(step, Step::Notified | Step::Done) {
                sleep(2 * S).await;
            }
            if step == Step::Done {
                assert_eq!(done(&mut ending).output(), Some("output"));
            }
            drop(ending);
            yield_now().await;
            let expected: &[&str] = match step {
                Step::NeverPolled => &["dropped"],
                Step::Pending => &["asked", "dropped"],
                _ => &["asked", "in order", "dropped"],
            };
            trace.expect(expected);
        });
    }
}

#[test]
fn the_tasks_of_a_group_are_asked_and_those_that_stay_are_dropped_and_named() {
    run(async {
        let (trace, begun) = (Trace::new(), Instant::now());
        let group = TaskGroup::new();
        let (first, second) = (polite(S, trace.clone()), polite(2 * S, trace.clone()));
        group.spawn(async move { assert_eq!(first.await, "output") });
        group.spawn(async move { assert_eq!(second.await, "output") });
        let deaf = group.spawn_named("deaf", pending::<()>());
        let late = group.handle();
        group.spawn(async move {
            cancel_requested().await;
            // Still allowed, and asked at once.
            late.spawn(async { assert!(token().is_cancelled()) }).await.unwrap();
        });
        yield_now().await;
        let ending = group.cancel_gracefully(5 * S).await.unwrap();
        assert_eq!(begun.elapsed(), 5 * S);
        assert!(!ending.is_clean());
        let dropped: Vec<_> = ending.dropped().iter().map(|one| (one.id, one.name.as_deref())).collect();
        assert_eq!(dropped, [(deaf.id(), Some("deaf"))]);
        assert_eq!(ending.dropped()[0].waits[0].kind, WaitKind::Foreign);
        trace.expect(&["asked", "asked", "in order", "dropped", "in order", "dropped"]);
        assert!(deaf.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_group_of_which_every_task_goes_by_itself_does_not_wait_for_the_grace() {
    run(async {
        let (trace, begun) = (Trace::new(), Instant::now());
        let group = TaskGroup::new();
        let work = polite(S, trace.clone());
        group.spawn(async move { assert_eq!(work.await, "output") });
        assert!(group.cancel_gracefully(60 * S).await.unwrap().is_clean());
        assert_eq!(begun.elapsed(), S);
        assert!(TaskGroup::new().cancel_gracefully(60 * S).await.unwrap().is_clean());
        assert_eq!(begun.elapsed(), S);
    });
}

#[test]
fn a_task_that_fails_while_its_group_is_asked_to_end_cancels_the_others() {
    run(async {
        let begun = Instant::now();
        let group = TaskGroup::new();
        group.spawn_named("fails", async {
            cancel_requested().await;
            Err::<(), _>(io::Error::other("the disk is full"))
        });
        group.spawn(pending::<()>());
        let error = group.cancel_gracefully(60 * S).await.unwrap_err();
        assert_eq!(error.failures().len(), 1);
        assert!(error.to_string().ends_with("the disk is full"), "{error}");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_graceful_close_that_is_dropped_at_any_step_cancels_the_tasks() {
    // Never polled; pending; the grace over; and the tasks marked, but not dropped yet.
    for after in [0, 1, 10, 11] {
        run(async {
            let trace = Trace::new();
            let group = TaskGroup::new();
            let inside = trace.on_drop("dropped");
            group.spawn(async move {
                let _inside = inside;
                pending::<()>().await;
            });
            let mut ending = Box::pin(group.cancel_gracefully(5 * S));
            if after > 0 {
                assert!(poll(&mut ending).is_pending());
                sleep(after.min(10) * S).await;
            }
            if after > 10 {
                assert!(poll(&mut ending).is_pending());
            }
            drop(ending);
            trace.expect(&[]); // marked, not dropped here
            yield_now().await;
            trace.expect(&["dropped"]);
        });
    }
}

#[test]
fn a_time_limit_with_grace_asks_and_then_drops() {
    run(async {
        let (trace, begun) = (Trace::new(), Instant::now());
        let in_time = timeout_graceful(S, S, spawn(async { 7 })).await;
        assert_eq!(in_time.unwrap().unwrap(), 7);
        let late = timeout_graceful(S, 2 * S, spawn(polite(S, trace.clone()))).await;
        assert_eq!(late.unwrap_err().output(), Some("output"));
        assert_eq!(begun.elapsed(), 2 * S);
        trace.expect(&["asked", "in order", "dropped"]);
        let too_late = timeout_graceful(S, S, spawn(polite(9 * S, trace.clone()))).await;
        assert!(too_late.unwrap_err().is_dropped());
        assert_eq!(begun.elapsed(), 4 * S);
        trace.expect(&["asked", "dropped"]);
        // Dropped in either phase, it takes the task along.
        for wait in [S, 3 * S] {
            let task = spawn(polite(9 * S, trace.clone()));
            let limited = timeout_graceful(2 * S, 5 * S, task);
            assert!(loopscope::timeout(wait, limited).await.is_err());
            yield_now().await;
        }
        trace.expect(&["dropped", "asked", "dropped"]);
    });
}

#[test]
fn records_show_who_is_asked_and_who_waits_for_that() {
    run(async {
        let task = spawn(polite(S, Trace::new()));
        yield_now().await;
        let resource = records::resource();
        assert_eq!((resource.kind, resource.name.as_deref()), (ResourceKind::Event, Some("cancel request")));
        assert_eq!(resource.made_by, Some(task.id().as_u64()));
        let waits = records::waits();
        assert_eq!((waits.len(), waits[0].kind, waits[0].resource), (1, WaitKind::Event, Some(resource.id)));
        let asking = spawn(async { task.cancel_gracefully(5 * S).await.output() });
        yield_now().await;
        yield_now().await;
        assert_eq!(records::resources(), [], "it is asked");
        let kinds: Vec<_> = records::waits().iter().map(|wait| (wait.task, wait.kind)).collect();
        assert!(kinds.contains(&(asking.id().as_u64(), WaitKind::Sleep)), "{kinds:?}");
        assert_eq!(asking.await.unwrap(), Some("output"));
    });
}
