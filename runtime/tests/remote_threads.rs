//! The channel and the oneshot between loops, plain threads and another executor.
//!
//! Every test is alone in the process, since the descriptors are counted.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/records.rs"]
mod records;

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::task::Poll;
use std::thread;

use foreign::{block_on, poll, waiting};
use loopscope::sync::remote::{channel, oneshot};
use loopscope::telemetry::loops;
use loopscope::{Runner, spawn, yield_now};
use records::{resource, resources, run_live, waits};

/// Nobody else runs, and there are slots for a few loops already: their descriptors stay open.
fn with_loops() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    drop([(); 4].map(|()| Runner::builder().build().unwrap()));
    alone
}

fn live<F: Future>(test: F) -> F::Output {
    let _alone = with_loops();
    run_live(test)
}

/// The numbers of the resources of the loop called `name`.
fn resources_on(name: &str) -> Vec<u64> {
    let reader =
        loops().into_iter().find(|reader| reader.view().is_some_and(|view| view.name == name)).unwrap();
    let mut found = Vec::new();
    reader.resources(&mut |resource| {
        found.push(resource.id.0);
        ControlFlow::Continue(())
    });
    found
}

#[test]
fn each_loop_where_somebody_waits_shows_the_channel_under_one_number() {
    live(async {
        let (sender, mut receiver) = channel::bounded(1);
        let (go, gone) = mpsc::channel();
        let first = sender.clone();
        spawn(async move { first.try_send(0).unwrap() }).detach();
        // Waits once, so that it is shown here.
        assert_eq!(receiver.recv().await, Some(0));
        let here = resource().id;
        let other = thread::spawn(move || {
            let mut runner = loopscope::Runner::builder().name("the sender's").build().unwrap();
            let sent = runner.block_on(async {
                sender.try_send(1).unwrap();
                let task = spawn(async move { sender.send(2).await.is_ok() });
                yield_now().await;
                go.send(resources_on("the sender's")).unwrap();
                task.await.unwrap()
            });
            (sent.unwrap(), resources_on("the sender's"))
        });
        assert_eq!(gone.recv().unwrap(), [here]);
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, Some(2));
        assert_eq!(other.join().unwrap(), (true, vec![]));
        assert_eq!(resource().id, here);
    });
}

#[test]
fn a_receiver_may_move_between_loops_and_threads_and_leaves_nothing_behind() {
    let (sender, receiver) = channel::unbounded();
    let mut receiver = live(async move {
        let mut receiver = receiver;
        assert!(poll(&mut Box::pin(receiver.recv())).is_pending());
        assert_eq!(resources().len(), 1);
        let (waits, has_waited) = mpsc::channel();
        let other = thread::spawn(move || {
            let mut receiver = receiver;
            let first = loopscope::run(async {
                drop(waiting(receiver.recv()));
                waits.send(()).unwrap();
                receiver.recv().await
            });
            (first, receiver)
        });
        has_waited.recv().unwrap();
        sender.send(1).await.unwrap();
        let (first, receiver) = other.join().unwrap();
        assert_eq!(first, Some(1));
        yield_now().await;
        assert_eq!(resources(), [], "what the other thread gave back was freed here");
        sender.try_send(2).unwrap();
        receiver
    });
    assert_eq!(receiver.blocking_recv(), Some(2));
    assert_eq!(block_on(receiver.recv()), None);
}

#[test]
fn a_receiver_may_outlive_the_loop_it_waited_on() {
    let _alone = with_loops();
    let (sender, mut receiver) = channel::unbounded();
    loopscope::run(async { assert!(poll(&mut Box::pin(receiver.recv())).is_pending()) });
    sender.try_send(1).unwrap();
    assert_eq!(loopscope::run(receiver.recv()), Some(1));
    let mut waits = Box::pin(receiver.recv());
    loopscope::run(async { assert!(poll(&mut waits).is_pending()) });
    drop(waits);
    drop(sender);
    assert_eq!(loopscope::run(receiver.recv()), None);
}

#[test]
fn threads_loops_and_other_executors_send_to_one_receiver() {
    const EACH: u32 = 2_000;
    live(async {
        for limit in [Some(1), Some(7), None] {
            let (sender, mut receiver) = channel::named("all", limit);
            let senders = [0, 1, 2].map(|who| {
                let sender = sender.clone();
                thread::spawn(move || {
                    let all = async {
                        for n in 0..EACH {
                            sender.send((who, n)).await.unwrap();
                        }
                    };
                    match who {
                        0 => (0..EACH).for_each(|n| sender.blocking_send((who, n)).unwrap()),
                        1 => block_on(all),
                        _ => loopscope::run(all),
                    }
                })
            });
            drop(sender);
            let mut next = [0; 3];
            while let Some((who, n)) = receiver.recv().await {
                assert_eq!(n, next[who], "the messages of one sender keep their order");
                next[who] += 1;
            }
            assert_eq!(next, [EACH; 3]);
            for sender in senders {
                sender.join().unwrap();
            }
        }
    });
}

