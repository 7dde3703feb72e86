//! `spawn_blocking` and `to_thread`: what runs, what does not, who is told, and what the records say meanwhile.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "process/child.rs"]
mod child;
#[path = "support/trace.rs"]
mod trace;

use std::future::Future;
use std::ops::ControlFlow;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use child::{Side, deafen_stderr, fork, side};
use loopscope::blocking::{Builder, Settings, configure};
use loopscope::telemetry::{JobView, PoolHistogramKind, PoolReader, TaskState, WaitKind, WaitView};
use loopscope::{Handle, JobHandle, Runner, sleep, spawn, spawn_blocking, telemetry, to_thread, yield_now};
use trace::Trace;

const MS: Duration = Duration::from_millis(1);

/// The scenario has the process's pool for itself.
fn in_a_process_of_its_own(name: &str, scenario: impl FnOnce()) {
    match side(name) {
        Side::Child => scenario(),
        Side::Parent(child) => assert_eq!(child.end(), (vec![], Ok(0))),
    }
}

/// A job that runs until the gate is opened; it has begun when this returns.
fn gated() -> (Sender<()>, JobHandle<()>) {
    let (open, gate): (Sender<()>, Receiver<()>) = channel();
    let (begun, has_begun) = channel();
    let job = Builder::new().name("gate").spawn(move || {
        begun.send(()).unwrap();
        gate.recv().unwrap();
    });
    has_begun.recv().unwrap();
    (open, job)
}

fn pool() -> PoolReader {
    telemetry::pools().into_iter().find(|pool| pool.name() == "blocking").unwrap()
}

fn job(handle: &JobHandle<()>) -> JobView {
    pool().job(handle.id().as_u64()).unwrap()
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest other executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn a_job_runs_on_another_thread_and_gives_its_result() {
    loopscope::run(async {
        let here = thread::current().id();
        let (there, name) =
            spawn_blocking(|| (thread::current().id(), thread::current().name().map(str::to_owned)))
                .await
                .unwrap();
        assert_ne!(here, there);
        assert!(name.unwrap().starts_with("loopscope-blocking-"));
    });
}

#[test]
fn a_handle_can_be_awaited_outside_of_a_loop() {
    assert_eq!(block_on(spawn_blocking(|| 7)).unwrap(), 7);
    let (open, job) = gated();
    let opener = thread::spawn(move || open.send(()).unwrap());
    block_on(job).unwrap();
    opener.join().unwrap();
}

#[test]
fn a_panic_is_the_result_of_its_job() {
    loopscope::run(async {
        let job = spawn_blocking(|| panic!("no disk"));
        let id = job.id();
        let error = job.await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.to_string(), format!("blocking job {id} panicked: no disk"));
        assert_eq!(error.try_into_panic().unwrap().downcast_ref::<&str>(), Some(&"no disk"));
    });
}

#[test]
fn a_panic_that_nobody_receives_is_reported_on_the_loop_that_made_the_job() {
    let (tell, told) = channel();
    let mut runner =
        Runner::builder().on_unhandled(move |it| tell.send(it.to_string()).unwrap()).build().unwrap();
    let line = line!() + 2;
    let id = runner.block_on(async {
        let job = Builder::new().name("hash").spawn(|| panic!("no disk"));
        let id = job.id();
        job.detach();
        id
    });
    assert!(runner.shutdown(Duration::from_secs(60)).is_clean());
    let text = told.try_recv().unwrap();
    let expected =
        format!("blocking job {} \"hash\" (spawned at runtime/tests/blocking.rs:{line}:", id.unwrap());
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.ends_with("panicked and nobody awaits it: no disk"), "{text}");
}

