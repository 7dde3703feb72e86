//! The condition: nothing is missed, whoever is dropped passes on what it got, and the lock is had in turn.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/lock_model.rs"]
mod lock_model;
#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lock_model::LockModel;
use loopscope::sync::{Condition, Lock, Mutex, MutexGuard, WaitCondition};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{Task, spawn, timeout, yield_now};
use proptest::prelude::*;
use records::{here, resources, run, waits};
use steps::{Step, Waits, done, dropped_at_each_step, poll, waiting};

/// A lock around a trace, and a condition.
#[derive(Default)]
struct Scene {
    lock: Mutex<Vec<String>>,
    condition: Condition,
}

impl Scene {
    fn new() -> Rc<Self> {
        Rc::default()
    }

    /// A future that waits for the condition; the lock is free again.
    fn waiting(&self) -> Pin<Box<WaitCondition<'_, '_, Vec<String>>>> {
        waiting(self.condition.wait(self.lock.try_lock().unwrap()))
    }
}

/// A task that waits for the condition, then writes its name.
fn waiter(name: &'static str, scene: &Rc<Scene>) -> Task<()> {
    let scene = Rc::clone(scene);
    spawn(async move {
        let guard = scene.lock.lock().await;
        let mut guard = scene.condition.wait(guard).await;
        guard.push(name.to_owned());
    })
}

async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

#[test]
fn waiting_lets_the_lock_go_and_gives_it_back() {
    run(async {
        let scene = Scene::new();
        let task = waiter("a", &scene);
        yield_now().await;
        assert!(!scene.lock.is_locked());
        let mut guard = scene.lock.lock().await;
        guard.push("changed".into());
        scene.condition.notify_one();
        turns(2).await;
        assert_eq!(*guard, ["changed"], "it was notified, but it has not got the lock");
        drop(guard);
        task.await.unwrap();
        assert_eq!(*scene.lock.lock().await, ["changed", "a"]);
    });
}

#[test]
fn the_lock_is_let_go_at_the_first_poll_and_not_before() {
    run(async {
        let scene = Scene::new();
        let mut future = Box::pin(scene.condition.wait(scene.lock.try_lock().unwrap()));
        assert!(scene.lock.is_locked());
        assert!(poll(&mut future).is_pending());
        assert!(!scene.lock.is_locked());
        drop(future);
        drop(scene.condition.wait(scene.lock.try_lock().unwrap()));
        assert!(!scene.lock.is_locked(), "a future that is dropped unpolled lets it go too");
    });
}

#[test]
fn notifications_go_to_those_who_wait_in_the_order_they_came() {
    run(async {
        let scene = Scene::new();
        let tasks = ["a", "b", "c", "d", "e"].map(|name| waiter(name, &scene));
        turns(2).await;
        scene.condition.notify(2);
        turns(3).await;
        assert_eq!(*scene.lock.lock().await, ["a", "b"]);
        scene.condition.notify_one();
        turns(3).await;
        assert_eq!(*scene.lock.lock().await, ["a", "b", "c"]);
        scene.condition.notify(2048);
        scene.condition.notify(0);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*scene.lock.lock().await, ["a", "b", "c", "d", "e"]);
    });
}

#[test]
fn notifying_all_wakes_all_and_they_get_the_lock_one_after_the_other() {
    run(async {
        let scene = Scene::new();
        let tasks = ["a", "b", "c"].map(|name| waiter(name, &scene));
        turns(2).await;
        let mut guard = scene.lock.lock().await;
        scene.condition.notify_all();
        turns(2).await;
        guard.push("first".into());
        drop(guard);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*scene.lock.lock().await, ["first", "a", "b", "c"]);
    });
}

#[test]
fn a_notification_is_not_kept_for_those_who_come_later() {
    run(async {
        let scene = Scene::new();
        scene.condition.notify_one();
        scene.condition.notify_all();
        let mut late = scene.waiting();
        assert!(poll(&mut late).is_pending());
        scene.condition.notify_one();
        drop(done(&mut late));
    });
}

