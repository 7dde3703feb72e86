//! Tasks: turns, wakes, handles.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use loopscope::net::UnixStream;
use loopscope::task::Builder;
use loopscope::telemetry::TaskState;
use loopscope::time::Instant;
use loopscope::{Handle, TaskId, all_tasks, call_soon, current, spawn, yield_now};
use trace::{Trace, spec};

#[test]
fn what_a_batch_makes_ready_runs_in_the_next_one() {
    spec(
        |trace| async move {
            for name in ["a", "b"] {
                let trace = trace.clone();
                spawn(async move {
                    trace.push(format!("{name} first"));
                    let child = trace.clone();
                    spawn(async move { child.push(format!("child of {name}")) }).detach();
                    yield_now().await;
                    trace.push(format!("{name} second"));
                })
                .detach();
            }
            trace.push("main first");
            yield_now().await;
            trace.push("main second");
            yield_now().await;
            trace.push("main third");
        },
        &[
            "main first",
            "a first",
            "b first",
            "main second",
            "child of a",
            "a second",
            "child of b",
            "b second",
            "main third",
        ],
    );
}

thread_local! {
    /// Where what another thread sends here says that it runs.
    static POSTED: RefCell<Trace> = RefCell::default();
}

#[test]
fn what_became_ready_meanwhile_has_its_turn_in_the_order_of_a_look() {
    let trace = Trace::new();
    records::run_on(loopscope::Runner::builder(), async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (sender, receiver) = futures_channel::oneshot::channel();
        let say = |what: &'static str, after: Pin<Box<dyn Future<Output = ()>>>| {
            let trace = trace.clone();
            spawn(async move {
                after.await;
                trace.push(what);
            })
        };
        // Begun in another order than they will go on.
        let tasks = [
            say("socket", Box::pin(async move { theirs.read_exact(&mut [0]).await.unwrap() })),
            say("woken by another thread", Box::pin(async { receiver.await.unwrap() })),
        ];
        yield_now().await;
        // In one poll, so that the loop looks only once it is all there.
        trace.push("main");
        let start = Instant::now();
        let timed = trace.clone();
        loopscope::call_at(start + Duration::from_millis(1), move || timed.push("timer"));
        let writer = std::os::fd::AsFd::as_fd(&ours);
        rustix::io::write(writer, b"!").unwrap();
        let handle = Handle::current();
        POSTED.set(trace.clone());
        let other = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                sender.send(()).unwrap();
                handle
                    .spawn(|| async { POSTED.with_borrow(|trace| trace.push("posted by another thread")) })
                    .unwrap();
            });
            other.join()
        });
        other.unwrap();
        while start.elapsed() < Duration::from_millis(3) {
            std::hint::spin_loop();
        }
        let spawned = say("spawned here", Box::pin(std::future::ready(())));
        for task in tasks {
            task.await.unwrap();
        }
        spawned.await.unwrap();
        yield_now().await;
    });
    trace.expect(&[
        "main",
        "spawned here",
        "posted by another thread",
        "woken by another thread",
        "socket",
        "timer",
    ]);
}

/// A future that says when it is polled, gives its waker away, and is over when told.
fn waiting(
    trace: &Trace,
    waker: &Rc<RefCell<Option<Waker>>>,
    over: &Rc<Cell<bool>>,
) -> impl Future<Output = ()> + use<> {
    let (trace, waker, over) = (trace.clone(), Rc::clone(waker), Rc::clone(over));
    poll_fn(move |cx| {
        trace.push("poll");
        *waker.borrow_mut() = Some(cx.waker().clone());
        if over.get() { Poll::Ready(()) } else { Poll::Pending }
    })
}

#[test]
fn waking_twice_schedules_once_and_a_wake_after_the_end_nothing() {
    spec(
        |trace| async move {
            let (waker, over) = (Rc::default(), Rc::default());
            let task = spawn(waiting(&trace, &waker, &over));
            yield_now().await;
            let wake = || waker.borrow().clone().unwrap().wake();
            wake();
            wake();
            waker.borrow().as_ref().unwrap().wake_by_ref();
            trace.push("woken three times");
            yield_now().await;
            yield_now().await;
            trace.push("once more");
            over.set(true);
            wake();
            yield_now().await;
            assert!(task.is_finished());
            wake();
            yield_now().await;
            trace.push("end");
        },
        &["poll", "woken three times", "poll", "once more", "poll", "end"],
    );
}

