//! `fork`: the loop stays with the parent, whose descriptors the child does not touch.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::async_yields_async, reason = "a handle is taken out of a run")]

#[path = "process/child.rs"]
mod child;
#[path = "support/trace.rs"]
mod trace;

use std::cell::Cell;
use std::time::Duration;

use child::{Side, exit_now, fork, fork_both, side, unshare_pids, wait_for};
use loopscope::net::{UnixListener, UnixStream};
use loopscope::process::Command;
use loopscope::{Handle, Runner, call_later, sleep, spawn, yield_now};
use trace::panic_of;

const MS: Duration = Duration::from_millis(1);

/// The scenario runs in a process of its own, so that only its own threads are forked.
fn in_a_process_of_its_own(name: &str, scenario: impl FnOnce()) {
    match side(name) {
        Side::Child => scenario(),
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}

#[test]
fn in_the_child_there_is_no_loop_and_whoever_needs_one_is_told_why() {
    in_a_process_of_its_own("in_the_child_there_is_no_loop_and_whoever_needs_one_is_told_why", || {
        loopscope::run(async {
            let code = fork(|| {
                assert_eq!(
                    panic_of(|| spawn(async {})),
                    "loopscope::spawn in the child of a fork: the event loop stays with the parent; exec, exit, or make a \
                     new loop here"
                );
                assert!(panic_of(|| sleep(MS)).starts_with("loopscope::sleep in the child of a fork"));
                assert!(panic_of(|| call_later(MS, || ())).contains("in the child of a fork"));
                assert!(Handle::try_current().is_none());
                assert_eq!(loopscope::current(), None);
                0
            });
            assert_eq!(code, 0);
            // The parent goes on as if nothing had happened.
            assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
            sleep(MS).await;
        });
    });
}

#[test]
fn the_child_can_make_a_loop_of_its_own() {
    in_a_process_of_its_own("the_child_can_make_a_loop_of_its_own", || {
        loopscope::run(async {
            let code = fork(|| {
                loopscope::run(async {
                    let task = spawn(async {
                        sleep(MS).await;
                        7
                    });
                    let (one, other) = UnixStream::pair().unwrap();
                    let (sender, receiver) = futures_channel::oneshot::channel();
                    let thread = std::thread::spawn(move || sender.send(8).unwrap());
                    one.write_all(b"x").await.unwrap();
                    other.read_exact(&mut [0]).await.unwrap();
                    thread.join().unwrap();
                    task.await.unwrap() + receiver.await.unwrap()
                })
            });
            assert_eq!(code, 15);
            sleep(MS).await;
        });
    });
}

#[test]
fn what_the_child_drops_posts_and_wakes_does_not_reach_the_parent() {
    in_a_process_of_its_own("what_the_child_drops_posts_and_wakes_does_not_reach_the_parent", || {
        loopscope::run(async {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let reader = spawn(async move {
                let mut byte = [0];
                theirs.read_exact(&mut byte).await.unwrap();
                byte[0]
            });
            let timer = spawn(sleep(5 * MS));
            yield_now().await;
            let (kept, own) = UnixStream::pair().unwrap();
            let handle = Handle::current();
            let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await;
            let code = fork(|| {
                drop((kept, own));
                assert!(!handle.is_alive());
                assert_eq!(handle.post(|| ()).unwrap_err().to_string(), "the event loop has ended");
                waker.wake_by_ref();
                assert!(reader.is_finished() && !timer.request_cancel());
                drop(timer);
                assert!(loopscope::telemetry::loops().is_empty());
                0
            });
            assert_eq!(code, 0);
            assert!(handle.is_alive());
            ours.write_all(b"!").await.unwrap();
            assert_eq!(reader.await.unwrap(), b'!');
            sleep(10 * MS).await;
        });
    });
}

#[test]
fn a_child_that_returns_into_the_parents_loop_is_stopped_with_the_reason() {
    in_a_process_of_its_own("a_child_that_returns_into_the_parents_loop_is_stopped_with_the_reason", || {
        let mut runner = Runner::builder().ctrl_c(true).build().unwrap();
        let child = Cell::new(None);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runner.block_on(async {
                let sleeper = spawn(sleep(MS));
                yield_now().await;
                child.set(Some(fork_both()));
                sleeper.await.unwrap();
                7
            })
        }));
        match child.get() {
            Some(Some(pid)) => {
                assert_eq!(result.unwrap(), Ok(7));
                assert_eq!(wait_for(pid), 0);
            }
            Some(None) => {
                let said = panic_of(|| std::panic::resume_unwind(result.unwrap_err()));
                let expected = "this event loop belongs to the parent process: the child of a fork must exec, exit, or \
                                make a new loop";
                let again = panic_of(|| runner.block_on(async {}));
                drop(runner);
                exit_now(i32::from(said != expected || again != expected));
            }
            None => panic!("nobody forked"),
        }
    });
}