#[test]
fn a_change_between_looking_and_waiting_is_not_missed_although_notifying_needs_no_lock() {
    run(async {
        let scene = Scene::new();
        let consumer = {
            let scene = Rc::clone(&scene);
            spawn(async move {
                let guard = scene.lock.lock().await;
                let mut guard = scene.condition.wait_for(guard, |items| !items.is_empty()).await;
                guard.remove(0)
            })
        };
        let producer = {
            let scene = Rc::clone(&scene);
            spawn(async move {
                scene.lock.lock().await.push("item".into());
                scene.condition.notify_one(); // the lock is free again, or somebody else's
            })
        };
        producer.await.unwrap();
        assert_eq!(consumer.await.unwrap(), "item");
    });
}

#[test]
fn waiting_for_a_predicate_goes_on_until_it_is_true_and_looks_under_the_lock() {
    run(async {
        let scene = Scene::new();
        let task = {
            let scene = Rc::clone(&scene);
            spawn(async move {
                let mut looks = 0;
                let guard = scene.lock.lock().await;
                let look = |items: &mut Vec<String>| {
                    looks += 1;
                    items.len() >= 2
                };
                let guard = scene.condition.wait_for(guard, look).await;
                (looks, guard.len())
            })
        };
        turns(2).await;
        for item in ["a", "b"] {
            scene.lock.lock().await.push(item.into());
            scene.condition.notify_one();
            turns(2).await;
        }
        assert_eq!(task.await.unwrap(), (3, 2));
        let guard = scene.lock.lock().await;
        let at_once = scene.condition.wait_for(guard, |items| items.len() == 2).await;
        assert_eq!(at_once.len(), 2);
        assert_eq!((waits(), resources()), (vec![], vec![]));
    });
}

#[test]
fn a_predicate_that_panics_lets_the_lock_go() {
    run(async {
        let scene = Scene::new();
        let inside = Rc::clone(&scene);
        let task = spawn(async move {
            let guard = inside.lock.lock().await;
            drop(inside.condition.wait_for(guard, |_| panic!("oh no")).await);
        });
        assert!(task.await.unwrap_err().is_panic());
        assert!(!scene.lock.is_locked());
    });
}

#[test]
fn a_waiter_that_is_dropped_after_it_was_notified_passes_the_notification_on() {
    run(async {
        let scene = Scene::new();
        let (first, mut second) = (scene.waiting(), scene.waiting());
        scene.condition.notify_one();
        drop(first);
        drop(done(&mut second));
    });
}

#[test]
fn a_waiter_that_is_dropped_while_it_locks_again_passes_both_on() {
    run(async {
        let scene = Scene::new();
        let (mut first, mut second) = (scene.waiting(), scene.waiting());
        let guard = scene.lock.lock().await;
        scene.condition.notify_one();
        assert!(poll(&mut first).is_pending(), "the lock is not free");
        assert!(poll(&mut second).is_pending());
        let mut third = waiting(scene.lock.lock());
        drop(guard);
        drop(first); // it had been handed the lock
        let guard = done(&mut third);
        assert!(poll(&mut second).is_pending(), "notified now, and in line for the lock");
        drop(guard);
        drop(done(&mut second));
    });
}

#[test]
fn a_cancelled_waiter_does_not_hold_the_lock_and_hinders_nobody() {
    run(async {
        let scene = Scene::new();
        let (first, second) = (waiter("a", &scene), waiter("b", &scene));
        turns(2).await;
        let guard = scene.lock.lock().await;
        scene.condition.notify_one();
        turns(2).await;
        first.cancel().await; // while it waits for the lock
        drop(guard);
        second.await.unwrap();
        assert_eq!(*scene.lock.lock().await, ["b"]);
    });
}

#[test]
fn a_waiter_cancelled_in_the_turn_of_its_notification_passes_it_on_in_either_order() {
    for cancel_first in [false, true] {
        run(async {
            let scene = Scene::new();
            let [first, second, third] = ["a", "b", "c"].map(|name| waiter(name, &scene));
            turns(2).await;
            if cancel_first {
                let cancelling = first.cancel();
                scene.condition.notify_one();
                cancelling.await;
            } else {
                scene.condition.notify_one();
                first.cancel().await;
            }
            second.await.unwrap();
            assert_eq!(*scene.lock.lock().await, ["b"], "{cancel_first}");
            third.cancel().await;
        });
    }
}

