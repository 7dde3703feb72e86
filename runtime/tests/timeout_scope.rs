//! Time limits around a body, which can be moved: asyncio's `timeout`, with futures that are dropped.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::future::{Future as _, pending};
use std::io;
use std::ops::ControlFlow;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use loopscope::telemetry::{TimerKind, WaitKind, loops};
use loopscope::time::{Deadline, Elapsed, Instant, timeout_scope, timeout_scope_at};
use loopscope::{CancelToken, TaskGroup, sleep, spawn, timeout, yield_now};
use records::{run, run_live};
use steps::{Step, poll, waiting};
use trace::Trace;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_body_that_is_over_in_time_gives_its_value_and_a_late_one_is_dropped_at_the_deadline() {
    run(async {
        let (trace, begun) = (Trace::new(), Instant::now());
        let in_time = timeout_scope(2 * S, async |_| {
            sleep(S).await;
            7
        });
        assert_eq!(in_time.await, Ok(7));
        assert_eq!(begun.elapsed(), S);
        let late = timeout_scope(2 * S, async |_| {
            let _dropped = trace.on_drop("dropped");
            sleep(60 * S).await;
            trace.push("not reached");
        });
        let error = late.await.unwrap_err();
        assert_eq!(begun.elapsed(), 3 * S);
        assert_eq!(
            (error.limit(), error.to_string()),
            (Some(2 * S), "the time limit of 2s is over".to_owned())
        );
        trace.expect(&["dropped"]);
        let at = timeout_scope_at(begun + 4 * S, async |_| pending::<()>().await);
        let error = at.await.unwrap_err();
        assert_eq!(begun.elapsed(), 4 * S);
        assert_eq!((error.limit(), error.to_string()), (None, "the deadline has passed".to_owned()));
    });
}

#[test]
fn without_a_limit_a_body_takes_as_long_as_it_likes() {
    run(async {
        for scope in [
            timeout_scope(None, async |scope: Deadline| {
                assert_eq!(scope.when(), None);
                sleep(3600 * S).await;
                scope.expired()
            })
            .await,
            timeout_scope_at(None, async |scope: Deadline| {
                sleep(3600 * S).await;
                scope.expired()
            })
            .await,
        ] {
            assert_eq!(scope, Ok(false));
        }
    });
}

#[test]
fn zero_and_past_deadlines_end_a_body_at_its_first_wait_and_not_before() {
    run(async {
        let past = Instant::now();
        sleep(S).await;
        let bodies = [
            timeout_scope(Duration::ZERO, body as fn(_) -> _),
            timeout_scope_at(past, body as fn(_) -> _),
            timeout_scope_at(Instant::from_nanos(0), body as fn(_) -> _),
        ];
        for body in bodies {
            let begun = Instant::now();
            let deadline = body.deadline();
            assert!(body.await.is_err());
            assert!(deadline.expired());
            assert_eq!(begun.elapsed(), Duration::ZERO);
        }
        let ready = timeout_scope(Duration::ZERO, async |_| 7);
        assert_eq!(ready.await, Ok(7), "who need not wait is in time");

        #[allow(clippy::items_after_statements, reason = "next to where it is used")]
        fn body(_: Deadline) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
            Box::pin(async {
                yield_now().await; // a turn given up is a wait too
                unreachable!("the deadline had passed");
            })
        }
    });
}

