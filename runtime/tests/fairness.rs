//! Nobody starves, however busy somebody is.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use loopscope::net::UnixStream;
use loopscope::telemetry::TaskState;
use loopscope::time::{Instant, interval_at};
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

/// Runs `busy`, which finds everything it awaits ready, and says how many turns another task had meanwhile.
fn turns_beside<F: Future<Output = ()>>(busy: impl FnOnce() -> F) -> u64 {
    let turns = Rc::new(Cell::new(0));
    let inside = Rc::clone(&turns);
    loopscope::run(async move {
        let other = spawn(async move {
            loop {
                inside.set(inside.get() + 1);
                yield_now().await;
            }
        });
        busy().await;
        other.cancel().await;
    });
    turns.get()
}

#[test]
fn ticks_that_are_made_up_for_leave_others_their_turns() {
    let turns = turns_beside(|| async {
        // Behind by as long as the machine has been up: it never catches up.
        let mut interval = interval_at(Instant::from_nanos(1), Duration::from_nanos(1));
        for _ in 0..10_000 {
            interval.tick().await;
        }
    });
    assert!(turns > 10, "{turns} turns");
}

#[test]
fn reading_exactly_from_a_fast_peer_leaves_others_their_turns() {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let turns = turns_beside(|| async {
        // A packet a read, so that all that is there takes many calls.
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None).unwrap();
        let mut theirs = std::os::unix::net::UnixStream::from(theirs);
        for _ in 0..150 {
            assert_eq!(theirs.write(&[7]).unwrap(), 1);
        }
        let ours = UnixStream::from_std(ours.into()).unwrap();
        let mut bytes = [0; 150];
        ours.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, [7; 150]);
    });
    assert_ne!(turns, 0);
}

/// Posts itself until `left` is used up, and writes a byte on the way.
fn post_again(handle: &Handle, left: Arc<AtomicU32>, mut writer: std::os::unix::net::UnixStream) {
    let now = left.load(Relaxed);
    if now == POSTS / 2 {
        assert_eq!(writer.write(&[7]).unwrap(), 1);
    }
    if now > 0 {
        left.store(now - 1, Relaxed);
        let next = handle.clone();
        handle.post(move || post_again(&next, left, writer)).unwrap();
    }
}

/// Posted closures, one after the other.
const POSTS: u32 = 20_000;

#[test]
fn posted_closures_do_not_starve_sockets() {
    let left = Arc::new(AtomicU32::new(POSTS));
    let inside = Arc::clone(&left);
    let left_when_read = loopscope::run(async move {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let ours = UnixStream::from_std(ours).unwrap();
        post_again(&Handle::current(), Arc::clone(&inside), theirs);
        ours.read_exact(&mut [0]).await.unwrap();
        inside.load(Relaxed)
    });
    assert_ne!(left_when_read, 0);
}
