//! The watchdog: a loop that is blocked is told of while it is, with what blocks it.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![allow(clippy::disallowed_methods, reason = "loops are blocked on purpose")]
#![cfg(feature = "stacks")]

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use loopscope::debug::{self, Lint, Warning};
use loopscope::{Handle, Runner, spawn, yield_now};

const THRESHOLD: Duration = Duration::from_millis(50);

/// How long a state is waited for, on a machine however slow.
const LONG: Duration = Duration::from_secs(600);
/// Of the call in `blocks`.
const LINE: u32 = 54;

/// The watchdog and the ledger are the process's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

type Heard = Arc<Mutex<Vec<Warning>>>;

/// A loop that blocks until the watchdog has told of it, once for each that `blocks` lets go by: whatever is not told of while it
/// lasts, lasts for ever.
fn listening(debug: bool) -> (Runner, Heard, Receiver<()>) {
    let heard = Heard::default();
    let hook = heard.clone();
    let (tell, told): (Sender<()>, _) = mpsc::channel();
    let tell = Mutex::new(tell);
    let runner = Runner::builder()
        .debug(debug)
        .slow_callback(THRESHOLD)
        .on_warning(move |warning, _| {
            if warning.lint == Lint::Blocked {
                hook.lock().unwrap().push(warning.clone());
                let _ = tell.lock().unwrap().send(());
            }
        })
        .build()
        .unwrap();
    (runner, heard, told)
}

#[inline(never)]
fn blocks(until: &Receiver<()>) {
    until.recv().unwrap();
}

/// The line of the call in `blocks`.
#[track_caller]
fn line_in_blocks(warning: &Warning) -> u32 {
    let frame = warning.stack.iter().find(|frame| frame.function.ends_with("::blocks"));
    frame.and_then(|frame| frame.at.as_ref()).unwrap_or_else(|| panic!("{warning}")).line
}

#[test]
fn a_poll_that_blocks_is_told_of_while_it_does_with_its_stack_its_task_and_its_spawn_site() {
    let _alone = alone();
    let (mut runner, heard, told) = listening(true);
    let line = line!() + 3;
    runner
        .block_on(async move {
            let task = loopscope::task::Builder::new().name("stuck").spawn(async move { blocks(&told) });
            task.await.unwrap();
        })
        .unwrap();
    let heard = heard.lock().unwrap();
    let warning = &heard[0];
    eprintln!("{warning}");
    assert_eq!(line_in_blocks(warning), LINE);
    assert_eq!(warning.task_name.as_deref(), Some("stuck"));
    assert_eq!(warning.at.as_ref().map(|place| place.line), Some(line));
    assert!(warning.duration.unwrap() >= THRESHOLD);
    let id = warning.task.unwrap();
    assert!(warning.message.starts_with(&format!("{id} stuck has blocked its loop for ")), "{warning}");
    assert!(
        warning.message.contains(", in system call futex, waiting for a lock or another thread"),
        "{warning}"
    );
    assert!(
        warning.message.ends_with(&format!(", spawned at runtime/tests/watchdog.rs:{line}")),
        "{warning}"
    );
    // No frame of the loop's own: they are the same in every stack.
    assert!(!warning.stack.iter().any(|frame| frame.function.contains("run_until")), "{warning}");
}

#[test]
fn a_stall_is_told_of_again_when_it_has_doubled_and_when_it_is_over_the_entry_says_how_long_it_was() {
    let _alone = alone();
    debug::forget_all();
    let (mut runner, heard, told) = listening(true);
    runner
        .block_on(async move {
            blocks(&told);
            blocks(&told);
            yield_now().await;
        })
        .unwrap();
    let loop_id = runner.handle().reader().id();
    drop(runner);
    {
        let heard = heard.lock().unwrap();
        assert!(heard.len() >= 2, "{heard:?}");
        let lasted: Vec<_> = heard.iter().map(|warning| warning.duration.unwrap()).collect();
        assert!(lasted[1] >= lasted[0] * 2, "{lasted:?}");
    }
    let entry = loop {
        let found = debug::entries()
            .into_iter()
            .find(|entry| entry.warning.lint == Lint::Blocked && entry.warning.loop_id == Some(loop_id));
        let entry = found.unwrap();
        if entry.warning.message.contains("which is over") {
            break entry;
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(entry.count, 1);
    assert!(entry.warning.message.contains(" had blocked its loop for "), "{}", entry.warning);
    assert_eq!(line_in_blocks(&entry.warning), LINE);
}

#[test]
fn a_closure_that_another_thread_posted_is_told_of_as_what_is_no_tasks() {
    let _alone = alone();
    let (mut runner, heard, told) = listening(true);
    runner
        .block_on(async move {
            Handle::current().post(move || blocks(&told)).unwrap();
            while heard.lock().unwrap().is_empty() {
                yield_now().await;
            }
            let heard = heard.lock().unwrap();
            assert_eq!((heard[0].task, line_in_blocks(&heard[0])), (None, LINE));
            let what =
                "what the loop runs between two polls (a posted closure, a hook or a destructor) has blocked";
            assert!(heard[0].message.starts_with(what), "{}", heard[0]);
        })
        .unwrap();
}

struct BlocksInDrop(Receiver<()>);

impl Drop for BlocksInDrop {
    fn drop(&mut self) {
        blocks(&self.0);
    }
}

#[test]
fn a_destructor_of_a_cancelled_task_is_told_of_as_that_tasks() {
    let _alone = alone();
    let (mut runner, heard, told) = listening(true);
    runner
        .block_on(async move {
            let guard = BlocksInDrop(told);
            let task = spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            yield_now().await;
            let id = task.id();
            task.cancel().await;
            let heard = heard.lock().unwrap();
            assert_eq!((heard[0].task, line_in_blocks(&heard[0])), (Some(id), LINE));
        })
        .unwrap();
}

#[test]
fn out_of_debug_mode_a_loop_is_watched_while_somebody_asks_for_it() {
    let _alone = alone();
    let (mut runner, heard, told) = listening(false);
    let watch = debug::watch();
    runner.block_on(async move { blocks(&told) }).unwrap();
    drop(watch);
    assert_eq!(line_in_blocks(&heard.lock().unwrap()[0]), LINE);
}

#[test]
fn a_loop_that_waits_and_one_that_nobody_runs_are_not_blocked_and_without_debug_mode_there_is_no_thread() {
    let _alone = alone();
    let (mut runner, heard, _told) = listening(true);
    runner.block_on(async { loopscope::sleep(THRESHOLD * 4).await }).unwrap();
    thread::sleep(THRESHOLD * 4);
    let waited = Instant::now();
    assert!(watchdog_runs());
    drop(runner);
    while watchdog_runs() {
        assert!(waited.elapsed() < LONG);
        thread::sleep(Duration::from_millis(5));
    }
    // On a machine that gives the loop no processor it is blocked indeed, but by nobody's task.
    let heard = heard.lock().unwrap();
    assert!(heard.iter().all(|warning| warning.message.contains("the machine is busy")), "{heard:?}");
    let (mut runner, ..) = listening(false);
    runner.block_on(yield_now()).unwrap();
    assert!(!watchdog_runs());
}

fn watchdog_runs() -> bool {
    std::fs::read_dir("/proc/self/task").unwrap().any(|task| {
        let name = std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default();
        name.trim() == "loopscope-watch"
    })
}