#[test]
fn jobs_begin_in_order_and_one_that_is_cancelled_in_the_queue_never_runs() {
    in_a_process_of_its_own("jobs_begin_in_order_and_one_that_is_cancelled_in_the_queue_never_runs", || {
        configure(Settings::new().threads_max(1));
        loopscope::run(async {
            let (open, gate) = gated();
            let (push, order) = channel();
            let number = |n: u32| {
                let push = push.clone();
                spawn_blocking(move || push.send(n).unwrap())
            };
            let jobs = [number(1), number(2), number(3)];
            let view = pool().view();
            assert_eq!((view.threads, view.threads_max, view.idle), (1, 1, 0));
            assert_eq!((view.queued, view.running, view.completed), (3, 1, 0));
            assert_eq!(job(&jobs[1]).state, TaskState::Scheduled);
            assert!(jobs[1].cancel());
            assert!(!jobs[1].cancel());
            assert!(!gate.cancel(), "a job that runs cannot be stopped");
            assert_eq!(job(&jobs[1]).state, TaskState::Cancelled);
            assert_eq!((job(&jobs[1]).tid, job(&jobs[1]).started_at), (None, None));
            open.send(()).unwrap();
            gate.await.unwrap();
            let [first, second, third] = jobs;
            third.await.unwrap();
            first.await.unwrap();
            let id = second.id();
            let error = second.await.unwrap_err();
            assert!(error.is_cancelled());
            assert_eq!(error.to_string(), format!("blocking job {id} was cancelled"));
            drop(push);
            assert_eq!(order.into_iter().collect::<Vec<_>>(), [1, 3]);
            let view = pool().view();
            assert_eq!((view.queued, view.running), (0, 0));
            assert_eq!((view.completed, view.cancelled, view.panicked, view.refused), (3, 1, 0, 0));
            assert_eq!(pool().histogram(PoolHistogramKind::Waited).count(), 3);
            assert_eq!(pool().histogram(PoolHistogramKind::Ran).count(), 3);
        });
    });
}

#[test]
fn threads_start_on_demand_and_end_without_work() {
    in_a_process_of_its_own("threads_start_on_demand_and_end_without_work", || {
        configure(Settings::new().threads_max(2).keep_alive(Duration::ZERO));
        assert_eq!(pool().view().threads, 0);
        let (open_first, first) = gated();
        assert_eq!(pool().view().threads, 1);
        let (open_second, second) = gated();
        let third = spawn_blocking(|| ());
        let view = pool().view();
        assert_eq!((view.threads, view.running, view.queued), (2, 2, 1));
        // A higher limit gives the job that waits a thread of its own.
        configure(Settings::new().threads_max(3).keep_alive(Duration::ZERO));
        block_on(third).unwrap();
        for open in [open_first, open_second] {
            open.send(()).unwrap();
        }
        block_on(first).unwrap();
        block_on(second).unwrap();
        while pool().view().threads > 0 {
            thread::yield_now();
        }
        assert_eq!(pool().view().idle, 0);
        block_on(spawn_blocking(|| ())).unwrap();
    });
}

#[test]
fn a_job_that_finds_no_room_is_refused() {
    in_a_process_of_its_own("a_job_that_finds_no_room_is_refused", || {
        configure(Settings::new().threads_max(1).queue_max(1));
        let (open, gate) = gated();
        let kept = spawn_blocking(|| 1);
        let (owned, dropped) = channel::<()>();
        let refused = spawn_blocking(move || drop(owned));
        assert!(dropped.recv().is_err(), "its closure is gone");
        assert!(refused.is_finished());
        let id = refused.id();
        let error = block_on(refused).unwrap_err();
        assert!(error.is_refused() && !error.is_cancelled());
        assert_eq!(
            error.to_string(),
            format!("blocking job {id} was refused: the queue of its pool is full")
        );
        open.send(()).unwrap();
        assert_eq!(block_on(kept).unwrap(), 1);
        block_on(gate).unwrap();
        assert_eq!((pool().view().refused, pool().view().completed), (1, 2));
    });
}

fn waits() -> Vec<WaitView> {
    let mut waits = Vec::new();
    for reader in telemetry::loops() {
        reader.waits(&mut |wait| {
            waits.push(*wait);
            ControlFlow::Continue(())
        });
    }
    waits
}

