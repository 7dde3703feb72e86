//! Task groups: asyncio's rules, and nobody outlives the group.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use loopscope::group::GroupError;
use loopscope::runner::{Unhandled, UnhandledKind};
use loopscope::telemetry::{ResourceKind, TaskState, WaitKind, loops};
use loopscope::{TaskGroup, sleep, spawn, timeout, yield_now};
use records::{here, resource, resources, run, waits};

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

/// Runs a test and gives what was reported as unhandled.
fn run_with_hook<F: Future>(future: F) -> Vec<String> {
    let reported = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&reported);
    let hook = move |unhandled: &Unhandled| {
        let kind = match &unhandled.kind {
            UnhandledKind::Panic(text) => format!("panic {text}"),
            UnhandledKind::Error(text) => format!("error {text}"),
            other => format!("{other:?}"),
        };
        sink.borrow_mut().push(format!("{}: {kind}", unhandled.name.as_deref().unwrap_or("?")));
    };
    let mut runner = loopscope::Runner::builder().paused(true).on_unhandled(hook).build().unwrap();
    runner.block_on(future).unwrap();
    drop(runner);
    reported.take()
}

#[test]
fn close_waits_for_every_task_and_the_handles_give_the_values() {
    run(async {
        let group = TaskGroup::new();
        let slow = group.spawn(async {
            sleep(Duration::from_secs(2)).await;
            Ok::<_, io::Error>("slow")
        });
        let fast = group.spawn(async { Ok::<_, io::Error>("fast") });
        group.spawn(sleep(Duration::from_secs(1)));
        assert_eq!(group.len(), 3);
        group.close().await.unwrap();
        assert_eq!((slow.await.unwrap(), fast.await.unwrap()), ("slow", "fast"));
    });
}

#[test]
fn an_empty_group_closes_at_once() {
    run(async {
        let group = TaskGroup::named("nobody");
        assert!(group.is_empty() && !group.is_shutting_down());
        assert_eq!(
            format!("{group:?}"),
            "TaskGroup(Group { name: \"nobody\", tasks: 0, errors: 0, shutting_down: false, .. })"
        );
        group.close().await.unwrap();
    });
}

#[test]
fn the_first_failure_cancels_the_others_and_close_tells_all_of_it() {
    run(async {
        let trace = Trace::default();
        let group = TaskGroup::new();
        group.spawn(forever("a", Rc::clone(&trace)));
        let failing = group.spawn_named("disk", async {
            yield_now().await;
            Err::<(), _>(io::Error::other("the disk is full"))
        });
        let (line, id) = (here() - 4, failing.id());
        group.spawn(forever("b", Rc::clone(&trace)));
        let error = group.close().await.unwrap_err();
        assert_eq!(*trace.borrow(), ["a", "b"], "they are gone when close() is done");
        let expected = format!(
            "1 failure in a task group: task {id} \"disk\" (spawned at {}:{line}:29) failed: the disk is full",
            file!()
        );
        assert_eq!(error.to_string(), expected);
        let failure = &error.failures()[0];
        assert_eq!((failure.task(), failure.name(), failure.is_panic()), (Some(id), Some("disk"), false));
        assert_eq!(failure.spawned_at().unwrap().line, line);
        assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::Other);
        let joined = failing.await.unwrap_err();
        assert!(joined.is_failed() && !joined.is_cancelled());
        assert_eq!(joined.to_string(), format!("task {id} failed; its error is its group's"));
    });
}

#[test]
fn every_failure_is_told_and_panics_prevail_over_errors() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("cannot clean up");
        }
    }
    run(async {
        let group = TaskGroup::new();
        for name in ["a", "b"] {
            group.spawn_named(name, async {
                let _guard = PanicsInDrop;
                pending::<()>().await;
            });
        }
        group.spawn_named("error", async { Err::<(), _>(io::Error::other("no route")) });
        let error = group.close().await.unwrap_err();
        let told: Vec<_> = error
            .failures()
            .iter()
            .map(|failure| (failure.name().unwrap(), failure.is_panic(), failure.panic_text()))
            .collect();
        let panic = Some("cannot clean up");
        assert_eq!(told, [("a", true, panic), ("b", true, panic), ("error", false, None)]);
        assert!(error.is_panic() && !error.is_cancelled());
        let text = error.to_string();
        assert!(text.starts_with("3 failures in a task group: task #"), "{text}");
        assert_eq!(text.matches("; task #").count(), 2);
        assert_eq!(text.matches("panicked while it was cancelled: cannot clean up").count(), 2);
        let errors = error.into_failures().into_iter().filter_map(|failure| failure.try_into_error().ok());
        assert_eq!(errors.map(|error| error.to_string()).collect::<Vec<_>>(), ["no route"]);
    });
}

