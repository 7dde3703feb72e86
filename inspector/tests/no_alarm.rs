//! No false alarm: an echo server under load, with locks, queues, timers, jobs and groups beside it, all in debug mode, is called healthy.
//!
//! By default it runs until a few hundred messages went to and fro, and what depends on the speed of the machine (a slow poll, a late
//! timer) is not looked at. `LOOPSCOPE_NO_ALARM_SECONDS=600 cargo test -p loopscope-inspector --features client --test no_alarm` runs for
//! ten minutes and looks at everything, unless other programs keep the machine so busy that polls are slow indeed.
#![cfg(all(feature = "agent", feature = "client"))]
#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::print_stderr, reason = "who runs it for ten minutes wants to see that it is alive")]

use loopscope::net::{TcpListener, TcpStream};
use loopscope::sync::{Mutex, Queue, Semaphore};
use loopscope::time::{Instant, interval, sleep, timeout};
use loopscope::{Runner, TaskGroup, debug};
use loopscope_inspector::Agent;
use loopscope_inspector::client::{Client, Found};
use loopscope_inspector::model::{Lint, Severity, Warning};
use loopscope_inspector::wire::{Query, Request};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Clients at a time.
const CLIENTS: u64 = 40;

/// Messages after which the short run is over.
const MESSAGES: u64 = 400;

/// For answers that do come, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Lints that rightly hold on a machine that is too slow or too busy.
const OF_SLOW_MACHINES: [Lint; 8] = [
    Lint::SlowPoll,
    Lint::Blocked,
    Lint::NeverYields,
    Lint::SlowIo,
    Lint::SlowResolve,
    Lint::LateTimer,
    Lint::Starved,
    Lint::LockHeldLong,
];

/// What all threads share.
#[derive(Debug, Default)]
struct Run {
    messages: AtomicU64,
    /// Sent by every client.
    bytes: AtomicU64,
    over: AtomicBool,
}

impl Run {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// How long to run, if that was said.
fn seconds() -> Option<u64> {
    std::env::var("LOOPSCOPE_NO_ALARM_SECONDS").ok()?.parse().ok()
}

fn is_expected(name: &str, severity: Severity) -> bool {
    let of_slow_machines = OF_SLOW_MACHINES.iter().any(|lint| lint.as_str() == name);
    severity == Severity::Note || (of_slow_machines && (seconds().is_none() || is_overloaded()))
}

/// Whether more wants to run than this test and a little beside it: then a thread may be kept waiting in the middle of a poll.
fn is_overloaded() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|load| load.parse::<f64>().ok()).unwrap_or(0.0);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    #[expect(clippy::cast_precision_loss, reason = "of so many processors")]
    let own = processors as f64 + 4.0;
    load > own
}

/// Answers each connection with what it sends, and keeps count under a lock that all connections share.
async fn serve(listener: TcpListener, run: Arc<Run>) {
    let counted = Rc::new(Mutex::new(0_u64).named("counted"));
    let connections = TaskGroup::new();
    while !run.is_over() {
        let Ok(Ok((stream, _))) = timeout(Duration::from_millis(50), listener.accept()).await else {
            continue;
        };
        let counted = counted.clone();
        connections.spawn(async move {
            let mut buffer = vec![0; 4_096];
            while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
                *counted.lock().await += bytes as u64;
                if stream.write_all(&buffer[..bytes]).await.is_err() {
                    return;
                }
            }
        });
    }
    connections.close().await.unwrap();
}

/// Connects, sends messages of different lengths, hangs up, and comes back.
async fn client(number: u64, to: SocketAddr, run: Arc<Run>) {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while !run.is_over() {
        let Ok(stream) = TcpStream::connect(to).await else { continue };
        for _ in 0..=random % 50 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let message = vec![b'x'; usize::try_from(1 + (random >> 40) % 3_000).unwrap()];
            stream.write_all(&message).await.unwrap();
            stream.read_exact(&mut vec![0; message.len()]).await.unwrap();
            run.bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
            run.messages.fetch_add(1, Ordering::Relaxed);
            if random >> 60 == 0 {
                sleep(Duration::from_millis(random % 20)).await;
            }
        }
    }
}