#[test]
fn an_inner_elapsed_is_never_taken_for_the_outers() {
    run(async {
        // The inner one expires, the outer goes on.
        let outer = timeout_scope(10 * S, async |scope| {
            let inner = timeout_scope(S, async |_| pending::<()>().await).await;
            assert!(!scope.expired());
            inner
        });
        let inner: Result<Result<(), Elapsed>, Elapsed> = outer.await;
        assert_eq!(inner.unwrap().unwrap_err().limit(), Some(S));
        // The outer one expires first: the inner is dropped, and has not.
        let kept = Rc::new(RefCell::new(None));
        let outer = timeout_scope(S, async |_| {
            let inner = timeout_scope(10 * S, async |_| pending::<()>().await);
            *kept.borrow_mut() = Some(inner.deadline());
            inner.await
        });
        let error = outer.await.unwrap_err();
        assert_eq!(error.limit(), Some(S));
        let inner = kept.take().unwrap();
        assert!(!inner.expired() && !inner.is_active());
        assert!(!inner.reschedule(None).unwrap_err().is_expired());
        // Both at the same moment: the inner is asked first, and the outer's body is ready then.
        let both = timeout_scope(S, async |_| timeout_scope(S, async |_| pending::<()>().await).await);
        assert_eq!(both.await.unwrap().unwrap_err().limit(), Some(S));
        // … but if it goes on to wait, its own time is up.
        let both = timeout_scope(S, async |_| {
            let inner = timeout_scope(S, async |_| pending::<()>().await).await;
            yield_now().await;
            inner
        });
        assert!(both.await.is_err());
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the loop is to be kept from its work")]
fn nested_deadlines_that_pass_while_the_loop_is_stuck_are_told_apart() {
    run_live(async {
        let outer = timeout_scope(MS, async |_| {
            let inner = timeout_scope(2 * MS, async |_| {
                std::thread::sleep(10 * MS);
                sleep(S).await;
            });
            inner.await
        });
        // Both have passed by its first wait; the inner one is asked first, and then the outer's body is ready.
        assert_eq!(outer.await.unwrap().unwrap_err().limit(), Some(2 * MS));
    });
}

#[test]
fn errors_of_the_body_pass_and_are_not_taken_for_its_time_being_up() {
    run(async {
        let failing = timeout_scope(S, async |_| Err::<(), _>(io::Error::other("no route")));
        assert_eq!(failing.await.unwrap().unwrap_err().to_string(), "no route");
        let timed_out = timeout_scope(S, async |_| Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut)));
        assert!(timed_out.await.unwrap().is_err(), "another's");
        let text = spawn(timeout_scope(S, async |_| {
            yield_now().await;
            panic!("oh no")
        }));
        assert!(text.await.map(|_: Result<(), _>| ()).unwrap_err().is_panic());
    });
}

#[test]
fn a_body_moves_its_own_deadline_both_ways_and_takes_it_away() {
    run(async {
        let begun = Instant::now();
        let moved = timeout_scope(2 * S, async |scope: Deadline| {
            assert_eq!(scope.when(), Some(begun + 2 * S));
            scope.reschedule(begun + 10 * S).unwrap();
            assert_eq!(scope.when(), Some(begun + 10 * S));
            sleep(5 * S).await;
            scope.reschedule(begun + 6 * S).unwrap();
            pending::<()>().await;
        });
        let error = moved.await.unwrap_err();
        assert_eq!(begun.elapsed(), 6 * S);
        assert_eq!(error.limit(), None, "it is not that limit that is over");
        let free = timeout_scope(2 * S, async |scope: Deadline| {
            scope.reschedule(None).unwrap();
            sleep(60 * S).await;
            scope.reschedule(Instant::now() + S).unwrap();
            sleep(60 * S).await;
        });
        let begun = Instant::now();
        assert!(free.await.is_err());
        assert_eq!(begun.elapsed(), 61 * S);
        let past = timeout_scope(2 * S, async |scope: Deadline| {
            scope.reschedule(begun).unwrap();
            assert!(!scope.expired());
            yield_now().await;
            unreachable!("that was its first wait");
        });
        let result: Result<(), Elapsed> = past.await;
        assert!(result.is_err());
    });
}

#[test]
fn others_move_the_deadline_of_a_body_that_waits() {
    run(async {
        let begun = Instant::now();
        // (what it is first, and to what it is moved after a second, in seconds from then)
        for (first, then, took) in [
            (Some(2 * S), Some(5 * S), 6 * S),
            (Some(60 * S), Some(S), 2 * S),
            (Some(60 * S), Some(Duration::ZERO), S),
            (None, Some(3 * S), 4 * S),
            (Some(2 * S), None, 31 * S),
        ] {
            let begun = Instant::now();
            let scope = timeout_scope(first, async |_| pending::<()>().await);
            let deadline = scope.deadline();
            let waiting = spawn(scope);
            sleep(S).await;
            deadline.reschedule(then.map(|then| Instant::now() + then)).unwrap();
            if then.is_none() {
                sleep(30 * S).await;
                assert!(!waiting.is_finished());
                deadline.reschedule(Instant::now()).unwrap();
            }
            assert!(waiting.await.unwrap().is_err());
            assert_eq!(begun.elapsed(), took, "{first:?} {then:?}");
            assert!(deadline.expired());
        }
        // One that fired, and was moved before its task had its turn, has not expired.
        let scope = timeout_scope(S, async |_| sleep(2 * S).await);
        let deadline = scope.deadline();
        let first = spawn(async move {
            sleep(S).await;
            deadline.reschedule(Instant::now() + 10 * S).unwrap();
        });
        yield_now().await; // its timer stands before the scope's
        assert_eq!(scope.await, Ok(()));
        first.await.unwrap();
        assert!(begun.elapsed() > 40 * S);
    });
}

#[test]
fn a_deadline_is_moved_only_while_its_scope_is_active() {
    run(async {
        let scope = timeout_scope(S, async |_| pending::<()>().await);
        let expired = scope.deadline();
        assert!(expired.is_active());
        expired.reschedule(Instant::now() + S).unwrap();
        assert!(scope.await.is_err());
        let error = expired.reschedule(Instant::now()).unwrap_err();
        assert!(error.is_expired());
        assert_eq!(error.to_string(), "cannot move the deadline of a timeout scope that has expired");
        let scope = timeout_scope(S, async |_| 7);
        let finished = scope.deadline();
        assert_eq!(scope.await, Ok(7));
        let error = finished.reschedule(None).unwrap_err();
        assert_eq!(error.to_string(), "cannot move the deadline of a timeout scope that is finished");
        assert!(!finished.expired() && !finished.is_active());
    });
}

#[test]
fn a_deadline_says_its_state() {
    run(async {
        let when = Instant::from_nanos(7_000_000_000);
        let scope = timeout_scope_at(when, async |_| pending::<()>().await);
        let deadline = scope.deadline();
        let shown = |state: &str| format!("Deadline {{ state: {state}, when: Some(Instant(7s)), .. }}");
        assert_eq!(format!("{deadline:?}"), shown("Active"));
        assert_eq!(format!("{scope:?}"), format!("TimeoutScope {{ deadline: {deadline:?}, .. }}"));
        drop(scope);
        assert_eq!(format!("{deadline:?}"), shown("Finished"));
        let scope = timeout_scope_at(when, async |_| pending::<()>().await);
        let deadline = scope.deadline();
        scope.await.unwrap_err();
        assert_eq!(format!("{deadline:?}"), shown("Expired"));
        let none = timeout_scope(None, async |_| ()).deadline();
        assert_eq!(format!("{none:?}"), "Deadline { state: Finished, when: None, .. }");
    });
}

#[test]
fn destructors_in_the_body_find_a_scope_that_is_over() {
    run(async {
        let trace = Trace::new();
        let late = timeout_scope(S, async |scope: Deadline| {
            let asked = scope.clone();
            let _ask = trace::Defer(|| {
                trace.push(format!("expired: {}", asked.expired()));
                assert!(asked.reschedule(None).is_err());
            });
            pending::<()>().await;
        });
        assert!(late.await.is_err());
        trace.expect(&["expired: true"]);
    });
}

#[test]
fn a_scope_that_is_dropped_at_any_step_leaves_no_timer() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        run(async {
            let (token, trace) = (CancelToken::new(), Trace::new());
            let scope = timeout_scope(5 * S, async |_| {
                let _dropped = trace.on_drop("dropped");
                token.cancelled().await;
            });
            let kept = scope.deadline();
            let mut scope = Box::pin(scope);
            if step != Step::NeverPolled {
                assert!(poll(&mut scope).is_pending());
                kept.reschedule(Instant::now() + 6 * S).unwrap();
            }
            if step == Step::Notified {
                sleep(7 * S).await; // it fired, and had no turn
            }
            if step == Step::Done {
                token.cancel();
                assert_eq!(steps::done(&mut scope), Ok(()));
            }
            drop(scope);
            let expected: &[&str] = if step == Step::NeverPolled { &[] } else { &["dropped"] };
            trace.expect(expected);
            assert_eq!(records::waits(), [], "{step:?}");
            assert!(!kept.is_active() && !kept.expired());
        });
    }
}

