//! Tasks that are polled once inside of the call that spawns them.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use loopscope::sync::{Queue, oneshot};
use loopscope::task::{Builder, spawn_eager};
use loopscope::telemetry::{TaskState, TaskView};
use loopscope::time::Instant;
use loopscope::{Handle, Task, TaskGroup, TaskId, all_tasks, current, sleep, spawn, yield_now};
use trace::{Defer, Trace, panic_of, paused};

loopscope::task_local! {
    static REQUEST: u32;
}

fn unreachable(why: &'static str) -> impl Future<Output = ()> {
    poll_fn(move |_| panic!("{why}"))
}

fn view(task: TaskId) -> TaskView {
    Handle::current().reader().task(task.as_u64()).unwrap()
}

#[test]
fn one_that_need_not_wait_is_over_when_the_call_returns() {
    records::run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let task = spawn_eager(async move {
            inside.push("the task");
            7
        });
        trace.push("its maker");
        trace.expect(&["the task", "its maker"]);
        assert!(task.is_finished());
        assert_eq!(all_tasks(), [current().unwrap()]);
        let record = view(task.id());
        assert_eq!((record.state, record.polls, record.wakes), (TaskState::Completed, 1, 0));
        assert_eq!(record.parent, current().map(TaskId::as_u64));
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn one_that_waits_goes_on_like_any_other() {
    records::run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let task = spawn_eager(async move {
            inside.push("begun");
            sleep(Duration::from_secs(1)).await;
            inside.push("gone on");
            yield_now().await;
            "over"
        });
        trace.push("spawned");
        assert!(!task.is_finished());
        assert_eq!(view(task.id()).state, TaskState::Idle);
        assert_eq!(all_tasks(), [current().unwrap(), task.id()]);
        assert_eq!(records::waits().len(), 1);
        assert_eq!(task.await.unwrap(), "over");
        trace.expect(&["begun", "spawned", "gone on"]);
    });
}

#[test]
fn one_that_gives_its_turn_up_has_the_next_one_after_those_who_are_ready() {
    records::run(async {
        let trace = Trace::new();
        let (first, second) = (trace.clone(), trace.clone());
        let ready = spawn(async move { first.push("was ready") });
        let eager = spawn_eager(async move {
            second.push("begun");
            yield_now().await;
            second.push("gone on");
        });
        assert_eq!(view(eager.id()).state, TaskState::Scheduled);
        eager.await.unwrap();
        ready.await.unwrap();
        trace.expect(&["begun", "was ready", "gone on"]);
    });
}

#[test]
fn the_running_task_is_the_new_one_and_then_its_maker_again() {
    records::run(async {
        let maker = current().unwrap();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let inside = Rc::clone(&seen);
        let task = spawn_eager(async move {
            inside.borrow_mut().push(current().unwrap());
            let inmost = spawn_eager(async { current().unwrap() });
            let ids = [inmost.id(), current().unwrap(), inmost.await.unwrap(), current().unwrap()];
            inside.borrow_mut().extend(ids);
        });
        assert_eq!(current(), Some(maker));
        let all = Handle::current().reader().view().unwrap().running.unwrap();
        assert_eq!(all.task, Some(maker.as_u64()));
        let ids = seen.take();
        let [own, inmost, again, inmost_says, at_last] = ids[..] else { panic!("{ids:?}") };
        assert_eq!([own, again, at_last], [task.id(); 3]);
        assert_eq!(inmost, inmost_says);
        assert_ne!(inmost, own);
        task.await.unwrap();
        assert_eq!(current(), Some(maker));
    });
}

