//! Scopes: a body and its tasks, which end together.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use loopscope::{TaskGroup, sleep, timeout, yield_now};
use records::run;

type Trace = Rc<RefCell<Vec<&'static str>>>;

/// Says when it is dropped.
struct Dropped(&'static str, Trace);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// Waits for ever, and says when it is dropped.
async fn forever(name: &'static str, trace: Trace) {
    let _dropped = Dropped(name, trace);
    pending::<()>().await;
}

#[test]
fn the_error_of_a_group_may_be_an_error_in_the_next() {
    run(async {
        let group = TaskGroup::new();
        group.spawn_named("outer", async {
            TaskGroup::scope(async |inner| {
                inner.spawn_named("inner", async { Err::<(), _>(io::Error::other("no route")) });
                pending::<()>().await;
            })
            .await
        });
        let text = group.close().await.unwrap_err().to_string();
        let parts = [
            "1 failure in a task group: task #",
            " \"outer\" (spawned at ",
            " failed: 1 failure in a task group: task #",
            " \"inner\" (spawned at ",
            " failed: no route",
        ];
        let mut rest = text.as_str();
        for part in parts {
            rest = &rest[rest.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}")) + part.len()..];
        }
        assert_eq!(rest, "");
    });
}

#[test]
fn a_scope_gives_the_value_of_its_body_when_the_tasks_are_over() {
    run(async {
        let trace = Trace::default();
        let lines = Rc::clone(&trace);
        let value = TaskGroup::scope(async |group| {
            let inside = Rc::clone(&lines);
            group.spawn(async move {
                sleep(Duration::from_secs(1)).await;
                inside.borrow_mut().push("task");
            });
            lines.borrow_mut().push("body");
            Ok::<_, io::Error>(7)
        })
        .await;
        assert_eq!(value.unwrap(), 7);
        assert_eq!(*trace.borrow(), ["body", "task"]);
    });
}

#[test]
fn a_failing_child_drops_the_body_of_its_scope() {
    run(async {
        let trace = Trace::default();
        let error = TaskGroup::scope(async |group| {
            let _body = Dropped("body", Rc::clone(&trace));
            group.spawn(forever("sibling", Rc::clone(&trace)));
            group.spawn(async {
                yield_now().await;
                Err::<(), _>("failed")
            });
            pending::<()>().await;
        })
        .await
        .unwrap_err();
        assert_eq!(*trace.borrow(), ["sibling", "body"]);
        assert_eq!(error.failures().len(), 1);
    });
}

#[test]
fn a_failing_body_cancels_the_tasks_and_is_told() {
    run(async {
        let trace = Trace::default();
        let error = TaskGroup::scope(async |group| {
            group.spawn(forever("task", Rc::clone(&trace)));
            yield_now().await;
            Err::<(), _>("the body is at fault")
        })
        .await
        .unwrap_err();
        assert_eq!(*trace.borrow(), ["task"]);
        let expected = "1 failure in a task group: the body failed: the body is at fault";
        assert_eq!(error.to_string(), expected);
        let failure = &error.failures()[0];
        assert!(failure.is_body());
        assert_eq!(failure.task(), loopscope::current());
    });
}

#[test]
fn a_scope_that_is_cancelled_by_its_body_says_so() {
    run(async {
        let error = TaskGroup::scope(async |group| {
            group.spawn(pending::<()>());
            group.cancel();
            pending::<()>().await;
        })
        .await
        .unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.to_string(), "the task group was cancelled");
        let value = TaskGroup::scope(async |group| {
            group.spawn(pending::<()>());
            group.cancel();
            Ok::<_, io::Error>(7)
        });
        assert_eq!(value.await.unwrap(), 7, "a body that returned has its value");
    });
}

#[test]
fn a_scope_that_is_dropped_drops_its_body_and_cancels_its_tasks() {
    run(async {
        let trace = Trace::default();
        let scope = TaskGroup::scope(async |group| {
            let _body = Dropped("body", Rc::clone(&trace));
            group.spawn(forever("task", Rc::clone(&trace)));
            pending::<()>().await;
        });
        assert!(timeout(Duration::from_secs(1), scope).await.is_err());
        assert_eq!(*trace.borrow(), ["body"]);
        yield_now().await;
        assert_eq!(*trace.borrow(), ["body", "task"]);
    });
}