#[test]
fn cancelling_a_task_whose_scope_has_not_expired_is_a_cancellation() {
    run(async {
        let scope = timeout_scope(10 * S, async |_| pending::<()>().await);
        let deadline = scope.deadline();
        let task = spawn(scope);
        sleep(S).await;
        assert!(task.cancel().await.is_none());
        assert!(!deadline.expired());
        // And a scope that expires does not touch the task it runs in, nor those it spawned.
        let outlives = timeout_scope(S, async |_| {
            let task = spawn(sleep(5 * S));
            let id = task.id();
            task.detach();
            pending::<()>().await;
            id
        });
        let begun = Instant::now();
        assert!(outlives.await.is_err());
        assert_eq!(loopscope::all_tasks().len(), 2);
        sleep(5 * S).await;
        assert_eq!(begun.elapsed(), 6 * S);
    });
}

#[test]
fn a_group_inside_of_a_scope_is_cancelled_at_the_deadline() {
    run(async {
        let trace = Trace::new();
        let inside = trace.on_drop("child dropped");
        let limited = timeout_scope(S, async |_| {
            TaskGroup::scope(async |group| {
                group.spawn(async move {
                    let _inside = inside;
                    pending::<()>().await;
                });
                pending::<()>().await;
            })
            .await
        });
        assert!(limited.await.is_err());
        yield_now().await;
        trace.expect(&["child dropped"]);
        // And a scope inside of a group's task expires for that task alone.
        let group = TaskGroup::new();
        let limited = group.spawn(timeout_scope(S, async |_| pending::<()>().await));
        let error = group.close().await.unwrap_err();
        assert_eq!(error.downcast_ref::<Elapsed>().unwrap().limit(), Some(S));
        assert!(limited.await.unwrap_err().is_failed());
    });
}

