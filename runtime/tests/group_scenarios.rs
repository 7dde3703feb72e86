//! Groups when several things go wrong at once: failures, cancellations and panics of tasks, bodies and groups in groups.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::Cell;
use std::fmt;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use loopscope::group::{GroupError, GroupHandle};
use loopscope::{TaskGroup, sleep, spawn, yield_now};
use records::{run, run_on};
use trace::{Defer, Trace, paused};

const S: Duration = Duration::from_secs(1);

/// Fails after a while.
async fn fails_after(seconds: u32, why: &'static str) -> Result<(), io::Error> {
    sleep(S * seconds).await;
    Err(io::Error::other(why))
}

/// Never ends, and says when it is dropped.
async fn forever(trace: Trace, name: &'static str) {
    let _dropped = trace.on_drop(name);
    pending::<()>().await;
}

/// Never ends, and panics when it is dropped.
async fn clumsy(text: &'static str) {
    let _clumsy = Defer(|| panic!("{text}"));
    pending::<()>().await;
}

/// The texts of what failed, without task numbers and places.
fn texts(error: &GroupError) -> Vec<String> {
    let text = |failure: &loopscope::group::ChildError| match failure.error() {
        Some(error) => match error.downcast_ref::<GroupError>() {
            Some(nested) => format!("{:?}", texts(nested)),
            None => error.to_string(),
        },
        None => format!("panic: {}", failure.panic_text().unwrap()),
    };
    error.failures().iter().map(text).collect()
}

#[test]
fn cancelling_the_task_of_a_scope_drops_its_body_and_its_tasks() {
    run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let task = spawn(async move {
            let scope = TaskGroup::scope(async |group| {
                for name in ["a", "b"] {
                    group.spawn(forever(inside.clone(), name));
                }
                forever(inside.clone(), "body").await;
            });
            scope.await.map_err(|error| error.to_string())
        });
        yield_now().await;
        yield_now().await;
        assert!(task.cancel().await.is_none());
        yield_now().await;
        trace.expect(&["body", "a", "b"]);
    });
}

#[test]
fn destructors_that_panic_when_nobody_waits_any_more_are_each_reported() {
    let trace = Trace::new();
    run_on(paused(&trace), async {
        let nested = spawn(async {
            let outer = TaskGroup::scope(async |outer| {
                outer.spawn(pending::<()>());
                let inner = TaskGroup::scope(async |inner| {
                    for name in ["one", "two"] {
                        inner.spawn_named(name, clumsy("cannot clean up"));
                    }
                    pending::<()>().await;
                });
                inner.await
            });
            drop(outer.await);
        });
        sleep(S).await;
        assert!(nested.cancel().await.is_none());
        sleep(S).await;
    });
    trace.expect(&["one: PanicInDrop(\"cannot clean up\")", "two: PanicInDrop(\"cannot clean up\")"]);
}

#[test]
fn a_body_that_fails_at_once_or_later_cancels_the_tasks() {
    for later in [false, true] {
        run(async {
            let trace = Trace::new();
            let scope = TaskGroup::scope(async |group: GroupHandle| {
                let task = group.spawn(forever(trace.clone(), "task"));
                if later {
                    sleep(S).await;
                }
                drop(task);
                Err::<(), _>("the body is at fault")
            });
            assert_eq!(texts(&scope.await.unwrap_err()), ["the body is at fault"]);
            // One that had no turn yet was never polled.
            trace.expect(if later { &["task"] } else { &[] });
        });
    }
}

#[test]
fn a_failure_in_the_outer_group_ends_the_inner_one_which_is_no_failure() {
    run(async {
        let trace = Trace::new();
        let scope = TaskGroup::scope(async |outer| {
            outer.spawn(fails_after(1, "outer"));
            let inner = TaskGroup::scope(async |inner| {
                inner.spawn(forever(trace.clone(), "inner task"));
                fails_after(10, "inner").await
            });
            inner.await
        });
        assert_eq!(texts(&scope.await.unwrap_err()), ["outer"]);
        yield_now().await;
        trace.expect(&["inner task"]);
    });
}

