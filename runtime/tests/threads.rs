//! `to_thread` as asyncio's: results, panics, several at once, and what of the task-locals goes along.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use futures_util::FutureExt;
use loopscope::{join, spawn, task_local, to_thread};
use records::run;

task_local! {
    static USER: u32;
}

#[test]
fn a_call_on_a_thread_gives_its_result_and_takes_what_it_needs_along() {
    run(async {
        let own = std::thread::current().id();
        let (one, other) = (vec![1, 2], String::from("three"));
        let (sum, text, id) =
            to_thread(move || (one.iter().sum::<i32>(), other, std::thread::current().id())).await;
        assert_eq!((sum, text.as_str()), (3, "three"));
        assert_ne!(id, own);
    });
}

#[test]
fn a_call_is_made_once_and_when_it_is_awaited() {
    run(async {
        let calls = Arc::new(AtomicU32::new(0));
        let inside = Arc::clone(&calls);
        let call = to_thread(move || inside.fetch_add(1, Ordering::SeqCst));
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        call.await;
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_panic_on_the_thread_is_the_callers() {
    run(async {
        let call = std::panic::AssertUnwindSafe(to_thread(|| panic!("oh no"))).catch_unwind();
        assert_eq!(*call.await.unwrap_err().downcast::<&str>().unwrap(), "oh no");
        // A task that does not catch it has it.
        assert!(spawn(to_thread(|| panic!("oh no"))).await.unwrap_err().is_panic());
    });
}

#[test]
fn several_calls_are_made_at_the_same_time() {
    run(async {
        // Each returns only when the other is under way too.
        let barrier = Arc::new(Barrier::new(2));
        let other = Arc::clone(&barrier);
        let (one, other) = join!(to_thread(move || barrier.wait()), to_thread(move || other.wait()));
        assert!(one.is_leader() != other.is_leader());
    });
}

#[test]
fn a_call_sees_the_task_locals_of_whoever_awaits_it_and_changes_none() {
    run(async {
        let seen = USER
            .scope(7, async {
                let seen = to_thread(|| USER.sync_scope(USER.get() + 1, || USER.get())).await;
                (seen, USER.get())
            })
            .await;
        assert_eq!(seen, (8, 7));
        assert!(to_thread(|| USER.try_with(|_| ()).is_err()).await);
    });
}