#[test]
fn the_sources_of_an_error_are_shown() {
    run(async {
        let group = TaskGroup::new();
        group.spawn(async { Err::<(), _>(Outer(io::Error::other("refused"))) });
        let text = group.close().await.unwrap_err().to_string();
        assert!(text.ends_with("failed: cannot load the page: refused"), "{text}");
    });
}

#[derive(Debug)]
struct Outer(io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot load the page")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_cancelled_child_is_no_failure() {
    run(async {
        let group = TaskGroup::new();
        let cancelled = group.spawn(pending::<()>());
        let other = group.spawn(sleep(Duration::from_secs(1)));
        yield_now().await;
        assert_eq!(cancelled.cancel().await, None);
        assert!(!other.is_finished());
        group.close().await.unwrap();
        assert_eq!(other.cancel().await, Some(()));
    });
}

#[test]
fn cancelling_a_group_is_no_error_and_takes_no_more_tasks() {
    run(async {
        let trace = Trace::default();
        let group = TaskGroup::new();
        let task = group.spawn(forever("a", Rc::clone(&trace)));
        yield_now().await;
        group.cancel();
        group.cancel();
        assert!(group.is_shutting_down());
        assert!(trace.borrow().is_empty(), "it is dropped at its turn, not inside of cancel()");
        let late = group.spawn(forever("never polled", Rc::clone(&trace)));
        group.close().await.unwrap();
        assert_eq!(*trace.borrow(), ["a"]);
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(late.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn tasks_may_spawn_into_their_group_while_it_is_awaited() {
    run(async {
        let trace = Trace::default();
        let group = TaskGroup::new();
        let (handle, lines) = (group.handle(), Rc::clone(&trace));
        group.spawn(async move {
            sleep(Duration::from_secs(1)).await;
            lines.borrow_mut().push("first");
            let inside = Rc::clone(&lines);
            handle.spawn(async move {
                sleep(Duration::from_secs(1)).await;
                inside.borrow_mut().push("second");
            });
        });
        let handle = group.handle();
        group.close().await.unwrap();
        assert_eq!(*trace.borrow(), ["first", "second"]);
        assert!(handle.is_closed());
        let late = handle.spawn(async { unreachable!("the group is finished") });
        assert!(late.await.err().unwrap().is_cancelled());
    });
}

#[test]
fn a_group_that_is_dropped_cancels_its_tasks() {
    run(async {
        let trace = Trace::default();
        let group = TaskGroup::new();
        let handle = group.handle();
        group.spawn(forever("a", Rc::clone(&trace)));
        yield_now().await;
        drop(group);
        assert!(trace.borrow().is_empty(), "marked, not dropped here");
        assert_eq!(handle.len(), 1);
        yield_now().await;
        assert_eq!(*trace.borrow(), ["a"]);
        assert!(handle.is_empty() && handle.is_closed());
    });
}

#[test]
fn a_close_that_is_dropped_cancels_the_tasks() {
    run(async {
        let trace = Trace::default();
        let group = TaskGroup::new();
        group.spawn(forever("a", Rc::clone(&trace)));
        assert!(timeout(Duration::from_secs(1), group.close()).await.is_err());
        yield_now().await;
        assert_eq!(*trace.borrow(), ["a"]);
    });
}

#[test]
fn what_failed_when_nobody_asks_is_reported() {
    let reported = run_with_hook(async {
        let group = TaskGroup::new();
        group.spawn_named("told late", async { Err::<(), _>("lost") });
        let closing = timeout(Duration::from_secs(1), async {
            yield_now().await;
            yield_now().await;
            pending::<()>().await;
            group.close().await
        });
        assert!(closing.await.is_err());
        let group = TaskGroup::new();
        group.spawn_named("panics", async { panic!("oh no") });
        yield_now().await;
        drop(group);
    });
    assert_eq!(reported, ["told late: error \"lost\"", "panics: panic oh no"]);
}

#[test]
fn a_task_that_drops_its_own_group_and_then_fails_is_reported() {
    let reported = run_with_hook(async {
        let slot = Rc::new(RefCell::new(None));
        let group = TaskGroup::new();
        let inside = Rc::clone(&slot);
        group.spawn_named("error", async move {
            drop(inside.take());
            Err::<(), _>("nobody hears")
        });
        *slot.borrow_mut() = Some(group);
        yield_now().await;
        let group = TaskGroup::new();
        let inside = Rc::clone(&slot);
        group.spawn_named("panic", async move {
            drop(inside.take());
            panic!("nobody hears");
        });
        *slot.borrow_mut() = Some(group);
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(reported, ["error: error \"nobody hears\"", "panic: panic nobody hears"]);
}

#[test]
fn a_task_that_loops_for_ever_needs_no_type() {
    run(async {
        let group = TaskGroup::new();
        let endless = group.spawn(async {
            loop {
                yield_now().await;
            }
        });
        yield_now().await;
        group.cancel();
        group.close().await.unwrap();
        assert!(endless.await.err().unwrap().is_cancelled());
    });
}

#[test]
fn a_hundred_thousand_nested_groups_are_dropped_without_a_deep_stack() {
    const DEPTH: usize = 100_000;

    fn nest(depth: usize, dropped: Rc<Cell<usize>>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            let _count = Counted(Rc::clone(&dropped));
            let group = TaskGroup::new();
            if depth > 0 {
                group.spawn(nest(depth - 1, dropped));
            }
            group.spawn(pending::<()>());
            group.close().await.unwrap();
        })
    }

    struct Counted(Rc<Cell<usize>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    let dropped = Rc::new(Cell::new(0));
    let count = Rc::clone(&dropped);
    run(async move {
        let task = spawn(nest(DEPTH, count));
        sleep(Duration::from_secs(1)).await;
        task.cancel().await;
        // Each level is dropped one turn after the one above.
        sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(dropped.get(), DEPTH + 1);
}

#[test]
fn a_group_that_lives_long_forgets_the_tasks_that_are_over() {
    run(async {
        let group = TaskGroup::new();
        for _ in 0..10_000 {
            group.spawn(async {});
            yield_now().await;
        }
        yield_now().await;
        assert_eq!(group.len(), 0);
        group.close().await.unwrap();
    });
}

#[test]
#[should_panic(expected = "making a task group outside of an event loop")]
fn a_group_needs_a_loop() {
    drop(TaskGroup::new());
}

#[test]
fn a_group_stays_on_its_loop_and_may_outlive_it() {
    let group = loopscope::run(async { TaskGroup::new() });
    let handle = group.handle();
    let error = loopscope::run(async move {
        spawn(async move { drop(handle.spawn(async {})) }).await.unwrap_err().to_string()
    });
    assert!(error.contains("on another event loop than the one it was made on"), "{error}");
    drop(group);
}

#[test]
fn records_show_the_group_while_it_is_awaited_and_its_tasks_below_their_maker() {
    run(async {
        let maker = spawn(async {
            let group = TaskGroup::named("pages");
            let made_line = here() - 1;
            let handle = group.handle();
            let first = group.spawn(async {
                sleep(Duration::from_secs(1)).await;
                Ok::<_, io::Error>(())
            });
            let other = spawn(async move { handle.spawn(sleep(Duration::from_secs(2))).id() });
            assert_eq!(resources(), []);
            let close_line = here() + 1;
            group.close().await.unwrap();
            (made_line, close_line, first.id(), other.await.unwrap())
        });
        yield_now().await;
        yield_now().await;
        let (record, wait) = (resource(), waits());
        let view = (record.kind, record.name.as_deref(), record.made_by, record.len, record.limit);
        let id = maker.id().as_u64();
        assert_eq!(view, (ResourceKind::Group, Some("pages"), Some(id), Some(2), None));
        sleep(Duration::from_millis(1500)).await;
        assert_eq!((resource().id, resource().len), (record.id, Some(1)));
        let (made_line, close_line, first, second) = maker.await.unwrap();
        assert_eq!(record.made_at, made_line);
        let waiting = records::Waiting {
            task: id,
            kind: WaitKind::Group,
            resource: Some(record.id),
            at: close_line,
            made_at: close_line,
        };
        assert_eq!(wait.iter().find(|wait| wait.kind == WaitKind::Group), Some(&waiting));
        for child in [first, second] {
            let view = loops().iter().find_map(|reader| reader.task(child.as_u64())).unwrap();
            assert_eq!((view.parent, view.state), (Some(id), TaskState::Completed));
        }
        assert_eq!(resources(), []);
    });
}

#[test]
fn a_child_that_panicked_is_shown_as_such() {
    run(async {
        let group = TaskGroup::new();
        let child = group.spawn(async { panic!("oh no") });
        assert!(group.close().await.unwrap_err().is_panic());
        let view = loops().iter().find_map(|reader| reader.task(child.id().as_u64())).unwrap();
        assert_eq!(view.state, TaskState::Panicked);
        let error = child.await.err().unwrap();
        assert_eq!(*error.try_into_panic().unwrap().downcast::<&str>().unwrap(), "oh no");
    });
}

#[test]
fn a_join_error_and_a_group_error_may_cross_threads() {
    fn assert_error<E: std::error::Error + Send + Sync + 'static>() {}
    assert_error::<GroupError>();
    assert_error::<loopscope::JoinError>();
}
