//! The barrier: all or nobody, again and again, whoever gives up and whenever.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::{Arrival, Barrier, BrokenBarrier, WaitBarrier};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{Task, spawn, timeout, yield_now};
use records::{here, resource, resources, run, waits};
use steps::{Step, done, dropped_at_each_step, poll, waiting};

type Outcome = Result<Arrival, BrokenBarrier>;

/// What it got, short.
fn short(outcome: &Outcome) -> String {
    match outcome {
        Ok(arrival) => arrival.index().to_string(),
        Err(error) if error.is_reset() => "reset".into(),
        Err(error) => {
            assert!(error.is_aborted());
            "aborted".into()
        }
    }
}

fn all(futures: &mut [Pin<Box<WaitBarrier<'_>>>]) -> Vec<String> {
    futures.iter_mut().map(|future| short(&done(future))).collect()
}

fn waits_at(barrier: &Barrier, count: usize) -> Vec<Pin<Box<WaitBarrier<'_>>>> {
    (0..count).map(|_| waiting(barrier.wait())).collect()
}

fn debug(barrier: &Barrier) -> String {
    let text = format!("{barrier:?}");
    text.trim_start_matches("Barrier { ").trim_end_matches(", parties: 3, .. }").to_owned()
}

#[test]
fn all_go_on_when_the_last_one_comes_each_with_an_index_of_its_own() {
    run(async {
        let barrier = Barrier::new(3);
        assert_eq!((barrier.parties(), barrier.waiting(), barrier.is_broken()), (3, 0, false));
        let mut first = waiting(barrier.wait());
        assert_eq!(barrier.waiting(), 1);
        let mut second = waiting(barrier.wait());
        assert_eq!(barrier.waiting(), 2);
        assert!(poll(&mut first).is_pending());
        let last = done(&mut Box::pin(barrier.wait())).unwrap();
        assert_eq!((last.index(), last.is_leader(), barrier.waiting()), (2, false, 0));
        let second = done(&mut second).unwrap();
        assert_eq!((second.index(), second.is_leader()), (1, false));
        let first = done(&mut first).unwrap();
        assert_eq!((first.index(), first.is_leader()), (0, true));
    });
}

