//! The queue: bounded, fair, cancel safe, and nothing lost.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use loopscope::sync::Queue;
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, yield_now};
use records::{here, resource, resources, run, waits};

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a future that must have to wait.
fn waiting<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(&mut future).is_pending());
    future
}

/// Polls a future that must be done.
#[track_caller]
fn done<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> F::Output {
    match poll(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it still waits"),
    }
}

#[test]
fn a_producer_waits_for_its_consumer_and_items_keep_their_order() {
    run(async {
        let trace = Rc::new(RefCell::new(Vec::new()));
        let queue = Rc::new(Queue::new(2));
        let (jobs, lines) = (Rc::clone(&queue), Rc::clone(&trace));
        let producer = spawn(async move {
            for job in 0..5 {
                jobs.put(job).await.unwrap();
                lines.borrow_mut().push(format!("put {job}"));
            }
            jobs.close();
        });
        let lines = Rc::clone(&trace);
        let consumer = spawn(async move {
            while let Ok(job) = queue.get().await {
                lines.borrow_mut().push(format!("got {job}"));
            }
        });
        producer.await.unwrap();
        consumer.await.unwrap();
        let expected =
            ["put 0", "put 1", "got 0", "got 1", "put 2", "put 3", "got 2", "got 3", "put 4", "got 4"];
        assert_eq!(*trace.borrow(), expected);
    });
}

#[test]
fn getters_are_served_in_the_order_they_came_and_nobody_overtakes() {
    run(async {
        let queue = Queue::new(4);
        let (mut first, mut second) = (waiting(queue.get()), waiting(queue.get()));
        queue.try_put("a").unwrap();
        assert_eq!(queue.len(), 1);
        // The item is kept for the first: neither a newcomer nor the second gets it.
        assert!(queue.try_get().unwrap_err().is_empty());
        let mut third = waiting(queue.get());
        assert!(poll(&mut second).is_pending());
        assert_eq!(done(&mut first), Ok("a"));
        queue.try_put("b").unwrap();
        queue.try_put("c").unwrap();
        queue.try_put("d").unwrap();
        assert_eq!(queue.try_get(), Ok("b"), "the first free item is the first in the queue");
        assert_eq!((done(&mut second), done(&mut third)), (Ok("c"), Ok("d")));
    });
}

#[test]
fn putters_are_served_in_the_order_they_came_and_nobody_overtakes() {
    run(async {
        let queue = Queue::new(1);
        queue.put("a").await.unwrap();
        let (mut first, mut second) = (waiting(queue.put("b")), waiting(queue.put("c")));
        assert_eq!(queue.try_get(), Ok("a"));
        assert!(queue.is_empty());
        // The slot is kept for the first.
        let refused = queue.try_put("x").unwrap_err();
        assert!(refused.is_full() && !refused.is_closed());
        assert_eq!(refused.to_string(), "it is full: its limit is 1");
        assert_eq!(refused.into_inner(), "x");
        let mut third = waiting(queue.put("d"));
        assert_eq!(done(&mut first), Ok(()));
        assert!(queue.is_full());
        assert_eq!(queue.get().await, Ok("b"));
        assert_eq!(done(&mut second), Ok(()));
        assert_eq!(queue.get().await, Ok("c"));
        assert_eq!(done(&mut third), Ok(()));
        assert_eq!(queue.get().await, Ok("d"));
    });
}

#[test]
fn a_getter_that_is_dropped_passes_on_the_item_that_was_kept_for_it() {
    run(async {
        let queue = Queue::new(1);
        let (first, mut second) = (waiting(queue.get()), waiting(queue.get()));
        queue.try_put(1).unwrap();
        drop(first);
        assert_eq!(done(&mut second), Ok(1));
        let only = waiting(queue.get());
        queue.try_put(2).unwrap();
        drop(only);
        assert_eq!(queue.try_get(), Ok(2), "nobody waits, so it is anybody's");
    });
}

#[test]
fn a_putter_that_is_dropped_passes_on_the_slot_that_was_kept_for_it() {
    run(async {
        let queue = Queue::new(1);
        queue.try_put(0).unwrap();
        let (first, mut second) = (waiting(queue.put(1)), waiting(queue.put(2)));
        queue.try_get().unwrap();
        drop(first);
        assert_eq!(done(&mut second), Ok(()));
        assert_eq!(queue.try_get(), Ok(2));
        queue.try_put(3).unwrap();
        let only = waiting(queue.put(4));
        queue.try_get().unwrap();
        drop(only);
        queue.try_put(5).unwrap();
        assert_eq!(queue.try_get(), Ok(5));
    });
}

