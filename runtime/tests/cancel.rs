//! Cancelling: dropping is the mechanism.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use loopscope::task::Builder;
use loopscope::{Task, spawn, yield_now};
use trace::{Defer, spec};

#[test]
fn a_task_cancelled_before_its_first_turn_never_runs_its_body() {
    spec(
        |trace| async move {
            let (guard, inside) = (trace.on_drop("dropped"), trace.clone());
            let task = spawn(async move {
                let _guard = guard;
                inside.push("not reached");
            });
            assert_eq!(task.cancel().await, None);
            trace.push("cancelled");
        },
        &["dropped", "cancelled"],
    );
}

#[test]
fn the_future_is_gone_when_a_cancel_returns() {
    spec(
        |trace| async move {
            let guard = trace.on_drop("dropped");
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            let cancel = task.cancel();
            trace.push("asked");
            cancel.await;
            trace.push("over");
        },
        &["asked", "dropped", "over"],
    );
}

#[test]
fn a_cancel_that_is_not_awaited_happens_all_the_same() {
    spec(
        |trace| async move {
            let guard = trace.on_drop("dropped");
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            drop(task.cancel());
            trace.push("let go");
            yield_now().await;
            trace.push("end");
        },
        &["let go", "dropped", "end"],
    );
}

#[test]
fn a_task_that_is_asked_to_end_says_cancelled_to_whoever_awaits_it() {
    loopscope::run(async {
        let task = spawn(pending::<()>());
        yield_now().await;
        assert!(task.request_cancel());
        assert!(!task.is_finished());
        let id = task.id();
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!((error.id(), error.to_string()), (id, format!("task {id} was cancelled")));
        let done = spawn(async {});
        yield_now().await;
        assert!(!done.request_cancel(), "too late");
        assert!(done.await.is_ok());
    });
}

#[test]
fn a_task_that_was_over_gives_its_output() {
    loopscope::run(async {
        let task = spawn(async { 7 });
        yield_now().await;
        assert_eq!(task.cancel().await, Some(7));
    });
}

#[test]
fn a_task_that_ends_in_the_poll_in_which_it_is_cancelled_gives_its_output() {
    loopscope::run(async {
        let own: Rc<RefCell<Option<Task<u32>>>> = Rc::default();
        let cancel = Rc::new(RefCell::new(None));
        let (inside, out) = (Rc::clone(&own), Rc::clone(&cancel));
        let task = spawn(async move {
            let handle = inside.take().unwrap();
            *out.borrow_mut() = Some(handle.cancel());
            7
        });
        *own.borrow_mut() = Some(task);
        yield_now().await;
        let cancel = cancel.take().unwrap();
        assert_eq!(cancel.await, Some(7));
    });
}

#[test]
fn a_running_task_that_is_cancelled_goes_on_to_its_next_await_and_ends_there() {
    spec(
        |trace| async move {
            let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
            let (handle, inside, guard) = (Rc::clone(&own), trace.clone(), trace.on_drop("dropped"));
            let task = spawn(async move {
                let _guard = guard;
                assert!(handle.borrow().as_ref().unwrap().request_cancel());
                inside.push("still here");
                yield_now().await;
                inside.push("not reached");
            });
            *own.borrow_mut() = Some(task);
            yield_now().await;
            assert!(own.take().unwrap().await.unwrap_err().is_cancelled());
        },
        &["still here", "dropped"],
    );
}

#[test]
fn awaiting_ones_own_cancellation_is_reported_and_ends_there() {
    spec(
        |trace| async move {
            let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
            let (handle, inside, guard) = (Rc::clone(&own), trace.clone(), trace.on_drop("dropped"));
            // The future owns its own handle while it is dropped.
            let task = Builder::new().name("self").spawn(async move {
                let _guard = guard;
                let task = handle.take().unwrap();
                inside.push("cancels itself");
                task.cancel().await;
                inside.push("not reached");
            });
            *own.borrow_mut() = Some(task);
            yield_now().await;
            yield_now().await;
            trace.push("end");
        },
        &["cancels itself", "self: SelfCancel", "dropped", "end"],
    );
}

#[test]
fn a_task_that_awaits_itself_can_still_be_cancelled_with_its_handle_inside() {
    spec(
        |trace| async move {
            let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
            let (handle, guard) = (Rc::clone(&own), trace.on_drop("dropped"));
            let task = Builder::new().name("self").spawn(async move {
                let _guard = guard;
                let task = handle.take().unwrap();
                drop(task.await);
            });
            *own.borrow_mut() = Some(task);
            yield_now().await;
            trace.push("waits for itself");
        },
        &["self: SelfJoin", "waits for itself", "dropped"],
    );
}

#[test]
fn a_destructor_that_cancels_wakes_and_spawns_is_served() {
    spec(
        |trace| async move {
            let other = spawn({
                let guard = trace.on_drop("other dropped");
                async move {
                    let _guard = guard;
                    pending::<()>().await;
                }
            });
            let inside = trace.clone();
            let other = RefCell::new(Some(other));
            let task = spawn(async move {
                let _guard = Defer(move || {
                    drop(other.take().unwrap().cancel());
                    let deeper = inside.clone();
                    spawn(async move { deeper.push("spawned by a destructor") }).detach();
                    inside.push("destructor");
                });
                pending::<()>().await;
            });
            yield_now().await;
            task.cancel().await;
            trace.push("cancelled");
            yield_now().await;
        },
        &["destructor", "other dropped", "spawned by a destructor", "cancelled"],
    );
}

#[test]
fn a_hundred_thousand_nested_cancels_do_not_overflow_the_stack() {
    let dropped = Rc::new(Cell::new(0_u32));
    loopscope::run(async {
        let mut inner: Option<Task<()>> = None;
        for _ in 0..100_000 {
            let (child, dropped) = (RefCell::new(inner.take()), Rc::clone(&dropped));
            inner = Some(spawn(async move {
                let _scope = Defer(move || {
                    dropped.set(dropped.get() + 1);
                    if let Some(child) = child.take() {
                        drop(child.cancel());
                    }
                });
                pending::<()>().await;
            }));
        }
        yield_now().await;
        let outermost = inner.unwrap();
        outermost.cancel().await;
        while dropped.get() < 100_000 {
            yield_now().await;
        }
        assert_eq!(loopscope::all_tasks().len(), 1);
    });
}

#[test]
fn cancelling_from_a_callback_is_the_same() {
    spec(
        |trace| async move {
            let guard = trace.on_drop("dropped");
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            loopscope::call_soon(move || drop(task.cancel()));
            yield_now().await;
            trace.push("called");
            yield_now().await;
            trace.push("end");
        },
        &["called", "dropped", "end"],
    );
}
