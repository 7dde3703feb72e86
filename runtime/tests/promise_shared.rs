//! One promise that many await, and any future made into one.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/records.rs"]
mod records;
#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use foreign::{done, poll, waiting};
use loopscope::future::{self, Promise, Promised, Settled, Shared, promise};
use loopscope::{spawn, yield_now};
use proptest::prelude::*;
use records::{resources, run, waits};
use trace::spec;

type Texts = (Promise<u32, &'static str>, Promised<u32, &'static str>);

#[test]
fn all_clones_get_a_copy_and_may_ask_again() {
    run(async {
        let (promise, promised): Texts = promise();
        let shared = promised.shared();
        assert_eq!((shared.result(), shared.settled()), (None, None));
        let tasks = [(); 3].map(|()| spawn(shared.clone()));
        yield_now().await;
        assert_eq!(waits().len(), 3);
        promise.set(7).unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(7));
        }
        let mut again = shared.clone();
        assert_eq!(((&mut again).await, again.await), (Ok(7), Ok(7)));
        assert_eq!((shared.result(), shared.is_done()), (Some(Ok(7)), true));
    });
}

#[test]
fn all_clones_get_the_same_error() {
    run(async {
        let (promise, promised) = promise::<u32, String>();
        let one = promised.shared();
        let other = one.clone();
        promise.fail("no luck".to_owned()).unwrap();
        let (one, other) = (one.await.unwrap_err(), other.await.unwrap_err());
        assert_eq!(one.to_string(), "no luck");
        let (one, other) = (one.into_failure().unwrap(), other.into_failure().unwrap());
        assert!(Rc::ptr_eq(&one, &other));
    });
}

#[test]
fn a_clone_that_is_dropped_at_any_step_leaves_the_others_waiting() {
    run(async {
        let (promise, promised): Texts = promise();
        let shared = promised.shared();
        drop(shared.clone());
        let pending = waiting(shared.clone());
        drop(pending);
        let notified = waiting(shared.clone());
        let mut last = waiting(shared);
        assert!(!promise.is_closed());
        promise.set(1).unwrap();
        drop(notified);
        assert_eq!(done(&mut last), Ok(1));
        drop(last);
        assert_eq!((waits(), resources()), (vec![], vec![]));

        let (promise, promised): Texts = future::promise();
        let shared = promised.shared();
        let other = shared.clone();
        drop(shared);
        assert!(!promise.is_closed());
        drop(other);
        assert!(promise.is_closed(), "the last one is gone");
    });
}

#[test]
fn cancelling_one_clone_cancels_for_all() {
    run(async {
        let (promise, promised): Texts = promise();
        let shared = promised.shared();
        let task = spawn(shared.clone());
        yield_now().await;
        assert!(shared.cancel() && !shared.cancel());
        assert!(task.await.unwrap().unwrap_err().is_cancelled());
        assert_eq!(promise.set(1), Err(1));
    });
}

#[test]
fn a_future_made_shared_runs_once_and_is_cancelled_with_its_last_clone() {
    spec(
        |trace| async move {
            let inside = trace.clone();
            let shared = future::shared(async move {
                inside.push("runs");
                yield_now().await;
                1
            });
            let task = spawn(shared.clone());
            assert_eq!((shared.await, task.await.unwrap()), (Ok(1), Ok(1)));
            let guard = trace.on_drop("dropped");
            let shared = future::shared(async move {
                let _guard = guard;
                std::future::pending::<u32>().await
            });
            let other = shared.clone();
            yield_now().await;
            drop(shared);
            yield_now().await;
            trace.push("one left");
            drop(other);
            yield_now().await;
        },
        &["runs", "one left", "dropped"],
    );
}

#[test]
fn a_shared_future_that_fails_or_panics_tells_who_awaits() {
    spec(
        |trace| async move {
            let failing: Shared<u32, &str> = future::try_shared(async { Err("no luck") });
            trace.push(failing.await.unwrap_err().to_string());
            drop(future::try_shared(async { Ok::<_, &str>(1) }).await);
            let unseen: Shared<u32, &str> = future::try_shared(async { Err("unseen") });
            yield_now().await;
            drop(unseen);
            let panics: Shared<(), Infallible> = future::shared(async { panic!("oh no") });
            let error = panics.await.unwrap_err();
            assert!(error.is_cancelled(), "{error}");
        },
        &["no luck", "-: NeverRetrieved(\"\\\"unseen\\\"\")", "-: Panic(\"oh no\")"],
    );
}

