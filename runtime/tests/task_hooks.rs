//! Hooks that are told of tasks.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::pending;

use loopscope::task::{Builder, SpawnedTask, TaskEnd, TaskHooks, gather, spawn_eager};
use loopscope::{Handle, Runner, TaskGroup, TaskId, current, spawn, yield_now};
use trace::{Trace, paused};

loopscope::task_local! {
    static REQUEST: u32;
}

/// Writes everything into a trace, by name.
struct Log {
    trace: Trace,
    names: RefCell<HashMap<TaskId, String>>,
}

impl Log {
    fn new(trace: &Trace) -> Self {
        Self { trace: trace.clone(), names: RefCell::default() }
    }

    fn say(&self, what: &str, task: TaskId) {
        self.trace.push(format!("{what} {}", self.names.borrow()[&task]));
    }
}

impl TaskHooks for Log {
    fn on_spawn(&self, task: &SpawnedTask<'_>) {
        assert_eq!(task.by, current());
        assert!(task.spawned_at.file().ends_with("task_hooks.rs"));
        self.names.borrow_mut().insert(task.id, task.name.unwrap_or("nameless").to_owned());
        self.say("spawned", task.id);
    }

    fn on_poll(&self, task: TaskId) {
        assert_eq!(current(), Some(task));
        self.say("poll of", task);
    }

    fn on_polled(&self, task: TaskId) {
        self.say("polled", task);
    }

    fn on_done(&self, task: TaskId, end: TaskEnd) {
        self.say(&format!("{end:?}"), task);
    }
}

#[test]
fn hooks_are_told_of_every_step_of_a_task() {
    let trace = Trace::new();
    records::run_on(paused(&trace).task_hooks(Log::new(&trace)), async {
        let guard = trace.on_drop("dropped");
        let task = Builder::new().name("a").spawn(async move {
            let _guard = guard;
            yield_now().await;
            7
        });
        assert_eq!(task.await.unwrap(), 7);
    });
    trace.expect(&["spawned a", "poll of a", "polled a", "poll of a", "dropped", "polled a", "Completed a"]);
}

#[test]
fn they_are_told_how_it_ended() {
    let trace = Trace::new();
    records::run_on(paused(&trace).task_hooks(Log::new(&trace)), async {
        let named = |name| Builder::new().name(name);
        named("never polled").spawn(pending::<()>()).cancel().await;
        let waits = named("waits").spawn(pending::<()>());
        yield_now().await;
        waits.cancel().await;
        drop(named("panics").spawn(async { panic!("oh no") }).await);
        named("at once").eager().spawn(async {}).await.unwrap();
    });
    trace.expect(&[
        "spawned never polled",
        "Cancelled never polled",
        "spawned waits",
        "poll of waits",
        "polled waits",
        "Cancelled waits",
        "spawned panics",
        "poll of panics",
        "polled panics",
        "Panicked panics",
        "spawned at once",
        "poll of at once",
        "polled at once",
        "Completed at once",
    ]);
}

/// Counts what is spawned.
struct Count(Trace);

impl TaskHooks for Count {
    fn on_spawn(&self, task: &SpawnedTask<'_>) {
        self.0.push(task.name.unwrap_or("-"));
    }
}

#[test]
fn whatever_spawns_is_told_of_and_task_locals_go_along() {
    let trace = Trace::new();
    records::run_on(
        paused(&trace).task_hooks(Count(trace.clone())),
        REQUEST.scope(5, async {
            assert_eq!(spawn(async { REQUEST.get() }).await.unwrap(), 5);
            assert_eq!(spawn_eager(async { REQUEST.get() }).await.unwrap(), 5);
            let group = TaskGroup::new();
            group.spawn_named("of a group", async { assert_eq!(REQUEST.get(), 5) });
            group.spawn_eager(async { assert_eq!(REQUEST.get(), 5) });
            group.close().await.unwrap();
            Handle::current().run(|| async {}).unwrap().await.unwrap();
            gather([async { Ok::<_, String>(()) }]).await.unwrap();
            // Callbacks are none.
            loopscope::call_soon(|| {});
            yield_now().await;
            yield_now().await;
        }),
    );
    trace.expect(&["-", "-", "of a group", "-", "-", "-"]);
}

/// Panics whenever it is told anything.
struct Broken;

impl TaskHooks for Broken {
    fn on_spawn(&self, _: &SpawnedTask<'_>) {
        panic!("on_spawn");
    }
    fn on_poll(&self, _: TaskId) {
        panic!("on_poll");
    }
    fn on_polled(&self, _: TaskId) {
        panic!("on_polled");
    }
    fn on_done(&self, _: TaskId, _: TaskEnd) {
        panic!("on_done");
    }
}

#[test]
fn a_hook_that_panics_is_reported_and_the_task_goes_on() {
    let trace = Trace::new();
    records::run_on(paused(&trace).task_hooks(Broken), async {
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
    });
    trace.expect(&[
        "-: PanicInHook(\"on_spawn\")",
        "-: PanicInHook(\"on_poll\")",
        "-: PanicInHook(\"on_polled\")",
        "-: PanicInHook(\"on_done\")",
    ]);
}

#[test]
fn each_loop_has_its_own_hooks() {
    let trace = Trace::new();
    let mut hooked = Runner::builder().task_hooks(Count(trace.clone())).build().unwrap();
    let mut plain = Runner::builder().build().unwrap();
    let named = |name: &'static str| async move { Builder::new().name(name).spawn(async {}).await.unwrap() };
    hooked.block_on(named("one")).unwrap();
    plain.block_on(named("two")).unwrap();
    hooked
        .block_on(async {
            named("three").await;
            // A runner that is closed inside of another loop does not take its hooks along.
            drop(plain);
            named("four").await;
        })
        .unwrap();
    drop(hooked);
    records::run(named("five"));
    trace.expect(&["one", "three", "four"]);
}
