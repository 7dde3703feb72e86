//! Signals as futures: real ones, sent to this process.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;
#[path = "support/records.rs"]
mod records;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::ops::ControlFlow;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex, PoisonError, mpsc};
use std::task::Poll;
use std::time::Duration;

use child::raise;
use futures_util::{FutureExt, StreamExt};
use libc::{SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use loopscope::signal::{self, CannotListen, Kind};
use loopscope::telemetry::{ResourceKind, WaitKind, loops};
use loopscope::{Runner, spawn, yield_now};
use records::here;
use rustix::process::{Signal, getpid, kill_process};

/// A signal is the whole process's, so that tests of signals run one after the other.
fn alone<F: Future>(test: F) -> F::Output {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // The descriptors of a loop's slot stay open for its next loop, and some tests have loops on other threads.
    drop([(); 4].map(|()| Runner::builder().build().unwrap()));
    records::run_live(test)
}

/// Polls once, with the task's own waker, and says whether it is pending.
async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
}

#[test]
fn a_listener_hears_what_came_since_the_last_time_and_several_at_once_are_one() {
    alone(async {
        let mut signals = signal::unix(Kind::USER_1).unwrap();
        assert!(!signals.try_recv());
        raise(SIGUSR1);
        signals.recv().await;
        assert!(signals.recv().now_or_never().is_none());
        raise(SIGUSR1);
        raise(SIGUSR1);
        signals.recv().await;
        assert!(signals.recv().now_or_never().is_none());
        raise(SIGUSR1);
        assert!(signals.try_recv() && !signals.try_recv());
    });
}

#[test]
fn what_came_before_a_listener_was_made_is_not_its() {
    alone(async {
        let mut first = signal::unix(Kind::USER_1).unwrap();
        raise(SIGUSR1);
        let mut second = signal::unix(Kind::USER_1).unwrap();
        assert!(first.try_recv() && !second.try_recv());
        raise(SIGUSR1);
        assert!(first.try_recv() && second.try_recv());
    });
}