#[test]
fn a_waiter_that_is_dropped_before_its_turn_leaves_no_gap() {
    run(async {
        let queue = Queue::new(1);
        let (mut first, middle, mut last) =
            (waiting(queue.get()), waiting(queue.get()), waiting(queue.get()));
        drop(middle);
        queue.try_put(1).unwrap();
        assert_eq!(done(&mut first), Ok(1));
        queue.try_put(2).unwrap();
        assert_eq!(done(&mut last), Ok(2));
        queue.try_put(3).unwrap();
        let (mut first, middle, mut last) =
            (waiting(queue.put(4)), waiting(queue.put(5)), waiting(queue.put(6)));
        drop(middle);
        assert_eq!(queue.try_get(), Ok(3));
        assert_eq!(done(&mut first), Ok(()));
        assert_eq!(queue.try_get(), Ok(4));
        assert_eq!(done(&mut last), Ok(()));
        assert_eq!(queue.try_get(), Ok(6));
    });
}

#[test]
fn a_closed_queue_is_drained_and_then_refuses() {
    run(async {
        let queue = Queue::new(2);
        queue.put(1).await.unwrap();
        queue.put(2).await.unwrap();
        let mut putter = waiting(queue.put(3));
        queue.close();
        queue.close();
        assert!(queue.is_closed());
        let error = done(&mut putter).unwrap_err();
        assert_eq!(error.to_string(), "it is closed and takes nothing more");
        assert_eq!(error.into_inner(), 3);
        assert!(queue.put(4).await.is_err());
        assert!(queue.try_put(5).unwrap_err().is_closed());
        assert_eq!((queue.get().await, queue.try_get()), (Ok(1), Ok(2)));
        assert_eq!(queue.get().await.unwrap_err().to_string(), "it is closed and nothing is left in it");
        assert!(queue.try_get().unwrap_err().is_closed());
    });
}

#[test]
fn closing_wakes_all_who_wait_and_the_items_that_are_left_are_still_theirs() {
    run(async {
        let queue = Queue::new(2);
        let (mut first, mut second) = (waiting(queue.get()), waiting(queue.get()));
        queue.try_put(1).unwrap();
        queue.close();
        assert_eq!(done(&mut first), Ok(1));
        assert!(done(&mut second).is_err());
    });
}

#[test]
fn an_item_kept_for_a_dropped_getter_survives_the_closing() {
    run(async {
        let queue = Queue::new(2);
        let (first, mut second) = (waiting(queue.get()), waiting(queue.get()));
        queue.try_put(1).unwrap();
        queue.close();
        drop(first);
        assert_eq!(done(&mut second), Ok(1));
    });
}

#[test]
fn a_putter_that_has_its_slot_is_refused_when_the_queue_closes_first() {
    run(async {
        let queue = Queue::new(1);
        queue.try_put(1).unwrap();
        let mut putter = waiting(queue.put(2));
        assert_eq!(queue.try_get(), Ok(1));
        queue.close();
        assert_eq!(done(&mut putter).unwrap_err().into_inner(), 2);
        assert!(queue.is_empty());
    });
}

#[test]
fn closing_now_drops_the_items_and_ends_the_join() {
    run(async {
        let queue = Rc::new(Queue::new(4));
        let item = Rc::new(());
        for _ in 0..3 {
            queue.put(Rc::clone(&item)).await.unwrap();
        }
        drop(queue.get().await.unwrap());
        assert_eq!(queue.unfinished(), 3);
        let mut join = waiting(queue.join());
        assert_eq!(queue.close_now(), 2);
        assert_eq!(Rc::strong_count(&item), 1);
        assert_eq!(queue.unfinished(), 1, "the one that was taken is not done");
        assert!(poll(&mut join).is_pending());
        queue.task_done();
        done(&mut join);
        assert!(queue.get().await.is_err());
    });
}

#[test]
fn closing_now_takes_back_an_item_that_was_kept_for_a_getter() {
    run(async {
        let queue = Queue::new(1);
        let mut getter = waiting(queue.get());
        queue.try_put(1).unwrap();
        assert_eq!(queue.close_now(), 1);
        assert!(done(&mut getter).is_err());
        assert_eq!(queue.unfinished(), 0);
    });
}

#[test]
fn join_waits_for_every_item_to_be_done() {
    run(async {
        let queue = Queue::new(2);
        queue.join().await;
        queue.put(1).await.unwrap();
        queue.put(2).await.unwrap();
        let mut join = waiting(queue.join());
        queue.get().await.unwrap();
        queue.task_done();
        assert!(poll(&mut join).is_pending());
        queue.get().await.unwrap();
        assert!(poll(&mut join).is_pending());
        queue.task_done();
        done(&mut join);
    });
}