#[test]
fn what_is_done_after_an_inner_scope_expired_has_the_outers_time() {
    run(async {
        let outer = timeout_scope(3 * S, async |_| {
            let inner = timeout_scope(S, async |_| pending::<()>().await).await;
            let again = timeout_scope(S, async |_| pending::<()>().await).await;
            (inner.is_err(), again.is_err())
        });
        assert_eq!(outer.await, Ok((true, true)));
        let begun = Instant::now();
        let outer = timeout_scope(2 * S, async |_| {
            let inner = timeout_scope(S, async |_| pending::<()>().await).await;
            assert!(inner.is_err());
            timeout_scope(10 * S, async |_| pending::<()>().await).await
        });
        assert_eq!(outer.await.unwrap_err().limit(), Some(2 * S));
        assert_eq!(begun.elapsed(), 2 * S);
    });
}

#[test]
fn scopes_of_many_tasks_do_not_touch_each_other() {
    run(async {
        let begun = Instant::now();
        let tasks: Vec<_> = (1..=100)
            .map(|number| {
                spawn(async move {
                    let limit = S * number;
                    let scope = timeout_scope(limit, async |_| sleep(limit * (1 + number % 2)).await);
                    (scope.await.is_err(), begun.elapsed())
                })
            })
            .collect();
        for (number, task) in (1..).zip(tasks) {
            assert_eq!(task.await.unwrap(), (number % 2 == 1, S * number));
        }
    });
}