#[test]
fn every_listener_on_every_loop_and_thread_hears_it() {
    alone(async {
        let ready = Arc::new(Barrier::new(4));
        let listen = |ready: Arc<Barrier>| {
            loopscope::run(async move {
                let mut one = signal::unix(Kind::USER_2).unwrap();
                let mut other = signal::unix(Kind::USER_2).unwrap();
                let task = spawn(async move { one.recv().await });
                yield_now().await;
                ready.wait();
                other.recv().await;
                task.await.unwrap();
            });
        };
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let ready = Arc::clone(&ready);
                std::thread::spawn(move || listen(ready))
            })
            .collect();
        ready.wait();
        kill_process(getpid(), Signal::USR2).unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_sleeping_loop_is_woken_by_each_of_a_thousand_signals() {
    alone(async {
        let mut signals = signal::unix(Kind::USER_1).unwrap();
        let (heard, answers) = mpsc::channel();
        let sender = std::thread::spawn(move || {
            for _ in 0..1000 {
                kill_process(getpid(), Signal::USR1).unwrap();
                answers.recv().unwrap();
            }
        });
        for _ in 0..1000 {
            signals.recv().await;
            heard.send(()).unwrap();
        }
        sender.join().unwrap();
        assert!(!signals.try_recv());
    });
}

#[test]
fn a_loop_that_is_never_idle_hears_signals_too() {
    alone(async {
        let mut signals = signal::unix(Kind::USER_1).unwrap();
        let busy = spawn(async {
            loop {
                yield_now().await;
            }
        });
        let listener = spawn(async move { signals.recv().await });
        yield_now().await;
        raise(SIGUSR1);
        listener.await.unwrap();
        assert!(busy.cancel().await.is_none());
    });
}

#[test]
fn a_signal_wakes_only_those_who_wait_for_it() {
    alone(async {
        let polls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&polls);
        let mut other = signal::unix(Kind::WINDOW_CHANGE).unwrap();
        let bystander = spawn(async move {
            let mut recv = pin!(other.recv());
            std::future::poll_fn(|cx| {
                counted.set(counted.get() + 1);
                recv.as_mut().poll(cx)
            })
            .await;
        });
        let mut signals = signal::unix(Kind::USER_1).unwrap();
        let listener = spawn(async move { signals.recv().await });
        yield_now().await;
        raise(SIGUSR1);
        listener.await.unwrap();
        assert_eq!(polls.get(), 1);
        raise(SIGWINCH);
        bystander.await.unwrap();
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn a_wait_that_is_dropped_at_any_step_loses_nothing() {
    alone(async {
        let mut signals = signal::unix(Kind::USER_1).unwrap();
        for step in ["never polled", "pending", "notified", "done"] {
            let mut recv = signals.recv();
            if step != "never polled" {
                assert!(is_pending(&mut recv).await);
            }
            raise(SIGUSR1);
            if step == "notified" {
                yield_now().await; // the loop looks, at the latest when it has nothing else to do
                loopscope::sleep(Duration::from_millis(1)).await;
            }
            if step == "done" {
                recv.await;
                raise(SIGUSR1);
            } else {
                drop(recv);
            }
            assert!(signals.try_recv(), "{step}");
            assert!(!signals.try_recv(), "{step}");
        }
        // And nobody else misses it.
        let mut other = signal::unix(Kind::USER_1).unwrap();
        let mut recv = signals.recv();
        let mut others = other.recv();
        assert!(is_pending(&mut recv).await && is_pending(&mut others).await);
        raise(SIGUSR1);
        drop(recv);
        others.await;
    });
}

#[test]
fn a_listener_is_a_stream_that_never_ends() {
    alone(async {
        let signals = signal::unix(Kind::HANGUP).unwrap();
        let counting = spawn(signals.take(3).count());
        for _ in 0..3 {
            raise(SIGHUP);
            // Taken before the next one comes.
            loopscope::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(counting.await.unwrap(), 3);
    });
}

#[test]
fn signals_nobody_can_listen_to_are_named() {
    let cases = [
        (9, "cannot listen to SIGKILL: the OS lets nobody catch it"),
        (19, "cannot listen to SIGSTOP: the OS lets nobody catch it"),
        (
            11,
            "cannot listen to SIGSEGV: it tells a thread of its own fault, which cannot wait for an event loop",
        ),
        (
            8,
            "cannot listen to SIGFPE: it tells a thread of its own fault, which cannot wait for an event loop",
        ),
        (
            4,
            "cannot listen to SIGILL: it tells a thread of its own fault, which cannot wait for an event loop",
        ),
        (0, "cannot listen to signal 0: there is no such signal"),
        (99, "cannot listen to signal 99: there is no such signal"),
        (-1, "cannot listen to signal -1: there is no such signal"),
        (32, "cannot listen to signal 32: there is no such signal"),
        (65, "cannot listen to signal 65: there is no such signal"),
    ];
    alone(async {
        for (number, text) in cases {
            let error = signal::unix(Kind::from_raw(number)).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::InvalidInput, text));
            let inner = error.get_ref().unwrap().downcast_ref::<CannotListen>().unwrap();
            assert_eq!(inner.kind().as_raw(), number);
        }
        let real_time = Kind::from_raw(libc::SIGRTMIN() + 3);
        assert_eq!(real_time.to_string(), "SIGRTMIN+3");
        let mut signals = signal::unix(real_time).unwrap();
        raise(real_time.as_raw());
        signals.recv().await;
    });
}

#[test]
fn a_listener_goes_with_whoever_awaits_it() {
    alone(async {
        std::thread::spawn(|| {
            let mut signals = signal::unix(Kind::USER_2).unwrap(); // outside of a loop
            raise(SIGUSR2);
            for _ in 0..2 {
                // Each time another loop; what came in between is not lost.
                loopscope::run(async {
                    signals.recv().await;
                    assert!(is_pending(&mut signals.recv()).await);
                });
                raise(SIGUSR2);
            }
            assert!(signals.try_recv());
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_listener_is_shown_with_its_name_and_so_is_who_waits() {
    alone(async {
        let mut signals = signal::unix(Kind::TERMINATE).unwrap();
        let made_line = here() - 1;
        let task = spawn(async move {
            let line = Location::caller().line() + 1;
            signals.recv().await;
            (line, signals)
        });
        yield_now().await;
        let (resource, waits) = (records::resource(), records::waits());
        let shown = (resource.kind, resource.name.as_deref(), resource.made_at, resource.made_by);
        let maker = loopscope::current().map(loopscope::TaskId::as_u64);
        assert_eq!(shown, (ResourceKind::Signal, Some("SIGTERM"), made_line, maker));
        let io = || {
            let mut seen = None;
            let number = resource.id;
            for reader in loops() {
                reader.resources(&mut |resource| {
                    if resource.id.0 == number {
                        seen = resource.io.as_ref().map(|io| (io.fd, io.reads, io.last_used.is_some()));
                    }
                    ControlFlow::Continue(())
                });
            }
            seen
        };
        assert_eq!(io(), Some((-1, 0, false)));
        raise(SIGTERM);
        let id = task.id().as_u64();
        let (line, signals) = task.await.unwrap();
        let (kind, resource) = (WaitKind::Signal, Some(resource.id));
        assert_eq!(waits, [records::Waiting { task: id, kind, resource, at: line, made_at: line }]);
        assert_eq!(io(), Some((-1, 1, true)));
        drop(signals);
        assert_eq!(records::resources(), []);
        let shutdown = spawn(signal::shutdown_signal());
        yield_now().await;
        let mut names: Vec<_> =
            records::resources().into_iter().map(|resource| resource.name.unwrap()).collect();
        names.sort();
        assert_eq!(names, ["SIGINT", "SIGTERM"]);
        assert_eq!(records::waits().len(), 2);
        raise(SIGTERM);
        assert_eq!(shutdown.await.unwrap().unwrap(), Kind::TERMINATE);
    });
}
