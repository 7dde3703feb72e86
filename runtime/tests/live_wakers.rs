//! How many wakers of a task are kept: known in debug mode, and 0 where nothing will wake it.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use loopscope::debug::Mode;
use loopscope::sync::Event;
use loopscope::sync::oneshot;
use loopscope::task::Builder;
use loopscope::{Handle, Runner, TaskId, call_later, sleep, spawn, yield_now};

const LONG: Duration = Duration::from_secs(60);

/// Runs `main` in debug mode on a clock of its own.
fn watched<F: Future>(main: F) -> F::Output {
    let mut runner = Runner::builder().debug(true).paused(true).slow_callback(LONG).build().unwrap();
    runner.block_on(main).unwrap()
}

fn wakers_of(task: TaskId) -> Option<u64> {
    Handle::current().reader().task(task.as_u64()).unwrap().wakers
}

#[test]
fn a_task_that_keeps_its_waker_nowhere_has_none() {
    watched(async {
        let stuck = spawn(pending::<()>());
        let sleeping = spawn(sleep(LONG));
        let (_keep, receiver) = oneshot::channel::<()>();
        let waiting = spawn(receiver);
        assert_eq!(wakers_of(stuck.id()), Some(0));
        yield_now().await;
        let counts = [stuck.id(), sleeping.id(), waiting.id()].map(wakers_of);
        assert_eq!(counts, [Some(0), Some(1), Some(1)]);
        for task in [stuck, sleeping] {
            task.cancel().await;
        }
        drop(waiting);
    });
}

#[test]
fn clones_are_counted_until_they_are_dropped_or_woken() {
    watched(async {
        let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
        let keep = kept.clone();
        let task = spawn(poll_fn(move |cx| {
            keep.borrow_mut().push(cx.waker().clone());
            if keep.borrow().len() < 3 { Poll::Pending } else { Poll::Ready(()) }
        }));
        yield_now().await;
        assert_eq!(wakers_of(task.id()), Some(1));
        let second = kept.borrow()[0].clone();
        assert!(second.will_wake(&kept.borrow()[0]));
        assert_eq!(wakers_of(task.id()), Some(2));
        second.wake();
        assert_eq!(wakers_of(task.id()), Some(1), "a waker that is woken is used up");
        yield_now().await;
        assert_eq!(wakers_of(task.id()), Some(2));
        kept.borrow()[1].wake_by_ref();
        assert_eq!(wakers_of(task.id()), Some(2));
        task.await.unwrap();
        assert_eq!(kept.borrow().len(), 3);
        // They outlive their task, and the next one in its place is not theirs.
        let next = spawn(pending::<()>());
        kept.borrow_mut().clear();
        yield_now().await;
        assert_eq!(wakers_of(next.id()), Some(0));
        next.cancel().await;
    });
}

#[test]
fn wakers_that_another_thread_clones_and_drops_are_counted_too() {
    watched(async {
        let (send, receive) = std::sync::mpsc::channel::<Waker>();
        let task = spawn(poll_fn(move |cx| {
            send.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        }));
        yield_now().await;
        let waker = receive.recv().unwrap();
        std::thread::spawn(move || {
            let more: Vec<Waker> = (0..100).map(|_| waker.clone()).collect();
            drop(more);
            std::mem::forget(waker.clone());
        })
        .join()
        .unwrap();
        assert_eq!(wakers_of(task.id()), Some(1), "the forgotten one");
        task.cancel().await;
    });
}

#[test]
fn every_wait_gives_back_the_waker_that_it_kept() {
    watched(async {
        let event = Rc::new(Event::new());
        let (turn, long) = (event.clone(), event.clone());
        let task = Builder::new().name("worker").spawn(async move {
            yield_now().await;
            sleep(Duration::from_millis(1)).await;
            let _ = loopscope::timeout(Duration::from_millis(1), long.wait()).await;
            turn.wait().await;
            loopscope::select! {
                () = sleep(LONG) => {},
                () = pending() => {},
            }
        });
        call_later(Duration::from_millis(10), move || event.set());
        sleep(Duration::from_millis(20)).await;
        assert_eq!(wakers_of(task.id()), Some(1), "that of the long sleep");
        task.cancel().await;
    });
}

#[test]
fn out_of_debug_mode_they_are_not_counted() {
    let mut runner = Runner::builder().debug(false).build().unwrap();
    let handle = runner.handle();
    runner
        .block_on(async {
            let before = spawn(pending::<()>());
            yield_now().await;
            assert_eq!(wakers_of(before.id()), None);
            handle.set_debug(loopscope::debug::Mode::On).unwrap();
            sleep(Duration::from_millis(1)).await;
            let after = spawn(pending::<()>());
            yield_now().await;
            assert_eq!((wakers_of(before.id()), wakers_of(after.id())), (None, Some(0)));
        })
        .unwrap();
}

#[test]
fn a_count_is_unknown_once_debug_mode_was_off_since_clones_were_not_counted_then() {
    watched(async {
        let handle = Handle::current();
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let keep = kept.clone();
        let task = spawn(poll_fn(move |cx| -> Poll<()> {
            *keep.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        }));
        yield_now().await;
        assert_eq!(wakers_of(task.id()), Some(1));
        handle.set_debug(Mode::Off).unwrap();
        sleep(LONG).await;
        kept.take().unwrap().wake();
        yield_now().await;
        assert_eq!(wakers_of(task.id()), None);
        handle.set_debug(Mode::On).unwrap();
        sleep(LONG).await;
        assert_eq!(wakers_of(task.id()), None, "a waker is kept that was not counted");
        task.cancel().await;
    });
}
