//! Tasks that a loop runs for another thread.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/steps.rs"]
mod steps;
#[path = "support/trace.rs"]
mod trace;

use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use loopscope::task::RemoteTask;
use loopscope::{Handle, Runner, all_tasks, current, sleep, timeout, to_thread, yield_now};
use steps::Step;
use trace::{Trace, paused};

fn oh_no(text: &'static str) -> impl Future<Output = ()> {
    poll_fn(move |_| panic!("{text}"))
}

/// Runs `ask` on another thread while this one's loop runs.
async fn ask<T: Send + 'static>(ask: impl FnOnce(Handle) -> T + Send + 'static) -> T {
    let handle = Handle::current();
    to_thread(move || ask(handle)).await
}

#[test]
fn the_result_goes_to_the_thread_that_asked() {
    records::run_live(async {
        let sum = ask(|handle| {
            // The future keeps what may not leave its thread.
            handle.run(|| async {
                let local = Rc::new(20);
                yield_now().await;
                *local + 22
            })
        });
        assert_eq!(sum.await.unwrap().await.unwrap(), 42);
        let joined = ask(|handle| handle.run(|| async { "joined" }).unwrap().join()).await;
        assert_eq!(joined.unwrap(), "joined");
    });
}

#[test]
fn a_panic_goes_there_too_with_its_payload_and_is_reported_only_if_nobody_is_there() {
    let trace = Trace::new();
    let hook = trace.clone();
    let builder = Runner::builder().on_unhandled(move |unhandled| hook.push(format!("{:?}", unhandled.kind)));
    records::run_on(builder, async {
        let error = ask(|handle| {
            let task = handle.run(|| oh_no("oh no")).unwrap();
            task.join().unwrap_err()
        });
        let error = error.await;
        assert!(error.to_string().ends_with("panicked: oh no"), "{error}");
        let record = Handle::current().reader().task(error.id().as_u64()).unwrap();
        assert_eq!(record.state, loopscope::telemetry::TaskState::Panicked);
        assert_eq!(*error.try_into_panic().unwrap().downcast::<String>().unwrap(), "oh no");
        trace.expect(&[]);
        let (gone, is_gone) = mpsc::channel();
        ask(move |handle| {
            let (detached, is_detached) = mpsc::channel();
            let task = handle.run(move || async move {
                let _gone = Home(gone);
                while is_detached.try_recv().is_err() {
                    yield_now().await;
                }
                panic!("alone")
            });
            task.unwrap().detach();
            detached.send(()).unwrap();
            is_gone.recv().unwrap();
        })
        .await;
    });
    trace.expect(&["Panic(\"alone\")"]);
}

/// Says on which thread it is dropped.
struct Home(mpsc::Sender<thread::ThreadId>);

impl Drop for Home {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

#[test]
fn it_is_cancelled_from_the_other_thread_and_dropped_on_its_own() {
    records::run_live(async {
        let (sender, dropped_on) = mpsc::channel();
        let home = thread::current().id();
        let error = ask(move |handle| {
            let (begun, has_begun) = mpsc::channel();
            let task = handle
                .run(move || async move {
                    let _home = Home(sender);
                    begun.send(current().unwrap()).unwrap();
                    pending::<()>().await;
                })
                .unwrap();
            let id = has_begun.recv().unwrap();
            assert_eq!(task.id(), Some(id));
            task.cancel();
            task.cancel();
            let error = task.join().unwrap_err();
            assert_eq!(error.id(), id);
            error
        });
        assert!(error.await.is_cancelled());
        assert_eq!(dropped_on.recv().unwrap(), home);
    });
}

#[test]
fn one_that_is_cancelled_before_it_was_spawned_is_never_made() {
    records::run(async {
        let task = Handle::current().run(|| oh_no("made")).unwrap();
        assert_eq!(task.id(), None);
        task.cancel();
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(all_tasks(), [current().unwrap()]);
    });
}

#[test]
fn one_that_is_cancelled_while_it_is_made_is_cancelled_as_soon_as_it_is() {
    records::run_live(async {
        let error = ask(|handle| {
            let (making, is_making) = mpsc::channel();
            let (go_on, may_go_on) = mpsc::channel();
            let task = handle
                .run(move || {
                    making.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    pending::<()>()
                })
                .unwrap();
            is_making.recv().unwrap();
            task.cancel();
            go_on.send(()).unwrap();
            task.join().unwrap_err()
        });
        assert!(error.await.is_cancelled());
    });
}

#[test]
fn a_time_limit_leaves_the_task_running_unless_it_is_cancelled() {
    records::run(async {
        let mut task = Handle::current()
            .run(|| async {
                sleep(Duration::from_millis(10)).await;
                "late"
            })
            .unwrap();
        assert!(timeout(Duration::from_millis(1), &mut task).await.is_err());
        assert_eq!(task.await.unwrap(), "late");
        let mut task = Handle::current().run(pending::<()>).unwrap();
        assert!(timeout(Duration::from_millis(1), &mut task).await.is_err());
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn the_handle_may_be_dropped_at_each_step() {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        records::run(async {
            let task = Handle::current().run(|| async { sleep(Duration::from_millis(1)).await }).unwrap();
            let mut task = Box::pin(task);
            if step != Step::NeverPolled {
                assert!(steps::poll(&mut task).is_pending());
                assert_eq!(records::waits().len(), 1);
            }
            if matches!(step, Step::Notified | Step::Done) {
                sleep(Duration::from_millis(3)).await;
            }
            if step == Step::Done {
                steps::done(&mut task).unwrap();
            }
            drop(task);
            sleep(Duration::from_millis(3)).await;
            assert_eq!(all_tasks(), [current().unwrap()]);
        });
    }
}

#[test]
fn a_loop_that_ends_tells_those_who_wait_and_refuses_the_next() {
    let mut runner = paused(&Trace::new()).build().unwrap();
    let handle = runner.handle();
    let begun = handle.run(pending::<u8>).unwrap();
    runner.block_on(yield_now()).unwrap();
    runner.block_on(yield_now()).unwrap();
    assert!(begun.id().is_some());
    let never: RemoteTask<u8> = handle.run(pending).unwrap();
    drop(runner);
    assert!(begun.join().unwrap_err().is_cancelled());
    assert!(never.join().unwrap_err().is_cancelled());
    assert_eq!(handle.run(|| async {}).unwrap_err().to_string(), "the event loop has ended");
}

#[test]
fn a_closure_that_panics_instead_of_making_a_future_is_reported_and_tells_who_waits() {
    fn broken() -> std::future::Ready<()> {
        panic!("in the closure")
    }
    let trace = Trace::new();
    records::run_on(paused(&trace), async {
        let task = Handle::current().run(broken).unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    trace.expect(&["-: Panic(\"in the closure\")"]);
}