#[test]
fn a_failure_in_the_inner_group_is_one_of_the_outers_body() {
    run(async {
        let trace = Trace::new();
        let scope = TaskGroup::scope(async |outer| {
            outer.spawn(forever(trace.clone(), "outer task"));
            let inner = TaskGroup::scope(async |inner| {
                inner.spawn(fails_after(1, "inner"));
                pending::<()>().await;
            });
            inner.await
        });
        let error = scope.await.unwrap_err();
        assert_eq!(texts(&error), ["[\"inner\"]"]);
        assert!(error.failures()[0].is_body());
        trace.expect(&["outer task"]);
    });
}

#[test]
fn groups_in_groups_that_fail_in_the_same_turn_each_tell_their_own() {
    let trace = Trace::new();
    run_on(paused(&trace), async {
        let scope = TaskGroup::scope(async |outer| {
            let inner = TaskGroup::scope(async |inner| {
                inner.spawn(fails_after(1, "inner"));
                outer.spawn(fails_after(1, "outer"));
                pending::<()>().await;
            });
            trace.push(format!("{:?}", texts(&inner.await.unwrap_err())));
            yield_now().await;
            trace.push("not reached");
        });
        // The outer's failure drops its body before that hears of the inner's, which is reported then …
        assert_eq!(texts(&scope.await.unwrap_err()), ["outer"]);
        trace.expect(&["-: Error(\"Custom { kind: Other, error: \\\"inner\\\" }\")"]);
        // … unless the body had a turn in between.
        let scope = TaskGroup::scope(async |outer| {
            let inner = TaskGroup::scope(async |inner| {
                inner.spawn(fails_after(1, "inner"));
                pending::<()>().await;
            });
            let told = texts(&inner.await.unwrap_err());
            trace.push(format!("{told:?}"));
            outer.spawn(fails_after(0, "outer"));
            pending::<()>().await;
        });
        assert_eq!(texts(&scope.await.unwrap_err()), ["outer"]);
        trace.expect(&["[\"inner\"]"]);
    });
}

#[test]
fn a_task_that_is_cancelled_while_its_group_fails_ends_and_the_failure_is_reported() {
    let trace = Trace::new();
    run_on(paused(&trace), async {
        let task = spawn(async {
            let scope = TaskGroup::scope(async |group| {
                group.spawn_named("fails", fails_after(1, "lost"));
                pending::<()>().await;
            });
            drop(scope.await);
            unreachable!("it was cancelled before it heard of that");
        });
        yield_now().await;
        sleep(S).await; // the failure has happened, the task is woken and had no turn
        assert!(task.cancel().await.is_none());
    });
    trace.expect(&["fails: Error(\"Custom { kind: Other, error: \\\"lost\\\" }\")"]);
}

#[test]
fn a_body_whose_destructor_panics_takes_its_task_along_and_the_failure_is_reported() {
    let trace = Trace::new();
    run_on(paused(&trace), async {
        let task = spawn(async {
            let scope = TaskGroup::scope(async |group| {
                group.spawn_named("fails", fails_after(1, "no route"));
                clumsy("cannot clean up").await;
            });
            drop(scope.await);
        });
        let error = task.await.unwrap_err();
        assert!(error.to_string().ends_with("panicked: cannot clean up"), "{error}");
    });
    trace.expect(&["fails: Error(\"Custom { kind: Other, error: \\\"no route\\\" }\")"]);
}

#[test]
fn failures_of_tasks_the_body_and_destructors_are_told_together_panics_first() {
    run(async {
        let scope = TaskGroup::scope(async |group| {
            group.spawn(clumsy("a destructor"));
            group.spawn(async { Err::<(), _>("a task") });
            group.spawn(async {
                yield_now().await;
                panic!("another task")
            });
            yield_now().await;
            // Polled in the turn in which the task has failed, before the group drops it.
            Err::<(), _>("the body")
        });
        let error = scope.await.unwrap_err();
        assert!(error.is_panic());
        let told = texts(&error);
        assert_eq!(told[0], "panic: a destructor");
        assert!(told.contains(&"a task".to_owned()), "{told:?}");
    });
}