#[test]
fn a_shared_future_that_drops_its_own_last_clone_ends() {
    run(async {
        let own: Rc<RefCell<Option<Shared<u32, Infallible>>>> = Rc::default();
        let inside = Rc::clone(&own);
        let shared = future::shared(async move {
            let last = inside.take();
            drop(last);
            std::future::pending().await
        });
        *own.borrow_mut() = Some(shared);
        yield_now().await;
        assert!(own.borrow().is_none());
        yield_now().await;
    });
}

/// What a shared promise does, in the plainest way.
#[derive(Default)]
struct Model {
    settled: Option<Settled>,
    clones: usize,
    callbacks: Vec<usize>,
    called: Vec<usize>,
}

impl Model {
    fn settle(&mut self, how: Settled) {
        if self.settled.is_none() {
            self.settled = Some(how);
            self.called.append(&mut self.callbacks);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Set,
    Fail,
    DropPromise,
    Cancel,
    Clone,
    Poll(usize),
    DropClone(usize),
    OnDone,
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::Set),
        1 => Just(Step::Fail),
        1 => Just(Step::DropPromise),
        1 => Just(Step::Cancel),
        6 => Just(Step::Clone),
        10 => (0_usize..4).prop_map(Step::Poll),
        5 => (0_usize..4).prop_map(Step::DropClone),
        5 => Just(Step::OnDone),
        4 => (0_usize..6).prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 1..50)
}

/// Plays a schedule on the real thing and on the model, which must agree at every step.
async fn play(steps: &[Step]) {
    let (promise, promised): Texts = promise();
    let (mut promise, mut model) = (Some(promise), Model { clones: 1, ..Model::default() });
    let mut clones = vec![Box::pin(promised.shared())];
    let (mut waiting, called, mut handles) = (vec![false], Rc::new(RefCell::new(Vec::new())), Vec::new());
    for step in steps {
        match *step {
            Step::Set | Step::Fail | Step::DropPromise => {
                let Some(promise) = promise.take() else { continue };
                let (open, value) = (model.settled.is_none(), matches!(step, Step::Set));
                match step {
                    Step::Set => assert_eq!(promise.set(1).is_ok(), open),
                    Step::Fail => assert_eq!(promise.fail("no").is_ok(), open),
                    _ => drop(promise),
                }
                let failed = matches!(step, Step::Fail);
                model.settle(match (value, failed) {
                    (true, _) => Settled::Value,
                    (_, true) => Settled::Failed,
                    _ => Settled::Cancelled,
                });
            }
            Step::Cancel => {
                let Some(clone) = clones.first() else { continue };
                assert_eq!(clone.cancel(), model.settled.is_none());
                model.settle(Settled::Cancelled);
            }
            Step::Clone => {
                let Some(clone) = clones.first() else { continue };
                let new = Box::pin(Shared::clone(clone));
                clones.push(new);
                waiting.push(false);
            }
            Step::Poll(at) if at < clones.len() => {
                let ready = poll(&mut clones[at]).is_ready();
                assert_eq!(ready, model.settled.is_some());
                waiting[at] = !ready;
            }
            Step::DropClone(at) if at < clones.len() => {
                drop(clones.swap_remove(at));
                waiting.swap_remove(at);
                if clones.is_empty() {
                    model.settle(Settled::Cancelled);
                }
            }
            Step::OnDone => {
                let Some(clone) = clones.first() else { continue };
                let (number, calls) = (handles.len(), Rc::clone(&called));
                handles.push(clone.on_done(move |_| calls.borrow_mut().push(number)));
                if model.settled.is_some() { &mut model.called } else { &mut model.callbacks }.push(number);
            }
            Step::Remove(at) if at < handles.len() => {
                let before = model.callbacks.len();
                model.callbacks.retain(|number| *number != at);
                assert_eq!(handles[at].remove(), model.callbacks.len() < before);
            }
            _ => {}
        }
        model.clones = clones.len();
        if let Some(clone) = clones.first() {
            assert_eq!(clone.settled(), model.settled);
        }
        if let Some(promise) = &promise {
            assert_eq!(promise.is_closed(), model.settled.is_some());
        }
        assert_eq!(waits().len(), waiting.iter().filter(|waits| **waits).count());
        yield_now().await;
        assert_eq!(*called.borrow(), model.called);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shared_promise_does_what_the_model_does(steps in steps()) {
        run(async move {
            play(&steps).await;
            yield_now().await;
        });
    }
}
