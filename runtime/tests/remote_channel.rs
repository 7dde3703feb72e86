//! The channel between loops and threads: bounded, fair, cancel safe, shown on every loop where somebody waits.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/records.rs"]
mod records;

use std::future::Future as _;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Context;

use foreign::{Wakes, done, poll, waiting};
use futures_util::StreamExt as _;
use loopscope::sync::remote::channel::{self, Receiver, Sender};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, yield_now};
use records::{here, resource, resources, run, waits};

const fn is_send<T: Send>() {}
const fn is_sync<T: Sync>() {}
const _: () = is_send::<Sender<u8>>();
const _: () = is_sync::<Sender<u8>>();
const _: () = is_send::<Receiver<u8>>();
const _: () = is_send::<channel::Send<'static, u8>>();
const _: () = is_send::<channel::Recv<'static, u8>>();

#[test]
fn a_sender_waits_for_its_receiver_and_messages_keep_their_order() {
    run(async {
        let (sender, mut receiver) = channel::bounded(2);
        let task = spawn(async move {
            for n in 0..5 {
                sender.send(n).await.unwrap();
            }
        });
        yield_now().await;
        assert_eq!(receiver.len(), 2);
        let mut got = Vec::new();
        while let Some(n) = receiver.recv().await {
            got.push(n);
        }
        assert_eq!(got, [0, 1, 2, 3, 4]);
        task.await.unwrap();
    });
}

#[test]
fn senders_are_served_in_the_order_they_came_and_nobody_overtakes() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        sender.try_send("a").unwrap();
        let (mut first, mut second) = (waiting(sender.send("b")), waiting(sender.send("c")));
        assert_eq!(receiver.try_recv(), Ok("a"));
        // The slot is kept for the first.
        let refused = sender.try_send("x").unwrap_err();
        assert!(refused.is_full());
        assert_eq!(refused.to_string(), "it is full: its limit is 1");
        assert_eq!(refused.into_inner(), "x");
        assert!(poll(&mut second).is_pending());
        let mut third = waiting(sender.send("d"));
        assert_eq!(done(&mut first), Ok(()));
        assert_eq!(receiver.try_recv(), Ok("b"));
        assert!(poll(&mut third).is_pending());
        assert_eq!(done(&mut second), Ok(()));
        assert_eq!(receiver.try_recv(), Ok("c"));
        assert_eq!(done(&mut third), Ok(()));
        assert_eq!(receiver.try_recv(), Ok("d"));
        assert!(receiver.try_recv().unwrap_err().is_empty());
    });
}

#[test]
fn a_send_that_is_dropped_at_any_step_has_sent_nothing_and_keeps_no_slot() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        drop(sender.send(0));
        assert!(receiver.is_empty(), "never polled");
        sender.try_send(1).unwrap();
        let (pending, mut next) = (waiting(sender.send(2)), waiting(sender.send(3)));
        drop(pending);
        assert_eq!(receiver.try_recv(), Ok(1));
        let notified_last = waiting(sender.send(4));
        assert_eq!(done(&mut next), Ok(()), "the one before it waits no more");
        assert_eq!(receiver.try_recv(), Ok(3));
        let mut after = waiting(sender.send(5));
        drop(notified_last);
        assert_eq!(done(&mut after), Ok(()), "the slot that was kept went on");
        let mut over = waiting(sender.send(6));
        assert_eq!(receiver.try_recv(), Ok(5));
        assert_eq!(done(&mut over), Ok(()));
        drop(over);
        assert_eq!(receiver.try_recv(), Ok(6));
        let only = waiting_with_slot(&sender, &mut receiver);
        drop(only);
        sender.try_send(9).unwrap();
        assert_eq!(receiver.try_recv(), Ok(9), "nobody waits, so the slot is anybody's");
        assert_eq!(waits(), []);
    });
}

/// A send that has its slot and was not polled since.
fn waiting_with_slot<'a>(
    sender: &'a Sender<i32>,
    receiver: &mut Receiver<i32>,
) -> std::pin::Pin<Box<channel::Send<'a, i32>>> {
    sender.try_send(7).unwrap();
    let send = waiting(sender.send(8));
    assert_eq!(receiver.try_recv(), Ok(7));
    assert!(sender.try_send(0).is_err(), "the slot is kept");
    send
}

