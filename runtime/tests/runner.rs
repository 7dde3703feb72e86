//! Making a loop, running futures on it one after the other, and ending it in order.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::async_yields_async, reason = "a handle is taken out of a run")]

#[path = "process/child.rs"]
mod child;
#[path = "support/trace.rs"]
mod trace;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::time::Duration;

use child::{Side, side};
use loopscope::runner::{Survivor, SurvivorWait};
use loopscope::task::Builder;
use loopscope::telemetry::WaitKind;
use loopscope::{Runner, sleep, spawn, yield_now};
use trace::{Defer, Trace, panic_of, paused};

const SECOND: Duration = Duration::from_secs(1);

fn oh_no() -> impl Future<Output = ()> {
    std::future::poll_fn(|_| panic!("oh no"))
}

#[test]
fn tasks_stay_between_two_runs_and_go_on_at_the_next() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let inside = trace.clone();
    let task = runner.block_on(async move {
        spawn(async move {
            for turn in 0..3 {
                inside.push(format!("turn {turn}"));
                yield_now().await;
            }
            inside.push("task over");
        })
    });
    trace.push("first run over");
    runner.block_on(yield_now()).unwrap();
    trace.push("second run over");
    runner.block_on(task.unwrap()).unwrap().unwrap();
    trace.push("third run over");
    trace.expect(&[
        "first run over",
        "turn 0",
        "turn 1",
        "second run over",
        "turn 2",
        "task over",
        "third run over",
    ]);
}

#[test]
fn a_main_may_borrow_from_its_caller() {
    let mut text = String::from("a");
    let mut runner = Runner::builder().build().unwrap();
    for _ in 0..2 {
        runner.block_on(async { text.push('b') }).unwrap();
    }
    assert_eq!(text, "abb");
}

#[test]
fn a_loop_inside_of_a_loop_is_refused_with_the_way_out() {
    let said = "an event loop is already running on this thread: await the future instead, or run the second loop on a \
                thread of its own";
    loopscope::run(async {
        assert_eq!(panic_of(|| loopscope::run(async {})), said);
        let mut second = Runner::builder().build().unwrap();
        assert_eq!(panic_of(|| second.block_on(async {})), said);
        assert_eq!(panic_of(|| second.shutdown(SECOND)), said);
        // The refusals have not disturbed the loop that runs.
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
        let on_its_own = std::thread::spawn(|| loopscope::run(async { 8 }));
        assert_eq!(on_its_own.join().unwrap(), 8);
    });
}

#[test]
fn outside_of_a_loop_everything_that_needs_one_says_so() {
    let said = panic_of(|| spawn(async {}));
    assert_eq!(
        said,
        "loopscope::spawn outside of an event loop: call it from a future under loopscope::run or Runner::block_on"
    );
    assert!(
        panic_of(|| loopscope::call_soon(|| ())).starts_with("loopscope::call_soon outside of an event loop")
    );
    assert!(panic_of(|| sleep(SECOND)).starts_with("loopscope::sleep outside of an event loop"));
    assert!(loopscope::Handle::try_current().is_none());
    assert_eq!(loopscope::current(), None);
}

#[test]
fn the_panic_of_main_is_the_callers_and_the_loop_goes_on() {
    let mut runner = Runner::builder().build().unwrap();
    assert_eq!(panic_of(|| runner.block_on(async { panic!("oh no") })), "oh no");
    assert_eq!(runner.block_on(async { 7 }), Ok(7));
}

#[test]
fn a_shutdown_lets_tasks_end_by_themselves_and_they_may_spawn() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let inside = trace.clone();
    let started = runner.block_on(async move {
        spawn(async move {
            sleep(2 * SECOND).await;
            inside.push("parent");
            spawn(async move {
                sleep(3 * SECOND).await;
                inside.push("child");
            })
            .detach();
        })
        .detach();
    });
    started.unwrap();
    let report = runner.shutdown(6 * SECOND);
    trace.expect(&["parent", "child"]);
    assert!(report.is_clean());
    assert_eq!(report.to_string(), "every task came to its end");
}

