//! What the clients of these tests look at.

use loopscope::TaskGroup;
use loopscope::net::{TcpListener, TcpStream};
use loopscope::process::{Command, Stdio};
use loopscope::signal::{self, Kind};
use loopscope::sync::{Barrier, Condition, Event, Mutex, Queue, Semaphore};
use loopscope::{sleep, task};
use loopscope_inspector::Agent;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Tasks that take more than a message of 4 MiB together.
pub(crate) const MANY: usize = 17_500;

/// More tasks than a client is told of.
pub(crate) const TOO_MANY: usize = 21_000;

const HOUR: Duration = Duration::from_secs(3600);

/// An application with an agent: a loop on a thread of its own that runs until this is dropped.
pub(crate) struct Application {
    name: String,
    agent: Option<Agent>,
    handle: loopscope::Handle,
    thread: Option<JoinHandle<()>>,
    directory: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

type Stop = futures_channel::oneshot::Sender<()>;

thread_local! {
    static STOP: Cell<Option<Stop>> = const { Cell::new(None) };
    static JOB: Cell<Option<mpsc::Sender<()>>> = const { Cell::new(None) };
    static RELEASE: RefCell<Vec<Stop>> = const { RefCell::new(Vec::new()) };
}

impl Application {
    /// Runs `main` on the application's loop, and comes back when it has set up what is to be seen.
    pub(crate) fn start<F: Future<Output = ()>>(main: impl FnOnce() -> F + Send + 'static) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("app{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(format!("ls-console-{}-{name}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let agent = Agent::start_at(directory.join("s")).unwrap();
        let (ready, is_ready) = mpsc::channel();
        let loop_name = name.clone();
        let thread = std::thread::spawn(move || {
            let mut runner = loopscope::Runner::builder().name(&loop_name).build().unwrap();
            let handle = runner.handle();
            let run = async move {
                main().await;
                let (stop, stopped) = futures_channel::oneshot::channel();
                STOP.set(Some(stop));
                ready.send(handle).unwrap();
                let _ = stopped.await;
            };
            runner.block_on(run).unwrap();
        });
        let handle = is_ready.recv().unwrap();
        Self { name, agent: Some(agent), handle, thread: Some(thread), directory, _turn: turn }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn socket(&self) -> &Path {
        self.agent.as_ref().unwrap().socket()
    }

    /// Does something in the application.
    pub(crate) fn post(&self, deed: fn()) {
        self.handle.post(deed).unwrap();
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.handle.post(|| {
            release_job();
            drop(STOP.take());
        });
        let ended = self.thread.take().unwrap().join();
        if let Some(agent) = self.agent.take() {
            agent.stop();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

#[track_caller]
fn spawn<F>(name: &str, future: F) -> loopscope::Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    task::Builder::new().name(name).spawn(future)
}

/// Waits until somebody releases it.
fn held() -> impl Future<Output = ()> {
    let (release, released) = futures_channel::oneshot::channel();
    RELEASE.with_borrow_mut(|all| all.push(release));
    async move {
        let _ = released.await;
    }
}

/// Lets go whatever is held.
pub(crate) fn release() {
    RELEASE.take();
}

/// Spawns one more task.
pub(crate) fn newcomer() {
    spawn("newcomer", sleep(HOUR)).detach();
}

/// A bit of everything that a task can wait for, one that never waits, and some that come and go.
pub(crate) async fn busy() {
    let sleeper = spawn("sleeper", sleep(HOUR));
    spawn("joiner", sleeper).detach();
    sockets().await;
    locks();
    let queue = Rc::new(Queue::<u32>::new(4).named("jobs"));
    spawn("getter", async move {
        let _ = queue.get().await;
    })
    .detach();
    // Once a millisecond, so that it changes from any turn to the next and leaves others a processor.
    spawn("yielder", async {
        loop {
            loopscope::yield_now().await;
            sleep(Duration::from_millis(1)).await;
        }
    })
    .detach();
    spawn("parent", async {
        loop {
            let group = TaskGroup::named("short lives");
            for _ in 0..3 {
                group.spawn_named("short", sleep(Duration::from_millis(5)));
            }
            let _ = group.close().await;
        }
    })
    .detach();
    for _ in 0..3 {
        loopscope::yield_now().await;
    }
}

/// A task that waits for one of each of these, named after what it is.
pub(crate) async fn primitives() {
    let permits = Rc::new(Semaphore::new(1).named("permits"));
    let permit = permits.try_acquire_owned();
    spawn("semaphore", async move {
        drop(permits.acquire().await);
        drop(permit);
    })
    .detach();
    let event = Event::new().named("ready");
    spawn("event", async move { event.wait().await }).detach();
    let (stock, stocked) = (Mutex::new(()), Condition::new().named("stocked"));
    spawn("condition", async move { drop(stocked.wait(stock.lock().await).await) }).detach();
    let barrier = Barrier::new(3).named("start");
    spawn("barrier", async move {
        let _ = barrier.wait().await;
    })
    .detach();
    let mut child = Command::new("cat").stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    spawn("process", async move {
        let _stdin = child.stdin.take();
        let _ = child.wait().await;
    })
    .detach();
    let mut signals = signal::unix(Kind::USER_2).unwrap();
    spawn("signal", async move { signals.recv().await }).detach();
    for _ in 0..3 {
        loopscope::yield_now().await;
    }
}

/// A job that runs until it is let go, and a task that waits for it.
pub(crate) async fn job() {
    let (release, released) = mpsc::channel();
    JOB.set(Some(release));
    let job = loopscope::blocking::Builder::new().name("hash").spawn(move || released.recv().is_ok());
    spawn("waiter", async move {
        let _ = job.await;
        sleep(HOUR).await;
    })
    .detach();
    loopscope::yield_now().await;
}

/// Lets the job go.
pub(crate) fn release_job() {
    JOB.take();
}

/// Two ends of a connection: one has written five bytes, the other has read them and waits for more.
async fn sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn("writer", async move {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        sleep(HOUR).await;
        drop(stream);
    })
    .detach();
    let (stream, _) = listener.accept().await.unwrap();
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    spawn("reader", async move {
        let _ = stream.read(&mut [0; 64]).await;
    })
    .detach();
}

/// A lock, its holder, and one who waits for it.
fn locks() {
    let lock = Rc::new(Mutex::new(()).named("db"));
    let (first, second) = (lock.clone(), lock);
    let release = held();
    spawn("holder", async move {
        let guard = first.lock().await;
        loopscope::select! {
            () = release => {}
            () = sleep(HOUR) => {}
        }
        drop(guard);
        sleep(HOUR).await;
    })
    .detach();
    spawn("locker", async move {
        drop(second.lock().await);
        sleep(HOUR).await;
    })
    .detach();
}

/// More than one message can hold.
pub(crate) async fn many() {
    for _ in 0..MANY {
        spawn("one of many", sleep(HOUR)).detach();
    }
    loopscope::yield_now().await;
}

/// More than a client is told of.
pub(crate) async fn too_many() {
    for _ in 0..TOO_MANY {
        spawn("one of too many", held()).detach();
    }
    loopscope::yield_now().await;
}