#[test]
fn a_task_that_awaits_a_job_is_shown_with_it() {
    in_a_process_of_its_own("a_task_that_awaits_a_job_is_shown_with_it", || {
        loopscope::run(async {
            let (open, gate) = gated();
            let view = job(&gate);
            let awaited_at = Location::caller().line() + 1;
            let waiter = spawn(async { gate.await.unwrap() });
            yield_now().await;
            let wait = waits().into_iter().find(|wait| wait.kind == WaitKind::Blocking).unwrap();
            assert_eq!((wait.task, wait.target_job), (waiter.id().as_u64(), Some(view.id)));
            let reader = loopscope::Handle::current().reader();
            assert_eq!(reader.place(wait.at.unwrap()).unwrap().line, awaited_at);
            // From the wait to the job, and from the job to its place and its thread.
            assert_eq!(view.state, TaskState::Running);
            assert_eq!(pool().text(view.name.unwrap()).unwrap(), "gate");
            let place = pool().place(view.place.unwrap()).unwrap();
            assert_eq!(place, reader.place(wait.made_at.unwrap()).unwrap());
            assert_eq!(place.file, "runtime/tests/blocking.rs");
            assert_eq!(view.parent, loopscope::current().map(loopscope::TaskId::as_u64));
            assert_eq!(view.parent_loop, Some(reader.id()));
            let tid = view.tid.unwrap();
            assert!(std::fs::exists(format!("/proc/self/task/{tid}")).unwrap());
            assert!(view.started_at.unwrap() >= view.queued_at && view.ended_at.is_none());
            open.send(()).unwrap();
            waiter.await.unwrap();
            assert!(waits().iter().all(|wait| wait.kind != WaitKind::Blocking));
            let ended = pool().job(view.id).unwrap();
            assert_eq!((ended.state, ended.ended_at.is_some()), (TaskState::Completed, true));
        });
    });
}

#[test]
fn a_handle_may_move_to_another_thread_between_two_polls() {
    in_a_process_of_its_own("a_handle_may_move_to_another_thread_between_two_polls", || {
        let (open, mut gate) = gated();
        let mut runner = Runner::builder().build().unwrap();
        runner.block_on(async { assert!(loopscope::timeout(MS, &mut gate).await.is_err()) }).unwrap();
        assert_eq!(waits().len(), 1, "it still has the entry of the loop that polled it");
        let elsewhere = thread::spawn(move || {
            loopscope::run(async {
                assert!(loopscope::timeout(MS, &mut gate).await.is_err());
            });
            open.send(()).unwrap();
            block_on(gate).unwrap();
        });
        elsewhere.join().unwrap();
        runner.block_on(async { sleep(MS).await }).unwrap();
        assert_eq!(waits().len(), 0);
    });
}

#[test]
fn to_thread_begins_when_it_is_awaited_and_passes_a_panic_on() {
    loopscope::run(async {
        let trace = Trace::new();
        let (tell, told) = channel();
        let future = to_thread(move || tell.send(()).is_ok());
        yield_now().await;
        assert!(told.try_recv().is_err());
        assert!(future.await);
        let task = spawn(async { to_thread(|| panic!("no disk")).await });
        trace.push(task.await.unwrap_err().to_string().split_once(' ').unwrap().0);
        trace.expect(&["task"]);
    });
}

#[test]
fn dropping_to_thread_takes_its_job_out_of_the_queue() {
    in_a_process_of_its_own("dropping_to_thread_takes_its_job_out_of_the_queue", || {
        configure(Settings::new().threads_max(1));
        loopscope::run(async {
            let (open, gate) = gated();
            let (owned, dropped) = channel::<()>();
            let waiter = spawn(to_thread(move || owned.send(()).unwrap()));
            yield_now().await;
            assert_eq!(pool().view().queued, 1);
            waiter.cancel().await;
            assert_eq!((pool().view().queued, pool().view().cancelled), (0, 1));
            open.send(()).unwrap();
            gate.await.unwrap();
            assert!(dropped.recv().is_err());
        });
    });
}