#[test]
fn a_shutdown_names_who_was_dropped_at_the_deadline_and_what_they_waited_for() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let inside = trace.clone();
    let started = runner.block_on(async move {
        let (slow, quick, done) = (inside.on_drop("slow"), inside.on_drop("foreign"), inside.clone());
        let first = Builder::new().name("slow").spawn(async move {
            let _slow = slow;
            sleep(3600 * SECOND).await;
        });
        let second = spawn(async move {
            let _foreign = quick;
            pending::<()>().await;
        });
        spawn(async move {
            sleep(SECOND).await;
            done.push("in time");
        })
        .detach();
        let ids = (first.id(), second.id());
        first.detach();
        second.detach();
        ids
    });
    let (first, second) = started.unwrap();
    let report = runner.shutdown(2 * SECOND);
    trace.expect(&["in time", "slow", "foreign"]);
    assert_eq!(report.dropped(), 2);
    let [slow, foreign] = report.survivors() else { panic!("{report}") };
    let Survivor { id, name, spawned_at, waits, .. } = slow;
    assert_eq!((*id, name.as_deref()), (first, Some("slow")));
    let [SurvivorWait { kind: WaitKind::Sleep, at: Some(at), .. }] = &waits[..] else { panic!("{report}") };
    let spawned_at = spawned_at.as_ref().unwrap();
    assert_eq!((at.file.as_str(), at.line - spawned_at.line), (file!(), 2), "the line of the await");
    assert_eq!((foreign.id, foreign.name.as_deref()), (second, None));
    assert_eq!(foreign.waits.iter().map(|wait| wait.kind).collect::<Vec<_>>(), [WaitKind::Foreign]);
    let lines: Vec<_> = report.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "2 tasks were dropped");
    assert_eq!(
        lines[1],
        format!(
            "  {first} \"slow\" spawned at {0}:{1}:{2}, waiting (Sleep) at {0}:{3}:{4}",
            file!(),
            spawned_at.line,
            spawned_at.column,
            at.line,
            at.column
        )
    );
    assert!(lines[2].ends_with(", waiting (Foreign)"), "{}", lines[2]);
}

#[test]
fn a_report_names_a_thousand_and_counts_the_rest() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    runner.block_on(async { (0..2500).for_each(|_| spawn(pending::<()>()).detach()) }).unwrap();
    let report = runner.shutdown(Duration::ZERO);
    assert_eq!((report.dropped(), report.survivors().len()), (2500, 1000));
    assert!(report.survivors().is_sorted_by_key(|survivor| survivor.id));
    assert!(report.to_string().ends_with("\n  … and 1500 more"));
    assert!(report.survivors()[0].waits.is_empty(), "never had its first turn, so ready to run");
}

#[test]
fn dropping_a_runner_drops_the_tasks_and_reports_destructors_that_panic() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let inside = trace.clone();
    let started = runner.block_on(async move {
        for name in ["a", "b", "c"] {
            let trace = inside.clone();
            Builder::new()
                .name(name)
                .spawn(async move {
                    let _guard = Defer(move || {
                        trace.push(format!("{name} dropped"));
                        assert!(name != "b", "in {name}");
                    });
                    pending::<()>().await;
                })
                .detach();
        }
        yield_now().await;
    });
    started.unwrap();
    drop(runner);
    trace.expect(&["a dropped", "b dropped", "b: PanicInDrop(\"in b\")", "c dropped"]);
}

