//! Wakers on foreign threads, and wakers that outlive their task or their loop.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::async_yields_async, reason = "a handle is taken out of a run")]

#[path = "support/trace.rs"]
mod trace;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};

use loopscope::{Handle, Runner, sleep, spawn, yield_now};
use trace::spec;

/// The waker of the task that awaits this.
async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

#[test]
fn a_waker_that_outlives_its_task_at_worst_wakes_the_slots_next_one() {
    spec(
        |trace| async move {
            let stale = spawn(own_waker()).await.unwrap();
            let mut tasks = Vec::new();
            for _ in 0..2000 {
                let polls = Rc::new(RefCell::new(0));
                let inside = Rc::clone(&polls);
                let task = spawn(poll_fn(move |_| {
                    *inside.borrow_mut() += 1;
                    Poll::<()>::Pending
                }));
                tasks.push((task, polls));
            }
            yield_now().await;
            stale.wake_by_ref();
            yield_now().await;
            let spurious = tasks.iter().filter(|(_, polls)| *polls.borrow() > 1).count();
            assert_eq!(spurious, 0, "a wake on the loop's own thread knows the generation");
            std::thread::scope(|scope| {
                scope.spawn(|| stale.wake_by_ref());
            });
            yield_now().await;
            yield_now().await;
            let spurious: i32 = tasks.iter().map(|(_, polls)| *polls.borrow() - 1).sum();
            assert!(spurious <= 1, "{spurious}");
            trace.push("end");
        },
        &["end"],
    );
}

#[test]
fn a_waker_that_outlives_its_loop_is_harmless_wherever_it_is_used() {
    let waker = loopscope::run(own_waker());
    waker.wake_by_ref();
    let elsewhere = waker.clone();
    std::thread::spawn(move || elsewhere.wake()).join().unwrap();
    loopscope::run(async {
        waker.wake_by_ref();
        yield_now().await;
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
    });
    assert!(waker.will_wake(&waker.clone()));
}

#[test]
fn a_wake_between_two_runs_is_found_at_the_next() {
    let mut runner = Runner::builder().build().unwrap();
    let (sender, receiver) = futures_channel::oneshot::channel();
    let task = runner
        .block_on(async {
            let task = spawn(receiver);
            yield_now().await;
            task
        })
        .unwrap();
    // On the runner's own thread, but outside of its loop.
    sender.send(7).unwrap();
    assert_eq!(runner.block_on(task).unwrap().unwrap(), Ok(7));
    let (sender, receiver) = futures_channel::oneshot::channel();
    let task = runner.block_on(async { spawn(receiver) }).unwrap();
    runner.block_on(yield_now()).unwrap();
    std::thread::spawn(move || sender.send(8).unwrap()).join().unwrap();
    assert_eq!(runner.block_on(task).unwrap().unwrap(), Ok(8));
}

#[test]
fn a_sleeping_loop_is_woken_by_another_thread() {
    for _ in 0..100 {
        let (sender, receiver) = mpsc::channel::<Waker>();
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let waker = receiver.recv().unwrap();
            flag.store(true, Ordering::Relaxed);
            waker.wake();
        });
        loopscope::run(poll_fn(|cx| {
            if done.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            drop(sender.send(cx.waker().clone()));
            Poll::Pending
        }));
        thread.join().unwrap();
    }
}

/// What a task waits for, and how it is woken.
struct Seat {
    count: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

#[test]
fn no_wake_of_several_threads_is_lost() {
    const THREADS: u32 = 4;
    let (tasks, rounds) = if cfg!(debug_assertions) { (1000, 30) } else { (4000, 100) };
    let seats: Arc<Vec<Seat>> =
        Arc::new((0..tasks).map(|_| Seat { count: AtomicU32::new(0), waker: Mutex::default() }).collect());
    let total = THREADS * rounds;
    loopscope::run(async {
        let handles: Vec<_> = (0..tasks)
            .map(|number| {
                let seats = Arc::clone(&seats);
                spawn(poll_fn(move |cx| {
                    let seat = &seats[number];
                    let mut waker = seat.waker.lock().unwrap();
                    if waker.as_ref().is_none_or(|old| !old.will_wake(cx.waker())) {
                        *waker = Some(cx.waker().clone());
                    }
                    drop(waker);
                    // Read after the waker stands: who counts later finds it.
                    if seat.count.load(Ordering::Relaxed) == total { Poll::Ready(()) } else { Poll::Pending }
                }))
            })
            .collect();
        yield_now().await;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let seats = Arc::clone(&seats);
                std::thread::spawn(move || {
                    for round in 0..rounds {
                        for at in 0..seats.len() {
                            let at = (at * 7 + (thread * 13 + round) as usize) % seats.len();
                            seats[at].count.fetch_add(1, Ordering::Relaxed);
                            let waker = seats[at].waker.lock().unwrap().clone().unwrap();
                            waker.wake();
                        }
                    }
                })
            })
            .collect();
        let reader = Handle::current().reader();
        let first = handles[0].id().as_u64();
        for handle in handles {
            handle.await.unwrap();
        }
        for thread in threads {
            thread.join().unwrap();
        }
        if let Some(seen) = reader.task(first) {
            assert!(seen.polls <= u64::from(total) + 2, "{} polls for {total} wakes", seen.polls);
        }
    });
}

