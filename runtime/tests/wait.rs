//! Waiting for some of many tasks.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/joins.rs"]
mod joins;
#[path = "support/naps.rs"]
mod naps;
#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use joins::{Join, joins};
use loopscope::task::{When, as_completed, spawn_eager, wait};
use loopscope::telemetry::WaitKind;
use loopscope::time::Instant;
use loopscope::{Task, current, sleep, spawn, spawn_fallible, timeout, yield_now};
use naps::{cancel, ms, naps, results};
use steps::Step;
use trace::{Trace, panic_of, paused};

#[test]
fn waiting_for_all_gives_them_in_the_order_in_which_they_ended() {
    records::run(async {
        let start = Instant::now();
        let waited = wait(naps(&[20, 5, 10]), When::All).await.unwrap();
        assert_eq!(ms(start), 20);
        assert!(waited.pending.is_empty());
        assert_eq!(results(waited.done).await, [1, 2, 0]);
    });
}

#[test]
fn waiting_for_the_first_leaves_the_others_alone() {
    records::run(async {
        let start = Instant::now();
        let tasks = naps(&[20, 5, 5, 30]);
        let ids: Vec<_> = tasks.iter().map(Task::id).collect();
        let waited = wait(tasks, When::FirstCompleted).await.unwrap();
        // Two ended at the same time.
        assert_eq!(ms(start), 5);
        assert_eq!(results(waited.done).await, [1, 2]);
        assert_eq!(waited.pending.iter().map(Task::id).collect::<Vec<_>>(), [ids[0], ids[3]]);
        let waited = wait(waited.pending, When::All).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (30, vec![0, 3]));
    });
}

#[test]
fn tasks_that_are_over_already_count() {
    records::run(async {
        let start = Instant::now();
        let over = spawn_eager(async { 7 });
        let waited = wait([naps(&[10]).remove(0), over], When::FirstCompleted).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (0, vec![7]));
        assert_eq!(joins(), []);
        cancel(waited.pending).await;
        let over = [spawn_eager(async { 1 }), spawn_eager(async { 2 })];
        let mut all = Box::pin(wait(over, When::All));
        let done = steps::done(&mut all).unwrap().done;
        assert_eq!(results(done).await, [1, 2]);
    });
}

#[test]
fn waiting_for_nothing_is_an_error() {
    records::run(async {
        let nothing = wait(Vec::<Task<()>>::new(), When::FirstCompleted).await;
        assert_eq!(nothing.unwrap_err().to_string(), "waiting for tasks: there is none to wait for");
    });
}

#[test]
fn the_first_error_is_a_panic_or_an_error_that_was_announced_but_no_cancellation() {
    type Answer = Result<u8, String>;
    records::run(async {
        let start = Instant::now();
        let later = |after: u64, answer: Answer| async move {
            sleep(Duration::from_millis(after)).await;
            answer
        };
        let cancelled: Task<Answer> = spawn(pending());
        cancelled.request_cancel();
        let tasks = [
            cancelled,
            spawn_fallible(later(1, Ok(1))),
            // Of this one nobody said that its result is one.
            spawn(later(2, Err("not announced".to_owned()))),
            spawn_fallible(later(3, Err("announced".to_owned()))),
            spawn_fallible(later(4, Ok(4))),
        ];
        let waited = wait(tasks, When::FirstError).await.unwrap();
        assert_eq!(ms(start), 3);
        let mut done = waited.done.into_iter();
        assert!(done.next().unwrap().await.unwrap_err().is_cancelled());
        assert_eq!(done.next().unwrap().await.unwrap(), Ok(1));
        assert_eq!(done.next().unwrap().await.unwrap(), Err("not announced".to_owned()));
        assert_eq!(done.next().unwrap().await.unwrap(), Err("announced".to_owned()));
        assert!(done.next().is_none());

        let mut tasks = waited.pending;
        tasks.push(spawn(async {
            yield_now().await;
            panic!("oh no")
        }));
        let waited = wait(tasks, When::FirstError).await.unwrap();
        assert_eq!((ms(start), waited.pending.len()), (3, 1));
        assert!(waited.done.into_iter().next().unwrap().await.unwrap_err().is_panic());
        // Nobody fails: then all.
        let waited = wait(waited.pending, When::FirstError).await.unwrap();
        assert_eq!((ms(start), waited.done.len(), waited.pending.len()), (4, 1, 0));
        drop(waited.done.into_iter().next().unwrap().await);
    });
}

