//! Promises: settled once, awaited by one, shown while somebody waits, and never failing in silence.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use foreign::{done, poll, waiting};
use loopscope::future::{self, Promise, Promised, Settled, Unfulfilled, promise, promise_named};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{Runner, spawn, yield_now};
use records::{here, resource, resources, run, waits};
use trace::{Trace, spec};

/// Fails with a text.
type Texts = (Promise<u32, &'static str>, Promised<u32, &'static str>);

#[test]
fn a_value_is_there_whether_it_is_set_before_or_after_it_is_awaited() {
    run(async {
        let (first, promised): Texts = promise();
        assert_eq!((promised.is_done(), promised.settled()), (false, None));
        first.set(1).unwrap();
        assert_eq!((promised.is_done(), promised.settled()), (true, Some(Settled::Value)));
        assert_eq!(promised.await, Ok(1));
        let (second, promised): Texts = promise();
        let task = spawn(promised);
        yield_now().await;
        second.set(2).unwrap();
        assert_eq!(task.await.unwrap(), Ok(2));
    });
}

#[test]
fn an_error_reaches_who_awaits() {
    run(async {
        let (promise, promised): Texts = promise();
        promise.fail("no luck").unwrap();
        assert_eq!(promised.settled(), Some(Settled::Failed));
        let error = promised.await.unwrap_err();
        assert_eq!((error.to_string(), error.is_cancelled()), ("no luck".to_owned(), false));
        assert_eq!(error.into_failure(), Some("no luck"));
    });
}

#[test]
fn a_promise_that_is_dropped_says_which_one_it_was() {
    run(async {
        let (promise, promised) = promise_named::<u32, &str>("answer");
        let line = here() - 1;
        drop(promise);
        assert_eq!(promised.settled(), Some(Settled::Cancelled));
        let error = promised.await.unwrap_err();
        assert!(error.is_cancelled());
        let file = file!();
        let text =
            format!("the promise \"answer\" (made at {file}:{line}:35) was dropped before it was fulfilled");
        assert_eq!(error.to_string(), text);
        let Unfulfilled::Cancelled(cancelled) = error else { panic!("{error}") };
        assert_eq!((cancelled.name(), cancelled.made_at().line()), (Some("answer"), line));
        assert!(cancelled.is_promise_dropped());
    });
}

#[test]
fn cancelling_tells_both_sides_and_happens_once() {
    run(async {
        let (mut promise, promised): Texts = promise();
        let task = spawn(async move {
            promise.closed().await;
            promise.closed().await;
            (promise.is_closed(), promise.set(1))
        });
        let line = here() - 4;
        yield_now().await;
        let wait = waits();
        assert_eq!((wait.len(), wait[0].kind, wait[0].at, wait[0].made_at), (1, WaitKind::Event, line, line));
        assert!(promised.cancel());
        assert!(!promised.cancel());
        assert_eq!(task.await.unwrap(), (true, Err(1)));
        let error = promised.await.unwrap_err();
        assert!(error.to_string().ends_with("was cancelled by who wanted its value"), "{error}");
        let Unfulfilled::Cancelled(cancelled) = error else { panic!("{error}") };
        assert!(!cancelled.is_promise_dropped());
    });
}

#[test]
fn what_nobody_wants_comes_back() {
    run(async {
        let (first, promised): Texts = promise();
        assert!(!first.is_closed());
        drop(promised);
        assert!(first.is_closed());
        assert_eq!(first.set(1), Err(1));
        let (second, promised): Texts = promise();
        drop(promised);
        assert_eq!(second.fail("unwanted"), Err("unwanted"));
    });
}

#[test]
fn a_result_is_taken_once() {
    run(async {
        let (first, mut promised): Texts = promise();
        assert_eq!(promised.try_take(), None);
        first.set(1).unwrap();
        assert!(!promised.cancel(), "it is done");
        assert_eq!(promised.try_take(), Some(Ok(1)));
        assert_eq!(promised.try_take(), None);
        let again = trace::panic_of(|| poll(&mut Box::pin(promised)).is_ready());
        assert_eq!(again, "a promised value was asked for after it was given");
    });
}