#[test]
fn stale_wakers_that_never_rest_harm_no_loop_that_takes_the_slot() {
    let stop = Arc::new(AtomicBool::new(false));
    let stale: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (stop, stale) = (Arc::clone(&stop), Arc::clone(&stale));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let wakers = stale.lock().unwrap().clone();
                    wakers.iter().for_each(Waker::wake_by_ref);
                }
            })
        })
        .collect();
    for number in 0..200 {
        let waker = loopscope::run(async {
            let tasks: Vec<_> = (0..50).map(|n| spawn(async move { (n, own_waker().await) })).collect();
            sleep(std::time::Duration::from_micros(1)).await;
            let mut last = None;
            for (n, task) in tasks.into_iter().enumerate() {
                let (output, waker) = task.await.unwrap();
                assert_eq!(output, n);
                last = Some(waker);
            }
            last.unwrap()
        });
        let mut stale = stale.lock().unwrap();
        if stale.len() < 16 {
            stale.push(waker);
        } else {
            stale[number % 16] = waker;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

thread_local! {
    /// What [`Foreign`] does when it is called.
    static ON_WAKE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A waker of another library, which runs any code.
struct Foreign;

impl std::task::Wake for Foreign {
    fn wake(self: Arc<Self>) {
        let on_wake = ON_WAKE.take();
        if let Some(on_wake) = on_wake {
            on_wake();
        }
    }
}

/// Polls a future once with a waker that then does `on_wake`.
fn poll_foreign<F: Future>(future: std::pin::Pin<&mut F>, on_wake: impl FnOnce() + 'static) {
    ON_WAKE.set(Some(Box::new(on_wake)));
    let waker = Waker::from(Arc::new(Foreign));
    assert!(future.poll(&mut std::task::Context::from_waker(&waker)).is_pending());
}

/// Whether the waker was called.
fn was_woken() -> bool {
    ON_WAKE.with_borrow(Option::is_none)
}

#[test]
fn a_foreign_waker_may_make_and_drop_sockets() {
    use loopscope::net::UnixStream;
    loopscope::run(async {
        let (reader, writer) = UnixStream::pair().unwrap();
        let others = UnixStream::pair().unwrap();
        let mut bytes = [0];
        poll_foreign(std::pin::pin!(reader.read(&mut bytes)), || ());
        let mut readable = std::pin::pin!(reader.readable());
        poll_foreign(readable.as_mut(), move || {
            drop(others);
            drop(UnixStream::pair().unwrap());
        });
        writer.write_all(b"x").await.unwrap();
        sleep(std::time::Duration::from_millis(1)).await;
        assert!(was_woken());
        readable.await;
    });
}

#[test]
fn a_foreign_waker_that_panics_is_reported_and_harms_nobody() {
    use loopscope::net::UnixStream;
    use loopscope::runner::UnhandledKind;
    let reports = Rc::new(RefCell::new(Vec::new()));
    let inside = Rc::clone(&reports);
    let hook = move |unhandled: &loopscope::runner::Unhandled| {
        assert_eq!(unhandled.to_string(), "the event loop called a waker that panicked: oh no");
        inside.borrow_mut().push(unhandled.kind.clone());
    };
    let mut runner = Runner::builder().on_unhandled(hook).build().unwrap();
    let millisecond = std::time::Duration::from_millis(1);
    runner
        .block_on(async move {
            let (reader, writer) = UnixStream::pair().unwrap();
            let mut bytes = [0];
            poll_foreign(std::pin::pin!(reader.read(&mut bytes)), || ());
            let mut readable = std::pin::pin!(reader.readable());
            poll_foreign(readable.as_mut(), || panic!("oh no"));
            writer.write_all(b"x").await.unwrap();
            sleep(millisecond).await;
            assert!(was_woken());

            let mut sleeping = std::pin::pin!(sleep(millisecond));
            poll_foreign(sleeping.as_mut(), || panic!("oh no"));
            sleep(2 * millisecond).await;
            assert!(was_woken());

            let mut task = std::pin::pin!(spawn(async { 7 }));
            poll_foreign(task.as_mut(), || panic!("oh no"));
            yield_now().await;
            assert!(was_woken());
            assert_eq!(task.await.unwrap(), 7);
        })
        .unwrap();
    let expected = UnhandledKind::PanicInWaker("oh no".into());
    assert_eq!(*reports.borrow(), [expected.clone(), expected.clone(), expected]);
}
