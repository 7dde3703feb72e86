//! What clients may do beyond looking, by an agent and clients in one process.
#![cfg(all(feature = "agent", feature = "client", feature = "stacks"))]
#![allow(clippy::unwrap_used, reason = "test crate")]

use loopscope::debug::Mode;
use loopscope_inspector::Agent;
use loopscope_inspector::client::{Client, Found, Kind, Right};
use loopscope_inspector::model::{CancelOutcome, DebugMode, Reached};
use loopscope_inspector::wire::{LogsRequest, Request, SetDebug};
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For answers that do come, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The loops of all tests are in one process, and debug mode is switched in all of them.
static ALONE: Mutex<()> = Mutex::new(());

struct Stage {
    agent: Option<Agent>,
    directory: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    fn new(name: &str, diagnose: bool, control: bool) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = std::env::temp_dir().join(format!("ls-diagnose-{}-{name}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let agent =
            Agent::builder().diagnose(diagnose).control(control).start_at(directory.join("s")).unwrap();
        Self { agent: Some(agent), directory, _alone: alone }
    }

    async fn connect(&self) -> Client {
        Client::connect(&Found::at(self.agent.as_ref().unwrap().socket()), PATIENCE).await.unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The application's loop is the client's too: the agent has a thread of its own.
fn run<F: Future>(main: F) -> F::Output {
    loopscope::Runner::builder().debug_mode(Mode::Off).build().unwrap().block_on(main).unwrap()
}

fn mode() -> Mode {
    loopscope::Handle::current().debug()
}

async fn until(mut what: impl FnMut() -> bool) {
    while !what() {
        loopscope::sleep(Duration::from_millis(5)).await;
    }
}

const ON: SetDebug = SetDebug { mode: DebugMode::On, slow_callback: None, lasts: None };

#[test]
fn debug_mode_lasts_as_long_as_the_client_that_switched_it() {
    let stage = Stage::new("lasts", true, false);
    run(async {
        let mut client = stage.connect().await;
        let wish = SetDebug { slow_callback: Some(Duration::from_millis(20)), ..ON };
        let done = client.set_debug(wish).await.unwrap();
        assert_eq!((done.mode, done.slow_callback_ns), (DebugMode::On, Some(20_000_000)));
        assert!(done.undone_at_leave && done.loops >= 1);
        until(|| mode() == Mode::On).await;
        let mut other = stage.connect().await;
        let refused = other.set_debug(ON).await.unwrap_err();
        let Kind::Busy { detail } = refused.kind() else { panic!("{refused:?}") };
        assert!(detail.starts_with("debug mode is switched by process "), "{detail}");
        drop(client);
        until(|| mode() == Mode::Off).await;
        assert_eq!(loopscope::Handle::current().slow_callback(), Duration::from_millis(100));
    });
}

#[test]
fn debug_mode_for_a_time_stays_when_the_client_leaves_and_off_ends_it() {
    let stage = Stage::new("for", true, false);
    run(async {
        let mut client = stage.connect().await;
        let hour = Some(Duration::from_secs(3600));
        assert!(!client.set_debug(SetDebug { lasts: hour, ..ON }).await.unwrap().undone_at_leave);
        drop(client);
        let mut other = stage.connect().await;
        let process = other.process();
        assert_eq!(process.debug_mode, Some(DebugMode::On));
        assert!(process.debug_left_ns.is_some_and(|left| left > 0 && left <= 3_600_000_000_000));
        let off = SetDebug { mode: DebugMode::Off, ..ON };
        let done = other.set_debug(off).await.unwrap();
        assert_eq!((done.mode, done.undone_at_leave), (DebugMode::Off, false));
        assert_eq!(mode(), Mode::Off);
    });
}

#[test]
fn loops_that_are_made_later_are_switched_too() {
    let stage = Stage::new("later", true, false);
    run(async {
        let mut client = stage.connect().await;
        client.set_debug(ON).await.unwrap();
        let later = std::thread::spawn(|| run(async { until(|| mode() == Mode::On).await }));
        until(|| later.is_finished()).await;
        later.join().unwrap();
    });
}

#[test]
fn a_task_is_cancelled_by_whom_the_application_lets() {
    let stage = Stage::new("cancel", true, true);
    run(async {
        let mut client = stage.connect().await;
        let task = loopscope::spawn(pending::<()>());
        let id = task.id().as_u64();
        let cancelled = client.cancel(&[id, u64::MAX]).await.unwrap();
        let outcomes: Vec<CancelOutcome> = cancelled.iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [CancelOutcome::Asked, CancelOutcome::Gone]);
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn the_agents_own_tasks_cannot_be_cancelled() {
    let stage = Stage::new("own", true, true);
    run(async {
        let mut client = stage.connect().await;
        let request = loopscope_inspector::wire::Request {
            tasks: Some(loopscope_inspector::wire::Query::all().filter("name~^client")),
            hidden: true,
            ..Default::default()
        };
        let tasks = client.snapshot(&request).await.unwrap().snapshot.tasks.unwrap();
        let own = tasks[0].id;
        let cancelled = client.cancel(&[own]).await.unwrap();
        assert_eq!(cancelled[0].outcome, CancelOutcome::Refused);
        client.snapshot(&request).await.unwrap();
    });
}

#[test]
fn without_the_right_each_is_refused_and_looking_goes_on() {
    let stage = Stage::new("refused", false, false);
    run(async {
        let mut client = stage.connect().await;
        let rights = client.process().rights.unwrap();
        assert_eq!((rights.see, rights.diagnose, rights.control), (true, false, false));
        let missing = |error: loopscope_inspector::client::Error| match error.kind() {
            Kind::Refused { right, .. } => (*right, error.exit_code()),
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(client.set_debug(ON).await.unwrap_err()), (Right::Diagnose, 4));
        assert_eq!(missing(client.dump(&[]).await.unwrap_err()), (Right::Diagnose, 4));
        assert_eq!(missing(client.stack(&[]).await.unwrap_err()), (Right::Diagnose, 4));
        assert_eq!(missing(client.cancel(&[1]).await.unwrap_err()), (Right::Control, 4));
        assert_eq!(mode(), Mode::Off);
        client.snapshot(&Request::default()).await.unwrap();
    });
}

#[test]
fn an_application_without_the_layer_has_no_log() {
    let stage = Stage::new("log", true, false);
    run(async {
        let mut client = stage.connect().await;
        let error = client.logs(LogsRequest::default()).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Lacking { .. }), "{error:?}");
    });
}

#[test]
fn a_dump_goes_from_the_root_to_the_leaf() {
    async fn outer() {
        inner().await;
    }
    async fn inner() {
        loopscope::sleep(Duration::from_secs(3600)).await;
    }
    let stage = Stage::new("dump", true, false);
    run(async {
        let mut client = stage.connect().await;
        let task = loopscope::spawn(outer());
        loopscope::yield_now().await;
        let dump = client.dump(&[task.id().as_u64()]).await.unwrap();
        assert_eq!((dump.stacks.len(), dump.total, &dump.silent_loops[..]), (1, 1, &[][..]));
        let branch = dump.stacks[0].root().unwrap();
        assert_eq!(branch.reached, Reached::Leaf);
        let functions: Vec<&str> = branch.frames.iter().map(|frame| frame.function.as_str()).collect();
        let [first, second, leaf] = functions[..] else { panic!("{functions:?}") };
        assert!(first.ends_with("outer") && second.ends_with("inner"), "{functions:?}");
        assert_eq!(leaf, "loopscope::sleep");
        task.cancel().await;
    });
}

#[test]
fn the_stack_of_a_loop_that_is_stuck_has_the_function_that_holds_it() {
    #[inline(never)]
    fn stuck(until: &std::sync::mpsc::Receiver<()>) {
        let _ = until.recv();
    }
    let stage = Stage::new("stack", true, false);
    let (free, is_freed) = std::sync::mpsc::channel();
    let (told, begins) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        run(async move {
            told.send(()).unwrap();
            stuck(&is_freed);
        });
    });
    begins.recv().unwrap();
    run(async {
        let mut client = stage.connect().await;
        let held = |stacks: &[loopscope_inspector::model::NativeStack]| {
            stacks.iter().any(|stack| stack.frames.iter().any(|frame| frame.function.ends_with("stuck")))
        };
        // It may not have come there yet.
        while !held(&client.stack(&[]).await.unwrap()) {}
    });
    free.send(()).unwrap();
    thread.join().unwrap();
}
