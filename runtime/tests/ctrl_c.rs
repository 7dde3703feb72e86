//! Ctrl-C, with real processes and real signals.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;

use std::future::pending;
use std::time::Duration;

use child::{Says, Side, ignore_sigint, say, say_heard_for_each_sigint, side, sigint_is, wait_for_go};
use libc::{SIG_DFL, SIG_IGN, SIGINT};
use loopscope::{Runner, spawn};

/// How a process ends that has an unhandled SIGINT.
const BY_SIGINT: Result<i32, i32> = Err(SIGINT);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_first_drops_main_then_the_tasks_and_the_process_ends_by_the_signal() {
    match side("the_first_drops_main_then_the_tasks_and_the_process_ends_by_the_signal") {
        Side::Child => loopscope::run(async {
            spawn(async {
                let _task = Says("task dropped");
                pending::<()>().await;
            })
            .detach();
            let _main = Says("main dropped");
            loopscope::yield_now().await;
            say("ready");
            loopscope::sleep(Duration::from_secs(3600)).await;
        }),
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            assert_eq!(child.end(), (words(&["main dropped", "task dropped"]), BY_SIGINT));
        }
    }
}

#[loopscope::main]
async fn main_of_a_program() {
    let _main = Says("main dropped");
    say("ready");
    pending::<()>().await;
}

#[test]
fn the_main_attribute_asks_for_it() {
    match side("the_main_attribute_asks_for_it") {
        Side::Child => main_of_a_program(),
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            assert_eq!(child.end(), (words(&["main dropped"]), BY_SIGINT));
        }
    }
}

#[test]
fn a_runner_that_asks_gets_an_error_the_disposition_back_and_goes_on() {
    match side("a_runner_that_asks_gets_an_error_the_disposition_back_and_goes_on") {
        Side::Child => {
            let mut runner = Runner::builder().ctrl_c(true).build().unwrap();
            for _ in 0..2 {
                let error = runner
                    .block_on(async {
                        assert!(!sigint_is(SIG_DFL));
                        say("ready");
                        pending::<()>().await;
                    })
                    .unwrap_err();
                assert!(error.is_interrupted() && !error.is_cancelled());
                assert!(sigint_is(SIG_DFL));
                say(&error.to_string());
            }
            assert_eq!(runner.block_on(async { 7 }), Ok(7));
            assert!(runner.shutdown(Duration::ZERO).is_clean());
        }
        Side::Parent(mut child) => {
            for _ in 0..2 {
                child.expect(&["ready"]);
                child.interrupt();
                child.expect(&["interrupted by SIGINT (Ctrl-C)"]);
            }
            assert_eq!(child.end(), (vec![], Ok(0)));
        }
    }
}

#[test]
fn one_that_comes_too_late_is_not_lost() {
    match side("one_that_comes_too_late_is_not_lost") {
        Side::Child => {
            let mut runner = Runner::builder().ctrl_c(true).build().unwrap();
            let result = runner.block_on(async {
                say_heard_for_each_sigint();
                say("ready");
                wait_for_go();
                7
            });
            assert!(result.unwrap_err().is_interrupted());
            // Without the loop nobody watches, and what the application registered is no longer called.
            assert!(sigint_is(SIG_DFL));
        }
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            child.expect(&["heard"]);
            child.go();
            assert_eq!(child.end(), (vec![], Ok(0)));
        }
    }
}

#[test]
fn run_ends_by_the_signal_even_if_main_returns() {
    match side("run_ends_by_the_signal_even_if_main_returns") {
        Side::Child => {
            loopscope::run(async {
                say_heard_for_each_sigint();
                say("ready");
                wait_for_go();
            });
            say("not reached");
        }
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            child.expect(&["heard"]);
            child.go();
            assert_eq!(child.end(), (vec![], BY_SIGINT));
        }
    }
}

#[test]
fn the_second_ends_a_process_whose_main_does_not_listen() {
    match side("the_second_ends_a_process_whose_main_does_not_listen") {
        Side::Child => loopscope::run(async {
            let _main = Says("not reached");
            say_heard_for_each_sigint();
            say("ready");
            wait_for_go(); // never comes
        }),
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            child.expect(&["heard"]);
            child.interrupt();
            assert_eq!(child.end(), (vec![], BY_SIGINT));
        }
    }
}

#[test]
fn every_runner_that_asks_is_interrupted_by_the_same_one() {
    match side("every_runner_that_asks_is_interrupted_by_the_same_one") {
        Side::Child => {
            let barrier = std::sync::Arc::new(std::sync::Barrier::new(3));
            let threads: Vec<_> = (0..3)
                .map(|number| {
                    let barrier = std::sync::Arc::clone(&barrier);
                    std::thread::spawn(move || {
                        let mut runner = Runner::builder().ctrl_c(true).build().unwrap();
                        let result = runner.block_on(async {
                            if barrier.wait().is_leader() {
                                say("ready");
                            }
                            pending::<()>().await;
                        });
                        assert!(result.unwrap_err().is_interrupted(), "runner {number}");
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert!(sigint_is(SIG_DFL));
        }
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            assert_eq!(child.end(), (vec![], Ok(0)));
        }
    }
}

#[test]
fn a_runner_that_does_not_ask_leaves_the_default() {
    match side("a_runner_that_does_not_ask_leaves_the_default") {
        Side::Child => {
            let mut runner = Runner::builder().build().unwrap();
            let result = runner.block_on(async {
                let _main = Says("not reached");
                assert!(sigint_is(SIG_DFL));
                say("ready");
                pending::<()>().await;
            });
            result.unwrap();
        }
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            assert_eq!(child.end(), (vec![], BY_SIGINT));
        }
    }
}

#[test]
fn an_ignored_one_stays_ignored() {
    match side("an_ignored_one_stays_ignored") {
        Side::Child => {
            ignore_sigint();
            let mut runner = Runner::builder().ctrl_c(true).build().unwrap();
            let result = runner.block_on(async {
                say("ready");
                wait_for_go();
                assert!(sigint_is(SIG_IGN));
                7
            });
            assert_eq!(result, Ok(7));
            assert!(sigint_is(SIG_IGN));
        }
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            child.go();
            assert_eq!(child.end(), (vec![], Ok(0)));
        }
    }
}

#[test]
fn a_main_that_is_always_ready_is_interrupted_too() {
    match side("a_main_that_is_always_ready_is_interrupted_too") {
        Side::Child => loopscope::run(async {
            let _main = Says("main dropped");
            say("ready");
            loop {
                loopscope::yield_now().await;
            }
        }),
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            assert_eq!(child.end(), (words(&["main dropped"]), BY_SIGINT));
        }
    }
}

#[test]
fn the_child_of_a_fork_has_the_default_again() {
    match side("the_child_of_a_fork_has_the_default_again") {
        Side::Child => {
            let mut runner = Runner::builder().ctrl_c(true).build().unwrap();
            let result = runner.block_on(async {
                let code = child::fork(|| {
                    assert!(sigint_is(SIG_DFL));
                    let mut own = Runner::builder().ctrl_c(true).build().unwrap();
                    let result = own.block_on(async {
                        assert!(!sigint_is(SIG_DFL));
                        rustix::process::kill_process(
                            rustix::process::getpid(),
                            rustix::process::Signal::INT,
                        )
                        .unwrap();
                        pending::<()>().await;
                    });
                    assert!(result.unwrap_err().is_interrupted());
                    assert!(sigint_is(SIG_DFL));
                    0
                });
                assert!(!sigint_is(SIG_DFL));
                code
            });
            assert_eq!(result, Ok(0), "the child's Ctrl-C is not the parent's");
        }
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}
