//! Task-locals: who sees which value, and when it goes.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::async_yields_async, reason = "a handle is taken out of a scope")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::Cell;
use std::convert::Infallible as Failure;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::time::Duration;

use loopscope::{
    Runner, TaskGroup, call_later, call_soon, join, sleep, spawn, spawn_blocking, task_local, to_thread,
    yield_now,
};
use trace::{OnDrop, Trace, panic_of};

const MS: Duration = Duration::from_millis(1);

task_local! {
    /// Goes to other threads.
    static REQUEST: String;
    static USER: u32;
    /// Stays on its thread.
    static COUNT: Rc<Cell<u32>>;
    static GUARD: Rc<OnDrop>
}

fn request() -> Option<String> {
    REQUEST.try_with(Clone::clone).ok()
}

#[test]
fn a_scope_holds_for_its_future_alone_and_may_be_nested() {
    records::run_on(loopscope::Runner::builder(), async {
        assert_eq!(request(), None);
        let inner = REQUEST.scope("inner".into(), async {
            yield_now().await;
            (REQUEST.get(), USER.get())
        });
        let outer = USER.scope(
            7,
            REQUEST.scope("outer".into(), async {
                let before = REQUEST.get();
                let inner = inner.await;
                (before, inner, REQUEST.get())
            }),
        );
        let other = async {
            yield_now().await;
            request()
        };
        let (outer, other) = join!(outer, other);
        assert_eq!(outer, ("outer".into(), ("inner".into(), 7), "outer".into()));
        assert_eq!(other, None, "a sibling under `join!` sees nothing of it");
        assert_eq!(request(), None);
    });
}

#[test]
fn a_task_sees_what_its_parent_saw_when_it_was_spawned() {
    records::run_on(loopscope::Runner::builder(), async {
        let grandchild = REQUEST.scope("first".into(), async {
            spawn(async {
                yield_now().await;
                spawn(async {
                    yield_now().await;
                    request()
                })
            })
        });
        let child = grandchild.await;
        // The scope is over; the value is the tasks' own.
        assert_eq!(request(), None);
        assert_eq!(child.await.unwrap().await.unwrap().as_deref(), Some("first"));
        assert_eq!(spawn(async { request() }).await.unwrap(), None);
    });
}

#[test]
fn the_tasks_of_a_group_inherit_too() {
    records::run_on(
        loopscope::Runner::builder(),
        USER.scope(3, async {
            let group = TaskGroup::new();
            let child = group.spawn(async { Ok::<_, Failure>(USER.get()) });
            assert_eq!(child.await.unwrap(), 3);
            group.close().await.unwrap();
        }),
    );
}

#[test]
fn callbacks_run_with_what_their_maker_saw() {
    let trace = Trace::new();
    Runner::builder()
        .paused(true)
        .build()
        .unwrap()
        .block_on(async {
            let say = |what: &'static str| {
                let trace = trace.clone();
                move || trace.push(format!("{what} {:?}", request()))
            };
            REQUEST.sync_scope("a".into(), || {
                call_soon(say("soon"));
                call_later(MS, say("later"));
            });
            call_soon(say("without"));
            sleep(2 * MS).await;
        })
        .unwrap();
    trace.expect(&["soon Some(\"a\")", "without None", "later Some(\"a\")"]);
}

#[test]
fn to_thread_takes_what_may_go_there_and_spawn_blocking_nothing() {
    records::run_on(
        loopscope::Runner::builder(),
        REQUEST.scope(
            "a".into(),
            COUNT.scope(Rc::default(), async {
                let there = to_thread(|| (request(), COUNT.try_with(|_| ()).is_ok())).await;
                assert_eq!(there, (Some("a".into()), false));
                assert_eq!(spawn_blocking(request).await.unwrap(), None);
                // The thread keeps nothing of it for the next job.
                assert!(!to_thread(|| USER.try_with(|_| ()).is_ok()).await);
                COUNT.with(|count| count.set(1));
                assert_eq!(spawn(async { COUNT.get().get() }).await.unwrap(), 1);
            }),
        ),
    );
}

#[test]
fn a_value_is_read_while_it_is_being_read() {
    REQUEST.sync_scope("a".into(), || {
        let lengths = REQUEST.with(|outer| {
            let inner = REQUEST.sync_scope("bb".into(), || REQUEST.with(String::len));
            (outer.len(), inner, REQUEST.with(String::len))
        });
        assert_eq!(lengths, (1, 2, 1));
    });
}

#[test]
fn without_a_value_it_says_so() {
    assert_eq!(
        panic_of(|| REQUEST.get()),
        "the task-local has no value here: run this inside of its `scope`"
    );
    assert_eq!(USER.try_with(|_| ()).unwrap_err().to_string(), "the task-local has no value here");
}

#[test]
fn a_panic_leaves_the_outer_values_in_place() {
    USER.sync_scope(1, || {
        assert_eq!(panic_of(|| USER.sync_scope(2, || panic!("in {}", USER.get()))), "in 2");
        assert_eq!(USER.get(), 1);
    });
}

struct SaysRequest(Trace);

impl Drop for SaysRequest {
    fn drop(&mut self) {
        self.0.push(format!("dropped in {:?}", request()));
    }
}

#[test]
fn a_future_is_dropped_in_its_scope_and_the_value_after_it() {
    let trace = Trace::new();
    records::run_on(loopscope::Runner::builder(), async {
        let value = Rc::new(trace.on_drop("value"));
        let (says, called) = (SaysRequest(trace.clone()), SaysRequest(trace.clone()));
        let scope = GUARD.scope(
            value,
            REQUEST.scope("a".into(), async move {
                call_later(Duration::from_secs(60), move || drop(called)).cancel();
                let _says = says;
                std::future::pending::<()>().await;
            }),
        );
        let task = spawn(scope);
        yield_now().await;
        task.cancel().await;
        yield_now().await;
        trace.push("both gone");
        // A scope that was never polled is dropped in it as well.
        let says = SaysRequest(trace.clone());
        drop(REQUEST.scope("b".into(), async move { drop(says) }));
    });
    trace.expect(&[
        "dropped in Some(\"a\")",
        "dropped in Some(\"a\")",
        "value",
        "both gone",
        "dropped in Some(\"b\")",
    ]);
}

#[test]
fn a_loop_run_inside_of_a_scope_gives_it_to_its_main_task_alone() {
    let mut runner = Runner::builder().build().unwrap();
    let (tell, told) = channel();
    let task = runner
        .block_on(async move {
            spawn(async move {
                yield_now().await;
                yield_now().await;
                tell.send(request()).unwrap();
            })
        })
        .unwrap();
    let main = REQUEST.sync_scope("main".into(), || {
        runner
            .block_on(async {
                task.await.unwrap();
                (request(), spawn(async { request() }).await.unwrap())
            })
            .unwrap()
    });
    assert_eq!(told.recv().unwrap(), None, "it was spawned outside of the scope");
    assert_eq!(main, (Some("main".into()), Some("main".into())));
}
