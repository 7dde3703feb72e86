//! The lock: fair, cancel safe, and its holder known.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use loopscope::sync::Mutex;
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{Task, spawn, yield_now};
use records::{here, resource, resources, run, waits};
use steps::{Step, dropped_at_each_step};

type Trace = Rc<RefCell<Vec<String>>>;

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A task that locks, writes its name, has a turn of `turns` while it holds the lock, and lets go.
fn holder(name: &'static str, lock: &Rc<Mutex<Trace>>, turns: usize) -> Task<()> {
    let lock = Rc::clone(lock);
    spawn(async move {
        let guard = lock.lock().await;
        guard.borrow_mut().push(format!("{name} locked"));
        for _ in 0..turns {
            yield_now().await;
        }
        guard.borrow_mut().push(format!("{name} unlocks"));
    })
}

#[test]
fn a_lock_that_is_let_go_passes_to_the_first_waiter_and_nobody_overtakes() {
    run(async {
        let trace = Trace::default();
        let lock = Rc::new(Mutex::new(Rc::clone(&trace)));
        let tasks = ["a", "b", "c"].map(|name| holder(name, &lock, 2));
        yield_now().await;
        assert!(lock.is_locked());
        for task in tasks {
            task.await.unwrap();
            // It was handed on, so there is no moment at which somebody else could take it.
        }
        assert!(!lock.is_locked());
        let expected = ["a locked", "a unlocks", "b locked", "b unlocks", "c locked", "c unlocks"];
        assert_eq!(*trace.borrow(), expected);
    });
}

#[test]
fn a_lock_that_was_handed_over_cannot_be_taken_by_a_third_party() {
    run(async {
        let lock = Rc::new(Mutex::new(0));
        let guard = lock.lock().await;
        let mut first = pin!(lock.lock());
        assert!(poll(first.as_mut()).is_pending());
        drop(guard);
        assert!(lock.is_locked() && lock.try_lock().is_none());
        let mut third = pin!(lock.lock());
        assert!(poll(third.as_mut()).is_pending());
        let Poll::Ready(guard) = poll(first.as_mut()) else { panic!("it was handed over") };
        assert!(poll(third.as_mut()).is_pending());
        drop(guard);
        assert!(poll(third.as_mut()).is_ready());
    });
}

#[test]
fn a_waiter_that_is_dropped_passes_on_the_lock_it_was_handed() {
    run(async {
        let lock = Rc::new(Mutex::new(0));
        let guard = lock.lock().await;
        let mut first = Box::pin(lock.lock());
        let mut second = Box::pin(lock.lock());
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        drop(guard);
        drop(first);
        assert!(poll(second.as_mut()).is_ready());
        assert!(!lock.is_locked());
    });
}

#[test]
fn the_last_waiter_that_is_dropped_sets_the_handed_lock_free() {
    run(async {
        let lock = Rc::new(Mutex::new(0));
        let guard = lock.lock().await;
        let mut only = Box::pin(lock.lock());
        assert!(poll(only.as_mut()).is_pending());
        drop(guard);
        drop(only);
        assert!(lock.try_lock().is_some());
    });
}

#[test]
fn a_waiter_in_the_middle_that_is_dropped_leaves_no_gap() {
    run(async {
        let lock = Rc::new(Mutex::new(0));
        let guard = lock.lock().await;
        let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(lock.lock())).collect();
        for waiter in &mut waiters {
            assert!(poll(waiter.as_mut()).is_pending());
        }
        drop(waiters.remove(1));
        drop(guard);
        assert!(poll(waiters[1].as_mut()).is_pending());
        assert!(poll(waiters[0].as_mut()).is_ready());
        assert!(poll(waiters[1].as_mut()).is_ready());
    });
}

#[test]
fn a_lock_dropped_at_any_step_is_free_for_the_next() {
    dropped_at_each_step(
        || (Rc::new(Mutex::new(0)), RefCell::new(None)),
        |(lock, held)| {
            *held.borrow_mut() = Some(self::held(lock));
            Box::pin(async move { *lock.lock().await += 1 })
        },
        |(_, held)| held.replace(None).map_or((), drop),
        |(lock, held), step| {
            assert_eq!(lock.is_locked(), held.borrow().is_some(), "{step:?}");
            held.replace(None);
            assert_eq!(*lock.try_lock().unwrap(), i32::from(step == Step::Done));
        },
    );
}

