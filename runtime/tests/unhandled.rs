//! What nobody can receive is reported at once, and exactly once.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/trace.rs"]
mod trace;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use loopscope::runner::UnhandledKind;
use loopscope::task::Builder;
use loopscope::telemetry::TaskKind;
use loopscope::{Runner, call_soon, spawn, spawn_fallible, yield_now};
use trace::{Defer, Trace, panic_of, paused, spec};

fn panics(text: &'static str) -> impl Future<Output = ()> {
    std::future::poll_fn(move |_| panic!("{text}"))
}

#[test]
fn a_panic_is_reported_when_it_happens_if_the_handle_is_gone() {
    spec(
        |trace| async move {
            Builder::new().name("bad").spawn(panics("oh no")).detach();
            trace.push("before");
            yield_now().await;
            trace.push("after");
        },
        &["before", "bad: Panic(\"oh no\")", "after"],
    );
}

#[test]
fn a_panic_is_reported_when_the_handle_goes_if_that_is_later() {
    spec(
        |trace| async move {
            let task = Builder::new().name("bad").spawn(panics("oh no"));
            yield_now().await;
            trace.push("over");
            drop(task);
            trace.push("handle gone");
        },
        &["over", "bad: Panic(\"oh no\")", "handle gone"],
    );
}

#[test]
fn what_somebody_received_is_not_reported() {
    spec(
        |trace| async move {
            let panicked = spawn(panics("oh no")).await;
            trace.push(panicked.unwrap_err().try_into_panic().map(|_| "panic").unwrap());
            let failed = spawn_fallible(async { Err::<(), _>("no luck") }).await;
            trace.push(failed.unwrap().unwrap_err());
            assert!(spawn(pending::<()>()).cancel().await.is_none());
            drop(spawn(async { Err::<(), _>("plain spawn does not know") }));
            yield_now().await;
        },
        &["panic", "no luck"],
    );
}

fn panics_instead_of_failing() -> impl Future<Output = Result<(), ()>> {
    std::future::poll_fn(|_| panic!("c"))
}

#[test]
fn an_error_of_a_fallible_task_is_reported_like_a_panic() {
    spec(
        |trace| async move {
            Builder::new().name("early").spawn_fallible(async { Err::<(), _>("a") }).detach();
            let late = Builder::new().name("late").spawn_fallible(async { Err::<(), _>("b") });
            let fine = Builder::new().name("fine").spawn_fallible(async { Ok::<_, &str>(1) });
            yield_now().await;
            trace.push("over");
            drop((late, fine));
            Builder::new().name("panics").spawn_fallible(panics_instead_of_failing()).detach();
            yield_now().await;
        },
        &["early: Error(\"\\\"a\\\"\")", "over", "late: Error(\"\\\"b\\\"\")", "panics: Panic(\"c\")"],
    );
}

#[test]
fn a_cancel_that_comes_after_a_panic_has_no_room_for_it() {
    spec(
        |trace| async move {
            let task = Builder::new().name("bad").spawn(panics("oh no"));
            yield_now().await;
            assert_eq!(task.cancel().await, None);
            trace.push("cancelled");
        },
        &["bad: Panic(\"oh no\")", "cancelled"],
    );
}

#[test]
fn destructors_that_panic_are_reported_whosoever_they_are() {
    spec(
        |trace| async move {
            let future = Builder::new().name("future").spawn(async {
                let _guard = Defer(|| panic!("in a future"));
                pending::<()>().await;
            });
            yield_now().await;
            assert_eq!(future.cancel().await, None);
            Builder::new().name("output").spawn(async { Defer(|| panic!("in an output")) }).detach();
            yield_now().await;
            trace.push("end");
        },
        &["future: PanicInDrop(\"in a future\")", "output: PanicInDrop(\"in an output\")", "end"],
    );
}

#[test]
fn a_panic_while_a_finished_future_is_dropped_is_the_tasks() {
    loopscope::run(async {
        let task = spawn(async {
            let guard = Defer(|| panic!("in drop"));
            std::future::poll_fn(move |_| {
                let _guard = &guard;
                std::task::Poll::Ready(7)
            })
            .await
        });
        assert!(task.await.unwrap_err().to_string().ends_with("panicked: in drop"));
    });
}

/// A payload whose own destructor panics.
struct Nasty;

impl Drop for Nasty {
    fn drop(&mut self) {
        panic!("again");
    }
}

fn nasty() -> impl Future<Output = ()> {
    std::future::poll_fn(|_| std::panic::panic_any(Nasty))
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    let mut runner = Runner::builder()
        .on_unhandled(move |_| {
            counted.set(counted.get() + 1);
            std::panic::panic_any(Nasty);
        })
        .build()
        .unwrap();
    runner
        .block_on(async {
            for _ in 0..3 {
                call_soon(|| panic!("oh no"));
            }
            yield_now().await;
        })
        .unwrap();
    assert_eq!(calls.get(), 3);
}

#[test]
fn a_hook_may_use_the_loop_and_gets_the_whole_story() {
    let trace = Trace::new();
    let inside = trace.clone();
    let line = Rc::new(Cell::new(0));
    let seen_line = Rc::clone(&line);
    let mut runner = Runner::builder()
        .on_unhandled(move |unhandled| {
            let place = unhandled.spawned_at.as_ref().unwrap();
            assert_eq!(place.file, file!());
            seen_line.set(place.line);
            assert_eq!(unhandled.task_kind, Some(TaskKind::Task));
            assert_eq!(unhandled.kind, UnhandledKind::Panic("oh no".to_owned()));
            let text = unhandled.to_string();
            let (_, rest) = text.split_once("task #").unwrap();
            let (_, rest) = rest.split_once(' ').unwrap();
            assert!(rest.starts_with("\"bad\" (spawned at "), "{rest}");
            assert!(rest.ends_with(") panicked and nobody awaits it: oh no"), "{rest}");
            let trace = inside.clone();
            spawn(async move { trace.push("spawned by the hook") }).detach();
        })
        .build()
        .unwrap();
    runner
        .block_on(async {
            Builder::new().name("bad").spawn(panics("oh no")).detach();
            yield_now().await;
            yield_now().await;
        })
        .unwrap();
    trace.expect(&["spawned by the hook"]);
    assert!(line.get() > 0);
}

#[test]
fn what_other_threads_post_is_reported_too() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let handle = runner.handle();
    handle.post(|| panic!("posted")).unwrap();
    handle.post(|| std::panic::panic_any(Nasty)).unwrap();
    handle.spawn(|| panics("spawned from elsewhere")).unwrap();
    runner.block_on(yield_now()).unwrap();
    runner.block_on(yield_now()).unwrap();
    trace.expect(&[
        "-: Panic(\"posted\")",
        "-: Panic(\"a value that is not text\")",
        "-: Panic(\"spawned from elsewhere\")",
    ]);
}

#[test]
fn a_payload_whose_destructor_panics_does_not_end_the_loop() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    runner
        .block_on(async {
            spawn(panics("first")).detach();
            spawn(nasty()).detach();
            let task = spawn(async {
                let _guard = Defer(|| std::panic::panic_any(Nasty));
                pending::<()>().await;
            });
            yield_now().await;
            task.cancel().await;
            yield_now().await;
        })
        .unwrap();
    trace.expect(&[
        "-: Panic(\"first\")",
        "-: Panic(\"a value that is not text\")",
        "-: PanicInDrop(\"again\")",
        "-: PanicInDrop(\"a value that is not text\")",
    ]);
    assert_eq!(panic_of(|| runner.block_on(async { panic!("main") })), "main");
}