#[test]
fn a_recv_that_is_dropped_at_any_step_takes_nothing_and_wakes_nobody() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        let (woken, waker) = Wakes::new();
        drop(receiver.recv());
        {
            let mut pending = pin!(receiver.recv());
            assert!(pending.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        sender.try_send(1).unwrap();
        assert_eq!(woken.count(), 0, "who waits no more is not woken");
        assert_eq!(receiver.try_recv(), Ok(1));
        {
            let mut notified = pin!(receiver.recv());
            assert!(notified.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            sender.try_send(2).unwrap();
            sender.try_send(3).unwrap();
            assert_eq!(woken.count(), 1, "once a sleep");
        }
        assert_eq!((receiver.recv().await, receiver.len()), (Some(2), 1));
        assert_eq!(receiver.recv().await, Some(3));
        assert_eq!(waits(), []);
    });
}

#[test]
fn messages_come_back_when_the_receiver_goes_or_closes() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let mut waiter = waiting(sender.send(2));
        receiver.close();
        assert!(sender.is_closed());
        let error = done(&mut waiter).unwrap_err();
        assert_eq!(error.to_string(), "it is closed and takes nothing more");
        assert_eq!(error.into_inner(), 2);
        assert!(sender.try_send(3).unwrap_err().is_closed());
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));

        let (sender, receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let mut waiter = waiting(sender.send(2));
        drop(receiver);
        assert_eq!(done(&mut waiter).unwrap_err().into_inner(), 2);
        assert_eq!(sender.send(3).await.unwrap_err().into_inner(), 3);
        assert!(sender.is_empty(), "what nobody received was dropped");
    });
}

#[test]
fn the_receiver_learns_that_all_senders_are_gone() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        let other = sender.clone();
        let task = spawn(async move { (receiver.recv().await, receiver.recv().await, receiver.try_recv()) });
        yield_now().await;
        drop(sender);
        yield_now().await;
        assert!(!task.is_finished());
        other.try_send('x').unwrap();
        drop(other);
        let (first, second, third) = task.await.unwrap();
        assert_eq!((first, second), (Some('x'), None));
        assert!(third.unwrap_err().is_closed());
    });
}

#[test]
fn a_receiver_that_waits_is_woken_by_the_last_sender_that_goes_and_by_no_other() {
    run(async {
        let (sender, mut receiver) = channel::unbounded::<u8>();
        let other = sender.clone();
        let (woken, waker) = Wakes::new();
        let mut waits = pin!(receiver.recv());
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(sender);
        assert_eq!(woken.count(), 0);
        drop(other);
        assert_eq!(woken.count(), 1);
        assert_eq!(waits.await, None);
    });
}

/// How many waits of this loop are only perhaps so.
fn uncertain_waits() -> usize {
    let mut count = 0;
    loopscope::Handle::current().reader().waits(&mut |wait| {
        count += usize::from(wait.perhaps);
        ControlFlow::Continue(())
    });
    count
}

#[test]
fn a_stream_that_is_awaited_as_a_future_next_is_shown_as_that_and_the_other_way_round() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        let task = spawn(async move {
            // The wait of a stream is certain only until the next poll of its task, that of a future as long as it stands.
            yield_now().await;
            yield_now().await;
            drop(waiting(receiver.next()));
            let one = receiver.recv().await;
            drop(waiting(receiver.recv()));
            (one, receiver.next().await)
        });
        let line = here() - 4;
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(waits().into_iter().map(|wait| wait.at).collect::<Vec<_>>(), [line]);
        assert_eq!(uncertain_waits(), 0);
        sender.try_send(1).unwrap();
        yield_now().await;
        assert_eq!(waits().len(), 1);
        sender.try_send(2).unwrap();
        assert_eq!(task.await.unwrap(), (Some(1), Some(2)));
    });
}

