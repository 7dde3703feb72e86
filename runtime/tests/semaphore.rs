//! The semaphores: fair, no permit lost, and who holds what is shown.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::cell::{Cell, RefCell};
use std::future::Future as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use loopscope::sync::{BoundedSemaphore, Semaphore};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{Task, spawn, timeout, yield_now};
use records::{here, resource, resources, run, waits};
use steps::{Step, done, dropped_at_each_step, poll, waiting};

type Trace = Rc<RefCell<Vec<&'static str>>>;

/// A task that acquires, writes its name, and gives the permit back some turns later.
fn worker(name: &'static str, semaphore: &Rc<Semaphore>, trace: &Trace, turns: usize) -> Task<()> {
    let (semaphore, trace) = (Rc::clone(semaphore), Rc::clone(trace));
    spawn(async move {
        let _permit = semaphore.acquire().await;
        trace.borrow_mut().push(name);
        for _ in 0..turns {
            yield_now().await;
        }
    })
}

#[test]
fn no_more_get_in_than_there_are_permits_and_in_the_order_they_came() {
    run(async {
        let (semaphore, trace) = (Rc::new(Semaphore::new(2).named("two")), Trace::default());
        let tasks = ["a", "b", "c", "d"].map(|name| worker(name, &semaphore, &trace, 3));
        yield_now().await;
        assert_eq!(*trace.borrow(), ["a", "b"]);
        assert_eq!((semaphore.is_locked(), semaphore.available()), (true, 0));
        let text = r#"Semaphore { name: "two", free: 0, total: 2, waiters: 2, .. }"#;
        assert_eq!(format!("{semaphore:?}"), text);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*trace.borrow(), ["a", "b", "c", "d"]);
        assert_eq!((semaphore.is_locked(), semaphore.available()), (false, 2));
    });
}

#[test]
fn a_free_permit_is_had_at_once_also_outside_of_a_loop() {
    let semaphore = const { Semaphore::new(3) };
    let first = done(&mut Box::pin(semaphore.acquire()));
    let both = semaphore.try_acquire_many(2).unwrap();
    assert_eq!((first.count(), both.count(), semaphore.available()), (1, 2, 0));
    assert!(semaphore.try_acquire().is_none());
    assert_eq!(semaphore.try_acquire_many(0).unwrap().count(), 0);
    drop(first);
    assert!(!semaphore.is_locked());
    drop(both);
    assert_eq!(semaphore.available(), 3);
    assert_eq!(Semaphore::default().available(), 1);
}

#[test]
#[should_panic(expected = "waiting for a semaphore outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let semaphore = Semaphore::new(0);
    assert!(poll(&mut Box::pin(semaphore.acquire())).is_pending());
}

#[test]
fn a_semaphore_without_permits_gets_them_later() {
    run(async {
        let semaphore = Semaphore::new(0);
        assert!(semaphore.is_locked());
        let mut waiters = [waiting(semaphore.acquire()), waiting(semaphore.acquire())];
        semaphore.add_permits(3);
        assert_eq!(semaphore.available(), 1, "two are kept");
        for waiter in &mut waiters {
            drop(done(waiter));
        }
        assert_eq!(format!("{semaphore:?}"), "Semaphore { free: 3, total: 3, waiters: 0, .. }");
    });
}

#[test]
fn a_permit_that_was_kept_for_a_waiter_cannot_be_taken_by_a_third_party() {
    run(async {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.try_acquire().unwrap();
        let mut first = waiting(semaphore.acquire());
        drop(permit);
        assert!(semaphore.try_acquire().is_none());
        assert!(semaphore.is_locked());
        let mut third = waiting(semaphore.acquire());
        let permit = done(&mut first);
        assert!(poll(&mut third).is_pending());
        drop(permit);
        drop(done(&mut third));
    });
}

#[test]
fn nobody_overtakes_the_first_in_line_although_a_permit_is_free() {
    run(async {
        let semaphore = Semaphore::new(3);
        let held = semaphore.try_acquire_many(2).unwrap();
        let mut many = waiting(semaphore.acquire_many(3));
        let mut one = waiting(semaphore.acquire());
        assert_eq!((semaphore.available(), semaphore.is_locked()), (1, true));
        assert!(semaphore.try_acquire().is_none());
        drop(held);
        assert!(poll(&mut one).is_pending());
        let all = done(&mut many);
        assert!(poll(&mut one).is_pending());
        drop(all);
        drop(done(&mut one));
        assert_eq!(semaphore.available(), 3);
    });
}