#[test]
fn a_cancelled_holder_lets_go() {
    run(async {
        let trace = Trace::default();
        let lock = Rc::new(Mutex::new(Rc::clone(&trace)));
        let holding = holder("a", &lock, usize::MAX);
        let waiting = holder("b", &lock, 0);
        yield_now().await;
        holding.cancel().await;
        waiting.await.unwrap();
        assert_eq!(*trace.borrow(), ["a locked", "b locked", "b unlocks"]);
    });
}

#[test]
fn a_waiter_cancelled_in_the_turn_in_which_the_lock_is_let_go_hinders_nobody_in_either_order() {
    for cancel_first in [false, true] {
        run(async {
            let trace = Trace::default();
            let lock = Rc::new(Mutex::new(Rc::clone(&trace)));
            let guard = lock.lock().await;
            let [cancelled, second, third] = ["a", "b", "c"].map(|name| holder(name, &lock, 1));
            yield_now().await;
            if cancel_first {
                let cancelling = cancelled.cancel();
                drop(guard);
                cancelling.await;
            } else {
                drop(guard);
                cancelled.cancel().await;
            }
            second.await.unwrap();
            third.await.unwrap();
            assert_eq!(*trace.borrow(), ["b locked", "b unlocks", "c locked", "c unlocks"], "{cancel_first}");
            assert!(!lock.is_locked());
        });
    }
}

#[test]
fn a_panic_while_it_is_held_lets_it_go_without_poison() {
    run(async {
        let lock = Rc::new(Mutex::new(1));
        let inside = Rc::clone(&lock);
        let task = spawn(async move {
            let mut guard = inside.lock().await;
            *guard = 2;
            panic!("oh no");
        });
        let error: loopscope::JoinError = task.await.map(|(): ()| ()).unwrap_err();
        assert!(error.is_panic());
        assert_eq!(*lock.lock().await, 2);
    });
}

#[test]
fn records_show_the_holder_its_line_and_every_waiter() {
    run(async {
        let (made_line, lock) = (here(), Rc::new(Mutex::new(0).named("db")));
        let inside = Rc::clone(&lock);
        let holder = spawn(async move {
            let guard = inside.lock().await; // line A
            yield_now().await;
            yield_now().await;
            drop(guard);
            std::future::pending::<()>().await;
        });
        let held_line = made_line + 3;
        let waiter = |lock: &Rc<Mutex<i32>>| {
            let lock = Rc::clone(lock);
            spawn(async move {
                let future = lock.lock();
                let guard = future.await;
                yield_now().await;
                drop(guard);
            })
        };
        let future_line = here() - 6;
        assert_eq!(resources(), [], "a free lock has no record");
        let (first, second) = (waiter(&lock), waiter(&lock));
        yield_now().await;
        let record = resource();
        assert_eq!((record.kind, record.name.as_deref()), (ResourceKind::Lock, Some("db")));
        assert_eq!((record.made_at, record.made_by), (made_line, None));
        assert_eq!((record.holder, record.held_at), (Some(holder.id().as_u64()), Some(held_line)));
        let waiting = |task: &Task<()>| records::Waiting {
            task: task.id().as_u64(),
            kind: WaitKind::Lock,
            resource: Some(record.id),
            at: future_line + 1,
            made_at: future_line,
        };
        assert_eq!(waits(), [waiting(&first), waiting(&second)]);
        yield_now().await;
        yield_now().await;
        let of_first = (record.id, Some(first.id().as_u64()), Some(future_line + 1));
        let handed = resource();
        assert_eq!((handed.id, handed.holder, handed.held_at), of_first, "handed over");
        assert_eq!(waits(), [waiting(&first), waiting(&second)], "the first did not have its turn yet");
        yield_now().await;
        let taken = resource();
        assert_eq!((taken.id, taken.holder, taken.held_at), of_first);
        assert_eq!(waits(), [waiting(&second)]);
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(resources(), [], "nobody waits any more");
        holder.cancel().await;
    });
}

