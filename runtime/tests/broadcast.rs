//! Every message to every receiver: in order, none lost but what a receiver is told it missed.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use futures_util::StreamExt as _;
use loopscope::sync::broadcast::{self, Receiver, RecvError};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, yield_now};
use proptest::prelude::*;
use records::{here, resource, resources, run, waits};
use steps::{Step, done, dropped_at_each_step, poll};

#[test]
fn every_receiver_gets_every_message_in_order() {
    run(async {
        let (news, first) = broadcast::channel(4);
        let tasks = [first, news.subscribe(), news.subscribe()].map(|mut receiver| {
            spawn(async move {
                let mut got = Vec::new();
                while let Ok(message) = receiver.recv().await {
                    got.push(message);
                }
                got
            })
        });
        for message in 0..10 {
            assert_eq!(news.send(message).unwrap(), 3);
            yield_now().await;
        }
        drop(news);
        for task in tasks {
            assert_eq!(task.await.unwrap(), (0..10).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_receiver_that_falls_behind_is_told_how_many_it_missed_and_goes_on() {
    run(async {
        let (news, mut slow) = broadcast::channel(2);
        for message in 1..=5 {
            news.send(message).unwrap();
        }
        assert_eq!((slow.len(), news.len(), news.limit(), news.missed()), (2, 2, 2, 0));
        let error = slow.recv().await.unwrap_err();
        assert_eq!(
            (error.missed(), error.is_closed(), error.to_string().as_str()),
            (Some(3), false, "3 messages were missed: the receiver fell behind")
        );
        assert_eq!(news.missed(), 3);
        assert_eq!([slow.recv().await, slow.recv().await], [Ok(4), Ok(5)]);
        assert!(slow.try_recv().unwrap_err().is_empty());
        news.send(6).unwrap();
        drop(news);
        assert_eq!(slow.recv().await, Ok(6));
        assert!(slow.recv().await.unwrap_err().is_closed());
        assert!(slow.try_recv().unwrap_err().is_closed());
    });
}

#[test]
fn a_message_goes_when_the_last_receiver_took_it_without_a_copy_for_the_last() {
    #[derive(Debug)]
    struct Counted(Rc<Cell<u32>>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() + 1);
            Self(Rc::clone(&self.0))
        }
    }
    run(async {
        let copies = Rc::new(Cell::new(0));
        let (news, mut first) = broadcast::channel(8);
        let mut second = news.subscribe();
        news.send(Counted(Rc::clone(&copies))).unwrap();
        drop(first.recv().await.unwrap());
        assert_eq!((copies.get(), news.len()), (1, 1));
        drop(second.recv().await.unwrap());
        assert_eq!((copies.get(), news.is_empty(), Rc::strong_count(&copies)), (1, true, 1));
        news.send(Counted(Rc::clone(&copies))).unwrap();
        drop((first, second));
        assert_eq!((news.is_empty(), Rc::strong_count(&copies)), (true, 1), "nobody is left to take it");
        assert!(news.send(Counted(Rc::clone(&copies))).is_err());
    });
}

#[test]
fn a_clone_takes_next_what_its_original_takes_next() {
    run(async {
        let (news, mut first) = broadcast::channel(2);
        news.send(1).unwrap();
        news.send(2).unwrap();
        assert_eq!(first.recv().await, Ok(1));
        let mut second = first.clone();
        assert_eq!((first.recv().await, second.recv().await), (Ok(2), Ok(2)));
        assert!(news.is_empty() && first.is_empty() && second.is_empty());
    });
}

#[test]
fn as_a_stream_it_tells_of_missed_messages_and_ends_with_the_last_sender() {
    run(async {
        let (news, receiver) = broadcast::channel(2);
        let task = spawn(receiver.collect::<Vec<_>>());
        yield_now().await;
        for message in 1..=3 {
            news.send(message).unwrap();
        }
        yield_now().await;
        drop(news);
        let got: Vec<Result<i32, Option<u64>>> = task
            .await
            .unwrap()
            .into_iter()
            .map(|got| got.map_err(|error: RecvError| error.missed()))
            .collect();
        assert_eq!(got, [Err(Some(1)), Ok(2), Ok(3)]);
    });
}

#[test]
fn a_channel_that_keeps_nothing_cannot_be_made() {
    let panic = catch_unwind(|| broadcast::channel::<()>(0)).unwrap_err();
    assert_eq!(
        *panic.downcast_ref::<&str>().unwrap(),
        "a broadcast channel that keeps 0 messages: it must keep at least one to pass it on"
    );
}

#[test]
fn sending_inside_of_the_clone_of_a_message_is_refused() {
    struct Nosy(RefCell<Option<broadcast::Sender<Nosy>>>);
    impl Clone for Nosy {
        fn clone(&self) -> Self {
            if let Some(sender) = self.0.take() {
                drop(sender.send(Nosy(RefCell::default())));
            }
            Self(RefCell::default())
        }
    }
    run(async {
        let (news, mut first) = broadcast::named("news", 2);
        let _second = news.subscribe();
        assert!(news.send(Nosy(RefCell::new(Some(news.clone())))).is_ok());
        let panic = catch_unwind(AssertUnwindSafe(|| drop(first.try_recv()))).unwrap_err();
        assert_eq!(
            panic.downcast_ref::<String>().unwrap(),
            "a broadcast channel \"news\" was used while a message of it was cloned"
        );
    });
}

#[test]
fn a_receiver_refused_inside_of_the_clone_of_a_message_is_not_counted() {
    struct Nosy(RefCell<Option<broadcast::Sender<Nosy>>>);
    impl Clone for Nosy {
        fn clone(&self) -> Self {
            if let Some(sender) = self.0.take() {
                drop(sender.subscribe());
            }
            Self(RefCell::default())
        }
    }
    run(async {
        let (news, mut first) = broadcast::channel(2);
        let mut second = news.subscribe();
        assert!(news.send(Nosy(RefCell::new(Some(news.clone())))).is_ok());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(first.try_recv()))).is_err());
        assert!(second.try_recv().is_ok());
        assert_eq!((news.receivers(), news.len()), (2, 0));
    });
}

