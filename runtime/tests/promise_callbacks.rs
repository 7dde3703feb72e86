//! What is called when a promise is settled: in order, by the loop, and not if it was removed.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use loopscope::future::{self, Promise, Promised, promise};
use loopscope::{spawn, task_local, yield_now};
use records::run;
use trace::{Trace, spec};

type Texts = (Promise<u32, &'static str>, Promised<u32, &'static str>);

#[test]
fn callbacks_are_called_by_the_loop_in_their_order_after_the_waiter_was_woken() {
    spec(
        |trace| async move {
            let (promise, promised): Texts = promise();
            for name in ["first", "second"] {
                let trace = trace.clone();
                promised.on_done(move |how| trace.push(format!("{name}: {how:?}")));
            }
            let awaited = trace.clone();
            let task = spawn(async move {
                awaited.push(format!("{:?}", promised.await));
            });
            yield_now().await;
            promise.set(1).unwrap();
            trace.push("set");
            task.await.unwrap();
            yield_now().await;
        },
        &["set", "Ok(1)", "first: Value", "second: Value"],
    );
}

#[test]
fn callbacks_hear_of_errors_and_cancellation_too() {
    spec(
        |trace| async move {
            let tell = |name: &'static str| {
                let trace = trace.clone();
                move |how| trace.push(format!("{name}: {how:?}"))
            };
            let (failing, mut promised): Texts = promise();
            promised.on_done(tell("failed"));
            failing.fail("no luck").unwrap();
            assert!(promised.try_take().is_some());
            let (dropped, promised): Texts = promise();
            promised.on_done(tell("dropped"));
            drop(dropped);
            let (_promise, promised): Texts = promise();
            promised.on_done(tell("unwanted"));
            drop(promised);
            yield_now().await;
        },
        &["failed: Failed", "dropped: Cancelled", "unwanted: Cancelled"],
    );
}

#[test]
fn a_callback_registered_on_what_is_done_is_called_soon_and_not_at_once() {
    spec(
        |trace| async move {
            let (promise, promised): Texts = promise();
            promise.set(1).unwrap();
            let told = trace.clone();
            let callback = promised.on_done(move |how| told.push(format!("{how:?}")));
            assert!(!callback.remove(), "the loop has it already");
            trace.push("registered");
            yield_now().await;
        },
        &["registered", "Value"],
    );
}

#[test]
fn removed_callbacks_are_not_called_whichever_they_are() {
    for removed in [&[0][..], &[0, 1], &[2], &[0, 1, 2]] {
        run(async {
            let called = Rc::new(RefCell::new(Vec::new()));
            let (promise, promised): Texts = promise();
            let callbacks = [0, 1, 2].map(|number| {
                let called = Rc::clone(&called);
                promised.on_done(move |_| called.borrow_mut().push(number))
            });
            for number in removed {
                assert!(callbacks[*number].remove());
                assert!(!callbacks[*number].remove(), "once");
            }
            promise.set(1).unwrap();
            yield_now().await;
            let expected: Vec<_> = (0..3).filter(|number| !removed.contains(number)).collect();
            assert_eq!(*called.borrow(), expected);
            assert!(callbacks.iter().all(|callback| !callback.remove()));
        });
    }
}

/// Removes a callback, and registers another, while it is dropped.
struct Meddler(Rc<Promised<u32, &'static str>>, Rc<RefCell<Vec<future::DoneCallback>>>);

impl Drop for Meddler {
    fn drop(&mut self) {
        for callback in self.1.take() {
            callback.remove();
        }
        self.0.on_done(|_| ());
    }
}

#[test]
fn the_list_of_callbacks_may_change_while_one_of_them_is_dropped() {
    run(async {
        let (promise, promised): Texts = promise();
        let promised = Rc::new(promised);
        let others = Rc::new(RefCell::new(Vec::new()));
        let meddler = Meddler(Rc::clone(&promised), Rc::clone(&others));
        let removed = promised.on_done(move |_| drop(meddler));
        let called = Rc::new(Cell::new(0));
        for _ in 0..3 {
            let count = Rc::clone(&called);
            others.borrow_mut().push(promised.on_done(move |_| count.set(count.get() + 1)));
        }
        assert!(removed.remove());
        promise.set(1).unwrap();
        yield_now().await;
        assert_eq!(called.get(), 0);
    });
}

task_local! {
    static REQUEST: u32;
}

#[test]
fn a_callback_sees_the_task_locals_of_who_registered_it() {
    run(async {
        let (promise, promised): Texts = promise();
        let seen = Rc::new(Cell::new(0));
        let see = Rc::clone(&seen);
        REQUEST.scope(7, async { promised.on_done(move |_| see.set(REQUEST.get())) }).await;
        REQUEST.scope(8, async { promise.set(1).unwrap() }).await;
        yield_now().await;
        assert_eq!(seen.get(), 7);
    });
}

#[test]
fn a_promise_settled_between_two_runs_of_a_loop_is_told_in_the_second() {
    let trace = Trace::new();
    let (promise, promised): Texts = promise();
    let told = trace.clone();
    let mut runner = trace::paused(&trace).build().unwrap();
    runner.block_on(async { promised.on_done(move |how| told.push(format!("{how:?}"))) }).unwrap();
    promise.set(1).unwrap();
    trace.expect(&[]);
    runner.block_on(yield_now()).unwrap();
    trace.expect(&["Value"]);
    drop(promised);
}

#[test]
fn a_callback_that_panics_is_reported_and_the_others_are_called() {
    spec(
        |trace| async move {
            let (promise, promised): Texts = promise();
            promised.on_done(|_| panic!("oh no"));
            promised.on_done(move |how| trace.push(format!("{how:?}")));
            promise.set(1).unwrap();
            yield_now().await;
        },
        &["-: Panic(\"oh no\")", "Value"],
    );
}

#[test]
fn callbacks_of_a_loop_that_ended_are_dropped() {
    let (promise, promised): Texts = promise();
    let trace = Trace::new();
    let guard = trace.on_drop("dropped");
    loopscope::run(async {
        promised.on_done(move |_| {
            let _guard = guard;
            unreachable!("it is called although its loop has ended");
        });
    });
    promise.set(1).unwrap();
    trace.expect(&["dropped"]);
    drop(promised);
}

#[test]
fn a_callback_of_a_shared_one_gets_the_result() {
    spec(
        |trace| async move {
            let (promise, promised): Texts = promise();
            let shared = promised.shared();
            let told = trace.clone();
            shared.on_done(move |result| told.push(format!("{result:?}")));
            let told = trace.clone();
            let removed = shared.on_done(move |_| told.push("never"));
            assert!(removed.remove());
            promise.set(1).unwrap();
            drop(shared);
            yield_now().await;
            let (promise, promised): Texts = future::promise();
            let shared = promised.shared();
            let told = trace.clone();
            shared.on_done(move |result| told.push(format!("{}", result.unwrap_err().is_cancelled())));
            drop(shared);
            assert!(promise.is_closed(), "a callback wants nothing");
            yield_now().await;
        },
        &["Ok(1)", "true"],
    );
}