#[test]
fn the_next_ones_go_on_when_the_first_who_wants_many_gives_up() {
    run(async {
        let semaphore = Semaphore::new(3);
        let _held = semaphore.try_acquire().unwrap();
        let many = waiting(semaphore.acquire_many(3));
        let mut others = [waiting(semaphore.acquire()), waiting(semaphore.acquire())];
        let mut last = waiting(semaphore.acquire());
        drop(many);
        let permits = others.each_mut().map(done);
        assert!(poll(&mut last).is_pending());
        drop(permits);
        drop(done(&mut last));
    });
}

#[test]
fn one_release_of_many_serves_several() {
    run(async {
        let semaphore = Semaphore::new(3);
        let held = semaphore.try_acquire_many(3).unwrap();
        let mut first = waiting(semaphore.acquire());
        let mut second = waiting(semaphore.acquire_many(2));
        let mut third = waiting(semaphore.acquire());
        drop(held);
        let (one, two) = (done(&mut first), done(&mut second));
        assert!(poll(&mut third).is_pending());
        drop((one, two));
        drop(done(&mut third));
    });
}

#[test]
fn a_forgotten_permit_is_gone_until_another_is_added() {
    run(async {
        let semaphore = Rc::new(Semaphore::new(2));
        semaphore.try_acquire().unwrap().forget();
        assert_eq!(format!("{semaphore:?}"), "Semaphore { free: 1, total: 1, waiters: 0, .. }");
        semaphore.try_acquire_owned().unwrap().forget();
        let mut waiter = waiting(semaphore.acquire());
        semaphore.add_permits(1);
        drop(done(&mut waiter));
        assert_eq!(format!("{semaphore:?}"), "Semaphore { free: 1, total: 1, waiters: 0, .. }");
    });
}

#[test]
#[should_panic(expected = r#"adding permits to the semaphore "s": more than can be counted"#)]
fn more_permits_than_can_be_counted_are_refused() {
    Semaphore::new(1).named("s").add_permits(usize::MAX);
}

#[test]
fn an_owned_permit_goes_into_another_task() {
    run(async {
        let semaphore = Rc::new(Semaphore::new(2));
        let permits = semaphore.acquire_many_owned(2).await;
        assert_eq!(permits.count(), 2);
        let task = spawn(async move {
            yield_now().await;
            drop(permits);
        });
        let mut waiter = waiting(semaphore.acquire_owned());
        assert!(semaphore.try_acquire_owned().is_none());
        task.await.unwrap();
        let permit = done(&mut waiter);
        drop(waiter);
        assert_eq!((permit.count(), Rc::strong_count(&semaphore)), (1, 2));
        drop(permit);
        assert_eq!((Rc::strong_count(&semaphore), semaphore.available()), (1, 2));
    });
}

#[test]
fn an_acquire_dropped_at_any_step_loses_no_permit() {
    type Held = (Rc<Semaphore>, RefCell<Option<loopscope::sync::OwnedPermit>>);
    type Waiter = for<'a> fn(&'a Held) -> steps::Waits<'a>;
    let waiters: [Waiter; 2] = [
        |(semaphore, _)| Box::pin(async { drop(semaphore.acquire_many(2).await) }),
        |(semaphore, _)| Box::pin(async { drop(semaphore.acquire_many_owned(2).await) }),
    ];
    for wait in waiters {
        dropped_at_each_step(
            || {
                let semaphore = Rc::new(Semaphore::new(3));
                let held = semaphore.try_acquire_owned();
                let more = semaphore.try_acquire_owned();
                more.unwrap().forget();
                (semaphore, RefCell::new(held))
            },
            wait,
            |(_, held)| drop(held.take()),
            |(semaphore, held), step| {
                assert_eq!(held.take().is_some(), matches!(step, Step::NeverPolled | Step::Pending));
                assert_eq!(format!("{semaphore:?}"), "Semaphore { free: 2, total: 2, waiters: 0, .. }");
                assert_eq!(semaphore.try_acquire_many(2).unwrap().count(), 2, "{step:?}");
            },
        );
    }
}

