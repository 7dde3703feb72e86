//! Promises between a loop and other threads, which is what `concurrent.futures` is in Python.
//!
//! Every test is alone in the process, since the descriptors are counted.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/records.rs"]
mod records;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreign::block_on;
use loopscope::future::{Promise, Promised, RemotePromise, Unfulfilled, promise, promise_named, shared};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{all_tasks, sleep, spawn, yield_now};
use records::{here, resources, run_live, waits};

const fn is_send<T: Send>() {}
const _: () = is_send::<RemotePromise<u8, u8>>();
const _: () = is_send::<Unfulfilled<u8>>();

type Texts = (Promise<u32, &'static str>, Promised<u32, &'static str>);

#[test]
fn another_thread_fulfils_a_promise() {
    run_live(async {
        let (promise, promised): Texts = promise();
        let remote = promise.remote();
        let thread = thread::spawn(move || remote.set(7).unwrap());
        assert_eq!(promised.await, Ok(7));
        thread.join().unwrap();
    });
}

#[test]
fn another_thread_fails_a_promise_or_drops_it() {
    run_live(async {
        let (failing, failed): Texts = promise();
        let (dropped, gone): Texts = promise();
        let (failing, dropped) = (failing.remote(), dropped.remote());
        let thread = thread::spawn(move || {
            failing.fail("no luck").unwrap();
            drop(dropped);
        });
        assert_eq!(failed.await, Err(Unfulfilled::Failed("no luck")));
        assert!(gone.await.unwrap_err().is_cancelled());
        thread.join().unwrap();
    });
}

#[test]
fn the_thread_learns_that_nobody_wants_the_value() {
    run_live(async {
        let (promise, promised): Texts = promise();
        let mut remote = promise.remote();
        yield_now().await;
        let thread = thread::spawn(move || {
            block_on(remote.closed());
            (remote.is_closed(), remote.set(1))
        });
        drop(promised);
        yield_now().await;
        assert_eq!(thread.join().unwrap(), (true, Err(1)));
    });
}

#[test]
fn what_was_cancelled_before_it_came_to_the_thread_comes_back_to_it() {
    run_live(async {
        let (promise, promised): Texts = promise();
        let remote = promise.remote();
        assert!(promised.cancel());
        yield_now().await;
        assert_eq!(remote.fail("too late"), Err("too late"));
        assert!(promised.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_promise_that_was_cancelled_before_is_cancelled_for_the_thread_too() {
    run_live(async {
        let (promise, promised): Texts = promise();
        drop(promised);
        let remote = promise.remote();
        yield_now().await;
        assert_eq!(remote.set(1), Err(1));
    });
}

#[test]
fn a_plain_thread_blocks_for_a_promise_of_a_loop() {
    run_live(async {
        let (promise, promised): Texts = promise();
        let receiver = promised.into_remote();
        let thread = thread::spawn(move || receiver.blocking_recv().unwrap());
        promise.set(7).unwrap();
        yield_now().await;
        yield_now().await;
        assert_eq!(thread.join().unwrap(), Ok(7));
    });
}

#[test]
fn a_thread_that_wants_nothing_any_more_cancels_the_promise() {
    run_live(async {
        let (mut promise, promised): Texts = promise();
        let receiver = promised.into_remote();
        yield_now().await;
        let (dropped, is_dropped) = mpsc::channel();
        let thread = thread::spawn(move || {
            drop(receiver);
            dropped.send(()).unwrap();
        });
        is_dropped.recv().unwrap();
        promise.closed().await;
        assert_eq!(promise.set(1), Err(1));
        thread.join().unwrap();
    });
}

#[test]
fn a_promise_for_another_thread_shows_what_it_waits_for_under_its_name() {
    run_live(async {
        let (promise, promised) = promise_named::<u32, &str>("answer");
        let remote = promise.remote();
        let task = spawn(promised);
        yield_now().await;
        let shown: Vec<_> = resources().into_iter().map(|resource| (resource.kind, resource.name)).collect();
        assert_eq!(shown, [(); 2].map(|()| (ResourceKind::Oneshot, Some("answer".to_owned()))));
        assert_eq!(waits().into_iter().map(|wait| wait.kind).collect::<Vec<_>>(), [WaitKind::Recv; 2]);
        thread::spawn(move || remote.set(1).unwrap()).join().unwrap();
        assert_eq!(task.await.unwrap(), Ok(1));
    });
}

#[test]
fn the_tasks_in_between_show_where_they_were_asked_for_and_no_line_of_the_library() {
    run_live(async {
        let (promise, promised): Texts = promise();
        let remote = promise.remote();
        let (other, awaited): Texts = loopscope::future::promise();
        let elsewhere = awaited.into_remote();
        let nap = shared(sleep(Duration::from_secs(3600)));
        let made_at = here() - 1;
        yield_now().await;
        let mut places: Vec<_> = waits().iter().map(|wait| (wait.kind, wait.at, wait.made_at)).collect();
        places.sort_by_key(|(_, _, made_at)| *made_at);
        let expected = [
            (WaitKind::Event, 0, 0), // for a receiver to go, whose resource says where it was made
            (WaitKind::Recv, 0, made_at - 3), // for what the other thread sets
            (WaitKind::Recv, 0, made_at - 2), // for the promise that is awaited elsewhere
            (WaitKind::Sleep, 0, made_at),
        ];
        assert_eq!(places, expected);
        drop((promised, remote, other, elsewhere, nap));
        while all_tasks().len() > 1 {
            yield_now().await;
        }
    });
}
