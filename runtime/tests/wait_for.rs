//! Awaiting with a limit, as asyncio's `wait_for`: what is lost, what goes on and what ends, whenever it is given up.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::future::{pending, ready};
use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::{Queue, oneshot};
use loopscope::task::{Ending, cancel_requested, shield};
use loopscope::time::{Instant, timeout_graceful};
use loopscope::{sleep, spawn, timeout, timeout_at, yield_now};
use records::run;
use trace::Trace;

const S: Duration = Duration::from_secs(1);

#[test]
fn what_is_there_is_given_even_without_any_time() {
    run(async {
        assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
        assert_eq!(timeout_at(Instant::from_nanos(0), ready(7)).await, Ok(7));
        let finished = spawn(async { 7 });
        yield_now().await;
        assert_eq!(timeout(Duration::ZERO, finished).await.unwrap().unwrap(), 7);
        let begun = Instant::now();
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        assert_eq!(begun.elapsed().as_millis(), 0);
    });
}

#[test]
fn a_limit_drops_what_it_awaits_and_ends_exactly_then() {
    run(async {
        let (trace, begun) = (Trace::new(), Instant::now());
        let work = async {
            let _dropped = trace.on_drop("dropped");
            sleep(60 * S).await;
        };
        assert!(timeout(S, work).await.is_err());
        assert_eq!(begun.elapsed(), S);
        trace.expect(&["dropped"]);
    });
}

#[test]
fn a_limit_around_a_handle_lets_go_of_the_task_and_around_a_reference_of_nothing() {
    run(async {
        let trace = Trace::new();
        let inside = trace.clone();
        let mut task = spawn(async move {
            sleep(5 * S).await;
            inside.push("done");
            7
        });
        assert!(timeout(S, &mut task).await.is_err());
        assert!(timeout(S, &mut task).await.is_err());
        assert_eq!(timeout(60 * S, &mut task).await.unwrap().unwrap(), 7);
        let inside = trace.clone();
        let task = spawn(async move {
            sleep(5 * S).await;
            inside.push("nobody has its handle");
        });
        assert!(timeout(S, task).await.is_err());
        trace.expect(&["done"]);
        sleep(5 * S).await;
        trace.expect(&["nobody has its handle"]);
    });
}

#[test]
fn what_is_shielded_goes_on_when_the_limit_is_over() {
    run(async {
        let trace = Trace::new();
        for limit in [Duration::ZERO, S] {
            let inside = trace.clone();
            let work = shield(async move {
                sleep(5 * S).await;
                inside.push("done");
            });
            assert!(timeout(limit, work).await.is_err());
            trace.expect(&[]);
            sleep(6 * S).await;
            trace.expect(&["done"]);
        }
        let begun = Instant::now();
        let mut work = spawn(sleep(5 * S));
        assert!(timeout(S, &mut work).await.is_err());
        work.await.unwrap();
        assert_eq!(begun.elapsed(), 5 * S);
    });
}

#[test]
fn a_task_may_need_time_to_end_and_the_wait_is_as_long_as_that_but_no_longer_than_its_grace() {
    run(async {
        for (limit, needs, took) in [(S, S, 2 * S), (Duration::ZERO, S, S), (S, 60 * S, 6 * S)] {
            let begun = Instant::now();
            let task = spawn(async move {
                cancel_requested().await;
                sleep(needs).await;
            });
            yield_now().await;
            let ending = timeout_graceful(limit, 5 * S, task).await.unwrap_err();
            assert_eq!(ending.is_dropped(), needs > 5 * S);
            assert_eq!(begun.elapsed().as_millis(), took.as_millis());
        }
    });
}

#[test]
fn a_task_that_fails_or_answers_all_the_same_while_it_is_asked_to_end_is_heard() {
    run(async {
        let fails = spawn(async {
            cancel_requested().await;
            panic!("cannot clean up")
        });
        match timeout_graceful(S, S, fails).await {
            Err(Ending::<()>::Ended(Err(error))) => assert!(error.is_panic(), "{error}"),
            other => panic!("{other:?}"),
        }
        let answers = spawn(async {
            cancel_requested().await;
            Err::<(), _>("an error of its own")
        });
        let ending = timeout_graceful(S, S, answers).await.unwrap_err();
        assert_eq!(ending.output(), Some(Err("an error of its own")));
    });
}

#[test]
fn whoever_waits_with_a_limit_is_cancelled_at_any_turn_and_no_item_is_lost() {
    for (cancelled, put) in (0..6).flat_map(|cancelled| (0..6).map(move |put| (cancelled, put))) {
        run(async move {
            let queue = Rc::new(Queue::new(1));
            let (inside, trace) = (Rc::clone(&queue), Trace::new());
            let heard = trace.clone();
            let waiter = spawn(async move {
                if timeout(60 * S, inside.get()).await.unwrap().is_ok() {
                    heard.push("heard");
                }
            });
            for turn in 0..6 {
                if turn == put {
                    queue.put(7).await.unwrap();
                }
                if turn == cancelled {
                    waiter.request_cancel();
                }
                yield_now().await;
            }
            let result = waiter.await;
            let left = queue.try_get().is_ok();
            let was_heard = result.is_ok();
            assert!(left != was_heard, "cancelled at {cancelled}, put at {put}");
            trace.expect(if was_heard { &["heard"] } else { &[] });
        });
    }
}

#[test]
fn a_limit_that_ends_at_any_turn_loses_no_item_either() {
    for put in 0..8 {
        run(async move {
            let queue = Rc::new(Queue::new(1));
            let inside = Rc::clone(&queue);
            let waiter = spawn(async move { timeout(4 * S, inside.get()).await.is_ok() });
            sleep(S * put).await;
            queue.put(7).await.unwrap();
            sleep(10 * S).await;
            let heard = waiter.await.unwrap();
            assert_eq!(heard, put < 4 || queue.try_get().is_err(), "put at {put}");
        });
    }
}

#[test]
fn who_is_cancelled_in_the_turn_in_which_the_answer_came_is_cancelled() {
    run(async {
        let (sender, receiver) = oneshot::channel();
        let waiter = spawn(timeout(60 * S, receiver));
        yield_now().await;
        sender.send(7).unwrap();
        assert!(waiter.cancel().await.is_none(), "a cancellation is never hidden by an answer");
        let (sender, receiver) = oneshot::channel();
        let waiter = spawn(timeout(60 * S, receiver));
        yield_now().await;
        sender.send(7).unwrap();
        yield_now().await;
        assert_eq!(waiter.cancel().await, Some(Ok(Ok(7))), "nor an answer by one that comes too late");
    });
}
