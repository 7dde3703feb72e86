//! `call_soon`, `call_later`, `call_at`.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::async_yields_async, reason = "a handle is taken out of a run")]

#[path = "support/trace.rs"]
mod trace;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use loopscope::telemetry::{TaskKind, TaskState, WaitKind};
use loopscope::time::Instant;
use loopscope::{Handle, call_at, call_later, call_soon, sleep, spawn, yield_now};
use trace::spec;

const MS: Duration = Duration::from_millis(1);

#[test]
fn callbacks_are_called_once_in_the_order_handed_over_in_the_next_batch() {
    spec(
        |trace| async move {
            for number in 0..3 {
                let inside = trace.clone();
                call_soon(move || inside.push(format!("soon {number}")));
            }
            let inside = trace.clone();
            spawn(async move { inside.push("task") }).detach();
            let inside = trace.clone();
            call_soon(move || {
                inside.push("soon 3");
                let deeper = inside.clone();
                call_soon(move || deeper.push("handed over by soon 3"));
            });
            trace.push("main");
            yield_now().await;
            trace.push("main after one turn");
            yield_now().await;
            yield_now().await;
            trace.push("end");
        },
        &[
            "main",
            "soon 0",
            "soon 1",
            "soon 2",
            "task",
            "soon 3",
            "main after one turn",
            "handed over by soon 3",
            "end",
        ],
    );
}

#[test]
fn timed_callbacks_are_called_by_deadline_then_in_the_order_handed_over() {
    spec(
        |trace| async move {
            let start = Instant::now();
            let say = |what: &'static str| {
                let trace = trace.clone();
                move || trace.push(format!("{what} at {:?}", start.elapsed()))
            };
            call_at(start + 20 * MS, say("20 first"));
            let until = loopscope::sleep_until(start + 20 * MS);
            call_later(10 * MS, say("10"));
            let sleeper = trace.clone();
            spawn(async move {
                until.await;
                sleeper.push("20 a sleeper that began later");
            })
            .detach();
            call_at(start + 20 * MS, say("20 second"));
            call_later(Duration::ZERO, say("zero"));
            call_at(start, say("now"));
            sleep(30 * MS).await;
        },
        &[
            "zero at 0ns",
            "now at 1ns",
            "10 at 10ms",
            "20 first at 20ms",
            "20 second at 20ms",
            "20 a sleeper that began later",
        ],
    );
}

#[test]
fn a_cancelled_callback_is_dropped_and_never_called() {
    spec(
        |trace| async move {
            let make = |what: &'static str| {
                let (guard, trace) = (trace.on_drop(&format!("{what} dropped")), trace.clone());
                move || {
                    let _guard = guard;
                    trace.push(format!("{what} called"));
                }
            };
            let soon = call_soon(make("soon"));
            let late = call_later(MS, make("late"));
            assert!(soon.cancel() && late.cancel());
            assert!(!soon.is_finished());
            yield_now().await;
            assert!(soon.is_finished() && late.is_finished());
            assert!(!soon.cancel() && !late.cancel(), "too late");
            let called = call_soon(make("third"));
            yield_now().await;
            assert!(called.is_finished() && !called.cancel());
            sleep(2 * MS).await;
        },
        &["soon dropped", "late dropped", "third called", "third dropped"],
    );
}

#[test]
fn dropping_the_handle_does_not_cancel_and_the_handle_may_outlive_the_loop() {
    let called = Rc::new(Cell::new(0));
    let handle = loopscope::run({
        let called = Rc::clone(&called);
        async move {
            let (first, second) = (Rc::clone(&called), called);
            call_soon(move || first.set(first.get() + 1));
            yield_now().await;
            call_later(3600 * 1000 * MS, move || second.set(100))
        }
    });
    assert_eq!(
        (called.get(), Rc::strong_count(&called)),
        (1, 1),
        "what was not called is dropped with the loop"
    );
    assert!(handle.is_finished() && !handle.cancel());
}

#[test]
fn a_callback_that_cancels_the_next_one_is_in_time() {
    spec(
        |trace| async move {
            let handle: Rc<Cell<Option<loopscope::callback::Callback>>> = Rc::default();
            let (taken, inside) = (Rc::clone(&handle), trace.clone());
            call_soon(move || {
                inside.push(format!("in time: {}", taken.take().unwrap().cancel()));
            });
            let inside = trace.clone();
            handle.set(Some(call_soon(move || inside.push("not reached"))));
            yield_now().await;
        },
        &["in time: true"],
    );
}

#[test]
fn a_panic_in_a_callback_is_reported_and_the_loop_goes_on() {
    spec(
        |trace| async move {
            call_soon(|| panic!("soon"));
            call_later(MS, || panic!("later"));
            let inside = trace.clone();
            call_soon(move || inside.push("next"));
            sleep(2 * MS).await;
            trace.push("end");
        },
        &["-: Panic(\"soon\")", "next", "-: Panic(\"later\")", "end"],
    );
}

#[test]
fn a_callback_has_a_record_of_its_kind_and_a_timer_while_it_waits() {
    loopscope::run(async {
        let late = call_later(3600 * 1000 * MS, || ());
        let soon = call_soon(|| ());
        let reader = Handle::current().reader();
        let seen = reader.task(late.id().as_u64()).unwrap();
        assert_eq!((seen.kind, seen.state, seen.polls), (TaskKind::Callback, TaskState::Idle, 0));
        let mut waits = Vec::new();
        reader.waits(&mut |wait| {
            waits.push((wait.task, wait.kind, wait.deadline));
            ControlFlow::Continue(())
        });
        assert_eq!(waits, [(late.id().as_u64(), WaitKind::Sleep, late.deadline())]);
        let place = reader.place(reader.sites().iter().find(|site| site.index == seen.site).unwrap().place);
        assert_eq!(place.unwrap().file, file!());
        assert_eq!(seen.parent, loopscope::current().map(loopscope::TaskId::as_u64));
        let seen = reader.task(soon.id().as_u64()).unwrap();
        assert_eq!((seen.kind, seen.state), (TaskKind::Callback, TaskState::Scheduled));
        yield_now().await;
        let seen = reader.task(soon.id().as_u64()).unwrap();
        assert_eq!((seen.state, seen.polls), (TaskState::Completed, 1));
        late.cancel();
    });
}