#[test]
#[should_panic(expected = "task_done() was called more often than items were put")]
fn task_done_once_too_often_panics() {
    Queue::<()>::unbounded().task_done();
}

#[test]
#[should_panic(expected = "a queue that holds nothing")]
fn a_queue_of_nothing_is_refused() {
    drop(Queue::<()>::new(0));
}

#[test]
fn a_queue_works_outside_of_a_loop_as_long_as_nobody_waits() {
    let queue = Queue::new(1);
    assert_eq!(done(&mut Box::pin(queue.put(1))), Ok(()));
    assert_eq!(done(&mut Box::pin(queue.get())), Ok(1));
    done(&mut Box::pin(Queue::<()>::unbounded().join()));
    assert_eq!((queue.limit(), Queue::<()>::unbounded().limit()), (Some(1), None));
    assert_eq!(
        format!("{:?}", queue.named("q")),
        "Queue { name: \"q\", len: 0, limit: Some(1), waiters: 0, unfinished: 1, closed: false, .. }"
    );
}

#[test]
#[should_panic(expected = "waiting for a queue outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let queue = Queue::<()>::new(1);
    assert!(poll(&mut Box::pin(queue.get())).is_ready());
}

#[test]
fn what_was_kept_for_a_waiter_of_a_loop_that_ended_is_free_again() {
    let queue = Queue::new(1);
    let mut getter = Box::pin(queue.get());
    loopscope::run(async {
        assert!(poll(&mut getter).is_pending());
        queue.try_put(1).unwrap();
    });
    assert_eq!(queue.try_get(), Ok(1));
    queue.try_put(2).unwrap();
    let mut putter = Box::pin(queue.put(3));
    loopscope::run(async {
        assert!(poll(&mut putter).is_pending());
        assert_eq!(queue.try_get(), Ok(2));
    });
    queue.try_put(4).unwrap();
    drop((getter, putter));
    assert_eq!(queue.try_get(), Ok(4));
}

#[test]
fn what_was_kept_for_a_waiter_of_a_loop_that_ended_is_free_when_a_join_is_the_next_to_wait() {
    let queue = Queue::new(1);
    let mut putter = Box::pin(queue.put(2));
    loopscope::run(async {
        queue.try_put(1).unwrap();
        assert!(poll(&mut putter).is_pending());
        assert_eq!(queue.try_get(), Ok(1));
    });
    loopscope::run(async {
        let _join = waiting(queue.join());
        assert_eq!(done(&mut putter), Ok(()));
    });
}

#[test]
fn records_show_both_kinds_of_waiters_and_how_full_it_is() {
    run(async {
        let (made_line, queue) = (here(), Rc::new(Queue::new(1).named("jobs")));
        let me = loopscope::current().unwrap().as_u64();
        assert_eq!(resources(), []);
        let inside = Rc::clone(&queue);
        let getter = spawn(async move {
            let _item: i32 = inside.get().await.unwrap();
            std::future::pending::<()>().await;
        });
        let get_line = here() - 3;
        yield_now().await;
        let record = resource();
        let expected = records::Resource {
            id: record.id,
            kind: ResourceKind::Queue,
            name: Some("jobs".to_owned()),
            made_at: made_line,
            made_by: Some(me),
            holder: None,
            held_at: None,
            len: Some(0),
            limit: Some(1),
        };
        assert_eq!(record, expected);
        let waiting = |task: u64, kind, line| records::Waiting {
            task,
            kind,
            resource: Some(record.id),
            at: line,
            made_at: line,
        };
        assert_eq!(waits(), [waiting(getter.id().as_u64(), WaitKind::Get, get_line)]);
        queue.put(1).await.unwrap();
        assert_eq!(resource().len, Some(1));
        yield_now().await;
        assert_eq!((waits(), resources()), (vec![], vec![]));
        queue.put(2).await.unwrap();
        let inside = Rc::clone(&queue);
        let putter = spawn(async move { inside.put(3).await.unwrap() });
        let put_line = here() - 1;
        let inside = Rc::clone(&queue);
        let joiner = spawn(async move { inside.join().await });
        let join_line = here() - 1;
        yield_now().await;
        assert_eq!(resource(), records::Resource { len: Some(1), ..expected }, "the same number");
        assert_eq!(
            waits(),
            [
                waiting(putter.id().as_u64(), WaitKind::Put, put_line),
                waiting(joiner.id().as_u64(), WaitKind::Event, join_line)
            ]
        );
        for task in [getter, putter, joiner] {
            task.cancel().await;
        }
    });
}
