//! What a reading for the lints says of a loop in which something of everything is wrong.

use super::*;
use crate::model::Thresholds;
use crate::model::sentinel::Sentinel;
use loopscope::sync::{Mutex, Queue, channel};
use loopscope::task::Builder;
use loopscope::{Runner, Task, spawn, yield_now};
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;

/// Runs `main` on a loop in debug mode on a thread of its own; when it has set up everything, `check` is called with the loop's number.
fn while_it_runs<F, T>(main: impl FnOnce() -> F + Send + 'static, check: impl FnOnce(u64) -> T) -> T
where
    F: Future<Output = Vec<Task<()>>>,
{
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut runner = Runner::builder().debug(true).build().unwrap();
        runner
            .block_on(async move {
                let tasks = main().await;
                let (stop, stopped) = futures_channel::oneshot::channel::<()>();
                tell.send((loopscope::Handle::current().reader().id(), stop)).unwrap();
                let _ = stopped.await;
                for task in tasks {
                    task.cancel().await;
                }
            })
            .unwrap();
    });
    let (id, stop) = told.recv().unwrap();
    let result = check(id);
    let _ = stop.send(());
    thread.join().unwrap();
    result
}

/// A reading of one loop, when it says what is to be seen; a reading may come while the loop writes.
fn seen_of(id: u64, is_complete: impl Fn(&Seen) -> bool) -> Seen {
    loop {
        let mut seen = seen();
        seen.tasks.retain(|task| task.loop_id == id);
        seen.sites.retain(|site| site.loop_id == id);
        seen.locks.retain(|lock| lock.loop_id == id);
        seen.queues.retain(|queue| queue.loop_id == id);
        seen.places.retain(|place| place.loop_id == id);
        seen.loops.retain(|lp| lp.id == id);
        if is_complete(&seen) {
            return seen;
        }
        std::thread::yield_now();
    }
}

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[test]
fn a_lock_is_seen_with_what_its_holder_waits_for() {
    let main = || async {
        let (lock, queue) =
            (Rc::new(Mutex::new(()).named("db")), Rc::new(Queue::<()>::unbounded().named("jobs")));
        let wanted = lock.clone();
        let holder = Builder::new().name("writer").spawn(async move {
            let _held = lock.lock().await;
            let _ = queue.get().await;
        });
        settle().await;
        let waiter = spawn(async move { drop(wanted.lock().await) });
        settle().await;
        vec![holder, waiter]
    };
    let seen = while_it_runs(main, |id| seen_of(id, |seen| seen.locks.len() == 1));
    let lock = &seen.locks[0];
    assert_eq!((lock.what.as_str(), lock.holder_name.as_deref()), ("lock \"db\"", Some("writer")));
    assert_eq!((lock.waiters, lock.is_stuck), (1, false));
    assert!(lock.held_at.as_ref().is_some_and(|at| at.file.ends_with("seen/tests.rs")));
    let (waits_for, at, _) = lock.holder_waits.as_ref().unwrap();
    assert!(waits_for.contains("\"jobs\""), "{waits_for}");
    assert!(at.is_some());
}

#[test]
fn of_a_full_queue_it_is_seen_whether_who_took_from_it_is_over() {
    let main = || async {
        let mut tasks = Vec::new();
        for (name, takes, stays) in [("nobody", false, false), ("over", true, false), ("live", true, true)] {
            let queue = Rc::new(Queue::new(1).named(name));
            let (taken, filled) = (queue.clone(), queue.clone());
            if takes {
                tasks.push(spawn(async move {
                    // Waits first, so that the queue knows its loop.
                    let _ = taken.get().await;
                    if stays {
                        pending::<()>().await;
                    }
                }));
                settle().await;
            }
            tasks.push(spawn(async move { while filled.put(()).await.is_ok() {} }));
            settle().await;
        }
        tasks
    };
    let seen = while_it_runs(main, |id| seen_of(id, |seen| seen.queues.len() == 3));
    let mut takers: Vec<(&str, Taker)> =
        seen.queues.iter().map(|queue| (queue.what.as_str(), queue.taker)).collect();
    takers.sort_by_key(|(what, _)| *what);
    let expected = [
        ("queue \"live\"", Taker::Live),
        ("queue \"nobody\"", Taker::Nobody),
        ("queue \"over\"", Taker::Over),
    ];
    assert_eq!(takers, expected);
}

