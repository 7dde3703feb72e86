//! What signals do to a process that listens, or listened: processes of the test's own, sent real ones.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;

use std::future::pending;
use std::sync::mpsc;

use child::{
    Says, Side, exit_now, fork, fork_both, ignore, raise, say, side, sigint_is, wait_for, wait_for_go,
};
use futures_util::FutureExt;
use libc::{SIG_DFL, SIGHUP, SIGINT, SIGTERM};
use loopscope::signal::{self, Kind};
use loopscope::{Runner, yield_now};
use rustix::process::Signal;

/// How a process ends that has an unhandled signal.
const BY_SIGINT: Result<i32, i32> = Err(SIGINT);
const BY_SIGTERM: Result<i32, i32> = Err(SIGTERM);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_default_does_not_come_back_when_the_last_listener_is_dropped() {
    match side("the_default_does_not_come_back_when_the_last_listener_is_dropped") {
        Side::Child => {
            loopscope::run(async {
                drop(signal::unix(Kind::TERMINATE).unwrap());
                raise(SIGTERM);
                yield_now().await;
                say("alive");
            });
            raise(SIGTERM);
            say("still alive");
        }
        Side::Parent(child) => assert_eq!(child.end(), (words(&["alive", "still alive"]), Ok(0))),
    }
}

#[test]
fn shutdown_signal_says_which_it_was() {
    match side("shutdown_signal_says_which_it_was") {
        Side::Child => loopscope::run(async {
            for _ in 0..2 {
                let shutdown = signal::shutdown_signal();
                say("ready");
                say(&shutdown.await.unwrap().to_string());
            }
        }),
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.send(Signal::TERM);
            child.expect(&["SIGTERM", "ready"]);
            child.send(Signal::INT);
            assert_eq!(child.end(), (words(&["SIGINT"]), Ok(0)));
        }
    }
}

#[test]
fn a_listener_has_ctrl_c_for_itself_and_then_the_runners_rule_holds_again() {
    match side("a_listener_has_ctrl_c_for_itself_and_then_the_runners_rule_holds_again") {
        Side::Child => loopscope::run(async {
            let _main = Says("main dropped");
            let mut signals = signal::unix(Kind::INTERRUPT).unwrap();
            say("ready");
            for _ in 0..3 {
                signals.recv().await;
                say("heard");
            }
            drop(signals);
            signal::ctrl_c().now_or_never();
            say("no listener");
            pending::<()>().await;
        }),
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            for _ in 0..3 {
                child.interrupt();
                child.expect(&["heard"]);
            }
            child.expect(&["no listener"]);
            child.interrupt();
            assert_eq!(child.end(), (words(&["main dropped"]), BY_SIGINT));
        }
    }
}

#[test]
fn a_clean_up_after_ctrl_c_is_ended_by_the_next_two() {
    match side("a_clean_up_after_ctrl_c_is_ended_by_the_next_two") {
        Side::Child => loopscope::run(async {
            let _main = Says("not reached");
            let waiting = signal::ctrl_c();
            say("ready");
            waiting.await.unwrap();
            child::say_heard_for_each_sigint();
            say("cleaning up");
            wait_for_go(); // never comes
        }),
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.interrupt();
            child.expect(&["cleaning up"]);
            child.interrupt();
            child.expect(&["heard"]);
            child.interrupt();
            assert_eq!(child.end(), (vec![], BY_SIGINT));
        }
    }
}