#[test]
fn a_fork_between_two_runs_leaves_the_runner_to_the_parent() {
    in_a_process_of_its_own("a_fork_between_two_runs_leaves_the_runner_to_the_parent", || {
        let mut runner = Runner::builder().build().unwrap();
        let task = runner.block_on(async { spawn(sleep(MS)) }).unwrap();
        let dropped = trace::Trace::new();
        let guard = dropped.on_drop("dropped");
        runner
            .block_on(async {
                spawn(std::future::poll_fn(move |_| {
                    let _guard = &guard;
                    std::task::Poll::<()>::Pending
                }))
                .detach();
            })
            .unwrap();
        match fork_both() {
            None => {
                let refused = panic_of(|| runner.block_on(async {}))
                    .starts_with("this event loop belongs to the parent");
                let report = runner.shutdown(MS);
                // The parent's tasks are not the child's to drop.
                dropped.expect(&[]);
                exit_now(i32::from(!refused || !report.is_clean() || !task.is_finished()));
            }
            Some(pid) => {
                assert_eq!(wait_for(pid), 0);
                runner.block_on(task).unwrap().unwrap();
                drop(runner);
                dropped.expect(&["dropped"]);
            }
        }
    });
}

#[test]
fn forks_while_other_threads_make_and_end_loops_find_everything_whole() {
    in_a_process_of_its_own("forks_while_other_threads_make_and_end_loops_find_everything_whole", || {
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        loopscope::run(async { sleep(Duration::from_nanos(1)).await });
                    }
                });
            }
            for _ in 0..20 {
                let code = fork(|| loopscope::run(async { spawn(async { 7 }).await.unwrap() }));
                assert_eq!(code, 7);
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

#[test]
fn a_peer_in_a_pid_namespace_that_is_not_seen_from_here_has_credentials_all_the_same() {
    let name = "a_peer_in_a_pid_namespace_that_is_not_seen_from_here_has_credentials_all_the_same";
    in_a_process_of_its_own(name, || {
        let path = std::env::temp_dir().join(format!("loopscope-test-{}.sock", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let _outside = std::os::unix::net::UnixStream::connect(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        if !unshare_pids() {
            return; // only root may
        }
        let code = fork(|| {
            loopscope::run(async {
                let (stream, _) = UnixListener::from_std(listener).unwrap().accept().await.unwrap();
                assert_eq!(stream.peer_cred().unwrap().pid, 0);
            });
            0
        });
        assert_eq!(code, 0);
    });
}

#[test]
fn a_process_stays_the_parents_and_the_child_can_start_its_own() {
    in_a_process_of_its_own("a_process_stays_the_parents_and_the_child_can_start_its_own", || {
        for by_thread in [false, true] {
            loopscope::run(async {
                let mut command = Command::new("sleep");
                command.arg("1000").kill_on_drop(true).exit_by_thread(by_thread);
                let mut sleeper = Some(command.spawn().unwrap());
                let code = fork(|| {
                    drop(sleeper.take());
                    loopscope::run(async { Command::shell("exit 7").status().await.unwrap().code().unwrap() })
                });
                assert_eq!(code, 7);
                let sleeper = sleeper.unwrap();
                assert_eq!(sleeper.try_wait(), Ok(None));
                assert!(sleeper.terminate().unwrap());
                assert_eq!(sleeper.wait().await.unwrap().signal(), Some(15));
            });
        }
    });
}
