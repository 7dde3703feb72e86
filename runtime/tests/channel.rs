//! The local channel: bounded, fair, cancel safe, closed by either side.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use loopscope::sync::channel;
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, yield_now};
use records::{here, resource, resources, run, waits};

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a future that must have to wait.
#[track_caller]
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
fn messages_of_several_senders_arrive_in_the_order_they_were_sent() {
    run(async {
        let (sender, receiver) = channel::bounded(2);
        for name in ["a", "b"] {
            let sender = sender.clone();
            spawn(async move {
                for turn in 0..3 {
                    sender.send(format!("{name}{turn}")).await.unwrap();
                }
            })
            .detach();
        }
        drop(sender);
        let all: Vec<_> = receiver.collect().await;
        // "a" filled the channel; then both stood in line, and each got one of the two slots.
        assert_eq!(all, ["a0", "a1", "a2", "b0", "b1", "b2"]);
    });
}

#[test]
fn the_receiver_gets_what_is_left_when_all_senders_are_gone() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        let second = sender.clone();
        sender.send(1).await.unwrap();
        drop(sender);
        second.try_send(2).unwrap();
        assert_eq!((receiver.recv().await, receiver.try_recv()), (Some(1), Ok(2)));
        assert!(receiver.try_recv().unwrap_err().is_empty());
        let waiting = spawn(async move { receiver.recv().await });
        yield_now().await;
        drop(second);
        assert_eq!(waiting.await.unwrap(), None);
    });
}

#[test]
fn sending_gives_the_message_back_when_the_receiver_is_gone() {
    run(async {
        let (sender, receiver) = channel::bounded(1);
        let held = Rc::new(());
        sender.send(Rc::clone(&held)).await.unwrap();
        let mut putter = waiting(sender.send(Rc::clone(&held)));
        drop(receiver);
        assert_eq!(done(&mut putter).unwrap_err().into_inner(), held);
        assert!(sender.is_closed());
        assert!(sender.send(Rc::clone(&held)).await.is_err());
        assert!(sender.try_send(Rc::clone(&held)).unwrap_err().is_closed());
        drop(putter);
        assert_eq!(Rc::strong_count(&held), 1, "the message that was left is dropped too");
    });
}

#[test]
fn a_closed_receiver_refuses_and_drains() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let mut putter = waiting(sender.send(2));
        receiver.close();
        assert_eq!(done(&mut putter).unwrap_err().into_inner(), 2);
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));
        assert!(receiver.try_recv().unwrap_err().is_closed());
    });
}

#[test]
fn senders_are_served_in_the_order_they_came_and_nobody_overtakes() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        sender.send("a").await.unwrap();
        let (mut first, mut second) = (waiting(sender.send("b")), waiting(sender.send("c")));
        assert_eq!(receiver.try_recv(), Ok("a"));
        let refused = sender.try_send("x").unwrap_err();
        assert!(refused.is_full(), "the slot is kept for the first");
        assert!(poll(&mut second).is_pending());
        assert_eq!(done(&mut first), Ok(()));
        assert_eq!(receiver.recv().await, Some("b"));
        assert_eq!(done(&mut second), Ok(()));
        assert_eq!(receiver.recv().await, Some("c"));
    });
}

#[test]
fn a_sender_that_is_dropped_passes_on_the_slot_that_was_kept_for_it() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        sender.try_send(0).unwrap();
        let (first, middle, mut last) =
            (waiting(sender.send(1)), waiting(sender.send(2)), waiting(sender.send(3)));
        drop(middle);
        assert_eq!(receiver.try_recv(), Ok(0));
        drop(first);
        assert_eq!(done(&mut last), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(3));
        sender.try_send(4).unwrap();
        let only = waiting(sender.send(5));
        assert_eq!(receiver.try_recv(), Ok(4));
        drop(only);
        sender.try_send(6).unwrap();
        assert_eq!(receiver.try_recv(), Ok(6));
    });
}

#[test]
fn a_receive_that_is_dropped_after_it_was_woken_loses_nothing() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        let woken = waiting(receiver.recv());
        sender.try_send(1).unwrap();
        drop(woken);
        assert_eq!(receiver.recv().await, Some(1));
        let pending = waiting(receiver.recv());
        drop(pending);
        sender.try_send(2).unwrap();
        assert_eq!(receiver.next().await, Some(2));
    });
}

#[test]
fn a_wait_whose_message_was_taken_waits_again() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        drop(waiting(receiver.next()));
        sender.try_send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        let task = spawn(async move { (receiver.next().await, receiver.recv().await) });
        yield_now().await;
        sender.try_send(2).unwrap();
        yield_now().await;
        sender.try_send(3).unwrap();
        assert_eq!(task.await.unwrap(), (Some(2), Some(3)));
    });
}

