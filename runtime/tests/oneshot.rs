//! One value, once.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use loopscope::sync::oneshot;
use loopscope::telemetry::WaitKind;
use loopscope::{spawn, yield_now};
use records::{here, resources, run, waits};

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_value_is_there_whether_it_is_sent_before_or_after_it_is_awaited() {
    run(async {
        let (sender, receiver) = oneshot::channel();
        sender.send(1).unwrap();
        assert_eq!(receiver.await, Ok(1));
        let (sender, receiver) = oneshot::channel();
        let task = spawn(receiver);
        yield_now().await;
        sender.send(2).unwrap();
        assert_eq!(task.await.unwrap(), Ok(2));
    });
}

#[test]
fn a_dropped_sender_ends_the_wait() {
    run(async {
        let (sender, receiver) = oneshot::channel::<()>();
        let task = spawn(receiver);
        yield_now().await;
        drop(sender);
        assert!(task.await.unwrap().is_err());
    });
}

#[test]
fn a_dropped_receiver_gives_the_value_back_and_drops_one_that_was_sent() {
    run(async {
        let (sender, receiver) = oneshot::channel();
        assert!(!sender.is_closed());
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(1), Err(1));
        let value = Rc::new(());
        let (sender, receiver) = oneshot::channel();
        sender.send(Rc::clone(&value)).unwrap();
        assert_eq!(Rc::strong_count(&value), 2);
        drop(receiver);
        assert_eq!(Rc::strong_count(&value), 1);
    });
}

#[test]
fn a_sender_may_wait_until_nobody_wants_the_value() {
    run(async {
        let (mut sender, receiver) = oneshot::channel::<()>();
        let task = spawn(async move {
            sender.closed().await;
            sender.closed().await;
            sender.is_closed()
        });
        let line = here() - 4;
        yield_now().await;
        let wait = records::Waiting {
            task: task.id().as_u64(),
            kind: WaitKind::Event,
            resource: None,
            at: line,
            made_at: line,
        };
        assert_eq!(waits(), [wait]);
        drop(receiver);
        assert!(task.await.unwrap());
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    run(async {
        let (mut sender, mut receiver) = oneshot::channel();
        assert!(poll(Pin::new(&mut receiver)).is_pending());
        assert!(poll(Box::pin(sender.closed()).as_mut()).is_pending());
        assert_eq!(waits().len(), 1, "the receiver's; the sender's went with its future");
        assert!(receiver.try_recv().unwrap_err().is_empty());
        sender.send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        assert!(receiver.try_recv().unwrap_err().is_closed());
        assert!((&mut receiver).await.is_err());
        assert_eq!(waits(), []);
    });
}

#[test]
fn the_line_of_the_await_and_where_it_was_made_are_shown() {
    run(async {
        let (sender, receiver) = oneshot::channel::<()>();
        let made_line = here() - 1;
        let task = spawn(async move { receiver.await.is_err() });
        let at = here() - 1;
        yield_now().await;
        let task_id = task.id().as_u64();
        let wait =
            records::Waiting { task: task_id, kind: WaitKind::Recv, resource: None, at, made_at: made_line };
        assert_eq!((waits(), resources()), (vec![wait], vec![]));
        drop(sender);
        assert!(task.await.unwrap());
    });
}

#[test]
fn a_value_that_is_there_needs_no_loop() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert_eq!(poll(Pin::new(&mut receiver)), Poll::Ready(Ok(1)));
}

#[test]
#[should_panic(expected = "waiting for a oneshot outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let (_sender, mut receiver) = oneshot::channel::<()>();
    assert!(poll(Pin::new(&mut receiver)).is_ready());
}

#[test]
fn a_receiver_may_outlive_the_loop_it_waited_on() {
    let (sender, mut receiver) = oneshot::channel();
    loopscope::run(async { assert!(poll(Pin::new(&mut receiver)).is_pending()) });
    sender.send(1).unwrap();
    assert_eq!(loopscope::run(receiver), Ok(1));
}

#[test]
fn a_future_that_waits_on_one_loop_cannot_be_polled_on_another() {
    let (sender, mut receiver) = oneshot::channel::<()>();
    let mut first = loopscope::Runner::builder().build().unwrap();
    first.block_on(async { assert!(poll(Pin::new(&mut receiver)).is_pending()) }).unwrap();
    let error = loopscope::run(async { spawn(receiver).await.unwrap_err().to_string() });
    assert!(error.contains("waits on one event loop was polled on another"), "{error}");
    drop(sender);
}

#[test]
fn one_with_a_name_is_shown_under_it_while_somebody_waits() {
    run(async {
        let made_at = here() + 1;
        let (sender, receiver) = oneshot::named("answer");
        let task = spawn(receiver);
        assert_eq!(resources(), [], "nobody waits yet");
        yield_now().await;
        let shown = records::resource();
        assert_eq!((shown.name.as_deref(), shown.made_at), (Some("answer"), made_at));
        let [wait] = &waits()[..] else { panic!("{:?}", waits()) };
        assert_eq!(
            (wait.kind, wait.resource, wait.task),
            (WaitKind::Recv, Some(shown.id), task.id().as_u64())
        );
        sender.send(1).unwrap();
        assert_eq!(task.await.unwrap(), Ok(1));
        assert_eq!(resources(), [], "nobody waits any more");
    });
}