#[test]
fn a_task_of_which_nobody_has_a_waker_is_seen_and_told() {
    let main = || async {
        let forgotten = Builder::new().name("forgotten").spawn(pending());
        let sleeper =
            Builder::new().name("sleeper").spawn(loopscope::sleep(std::time::Duration::from_secs(3_600)));
        settle().await;
        vec![forgotten, sleeper]
    };
    let idle = |task: &&TaskSeen| task.state == TaskState::Idle && task.wakers == Some(0) && !task.is_main;
    let (found, names) = while_it_runs(main, |id| {
        let seen = seen_of(id, |seen| seen.tasks.iter().any(|task| idle(&task)));
        let names: Vec<_> = seen.tasks.iter().filter(idle).map(|task| task.name.clone()).collect();
        let mut thresholds = Thresholds::default();
        assert_eq!(thresholds.set_by_list("no-waker=1ns"), []);
        let mut sentinel = Sentinel::new();
        sentinel.observe(seen);
        (sentinel.findings(&thresholds), names)
    });
    assert_eq!(names, [Some("forgotten".to_owned())]);
    assert_eq!(found.iter().map(|warning| warning.name.as_str()).collect::<Vec<_>>(), ["no-waker"]);
}

#[test]
fn tasks_that_wait_for_io_and_descriptors_that_nobody_waits_for_are_counted_by_place() {
    let main = || async {
        let mut tasks = Vec::new();
        let mut kept = Vec::new();
        for _ in 0..3 {
            let (a, b) = loopscope::net::UnixStream::pair().unwrap();
            kept.push(b);
            tasks.push(spawn(async move {
                let _ = a.read_exact(&mut [0; 1]).await;
            }));
        }
        tasks.push(spawn(async move {
            pending::<()>().await;
            drop(kept);
        }));
        settle().await;
        tasks
    };
    let is_complete = |seen: &Seen| seen.sites.iter().any(|site| site.waiting_for_io == 3);
    let seen = while_it_runs(main, |id| seen_of(id, is_complete));
    let counts: Vec<(u64, u64)> = seen.places.iter().map(|place| (place.open, place.unused)).collect();
    assert_eq!(counts, [(6, 3)]);
    let site = seen.sites.iter().find(|site| site.waiting_for_io == 3).unwrap();
    assert_eq!((site.live, site.ended), (3, 0));
}

#[test]
fn of_a_full_channel_it_is_seen_whether_who_received_from_it_is_over() {
    let main = || async {
        let mut tasks = Vec::new();
        for (name, receives, stays) in [("nobody", false, false), ("over", true, false), ("live", true, true)]
        {
            let (sender, mut receiver) = channel::named(name, Some(1));
            let kept = Rc::new(Cell::new(None));
            let keep = kept.clone();
            if receives {
                tasks.push(spawn(async move {
                    let _ = receiver.recv().await;
                    keep.set(Some(receiver));
                    if stays {
                        pending::<()>().await;
                    }
                }));
                settle().await;
            } else {
                keep.set(Some(receiver));
            }
            tasks.push(spawn(async move {
                while sender.send(()).await.is_ok() {}
                drop(kept);
            }));
            settle().await;
        }
        tasks
    };
    let seen = while_it_runs(main, |id| seen_of(id, |seen| seen.queues.len() == 3));
    let mut takers: Vec<(&str, Taker)> =
        seen.queues.iter().map(|queue| (queue.what.as_str(), queue.taker)).collect();
    takers.sort_by_key(|(what, _)| *what);
    let expected = [
        ("channel \"live\"", Taker::Live),
        ("channel \"nobody\"", Taker::Nobody),
        ("channel \"over\"", Taker::Over),
    ];
    assert_eq!(takers, expected);
}
