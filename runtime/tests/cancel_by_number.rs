//! Ending a task from outside, by its number.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::future::pending;
use std::sync::mpsc;
use std::time::Duration;

use loopscope::{Handle, spawn, yield_now};
use records::run;

#[test]
fn a_task_ends_for_whoever_knows_its_number() {
    run(async {
        let task = spawn(pending::<()>());
        yield_now().await;
        let (told, hears) = mpsc::channel();
        assert!(Handle::current().cancel(task.id().as_u64(), move |ends| told.send(ends).unwrap()).unwrap());
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(hears.try_recv().unwrap());
    });
}

#[test]
fn of_a_task_that_is_over_it_is_said_that_it_does_not_end() {
    run(async {
        let task = spawn(async { 7 });
        let id = task.id().as_u64();
        assert_eq!(task.await.unwrap(), 7);
        let (told, hears) = mpsc::channel();
        // The record holds it for a while.
        assert!(Handle::current().cancel(id, move |ends| told.send(ends).unwrap()).unwrap());
        while hears.try_recv().map_err(|_| ()) != Ok(false) {
            yield_now().await;
        }
    });
}

#[test]
fn a_number_that_nobody_has_ends_nobody() {
    run(async {
        let task = spawn(loopscope::sleep(Duration::from_millis(1)));
        assert!(!Handle::current().cancel(u64::MAX, |_| unreachable!()).unwrap());
        task.await.unwrap();
    });
}

#[test]
fn a_loop_that_has_ended_says_so() {
    let handle = run(async { Handle::current() });
    assert!(handle.cancel(1, |_| unreachable!()).is_err());
    assert_eq!(handle.slow_callback(), Duration::from_millis(100));
}

#[test]
fn another_thread_ends_a_task_of_a_loop_that_sleeps() {
    let task = run(async {
        let task = spawn(pending::<()>());
        let (handle, id) = (Handle::current(), task.id().as_u64());
        yield_now().await;
        let thread = std::thread::spawn(move || handle.cancel(id, |_| ()));
        let ended = task.await;
        assert!(thread.join().unwrap().unwrap());
        ended
    });
    assert!(task.unwrap_err().is_cancelled());
}
