//! An agent and a client in one process: what the program does is what the client sees.
#![cfg(all(feature = "agent", feature = "client"))]
#![allow(clippy::unwrap_used, reason = "test crate")]

use loopscope_inspector::Agent;
use loopscope_inspector::client::{Client, Found, TIMEOUT};
use loopscope_inspector::model::{TaskState, WaitKind};
use loopscope_inspector::wire::{Query, Request, Table, TreeQuery};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// An application with an agent: a loop on a thread of its own that runs until told to stop.
struct Application {
    name: String,
    agent: Option<Agent>,
    stop: Option<loopscope::Handle>,
    thread: Option<JoinHandle<()>>,
    directory: PathBuf,
}

impl Application {
    /// Runs `main` on the application's loop, and comes back when it has set up what is to be seen.
    fn start<F: Future<Output = ()>>(main: impl FnOnce() -> F + Send + 'static) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("app{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(format!("ls-e2e-{}-{name}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let agent = Agent::start_at(directory.join("s")).unwrap();
        let (ready, is_ready) = mpsc::channel();
        let loop_name = name.clone();
        let thread = std::thread::spawn(move || {
            let mut runner = loopscope::Runner::builder().name(&loop_name).build().unwrap();
            let handle = runner.handle();
            runner.block_on(async move {
                main().await;
                let (stop, stopped) = futures_channel::oneshot::channel::<()>();
                STOP.set(Some(stop));
                ready.send(handle).unwrap();
                let _ = stopped.await;
            });
        });
        let stop = is_ready.recv().unwrap();
        Self { name, agent: Some(agent), stop: Some(stop), thread: Some(thread), directory }
    }

    fn found(&self) -> Found {
        Found::at(self.agent.as_ref().unwrap().socket())
    }

    /// The tests of this file share a process, so each looks at its own loop only.
    async fn loop_id(&self, client: &mut Client) -> u64 {
        let query = Query::all().filter(format!("name={}", self.name));
        let request = Request { loops: Some(query), ..Request::default() };
        let loops = client.snapshot(&request).await.unwrap().snapshot.loops.unwrap();
        assert_eq!(loops.len(), 1);
        loops[0].id
    }
}

thread_local! {
    static STOP: std::cell::Cell<Option<futures_channel::oneshot::Sender<()>>> = const { std::cell::Cell::new(None) };
}

impl Drop for Application {
    fn drop(&mut self) {
        let stop = self.stop.take().unwrap();
        let _ = stop.post(|| drop(STOP.take()));
        let ended = self.thread.take().unwrap().join();
        self.agent.take().unwrap().stop();
        let _ = std::fs::remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// Runs a client against an application.
fn attach<F: Future>(application: &Application, main: impl FnOnce(Client) -> F) -> F::Output {
    let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
    runner.block_on(async {
        let client = Client::connect(&application.found(), TIMEOUT).await.unwrap();
        main(client).await
    })
}

async fn sleepers() {
    for number in 0..10_u64 {
        loopscope::task::Builder::new()
            .name(&format!("sleeper {number}"))
            .spawn(loopscope::sleep(Duration::from_secs(3600)))
            .detach();
    }
    loopscope::yield_now().await;
    loopscope::yield_now().await;
}

#[test]
fn a_client_is_greeted() {
    let application = Application::start(sleepers);
    attach(&application, async |client| {
        let process = client.process();
        assert_eq!(process.pid, std::process::id());
        assert_eq!(process.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        let rights = process.rights.unwrap();
        assert!(rights.see && !rights.diagnose && !rights.control);
        assert!(process.tasks.unwrap() >= 11);
        assert!(client.start_ticks().unwrap() > 0);
    });
}

#[test]
fn what_is_seen_is_what_was_spawned() {
    let application = Application::start(sleepers);
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let query = Query::all().filter(format!("loop={id} name~^sleeper")).sort("-name").limit(3);
        let request = Request { tasks: Some(query), ..Request::default() };
        let picture = client.snapshot(&request).await.unwrap();
        let info = picture.info(Table::Tasks).unwrap();
        assert_eq!((info.total, info.shown, info.dropped), (10, 3, 0));
        let tasks = picture.snapshot.tasks.unwrap();
        let names: Vec<_> = tasks.iter().map(|task| task.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["sleeper 9", "sleeper 8", "sleeper 7"]);
        let task = &tasks[0];
        assert_eq!((task.state, task.polls, task.loop_id), (TaskState::Idle, 1, Some(id)));
        assert_eq!(task.waiting_on[0].kind, WaitKind::Sleep);
        assert!(task.waiting_on[0].deadline_in_ns.unwrap() > 3_000_000_000_000);
        assert!(task.site.as_ref().unwrap().file.ends_with("inspect.rs"));
    });
}

#[test]
fn the_tree_has_the_main_task_at_its_root() {
    let application = Application::start(sleepers);
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let query = Query::all().filter(format!("loop={id}"));
        let request =
            Request { tree: Some(TreeQuery { query, ..TreeQuery::default() }), ..Request::default() };
        let picture = client.snapshot(&request).await.unwrap();
        let tree = picture.snapshot.tree.unwrap();
        assert_eq!(tree.len(), 11);
        assert_eq!(tree[0].task.name.as_deref(), Some("main"));
        assert_eq!((tree[0].depth, tree[0].children, tree[0].descendants), (0, 10, 10));
        assert!(tree[1..].iter().all(|node| node.depth == 1 && node.task.parent == Some(tree[0].task.id)));
    });
}
