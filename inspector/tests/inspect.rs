//! An agent and a client in one process: what the program does is what the client sees.
#![cfg(all(feature = "agent", feature = "client"))]
#![allow(clippy::unwrap_used, reason = "test crate")]

use loopscope_inspector::Agent;
use loopscope_inspector::client::{Client, Found, Kind};
use loopscope_inspector::model::why::{self, SeenTasks};
use loopscope_inspector::model::{HistogramKind, Names, Task, TaskState, WaitGraph, WaitKind};
use loopscope_inspector::wire::{HistogramsRequest, Picture, Query, Request, Table, TreeQuery};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// For answers that do come, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

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
            let run = async move {
                main().await;
                let (stop, stopped) = futures_channel::oneshot::channel::<()>();
                STOP.set(Some(stop));
                ready.send(handle).unwrap();
                let _ = stopped.await;
            };
            runner.block_on(run).unwrap();
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
        if let Some(agent) = self.agent.take() {
            agent.stop();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// Runs a client against an application.
fn attach<F: Future>(application: &Application, main: impl FnOnce(Client) -> F) -> F::Output {
    let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
    runner
        .block_on(async {
            let client = Client::connect(&application.found(), PATIENCE).await.unwrap();
            main(client).await
        })
        .unwrap()
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
        assert!(rights.see && rights.diagnose && !rights.control);
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

#[test]
fn a_page_can_be_asked_for_by_number_and_by_the_task_on_it() {
    let application = Application::start(sleepers);
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let page = Query::all().filter(format!("loop={id} name~^sleeper")).sort("-name").limit(4);
        let request = Request { tasks: Some(page.clone().offset(4)), ..Request::default() };
        let picture = client.snapshot(&request).await.unwrap();
        let names = |picture: &Picture| -> Vec<String> {
            let tasks = picture.snapshot.tasks.as_ref().unwrap();
            tasks.iter().map(|task| task.name.clone().unwrap()).collect()
        };
        assert_eq!(names(&picture), ["sleeper 5", "sleeper 4", "sleeper 3", "sleeper 2"]);
        let wanted = picture.snapshot.tasks.as_ref().unwrap()[2].id;
        let request = Request { tasks: Some(page.around(wanted)), ..Request::default() };
        let again = client.snapshot(&request).await.unwrap();
        assert_eq!(names(&again), names(&picture));
        assert_eq!(again.info(Table::Tasks).unwrap().offset, 4);
    });
}

#[test]
fn a_filter_can_look_at_waits_and_at_who_is_blocked() {
    let application = Application::start(async || {
        sleepers().await;
        let target = loopscope::task::Builder::new().name("target").spawn(std::future::pending::<()>());
        loopscope::task::Builder::new().name("waiter").spawn(target).detach();
        loopscope::yield_now().await;
        loopscope::yield_now().await;
    });
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let mut named = async |filter: &str| -> Vec<String> {
            let query = Query::all().filter(format!("loop={id} {filter}"));
            let picture =
                client.snapshot(&Request { tasks: Some(query), ..Request::default() }).await.unwrap();
            picture.snapshot.tasks.unwrap().into_iter().filter_map(|task| task.name).collect()
        };
        assert_eq!(named("waiting_on=join").await, ["waiter"]);
        assert_eq!(named("blocks>0").await, ["target"]);
        assert_eq!(named("waiting_on~foreign name!=main").await, ["target"]);
        assert_eq!(named("waiting_on=sleep").await.len(), 10);
    });
}

#[test]
fn why_a_task_waits_is_followed_to_its_root() {
    let application = Application::start(async || {
        let root =
            loopscope::task::Builder::new().name("root").spawn(loopscope::sleep(Duration::from_secs(3600)));
        let middle = loopscope::task::Builder::new().name("middle").spawn(root);
        loopscope::task::Builder::new().name("first").spawn(middle).detach();
        for _ in 0..3 {
            loopscope::yield_now().await;
        }
    });
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let query = Query::all().filter(format!("loop={id} name=first"));
        let request = Request { tasks: Some(query), ..Request::default() };
        let first = client.snapshot(&request).await.unwrap().snapshot.tasks.unwrap()[0].id;

        let picture = client.snapshot(&Request { why: Some(first), ..Request::default() }).await.unwrap();
        let names: Vec<_> = picture.chain.iter().map(|task| task.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["first", "middle", "root"]);
        let blocks: Vec<_> = picture.chain.iter().map(|task| task.blocks).collect();
        assert_eq!(blocks, [Some(0), Some(1), Some(2)]);
        let wait = &picture.chain[0].waiting_on[0];
        assert_eq!((wait.task, wait.task_name.as_deref()), (Some(picture.chain[1].id), Some("middle")));

        let graph = WaitGraph::of_tasks(&picture.chain, &[]);
        let chain = why::chain(&SeenTasks::new(&picture.chain, &graph), first).unwrap();
        assert_eq!(chain.steps.len(), 3);

        let nobody = client.snapshot(&Request { why: Some(u64::MAX), ..Request::default() }).await.unwrap();
        assert!(nobody.chain.is_empty());
    });
}

