//! A task that waits for each thing there is to wait for, all at once.
//!
//! ```text
//! workshop [--hold]
//! ```
//!
//! It prints what each of its tasks waits for, read from the records that other processes see, and ends. With `--hold` it stays as
//! it is until its standard input is closed: attach and look at `tree`, `io`, `sync`, `timers`, `blocking`, and at `why` of any
//! task.
//!
//! Each task is named after what it waits for. Its `.await` stands in a line that ends in `here: NAME`, by which a test finds the
//! line that the tools should show.

#![allow(clippy::print_stdout, reason = "it prints what it sees of itself")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use loopscope::future::promise_named;
use loopscope::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use loopscope::process::{Command, Stdio};
use loopscope::server;
use loopscope::signal::{self, Kind};
use loopscope::stream::{StreamReader, open_connection};
use loopscope::sync::{
    Barrier, Condition, Event, Mutex, PriorityQueue, Queue, Semaphore, broadcast, channel, oneshot, remote,
    watch,
};
use loopscope::task::{When, gather, shield};
use loopscope::telemetry::{self, LoopReader, PlaceIndex, TaskKind, TaskState, WaitView};
use loopscope::{CancelToken, TaskGroup, sleep, task, time};

const USAGE: &str = "usage: workshop [--hold]";

/// Longer than anybody looks at it.
const LONG: Duration = Duration::from_secs(3600);

fn main() -> ExitCode {
    loopscope_inspector::start();
    run(std::env::args().skip(1))
}

/// The program without its agent.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let holds = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--hold"] => true,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match loopscope::run(open(holds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What has to stay for others to wait for it.
#[derive(Default)]
struct Shelf(RefCell<Vec<Box<dyn std::any::Any>>>);

impl Shelf {
    fn keep(&self, thing: impl std::any::Any) {
        self.0.borrow_mut().push(Box::new(thing));
    }
}

/// Starts a task with a name.
#[track_caller]
fn hire(name: &str, work: impl Future<Output = ()> + 'static) {
    task::Builder::new().name(name).spawn(work).detach();
}

async fn open(holds: bool) -> io::Result<()> {
    let shelf = Shelf::default();
    let (stop, stopped) = mpsc::channel();
    locks();
    turnstiles(&shelf);
    queues(&shelf);
    channels(&shelf);
    tasks(&shelf);
    timers(&shelf);
    sockets(&shelf)?;
    service(&shelf).await?;
    children(&shelf).await?;
    threads(stopped);
    hire("signal SIGUSR1", async {
        let mut signals = signal::unix(Kind::USER_1).expect("SIGUSR1 can be listened to");
        signals.recv().await; // here: signal SIGUSR1
    });
    hire("something foreign", async {
        pending::<()>().await; // here: something foreign
    });
    while !all_wait() {
        sleep(Duration::from_millis(1)).await;
    }
    if holds {
        let pid = std::process::id();
        println!("pid {pid}: loopscope attach {pid}");
        loopscope::to_thread(|| io::stdin().read_to_end(&mut Vec::new())).await?; // here: main
    } else {
        tell();
    }
    drop(stop);
    Ok(())
}

/// Locks: one that is held by a task that sleeps, and two that two tasks take in opposite order.
fn locks() {
    let db = Rc::new(Mutex::new(()).named("db"));
    let held = Rc::clone(&db);
    hire("holder of db", async move {
        let _guard = held.lock().await;
        sleep(LONG).await; // here: holder of db
    });
    hire("lock db", async move {
        drop(db.lock().await); // here: lock db
    });
    let forks = ["left fork", "right fork"].map(|name| Rc::new(Mutex::new(()).named(name)));
    let others = forks.clone();
    hire("philosopher 1", async move {
        let _first = forks[0].lock().await;
        sleep(Duration::from_millis(1)).await;
        drop(forks[1].lock().await); // here: philosopher 1
    });
    hire("philosopher 2", async move {
        let _first = others[1].lock().await;
        sleep(Duration::from_millis(1)).await;
        drop(others[0].lock().await); // here: philosopher 2
    });
}

/// What lets tasks pass together, or not yet.
fn turnstiles(shelf: &Shelf) {
    let ready = Event::new().named("ready");
    hire("event ready", async move {
        ready.wait().await; // here: event ready
    });
    let stock = Mutex::new(0).named("stock");
    let stocked = Condition::new().named("stocked");
    hire("condition stocked", async move {
        let guard = stock.lock().await;
        drop(stocked.wait(guard).await); // here: condition stocked
    });
    let api = Rc::new(Semaphore::new(1).named("api"));
    shelf.keep(api.try_acquire_owned());
    hire("semaphore api", async move {
        drop(api.acquire().await); // here: semaphore api
    });
    let start = Barrier::new(2).named("start");
    hire("barrier start", async move {
        let _ = start.wait().await; // here: barrier start
    });
    let shutdown = CancelToken::new().named("shutdown");
    shelf.keep(shutdown.clone());
    hire("token shutdown", async move {
        shutdown.cancelled().await; // here: token shutdown
    });
}

