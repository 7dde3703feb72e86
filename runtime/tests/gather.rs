//! `gather` in both moods.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/joins.rs"]
mod joins;
#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::error::Error;
use std::future::{Pending, Ready, pending, ready};
use std::num::ParseIntError;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use joins::{Join, joins};
use loopscope::sync::oneshot;
use loopscope::task::{gather, gather_settled, spawn_eager};
use loopscope::time::Instant;
use loopscope::{JoinError, all_tasks, current, sleep, spawn, timeout, yield_now};
use steps::Step;
use trace::{Trace, panic_of, paused};

type Boxed = Pin<Box<dyn Future<Output = Result<u64, String>>>>;
type Settled<T> = Vec<Result<T, JoinError>>;

async fn after(ms: u64, value: u64) -> Result<u64, String> {
    sleep(Duration::from_millis(ms)).await;
    Ok(value)
}

async fn fails_after(ms: u64, why: &'static str) -> Result<u64, String> {
    sleep(Duration::from_millis(ms)).await;
    Err(why.to_owned())
}

/// Sleeps for an hour; the trace says when it is dropped.
fn forever(trace: &Trace, name: &'static str) -> Boxed {
    let guard = trace.on_drop(name);
    Box::pin(async move {
        let _guard = guard;
        pending().await
    })
}

#[test]
fn results_come_in_the_order_of_the_arguments() {
    records::run(async {
        let start = Instant::now();
        let values = gather((0..10).map(|n| after(100 - 10 * n, n))).await.unwrap();
        assert_eq!(values, (0..10).collect::<Vec<_>>());
        assert_eq!(start.elapsed(), Duration::from_millis(100));
        let settled = gather_settled([after(2, 20), after(1, 10)]).await;
        let values: Vec<_> = settled.into_iter().map(|result| result.unwrap().unwrap()).collect();
        assert_eq!(values, [20, 10]);
    });
}

#[test]
fn of_nothing_it_is_ready_at_once() {
    records::run(async {
        let mut nothing = Box::pin(gather([] as [Ready<Result<u8, String>>; 0]));
        assert_eq!(steps::done(&mut nothing).unwrap(), []);
        let mut nothing = Box::pin(gather_settled([] as [Ready<u8>; 0]));
        assert!(steps::done(&mut nothing).is_empty());
    });
}

#[test]
fn the_tasks_begin_with_the_call_and_are_below_who_called() {
    records::run(async {
        let trace = Trace::new();
        let say = |name: &'static str| {
            let trace = trace.clone();
            async move {
                trace.push(name);
                Ok::<_, String>(())
            }
        };
        let both = gather([say("one"), say("two")]);
        let tasks = all_tasks();
        assert_eq!(tasks.len(), 3);
        let reader = loopscope::Handle::current().reader();
        for task in &tasks[1..] {
            assert_eq!(reader.task(task.as_u64()).unwrap().parent, Some(tasks[0].as_u64()));
        }
        trace.expect(&[]);
        yield_now().await;
        trace.expect(&["one", "two"]);
        both.await.unwrap();
    });
}

#[test]
fn the_first_error_cancels_the_others_and_names_its_argument() {
    records::run(async {
        let trace = Trace::new();
        let futures: [Boxed; 4] = [
            forever(&trace, "the first is gone"),
            Box::pin(after(1, 1)),
            Box::pin(fails_after(2, "no more")),
            forever(&trace, "the last is gone"),
        ];
        let error = gather(futures).await.unwrap_err();
        // They are gone before it returns.
        trace.expect(&["the first is gone", "the last is gone"]);
        assert_eq!(all_tasks(), [current().unwrap()]);
        assert_eq!((error.index(), error.error().unwrap().as_str()), (2, "no more"));
        assert!(!error.is_panic() && !error.is_cancelled());
        let text = format!("gathering: argument 2: task {} failed: no more", error.task());
        assert_eq!(error.to_string(), text);
        assert_eq!(error.into_cause().unwrap(), "no more");
    });
}

#[test]
fn a_panic_counts_as_a_failure() {
    records::run(async {
        let trace = Trace::new();
        let panics = Box::pin(async { panic!("oh no") });
        let error = gather([forever(&trace, "gone"), panics]).await.unwrap_err();
        trace.expect(&["gone"]);
        assert_eq!(error.index(), 1);
        assert!(error.is_panic() && error.error().is_none());
        assert!(error.to_string().ends_with("panicked: oh no"), "{error}");
        let payload = error.into_cause().unwrap_err().try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "oh no");
    });
}

