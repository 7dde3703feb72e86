//! One value between threads, on one loop: what is shown, and what happens when either side goes.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/records.rs"]
mod records;

use std::sync::Arc;

use foreign::{done, poll, waiting};
use loopscope::sync::remote::oneshot::{self, Receiver, Sender};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, yield_now};
use records::{here, resource, resources, run, waits};

const fn is_send<T: Send>() {}
const _: () = is_send::<Sender<u8>>();
const _: () = is_send::<Receiver<u8>>();

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
fn the_wait_is_shown_with_its_lines_and_its_named_resource() {
    run(async {
        let (sender, receiver) = oneshot::named::<()>("answer");
        let made_at = here() - 1;
        let task = spawn(async move { receiver.await.is_err() });
        let at = here() - 1;
        yield_now().await;
        let shown = resource();
        assert_eq!((shown.kind, shown.name.as_deref()), (ResourceKind::Oneshot, Some("answer")));
        assert_eq!((shown.made_at, shown.len, shown.limit), (made_at, None, None));
        let task_id = task.id().as_u64();
        let (kind, resource) = (WaitKind::Recv, Some(shown.id));
        assert_eq!(waits(), [records::Waiting { task: task_id, kind, resource, at, made_at }]);
        drop(sender);
        assert!(task.await.unwrap());
        assert_eq!(resources(), []);
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
        let value = Arc::new(());
        let (sender, receiver) = oneshot::channel();
        sender.send(Arc::clone(&value)).unwrap();
        assert_eq!(Arc::strong_count(&value), 2);
        drop(receiver);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_step_loses_nothing() {
    run(async {
        let (mut sender, mut receiver) = oneshot::channel();
        drop(Box::pin(&mut receiver));
        drop(waiting(&mut receiver));
        let notified = waiting(&mut receiver);
        drop(sender.closed());
        drop(waiting(sender.closed()));
        sender.send(1).unwrap();
        drop(notified);
        assert_eq!(receiver.try_recv(), Ok(1));
        assert!(receiver.try_recv().unwrap_err().is_closed());
        assert!(done(&mut Box::pin(&mut receiver)).is_err());
        assert_eq!((waits(), resources()), (vec![], vec![]));
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
        let wait = waits();
        assert_eq!((wait.len(), wait[0].kind, wait[0].at, wait[0].made_at), (1, WaitKind::Event, line, line));
        assert_eq!(wait[0].resource, Some(resource().id));
        drop(receiver);
        assert!(task.await.unwrap());
    });
}

#[test]
fn a_value_that_is_not_there_yet_is_told_from_one_that_never_comes() {
    let (sender, mut receiver) = oneshot::channel::<u8>();
    assert!(receiver.try_recv().unwrap_err().is_empty());
    assert!(poll(&mut Box::pin(&mut receiver)).is_pending(), "no loop is needed to wait");
    drop(sender);
    assert!(receiver.try_recv().unwrap_err().is_closed());
}
