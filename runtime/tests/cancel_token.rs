//! Tokens: asking any number of tasks to end, down a tree, from any thread.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::future::pending;
use std::panic::Location;
use std::time::Duration;

use loopscope::telemetry::{ResourceKind, WaitKind};
use loopscope::{CancelToken, Runner, sleep, spawn, yield_now};
use proptest::prelude::*;
use records::{here, run, run_live};
use steps::{Step, done, dropped_at_each_step, poll, waiting};
use trace::{Trace, panic_of};

const S: Duration = Duration::from_secs(1);

#[test]
fn cancelling_wakes_everybody_in_the_order_they_came_and_stays() {
    run(async {
        let (token, trace) = (CancelToken::new(), Trace::new());
        assert!(!token.is_cancelled());
        for name in ["a", "b", "c"] {
            let (token, trace) = (token.clone(), trace.clone());
            spawn(async move {
                token.cancelled().await;
                trace.push(name);
            })
            .detach();
        }
        yield_now().await;
        trace.expect(&[]);
        token.cancel();
        token.cancel();
        assert!(token.is_cancelled());
        yield_now().await;
        trace.expect(&["a", "b", "c"]);
        token.cancelled().await;
        token.clone().cancelled().await;
    });
}

#[test]
fn cancelling_goes_down_the_tree_and_never_up() {
    run(async {
        let root = CancelToken::new();
        let (left, right) = (root.child(), root.child());
        let below = left.child();
        left.cancel();
        assert_eq!([&root, &left, &right, &below].map(CancelToken::is_cancelled), [false, true, false, true]);
        assert!(left.child().is_cancelled(), "a child of a cancelled token is cancelled from birth");
        root.cancel();
        assert!(right.is_cancelled() && root.is_cancelled());
    });
}

#[test]
fn a_token_whose_parent_nobody_has_any_more_is_still_reached_from_above() {
    run(async {
        let root = CancelToken::new();
        let grandchild = root.child().child();
        let mut wait = waiting(grandchild.cancelled());
        root.cancel();
        done(&mut wait);
        let orphan = CancelToken::new().child();
        assert!(!orphan.is_cancelled());
        orphan.cancel();
        assert!(orphan.is_cancelled());
    });
}

#[test]
fn a_hundred_thousand_generations_are_cancelled_and_dropped_without_a_deep_stack() {
    run(async {
        let root = CancelToken::new();
        let mut last = root.clone();
        for _ in 0..100_000 {
            last = last.child();
        }
        root.cancel();
        assert!(last.is_cancelled());
    });
}