#[test]
fn tasks_that_spawn_two_more_each_end_when_one_fails() {
    async fn hydra(group: GroupHandle, heads: Rc<Cell<usize>>) {
        heads.set(heads.get() + 1);
        sleep(S).await;
        for _ in 0..2 {
            group.spawn(Box::pin(hydra(group.clone(), Rc::clone(&heads)))
                as std::pin::Pin<Box<dyn Future<Output = ()>>>);
        }
    }
    run(async {
        let (group, heads) = (TaskGroup::new(), Rc::new(Cell::new(0)));
        group.spawn(hydra(group.handle(), Rc::clone(&heads)));
        let seen = Rc::clone(&heads);
        group.spawn(async move {
            while seen.get() < 100 {
                sleep(S).await;
            }
            Err::<(), _>("enough")
        });
        let handle = group.handle();
        assert_eq!(texts(&group.close().await.unwrap_err()), ["enough"]);
        assert!(heads.get() >= 100 && handle.is_empty());
    });
}

#[test]
fn whoever_is_cancelled_by_a_failure_spawns_no_more() {
    run(async {
        let trace = Trace::new();
        let group = TaskGroup::new();
        let (handle, inside) = (group.handle(), trace.clone());
        group.spawn(async move {
            let _spawns = Defer(|| {
                assert!(handle.is_closed());
                inside.push("tries");
                drop(handle.spawn(async { unreachable!("the group is shutting down") }));
            });
            pending::<()>().await;
        });
        group.spawn(fails_after(1, "failed"));
        assert_eq!(texts(&group.close().await.unwrap_err()), ["failed"]);
        trace.expect(&["tries"]);
    });
}

#[test]
fn a_group_may_be_cancelled_before_during_and_after_everything() {
    run(async {
        let trace = Trace::new();
        // Before anything is spawned: what is spawned then is never polled.
        let group = TaskGroup::new();
        group.cancel();
        let early = group.spawn(async { unreachable!("the group is cancelled") });
        group.close().await.unwrap();
        assert!(early.await.err().unwrap().is_cancelled());
        // While it is awaited, by one of its own tasks; that one ends at its next await too.
        let group = TaskGroup::new();
        let handle = group.handle();
        group.spawn(forever(trace.clone(), "sibling"));
        let inside = trace.on_drop("itself");
        group.spawn(async move {
            let _inside = inside;
            handle.cancel();
            handle.cancel();
            pending::<()>().await;
        });
        let handle = group.handle();
        group.close().await.unwrap();
        trace.expect(&["itself", "sibling"]);
        // Afterwards nothing is left to be cancelled.
        handle.cancel();
        assert!(handle.is_closed() && handle.is_empty());
        // A scope that is cancelled before its first poll does not run its body.
        let scope = TaskGroup::scope(|group| {
            group.cancel();
            async { unreachable!("the group is cancelled") }
        });
        assert!(scope.await.err().unwrap().is_cancelled());
    });
}

#[derive(Debug)]
struct CannotLoad(GroupError);

impl fmt::Display for CannotLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot load the page")
    }
}

impl std::error::Error for CannotLoad {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect")
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&std::fmt::Error)
    }
}

/// The text without numbers of tasks and without places.
fn without_numbers(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']).map(|word| match word.chars().next() {
        Some('#') => "#N ".to_owned(),
        _ if word.contains(file!()) => format!("HERE){}", &word[word.find(')').unwrap() + 1..]),
        _ => word.to_owned(),
    });
    words.collect()
}

#[test]
fn an_error_is_shown_in_lines_with_every_source_and_nested_groups_indented() {
    run(async {
        let group = TaskGroup::new();
        group.spawn_named("page", async {
            let inner = TaskGroup::scope(async |inner| {
                inner.spawn_named("connect", async {
                    yield_now().await;
                    Err::<(), _>(Refused)
                });
                inner.spawn(clumsy("no such pixel"));
                pending::<()>().await;
            });
            inner.await.map_err(CannotLoad)
        });
        group.spawn_named("images", clumsy("too large"));
        let error = group.close().await.unwrap_err();
        let lines = without_numbers(&format!("{error:#}"));
        let expected = "\
2 failures in a task group:
  task #N \"images\" (spawned at HERE) panicked while it was cancelled: too large
  task #N \"page\" (spawned at HERE) failed: cannot load the page
    caused by: 2 failures in a task group:
      task #N (spawned at HERE) panicked while it was cancelled: no such pixel
      task #N \"connect\" (spawned at HERE) failed: cannot connect
        caused by: an error occurred when formatting an argument";
        assert_eq!(lines, expected);
        let line = without_numbers(&error.to_string());
        assert!(
            !line.contains('\n') && line.contains("cannot load the page: 2 failures in a task group: "),
            "{line}"
        );
    });
}