#[test]
fn destructors_that_spawn_while_a_loop_ends_get_cancelled_tasks() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let inside = trace.clone();
    let started = runner.block_on(async move {
        spawn(async move {
            let _guard = Defer(move || {
                let dropped = inside.on_drop("dropped");
                let trace = inside.clone();
                let task = spawn(async move {
                    let _dropped = dropped;
                    trace.push("not reached");
                });
                inside.push(format!("finished: {}", task.is_finished()));
                let late = inside.on_drop("callback dropped");
                loopscope::call_later(SECOND, move || drop(late));
            });
            pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    started.unwrap();
    drop(runner);
    trace.expect(&["finished: false", "dropped", "callback dropped"]);
}

thread_local! {
    static HYDRAS: Cell<u32> = const { Cell::new(0) };
}

/// Spawns another one of itself when it is dropped.
struct Hydra;

impl Drop for Hydra {
    fn drop(&mut self) {
        HYDRAS.set(HYDRAS.get() + 1);
        spawn(keep(Hydra)).detach();
    }
}

async fn keep(_hydra: Hydra) {
    pending::<()>().await;
}

#[test]
fn destructors_that_never_stop_spawning_are_bounded_and_the_leak_is_reported() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    runner.block_on(async { spawn(keep(Hydra)).detach() }).unwrap();
    drop(runner);
    trace.expect(&["-: LeakedAtClose(1)"]);
    assert_eq!(HYDRAS.get(), 1001);
}

#[test]
fn a_handle_that_outlives_its_loop_says_cancelled_and_what_nobody_took_is_dropped_with_the_loop() {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    let output = trace.on_drop("output dropped");
    let (waiting, done, panicked) = runner
        .block_on(async {
            let waiting = spawn(pending::<()>());
            let done = spawn(async { output });
            let panicked = Builder::new().name("bad").spawn(oh_no());
            yield_now().await;
            (waiting, done, panicked)
        })
        .unwrap();
    assert!(done.is_finished());
    drop(runner);
    trace.expect(&["output dropped", "bad: Panic(\"oh no\")"]);
    assert!(waiting.is_finished() && done.is_finished());
    // Another loop in the same slot is none of their business.
    let mut next = paused(&trace).build().unwrap();
    next.block_on(async {
        spawn(async {}).await.unwrap();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert!(done.await.map(drop).unwrap_err().is_cancelled());
        assert!(!panicked.request_cancel());
        assert_eq!(panicked.cancel().await, None::<()>);
    })
    .unwrap();
    trace.expect(&[]);
}

#[test]
fn closures_posted_to_a_loop_that_ends_are_dropped_and_may_post_again() {
    let dropped = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let runner = Runner::builder().build().unwrap();
    let handle = runner.handle();
    let (again, flag) = (handle.clone(), std::sync::Arc::clone(&dropped));
    let guard = Defer(move || {
        flag.store(again.post(|| ()).is_err(), std::sync::atomic::Ordering::Relaxed);
    });
    handle.post(move || drop(guard)).unwrap();
    drop(runner);
    assert!(dropped.load(std::sync::atomic::Ordering::Relaxed), "dropped after the loop's end, and told so");
    assert_eq!(handle.post(|| ()).unwrap_err().to_string(), "the event loop has ended");
    assert!(!handle.is_alive());
}

#[test]
fn a_runner_may_end_inside_of_another_loop() {
    let trace = Trace::new();
    let mut inner = paused(&trace).build().unwrap();
    let guard = trace.on_drop("inner task dropped");
    inner
        .block_on(async {
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
        })
        .unwrap();
    let cell = RefCell::new(Some(inner));
    loopscope::run(async {
        drop(cell.take());
        trace.push("outer goes on");
        spawn(async {}).await.unwrap();
    });
    trace.expect(&["inner task dropped", "outer goes on"]);
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn thousands_of_short_loops_on_several_threads_reuse_slots() {
    let Side::Parent(child) = side("thousands_of_short_loops_on_several_threads_reuse_slots") else {
        let each = if cfg!(debug_assertions) { 500 } else { 2500 };
        let round = || {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    std::thread::spawn(move || {
                        for number in 0..each {
                            let sum = loopscope::run(async move {
                                let tasks: Vec<_> = (0..20).map(|n| spawn(async move { n })).collect();
                                sleep(Duration::from_nanos(1)).await;
                                let mut sum = number;
                                for task in tasks {
                                    sum += task.await.unwrap();
                                }
                                sum
                            });
                            assert_eq!(sum, number + 190);
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        };
        round();
        let (descriptors, resident) = (open_descriptors(), resident_kib());
        round();
        // The second round found at most as many loops alive at once as there are threads, and four slots have 12 descriptors.
        assert!(open_descriptors() <= descriptors.max(12 + 8), "{descriptors} → {}", open_descriptors());
        assert!(resident_kib() <= resident + (8 << 10), "{resident} → {} KiB", resident_kib());
        return;
    };
    assert_eq!(child.end(), (vec![], Ok(0)));
}

#[test]
fn the_256th_loop_alive_is_an_error_that_says_so() {
    let Side::Parent(child) = side("the_256th_loop_alive_is_an_error_that_says_so") else {
        let mut runners: Vec<_> = (0..255).map(|_| Runner::builder().build().unwrap()).collect();
        let error = Runner::builder().build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "255 event loops are alive in this process, which is the most there can be"
        );
        assert_eq!(runners[254].block_on(async { spawn(async { 7 }).await.unwrap() }), Ok(7));
        runners.pop();
        assert_eq!(Runner::builder().build().unwrap().block_on(async { 8 }), Ok(8));
        return;
    };
    assert_eq!(child.end(), (vec![], Ok(0)));
}

#[test]
fn a_reader_of_a_loop_that_ended_says_nothing_of_the_next_one() {
    use loopscope::telemetry::HistogramKind;
    use std::ops::ControlFlow;
    let (reader, name) = loopscope::run(async {
        let reader = loopscope::Handle::current().reader();
        let mut name = None;
        reader.tasks(&mut |task| {
            name = task.name;
            ControlFlow::Break(())
        });
        (reader, name.unwrap())
    });
    // The next loop of this thread has the same slot, unless another test was faster.
    loopscope::run(async {
        loopscope::yield_now().await;
        let mut count = 0;
        reader.tasks(&mut |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        assert_eq!((reader.name(name), count), (None, 0));
        assert_eq!(reader.histogram(HistogramKind::Poll, None).count(), 0);
    });
}
