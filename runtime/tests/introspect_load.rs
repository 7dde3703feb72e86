//! A busy program whose tasks are asked again and again where they stand: nothing is lost, nobody wakes wrongly, all of it ends.
//!
//! 100 dumps unless `LOOPSCOPE_DUMPS` says how many.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![cfg(feature = "stacks")]

#[path = "support/records.rs"]
mod records;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use loopscope::introspect::{Dump, Options, dump};
use loopscope::sync::remote::channel as remote_channel;
use loopscope::sync::{Mutex, Queue, Semaphore};
use loopscope::task::spawn_eager;
use loopscope::{Handle, Runner, TaskGroup, sleep, spawn, spawn_blocking, timeout, yield_now};

/// What a part of the program sent and what arrived, which must come out even.
#[derive(Debug, Default)]
struct Tally {
    sent: Cell<u64>,
    arrived: Cell<u64>,
}

impl Tally {
    fn send(&self, number: u64) -> u64 {
        self.sent.set(self.sent.get() + number);
        number
    }

    fn arrive(&self, number: u64) {
        self.arrived.set(self.arrived.get() + number);
    }
}

/// Says so when two are in it.
#[derive(Debug, Default)]
struct Section(Cell<bool>);

impl Section {
    async fn pass(&self) {
        assert!(!self.0.replace(true), "two tasks hold one lock");
        let guard = Leave(&self.0);
        yield_now().await;
        sleep(Duration::from_micros(200)).await;
        drop(guard);
    }
}

struct Leave<'a>(&'a Cell<bool>);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

struct World {
    stop: Cell<bool>,
    queue: Queue<u64>,
    queued: Tally,
    own: Mutex<()>,
    in_own: Section,
    foreign: tokio::sync::Mutex<()>,
    in_foreign: Section,
    permits: Semaphore,
    permitted: Cell<u32>,
    rounds: RefCell<BTreeSet<&'static str>>,
    panics: Cell<u64>,
}

type Shared = Rc<World>;

impl World {
    fn new() -> Shared {
        Rc::new(Self {
            stop: Cell::new(false),
            queue: Queue::new(3),
            queued: Tally::default(),
            own: Mutex::new(()),
            in_own: Section::default(),
            foreign: tokio::sync::Mutex::new(()),
            in_foreign: Section::default(),
            permits: Semaphore::new(2),
            permitted: Cell::new(0),
            rounds: RefCell::default(),
            panics: Cell::new(0),
        })
    }

    async fn with_own(&self) {
        let guard = self.own.lock().await;
        self.in_own.pass().await;
        drop(guard);
    }

    async fn with_foreign(&self) {
        let guard = self.foreign.lock().await;
        self.in_foreign.pass().await;
        drop(guard);
    }

    async fn with_permit(&self) {
        let permit = self.permits.acquire().await;
        self.permitted.set(self.permitted.get() + 1);
        assert!(self.permitted.get() <= 2, "more permits than there are");
        sleep(Duration::from_micros(300)).await;
        self.permitted.set(self.permitted.get() - 1);
        drop(permit);
    }
}

async fn produces(world: Shared) {
    for number in 1..=5 {
        world.queue.put(world.queued.send(number)).await.unwrap();
    }
}

/// Puts numbers and takes as many, with a timer beside that may win.
async fn queues(world: Shared) {
    let producer = spawn(produces(world.clone()));
    let mut left = 5;
    while left > 0 {
        loopscope::select! {
            number = world.queue.get() => {
                world.queued.arrive(number.unwrap());
                left -= 1;
            }
            () = sleep(Duration::from_micros(400)) => {}
        }
    }
    producer.await.unwrap();
}

async fn joins(world: Shared) {
    loopscope::join!(
        world.with_own(),
        world.with_foreign(),
        timeout(Duration::from_secs(600), world.with_permit()),
    )
    .2
    .unwrap();
}

async fn unordered(world: Shared) {
    let mut all = FuturesUnordered::new();
    for nth in 0..6 {
        let world = world.clone();
        all.push(async move {
            match nth % 3 {
                0 => world.with_own().await,
                1 => world.with_foreign().await,
                _ => world.with_permit().await,
            }
        });
    }
    let mut ended = 0;
    while all.next().await.is_some() {
        ended += 1;
    }
    assert_eq!(ended, 6);
}

async fn buffers(world: Shared) {
    let parts = stream::iter(0..8).map(|_| world.with_permit()).buffer_unordered(4);
    assert_eq!(parts.count().await, 8);
    join_all((0..35).map(|_| sleep(Duration::from_micros(300)))).await;
}