#[test]
fn a_wait_that_runs_out_of_time_can_be_tried_again() {
    run(async {
        let scene = Scene::new();
        let guard = scene.lock.lock().await;
        let waited = timeout(Duration::from_secs(1), scene.condition.wait(guard)).await;
        assert!(waited.is_err());
        assert!(!scene.lock.is_locked(), "it is not locked again");
        let other = waiter("a", &scene);
        turns(2).await;
        scene.condition.notify_all();
        other.await.unwrap();
    });
}

#[test]
fn a_wait_dropped_at_any_step_loses_neither_the_notification_nor_the_lock() {
    // The scene, and a second one who waits, who comes right after the first.
    type Others = (Rc<Scene>, RefCell<Option<Waits<'static>>>);
    let second = |scene: &Rc<Scene>| -> Waits<'static> {
        let scene = Rc::clone(scene);
        let mut second: Waits<'static> = Box::pin(async move {
            drop(scene.condition.wait(scene.lock.try_lock().unwrap()).await);
        });
        assert!(poll(&mut second).is_pending());
        second
    };
    let scene = || -> Others { (Scene::new(), RefCell::default()) };
    dropped_at_each_step(
        scene,
        |(scene, other)| {
            let mut first = Box::pin(scene.condition.wait(scene.lock.try_lock().unwrap()));
            Box::pin(std::future::poll_fn(move |cx| {
                let polled = first.as_mut().poll(cx).map(drop);
                other.borrow_mut().get_or_insert_with(|| second(scene));
                polled
            }))
        },
        |(scene, _)| scene.condition.notify_one(),
        |(scene, other), step| {
            assert!(!scene.lock.is_locked(), "{step:?}");
            if let Some(mut other) = other.borrow_mut().take() {
                let passed_on = poll(&mut other).is_ready();
                assert_eq!(passed_on, step == Step::Notified, "{step:?}");
                if !passed_on {
                    scene.condition.notify_one();
                    done(&mut other);
                }
            }
            let mut fresh = scene.waiting();
            assert!(poll(&mut fresh).is_pending(), "nothing is left over");
        },
    );
}

#[test]
fn several_conditions_go_with_one_lock() {
    run(async {
        let (lock, full, empty) = (Mutex::new(0), Condition::new(), Condition::new());
        let mut for_full = waiting(full.wait(lock.try_lock().unwrap()));
        let mut for_empty = waiting(empty.wait(lock.try_lock().unwrap()));
        full.notify_all();
        assert!(poll(&mut for_empty).is_pending());
        drop(done(&mut for_full));
        empty.notify_all();
        drop(done(&mut for_empty));
    });
}

#[test]
#[should_panic(expected = "waiting for a condition outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let scene = Scene::default();
    assert!(poll(&mut scene.waiting()).is_pending());
}

#[test]
fn a_wait_whose_loop_ended_ends_by_itself_on_the_next() {
    let scene = Scene::default();
    let mut future = Box::pin(scene.condition.wait(scene.lock.try_lock().unwrap()));
    loopscope::run(async { assert!(poll(&mut future).is_pending()) });
    run(async {
        drop(done(&mut future)); // the notification may have gone with the loop
        drop(future);
    });
}

#[test]
fn records_show_the_condition_first_and_the_lock_afterwards() {
    run(async {
        let lock = Rc::new(Mutex::new(0).named("state"));
        let (made_line, condition) = (here(), Rc::new(Condition::new().named("changed")));
        let (inside, waited) = (Rc::clone(&lock), Rc::clone(&condition));
        let task = spawn(async move {
            let guard = inside.lock().await;
            let future = waited.wait(guard);
            drop(future.await);
        });
        let made_at = here() - 3;
        yield_now().await;
        let shown = resources().remove(0);
        assert_eq!((shown.kind, shown.name.as_deref()), (ResourceKind::Condition, Some("changed")));
        assert_eq!((shown.made_at, shown.holder), (made_line, None));
        let mut expected = records::Waiting {
            task: task.id().as_u64(),
            kind: WaitKind::Condition,
            resource: Some(shown.id),
            at: made_at + 1,
            made_at,
        };
        assert_eq!(waits(), [expected]);
        let guard = lock.lock().await;
        condition.notify_one();
        yield_now().await;
        let shown = resources().remove(0);
        assert_eq!((shown.kind, shown.name.as_deref()), (ResourceKind::Lock, Some("state")));
        expected.kind = WaitKind::Lock;
        expected.resource = Some(shown.id);
        assert_eq!(waits(), [expected]);
        assert_eq!(resources().len(), 1, "nobody waits for the condition any more");
        drop(guard);
        task.await.unwrap();
        assert_eq!((waits(), resources()), (vec![], vec![]));
    });
}