#[test]
fn a_lock_keeps_its_number_from_one_contention_to_the_next() {
    run(async {
        let lock = Mutex::new(0);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let guard = lock.lock().await;
            let mut waiter = pin!(lock.lock());
            assert!(poll(waiter.as_mut()).is_pending());
            seen.push(resource().id);
            drop(guard);
            assert!(poll(waiter.as_mut()).is_ready());
            assert_eq!(resources(), []);
        }
        assert_eq!(seen[0], seen[1]);
    });
}

#[test]
fn a_free_lock_works_outside_of_a_loop() {
    let mut lock = Mutex::new(1);
    *lock.try_lock().unwrap() += 1;
    {
        let mut future = pin!(lock.lock());
        let Poll::Ready(mut guard) = poll(future.as_mut()) else { panic!("it is free") };
        *guard += 1;
        assert!(lock.try_lock().is_none());
    }
    *lock.get_mut() += 1;
    assert_eq!(format!("{lock:?}"), "Mutex { locked: false, waiters: 0, value: 4, .. }");
    assert_eq!(lock.into_inner(), 4);
}

#[test]
#[should_panic(expected = "waiting for a lock outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let lock = Mutex::new(1);
    let _guard = lock.try_lock().unwrap();
    assert!(poll(pin!(lock.lock())).is_ready());
}

#[test]
fn waiting_on_a_second_loop_panics_while_somebody_waits_on_the_first() {
    let lock = Rc::new(Mutex::new(1));
    let mut first = loopscope::Runner::builder().build().unwrap();
    let inside = Rc::clone(&lock);
    let (guard, waiter) = first
        .block_on(async move {
            let guard = held(&inside);
            let waiter = spawn(async move { drop(inside.lock().await) });
            yield_now().await;
            (guard, waiter)
        })
        .unwrap();
    let mut second = loopscope::Runner::builder().build().unwrap();
    let other = Rc::clone(&lock);
    let panicked = second
        .block_on(async { spawn(async move { drop(other.lock().await) }).await.unwrap_err().to_string() })
        .unwrap();
    assert!(panicked.contains("on another event loop than the one where others wait"), "{panicked}");
    // Between two turns of the first loop the lock is let go, and the waiter gets it at the next.
    drop(guard);
    first.block_on(waiter).unwrap().unwrap();
    assert!(!lock.is_locked());
}

/// Holds the lock until it is dropped.
fn held(lock: &Rc<Mutex<i32>>) -> Pin<Box<dyn Future<Output = ()>>> {
    let lock = Rc::clone(lock);
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        let _guard = lock.lock().await;
        std::future::pending::<()>().await;
    });
    assert!(poll(future.as_mut()).is_pending());
    future
}

#[test]
fn a_lock_handed_to_a_waiter_whose_loop_ended_is_free_again() {
    let lock = Mutex::new(1);
    let guard = lock.try_lock().unwrap();
    let mut waiter = Box::pin(lock.lock());
    loopscope::run(async {
        assert!(poll(waiter.as_mut()).is_pending());
        drop(guard);
        assert!(lock.is_locked());
    });
    assert!(!lock.is_locked());
    let guard = lock.try_lock().unwrap();
    loopscope::run(async {
        assert!(poll(waiter.as_mut()).is_pending());
        drop(guard);
        assert!(poll(waiter.as_mut()).is_ready());
    });
}

#[test]
fn a_task_that_locks_for_ever_lets_others_have_turns() {
    run(async {
        let lock = Rc::new(Mutex::new(0_u64));
        let inside = Rc::clone(&lock);
        let greedy = spawn(async move {
            loop {
                *inside.lock().await += 1;
            }
        });
        for _ in 0..5 {
            yield_now().await;
        }
        greedy.cancel().await;
        assert!(*lock.lock().await > 100);
    });
}