#[test]
fn what_the_first_poll_takes_is_charged_to_the_new_task_alone() {
    const SPIN: Duration = Duration::from_millis(20);
    records::run_live(async {
        let start = Instant::now();
        let maker = spawn(async {
            let eager = spawn_eager(async {
                let start = Instant::now();
                while start.elapsed() < SPIN {
                    std::hint::spin_loop();
                }
            });
            (view(eager.id()).busy_ns, view(eager.id()).scheduled_ns)
        });
        let id = maker.id();
        let (eager_ns, scheduled_ns) = maker.await.unwrap();
        let maker_ns = view(id).busy_ns;
        let all_ns = u64::try_from(start.elapsed().as_nanos()).unwrap();
        assert!(eager_ns >= 19_000_000, "{eager_ns}");
        // Charged to both it would be more than there was.
        assert!(maker_ns + eager_ns <= all_ns, "{maker_ns} + {eager_ns} > {all_ns}");
        assert!(view(id).longest_poll_ns <= maker_ns);
        assert_eq!(scheduled_ns, 0);
    });
}

/// Takes a thousand items that are there, and counts.
fn take_all(count: &Rc<Cell<u32>>) -> impl Future<Output = ()> + use<> {
    let queue = Queue::unbounded();
    for item in 0..1000 {
        queue.try_put(item).unwrap();
    }
    let count = Rc::clone(count);
    async move {
        for _ in 0..1000 {
            queue.get().await.unwrap();
            count.set(count.get() + 1);
        }
    }
}

#[test]
fn what_the_first_poll_spends_of_a_turn_is_spent_by_its_maker_too() {
    records::run(async {
        let alone = Rc::default();
        let task = spawn(take_all(&alone));
        yield_now().await;
        let turn = alone.get();
        assert!(turn > 0 && turn < 1000, "{turn}");
        task.await.unwrap();
        let (eager, own) = (Rc::default(), Rc::default());
        let (theirs, mine) = (take_all(&eager), take_all(&own));
        let maker = spawn(async {
            let eager = spawn_eager(theirs);
            mine.await;
            eager.await.unwrap();
        });
        yield_now().await;
        assert_eq!((eager.get(), own.get()), (turn, 0));
        maker.await.unwrap();
        assert_eq!((eager.get(), own.get()), (1000, 1000));
    });
}

#[test]
fn task_locals_are_the_makers_and_what_the_task_sets_is_its_own() {
    records::run(REQUEST.scope(1, async {
        let task = spawn_eager(async {
            let outer = REQUEST.get();
            let inner = REQUEST.scope(2, async {
                let seen = spawn_eager(async { REQUEST.get() }).await.unwrap();
                yield_now().await;
                (seen, REQUEST.get())
            });
            (outer, inner.await, REQUEST.get())
        });
        assert_eq!(REQUEST.get(), 1);
        assert_eq!(task.await.unwrap(), (1, (2, 2), 1));
        assert_eq!(REQUEST.get(), 1);
    }));
}

#[test]
fn a_panic_in_the_first_poll_is_the_tasks_and_its_maker_goes_on() {
    let trace = Trace::new();
    records::run_on(paused(&trace), async {
        let task = spawn_eager(async { panic!("at once") });
        assert!(task.is_finished());
        let error = task.await.unwrap_err();
        assert!(error.to_string().ends_with("panicked: at once"), "{error}");
        Builder::new().name("left").eager().spawn(async { panic!("nobody asks") }).detach();
        Builder::new().name("failed").eager().spawn_fallible(async { Err::<(), _>(7) }).detach();
        trace.push("still here");
    });
    trace.expect(&["left: Panic(\"nobody asks\")", "failed: Error(\"7\")", "still here"]);
}