#[test]
fn one_that_is_cancelled_by_somebody_else_counts_as_a_failure() {
    // At the end of its loop, for instance.
    let kept = Rc::new(RefCell::new(None));
    let mut runner = paused(&Trace::new()).build().unwrap();
    let keep = Rc::clone(&kept);
    let both = || [pending::<Result<(), String>>(), pending()];
    runner
        .block_on(async move { *keep.borrow_mut() = Some((gather(both()), gather_settled(both()))) })
        .unwrap();
    drop(runner);
    let (failing, settled) = kept.take().unwrap();
    let error = records::run(failing).unwrap_err();
    assert!(error.is_cancelled() && error.index() == 0, "{error}");
    let settled = records::run(settled);
    assert!(settled.iter().all(|result| result.as_ref().unwrap_err().is_cancelled()));
    assert_eq!(settled.len(), 2);
}

#[test]
fn of_several_failures_the_first_counts_and_later_panics_are_reported() {
    let trace = Trace::new();
    records::run_on(paused(&trace), async {
        let panics = |text: &'static str| -> Pin<Box<dyn Future<Output = Result<(), String>>>> {
            Box::pin(async move { panic!("{text}") })
        };
        let fails: Pin<Box<dyn Future<Output = Result<(), String>>>> =
            Box::pin(ready(Err("second".to_owned())));
        let error = gather([panics("first"), fails, panics("third")]).await.unwrap_err();
        assert_eq!(error.index(), 0);
        drop(error);
    });
    trace.expect(&["-: Panic(\"third\")"]);
}

#[test]
fn the_sources_of_its_error_are_those_of_the_cause() {
    #[derive(Debug)]
    struct Outer(ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    records::run(async {
        let error = gather([ready("x".parse::<u8>().map_err(Outer))]).await.unwrap_err();
        assert!(error.to_string().ends_with("failed: outer"));
        assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
    });
}

#[test]
fn settled_nobody_ends_anybody() {
    records::run(async {
        let futures: [Pin<Box<dyn Future<Output = u64>>>; 3] = [
            Box::pin(async { panic!("at once") }),
            Box::pin(async { after(5, 7).await.unwrap() }),
            Box::pin(async {
                sleep(Duration::from_millis(1)).await;
                panic!("later")
            }),
        ];
        let settled = gather_settled(futures).await;
        let texts: Vec<_> = settled
            .iter()
            .map(|result| {
                result.as_ref().map_err(|error| error.to_string().split(' ').next_back().unwrap().to_owned())
            })
            .collect();
        assert_eq!(texts, [Err("once".to_owned()), Ok(&7), Err("later".to_owned())]);
    });
}

#[test]
fn tasks_that_were_there_before_may_be_gathered() {
    records::run(async {
        let tasks = [spawn(after(1, 1)), spawn_eager(after(0, 2)), spawn(fails_after(3, "third"))];
        let results = gather(tasks).await.unwrap();
        assert_eq!(results, [Ok(1), Ok(2), Err("third".to_owned())]);
    });
}

/// Drops a gather of two tasks after so many turns; what is left must be nothing.
#[test]
fn a_gather_that_is_dropped_cancels_those_who_are_not_over() {
    for turns in 0..5 {
        records::run(async {
            let trace = Trace::new();
            let both = gather([forever(&trace, "one"), forever(&trace, "two")]);
            let both = spawn(async move { both.await.map(drop) });
            for _ in 0..turns {
                yield_now().await;
            }
            both.cancel().await;
            yield_now().await;
            trace.expect(&["one", "two"]);
            assert_eq!(all_tasks(), [current().unwrap()]);
        });
    }
}

/// What a scene of the steps below is about.
struct Scene {
    senders: RefCell<Vec<oneshot::Sender<u8>>>,
    receivers: RefCell<Vec<oneshot::Receiver<u8>>>,
}

fn scene() -> Scene {
    let (senders, receivers) = (0..3).map(|_| oneshot::channel()).unzip();
    Scene { senders: RefCell::new(senders), receivers: RefCell::new(receivers) }
}

#[test]
fn a_gather_may_be_dropped_at_each_step() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        for settled in [false, true] {
            records::run(async {
                let scene = scene();
                let receivers = scene.receivers.take();
                let mut future: Pin<Box<dyn Future<Output = usize>>> = if settled {
                    let all = gather_settled(receivers);
                    Box::pin(async { all.await.len() })
                } else {
                    let all = gather(receivers);
                    Box::pin(async { all.await.unwrap().len() })
                };
                if step != Step::NeverPolled {
                    assert!(steps::poll(&mut future).is_pending());
                    yield_now().await;
                }
                if matches!(step, Step::Notified | Step::Done) {
                    for sender in scene.senders.take() {
                        sender.send(1).unwrap();
                    }
                    yield_now().await;
                }
                if step == Step::Done {
                    assert_eq!(steps::done(&mut future), 3);
                }
                drop(future);
                yield_now().await;
                assert_eq!(all_tasks(), [current().unwrap()]);
                // The children are gone, and what they waited for knows it.
                assert!(scene.senders.take().iter().all(oneshot::Sender::is_closed));
            });
        }
    }
}