#[test]
fn a_time_limit_is_no_error_and_cancels_nobody() {
    records::run(async {
        let start = Instant::now();
        let limit = Duration::from_millis(8);
        let waited = wait(naps(&[10, 5, 20]), When::All).timeout(limit).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (8, vec![1]));
        // A limit of zero looks, and no more.
        let waited = wait(waited.pending, When::All).timeout(Duration::ZERO).await.unwrap();
        assert_eq!((ms(start), waited.done.len()), (8, 0));
        let waited = wait(waited.pending, When::All).timeout(Duration::from_secs(9)).await.unwrap();
        assert_eq!((ms(start), results(waited.done).await), (20, vec![0, 2]));
        assert_eq!(records::waits(), []);
    });
}

#[test]
fn a_wait_for_references_keeps_the_handles_whatever_becomes_of_it() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        records::run(async {
            let mut tasks = naps(&[1, 2]);
            let mut all = Box::pin(wait(&mut tasks, When::All));
            if step != Step::NeverPolled {
                assert!(steps::poll(&mut all).is_pending());
                assert_eq!(joins().len(), 2);
            }
            if matches!(step, Step::Notified | Step::Done) {
                sleep(Duration::from_millis(5)).await;
            }
            if step == Step::Done {
                assert_eq!(steps::done(&mut all).unwrap().done.len(), 2);
            }
            drop(all);
            assert_eq!(joins(), []);
            // Whatever the step, nothing is lost.
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            assert_eq!(sum, 1);
        });
    }
}

#[test]
fn a_wait_that_is_dropped_detaches_the_tasks_it_was_given() {
    records::run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let task = spawn(async move {
            sleep(Duration::from_millis(2)).await;
            inside.push("came to its end");
        });
        let late = timeout(Duration::from_millis(1), wait([task], When::All)).await;
        assert!(late.is_err());
        sleep(Duration::from_millis(2)).await;
        trace.expect(&["came to its end"]);
    });
}

#[test]
fn a_wait_is_shown_where_it_is_awaited_with_its_limit() {
    records::run(async {
        let tasks = naps(&[10, 20]);
        let targets: Vec<_> = tasks.iter().map(|task| task.id().as_u64()).collect();
        let (here, made_at) = (current().unwrap().as_u64(), records::here() + 1);
        let all = wait(tasks, When::All).timeout(Duration::from_secs(1));
        let watcher = spawn(async move {
            let waits = records::waits();
            (joins(), waits.into_iter().filter(|wait| wait.task == here).collect::<Vec<_>>())
        });
        let at = records::here() + 1;
        drop(all.await.unwrap());
        let (joins, waits) = watcher.await.unwrap();
        let join = |target| Join { task: here, target, at, made_at, perhaps: false };
        assert_eq!(joins, targets.into_iter().map(join).collect::<Vec<_>>());
        assert_eq!(waits.len(), 1);
        assert_eq!((waits[0].kind, waits[0].at, waits[0].made_at), (WaitKind::Sleep, at, made_at));
    });
}

#[test]
fn what_waits_may_outlive_the_loop_of_its_tasks() {
    let kept = Rc::new(RefCell::new(None));
    let mut runner = paused(&Trace::new()).build().unwrap();
    let keep = Rc::clone(&kept);
    let endless = || [spawn(pending::<u8>()), spawn(pending())];
    runner
        .block_on(async move {
            let mut all = Box::pin(wait(endless(), When::All));
            assert!(steps::poll(&mut all).is_pending());
            *keep.borrow_mut() = Some((all, as_completed(endless())));
        })
        .unwrap();
    drop(runner);
    let (all, mut completed) = kept.take().unwrap();
    records::run(async {
        let waited = all.await.unwrap();
        assert_eq!((waited.done.len(), waited.pending.len()), (2, 0));
        assert!(waited.done.into_iter().next().unwrap().await.unwrap_err().is_cancelled());
        assert!(completed.next().await.unwrap().await.unwrap_err().is_cancelled());
        assert!(completed.next().await.unwrap().is_finished());
        assert!(completed.next().await.is_none());
    });
}

#[test]
fn tasks_of_another_loop_are_refused() {
    let mut runner = paused(&Trace::new()).build().unwrap();
    let endless = || spawn(pending::<()>());
    let task = runner.block_on(std::future::poll_fn(|_| Poll::Ready(endless()))).unwrap();
    let id = task.id();
    let text = records::run(async { panic_of(|| wait([task], When::All)) });
    assert_eq!(text, format!("waiting for tasks: task {id} belongs to another event loop"));
    let task = runner.block_on(std::future::poll_fn(|_| Poll::Ready(endless()))).unwrap();
    let text = panic_of(|| as_completed([task]));
    assert!(text.starts_with("waiting for tasks outside of an event loop"), "{text}");
}