#[test]
fn the_wait_is_shown_with_its_lines_and_its_named_resource() {
    run(async {
        let (promise, promised) = promise_named::<u32, Infallible>("answer");
        let made_at = here() - 1;
        let task = spawn(async move { promised.await.is_ok() });
        let at = here() - 1;
        yield_now().await;
        let shown = resource();
        assert_eq!((shown.kind, shown.name.as_deref()), (ResourceKind::Oneshot, Some("answer")));
        assert_eq!((shown.made_at, shown.len, shown.limit), (made_at, None, None));
        let (task_id, kind, resource) = (task.id().as_u64(), WaitKind::Recv, Some(shown.id));
        assert_eq!(waits(), [records::Waiting { task: task_id, kind, resource, at, made_at }]);
        promise.set(1).unwrap();
        assert!(task.await.unwrap());
        assert_eq!(resources(), []);
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_step_loses_nothing() {
    run(async {
        let (mut promise, mut promised): Texts = promise();
        drop(Box::pin(&mut promised));
        drop(waiting(&mut promised));
        drop(promise.closed());
        drop(waiting(promise.closed()));
        let notified = waiting(&mut promised);
        promise.set(1).unwrap();
        drop(notified);
        let mut over = Box::pin(&mut promised);
        assert_eq!(done(&mut over), Ok(1));
        drop(promised);

        let (mut promise, promised): Texts = future::promise();
        let notified = waiting(promise.closed());
        promised.cancel();
        drop(notified);
        done(&mut Box::pin(promise.closed()));
        drop(promised);

        let (promise, promised): Texts = future::promise();
        let pending = waiting(promised);
        drop(pending);
        assert_eq!(promise.set(2), Err(2), "dropped while it waits");

        let (promise, promised): Texts = future::promise();
        let notified = waiting(promised);
        promise.set(3).unwrap();
        drop(notified);
        assert_eq!((waits(), resources()), (vec![], vec![]));
    });
}

#[test]
fn a_promise_may_outlive_the_loop_it_was_awaited_on() {
    let (promise, mut promised): Texts = promise();
    loopscope::run(async { assert!(poll(&mut Box::pin(&mut promised)).is_pending()) });
    promise.set(1).unwrap();
    assert_eq!(loopscope::run(promised), Ok(1));
}

#[test]
fn an_error_that_nobody_asked_for_is_reported_with_its_promise() {
    let line = Rc::new(Cell::new(0));
    let (made_at, reports) = (Rc::clone(&line), Trace::new());
    let told = reports.clone();
    let runner =
        Runner::builder().paused(true).on_unhandled(move |unhandled| told.push(unhandled.to_string()));
    runner
        .build()
        .unwrap()
        .block_on(async move {
            let (promise, promised) = promise_named::<u32, _>("answer");
            line.set(here() - 1);
            promise.fail("no luck").unwrap();
            drop(promised);
        })
        .unwrap();
    let (file, line) = (file!(), made_at.get());
    reports.expect(&[&format!(
        "the promise \"answer\" (made at {file}:{line}:39) failed and nobody asked for its result: \"no luck\""
    )]);
}

#[test]
fn an_error_is_reported_once_however_many_shared_it_and_only_if_nobody_saw_it() {
    spec(
        |_| async move {
            let failed = |name| {
                let (promise, promised) = promise_named::<u32, _>(name);
                promise.fail("no luck").unwrap();
                promised
            };
            let shared = failed("shared").shared();
            drop((shared.clone(), shared));

            drop(failed("awaited").await);
            drop(failed("taken").try_take());
            let copied = failed("copied").shared();
            drop(copied.result());
            drop(copied);
            let told = failed("told").shared();
            told.on_done(drop);
            yield_now().await;
            drop(told);
            let only_how = failed("only how it ended");
            only_how.on_done(|_| ());
            yield_now().await;
            drop(only_how);
        },
        &[
            "shared: NeverRetrieved(\"\\\"no luck\\\"\")",
            "only how it ended: NeverRetrieved(\"\\\"no luck\\\"\")",
        ],
    );
}

#[test]
fn values_and_cancellations_that_nobody_asked_for_are_not_reported() {
    spec(
        |_| async move {
            let (promise, promised): Texts = promise();
            promise.set(1).unwrap();
            drop(promised);
            let (promise, promised): Texts = future::promise();
            drop((promise, promised));
            let (promise, promised): Texts = future::promise();
            promised.cancel();
            drop((promised, promise));
        },
        &[],
    );
}

/// Its `Debug` panics.
struct Rude;

impl std::fmt::Debug for Rude {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no comment");
    }
}

#[test]
fn an_error_whose_debug_panics_is_reported_all_the_same() {
    spec(
        |_| async move {
            let (promise, promised) = promise_named::<u32, _>("rude");
            assert!(promise.fail(Rude).is_ok());
            drop(promised);
        },
        &["rude: NeverRetrieved(\"an error whose Debug panics\")"],
    );
}