#[test]
fn a_task_is_shown_with_all_around_it() {
    let application = Application::start(async || {
        let parent = loopscope::task::Builder::new().name("parent").spawn(async {
            let child = loopscope::task::Builder::new().name("child").spawn(std::future::pending::<()>());
            let _ = child.await;
        });
        loopscope::task::Builder::new().name("watcher").spawn(parent).detach();
        for _ in 0..3 {
            loopscope::yield_now().await;
        }
    });
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let query = Query::all().filter(format!("loop={id} name=parent"));
        let request = Request { tasks: Some(query), ..Request::default() };
        let parent = client.snapshot(&request).await.unwrap().snapshot.tasks.unwrap()[0].id;
        let picture = client.snapshot(&Request { detail: Some(parent), ..Request::default() }).await.unwrap();
        let detail = picture.detail.unwrap();
        let names =
            |tasks: &[Task]| -> Vec<String> { tasks.iter().filter_map(|task| task.name.clone()).collect() };
        assert_eq!(detail.task.name.as_deref(), Some("parent"));
        assert_eq!(names(&detail.ancestors), ["main"]);
        assert_eq!(names(&detail.children), ["child"]);
        assert_eq!(names(&detail.waiters), ["watcher"]);
        assert_eq!(detail.waits[0].kind, WaitKind::Join);
        assert_eq!(detail.site.unwrap().spawned, 1);
        assert_eq!(detail.poll.unwrap().count(), detail.task.polls);
    });
}

#[test]
fn tasks_that_wait_for_each_other_are_a_deadlock() {
    let application = Application::start(async || {
        let locks = Rc::new((loopscope::sync::Mutex::new(()), loopscope::sync::Mutex::new(())));
        for (name, swapped) in [("left", false), ("right", true)] {
            let locks = locks.clone();
            let task = async move {
                let (one, other) = if swapped { (&locks.1, &locks.0) } else { (&locks.0, &locks.1) };
                let _one = one.lock().await;
                loopscope::yield_now().await;
                let _other = other.lock().await;
            };
            loopscope::task::Builder::new().name(name).spawn(task).detach();
        }
        for _ in 0..4 {
            loopscope::yield_now().await;
        }
    });
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let mut request = Request {
            cycles: true,
            warnings: Some(Query::all()),
            sync: Some(Query::all()),
            ..Request::default()
        };
        request.tasks = Some(Query::all().filter(format!("loop={id} waiting_on=lock")).sort("name"));
        let picture = client.snapshot(&request).await.unwrap();
        let tasks = picture.snapshot.tasks.unwrap();
        assert_eq!(tasks.len(), 2);
        let ids: Vec<u64> = tasks.iter().map(|task| task.id).collect();
        let cycles = picture.snapshot.cycles.unwrap();
        let cycle = cycles.iter().find(|cycle| cycle.tasks == ids).unwrap();
        assert!(cycle.deadlock);
        assert!(tasks.iter().all(|task| task.warnings == ["deadlock"]));
        assert_eq!(tasks[0].waiting_on[0].task, Some(ids[1]));
        let warnings = picture.snapshot.warnings.unwrap();
        assert!(warnings.iter().any(|warning| warning.name == "deadlock" && warning.task == Some(ids[0])));
        let locks = picture.snapshot.sync.unwrap();
        assert!(locks.iter().any(|lock| lock.holder == Some(ids[0]) && lock.waiters == [ids[1]]));
    });
}

