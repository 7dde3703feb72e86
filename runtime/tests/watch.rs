//! The latest value: nobody misses the last one, nobody waits for what it has seen.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use loopscope::sync::watch::{self, Receiver, Sender};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, yield_now};
use proptest::prelude::*;
use records::{here, resource, resources, run, waits};
use steps::{Step, done, dropped_at_each_step, poll, waiting};

#[test]
fn a_receiver_sees_the_latest_value_and_then_waits_for_another() {
    run(async {
        let (level, mut seen) = watch::channel(0);
        assert!(!seen.has_changed());
        level.send(1).unwrap();
        level.send(2).unwrap();
        assert!(seen.has_changed());
        assert_eq!(*seen.borrow(), 2);
        assert!(seen.has_changed(), "a look is none that counts");
        seen.changed().await.unwrap();
        let mut next = waiting(seen.changed());
        level.send(2).unwrap();
        done(&mut next).unwrap();
        drop(next);
        assert!(!seen.has_changed());
    });
}

#[test]
fn all_receivers_are_woken_in_the_order_they_came() {
    run(async {
        let (level, seen) = watch::channel(0);
        let woken = Rc::new(RefCell::new(Vec::new()));
        let tasks = ["a", "b", "c"].map(|name| {
            let (mut seen, woken) = (seen.clone(), Rc::clone(&woken));
            spawn(async move {
                seen.changed().await.unwrap();
                woken.borrow_mut().push((name, *seen.borrow()));
            })
        });
        yield_now().await;
        level.send(7).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*woken.borrow(), [("a", 7), ("b", 7), ("c", 7)]);
    });
}

#[test]
fn the_last_value_is_seen_before_the_end() {
    run(async {
        let (level, mut seen) = watch::channel(0);
        let other = level.clone();
        let mut early = seen.clone();
        early.borrow_and_update();
        let mut end = waiting(early.changed());
        level.replace(1);
        done(&mut end).unwrap();
        drop(end);
        let mut end = waiting(early.changed());
        drop(level);
        assert!(poll(&mut end).is_pending(), "another sender is left");
        drop(other);
        assert!(done(&mut end).is_err());
        drop(end);
        assert!(seen.is_closed());
        assert_eq!(seen.changed().await, Ok(()), "it did not see the last value yet");
        assert!(seen.changed().await.is_err());
        assert_eq!(*seen.borrow(), 1);
    });
}

#[test]
fn waiting_for_a_value_looks_at_the_present_one_first() {
    run(async {
        let (level, mut seen) = watch::channel(5);
        assert_eq!(*seen.wait_for(|level| *level > 3).await.unwrap(), 5);
        let mut high = waiting(seen.wait_for(|level| *level > 7));
        level.send(6).unwrap();
        assert!(poll(&mut high).is_pending());
        level.send(8).unwrap();
        assert_eq!(*done(&mut high).unwrap(), 8);
        drop(high);
        let mut never = waiting(seen.wait_for(|level| *level > 100));
        drop(level);
        assert!(done(&mut never).is_err());
    });
}

#[test]
fn a_task_that_is_never_kept_waiting_for_a_value_lets_others_have_turns() {
    run(async {
        let (_level, mut seen) = watch::channel(5);
        let greedy = spawn(async move {
            loop {
                drop(seen.wait_for(|level| *level > 3).await);
            }
        });
        yield_now().await;
        greedy.cancel().await;
    });
}

#[test]
fn a_value_is_changed_in_place_and_only_a_change_is_told() {
    run(async {
        let (names, mut seen) = watch::channel(vec!["a"]);
        names.modify(|names| names.push("b"));
        seen.changed().await.unwrap();
        assert!(!names.modify_if(|names| names.len() > 10));
        assert!(!seen.has_changed());
        assert!(names.modify_if(|names| names.pop().is_some()));
        assert!(seen.has_changed());
        assert_eq!(names.replace(vec![]), ["a"]);
        assert_eq!(*names.borrow(), [""; 0]);
    });
}

#[test]
fn a_value_that_is_borrowed_cannot_be_changed() {
    run(async {
        let (level, seen) = watch::named("level", 0);
        let borrowed = seen.borrow();
        let panic = catch_unwind(AssertUnwindSafe(|| level.send(1))).unwrap_err();
        assert_eq!(
            panic.downcast_ref::<String>().unwrap(),
            "the value of a watch channel \"level\" was changed while somebody borrows it: a borrow must end before the \
             next .await"
        );
        drop(borrowed);
        level.send(1).unwrap();
    });
}

