//! The event: wakes everybody who waits, keeps nobody who was woken, and shows who waits.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use loopscope::sync::{Event, WaitEvent};
use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{spawn, timeout, yield_now};
use proptest::prelude::*;
use records::{here, resource, resources, run, waits};
use steps::{Step, done, dropped_at_each_step, poll, waiting};

#[test]
fn setting_wakes_everybody_who_waits_in_the_order_they_came() {
    run(async {
        let (event, trace) = (Rc::new(Event::new()), Rc::new(RefCell::new(Vec::new())));
        let tasks = ["a", "b", "c"].map(|name| {
            let (event, trace) = (Rc::clone(&event), Rc::clone(&trace));
            spawn(async move {
                event.wait().await;
                trace.borrow_mut().push(name);
            })
        });
        yield_now().await;
        assert_eq!(format!("{event:?}"), "Event { set: false, waiters: 3, .. }");
        assert_eq!(*trace.borrow(), [""; 0]);
        event.set();
        event.set();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*trace.borrow(), ["a", "b", "c"]);
        assert_eq!(format!("{event:?}"), "Event { set: true, waiters: 0, .. }");
    });
}

#[test]
fn who_was_woken_stays_woken_when_the_event_is_cleared_at_once() {
    run(async {
        let event = Event::new().named("go");
        let mut woken = waiting(event.wait());
        event.set();
        event.clear();
        let mut late = waiting(event.wait());
        assert_eq!(format!("{event:?}"), r#"Event { name: "go", set: false, waiters: 2, .. }"#);
        done(&mut woken);
        assert!(poll(&mut late).is_pending(), "it came after the event was cleared");
        event.set();
        done(&mut late);
    });
}

#[test]
fn an_event_that_is_set_makes_nobody_wait_and_works_outside_of_a_loop() {
    let event = Event::default();
    assert!(!event.is_set());
    event.set();
    done(&mut Box::pin(event.wait()));
    done(&mut Box::pin(event.wait()));
    event.clear();
    assert!(!event.is_set());
    let constant = const { Event::new() };
    assert!(!constant.is_set());
}

#[test]
#[should_panic(expected = "waiting for an event outside of an event loop")]
fn waiting_outside_of_a_loop_panics() {
    let event = Event::new();
    assert!(poll(&mut Box::pin(event.wait())).is_pending());
}

#[test]
fn a_task_that_waits_for_a_set_event_for_ever_lets_others_have_turns() {
    run(async {
        let event = Rc::new(Event::new());
        event.set();
        let (inside, count) = (Rc::clone(&event), Rc::new(RefCell::new(0)));
        let counter = Rc::clone(&count);
        let greedy = spawn(async move {
            loop {
                inside.wait().await;
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
fn a_wait_that_runs_out_of_time_leaves_nothing_behind() {
    run(async {
        let event = Event::new();
        assert!(timeout(Duration::from_secs(1), event.wait()).await.is_err());
        assert_eq!((waits(), resources()), (vec![], vec![]));
        event.set();
        assert!(timeout(Duration::from_secs(1), event.wait()).await.is_ok());
    });
}

#[test]
fn a_wait_dropped_at_any_step_takes_nothing_from_the_others() {
    dropped_at_each_step(
        Event::new,
        |event| Box::pin(event.wait()),
        Event::set,
        |event, step| {
            assert_eq!(event.is_set(), matches!(step, Step::Notified | Step::Done));
            event.clear();
            let mut others = [waiting(event.wait()), waiting(event.wait())];
            event.set();
            others.iter_mut().for_each(done);
        },
    );
}

#[test]
fn a_waiter_in_the_middle_that_is_dropped_leaves_no_gap() {
    run(async {
        let event = Event::new();
        let mut waiters: Vec<_> = (0..3).map(|_| waiting(event.wait())).collect();
        drop(waiters.remove(1));
        event.set();
        waiters.iter_mut().for_each(done);
    });
}

#[test]
fn an_event_left_over_from_a_loop_that_ended_serves_the_next() {
    let event = Event::new();
    let mut future = Box::pin(event.wait());
    loopscope::run(async { assert!(poll(&mut future).is_pending()) });
    assert_eq!(format!("{event:?}"), "Event { set: false, waiters: 0, .. }");
    run(async {
        assert!(poll(&mut future).is_pending());
        event.set();
        done(&mut future);
        drop(future);
    });
}

#[test]
fn records_show_the_event_and_the_line_of_every_wait() {
    run(async {
        let (made_line, event) = (here(), Rc::new(Event::new().named("ready")));
        assert_eq!(resources(), [], "nobody waits yet");
        let inside = Rc::clone(&event);
        let task = spawn(async move {
            let future = inside.wait();
            future.await;
        });
        let made_at = here() - 3;
        yield_now().await;
        let shown = resource();
        assert_eq!((shown.kind, shown.name.as_deref()), (ResourceKind::Event, Some("ready")));
        assert_eq!((shown.made_at, shown.holder, shown.len, shown.limit), (made_line, None, None, None));
        let expected = records::Waiting {
            task: task.id().as_u64(),
            kind: WaitKind::Event,
            resource: Some(shown.id),
            at: made_at + 1,
            made_at,
        };
        assert_eq!(waits(), [expected]);
        event.set();
        task.await.unwrap();
        assert_eq!((waits(), resources()), (vec![], vec![]));
    });
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Poll(usize),
    Drop(usize),
    Set,
    Clear,
}

const PLACES: usize = 5;

/// What the model knows of a place's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    None,
    Waits,
    Woken,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        5 => (0..PLACES).prop_map(Move::Poll),
        3 => (0..PLACES).prop_map(Move::Drop),
        1 => Just(Move::Set),
        2 => Just(Move::Clear),
    ];
    prop::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_wakes_whom_the_model_wakes(moves in moves()) {
        run(async {
            let event = Event::new();
            let mut places: [Option<Pin<Box<WaitEvent<'_>>>>; PLACES] = Default::default();
            let (mut set, mut stages) = (false, [Stage::None; PLACES]);
            for one in moves {
                match one {
                    Move::Poll(at) => {
                        let future = places[at].get_or_insert_with(|| Box::pin(event.wait()));
                        let ready = poll(future).is_ready();
                        assert_eq!(ready, set || stages[at] == Stage::Woken);
                        stages[at] = if ready { Stage::None } else { Stage::Waits };
                        if ready {
                            places[at] = None;
                        }
                    }
                    Move::Drop(at) => {
                        places[at] = None;
                        stages[at] = Stage::None;
                    }
                    Move::Set => {
                        event.set();
                        set = true;
                        stages.iter_mut().filter(|stage| **stage == Stage::Waits).for_each(|stage| *stage = Stage::Woken);
                    }
                    Move::Clear => {
                        event.clear();
                        set = false;
                    }
                }
                let waiting = stages.iter().filter(|stage| **stage != Stage::None).count();
                assert_eq!((waits().len(), resources().len()), (waiting, usize::from(waiting > 0)));
            }
            drop(places);
        });
    }
}