#[test]
fn a_listener_in_any_loop_keeps_ctrl_c_from_every_runner() {
    match side("a_listener_in_any_loop_keeps_ctrl_c_from_every_runner") {
        Side::Child => {
            let (listening, listens) = mpsc::channel();
            let listener = std::thread::spawn(move || {
                Runner::builder().build().unwrap().block_on(async {
                    let waiting = signal::ctrl_c();
                    listening.send(()).unwrap();
                    waiting.await.unwrap();
                    say("heard");
                })
            });
            listens.recv().unwrap();
            loopscope::run(async {
                say("ready");
                wait_for_go();
                yield_now().await;
            });
            listener.join().unwrap().unwrap();
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
fn after_a_listener_runners_still_watch_for_ctrl_c_and_between_them_it_does_nothing() {
    match side("after_a_listener_runners_still_watch_for_ctrl_c_and_between_them_it_does_nothing") {
        Side::Child => {
            let mut runner = Runner::builder().ctrl_c(true).build().unwrap();
            let heard = runner.block_on(async {
                let waiting = signal::ctrl_c();
                raise(SIGINT);
                waiting.await.unwrap();
            });
            assert_eq!(heard, Ok(()));
            assert!(!sigint_is(SIG_DFL), "somebody listened, so it does not come back");
            raise(SIGINT);
            for _ in 0..2 {
                let error = runner
                    .block_on(async {
                        raise(SIGINT);
                        pending::<()>().await;
                    })
                    .unwrap_err();
                assert!(error.is_interrupted());
            }
            raise(SIGINT);
        }
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}

#[test]
fn a_listener_made_while_no_runner_watches_hears_after_one_did() {
    match side("a_listener_made_while_no_runner_watches_hears_after_one_did") {
        Side::Child => {
            let mut watching = Runner::builder().ctrl_c(true).build().unwrap();
            watching.block_on(async {}).unwrap();
            assert!(sigint_is(SIG_DFL));
            let mut plain = Runner::builder().build().unwrap();
            let heard = plain.block_on(async {
                let waiting = signal::ctrl_c();
                raise(SIGINT);
                waiting.await.unwrap();
            });
            assert_eq!(heard, Ok(()));
        }
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}

#[test]
fn an_ignored_signal_is_listened_to_all_the_same_and_a_handler_goes_on_being_called() {
    match side("an_ignored_signal_is_listened_to_all_the_same_and_a_handler_goes_on_being_called") {
        Side::Child => loopscope::run(async {
            ignore(SIGHUP);
            let mut hangups = signal::unix(Kind::HANGUP).unwrap();
            raise(SIGHUP);
            hangups.recv().await;
            child::say_heard_for_each_sigint();
            let mut interrupts = signal::unix(Kind::INTERRUPT).unwrap();
            raise(SIGINT);
            interrupts.recv().await;
            say("too");
        }),
        Side::Parent(child) => assert_eq!(child.end(), (words(&["heard", "too"]), Ok(0))),
    }
}

#[test]
fn in_the_child_of_a_fork_nobody_listens_until_it_does_so_itself() {
    match side("in_the_child_of_a_fork_nobody_listens_until_it_does_so_itself") {
        Side::Child => loopscope::run(async {
            let mut signals = signal::unix(Kind::TERMINATE).unwrap();
            let mut interrupts = signal::unix(Kind::INTERRUPT).unwrap();
            match fork_both() {
                None => {
                    raise(SIGTERM);
                    exit_now(1);
                }
                Some(pid) => assert_eq!(wait_for(pid), -SIGTERM, "the default ends the child"),
            }
            let code = fork(|| {
                assert!(sigint_is(SIG_DFL));
                loopscope::run(async {
                    let mut own = signal::unix(Kind::TERMINATE).unwrap();
                    raise(SIGTERM);
                    own.recv().await;
                    // What is dropped here is the parent's, and this one's own is still counted.
                    drop(signal::unix(Kind::INTERRUPT).unwrap());
                    let waiting = signal::ctrl_c();
                    raise(SIGINT);
                    waiting.await.unwrap();
                    let stale = std::panic::AssertUnwindSafe(signals.recv()).catch_unwind().await;
                    let text = *stale.unwrap_err().downcast::<String>().unwrap();
                    assert_eq!(
                        text,
                        "a listener to SIGTERM belongs to the parent process: the child of a fork must make its own"
                    );
                });
                0
            });
            assert_eq!(code, 0);
            assert!(
                !signals.try_recv() && !interrupts.try_recv(),
                "the child's signals are not the parent's"
            );
            raise(SIGTERM);
            signals.recv().await;
            raise(SIGINT);
            interrupts.recv().await;
        }),
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}

#[test]
fn who_never_listened_to_a_signal_is_ended_by_it() {
    match side("who_never_listened_to_a_signal_is_ended_by_it") {
        Side::Child => loopscope::run(async {
            let _other = signal::unix(Kind::HANGUP).unwrap();
            raise(SIGTERM);
        }),
        Side::Parent(child) => assert_eq!(child.end(), (vec![], BY_SIGTERM)),
    }
}