#[test]
fn a_tests_clock_stands_while_a_job_is_under_way() {
    let mut runner = Runner::builder().paused(true).build().unwrap();
    runner
        .block_on(async {
            let (open, gate) = gated();
            let opener = spawn_blocking(move || open.send(()).unwrap());
            // Both are over before an hour has passed on a clock that only jumps when nothing else can happen.
            loopscope::timeout(Duration::from_secs(3600), gate).await.unwrap().unwrap();
            opener.await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_shutdown_waits_for_jobs_and_says_which_were_left() {
    in_a_process_of_its_own("a_shutdown_waits_for_jobs_and_says_which_were_left", || {
        configure(Settings::new().threads_max(1));
        let mut runner = Runner::builder().build().unwrap();
        let line = line!() + 4;
        let (open, gate, queued) = runner
            .block_on(async {
                let (open, gate) = gated();
                (open, gate, Builder::new().name("never").spawn(|| unreachable!("it was cancelled")))
            })
            .unwrap();
        let report = runner.shutdown(MS);
        assert!(!report.is_clean());
        assert_eq!((report.dropped(), report.jobs_left()), (0, 2));
        let [running, waiting] = report.jobs() else { panic!("{report}") };
        assert_eq!((running.id, running.name.as_deref()), (gate.id(), Some("gate")));
        assert!(running.running_for.unwrap() >= MS);
        assert_eq!((waiting.id, waiting.name.as_deref()), (queued.id(), Some("never")));
        assert_eq!((waiting.made_at.as_ref().unwrap().line, waiting.running_for), (line, None));
        let text = report.to_string();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("no task was dropped"));
        assert_eq!(lines.next(), Some("2 jobs on blocking threads were not over"));
        assert!(lines.next().unwrap().ends_with("and it runs on"));
        assert!(lines.next().unwrap().ends_with("queued, and cancelled"));
        assert!(block_on(queued).unwrap_err().is_cancelled());
        // The job outlives its loop, and its result reaches whoever has the handle.
        open.send(()).unwrap();
        block_on(gate).unwrap();
    });
}

#[test]
fn run_waits_for_jobs_that_run() {
    let (tell, told) = channel();
    loopscope::run(async {
        let (open, gate) = gated();
        spawn_blocking(move || {
            open.send(()).unwrap();
            thread::yield_now();
            tell.send("ended").unwrap();
        })
        .detach();
        // It has begun when this is over.
        gate.await.unwrap();
    });
    assert_eq!(told.try_recv(), Ok("ended"));
}

#[test]
fn what_a_job_posts_while_its_loop_ends_is_done_and_what_that_spawns_is_dropped_there() {
    struct Told(Sender<bool>, thread::ThreadId);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(thread::current().id() == self.1 && Handle::try_current().is_some()).unwrap();
        }
    }
    let (tell, told) = channel();
    let (answered, is_answered) = channel();
    loopscope::run(async {
        let (open, closed) = channel::<()>();
        let (handle, mine) = (Handle::current(), thread::current().id());
        // Dropped when the loop is closed, so that what follows comes after that.
        spawn(async move {
            let _open = open;
            std::future::pending::<()>().await;
        })
        .detach();
        let (begun, has_begun) = channel();
        spawn_blocking(move || {
            begun.send(()).unwrap();
            closed.recv().unwrap_err();
            let (answer, question) = channel();
            let answers = move || {
                let dropped = Told(tell, mine);
                spawn(async move { drop(dropped) }).detach();
                answer.send(()).unwrap();
            };
            handle.post(answers).unwrap();
            answered.send(question.recv_timeout(Duration::from_secs(30)).is_ok()).unwrap();
        })
        .detach();
        has_begun.recv().unwrap();
        yield_now().await;
    });
    assert_eq!(is_answered.recv(), Ok(true), "the loop ran what was posted");
    assert_eq!(told.try_recv(), Ok(true), "the task is no longer there");
}

#[test]
fn a_panic_that_cannot_even_be_told_takes_neither_a_thread_nor_the_loop_along() {
    in_a_process_of_its_own(
        "a_panic_that_cannot_even_be_told_takes_neither_a_thread_nor_the_loop_along",
        || {
            deafen_stderr();
            configure(Settings::new().threads_max(1));
            spawn_blocking(|| panic!("of nobody's loop")).detach();
            assert_eq!(block_on(spawn_blocking(|| 7)).unwrap(), 7);
            loopscope::run(async {
                spawn(async { panic!("of nobody's handle") }).detach();
                yield_now().await;
                assert_eq!(to_thread(|| 8).await, 8);
            });
        },
    );
}

#[test]
fn the_child_of_a_fork_has_a_pool_of_its_own() {
    in_a_process_of_its_own("the_child_of_a_fork_has_a_pool_of_its_own", || {
        loopscope::run(async {
            let (open, gate) = gated();
            let code = fork(|| {
                let is_gone = gate.is_finished() && !gate.cancel();
                let works = block_on(spawn_blocking(|| 7)).is_ok_and(|seven| seven == 7);
                let view = pool().view();
                i32::from(!(is_gone && works && view.completed == 1 && view.running == 0))
            });
            assert_eq!(code, 0);
            open.send(()).unwrap();
            gate.await.unwrap();
        });
    });
}