#[test]
fn a_sender_without_receivers_gets_its_value_back_until_somebody_subscribes() {
    run(async {
        let (level, seen) = watch::channel(0);
        let mut gone = waiting(level.closed());
        let second = seen.clone();
        drop(seen);
        assert!(poll(&mut gone).is_pending());
        drop(second);
        done(&mut gone);
        drop(gone);
        assert_eq!(level.send(1).unwrap_err().into_inner(), 1);
        let late = level.subscribe();
        assert!(!late.has_changed());
        level.send(2).unwrap();
        assert_eq!((*late.borrow(), level.receivers()), (2, 1));
    });
}

#[test]
fn who_subscribes_in_between_keeps_a_sender_waiting() {
    run(async {
        let (level, seen) = watch::channel(0);
        let mut gone = waiting(level.closed());
        drop(seen);
        let late = level.subscribe();
        assert!(poll(&mut gone).is_pending());
        drop(late);
        done(&mut gone);
    });
}

#[test]
fn who_waits_is_shown_with_the_name_and_both_places() {
    run(async {
        let made_at = here() + 1;
        let (level, mut seen) = watch::named("level", 0);
        assert_eq!(resources(), []);
        let task = spawn(async move {
            let (made, at) = (here() + 1, here() + 2);
            let changed = seen.changed();
            changed.await.unwrap();
            (made, at)
        });
        yield_now().await;
        let shown = resource();
        assert_eq!(
            (shown.kind, shown.name.as_deref(), shown.made_at),
            (ResourceKind::Channel, Some("level"), made_at)
        );
        let wait = waits()[0];
        assert_eq!(
            (wait.kind, wait.resource, wait.task),
            (WaitKind::Recv, Some(shown.id), task.id().as_u64())
        );
        level.send(1).unwrap();
        assert_eq!(task.await.unwrap(), (wait.made_at, wait.at));
    });
}

#[test]
#[expect(clippy::await_holding_refcell_ref, reason = "nobody else borrows it meanwhile")]
fn a_change_that_is_dropped_at_any_step_is_still_to_be_seen() {
    dropped_at_each_step(
        || {
            let (level, seen) = watch::channel(0);
            (level, RefCell::new(seen))
        },
        |(_, seen)| Box::pin(async { seen.borrow_mut().changed().await.unwrap() }),
        |(level, _)| level.send(1).unwrap(),
        |(level, seen), step| {
            assert_eq!(seen.borrow().has_changed(), step == Step::Notified);
            level.send(2).unwrap();
            assert!(seen.borrow().has_changed());
        },
    );
    dropped_at_each_step(
        || {
            let (level, seen) = watch::channel(0);
            (level, RefCell::new(Some(seen)))
        },
        |(level, _)| Box::pin(level.closed()),
        |(_, seen)| drop(seen.take()),
        |(level, _), step| assert_eq!(level.is_closed(), matches!(step, Step::Notified | Step::Done)),
    );
}

/// A receiver as simply as it can be said.
#[derive(Clone, Copy)]
struct Model {
    seen: u32,
}

proptest! {
    /// 0: the value changes; 1: a receiver looks; 2: it waits with one poll; 3: it is cloned; 4: it is dropped.
    #[test]
    fn a_receiver_knows_what_it_has_not_seen(steps in prop::collection::vec((0..5_u8, any::<prop::sample::Index>()), 1..100)) {
        run(async {
            let (sender, first): (Sender<u32>, Receiver<u32>) = watch::channel(0);
            let (mut value, mut all) = (0, vec![(first, Model { seen: 0 })]);
            for (step, which) in steps {
                if step == 0 || all.is_empty() {
                    value += 1;
                    sender.replace(value);
                    continue;
                }
                let at = which.index(all.len());
                let (receiver, model) = &mut all[at];
                match step {
                    1 => {
                        assert_eq!(*receiver.borrow_and_update(), value);
                        model.seen = value;
                    }
                    2 => {
                        let is_ready = poll(&mut Box::pin(receiver.changed())).is_ready();
                        assert_eq!(is_ready, model.seen != value);
                        model.seen = value;
                    }
                    3 => {
                        let another = (receiver.clone(), *model);
                        all.push(another);
                    }
                    _ => drop(all.swap_remove(at)),
                }
                assert_eq!(sender.receivers(), all.len());
                for (receiver, model) in &all {
                    assert_eq!(receiver.has_changed(), model.seen != value);
                }
            }
        });
    }
}