#[test]
fn tasks_pass_it_together_again_and_again() {
    run(async {
        let (barrier, trace) = (Rc::new(Barrier::new(3)), Rc::new(RefCell::new(Vec::new())));
        let tasks: Vec<Task<()>> = (0..3)
            .map(|_| {
                let (barrier, trace) = (Rc::clone(&barrier), Rc::clone(&trace));
                spawn(async move {
                    for round in 0..4 {
                        let arrival = barrier.wait().await.unwrap();
                        trace.borrow_mut().push((round, arrival.index()));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut trace = trace.take();
        let rounds: Vec<_> = trace.iter().map(|(round, _)| *round).collect();
        assert_eq!(rounds, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3], "nobody is a round ahead");
        trace.sort_unstable();
        let expected: Vec<_> = (0..4).flat_map(|round| (0..3).map(move |index| (round, index))).collect();
        assert_eq!(trace, expected);
    });
}

#[test]
fn a_barrier_of_one_stops_nobody_and_works_outside_of_a_loop() {
    let barrier = const { Barrier::new(1) };
    for _ in 0..3 {
        assert!(done(&mut Box::pin(barrier.wait())).unwrap().is_leader());
    }
    barrier.abort();
    let error = done(&mut Box::pin(barrier.wait())).unwrap_err();
    let made_at = format!("waiting at the barrier made at {}:", file!());
    assert!(error.to_string().starts_with(&made_at), "{error}");
    barrier.reset();
    assert!(done(&mut Box::pin(barrier.wait())).is_ok());
}

#[test]
#[should_panic(expected = "a barrier of 0 parties")]
fn a_barrier_of_nobody_is_refused() {
    let _ = Barrier::new(0);
}

#[test]
#[should_panic(expected = "waiting at a barrier outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let barrier = Barrier::new(2);
    assert!(poll(&mut Box::pin(barrier.wait())).is_pending());
}

#[test]
fn a_task_that_passes_a_barrier_of_one_for_ever_lets_others_have_turns() {
    run(async {
        let count = Rc::new(RefCell::new(0));
        let counter = Rc::clone(&count);
        let greedy = spawn(async move {
            let barrier = Barrier::new(1);
            loop {
                barrier.wait().await.unwrap();
                *counter.borrow_mut() += 1;
            }
        });
        for _ in 0..5 {
            yield_now().await;
        }
        greedy.cancel().await;
        assert!(*count.borrow() > 100);
    });
}

#[test]
fn who_comes_while_the_others_leave_is_in_for_the_next_time_in_the_order_of_coming() {
    run(async {
        let barrier = Barrier::new(3);
        let mut first_round = waits_at(&barrier, 2);
        assert_eq!(done(&mut Box::pin(barrier.wait())).unwrap().index(), 2);
        assert_eq!(debug(&barrier), "state: Draining, waiting: 0");
        let mut early = waits_at(&barrier, 4);
        assert_eq!(debug(&barrier), "state: Draining, waiting: 0");
        assert!(poll(&mut early[0]).is_pending());
        assert_eq!(all(&mut first_round), ["0", "1"]);
        // Three of the four made up the next round among themselves, and one is in for the one after.
        assert!(poll(&mut early[3]).is_pending());
        assert_eq!(all(&mut early[..3]), ["0", "1", "2"]);
        assert_eq!(debug(&barrier), "state: Filling, waiting: 1");
        let mut fifth = waiting(barrier.wait());
        assert_eq!(done(&mut Box::pin(barrier.wait())).unwrap().index(), 2);
        assert_eq!(short(&done(&mut fifth)), "1");
        assert_eq!(short(&done(&mut early[3])), "0");
    });
}

#[test]
fn one_that_gives_up_while_it_fills_has_not_come_and_no_index_is_given_twice() {
    run(async {
        let barrier = Barrier::new(3);
        let mut waiters = waits_at(&barrier, 2);
        drop(waiters.remove(0));
        assert_eq!(barrier.waiting(), 1);
        waiters.push(waiting(barrier.wait()));
        assert_eq!(done(&mut Box::pin(barrier.wait())).unwrap().index(), 2);
        assert_eq!(all(&mut waiters), ["0", "1"]);
    });
}

#[test]
fn one_that_is_dropped_after_all_came_hinders_nobody() {
    run(async {
        let barrier = Barrier::new(3);
        let mut waiters = waits_at(&barrier, 2);
        assert!(done(&mut Box::pin(barrier.wait())).is_ok());
        let mut early = waiting(barrier.wait());
        drop(waiters.remove(0));
        assert_eq!(debug(&barrier), "state: Draining, waiting: 0", "one is still to leave");
        assert_eq!(all(&mut waiters), ["1"]);
        assert_eq!(debug(&barrier), "state: Filling, waiting: 1");
        let mut second = waiting(barrier.wait());
        assert!(done(&mut Box::pin(barrier.wait())).is_ok());
        assert_eq!((short(&done(&mut early)), short(&done(&mut second))), ("0".into(), "1".into()));
    });
}

#[test]
fn a_cancelled_task_leaves_the_barrier_to_the_others() {
    run(async {
        let barrier = Rc::new(Barrier::new(2));
        let waiter = || {
            let barrier = Rc::clone(&barrier);
            spawn(async move { barrier.wait().await.unwrap().index() })
        };
        let first = waiter();
        yield_now().await;
        assert_eq!(barrier.waiting(), 1);
        first.cancel().await;
        assert_eq!(barrier.waiting(), 0);
        let (second, third) = (waiter(), waiter());
        assert_eq!((second.await.unwrap(), third.await.unwrap()), (0, 1));
    });
}

#[test]
fn a_reset_sends_away_who_waits_and_they_can_come_again() {
    run(async {
        let barrier = Barrier::new(3).named("start");
        barrier.reset();
        assert_eq!(debug(&barrier), r#"name: "start", state: Filling, waiting: 0"#);
        let mut waiters = waits_at(&barrier, 2);
        barrier.reset();
        assert_eq!(debug(&barrier), r#"name: "start", state: Resetting, waiting: 0"#);
        assert!(!barrier.is_broken());
        let mut early = waiting(barrier.wait());
        barrier.reset();
        let error = done(&mut waiters[0]).unwrap_err();
        assert_eq!(error.to_string(), r#"waiting at the barrier "start": it was reset"#);
        assert!(poll(&mut early).is_pending());
        drop(waiters);
        assert_eq!(debug(&barrier), r#"name: "start", state: Filling, waiting: 1"#);
        let mut second = waiting(barrier.wait());
        assert!(done(&mut Box::pin(barrier.wait())).is_ok());
        assert_eq!((short(&done(&mut early)), short(&done(&mut second))), ("0".into(), "1".into()));
    });
}

#[test]
fn a_reset_after_all_came_takes_nothing_back() {
    run(async {
        let barrier = Barrier::new(3);
        let mut waiters = waits_at(&barrier, 2);
        assert!(done(&mut Box::pin(barrier.wait())).is_ok());
        let mut early = waiting(barrier.wait());
        barrier.reset();
        assert_eq!(debug(&barrier), "state: Draining, waiting: 0");
        assert_eq!(all(&mut waiters), ["0", "1"]);
        assert!(poll(&mut early).is_pending());
        assert_eq!(barrier.waiting(), 1);
    });
}

#[test]
fn an_abort_refuses_everybody_until_a_reset_but_not_those_for_whom_all_came() {
    run(async {
        let barrier = Barrier::new(3).named("start");
        let mut released = waits_at(&barrier, 2);
        assert!(done(&mut Box::pin(barrier.wait())).is_ok());
        let mut early = waits_at(&barrier, 2);
        barrier.abort();
        assert!(barrier.is_broken());
        let late = done(&mut Box::pin(barrier.wait())).unwrap_err();
        assert_eq!(late.to_string(), r#"waiting at the barrier "start": it was aborted"#);
        assert_eq!(all(&mut released), ["0", "1"]);
        assert_eq!(short(&done(&mut early[0])), "aborted");
        barrier.reset();
        assert_eq!(debug(&barrier), r#"name: "start", state: Resetting, waiting: 0"#);
        let mut again = waiting(barrier.wait());
        assert_eq!(short(&done(&mut early[1])), "aborted");
        assert_eq!(debug(&barrier), r#"name: "start", state: Filling, waiting: 1"#);
        barrier.abort();
        barrier.abort();
        assert_eq!(short(&done(&mut again)), "aborted");
        assert_eq!(debug(&barrier), r#"name: "start", state: Broken, waiting: 0"#);
        barrier.reset();
        assert_eq!(debug(&barrier), r#"name: "start", state: Filling, waiting: 0"#);
    });
}

#[test]
fn one_that_runs_out_of_time_can_abort_for_all() {
    run(async {
        let barrier = Rc::new(Barrier::new(3));
        let tasks = [1, 2].map(|seconds| {
            let barrier = Rc::clone(&barrier);
            spawn(async move {
                let waited = timeout(Duration::from_secs(seconds), barrier.wait()).await;
                if waited.is_err() {
                    barrier.abort();
                }
                waited.map_or("too late".into(), |outcome| short(&outcome))
            })
        });
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        assert_eq!(outcomes, ["too late", "aborted"]);
    });
}

#[test]
fn a_wait_dropped_at_any_step_leaves_a_barrier_that_others_can_pass() {
    type Wakes = fn(&Barrier);
    let wakes: [Wakes; 3] = [
        |barrier| assert!(done(&mut Box::pin(barrier.wait())).is_ok()),
        Barrier::reset,
        |barrier| {
            barrier.abort();
            barrier.reset();
        },
    ];
    for wake in wakes {
        dropped_at_each_step(
            || Barrier::new(2),
            |barrier| {
                Box::pin(async {
                    let _either = barrier.wait().await;
                })
            },
            wake,
            |barrier, step| {
                assert_eq!(format!("{barrier:?}"), "Barrier { state: Filling, waiting: 0, parties: 2, .. }");
                let mut first = waiting(barrier.wait());
                assert_eq!(done(&mut Box::pin(barrier.wait())).unwrap().index(), 1, "{step:?}");
                assert_eq!(done(&mut first).unwrap().index(), 0);
            },
        );
    }
}

#[test]
fn one_that_comes_early_can_be_dropped_at_any_step() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        run(async {
            let barrier = Barrier::new(2);
            let mut released = waiting(barrier.wait());
            assert!(done(&mut Box::pin(barrier.wait())).is_ok());
            let mut early = Box::pin(barrier.wait());
            if step != Step::NeverPolled {
                assert!(poll(&mut early).is_pending());
            }
            let other = matches!(step, Step::Notified | Step::Done).then(|| waiting(barrier.wait()));
            if other.is_some() {
                assert!(done(&mut released).is_ok());
            }
            if step == Step::Done {
                assert_eq!(short(&done(&mut early)), "0");
            }
            drop(early);
            drop(released);
            let outcome = other.map(|mut other| short(&done(&mut other)));
            let all_came = matches!(step, Step::Notified | Step::Done);
            assert_eq!(outcome, all_came.then(|| "1".to_owned()));
            assert_eq!(format!("{barrier:?}"), "Barrier { state: Filling, waiting: 0, parties: 2, .. }");
        });
    }
}

#[test]
fn a_barrier_left_over_from_a_loop_that_ended_serves_the_next() {
    let barrier = Barrier::new(3);
    let mut waiters: Vec<_> = (0..4).map(|_| Box::pin(barrier.wait())).collect();
    loopscope::run(async {
        for waiter in &mut waiters[..2] {
            assert!(poll(waiter).is_pending());
        }
        assert!(done(&mut Box::pin(barrier.wait())).is_ok());
        for waiter in &mut waiters[2..] {
            assert!(poll(waiter).is_pending());
        }
        assert_eq!(debug(&barrier), "state: Draining, waiting: 0");
    });
    assert_eq!(debug(&barrier), "state: Filling, waiting: 0");
    run(async {
        for waiter in &mut waiters[..2] {
            assert!(poll(waiter).is_pending());
        }
        assert_eq!(done(&mut waiters[2]).unwrap().index(), 2);
        assert_eq!(all(&mut waiters[..2]), ["0", "1"]);
        waiters.clear();
    });
}

#[test]
fn records_show_how_many_have_come_and_how_many_it_takes() {
    run(async {
        let (made_line, barrier) = (here(), Rc::new(Barrier::new(3).named("start")));
        assert_eq!(resources(), []);
        let inside = Rc::clone(&barrier);
        let task = spawn(async move {
            let future = inside.wait();
            future.await.unwrap()
        });
        let made_at = here() - 3;
        yield_now().await;
        let shown = resource();
        assert_eq!((shown.kind, shown.name.as_deref()), (ResourceKind::Barrier, Some("start")));
        assert_eq!((shown.made_at, shown.holder), (made_line, None));
        assert_eq!((shown.len, shown.limit), (Some(1), Some(3)));
        let expected = records::Waiting {
            task: task.id().as_u64(),
            kind: WaitKind::Barrier,
            resource: Some(shown.id),
            at: made_at + 1,
            made_at,
        };
        assert_eq!(waits(), [expected]);
        let second = waiting(barrier.wait());
        assert_eq!(resource().len, Some(2));
        drop(second);
        assert_eq!(resource().len, Some(1));
        let mut second = waiting(barrier.wait());
        assert!(done(&mut Box::pin(barrier.wait())).is_ok());
        assert_eq!(resource().len, Some(0), "those who leave have left the count");
        task.await.unwrap();
        assert!(done(&mut second).is_ok());
        assert_eq!((waits(), resources()), (vec![], vec![]));
    });
}