#[test]
fn a_token_forgets_children_that_are_gone() {
    run(async {
        let root = CancelToken::new();
        let kept = root.child();
        for _ in 0..100_000 {
            drop(root.child());
        }
        root.cancel();
        assert!(kept.is_cancelled());
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_step_leaves_nothing_and_keeps_nobody_waiting() {
    dropped_at_each_step(
        || {
            let token = CancelToken::new();
            let other = waiting(token.cancelled());
            (token, std::cell::RefCell::new(other))
        },
        |(token, _)| Box::pin(token.cancelled()),
        |(token, _)| token.cancel(),
        |(token, other), step| {
            if matches!(step, Step::NeverPolled | Step::Pending) {
                assert!(poll(&mut other.borrow_mut()).is_pending());
                token.cancel();
            }
            done(&mut other.borrow_mut());
        },
    );
    dropped_at_each_step(
        || (CancelToken::new(), Trace::new()),
        |(token, trace)| {
            let inside = trace.on_drop("dropped");
            Box::pin(async move {
                let run = token.run_until_cancelled(async move {
                    let _inside = inside;
                    pending::<()>().await;
                });
                assert_eq!(run.await, None);
            })
        },
        |(token, _)| token.cancel(),
        |(_, trace), _| trace.expect(&["dropped"]),
    );
}

#[test]
fn run_until_cancelled_gives_the_output_or_drops_the_future_at_once() {
    run(async {
        let (token, trace) = (CancelToken::new(), Trace::new());
        assert_eq!(token.run_until_cancelled(async { 7 }).await, Some(7));
        let canceller = token.clone();
        // One that is ready when it is cancelled, by itself, wins.
        let itself = async {
            canceller.cancel();
            8
        };
        assert_eq!(token.child().run_until_cancelled(itself).await, Some(8));
        let never_polled = async { unreachable!("the token is cancelled") };
        assert_eq!(token.run_until_cancelled(never_polled).await, None::<()>);

        let token = CancelToken::new();
        let (inside, inner) = (trace.on_drop("dropped"), token.clone());
        let task = spawn(async move {
            let work = async move {
                let _inside = inside;
                pending::<()>().await;
            };
            inner.run_until_cancelled(work).await
        });
        sleep(S).await;
        token.cancel();
        trace.expect(&[]);
        assert_eq!(task.await.unwrap(), None);
        trace.expect(&["dropped"]);
    });
}

#[test]
fn a_drop_guard_cancels_unless_it_is_disarmed() {
    run(async {
        let token = CancelToken::new();
        let same = token.clone().drop_guard().disarm();
        assert!(!same.is_cancelled());
        drop(token.clone().drop_guard());
        assert!(same.is_cancelled() && token.is_cancelled());
    });
}

#[test]
fn other_threads_cancel_through_a_remote_handle() {
    run_live(async {
        let token = CancelToken::new();
        let (remote, child) = (token.remote(), token.child());
        assert!(!remote.is_cancelled());
        let other = remote.clone();
        let thread = std::thread::spawn(move || other.cancel());
        child.cancelled().await;
        assert_eq!(thread.join().unwrap(), Ok(()));
        assert!(remote.is_cancelled() && token.is_cancelled());
        assert!(token.remote().is_cancelled(), "also one that is made afterwards");
        assert_eq!(remote.cancel(), Ok(()), "again");

        let gone = CancelToken::new().remote();
        assert_eq!(gone.cancel(), Ok(()), "nobody has the token any more");
        yield_now().await;
        assert!(!gone.is_cancelled());
    });
}

#[test]
fn a_remote_handle_outlives_its_loop_and_says_so() {
    run(async {
        std::thread::spawn(|| {
            let mut runner = Runner::builder().build().unwrap();
            let (token, remote) = runner
                .block_on(async {
                    let token = CancelToken::new();
                    let remote = token.remote();
                    (token, remote)
                })
                .unwrap();
            drop(runner);
            assert_eq!(remote.cancel().unwrap_err().to_string(), "the event loop has ended");
            assert!(!token.is_cancelled());
            token.cancel();
            assert!(remote.is_cancelled());
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_token_works_before_its_loop_and_in_the_next_one() {
    run(async {
        std::thread::spawn(|| {
            let token = CancelToken::new();
            let child = token.child();
            for _ in 0..2 {
                loopscope::run(async {
                    let mut wait = waiting(child.cancelled());
                    yield_now().await;
                    assert!(poll(&mut wait).is_pending());
                });
            }
            token.cancel();
            loopscope::run(child.cancelled());
            let text = panic_of(|| CancelToken::new().remote());
            assert!(text.contains("outside of an event loop"), "{text}");
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_token_that_is_always_ready_lets_others_run() {
    run(async {
        let token = CancelToken::new();
        token.cancel();
        let other = spawn(async { 7 });
        while !other.is_finished() {
            token.cancelled().await;
        }
        assert_eq!(other.await.unwrap(), 7);
    });
}

#[test]
fn a_token_is_named_before_it_is_used() {
    run(async {
        let token = CancelToken::new().named("shutdown");
        assert_eq!(
            format!("{token:?}"),
            "CancelToken { name: \"shutdown\", cancelled: false, waiters: 0, .. }"
        );
        let shared = token.clone();
        let text = panic_of(|| token.named("late"));
        assert_eq!(text, "a token is named \"late\" that is in use already: name it before it is cloned");
        drop(shared);
    });
}

#[test]
fn records_show_who_waits_for_which_token() {
    run(async {
        let token = CancelToken::new().named("shutdown");
        let made_line = here() - 1;
        let waiter = token.clone();
        let task = spawn(async move {
            let line = Location::caller().line() + 1;
            waiter.cancelled().await;
            line
        });
        let runner = token.child();
        let child_line = here() - 1;
        let until = spawn(async move {
            let line = Location::caller().line() + 1;
            runner.run_until_cancelled(sleep(60 * S)).await;
            line
        });
        yield_now().await;
        let mut resources = records::resources();
        resources.sort_by_key(|resource| resource.made_at);
        let shown: Vec<_> =
            resources.iter().map(|one| (one.kind, one.name.as_deref(), one.made_at)).collect();
        assert_eq!(
            shown,
            [(ResourceKind::Event, Some("shutdown"), made_line), (ResourceKind::Event, None, child_line)]
        );
        let waits: Vec<_> =
            records::waits().into_iter().map(|wait| (wait.task, wait.kind, wait.resource, wait.at)).collect();
        let ids = [task.id().as_u64(), until.id().as_u64()];
        token.cancel();
        let (line, until_line) = (task.await.unwrap(), until.await.unwrap());
        assert_eq!(waits.len(), 3);
        assert!(waits.contains(&(ids[0], WaitKind::Event, Some(resources[0].id), line)));
        assert!(waits.contains(&(ids[1], WaitKind::Event, Some(resources[1].id), until_line)));
        assert!(waits.contains(&(ids[1], WaitKind::Sleep, None, until_line)), "what it runs is not hidden");
    });
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Child(usize),
    Cancel(usize),
    Drop(usize),
    Wait(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let which = any::<prop::sample::Index>().prop_map(|index| index.index(8));
    (0..4, which).prop_map(|(what, which)| match what {
        0 => Operation::Child(which),
        1 => Operation::Cancel(which),
        2 => Operation::Drop(which),
        _ => Operation::Wait(which),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_tree_of_tokens_is_as_its_model(operations in prop::collection::vec(operation(), 1..60)) {
        run(async {
            // The model: each token's parent and whether it was cancelled; handles may go, tokens do not.
            let mut model: Vec<(Option<usize>, bool)> = vec![(None, false)];
            let mut tokens = vec![Some(CancelToken::new())];
            let mut waits = Vec::new();
            for operation in operations {
                match operation {
                    Operation::Child(of) => {
                        if let Some(Some(token)) = tokens.get(of) {
                            tokens.push(Some(token.child()));
                            model.push((Some(of), model[of].1));
                        }
                    }
                    Operation::Cancel(of) => {
                        if let Some(Some(token)) = tokens.get(of) {
                            token.cancel();
                            model[of].1 = true;
                            // Children come after their parents.
                            for at in of + 1..model.len() {
                                model[at].1 |= model[at].0.is_some_and(|parent| model[parent].1);
                            }
                        }
                    }
                    Operation::Drop(of) => {
                        if let Some(token) = tokens.get_mut(of) {
                            *token = None;
                        }
                    }
                    Operation::Wait(of) => {
                        if let Some(Some(token)) = tokens.get(of).filter(|_| !model[of].1) {
                            waits.push((of, waiting(token.cancelled())));
                        }
                    }
                }
                for (token, (_, cancelled)) in tokens.iter().zip(&model) {
                    assert!(token.as_ref().is_none_or(|token| token.is_cancelled() == *cancelled));
                }
                waits.retain_mut(|(of, wait)| {
                    assert_eq!(poll(wait).is_ready(), model[*of].1);
                    !model[*of].1
                });
            }
        });
    }
}