/// Queues: full, empty, and one of which an item was never done.
fn queues(shelf: &Shelf) {
    let full = Rc::new(Queue::new(1).named("full"));
    full.try_put(0).expect("there is room for one");
    shelf.keep(Rc::clone(&full));
    hire("put full", async move {
        let _ = full.put(1).await; // here: put full
    });
    let empty = Queue::<u32>::unbounded().named("empty");
    hire("get empty", async move {
        let _ = empty.get().await; // here: get empty
    });
    let urgent = PriorityQueue::<u32>::unbounded().named("urgent");
    hire("get urgent", async move {
        let _ = urgent.get().await; // here: get urgent
    });
    let undone = Queue::unbounded().named("undone");
    undone.try_put(0).expect("there is always room");
    hire("all done of undone", async move {
        undone.join().await; // here: all done of undone
    });
}

/// Channels: a full one, empty ones, those to other threads, and a promise of one value.
fn channels(shelf: &Shelf) {
    let (narrow, receiver) = channel::named("narrow", Some(1));
    narrow.try_send(0).expect("there is room for one");
    shelf.keep(receiver);
    hire("send narrow", async move {
        let _ = narrow.send(1).await; // here: send narrow
    });
    let (sender, mut quiet) = channel::named::<u32>("quiet", None);
    shelf.keep(sender);
    hire("recv quiet", async move {
        quiet.recv().await; // here: recv quiet
    });
    let (sender, mut afar) = remote::channel::named::<u32>("afar", Some(8));
    shelf.keep(sender);
    hire("recv afar", async move {
        afar.recv().await; // here: recv afar
    });
    let (sender, mut config) = watch::named::<u32>("config", 0);
    shelf.keep(sender);
    hire("changed config", async move {
        let _ = config.changed().await; // here: changed config
    });
    let (sender, mut news) = broadcast::named::<u32>("news", 8);
    shelf.keep(sender);
    hire("recv news", async move {
        let _ = news.recv().await; // here: recv news
    });
    let (sender, answer) = oneshot::named::<u32>("answer");
    shelf.keep(sender);
    hire("recv answer", async move {
        let _ = answer.await; // here: recv answer
    });
    let (promise, verdict) = promise_named::<u32, io::Error>("verdict");
    shelf.keep(promise);
    hire("promise verdict", async move {
        let _ = verdict.await; // here: promise verdict
    });
    let (sender, reply) = remote::oneshot::named::<u32>("reply");
    shelf.keep(sender);
    hire("recv reply", async move {
        let _ = reply.await; // here: recv reply
    });
}

/// Tasks that wait for tasks, and one that waits for two things at once.
fn tasks(shelf: &Shelf) {
    let sleeper = task::Builder::new().name("sleeper").spawn(async {
        sleep(LONG).await; // here: sleeper
    });
    hire("join sleeper", async move {
        let _ = sleeper.await; // here: join sleeper
    });
    hire("group crew", async {
        let crew = TaskGroup::named("crew");
        let _member = crew.spawn_named("member of crew", async {
            sleep(LONG).await; // here: member of crew
        });
        let _ = crew.close().await; // here: group crew
    });
    let [first, second] = ["first of two", "second of two"].map(|name| {
        task::Builder::new().name(name).spawn(async {
            sleep(LONG).await; // here: one of two
        })
    });
    hire("wait for two", async {
        let _ = task::wait([first, second], When::All).await; // here: wait for two
    });
    hire("gather", async {
        let child = async {
            sleep(LONG).await; // here: a child of gather
            Ok::<(), io::Error>(())
        };
        let _ = gather([child]).await; // here: gather
    });
    hire("shield", async {
        let child = async {
            sleep(LONG).await; // here: a child of shield
        };
        let _ = shield(child).await; // here: shield
    });
    let bell = Event::new().named("bell");
    let (sender, mut letters) = channel::named::<u32>("letters", None);
    shelf.keep(sender);
    hire("bell or letter", async move {
        loopscope::select! {
            () = bell.wait() => {} // here: bell
            _ = letters.recv() => {} // here: letters
        }
    });
}

/// Timers of each kind.
fn timers(shelf: &Shelf) {
    hire("interval", async {
        let mut ticks = time::interval(LONG);
        ticks.tick().await;
        ticks.tick().await; // here: interval
    });
    let late = Event::new().named("late");
    hire("event late in time", async move {
        let _ = time::timeout(LONG, late.wait()).await; // here: event late in time
    });
    let moved = Event::new().named("moved");
    hire("event moved in time", async move {
        let body = async |_| moved.wait().await; // here: event moved in time
        let _ = time::timeout_scope(LONG, body).await; // here: the scope
    });
    shelf.keep(loopscope::call_later(LONG, || println!("an hour is over")));
}