#[test]
fn one_that_is_over_cannot_be_cancelled_and_one_that_waits_can() {
    records::run(async {
        let trace = Trace::new();
        assert_eq!(spawn_eager(async { 1 }).cancel().await, Some(1));
        let guard = trace.on_drop("dropped");
        let waits = spawn_eager(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert_eq!(waits.cancel().await, None);
        trace.expect(&["dropped"]);
    });
}

#[test]
fn one_that_cancels_itself_or_its_maker_in_the_first_poll_ends_them_at_their_next_await() {
    records::run(async {
        let trace = Trace::new();
        let (inside, maker) = (trace.clone(), Rc::new(RefCell::new(None::<Task<()>>)));
        let handle = Rc::clone(&maker);
        let task = spawn(async move {
            let child = inside.clone();
            spawn_eager(async move {
                handle.borrow().as_ref().unwrap().request_cancel();
                child.push("cancelled its maker");
            })
            .detach();
            inside.push("the maker goes on");
            yield_now().await;
            inside.push("not reached");
        });
        *maker.borrow_mut() = Some(task);
        yield_now().await;
        yield_now().await;
        trace.expect(&["cancelled its maker", "the maker goes on"]);
        let over = maker.take().unwrap().await;
        assert!(over.unwrap_err().is_cancelled());
    });
}

#[test]
fn it_may_wake_its_maker_and_wait_for_what_its_maker_does_next() {
    records::run(async {
        let (to_task, from_maker) = oneshot::channel();
        let (to_maker, from_task) = oneshot::channel();
        let task = spawn_eager(async move {
            to_maker.send("from the task").unwrap();
            from_maker.await.unwrap()
        });
        assert_eq!(from_task.await, Ok("from the task"));
        to_task.send("from the maker").unwrap();
        assert_eq!(task.await.unwrap(), "from the maker");
    });
}

#[test]
fn a_child_that_fails_in_its_first_poll_does_not_run_into_its_maker() {
    records::run(async {
        let trace = Trace::new();
        let group = TaskGroup::new();
        let sibling = trace.on_drop("the sibling is gone");
        group.spawn(async move {
            let _sibling = sibling;
            pending::<()>().await;
        });
        yield_now().await;
        let child = group.spawn_eager(async { Err::<(), _>("too early") });
        trace.push("the maker goes on");
        assert!(child.is_finished() && group.is_shutting_down());
        let late = group.spawn_eager(unreachable("a group that shuts down polls nobody"));
        let error = group.close().await.unwrap_err();
        assert!(error.to_string().ends_with("failed: too early"), "{error}");
        assert!(child.await.unwrap_err().is_failed());
        assert!(late.await.unwrap_err().is_cancelled());
        trace.expect(&["the maker goes on", "the sibling is gone"]);
    });
}

#[test]
fn the_body_of_a_scope_whose_eager_child_fails_goes_on_to_its_next_await() {
    records::run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let result = TaskGroup::scope(async move |group| {
            group.spawn_eager(async { panic!("oh no") });
            inside.push("the body goes on");
            yield_now().await;
            inside.push("not reached");
        })
        .await;
        let error = result.unwrap_err();
        assert!(error.is_panic() && error.to_string().ends_with("panicked: oh no"), "{error}");
        trace.expect(&["the body goes on"]);
    });
}

#[test]
fn children_that_are_over_at_once_leave_an_empty_group() {
    records::run(async {
        let group = TaskGroup::new();
        let children: Vec<_> =
            (0..100).map(|n| group.spawn_eager(async move { Ok::<_, String>(n) })).collect();
        assert!(group.is_empty());
        group.close().await.unwrap();
        for (n, child) in children.into_iter().enumerate() {
            assert_eq!(child.await.unwrap(), n);
        }
    });
}

/// A task in the first poll of a task, `depth` times.
fn nest(depth: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    Box::pin(async move {
        match depth {
            0 => 0,
            _ => spawn_eager(nest(depth - 1)).await.unwrap() + 1,
        }
    })
}

#[test]
fn a_recursion_ends_at_the_loop_and_not_at_the_end_of_the_stack() {
    records::run(async {
        // 64 polls nest, the task at the bottom has a turn of its own, and so on.
        let shallow = spawn_eager(nest(60));
        assert!(shallow.is_finished());
        assert_eq!(shallow.await.unwrap(), 60);
        let deep = spawn_eager(nest(50_000));
        assert!(!deep.is_finished());
        assert_eq!(deep.await.unwrap(), 50_000);
    });
}