#[test]
fn who_waits_is_shown_with_the_name_and_how_full_it_is() {
    run(async {
        let made_at = here() + 1;
        let (news, mut receiver) = broadcast::named("news", 3);
        let behind = news.subscribe();
        assert_eq!(resources(), []);
        let task = spawn(async move { (receiver.recv().await, here()) });
        yield_now().await;
        let shown = resource();
        assert_eq!(
            (shown.kind, shown.name.as_deref(), shown.made_at),
            (ResourceKind::Channel, Some("news"), made_at)
        );
        assert_eq!((shown.len, shown.limit), (Some(0), Some(3)));
        let wait = waits()[0];
        assert_eq!(
            (wait.kind, wait.resource, wait.task),
            (WaitKind::Recv, Some(shown.id), task.id().as_u64())
        );
        news.send(1).unwrap();
        assert_eq!(resource().len, Some(1));
        assert_eq!(task.await.unwrap(), (Ok(1), wait.at));
        drop(behind);
        assert_eq!(resource().len, Some(0));
    });
}

#[test]
#[expect(clippy::await_holding_refcell_ref, reason = "nobody else borrows it meanwhile")]
fn a_receiver_whose_future_is_dropped_at_any_step_has_taken_nothing() {
    dropped_at_each_step(
        || {
            let (news, receiver) = broadcast::channel(2);
            (news, RefCell::new(receiver))
        },
        |(_, receiver)| Box::pin(async { assert_eq!(receiver.borrow_mut().recv().await, Ok(1)) }),
        |(news, _)| assert_eq!(news.send(1), Ok(1)),
        |(news, receiver), step| {
            let left = if step == Step::Notified { vec![Ok(1), Ok(2)] } else { vec![Ok(2)] };
            news.send(2).unwrap();
            let mut receiver = receiver.borrow_mut();
            let got: Vec<_> = (0..left.len()).map(|_| done(&mut Box::pin(receiver.recv()))).collect();
            assert_eq!(got, left);
        },
    );
}

#[test]
fn a_wait_notified_of_what_was_taken_otherwise_waits_on() {
    run(async {
        let (news, mut receiver) = broadcast::channel(2);
        let task = spawn(async move {
            let mut stream = Box::pin(async move {
                assert!(poll(&mut Box::pin(receiver.next())).is_pending());
                yield_now().await;
                assert_eq!(receiver.try_recv(), Ok(1));
                receiver.recv().await
            });
            stream.as_mut().await
        });
        yield_now().await;
        news.send(1).unwrap();
        yield_now().await;
        yield_now().await;
        assert!(!task.is_finished());
        news.send(2).unwrap();
        assert_eq!(task.await.unwrap(), Ok(2));
    });
}

/// A receiver as simply as it can be said: all that was sent since it is there and not taken.
#[derive(Clone, Default)]
struct Model {
    left: VecDeque<u32>,
}

proptest! {
    /// 0, 1: a message is sent; 2: somebody subscribes; 3: a receiver is cloned; 4: it is dropped; else it receives.
    #[test]
    fn any_schedule_gives_every_receiver_what_it_is_owed(
        limit in 1..5_usize,
        steps in prop::collection::vec((0..8_u8, any::<prop::sample::Index>()), 1..150),
    ) {
        run(async {
            let (news, first): (_, Receiver<u32>) = broadcast::channel(limit);
            let (mut next, mut all) = (0, vec![(first, Model::default())]);
            for (step, which) in steps {
                if step < 2 {
                    let takers = news.send(next).unwrap_or(0);
                    assert_eq!(takers, all.len());
                    for (_, model) in &mut all {
                        model.left.push_back(next);
                    }
                    next += 1;
                } else if step == 2 || all.is_empty() {
                    all.push((news.subscribe(), Model::default()));
                } else {
                    let at = which.index(all.len());
                    let (receiver, model) = &mut all[at];
                    match step {
                        3 => {
                            let another = (receiver.clone(), model.clone());
                            all.push(another);
                        }
                        4 => drop(all.swap_remove(at)),
                        _ => {
                            let got = receiver.try_recv();
                            let behind = model.left.len().saturating_sub(limit);
                            if behind > 0 {
                                assert_eq!(got.unwrap_err().missed(), Some(behind as u64));
                                model.left.drain(..behind);
                            } else {
                                assert_eq!(got.ok(), model.left.pop_front());
                            }
                        }
                    }
                }
                let kept = all.iter().map(|(_, model)| model.left.len().min(limit)).max().unwrap_or(0);
                assert_eq!(news.len(), kept);
            }
        });
    }
}