#[test]
fn a_cancelled_holder_gives_back_and_a_cancelled_waiter_passes_on() {
    run(async {
        let (semaphore, trace) = (Rc::new(Semaphore::new(1)), Trace::default());
        let tasks = ["a", "b", "c"].map(|name| worker(name, &semaphore, &trace, usize::MAX));
        yield_now().await;
        let [first, second, third] = tasks;
        second.cancel().await;
        first.cancel().await;
        yield_now().await;
        assert_eq!(*trace.borrow(), ["a", "c"]);
        third.cancel().await;
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_waiter_cancelled_in_the_turn_in_which_a_permit_comes_back_hinders_nobody_in_either_order() {
    for cancel_first in [false, true] {
        run(async {
            let (semaphore, trace) = (Rc::new(Semaphore::new(1)), Trace::default());
            let permit = semaphore.acquire().await;
            let [cancelled, second, third] = ["a", "b", "c"].map(|name| worker(name, &semaphore, &trace, 1));
            yield_now().await;
            if cancel_first {
                let cancelling = cancelled.cancel();
                drop(permit);
                cancelling.await;
            } else {
                drop(permit);
                cancelled.cancel().await;
            }
            second.await.unwrap();
            third.await.unwrap();
            assert_eq!((*trace.borrow()).clone(), ["b", "c"], "{cancel_first}");
            assert_eq!(semaphore.available(), 1);
        });
    }
}

#[test]
fn a_wait_that_runs_out_of_time_takes_nothing() {
    run(async {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await;
        assert!(timeout(Duration::from_secs(1), semaphore.acquire()).await.is_err());
        drop(permit);
        assert_eq!((semaphore.available(), waits(), resources()), (1, vec![], vec![]));
    });
}

#[test]
fn a_task_that_acquires_for_ever_lets_others_have_turns() {
    run(async {
        let count = Rc::new(Cell::new(0));
        let counter = Rc::clone(&count);
        let greedy = spawn(async move {
            let semaphore = Semaphore::new(1);
            loop {
                drop(semaphore.acquire().await);
                counter.set(counter.get() + 1);
            }
        });
        for _ in 0..5 {
            yield_now().await;
        }
        greedy.cancel().await;
        assert!(count.get() > 100);
    });
}

#[test]
fn a_permit_that_was_kept_for_a_waiter_whose_loop_ended_is_free_again() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let mut waiter = Box::pin(semaphore.acquire());
    loopscope::run(async {
        assert!(poll(&mut waiter).is_pending());
        drop(permit);
        assert!(semaphore.is_locked());
    });
    assert!(!semaphore.is_locked());
    let permit = semaphore.try_acquire().unwrap();
    run(async {
        assert!(poll(&mut waiter).is_pending());
        drop(permit);
        drop(done(&mut waiter));
        drop(waiter);
    });
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_bounded_semaphore_refuses_more_than_it_began_with_by_name() {
    run(async {
        let semaphore = Rc::new(BoundedSemaphore::new(2).named("db"));
        assert_eq!(semaphore.bound(), 2);
        let permit = semaphore.acquire().await;
        let error = semaphore.add_permits(1).unwrap_err();
        let text = r#"adding 1 to the permits of the semaphore "db": it has 2 of at most 2"#;
        assert_eq!((error.to_string().as_str(), error.excess()), (text, 1));
        permit.forget();
        assert_eq!(semaphore.add_permits(3).unwrap_err().excess(), 2);
        assert_eq!(semaphore.available(), 1, "nothing was added");
        assert_eq!(semaphore.add_permits(1), Ok(()));
        let text = r#"BoundedSemaphore { name: "db", free: 2, total: 2, waiters: 0, .. }"#;
        assert_eq!(format!("{semaphore:?}"), text);
        let unnamed = BoundedSemaphore::default().add_permits(1).unwrap_err().to_string();
        let expected = format!("adding 1 to the permits of the semaphore made at {}:", file!());
        assert!(unnamed.starts_with(&expected), "{unnamed}");
    });
}

#[test]
fn guards_never_give_a_bounded_semaphore_too_many_whatever_is_added_meanwhile() {
    run(async {
        let semaphore = Rc::new(const { BoundedSemaphore::new(2) });
        let held = [semaphore.acquire_owned().await, semaphore.try_acquire_owned().unwrap()];
        let mut waiter = waiting(semaphore.acquire_many_owned(2));
        assert!(semaphore.add_permits(1).is_err());
        assert!(semaphore.is_locked() && semaphore.try_acquire().is_none());
        drop(held);
        drop(done(&mut waiter));
        drop(semaphore.try_acquire_many(2).unwrap());
        assert_eq!(semaphore.available(), 2);
    });
}

#[test]
#[should_panic(expected = r#"acquiring 3 of the 2 permits of the semaphore "db": there are never as many"#)]
fn more_than_a_bounded_semaphore_can_ever_have_is_refused_at_once() {
    drop(BoundedSemaphore::new(2).named("db").acquire_many(3));
}

thread_local! {
    static ON_DROP: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A waker whose destructor runs what stands in `ON_DROP`.
#[derive(Default)]
struct ComesBack(AtomicBool);

impl Wake for ComesBack {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Drop for ComesBack {
    fn drop(&mut self) {
        if let Some(action) = ON_DROP.take() {
            action();
        }
    }
}

#[test]
fn a_waker_that_gives_a_permit_back_when_it_is_replaced_loses_no_wake_and_makes_no_permits() {
    run(async {
        let semaphore = Rc::new(Semaphore::new(2));
        let held = semaphore.acquire_owned().await;
        let mut both = Box::pin(semaphore.acquire_many(2));
        let first = Waker::from(Arc::new(ComesBack::default()));
        assert!(both.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
        drop(first);
        ON_DROP.set(Some(Box::new(move || drop(held))));
        let woken = Arc::new(ComesBack::default());
        let second = Waker::from(Arc::clone(&woken));
        assert!(both.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
        assert!(woken.0.load(Relaxed));
        let permit = done(&mut both);
        assert_eq!((permit.count(), semaphore.available()), (2, 0));
    });
}

#[test]
fn records_show_how_many_are_free_and_how_many_there_are() {
    run(async {
        let (made_line, semaphore) = (here(), Rc::new(Semaphore::new(3).named("pool")));
        let held = semaphore.try_acquire_many(2).unwrap();
        assert_eq!(resources(), []);
        let inside = Rc::clone(&semaphore);
        let task = spawn(async move {
            let future = inside.acquire_many(2);
            drop(future.await);
        });
        let made_at = here() - 3;
        yield_now().await;
        let shown = resource();
        assert_eq!((shown.kind, shown.name.as_deref()), (ResourceKind::Semaphore, Some("pool")));
        assert_eq!((shown.made_at, shown.holder), (made_line, None), "several may have some");
        assert_eq!((shown.len, shown.limit), (Some(1), Some(3)));
        let expected = records::Waiting {
            task: task.id().as_u64(),
            kind: WaitKind::Semaphore,
            resource: Some(shown.id),
            at: made_at + 1,
            made_at,
        };
        assert_eq!(waits(), [expected]);
        let more = waiting(semaphore.acquire());
        semaphore.add_permits(2);
        assert_eq!((resource().len, resource().limit), (Some(0), Some(5)), "3 are kept for two who wait");
        drop(more);
        assert_eq!((resource().len, resource().limit), (Some(1), Some(5)));
        held.forget();
        assert_eq!((resource().len, resource().limit), (Some(1), Some(3)));
        task.await.unwrap();
        assert_eq!((waits(), resources(), semaphore.available()), (vec![], vec![], 3));
    });
}

#[test]
fn records_show_who_has_the_only_permit_and_where_it_was_taken() {
    run(async {
        let semaphore = Rc::new(BoundedSemaphore::new(1).named("one"));
        let task = || {
            let semaphore = Rc::clone(&semaphore);
            spawn(async move {
                let permit = semaphore.acquire().await;
                yield_now().await;
                yield_now().await;
                drop(permit);
            })
        };
        let held_at = here() - 6;
        let (first, second) = (task(), task());
        yield_now().await;
        let holder = |task: &Task<()>| (Some(task.id().as_u64()), Some(held_at));
        let shown = resource();
        assert_eq!(((shown.holder, shown.held_at), shown.limit), (holder(&first), Some(1)));
        while !first.is_finished() {
            yield_now().await;
        }
        let mine = waiting(semaphore.acquire());
        let shown = resource();
        assert_eq!((shown.holder, shown.held_at), holder(&second));
        drop(mine);
        second.await.unwrap();
        let permit = semaphore.acquire().await;
        let third = task();
        yield_now().await;
        drop(permit);
        let shown = resource();
        assert_eq!((shown.holder, shown.held_at), holder(&third), "kept for it, before its turn");
        for task in [first, third] {
            task.await.unwrap();
        }
    });
}
