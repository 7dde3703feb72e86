//! Nobody starves, however busy somebody is.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use loopscope::telemetry::TaskState;
use loopscope::time::Instant;
use loopscope::{Handle, call_at, call_later, sleep, spawn, yield_now};

/// Spawns itself again, and again.
fn again(spawned: Rc<Cell<u64>>) {
    spawned.set(spawned.get() + 1);
    spawn(async move { again(spawned) }).detach();
}

/// Runs `others` beside a task that wakes itself for ever, and one that keeps spawning.
fn beside_busy_tasks<F: Future<Output = ()>>(others: F) -> (u64, u64) {
    let (turns, spawned) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counters = (Rc::clone(&turns), Rc::clone(&spawned));
    loopscope::run(async move {
        let (turns, spawned) = counters;
        spawn(async move {
            loop {
                turns.set(turns.get() + 1);
                yield_now().await;
            }
        })
        .detach();
        again(spawned);
        others.await;
    });
    (turns.get(), spawned.get())
}

#[test]
fn busy_tasks_do_not_starve_other_tasks() {
    let (turns, spawned) = beside_busy_tasks(async {
        for _ in 0..1000 {
            yield_now().await;
        }
    });
    // All of them take turns, one each in a batch.
    assert_eq!(turns, 1000);
    assert_eq!(spawned, 1001);
}

#[test]
fn busy_tasks_do_not_starve_timers_and_callbacks() {
    let called = Rc::new(Cell::new(false));
    let inside = Rc::clone(&called);
    let (turns, _) = beside_busy_tasks(async move {
        call_later(Duration::from_millis(1), move || inside.set(true));
        sleep(Duration::from_millis(2)).await;
    });
    assert!(called.get() && turns > 0);
}

#[test]
fn busy_tasks_do_not_starve_sockets() {
    let (turns, _) = beside_busy_tasks(async {
        let listener = loopscope::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = spawn(async move {
            let stream = loopscope::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(b"question").await.unwrap();
            let mut answer = [0; 6];
            stream.read_exact(&mut answer).await.unwrap();
            answer
        });
        let (stream, _) = listener.accept().await.unwrap();
        let mut question = [0; 8];
        stream.read_exact(&mut question).await.unwrap();
        stream.write_all(b"answer").await.unwrap();
        assert_eq!((&question, &client.await.unwrap()), (b"question", b"answer"));
    });
    assert!(turns > 0);
}

#[test]
fn busy_tasks_do_not_starve_other_threads() {
    let (turns, _) = beside_busy_tasks(async {
        let handle = Handle::current();
        let (sender, receiver) = futures_channel::oneshot::channel();
        let thread = std::thread::spawn(move || {
            handle.post(move || sender.send(()).unwrap()).unwrap();
        });
        receiver.await.unwrap();
        let (sender, receiver) = futures_channel::oneshot::channel();
        let second = std::thread::spawn(move || sender.send(7).unwrap());
        assert_eq!(receiver.await, Ok(7));
        thread.join().unwrap();
        second.join().unwrap();
    });
    assert!(turns > 0);
}

#[test]
fn a_long_batch_is_interrupted_to_look_at_timers() {
    loopscope::run(async {
        // All in one poll, so that the loop does not look in between.
        let deadline = Instant::now() + Duration::from_millis(2);
        let callback = call_at(deadline, || ());
        let (reader, id) = (Handle::current().reader(), callback.id().as_u64());
        // One batch: the first task takes longer than the timer, the second looks what has become of that.
        spawn(async move {
            while Instant::now() < deadline + Duration::from_millis(2) {
                std::hint::spin_loop();
            }
        })
        .detach();
        let second = spawn(async move { reader.task(id).unwrap().state });
        // Woken in the middle of the batch, the callback has its turn in the next one.
        assert_eq!(second.await.unwrap(), TaskState::Scheduled);
    });
}