#[test]
fn waking_oneself_several_times_in_a_poll_gives_one_more_turn() {
    spec(
        |trace| async move {
            let (inside, mut polls) = (trace.clone(), 0);
            let task = spawn(poll_fn(move |cx| {
                polls += 1;
                inside.push(format!("poll {polls}"));
                cx.waker().wake_by_ref();
                let waker = cx.waker().clone();
                waker.wake();
                if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
            }));
            let reader = Handle::current().reader();
            let id = task.id().as_u64();
            task.await.unwrap();
            let seen = reader.task(id).unwrap();
            trace.push(format!("{:?}, {} polls, {} self-wakes", seen.state, seen.polls, seen.self_wakes));
        },
        &["poll 1", "poll 2", "poll 3", "Completed, 3 polls, 3 self-wakes"],
    );
}

#[test]
fn a_wake_from_another_task_in_the_same_batch_counts() {
    spec(
        |trace| async move {
            let (waker, over) = (Rc::default(), Rc::default());
            spawn(waiting(&trace, &waker, &over)).detach();
            let inside = trace.clone();
            let taken = Rc::clone(&waker);
            spawn(async move {
                taken.borrow().as_ref().unwrap().wake_by_ref();
                inside.push("woke it");
            })
            .detach();
            yield_now().await;
            trace.push("next batch");
            yield_now().await;
        },
        &["poll", "woke it", "next batch", "poll"],
    );
}

#[test]
fn a_handle_gives_the_output_in_whatever_order_it_is_awaited() {
    records::run_on(loopscope::Runner::builder(), async {
        let tasks: Vec<_> = (0..5)
            .map(|n| {
                spawn(async move {
                    for _ in 0..5 - n {
                        yield_now().await;
                    }
                    Rc::new(n)
                })
            })
            .collect();
        let mut outputs = Vec::new();
        for task in tasks.into_iter().rev() {
            outputs.push(*task.await.unwrap());
        }
        assert_eq!(outputs, [4, 3, 2, 1, 0]);
    });
}

#[test]
fn a_handle_may_be_polled_in_one_task_and_awaited_in_another() {
    spec(
        |trace| async move {
            let (sender, receiver) = futures_channel::oneshot::channel::<u32>();
            let mut task = spawn(async { receiver.await.unwrap() });
            let polled = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut task).poll(cx).is_pending())).await;
            assert!(polled);
            let inside = trace.clone();
            let other = spawn(async move { inside.push(format!("got {}", task.await.unwrap())) });
            yield_now().await;
            sender.send(7).unwrap();
            other.await.unwrap();
        },
        &["got 7"],
    );
}

#[test]
fn a_handle_that_was_polled_and_dropped_leaves_the_task_alone() {
    spec(
        |trace| async move {
            let (sender, receiver) = futures_channel::oneshot::channel::<()>();
            let inside = trace.clone();
            let mut task = spawn(async move {
                receiver.await.unwrap();
                inside.push("over");
            });
            let pending =
                poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut task).poll(cx).is_pending())).await;
            assert!(pending);
            task.detach();
            // Whoever waits next takes the entry that was given back; the end of the task must not disturb it.
            let sleeper = spawn(loopscope::sleep(Duration::from_secs(1)));
            yield_now().await;
            sender.send(()).unwrap();
            yield_now().await;
            yield_now().await;
            assert!(!sleeper.is_finished());
            sleeper.await.unwrap();
            trace.push("end");
        },
        &["over", "end"],
    );
}

