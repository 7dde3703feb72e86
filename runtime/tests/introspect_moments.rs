//! What happens to a task in the very moment in which it is asked where it stands.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![cfg(feature = "stacks")]

#[path = "support/records.rs"]
mod records;
#[path = "support/stacks.rs"]
mod stacks;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loopscope::debug::{Lint, entries};
use loopscope::introspect::{self, Options, Reached, capture_call_graph, format_call_graph};
use loopscope::sync::Mutex;
use loopscope::task::{SpawnedTask, TaskEnd, TaskHooks};
use loopscope::{Handle, Runner, Task, TaskGroup, TaskId, sleep, spawn, spawn_blocking, yield_now};
use proptest::prelude::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn run<F: Future>(test: F) -> F::Output {
    records::run_on(Runner::builder(), test)
}

/// Waits at its first poll and does this at its second, which is the one that asks.
fn at_second_poll<T>(then: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> impl Future<Output = T> {
    let (mut then, mut polls) = (Some(then), 0);
    poll_fn(move |cx| {
        polls += 1;
        match then.take_if(|_| polls == 2) {
            Some(then) => then(cx),
            None => Poll::Pending,
        }
    })
}

async fn reached(task: TaskId) -> Option<Reached> {
    let dump = introspect::dump(&Handle::current(), Options::new().tasks([task])).await.unwrap();
    dump.tasks.first().map(|task| task.branches[0].reached)
}

#[test]
fn a_future_that_is_ready_after_all_completes() {
    run(async {
        let task = spawn(at_second_poll(|_| Poll::Ready(7)));
        yield_now().await;
        assert_eq!(reached(task.id()).await, Some(Reached::Ended));
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a_panic_is_the_tasks_own() {
    run(async {
        let task: Task<()> = spawn(at_second_poll(|_| std::panic::resume_unwind(Box::new("on purpose"))));
        yield_now().await;
        assert_eq!(reached(task.id()).await, Some(Reached::Ended));
        assert!(task.await.unwrap_err().is_panic());
        // The loop goes on asking.
        assert_eq!(reached(loopscope::current().unwrap()).await, Some(Reached::Leaf));
    });
}

#[test]
fn a_task_that_wakes_itself_is_polled_again() {
    run(async {
        let polls = Rc::new(Cell::new(0));
        let counting = polls.clone();
        let task = spawn(poll_fn(move |cx| {
            counting.set(counting.get() + 1);
            match counting.get() {
                1 => Poll::Pending,
                2 => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            }
        }));
        yield_now().await;
        assert_eq!(reached(task.id()).await, Some(Reached::Unknown));
        task.await.unwrap();
        assert_eq!(polls.get(), 3);
    });
}

#[test]
fn a_task_that_cancels_itself_or_lets_go_of_its_own_handle_is_dropped_as_ever() {
    run(async {
        let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let dropped = Rc::new(Cell::new(false));
        let (taking, noting) = (own.clone(), NoteDrop(dropped.clone()));
        let task = spawn(at_second_poll(move |cx| {
            let _noting = &noting;
            let mut cancel = Box::pin(taking.borrow_mut().take().unwrap().cancel());
            let cancelled = cancel.as_mut().poll(cx);
            drop(cancel);
            cancelled.map(drop)
        }));
        let id = task.id();
        *own.borrow_mut() = Some(task);
        yield_now().await;
        assert_eq!(reached(id).await, Some(Reached::Ended));
        yield_now().await;
        assert!(dropped.get());
    });
}

struct NoteDrop(Rc<Cell<bool>>);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// A waker of another library, which does something when it is woken.
struct OnWake<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// Polls a future with another waker than the task's, as a combinator with wakers of its own does.
async fn with_waker<F: Future>(waker: Waker, future: F) -> F::Output {
    let mut future = Box::pin(future);
    poll_fn(move |_| future.as_mut().poll(&mut Context::from_waker(&waker))).await
}

#[test]
fn the_waker_of_a_combinator_is_woken_once_for_each_time_it_is_asked() {
    run(async {
        let count = Arc::new(AtomicU32::new(0));
        let counting = count.clone();
        let waker = Waker::from(Arc::new(OnWake(move || {
            counting.fetch_add(1, Ordering::Relaxed);
        })));
        let task = spawn(with_waker(waker, sleep(HOUR)));
        yield_now().await;
        for asked in 1..=3 {
            assert_eq!(reached(task.id()).await, Some(Reached::Leaf));
            assert_eq!(count.load(Ordering::Relaxed), asked);
        }
        task.cancel().await;
    });
}

#[test]
fn a_waker_that_panics_is_reported_and_the_task_is_asked_all_the_same() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let hearing = heard.clone();
    let builder = Runner::builder().on_unhandled(move |what| hearing.borrow_mut().push(what.to_string()));
    records::run_on(builder, async {
        let waker = Waker::from(Arc::new(OnWake(|| std::panic::resume_unwind(Box::new("woken")))));
        let task = spawn(with_waker(waker, sleep(HOUR)));
        yield_now().await;
        assert_eq!(reached(task.id()).await, Some(Reached::Leaf));
        task.cancel().await;
    });
    assert_eq!(heard.take().len(), 1);
}

#[test]
fn a_task_that_is_cancelled_by_the_waker_that_is_woken_for_it_is_dropped_at_its_turn() {
    run(async {
        thread_local! {
            static VICTIM: RefCell<Option<Task<()>>> = const { RefCell::new(None) };
        }
        let waker = Waker::from(Arc::new(OnWake(|| {
            if let Some(victim) = VICTIM.take() {
                let mut cancel = Box::pin(victim.cancel());
                let _ = cancel.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        })));
        let dropped = Rc::new(Cell::new(false));
        let noting = NoteDrop(dropped.clone());
        let task = spawn(async move {
            let _noting = noting;
            with_waker(waker, sleep(HOUR)).await;
        });
        let id = task.id();
        yield_now().await;
        VICTIM.set(Some(task));
        assert_eq!(reached(id).await, Some(Reached::Ended));
        yield_now().await;
        assert!(dropped.get());
    });
}

#[test]
fn a_task_spawned_and_polled_in_the_middle_is_not_taken_for_the_one_that_is_asked() {
    run(async {
        let made: Rc<RefCell<Vec<Task<()>>>> = Rc::default();
        let making = made.clone();
        let task: Task<()> = spawn(at_second_poll(move |_| {
            making.borrow_mut().push(loopscope::task::spawn_eager(sleep(HOUR)));
            Poll::Pending
        }));
        yield_now().await;
        let stack = stacks::stack_of(task.id()).await;
        assert_eq!(stack.branches[0].reached, Reached::Unknown, "{stack}");
        let nested = made.take().remove(0);
        assert_eq!(reached(nested.id()).await, Some(Reached::Leaf));
        nested.cancel().await;
        task.cancel().await;
    });
}

struct Polls(Rc<RefCell<Vec<&'static str>>>);

impl TaskHooks for Polls {
    fn on_spawn(&self, _: &SpawnedTask<'_>) {
        self.0.borrow_mut().push("spawned");
    }
    fn on_poll(&self, _: TaskId) {
        self.0.borrow_mut().push("poll");
    }
    fn on_polled(&self, _: TaskId) {
        self.0.borrow_mut().push("polled");
    }
    fn on_done(&self, _: TaskId, end: TaskEnd) {
        self.0.borrow_mut().push(if end == TaskEnd::Completed { "completed" } else { "ended" });
    }
}

#[test]
fn hooks_are_told_of_the_end_but_not_of_the_poll_that_asks() {
    let told = Rc::new(RefCell::new(Vec::new()));
    records::run_on(Runner::builder().task_hooks(Polls(told.clone())), async {
        let task = spawn(at_second_poll(|_| Poll::Ready(())));
        yield_now().await;
        reached(task.id()).await;
        task.await.unwrap();
    });
    assert_eq!(told.take(), ["spawned", "poll", "polled", "completed"]);
}

#[test]
fn a_long_poll_that_asks_is_no_slow_poll() {
    let builder = Runner::builder().debug(true).slow_callback(Duration::from_nanos(1)).name("asked slowly");
    let mut runner = builder.on_warning(|_, _| ()).build().unwrap();
    let loop_id = runner.handle().reader().id();
    let slow = |task: TaskId| {
        entries().iter().any(|entry| {
            let warning = &entry.warning;
            warning.lint == Lint::SlowPoll && warning.loop_id == Some(loop_id) && warning.task == Some(task)
        })
    };
    runner
        .block_on(async {
            let task = spawn(sleep(HOUR));
            let id = task.id();
            yield_now().await;
            assert!(slow(id), "the threshold is one nanosecond");
            loopscope::debug::forget_all();
            assert_eq!(reached(id).await, Some(Reached::Leaf));
            assert!(!slow(id));
            task.cancel().await;
        })
        .unwrap();
}

#[test]
fn a_loop_that_ends_while_it_is_asked_says_so() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut runner = Runner::builder().build().unwrap();
        runner
            .block_on(async {
                for _ in 0..1_000 {
                    spawn(sleep(HOUR)).detach();
                }
                yield_now().await;
                // One slice is not enough, and after the first one the loop is over.
                let options = Options::new().slice(Duration::ZERO);
                sender.send(introspect::dump(&Handle::current(), options)).unwrap();
                yield_now().await;
            })
            .unwrap();
    });
    let dumping = receiver.recv().unwrap();
    thread.join().unwrap();
    assert!(run(dumping).is_err());
}

#[test]
fn jobs_below_a_combinator_with_wakers_of_its_own_are_reached() {
    use futures_util::stream::{FuturesUnordered, StreamExt};
    run(async {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let task = spawn(async move {
            let mut jobs: FuturesUnordered<_> = [spawn_blocking(move || wait.recv())].into_iter().collect();
            jobs.next().await;
        });
        yield_now().await;
        let stack = stacks::stack_of(task.id()).await;
        let leaf = stack.branches.last().unwrap();
        assert_eq!(leaf.frames.last().unwrap().function, "loopscope::JobHandle", "{stack}");
        drop(go);
        task.await.unwrap();
    });
}

async fn waits_for(task: Task<()>) {
    task.await.unwrap();
}

#[test]
fn a_call_graph_goes_up_to_whoever_awaits() {
    // The child is left to the end of the loop.
    let mut runner = Runner::builder().build().unwrap();
    let checked = runner.block_on(async {
        let child = spawn(sleep(HOUR));
        let id = child.id();
        let parent = loopscope::task::Builder::new().name("parent").spawn(waits_for(child));
        yield_now().await;
        let graph = capture_call_graph(Some(id), None).await.unwrap().unwrap();
        assert_eq!(graph.call_stack.len(), 1);
        assert_eq!(graph.awaited_by.len(), 1);
        let by = &graph.awaited_by[0];
        assert_eq!((by.task, by.name.as_deref(), by.awaited_by.len()), (parent.id(), Some("parent"), 0));
        let line = by.call_stack[1].at.as_ref().unwrap().line;
        let expected = format!(
            "* Task(id={id})\n  + Call stack:\n  |   in async loopscope::sleep()\n  + Awaited by:\n    \
             * Task(name=\"parent\", id={by})\n      + Call stack:\n      |   in async loopscope::Task()\n      \
             |   File \"runtime/tests/introspect_moments.rs\", line {line}, in async introspect_moments::waits_for()\n",
            id = id.as_u64(),
            by = parent.id().as_u64(),
        );
        assert_eq!(format_call_graph(&graph), expected);
        let limited = |limit| async move {
            let graph = capture_call_graph(Some(id), Some(limit)).await.unwrap().unwrap();
            let frames = graph.awaited_by[0].call_stack.iter();
            frames.map(|frame| frame.function.clone()).collect::<Vec<_>>()
        };
        assert_eq!(limited(0).await, Vec::<String>::new());
        assert_eq!(limited(1).await, ["loopscope::Task"]);
        assert_eq!(limited(-1).await, ["introspect_moments::waits_for"]);
        parent.cancel().await;
    });
    checked.unwrap();
}

#[test]
fn tasks_that_await_each_other_are_a_graph_with_an_end() {
    run(async {
        let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let taking = slot.clone();
        let first = spawn(async move {
            let other = taking.borrow_mut().take().unwrap();
            waits_for(other).await;
        });
        let id = first.id();
        let cancel = CancelLater(loopscope::CancelToken::new());
        let second = spawn(cancel.unless(waits_for(first)));
        *slot.borrow_mut() = Some(second);
        yield_now().await;
        yield_now().await;
        let graph = capture_call_graph(Some(id), None).await.unwrap().unwrap();
        let (second, again) = (&graph.awaited_by[0], &graph.awaited_by[0].awaited_by[0]);
        assert!(!graph.is_cycle && !second.is_cycle && again.is_cycle);
        assert_eq!((again.task, again.awaited_by.len()), (id, 0));
        cancel.cancel();
        yield_now().await;
        yield_now().await;
    });
}

/// Ends a future from outside.
#[derive(Clone)]
struct CancelLater(loopscope::CancelToken);

impl CancelLater {
    fn unless(&self, future: impl Future<Output = ()> + 'static) -> impl Future<Output = ()> + 'static {
        let token = self.0.clone();
        async move {
            loopscope::select! {
                () = future => {}
                () = token.cancelled() => {}
            }
        }
    }

    fn cancel(&self) {
        self.0.cancel();
    }
}

#[test]
fn the_running_task_and_the_owner_of_a_group_are_in_the_graph() {
    run(async {
        let asked = Rc::new(RefCell::new(None));
        let telling = asked.clone();
        let owner = spawn(async move {
            let group = TaskGroup::new();
            group.spawn(async move {
                yield_now().await;
                *telling.borrow_mut() = capture_call_graph(None, None).await.unwrap();
            });
            group.close().await.unwrap();
        });
        let id = owner.id();
        owner.await.unwrap();
        let graph = asked.take().unwrap();
        assert_eq!(graph.awaited_by.iter().map(|by| by.task).collect::<Vec<_>>(), [id]);
        assert!(capture_call_graph(Some(graph.task), None).await.unwrap().is_none(), "it is over");
    });
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask,
    Yield,
    Cancel(usize),
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Ask),
        3 => Just(Step::Yield),
        1 => (0..6_usize).prop_map(Step::Cancel),
        2 => Just(Step::Release),
    ];
    proptest::collection::vec(step, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A lock goes round among tasks that are cancelled and asked in any order: everybody who was not cancelled has it once.
    #[test]
    fn whoever_is_asked_or_cancelled_no_turn_is_lost(steps in steps()) {
        run(async {
            let lock = Rc::new(Mutex::new(()));
            let turns = Rc::new(Cell::new(0));
            let mut held = Some(lock.lock().await);
            let mut tasks: Vec<Option<Task<()>>> = (0..6).map(|nth| {
                let (lock, turns) = (lock.clone(), turns.clone());
                Some(spawn(async move {
                    let pass = async { let guard = lock.lock().await; yield_now().await; drop(guard); };
                    if nth % 2 == 0 {
                        pass.await;
                    } else {
                        let mut all: futures_util::stream::FuturesUnordered<Pin<Box<dyn Future<Output = ()> + '_>>> =
                            futures_util::stream::FuturesUnordered::new();
                        all.push(Box::pin(pass));
                        futures_util::StreamExt::next(&mut all).await;
                    }
                    turns.set(turns.get() + 1);
                }))
            }).collect();
            for step in steps {
                match step {
                    Step::Ask => drop(introspect::dump(&Handle::current(), Options::new()).await.unwrap()),
                    Step::Yield => yield_now().await,
                    Step::Release => drop(held.take()),
                    Step::Cancel(nth) => if let Some(task) = tasks[nth].take() {
                        task.cancel().await;
                    },
                }
            }
            drop(held);
            for task in tasks.into_iter().flatten() {
                loopscope::timeout(Duration::from_secs(60), task).await.expect("a turn was lost").unwrap();
            }
        });
    }
}