/// A group of three groups, `depth` times.
fn groups(depth: u32) -> Pin<Box<dyn Future<Output = Result<u32, String>>>> {
    Box::pin(async move {
        if depth == 0 {
            return Ok(1);
        }
        let group = TaskGroup::new();
        let children = [(); 3].map(|()| group.spawn_eager(groups(depth - 1)));
        group.close().await.map_err(|error| error.to_string())?;
        let mut sum = 1;
        for child in children {
            sum += child.await.map_err(|error| error.to_string())?;
        }
        Ok(sum)
    })
}

#[test]
fn groups_within_groups_are_over_in_one_poll_and_every_task_is_counted() {
    records::run(async {
        let all = spawn_eager(groups(4));
        assert!(all.is_finished());
        assert_eq!(all.await.unwrap(), Ok(1 + 3 + 9 + 27 + 81));
        let sites = Handle::current().reader().sites();
        assert_eq!(sites.iter().map(|site| site.spawned).sum::<u64>(), 1 + 121);
        assert_eq!(sites.iter().map(|site| site.completed).sum::<u64>(), 121);
    });
}

/// Spawns another like it when it is dropped.
struct Hydra(Rc<Cell<u32>>);

impl Drop for Hydra {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        if self.0.get() < 500 {
            let next = Hydra(Rc::clone(&self.0));
            spawn_eager(async move {
                let _next = next;
                panic!("nobody is polled while the loop ends");
            })
            .detach();
        }
    }
}

#[test]
fn while_a_loop_ends_nobody_is_polled() {
    let heads = Rc::new(Cell::new(0));
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let first = Hydra(Rc::clone(&heads));
    runner
        .block_on(async move {
            spawn_eager(async move {
                let _first = first;
                pending::<()>().await;
            })
            .detach();
        })
        .unwrap();
    drop(runner);
    assert_eq!(heads.get(), 500);
    trace.expect(&[]);
}

#[test]
fn callbacks_and_destructors_may_spawn_eagerly() {
    records::run(async {
        let trace = Trace::new();
        let callback = trace.clone();
        loopscope::call_soon(move || {
            let inside = callback.clone();
            let outer = current();
            spawn_eager(async move { inside.push(format!("another task: {}", current() != outer)) }).detach();
            callback.push(format!("the callback: {}", current() == outer));
        });
        yield_now().await;
        yield_now().await;
        trace.expect(&["another task: true", "the callback: true"]);
        let destructor = trace.clone();
        let guard = Defer(move || {
            let inside = destructor.clone();
            spawn_eager(async move { inside.push(format!("in a task: {}", current().is_some())) }).detach();
            destructor.push(format!("the destructor in none: {}", current().is_none()));
        });
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        task.cancel().await;
        trace.expect(&["in a task: true", "the destructor in none: true"]);
    });
}

#[test]
fn it_may_be_dropped_at_every_step() {
    records::run(async {
        for turns in 0..4 {
            let trace = Trace::new();
            let guard = trace.on_drop("dropped");
            let task = spawn_eager(async move {
                let _guard = guard;
                for _ in 0..2 {
                    yield_now().await;
                }
            });
            for _ in 0..turns {
                yield_now().await;
            }
            task.cancel().await;
            trace.expect(&["dropped"]);
        }
        let polled = Rc::new(Cell::new(0));
        let count = Rc::clone(&polled);
        let task = spawn_eager(poll_fn(move |_| {
            count.set(count.get() + 1);
            Poll::<()>::Pending
        }));
        task.cancel().await;
        assert_eq!(polled.get(), 1);
    });
}

#[test]
fn outside_of_a_loop_it_says_so() {
    let text = panic_of(|| spawn_eager(async {}));
    assert!(text.starts_with("loopscope::spawn outside of an event loop"), "{text}");
}