/// A producer that is faster than its consumers, permits, jobs on threads, intervals, and tasks that come and go.
async fn household(run: Arc<Run>) {
    let group = TaskGroup::new();
    let queue = Rc::new(Queue::new(8).named("orders"));
    let (orders, producing) = (queue.clone(), run.clone());
    group.spawn_named("producer", async move {
        while !producing.is_over() {
            orders.put(1_u64).await.unwrap();
        }
        orders.close();
    });
    let permits = Rc::new(Semaphore::new(2).named("ovens"));
    for _ in 0..4 {
        let (orders, permits) = (queue.clone(), permits.clone());
        group.spawn_named("consumer", async move {
            while let Ok(order) = orders.get().await {
                let _permit = permits.acquire().await;
                sleep(Duration::from_millis(order)).await;
            }
        });
    }
    let ticking = run.clone();
    group.spawn_named("ticker", async move {
        let mut ticks = interval(Duration::from_millis(20));
        while !ticking.is_over() {
            ticks.tick().await;
            let short = loopscope::spawn(async { loopscope::yield_now().await });
            short.await.unwrap();
        }
    });
    group.spawn_named("worker", async move {
        while !run.is_over() {
            let sum = loopscope::spawn_blocking(|| (0..10_000_u64).sum::<u64>()).await.unwrap();
            assert_eq!(sum, 49_995_000);
            sleep(Duration::from_millis(5)).await;
        }
    });
    group.close().await.unwrap();
}

/// Runs `main` to its end on a loop in debug mode on a thread of its own.
fn thread<F: Future<Output = ()>>(
    name: &str,
    main: impl FnOnce() -> F + Send + 'static,
) -> std::thread::JoinHandle<()> {
    let name = name.to_owned();
    std::thread::spawn(move || {
        let mut runner = Runner::builder().name(&name).debug(true).build().unwrap();
        runner.block_on(async { main().await }).unwrap();
        runner.shutdown(Duration::from_secs(60));
    })
}

/// Asks for warnings as a client that watches does, until it is over. Returns what it was told.
async fn watch(found: &Found, run: &Run) -> Vec<Warning> {
    let mut client = Client::connect(found, PATIENCE).await.unwrap();
    let request = Request { warnings: Some(Query::all()), ..Request::default() };
    let begun = Instant::now();
    let mut told: Vec<Warning> = Vec::new();
    loop {
        let warnings = client.snapshot(&request).await.unwrap().snapshot.warnings.unwrap();
        for warning in warnings.into_iter().filter(|warning| !is_expected(&warning.name, warning.severity)) {
            if !told.iter().any(|known| known.name == warning.name && known.at == warning.at) {
                eprintln!("{:?}: {}", begun.elapsed(), warning.message);
                told.push(warning);
            }
        }
        let is_over = match seconds() {
            Some(seconds) => begun.elapsed() >= Duration::from_secs(seconds),
            None => run.messages.load(Ordering::Relaxed) >= MESSAGES,
        };
        if is_over {
            return told;
        }
        sleep(Duration::from_millis(if seconds().is_some() { 1_000 } else { 50 })).await;
    }
}

#[test]
fn a_busy_echo_server_gives_no_alarm() {
    let directory = std::env::temp_dir().join(format!("ls-no-alarm-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let agent = Agent::start_at(directory.join("s")).unwrap();
    let run = Arc::new(Run::default());
    let (tell, told) = std::sync::mpsc::channel();
    let shared = run.clone();
    let server = thread("server", move || async move {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        serve(listener, shared).await;
    });
    let to = told.recv().unwrap();
    let shared = run.clone();
    let clients = thread("clients", move || async move {
        let group = TaskGroup::new();
        for number in 0..CLIENTS {
            group.spawn_named("client", client(number, to, shared.clone()));
        }
        group.close().await.unwrap();
    });
    let shared = run.clone();
    let house = thread("household", move || household(shared));
    let mut watcher = Runner::builder().hidden(true).build().unwrap();
    let told = watcher.block_on(watch(&Found::at(agent.socket()), &run)).unwrap();
    run.over.store(true, Ordering::Relaxed);
    for thread in [clients, server, house] {
        thread.join().unwrap();
    }
    agent.stop();
    let _ = std::fs::remove_dir_all(&directory);
    let bytes = run.bytes.load(Ordering::Relaxed);
    eprintln!("{} messages, {bytes} bytes", run.messages.load(Ordering::Relaxed));
    assert!(bytes > 0);
    let severity = |lint: debug::Lint| match lint.severity() {
        debug::Severity::Note => Severity::Note,
        debug::Severity::Warning => Severity::Warning,
        debug::Severity::Error => Severity::Error,
    };
    let entered: Vec<String> = debug::entries()
        .into_iter()
        .filter(|entry| !is_expected(entry.warning.lint.as_str(), severity(entry.warning.lint)))
        .map(|entry| entry.warning.to_string())
        .collect();
    assert_eq!(entered, Vec::<String>::new());
    assert_eq!(told, []);
}