#[test]
fn a_channel_works_outside_of_a_loop_as_long_as_nobody_waits() {
    let (sender, mut receiver) = channel::named("q", Some(1));
    assert_eq!(done(&mut Box::pin(sender.send(1))), Ok(()));
    assert_eq!((sender.len(), sender.is_empty(), sender.limit()), (1, false, Some(1)));
    assert_eq!(done(&mut Box::pin(receiver.recv())), Some(1));
    assert_eq!((receiver.len(), receiver.is_empty()), (0, true));
    let expected = "Sender(Channel { name: \"q\", len: 0, limit: Some(1), senders: 1, closed: false, .. })";
    assert_eq!(format!("{sender:?}"), expected);
    assert_eq!(channel::unbounded::<()>().0.limit(), None);
}

#[test]
#[should_panic(expected = "receiving outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let (_sender, mut receiver) = channel::unbounded::<()>();
    assert!(poll(&mut Box::pin(receiver.recv())).is_ready());
}

#[test]
#[should_panic(expected = "a channel that holds nothing")]
fn a_channel_of_nothing_is_refused() {
    drop(channel::bounded::<()>(0));
}

#[test]
fn a_channel_goes_on_in_the_next_loop() {
    let (sender, mut receiver) = channel::bounded(1);
    let mut stuck = Box::pin(sender.send(2));
    loopscope::run(async {
        let mut recv = waiting(receiver.recv());
        sender.try_send(1).unwrap();
        assert!(poll(&mut stuck).is_pending());
        assert_eq!(done(&mut recv), Some(1));
        assert!(sender.try_send(0).unwrap_err().is_full(), "the slot is kept");
    });
    sender.try_send(3).unwrap();
    loopscope::run(async {
        assert_eq!(receiver.recv().await, Some(3));
        let recv = waiting(receiver.recv());
        drop(recv);
        assert_eq!(done(&mut stuck), Ok(()));
        assert_eq!(receiver.recv().await, Some(2));
    });
}

#[test]
fn a_slot_kept_for_a_sender_of_a_loop_that_ended_is_free_when_the_receiver_is_the_next_to_wait() {
    let (sender, mut receiver) = channel::bounded(1);
    let mut stuck = Box::pin(sender.send(2));
    loopscope::run(async {
        sender.try_send(1).unwrap();
        assert!(poll(&mut stuck).is_pending());
        assert_eq!(receiver.recv().await, Some(1));
    });
    loopscope::run(async {
        let mut recv = waiting(receiver.recv());
        assert_eq!(done(&mut stuck), Ok(()));
        assert_eq!(done(&mut recv), Some(2));
    });
}

#[test]
fn a_channel_moves_between_two_loops_that_both_live() {
    let (sender, mut receiver) = channel::unbounded();
    let mut loops = [(); 2].map(|()| loopscope::Runner::builder().build().unwrap());
    for turn in 0..4 {
        let message = loops[turn % 2].block_on(async {
            let mut recv = waiting(receiver.recv());
            sender.try_send(turn).unwrap();
            done(&mut recv)
        });
        assert_eq!(message.unwrap(), Some(turn));
    }
}

#[test]
fn a_task_that_is_never_out_of_messages_lets_others_have_turns() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        let greedy = spawn(async move {
            loop {
                sender.send(()).await.unwrap();
                receiver.recv().await.unwrap();
            }
        });
        for _ in 0..5 {
            yield_now().await;
        }
        assert!(!greedy.is_finished());
        greedy.cancel().await;
    });
}

#[test]
fn records_show_who_waits_at_which_end() {
    run(async {
        let made_line = here() + 1;
        let (sender, mut receiver) = channel::named("mail", Some(1));
        let me = loopscope::current().unwrap().as_u64();
        assert_eq!(resources(), []);
        let receiving = spawn(async move {
            let first: i32 = receiver.recv().await.unwrap();
            let second = receiver.next().await;
            (first, second, receiver)
        });
        let recv_line = here() - 4;
        yield_now().await;
        let record = resource();
        let expected = records::Resource {
            id: record.id,
            kind: ResourceKind::Channel,
            name: Some("mail".to_owned()),
            made_at: made_line,
            made_by: Some(me),
            holder: None,
            held_at: None,
            len: Some(0),
            limit: Some(1),
        };
        assert_eq!(record, expected);
        let wait = |task: u64, kind, line| records::Waiting {
            task,
            kind,
            resource: Some(record.id),
            at: line,
            made_at: line,
        };
        assert_eq!(waits(), [wait(receiving.id().as_u64(), WaitKind::Recv, recv_line)]);
        sender.send(1).await.unwrap();
        assert_eq!(resource().len, Some(1));
        yield_now().await;
        // The stream is polled inside futures-util, so that the line is there.
        let stream = waits();
        assert_eq!((stream.len(), stream[0].kind, stream[0].resource), (1, WaitKind::Recv, Some(record.id)));
        sender.send(2).await.unwrap();
        let (first, second, receiver) = receiving.await.unwrap();
        assert_eq!((first, second), (1, Some(2)));
        sender.send(3).await.unwrap();
        let sending = spawn(async move { sender.send(4).await });
        let send_line = here() - 1;
        yield_now().await;
        assert_eq!(resource(), records::Resource { len: Some(1), ..expected }, "the same record");
        assert_eq!(waits(), [wait(sending.id().as_u64(), WaitKind::Send, send_line)]);
        drop(receiver);
        assert!(sending.await.unwrap().is_err());
        assert_eq!(resources(), []);
    });
}
