//! What ends a process is told to a thread that looks around first, and the process ends as it would have ended.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use child::{Side, say, side, wait_for_go};
use libc::{SIGABRT, SIGILL};
use loopscope::debug::fatal::{self, End};

/// Says what it is told, without numbers that are another at each run.
fn tell(signals: bool) {
    let mut watch = fatal::watch(signals).unwrap();
    assert_eq!(fatal::watch(signals).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    thread::spawn(move || {
        loop {
            let end = watch.wait().unwrap();
            let words = match &end {
                End::Signal { address, tid, .. } => {
                    assert!(*tid > 0);
                    let words = end.to_string();
                    let name = words.split(' ').next().unwrap();
                    format!("told: {name}, {}", if address.is_some() { "failed" } else { "sent" })
                }
                _ => format!("told: {end}"),
            };
            say(&words);
            watch.done(&end);
        }
    });
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_signal_that_is_sent_is_told_and_then_ends_the_process() {
    match side("a_signal_that_is_sent_is_told_and_then_ends_the_process") {
        Side::Child => {
            tell(true);
            say("ready");
            wait_for_go();
        }
        Side::Parent(mut child) => {
            child.expect(&["ready"]);
            child.send(rustix::process::Signal::ILL);
            assert_eq!(child.end(), (words(&["told: SIGILL, sent"]), Err(SIGILL)));
        }
    }
}

#[test]
fn an_abort_is_told_once_and_then_ends_the_process() {
    match side("an_abort_is_told_once_and_then_ends_the_process") {
        Side::Child => {
            tell(true);
            std::process::abort();
        }
        Side::Parent(child) => {
            assert_eq!(child.end(), (words(&["told: SIGABRT, sent"]), Err(SIGABRT)));
        }
    }
}

#[test]
fn an_overflow_of_the_stack_is_told_and_the_handler_of_the_standard_library_runs_after() {
    #[expect(unconditional_recursion, reason = "this is the point")]
    fn deeper(depth: &mut [u64; 64]) -> u64 {
        let mut more = *depth;
        more[7] += 1;
        deeper(&mut more) + more[8]
    }
    match side("an_overflow_of_the_stack_is_told_and_the_handler_of_the_standard_library_runs_after") {
        Side::Child => {
            tell(true);
            say(&deeper(&mut [1; 64]).to_string());
        }
        // That handler ends the process with SIGABRT.
        Side::Parent(child) => {
            assert_eq!(child.end(), (words(&["told: SIGSEGV, failed"]), Err(SIGABRT)));
        }
    }
}

#[test]
fn who_watches_no_signals_is_not_told_of_them() {
    match side("who_watches_no_signals_is_not_told_of_them") {
        Side::Child => {
            tell(false);
            std::process::abort();
        }
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Err(SIGABRT))),
    }
}

#[test]
fn each_panic_of_a_main_task_is_told_while_the_other_tasks_are_there() {
    match side("each_panic_of_a_main_task_is_told_while_the_other_tasks_are_there") {
        Side::Child => {
            tell(true);
            for number in 1..=2 {
                let panics = || {
                    loopscope::run(async {
                        let _task = loopscope::spawn(async move {
                            let _here = child::Says("task dropped");
                            loopscope::sleep(std::time::Duration::MAX).await;
                        });
                        loopscope::yield_now().await;
                        panic!("number {number}");
                    });
                };
                assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
            }
            say("goes on");
        }
        Side::Parent(child) => {
            let expected = words(&[
                "told: the main task panicked: number 1",
                "task dropped",
                "told: the main task panicked: number 2",
                "task dropped",
                "goes on",
            ]);
            assert_eq!(child.end(), (expected, Ok(0)));
        }
    }
}