#[test]
fn a_receiver_is_a_stream_and_the_wait_is_shown_either_way() {
    run(async {
        let (sender, mut receiver) = channel::named("numbers", Some(4));
        let made_at = here() - 1;
        let task = spawn(async move {
            let one = receiver.next().await;
            let two = receiver.recv().await;
            (one, two, receiver.collect::<Vec<_>>().await)
        });
        let first_line = here() - 4;
        yield_now().await;
        let id = resource().id;
        let shown = |at: u32, kind| records::Waiting {
            task: task.id().as_u64(),
            kind,
            resource: Some(id),
            at,
            made_at: at,
        };
        let of_stream = waits();
        assert_eq!((of_stream.len(), of_stream[0].kind), (1, WaitKind::Recv));
        assert_eq!(of_stream[0].resource, Some(id));
        sender.try_send(1).unwrap();
        yield_now().await;
        assert_eq!(waits(), [shown(first_line + 1, WaitKind::Recv)]);
        let expected = records::Resource {
            id,
            kind: ResourceKind::Channel,
            name: Some("numbers".to_owned()),
            made_at,
            made_by: resource().made_by,
            holder: None,
            held_at: None,
            len: Some(0),
            limit: Some(4),
        };
        assert_eq!(resource(), expected);
        assert!(expected.made_by.is_some(), "the main task made it");
        for n in 2..=5 {
            sender.try_send(n).unwrap();
        }
        drop(sender);
        assert_eq!(task.await.unwrap(), (Some(1), Some(2), vec![3, 4, 5]));
        assert_eq!(resources(), [], "the record went with the receiver");
    });
}

#[test]
fn senders_that_wait_are_shown_with_the_full_channel() {
    run(async {
        let (sender, mut receiver) = channel::named("pipe", Some(1));
        sender.try_send(0).unwrap();
        let tasks = [1, 2].map(|n| {
            let sender = sender.clone();
            spawn(async move { sender.send(n).await.unwrap() })
        });
        let line = here() - 2;
        yield_now().await;
        let pipe = resource();
        assert_eq!((pipe.len, pipe.limit, pipe.name.as_deref()), (Some(1), Some(1), Some("pipe")));
        let expected = [0, 1].map(|at| records::Waiting {
            task: tasks[at].id().as_u64(),
            kind: WaitKind::Send,
            resource: Some(pipe.id),
            at: line,
            made_at: line,
        });
        assert_eq!(waits(), expected);
        for n in 0..3 {
            assert_eq!(receiver.recv().await, Some(n));
            yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(resources(), [], "the record went with the last of them");
    });
}

#[test]
fn blocking_on_the_thread_of_a_loop_is_refused() {
    run(async {
        let (sender, mut receiver) = channel::unbounded::<u8>();
        let text = |panicked: Result<(), Box<dyn std::any::Any + Send>>| {
            *panicked.unwrap_err().downcast::<String>().unwrap()
        };
        let blocked = catch_unwind(AssertUnwindSafe(|| assert_eq!(receiver.blocking_recv(), None)));
        assert_eq!(text(blocked), "blocking_recv would stop the event loop of this thread: await it instead");
        let sent = catch_unwind(AssertUnwindSafe(|| sender.blocking_send(1).unwrap()));
        assert_eq!(text(sent), "blocking_send would stop the event loop of this thread: await it instead");
    });
}

/// Sends when it is dropped.
struct SendsOnDrop(Sender<Option<SendsOnDrop>>);

impl Drop for SendsOnDrop {
    fn drop(&mut self) {
        assert!(self.0.try_send(None).unwrap_err().is_closed());
    }
}

#[test]
fn a_message_that_sends_while_the_receiver_goes_finds_the_channel_closed() {
    run(async {
        let (sender, receiver) = channel::unbounded();
        sender.try_send(Some(SendsOnDrop(sender.clone()))).unwrap();
        drop(receiver);
        assert!(sender.is_empty());
    });
}

#[test]
fn what_a_receiver_that_went_had_taken_at_once_is_in_the_channel_no_more() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        for n in 0..3 {
            sender.try_send(n).unwrap();
        }
        assert_eq!(receiver.try_recv(), Ok(0));
        assert_eq!(sender.len(), 2);
        drop(receiver);
        assert_eq!(sender.len(), 0);
    });
}

#[test]
fn a_receiver_that_is_never_idle_lets_others_run() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        let greedy = spawn(async move {
            for n in 0_u64.. {
                sender.try_send(n).unwrap();
                receiver.recv().await;
            }
        });
        yield_now().await;
        greedy.cancel().await;
    });
}