#[test]
fn current_and_all_tasks_know_who_is_there() {
    records::run_on(loopscope::Runner::builder(), async {
        let main = current().unwrap();
        let first = spawn(async { current().unwrap() });
        let second = Builder::new().name("second").spawn(pending::<()>());
        assert_eq!(all_tasks(), [main, first.id(), second.id()]);
        let (first_id, second_id) = (first.id(), second.id());
        assert_eq!(first.await.unwrap(), first_id);
        assert_eq!(all_tasks(), [main, second_id]);
        assert_eq!(first_id.to_string(), format!("#{}", first_id.as_u64()));
        let reader = Handle::current().reader();
        let seen = reader.task(second_id.as_u64()).unwrap();
        assert_eq!(reader.name(seen.name.unwrap()).as_deref(), Some("second"));
        assert_eq!((seen.parent, seen.state), (Some(main.as_u64()), TaskState::Idle));
        assert_eq!(second.cancel().await, None);
        assert_eq!(all_tasks(), [main]);
    });
}

#[test]
fn the_hook_of_a_dropped_output_runs_outside_of_any_task() {
    let seen: Rc<RefCell<Vec<Option<TaskId>>>> = Rc::default();
    records::run_on(loopscope::Runner::builder(), async {
        let inside = Rc::clone(&seen);
        spawn(async move { trace::Defer(move || inside.borrow_mut().push(current())) }).detach();
        yield_now().await;
        let inside = Rc::clone(&seen);
        call_soon(move || inside.borrow_mut().push(current().filter(|_| false)));
        yield_now().await;
    });
    assert_eq!(*seen.borrow(), [None, None]);
}

#[test]
fn a_chain_of_a_thousand_joins_unwinds_in_order() {
    records::run_on(loopscope::Runner::builder(), async {
        let mut last = spawn(async { 0_u32 });
        for _ in 0..1000 {
            let before = last;
            last = spawn(async move { before.await.unwrap() + 1 });
        }
        assert_eq!(last.await.unwrap(), 1000);
    });
}

#[test]
fn futures_of_every_size_and_alignment_run() {
    #[repr(align(128))]
    struct Aligned(u8);
    async fn of_size<const N: usize>() -> usize {
        let bytes = [1_u8; N];
        yield_now().await;
        bytes.iter().map(|byte| usize::from(*byte)).sum()
    }
    records::run_on(loopscope::Runner::builder(), async {
        assert_eq!(spawn(of_size::<0>()).await.unwrap(), 0);
        assert_eq!(spawn(of_size::<17>()).await.unwrap(), 17);
        assert_eq!(spawn(of_size::<1000>()).await.unwrap(), 1000);
        assert_eq!(spawn(of_size::<10_000>()).await.unwrap(), 10_000);
        let aligned = spawn(async {
            let value = Aligned(7);
            yield_now().await;
            (std::ptr::from_ref(&value).addr() % 128, value.0)
        });
        assert_eq!(aligned.await.unwrap(), (0, 7));
    });
}

/// An output that owns its own handle, and notices when its memory is reused while it is dropped.
struct Ouroboros {
    _handle: Rc<RefCell<Option<loopscope::Task<Ouroboros>>>>,
    _in_between: Reuse,
    _last: Intact,
}

struct Reuse;

impl Drop for Reuse {
    fn drop(&mut self) {
        // Futures of all sizes that come into question: one of them would get the memory that was freed too early.
        fill::<32>();
        fill::<48>();
        fill::<64>();
        fill::<80>();
        fill::<96>();
        fill::<112>();
        fill::<128>();
        fill::<144>();
    }
}

fn fill<const BYTES: usize>() {
    let bytes = [0xff_u8; BYTES];
    spawn(async move { std::hint::black_box(bytes) }).detach();
}

struct Intact([u64; 8]);

thread_local! {
    static INTACT: Cell<Option<bool>> = const { Cell::new(None) };
}

impl Drop for Intact {
    fn drop(&mut self) {
        INTACT.set(Some(self.0 == [7; 8]));
    }
}

#[test]
fn an_output_that_owns_its_own_handle_is_dropped_whole() {
    records::run_on(loopscope::Runner::builder(), async {
        let handle = Rc::new(RefCell::new(None));
        let inside = Rc::clone(&handle);
        let task =
            spawn(async move { Ouroboros { _handle: inside, _in_between: Reuse, _last: Intact([7; 8]) } });
        handle.replace(Some(task));
        yield_now().await;
    });
    assert_eq!(INTACT.get(), Some(true));
}