/// Sockets: to accept from, to read from in several ways, to write to.
fn sockets(shelf: &Shelf) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (accepted, connected) = oneshot::channel();
    hire("accept", async move {
        let first = listener.accept().await.expect("a connection to ourselves");
        let _ = accepted.send(first);
        let _ = listener.accept().await; // here: accept
    });
    hire("read tcp", async move {
        let client = TcpStream::connect(address).await.expect("a connection to ourselves");
        let _server = connected.await;
        let _ = client.read(&mut [0; 8]).await; // here: read tcp
    });
    let (reader, idle) = UnixStream::pair()?;
    shelf.keep(idle);
    hire("read a line", async move {
        let _ = StreamReader::new(reader).read_line().await; // here: read a line
    });
    let (writer, idle) = UnixStream::pair()?;
    shelf.keep(idle);
    hire("write unix", async move {
        let _ = writer.write_all(&vec![0; 16 << 20]).await; // here: write unix
    });
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    hire("read udp", async move {
        let _ = udp.recv_from(&mut [0; 8]).await; // here: read udp
    });
    Ok(())
}

/// A server, a client of it, and a task that waits for its end.
async fn service(shelf: &Shelf) -> io::Result<()> {
    let desk = server::Builder::new().name("desk");
    let desk = desk
        .start_server("127.0.0.1:0", async |mut reader, _writer| {
            let _ = reader.read_line().await; // here: a connection of desk
        })
        .await?;
    let address = desk.local_addrs()[0];
    hire("read a reply", async move {
        let (mut reader, _writer) = open_connection(address).await.expect("a connection to ourselves");
        let _ = reader.read_line().await; // here: read a reply
    });
    let desk = Rc::new(desk);
    shelf.keep(Rc::clone(&desk));
    hire("end of desk", async move {
        desk.wait_closed().await; // here: end of desk
    });
    Ok(())
}

/// A child process that echoes, one task that waits for its end and one for what it writes; and a child that has ended.
async fn children(shelf: &Shelf) -> io::Result<()> {
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut cat = cat.spawn().map_err(io::Error::other)?;
    let output = cat.stdout.take();
    hire("process cat", async move {
        let _input = cat.stdin.take();
        let _ = cat.wait().await; // here: process cat
    });
    hire("read stdout of cat", async move {
        if let Some(output) = output {
            let _ = output.read(&mut [0; 8]).await; // here: read stdout of cat
        }
    });
    let ended = Command::new("false").spawn().map_err(io::Error::other)?;
    ended.wait().await.map_err(io::Error::other)?;
    shelf.keep(ended);
    Ok(())
}

/// A thread that waits until the workshop closes, and the task that waits for it.
fn threads(stopped: mpsc::Receiver<()>) {
    hire("blocking job", async move {
        let job = loopscope::blocking::Builder::new().name("job");
        let _ = job.spawn(move || stopped.recv()).await; // here: blocking job
    });
}

/// Whether every task but this one waits for what it came for: nothing is ready, and nobody is about to be.
fn all_wait() -> bool {
    let mut busy = 0;
    for reader in readers() {
        reader.tasks(&mut |task| {
            let is_new = task.polls == 0 && task.kind == TaskKind::Task;
            busy += u32::from(is_new || task.state == TaskState::Scheduled);
            ControlFlow::Continue(())
        });
        reader.waits(&mut |wait| {
            // Whoever still sleeps for a moment, or connects, is not there yet.
            let soon = wait.deadline.is_some_and(|at| at < time::Instant::now() + Duration::from_secs(60));
            busy += u32::from(soon || wait.kind == telemetry::WaitKind::Connect);
            ControlFlow::Continue(())
        });
    }
    busy == 0
}

/// The loops of the program, without the agent's.
fn readers() -> impl Iterator<Item = LoopReader> {
    telemetry::loops().into_iter().filter(|reader| reader.view().is_some_and(|view| !view.hidden))
}

/// Prints what each task waits for.
fn tell() {
    for reader in readers() {
        let mut waits: BTreeMap<u64, Vec<WaitView>> = BTreeMap::new();
        reader.waits(&mut |wait| {
            waits.entry(wait.task).or_default().push(*wait);
            ControlFlow::Continue(())
        });
        reader.tasks(&mut |task| {
            let name = task.name.and_then(|name| reader.name(name)).unwrap_or_default();
            let waits = waits.remove(&task.id).unwrap_or_default();
            let words: Vec<String> = waits.iter().map(|wait| words(&reader, wait)).collect();
            println!("{name:20} {}", words.join(" and "));
            ControlFlow::Continue(())
        });
    }
}

/// One wait: its kind, the name of what is waited for, and where.
fn words(reader: &LoopReader, wait: &WaitView) -> String {
    let mut name = None;
    reader.resources(&mut |resource| {
        if Some(resource.id) == wait.resource {
            name = resource.name.and_then(|name| reader.name(name));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let line = |at: PlaceIndex| reader.place(at).map(|place| format!(" in line {}", place.line));
    let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    format!("{:?}{name}{}", wait.kind, wait.at.and_then(line).unwrap_or_default())
}
