//! What a task's handle says of its task.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::oneshot;
use loopscope::task::{Builder, spawn_eager};
use loopscope::time::Instant;
use loopscope::{Handle, sleep, spawn, yield_now};
use trace::{Trace, paused};

#[test]
fn a_name_is_what_was_given_last() {
    records::run(async {
        let task = Builder::new().name("first").spawn(pending::<()>());
        assert_eq!(task.name().as_deref(), Some("first"));
        task.set_name("second");
        assert_eq!(task.name().as_deref(), Some("second"));
        let reader = Handle::current().reader();
        let shown = reader.task(task.id().as_u64()).unwrap().name.and_then(|name| reader.name(name));
        assert_eq!(shown.as_deref(), Some("second"));
        let nameless = spawn(pending::<()>());
        assert_eq!(nameless.name(), None);
        nameless.set_name("named at last");
        assert_eq!(nameless.name().as_deref(), Some("named at last"));
        task.cancel().await;
        nameless.cancel().await;
    });
}

#[test]
fn the_name_of_a_task_that_fails_later_is_the_new_one() {
    let trace = Trace::new();
    records::run_on(paused(&trace), async {
        let task = Builder::new().name("before").spawn(async { panic!("oh no") });
        task.set_name("after");
        task.detach();
        yield_now().await;
    });
    trace.expect(&["after: Panic(\"oh no\")"]);
}

#[test]
fn its_debug_form_says_how_it_is_and_what_it_waits_for() {
    records::run(async {
        let (sender, receiver) = oneshot::channel::<()>();
        let inner = spawn(receiver);
        let id = inner.id();
        let at = records::here() + 1;
        let task = Builder::new().name("outer").spawn(async move { inner.await.unwrap().unwrap() });
        let head = format!("Task {{ id: {}, name: \"outer\", state: ", task.id());
        let place = format!("spawned_at: runtime/tests/task_handle.rs:{at}:");
        let text = format!("{task:?}");
        assert!(text.starts_with(&format!("{head}Scheduled, {place}")), "{text}");
        yield_now().await;
        let text = format!("{task:?}");
        assert!(text.starts_with(&format!("{head}Idle, {place}")), "{text}");
        assert!(
            text.contains(&format!("waits_for: [Join {id} at runtime/tests/task_handle.rs:{at}:")),
            "{text}"
        );
        task.request_cancel();
        assert!(task.is_cancelling());
        let text = format!("{task:?}");
        assert!(text.contains("cancelling: true"), "{text}");
        yield_now().await;
        assert!(!task.is_cancelling());
        let text = format!("{task:?}");
        assert!(
            text.starts_with(&format!("{head}Cancelled, {place}")) && !text.contains("waits_for"),
            "{text}"
        );
        assert!(task.await.unwrap_err().is_cancelled());
        sender.send(()).unwrap();
        yield_now().await;
    });
}

#[test]
fn a_handle_that_outlives_its_loop_can_still_be_shown() {
    let mut runner = paused(&Trace::new()).build().unwrap();
    let task =
        runner.block_on(std::future::poll_fn(|_| std::task::Poll::Ready(spawn(pending::<()>())))).unwrap();
    let id = task.id();
    drop(runner);
    assert_eq!(format!("{task:?}"), format!("Task {{ id: {id}, finished: true, .. }}"));
    assert_eq!((task.name(), task.is_cancelling()), (None, false));
    task.set_name("nobody's");
    assert!(task.try_join().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn a_result_is_taken_without_waiting_only_when_it_is_there() {
    records::run(async {
        let task = spawn(async { 7 });
        let task = task.try_join().unwrap_err();
        yield_now().await;
        assert_eq!(task.try_join().unwrap().unwrap(), 7);
        assert_eq!(spawn_eager(async { 8 }).try_join().unwrap().unwrap(), 8);
        let panicked = spawn_eager(async { panic!("oh no") });
        assert!(panicked.try_join().unwrap().unwrap_err().is_panic());
    });
}

#[test]
fn a_task_that_sleeps_is_cancelled_and_leaves_no_timer() {
    records::run(async {
        let start = Instant::now();
        let task = spawn(sleep(Duration::from_secs(3600)));
        yield_now().await;
        assert_eq!(records::waits().len(), 1);
        assert_eq!(task.cancel().await, None);
        assert_eq!(records::waits(), []);
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn who_awaits_a_task_that_is_cancelled_hears_of_it_and_goes_on() {
    records::run(async {
        let inner = spawn(pending::<()>());
        let id = inner.id();
        let inner = Rc::new(RefCell::new(Some(inner)));
        let handle = Rc::clone(&inner);
        let outer = spawn(async move {
            let mut task = handle.take().unwrap();
            let cancelled = std::future::poll_fn(|cx| {
                let polled = Pin::new(&mut task).poll(cx);
                if polled.is_pending() {
                    task.request_cancel();
                }
                polled
            });
            cancelled.await.unwrap_err()
        });
        let error = outer.await.unwrap();
        assert!(error.is_cancelled() && error.id() == id);
        assert_eq!(error.to_string(), format!("task {id} was cancelled"));
    });
}

#[test]
fn cancelling_who_awaits_a_task_leaves_that_task_running() {
    records::run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let inner = spawn(async move {
            sleep(Duration::from_millis(1)).await;
            inside.push("inner came to its end");
        });
        let outer = spawn(inner);
        yield_now().await;
        assert!(outer.cancel().await.is_none());
        sleep(Duration::from_millis(2)).await;
        trace.expect(&["inner came to its end"]);
    });
}