async fn asks(_: Shared) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let (mut lines, mut read) = futures_channel::mpsc::channel(1);
    let (words, heard) = async_channel::bounded(1);
    let speaker = spawn(async move {
        for number in 0..10_u64 {
            poll_fn(|cx| lines.poll_ready(cx)).await.unwrap();
            lines.start_send(number).unwrap();
            words.send(number).await.unwrap();
        }
        sender.send(11).unwrap();
    });
    let mut sums = [0; 2];
    loop {
        loopscope::select! {
            Some(number) = read.next() => sums[0] += number,
            Ok(number) = heard.recv() => sums[1] += number,
            else => break,
        }
    }
    assert_eq!((sums, receiver.await.unwrap()), ([45, 45], 11));
    speaker.await.unwrap();
}

async fn other_threads(_: Shared) {
    let (sender, mut receiver) = remote_channel::bounded(2);
    let thread = std::thread::spawn(move || {
        for number in 0..8_u64 {
            sender.blocking_send(number).unwrap();
        }
    });
    let mut jobs: FuturesUnordered<_> = (0..3_u64).map(|nth| spawn_blocking(move || nth)).collect();
    let (mut sum, mut jobs_sum) = (0, 0);
    while let Some(number) = receiver.recv().await {
        sum += number;
    }
    while let Some(number) = jobs.next().await {
        jobs_sum += number.unwrap();
    }
    thread.join().unwrap();
    assert_eq!((sum, jobs_sum), (28, 3));
}

async fn ends_early(world: Shared) {
    let group = TaskGroup::new();
    for _ in 0..3 {
        let world = world.clone();
        group.spawn(async move { world.with_own().await });
    }
    let waits = spawn({
        let world = world.clone();
        async move { world.with_foreign().await }
    });
    let eager = spawn_eager(async move { world.with_permit().await });
    yield_now().await;
    // Cancelled while it waits for a lock, holds it, or is about to have it.
    waits.cancel().await;
    eager.await.unwrap();
    group.close().await.unwrap();
    let gone = timeout(Duration::from_micros(300), std::future::pending::<()>()).await;
    assert!(gone.is_err());
}

async fn panics(world: Shared) {
    let task = spawn({
        let world = world.clone();
        async move {
            world.with_permit().await;
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    world.panics.set(world.panics.get() + 1);
}

/// Runs one part again and again until it is enough, and once at least.
async fn runs<F: Future<Output = ()>>(world: Shared, name: &'static str, part: fn(Shared) -> F) {
    loop {
        part(world.clone()).await;
        world.rounds.borrow_mut().insert(name);
        if world.stop.get() {
            break;
        }
        yield_now().await;
    }
}

fn check(dump: &Dump) {
    for task in &dump.tasks {
        assert!(!task.branches.is_empty(), "{task}");
        assert!(task.branches.iter().enumerate().all(|(at, branch)| branch.parent.is_none_or(|of| of < at)));
    }
}

fn dumps() -> u32 {
    std::env::var("LOOPSCOPE_DUMPS").map_or(100, |text| text.parse().unwrap())
}

#[test]
fn a_program_under_load_does_not_notice_that_it_is_asked() {
    records::run_on(Runner::builder(), async {
        let world = World::new();
        macro_rules! parts {
            ($($part:ident),+) => { vec![$(spawn(runs(world.clone(), stringify!($part), $part)),)+] };
        }
        let mut tasks = parts!(queues, joins, unordered, buffers, asks, other_threads, ends_early, panics);
        tasks.extend(parts!(queues, joins, unordered, buffers, asks, ends_early));
        let options = Options::new().slice(Duration::from_micros(500));
        for _ in 0..dumps() {
            check(&dump(&Handle::current(), options.clone()).await.unwrap());
        }
        world.stop.set(true);
        // A wake that was lost leaves somebody waiting.
        let all = join_all(tasks).map(|ended| ended.into_iter().for_each(Result::unwrap));
        timeout(Duration::from_secs(120), all).await.expect("a task waits for ever");
        assert_eq!(world.queued.sent.get(), world.queued.arrived.get());
        assert_eq!(world.rounds.borrow().len(), 8);
        assert!(world.panics.get() > 0);
    });
}

#[test]
fn another_thread_may_ask_while_tasks_are_woken_from_everywhere() {
    let stop = Arc::new(AtomicBool::new(false));
    let handle: Arc<StdMutex<Option<Handle>>> = Arc::default();
    let asking = std::thread::spawn({
        let (stop, handle) = (stop.clone(), handle.clone());
        move || {
            let mut asked = 0;
            while !stop.load(Ordering::Acquire) {
                let Some(of) = handle.lock().unwrap().clone() else { continue };
                if loopscope::run(async { dump(&of, Options::new()).await }).is_ok() {
                    asked += 1;
                }
            }
            asked
        }
    });
    records::run_on(Runner::builder(), async {
        *handle.lock().unwrap() = Some(Handle::current());
        let (sender, mut receiver) = remote_channel::bounded(4);
        let thread = std::thread::spawn(move || {
            for number in 0..20_000_u64 {
                sender.blocking_send(number).unwrap();
            }
        });
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        thread.join().unwrap();
        assert_eq!(sum, 20_000 * 19_999 / 2);
    });
    stop.store(true, Ordering::Release);
    asking.join().unwrap();
}