#[test]
fn records_show_the_deadline_and_what_the_body_waits_for() {
    run(async {
        let scope = timeout_scope(60 * S, async |_| CancelToken::new().named("gate").cancelled().await);
        let deadline = scope.deadline();
        let task = spawn(async move {
            let line = Location::caller().line() + 1;
            scope.await.unwrap_err();
            line
        });
        yield_now().await;
        let timers = || {
            let mut timers = Vec::new();
            for reader in loops() {
                reader.waits(&mut |wait| {
                    if wait.task == task.id().as_u64() {
                        let line = wait.at.and_then(|at| reader.place(at)).unwrap().line;
                        timers.push((wait.kind, wait.timer, wait.deadline, line));
                    }
                    ControlFlow::Continue(())
                });
            }
            timers.into_iter().filter(|(kind, ..)| *kind == WaitKind::Sleep).collect::<Vec<_>>()
        };
        let first = timers();
        let when = deadline.when();
        deadline.reschedule(None).unwrap();
        let second = timers();
        deadline.reschedule(when.map(|when| when + S)).unwrap();
        let third = timers();
        assert_eq!(records::waits().len(), 2, "the body's wait is not hidden");
        let line = task.await.unwrap();
        let timer = |deadline| (WaitKind::Sleep, Some(TimerKind::Timeout), deadline, line);
        assert_eq!(first, [timer(when)]);
        assert_eq!(second, [timer(None)]);
        assert_eq!(third, [timer(when.map(|when| when + S))]);
    });
}

#[test]
fn timers_fire_on_the_real_clock_too_and_never_early() {
    run_live(async {
        let begun = Instant::now();
        let scope = timeout_scope(600 * S, async |_| pending::<()>().await);
        let deadline = scope.deadline();
        let mover = spawn(async move {
            yield_now().await;
            deadline.reschedule(begun + 5 * MS).unwrap();
        });
        assert!(scope.await.is_err());
        assert!(begun.elapsed() >= 5 * MS);
        mover.await.unwrap();
        assert!(
            timeout(S, timeout_scope(Duration::ZERO, async |_| pending::<()>().await))
                .await
                .unwrap()
                .is_err()
        );
    });
}

#[test]
fn a_waiting_scope_whose_handle_is_polled_by_hand_is_not_confused() {
    run(async {
        let mut scope = waiting(timeout_scope(S, async |_| pending::<()>().await));
        assert!(poll(&mut scope).is_pending());
        sleep(2 * S).await;
        assert!(steps::done(&mut scope).is_err());
        assert!(poll(&mut scope).is_pending(), "it is over");
    });
}

thread_local! {
    static ON_WAKE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A waker that runs what stands in `ON_WAKE`.
struct RunsAtOnce;

impl Wake for RunsAtOnce {
    fn wake(self: Arc<Self>) {
        if let Some(action) = ON_WAKE.take() {
            action();
        }
    }
}

#[test]
fn a_waker_may_look_at_the_deadline_that_was_moved() {
    run(async {
        let trace = Trace::new();
        let mut scope = Box::pin(timeout_scope(S, |_| pending::<()>()));
        let waker = Waker::from(Arc::new(RunsAtOnce));
        assert!(scope.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let (deadline, now, seen) = (scope.deadline(), Instant::now(), trace.clone());
        let looks = deadline.clone();
        ON_WAKE.set(Some(Box::new(move || seen.push(format!("{}", looks.when() == Some(now))))));
        deadline.reschedule(now).unwrap();
        trace.expect(&["true"]);
        assert!(poll(&mut scope).is_ready());
    });
}