#[test]
fn a_loop_that_is_stuck_says_by_what() {
    static GO_ON: AtomicBool = AtomicBool::new(false);
    let application = Application::start(async || {
        let spinner = async {
            while !GO_ON.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        loopscope::task::Builder::new().name("spinner").spawn(spinner).detach();
    });
    attach(&application, async |mut client| {
        let query = Query::all().filter(format!("name={}", application.name));
        let request = Request {
            loops: Some(query),
            warnings: Some(Query::all().filter("name=blocked")),
            slow_poll_ns: Some(1),
            ..Request::default()
        };
        // Its first poll begins soon, and does not end before it is told to.
        let (running, warnings) = loop {
            let snapshot = client.snapshot(&request).await.unwrap().snapshot;
            let running = snapshot.loops.unwrap().remove(0).running;
            if let Some(running) = running.filter(|running| running.name.as_deref() == Some("spinner")) {
                break (running, snapshot.warnings.unwrap());
            }
        };
        assert!(running.site.unwrap().file.ends_with("inspect.rs"));
        assert!(warnings.iter().any(|warning| warning.task == running.task));
        GO_ON.store(true, Ordering::Relaxed);
    });
}

#[test]
fn pictures_come_by_themselves() {
    let application = Application::start(sleepers);
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let query = Query::all().filter(format!("loop={id}")).limit(2);
        let request = Request { tasks: Some(query), states: true, ..Request::default() };
        let mut watch = client.watch(&request, Duration::ZERO).await.unwrap();
        let mut taken_at = None;
        for _ in 0..3 {
            let picture = watch.next().await.unwrap();
            assert_eq!(picture.snapshot.total, 11);
            assert!(picture.states.unwrap().idle >= 11);
            assert!(taken_at.replace(picture.snapshot.taken_at) < Some(picture.snapshot.taken_at));
        }
        drop(watch);
        // The client goes on when a watch is given up.
        client.snapshot(&request).await.unwrap();
    });
}

#[test]
fn a_process_that_stops_its_agent_closes_the_connection() {
    let mut application = Application::start(sleepers);
    let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
    let mut client = runner.block_on(Client::connect(&application.found(), PATIENCE)).unwrap().unwrap();
    application.agent.take().unwrap().stop();
    let error = runner.block_on(client.snapshot(&Request::default())).unwrap().unwrap_err();
    assert!(matches!(error.kind(), Kind::Closed { .. }), "{error:?}");
}

#[test]
fn a_name_arrives_as_it_is_but_not_longer_than_it_may_be() {
    let application = Application::start(async || {
        let long = "y".repeat(1 << 20);
        for name in ["\x1b[2J", &long] {
            loopscope::task::Builder::new().name(name).spawn(std::future::pending::<()>()).detach();
        }
        loopscope::yield_now().await;
        loopscope::yield_now().await;
    });
    attach(&application, async |mut client| {
        let id = application.loop_id(&mut client).await;
        let query = Query::all().filter(format!("loop={id} name!=main"));
        let picture = client.snapshot(&Request { tasks: Some(query), ..Request::default() }).await.unwrap();
        let tasks = picture.snapshot.tasks.unwrap();
        assert_eq!(tasks[0].name.as_deref(), Some("\x1b[2J"));
        let long = tasks[1].name.as_deref().unwrap();
        assert!(long.len() <= 256 && long.starts_with("yyyy"));
    });
}