#[test]
fn whoever_awaits_it_is_shown_waiting_for_each_task_that_is_left() {
    records::run(async {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| oneshot::channel::<u8>()).unzip();
        let made_at = records::here() + 1;
        let both = gather(receivers);
        let tasks = all_tasks();
        let at = records::here() + 1;
        let waits = spawn(async move { both.await.unwrap() });
        // Nobody awaits it yet.
        assert_eq!(joins(), []);
        yield_now().await;
        let join = |target: usize| Join {
            task: waits.id().as_u64(),
            target: tasks[target].as_u64(),
            at,
            made_at,
            perhaps: false,
        };
        assert_eq!(joins(), [join(1), join(2)]);
        let mut senders = senders.into_iter();
        senders.next().unwrap().send(1).unwrap();
        yield_now().await;
        yield_now().await;
        assert_eq!(joins(), [join(2)]);
        senders.next().unwrap().send(2).unwrap();
        assert_eq!(waits.await.unwrap(), [1, 2]);
        assert_eq!(joins(), []);
    });
}

#[test]
fn a_gather_may_be_polled_by_one_task_and_awaited_by_another() {
    records::run(async {
        let both = Rc::new(RefCell::new(Some(gather([after(5, 1), after(6, 2)]))));
        let first = Rc::clone(&both);
        let polls = spawn(async move {
            let mut gather = first.take().unwrap();
            assert!(Pin::new(&mut gather).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            *first.borrow_mut() = Some(gather);
        });
        polls.await.unwrap();
        let second = spawn(async move { both.take().unwrap().await.unwrap() });
        yield_now().await;
        assert_eq!(joins().iter().filter(|join| join.task == second.id().as_u64()).count(), 2);
        assert_eq!(second.await.unwrap(), [1, 2]);
    });
}

#[test]
fn a_gather_inside_of_a_time_limit_ends_with_it() {
    records::run(async {
        let trace = Trace::new();
        let limit = Duration::from_secs(1);
        let late = timeout(limit, gather([forever(&trace, "one"), forever(&trace, "two")])).await;
        assert!(late.is_err());
        yield_now().await;
        trace.expect(&["one", "two"]);
    });
}

/// Adds up a tree of gathers, each of four below it.
fn sum(depth: u32, eager: bool) -> Boxed {
    Box::pin(async move {
        if depth == 0 {
            return Ok(1);
        }
        let below = (0..4).map(|_| sum(depth - 1, eager));
        if !eager {
            return gather(below).await.map(|sums| sums.into_iter().sum()).map_err(|error| error.to_string());
        }
        let mut sums = 0;
        for task in below.map(spawn_eager).collect::<Vec<_>>() {
            sums += task.await.unwrap()?;
        }
        Ok(sums)
    })
}

#[test]
fn gathers_within_gathers_add_up_eager_or_not() {
    records::run(async {
        assert_eq!(sum(5, false).await, Ok(1024));
        let eager = spawn_eager(sum(5, true));
        assert!(eager.is_finished());
        assert_eq!(eager.await.unwrap(), Ok(1024));
    });
}

#[test]
fn tens_of_thousands_are_no_trouble_and_each_end_costs_the_same() {
    records::run(async {
        let settled: Settled<u64> =
            gather_settled((0..20_000).map(|n| async move { after(n % 7, n).await.unwrap() })).await;
        assert!(settled.into_iter().map(Result::unwrap).eq(0..20_000));
        // Cancelling all of them too.
        drop(gather((0..20_000).map(|_| pending::<Result<(), String>>())));
        yield_now().await;
    });
}

#[test]
fn a_wait_that_was_forgotten_leaves_its_tasks_alone() {
    records::run(async {
        let mut handle = spawn(after(3, 9));
        // Only references are forgotten here: the set's entry goes with the loop.
        let mut set = Box::pin(loopscope::task::wait([&mut handle], loopscope::task::When::All));
        assert!(steps::poll(&mut set).is_pending());
        std::mem::forget(set);
        assert_eq!(handle.await.unwrap(), Ok(9));
    });
}

#[test]
fn outside_of_a_loop_it_says_so() {
    let text = panic_of(|| gather([] as [Pending<Result<(), ()>>; 0]));
    assert!(text.starts_with("gathering outside of an event loop"), "{text}");
    let text = panic_of(|| gather_settled([pending::<()>()]));
    assert!(text.starts_with("gathering outside of an event loop"), "{text}");
}