#[derive(Clone, Copy, Debug)]
enum Move {
    /// The place goes on: locks, then waits, then has the lock again.
    Go(usize),
    Drop(usize),
    Notify(usize),
    NotifyAll,
}

const PLACES: usize = 5;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => (0..PLACES).prop_map(Move::Go),
        2 => (0..PLACES).prop_map(Move::Drop),
        2 => (1..3_usize).prop_map(Move::Notify),
        1 => Just(Move::NotifyAll),
    ];
    prop::collection::vec(one, 1..120)
}

/// What stands in a place.
enum Op<'a> {
    Locks(Pin<Box<Lock<'a, ()>>>),
    Holds(MutexGuard<'a, ()>),
    Waits(Pin<Box<WaitCondition<'a, 'a, ()>>>),
}

#[derive(Default)]
struct Model {
    lock: LockModel,
    line: VecDeque<usize>,
    notified: Vec<usize>,
    /// Those who were notified and came for the lock.
    locking: Vec<usize>,
}

impl Model {
    fn notify(&mut self, count: usize) {
        for _ in 0..count {
            self.notified.extend(self.line.pop_front());
        }
    }

    fn wait(&mut self, who: usize) {
        self.line.push_back(who);
        self.lock.drop(who);
    }

    /// A future that waits is polled: does it get the lock?
    fn poll(&mut self, who: usize) -> bool {
        if let Some(at) = self.notified.iter().position(|one| *one == who) {
            self.notified.swap_remove(at);
            self.locking.push(who);
        }
        let got = self.locking.contains(&who) && self.lock.poll(who);
        if got {
            self.locking.retain(|one| *one != who);
        }
        got
    }

    fn drop(&mut self, who: usize) {
        let used = self.notified.contains(&who) || self.locking.contains(&who);
        self.line.retain(|one| *one != who);
        self.notified.retain(|one| *one != who);
        self.locking.retain(|one| *one != who);
        self.lock.drop(who);
        if used {
            self.notify(1);
        }
    }
}

/// Plays a schedule on the real thing and on the model, which must agree at every step.
fn play(moves: Vec<Move>) {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    let mut model = Model::default();
    let mut places: [Option<Op<'_>>; PLACES] = Default::default();
    for one in moves {
        match one {
            Move::Go(at) => {
                let op = places[at].take().unwrap_or_else(|| Op::Locks(Box::pin(lock.lock())));
                places[at] = Some(match op {
                    Op::Locks(mut future) => {
                        let polled = poll(&mut future);
                        assert_eq!(polled.is_ready(), model.lock.poll(at));
                        match polled {
                            Poll::Ready(guard) => Op::Holds(guard),
                            Poll::Pending => Op::Locks(future),
                        }
                    }
                    Op::Holds(guard) => {
                        model.wait(at);
                        Op::Waits(waiting(condition.wait(guard)))
                    }
                    Op::Waits(mut future) => {
                        let polled = poll(&mut future);
                        assert_eq!(polled.is_ready(), model.poll(at));
                        match polled {
                            Poll::Ready(guard) => Op::Holds(guard),
                            Poll::Pending => Op::Waits(future),
                        }
                    }
                });
            }
            Move::Drop(at) => {
                if places[at].take().is_some() {
                    model.drop(at);
                }
            }
            Move::Notify(count) => {
                condition.notify(count);
                model.notify(count);
            }
            Move::NotifyAll => {
                condition.notify_all();
                model.notify(PLACES);
            }
        }
        assert_eq!(lock.is_locked(), model.lock.owner.is_some());
        let (in_lock, in_condition) = (model.lock.waiting(), model.line.len() + model.notified.len());
        assert_eq!(waits().len(), in_lock + in_condition, "every wait is shown, and nothing else");
        assert_eq!(resources().len(), usize::from(in_lock > 0) + usize::from(in_condition > 0));
    }
    drop(places);
    assert!(lock.try_lock().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_condition_serves_whom_the_model_serves(moves in moves()) {
        run(async { play(moves) });
    }
}