#[test]
fn sends_that_are_given_up_under_contention_lose_no_message_and_no_slot() {
    live(async {
        let (sender, mut receiver) = channel::bounded(2);
        let senders = [0, 1, 2].map(|_| {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut count = 0_u32;
                for turn in 0..3_000 {
                    let mut send = Box::pin(sender.send(turn));
                    // Every other one is dropped if it has to wait, whether it was notified by then or not.
                    match poll(&mut send) {
                        Poll::Ready(done) => {
                            done.unwrap();
                            count += 1;
                        }
                        Poll::Pending if turn % 2 == 0 => {
                            block_on(send).unwrap();
                            count += 1;
                        }
                        Poll::Pending => {}
                    }
                }
                count
            })
        });
        drop(sender);
        let mut arrived = 0;
        while receiver.recv().await.is_some() {
            arrived += 1;
        }
        let sent: u32 = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        assert_eq!(arrived, sent);
    });
}

#[test]
fn a_thread_that_blocks_is_told_of_the_end_by_either_side() {
    let _alone = with_loops();
    let (sender, mut receiver) = channel::bounded::<u8>(1);
    let waiting = thread::spawn(move || receiver.blocking_recv());
    drop(sender);
    assert_eq!(waiting.join().unwrap(), None);
    let (sender, receiver) = channel::bounded(1);
    sender.try_send(1).unwrap();
    let waiting = thread::spawn(move || sender.blocking_send(2).unwrap_err().into_inner());
    drop(receiver);
    assert_eq!(waiting.join().unwrap(), 2);
}

#[test]
fn a_value_goes_from_a_thread_to_a_loop_and_back() {
    live(async {
        let (question, asked) = oneshot::channel::<u32>();
        let (answer, answered) = oneshot::channel();
        let thread = thread::spawn(move || {
            let asked = asked.blocking_recv().unwrap();
            answer.send(asked * 2).unwrap();
        });
        question.send(21).unwrap();
        assert_eq!(answered.await, Ok(42));
        thread.join().unwrap();
    });
}

#[test]
fn a_oneshot_that_nobody_fills_ends_on_a_thread_and_under_another_executor() {
    live(async {
        let (sender, receiver) = oneshot::channel::<u8>();
        let blocked = thread::spawn(move || receiver.blocking_recv().is_err());
        let (other, receiver) = oneshot::channel::<u8>();
        let awaited = thread::spawn(move || block_on(receiver).is_err());
        drop((sender, other));
        assert!(blocked.join().unwrap() && awaited.join().unwrap());
    });
}

#[test]
fn a_sender_on_a_thread_learns_that_nobody_wants_the_value() {
    live(async {
        let (mut sender, receiver) = oneshot::channel::<u8>();
        let thread = thread::spawn(move || {
            block_on(sender.closed());
            sender.send(1)
        });
        drop(receiver);
        assert_eq!(thread.join().unwrap(), Err(1));
    });
}

#[test]
fn a_oneshot_that_waited_on_a_loop_may_go_on_waiting_elsewhere() {
    live(async {
        let (sender, mut receiver) = oneshot::named::<u8>("answer");
        assert!(poll(&mut Box::pin(&mut receiver)).is_pending());
        let shown = resource();
        assert_eq!((waits().len(), shown.name.as_deref()), (1, Some("answer")));
        let (waits_there, is_waiting) = mpsc::channel();
        let thread = thread::spawn(move || {
            loopscope::run(async {
                let mut receiver = Box::pin(receiver);
                assert!(poll(&mut receiver).is_pending());
                waits_there.send(resources_of_this_loop()).unwrap();
                receiver.await
            })
        });
        assert_eq!(is_waiting.recv().unwrap(), [shown.id]);
        yield_now().await;
        assert_eq!((waits(), resources()), (vec![], vec![]), "it went along");
        sender.send(1).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(1));
    });
}

fn resources_of_this_loop() -> Vec<u64> {
    let mut found = Vec::new();
    loopscope::Handle::current().reader().resources(&mut |resource| {
        found.push(resource.id.0);
        ControlFlow::Continue(())
    });
    found
}