/// Seven tasks that are polled four times each, and are over.
async fn yielders() {
    let tasks: Vec<_> = (0..7)
        .map(|_| {
            loopscope::spawn(async {
                for _ in 0..3 {
                    loopscope::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    loopscope::sleep(Duration::from_millis(1)).await;
}

#[test]
fn histograms_have_every_poll_and_the_exact_sum() {
    let application = Application::start(yielders);
    attach(&application, async |mut client| {
        let own = application.loop_id(&mut client).await;
        let of_loop = HistogramsRequest { loop_id: Some(own), ..HistogramsRequest::default() };
        let all = client.histograms(&of_loop).await.unwrap();
        assert_eq!((all.lost, all.left_out), (0, 0));
        assert!(all.since.unwrap() < all.taken_at);
        assert_eq!(all.process.pid, std::process::id());
        let query = Query::all().filter(format!("loop={own} spawned=7"));
        let sites = client.snapshot(&Request { sites: Some(query), ..Request::default() }).await.unwrap();
        let site = sites.snapshot.sites.unwrap().remove(0);
        let of = |kind, place: bool| {
            let is_it = |row: &&loopscope_inspector::model::Histogram| {
                row.key.kind == kind && row.key.site == place.then(|| site.site.clone())
            };
            all.rows.iter().find(is_it).unwrap()
        };
        let poll = of(HistogramKind::Poll, true);
        assert_eq!((poll.hist.count(), poll.sum_ns), (28, Some(site.busy_ns)));
        let bounds = |row: &loopscope_inspector::model::Histogram| {
            let sum = |each: fn(&loopscope_inspector::model::Bucket) -> u64| {
                row.hist.buckets().iter().map(|bucket| each(bucket) * bucket.count).sum::<u64>()
            };
            sum(|bucket| bucket.low_ns)..=sum(|bucket| bucket.high_ns)
        };
        assert!(bounds(poll).contains(&site.busy_ns), "{poll:?}");
        let scheduled = of(HistogramKind::Scheduled, true);
        assert_eq!((scheduled.hist.count(), scheduled.sum_ns), (28, None));
        // What is said of the loop is what is said of its places, and the OS was asked at least once.
        let polls: u64 = all
            .rows
            .iter()
            .filter(|row| row.key.kind == HistogramKind::Poll)
            .map(|row| row.hist.count())
            .sum();
        assert_eq!(of(HistogramKind::Poll, false).hist.count() * 2, polls);
        assert_eq!(of(HistogramKind::Lateness, false).hist.count(), 1);
        let io_wait = of(HistogramKind::IoWait, false);
        assert!(bounds(io_wait).contains(&io_wait.sum_ns.unwrap()), "{io_wait:?}");
        let names: Vec<String> = Names::default().name(&all.rows).into_iter().map(|(name, _)| name).collect();
        assert!(
            names.contains(&format!("poll.loop{own}"))
                && names.contains(&format!("poll.{}:{}", site.site.file, site.site.line)),
            "{names:?}"
        );
    });
}

#[test]
fn only_the_histograms_that_are_asked_for_come() {
    let application = Application::start(yielders);
    attach(&application, async |mut client| {
        let own = application.loop_id(&mut client).await;
        let of_loop = HistogramsRequest { loop_id: Some(own), ..HistogramsRequest::default() };
        let all = client.histograms(&of_loop).await.unwrap();
        let place = all.rows.iter().find_map(|row| row.key.site.clone()).unwrap();
        let site = HistogramsRequest {
            site: Some(place.clone()),
            kinds: vec![HistogramKind::Scheduled],
            ..of_loop.clone()
        };
        let site = client.histograms(&site).await.unwrap();
        let keys: Vec<_> = site.rows.iter().map(|row| (row.key.kind, row.key.site.as_ref())).collect();
        assert_eq!(keys, [(HistogramKind::Scheduled, Some(&place))]);
        let whole = HistogramsRequest { whole: true, ..of_loop.clone() };
        let whole = loop {
            let all = client.histograms(&of_loop).await.unwrap();
            let expected: Vec<_> = all.rows.iter().filter(|row| row.key.site.is_none()).cloned().collect();
            let whole = client.histograms(&whole).await.unwrap();
            // The application may still be on its way to sleep; then nothing happens in it any more.
            if whole.rows == expected {
                break whole;
            }
        };
        assert_eq!(
            client
                .histograms(&of_loop)
                .await
                .unwrap()
                .since(&whole)
                .rows
                .iter()
                .filter(|row| row.key.site.is_none())
                .count(),
            0
        );
    });
}

#[test]
fn the_jobs_of_a_pool_are_in_its_histograms() {
    let application = Application::start(async || {
        for _ in 0..5 {
            loopscope::spawn_blocking(|| {}).await.unwrap();
        }
    });
    attach(&application, async |mut client| {
        let kinds = vec![HistogramKind::Waited, HistogramKind::Ran];
        let request = HistogramsRequest { kinds, whole: true, ..HistogramsRequest::default() };
        loop {
            let pools = client.histograms(&request).await.unwrap();
            let rows = Names::default().name(&pools.rows);
            let of_blocking = rows.iter().filter(|(name, _)| name.ends_with(".blocking"));
            let (names, counts): (Vec<&str>, Vec<u64>) =
                of_blocking.map(|(name, row)| (name.as_str(), row.hist.count())).unzip();
            // The last one is counted a moment after its end is known; other tests of this process may have jobs too.
            if counts.len() == 2 && counts.iter().all(|&count| count >= 5) {
                assert_eq!(names, ["waited.blocking", "ran.blocking"]);
                break;
            }
        }
    });
}
