//! The watchdog: a thread that sees a loop being blocked while it is, and says by what.
//!
//! ```text
//!   a loop enters debug mode, or somebody holds a [`Watch`] ──► the thread begins
//!
//!   each turn, for each loop:                         the same as in the turn before?
//!     parked, or not running at all ──► nothing          │ no  ──► remembered
//!     what runs, since when, turns of the loop ──────────┤
//!                                                        └ yes, for as long as the threshold ──► `blocked`, with the stack
//!                                                               again when it has lasted twice as long, and a word when it is over
//!
//!   nothing left to watch ──► the thread ends
//! ```
//!
//! It reads what anybody may read, so the loop pays nothing for it. What runs between two polls (a closure that another thread
//! posted, a hook, a destructor) has no record of when it began; that counts from when the watchdog saw it first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

use super::stack::{self, Activity, NativeStack, StackError, ThreadState};
use super::{Frame, Lint, Warning, sink};
use crate::event_loop::current;
use crate::runner::complain;
use crate::task::TaskId;
use crate::telemetry::atomic::{AcqRel, Acquire, OneWriter, Release};
use crate::telemetry::view::TaskKind;
use crate::telemetry::{LoopReader, clock, loops};

/// The longest time between two turns: what is blocked is seen that much later, and once more as much.
const TURN_MAX: Duration = Duration::from_millis(25);
/// The shortest, whatever the threshold.
const TURN_MIN: Duration = Duration::from_millis(2);
/// Of a threshold, how long a loop may do one thing before the OS is asked what its thread does, for the comparison later.
const SUSPICION: u64 = 2;

/// Whether the thread is there.
static RUNS: AtomicBool = AtomicBool::new(false);
/// Who wants all loops watched.
static WATCHERS: AtomicUsize = AtomicUsize::new(0);

/// As long as this is there, every loop of the application is watched, in debug mode or not.
#[derive(Debug)]
#[must_use = "the loops are watched as long as this is kept"]
pub struct Watch {
    /// Of the process that it was made in: it counts in no child.
    forks: u64,
}

/// Has every loop of the application watched for being blocked, until the value is dropped.
pub fn watch() -> Watch {
    let forks = current::forks();
    WATCHERS.fetch_add(1, AcqRel);
    begin();
    Watch { forks }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.forks == current::forks() {
            WATCHERS.fetch_sub(1, AcqRel);
        }
    }
}

/// Begins to watch, if there is something to watch and nobody does.
pub(crate) fn begin() {
    if RUNS.swap(true, AcqRel) {
        return;
    }
    let begun = thread::Builder::new().name("loopscope-watch".to_owned()).spawn(|| {
        stack::warm_up();
        let mut dog = Watchdog::default();
        while dog.has_work() {
            dog.turn();
        }
    });
    if let Err(error) = begun {
        RUNS.store(false, Release);
        complain(format_args!(
            "cannot start the watchdog: {error}; blocked loops are told of when it is over"
        ));
    }
}

/// In the child of a fork, which has no such thread.
pub(crate) fn forget_after_fork() {
    RUNS.store(false, Release);
    WATCHERS.store(0, Release);
}

/// What a loop does, as far as that can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Doing {
    /// The word of the task, 0 for the loop's own work.
    running: u64,
    since: u64,
    batches: u64,
    turns: u64,
}

impl Doing {
    /// What it does, unless it sleeps or nobody runs it.
    fn of(reader: &LoopReader) -> Option<Self> {
        let record = &reader.of().0.record;
        if record.parked_since.read() != 0 || record.entered.read() == 0 {
            return None;
        }
        let (running, since) = record.running().unwrap_or_default();
        Some(Self { running, since, batches: record.batches.read(), turns: record.driver_turns.read() })
    }
}

/// One loop, from turn to turn.
#[derive(Debug)]
struct Seen {
    doing: Doing,
    /// When it began, in nanoseconds of the OS's clock.
    began_ns: u64,
    /// What the thread did when it was suspected.
    suspect: Option<(u64, ThreadState)>,
    /// What was told of last.
    told: Option<Told>,
}

#[derive(Debug)]
struct Told {
    warning: Warning,
    what: String,
    again_at_ns: u64,
}

#[derive(Debug, Default)]
struct Watchdog {
    seen: HashMap<u64, Seen>,
}

impl Watchdog {
    /// Whether there is anything to watch; if not the thread must end, unless somebody begins to watch just now.
    fn has_work(&mut self) -> bool {
        if !watched().is_empty() {
            return true;
        }
        self.all_over(&[]);
        RUNS.store(false, Release);
        // Whoever came between the two found a thread, and started none.
        !watched().is_empty() && !RUNS.swap(true, AcqRel)
    }

    fn turn(&mut self) {
        let watched = watched();
        let mut pause = TURN_MAX;
        for (reader, slow_ns) in &watched {
            pause = pause.min(Duration::from_nanos(slow_ns / 4));
            self.look(reader, *slow_ns);
        }
        self.all_over(&watched);
        pause_for(pause.max(TURN_MIN));
    }

    /// What was blocked in loops that are not watched any more is over.
    fn all_over(&mut self, watched: &[(LoopReader, u64)]) {
        let is_watched = |id: u64| watched.iter().any(|(reader, _)| reader.id() == id);
        self.seen.retain(|id, seen| {
            let stays = is_watched(*id);
            if !stays && let Some(told) = seen.told.take() {
                told.over(seen.began_ns);
            }
            stays
        });
    }

    fn look(&mut self, reader: &LoopReader, slow_ns: u64) {
        let now_ns = clock::os_now_ns();
        let doing = Doing::of(reader);
        let same = self.seen.get_mut(&reader.id()).filter(|seen| Some(seen.doing) == doing);
        if let Some(seen) = same {
            return seen.go_on(reader, slow_ns, now_ns);
        }
        if let Some(Seen { told: Some(told), began_ns, .. }) = self.seen.remove(&reader.id()) {
            told.over(began_ns);
        }
        if let Some(doing) = doing {
            let began_ns =
                if doing.running == 0 { now_ns } else { clock::rate().at_ns(doing.since).min(now_ns) };
            self.seen.insert(reader.id(), Seen { doing, began_ns, suspect: None, told: None });
        }
    }
}

impl Seen {
    /// The loop does what it did a turn ago.
    fn go_on(&mut self, reader: &LoopReader, slow_ns: u64, now_ns: u64) {
        let lasted_ns = now_ns.saturating_sub(self.began_ns);
        if lasted_ns >= slow_ns / SUSPICION && self.suspect.is_none() {
            let tid = reader.of().0.record.info().tid;
            self.suspect = Some((now_ns, ThreadState::of(tid)));
        }
        let again_at_ns = self.told.as_ref().map_or(slow_ns, |told| told.again_at_ns);
        if lasted_ns < again_at_ns {
            return;
        }
        let taken = stack::native_stack(reader);
        if Doing::of(reader) != Some(self.doing) {
            return; // it ended meanwhile, and what was seen is of something else
        }
        let lasted_ns = clock::os_now_ns().saturating_sub(self.began_ns);
        let (what, mut warning) = describe(reader, self.doing.running);
        let lasted = Duration::from_nanos(lasted_ns);
        warning.duration = Some(lasted);
        let thread = match &taken {
            Ok(stack) => Some(&stack.thread),
            Err(error) => error.thread(),
        };
        let doing = thread.map(|thread| self.words(thread, now_ns)).unwrap_or_default();
        warning.message = format!("{what} has blocked its loop for {lasted:.1?}{doing}");
        if let Some(place) = &warning.at {
            warning.message = format!("{}, spawned at {}:{}", warning.message, place.file, place.line);
        }
        take_stack(&mut warning, taken);
        match self.told {
            None => sink::report(&warning),
            Some(_) => sink::goes_on(&warning),
        }
        self.told = Some(Told { warning, what, again_at_ns: lasted_ns.saturating_mul(2) });
    }

    /// What the thread does, and whether it had a processor for it.
    fn words(&self, thread: &ThreadState, now_ns: u64) -> String {
        let mut words = format!(", {}", thread.activity);
        let Some((at_ns, before)) = &self.suspect else { return words };
        let of = Duration::from_nanos(now_ns.saturating_sub(*at_ns));
        let spent = thread.cpu.zip(before.cpu).map(|(now, then)| now.saturating_sub(then));
        let waited =
            thread.waited_for_cpu.zip(before.waited_for_cpu).map(|(now, then)| now.saturating_sub(then));
        if let (Activity::Computing, Some(spent), Some(waited)) = (&thread.activity, spent, waited)
            && !of.is_zero()
            && waited > of / 2
        {
            words = format!(
                "{words}, but of the last {of:.1?} it had a processor for {spent:.1?} only: the machine is busy"
            );
        }
        words
    }
}

impl Told {
    /// The loop goes on.
    fn over(mut self, began_ns: u64) {
        let lasted = Duration::from_nanos(clock::os_now_ns().saturating_sub(began_ns));
        self.warning.duration = Some(lasted);
        self.warning.message = format!("{} had blocked its loop for {lasted:.1?}, which is over", self.what);
        if let Some(place) = &self.warning.at {
            self.warning.message =
                format!("{}, spawned at {}:{}", self.warning.message, place.file, place.line);
        }
        sink::is_over(&self.warning);
    }
}

/// The loops to be watched, and from when on each is blocked, in nanoseconds.
fn watched() -> Vec<(LoopReader, u64)> {
    let all = WATCHERS.load(Acquire) > 0;
    let wanted = loops().into_iter().filter_map(|reader| {
        let (lp, _) = reader.of();
        let is_on = lp.debug_mode().is_on() || (all && !lp.is_hidden());
        is_on.then(|| (reader, lp.record.slow_ns.read()))
    });
    wanted.collect()
}

/// Who has blocked the loop, in words, and a warning of it.
fn describe(reader: &LoopReader, running: u64) -> (String, Warning) {
    let mut warning = Warning { loop_id: Some(reader.id()), ..Warning::new(Lint::Blocked, "") };
    let Some(task) = reader.id_of(running).and_then(|id| reader.task(id)) else {
        let what = "what the loop runs between two polls (a posted closure, a hook or a destructor)";
        return (what.to_owned(), warning);
    };
    let id = TaskId::from_raw(task.id);
    warning.task = Some(id);
    warning.task_name = task.name.and_then(|name| reader.name(name));
    warning.at = reader.site(task.site).and_then(|site| reader.place(site.place));
    let what = match (task.kind, &warning.task_name) {
        (TaskKind::Callback, _) => "a callback".to_owned(),
        (_, Some(name)) => format!("{id} {name}"),
        (_, None) => id.to_string(),
    };
    (what, warning)
}

fn take_stack(warning: &mut Warning, taken: Result<NativeStack, StackError>) {
    match taken {
        Ok(stack) => {
            warning.notes.push(stack.thread.to_string());
            if stack.unnamed == stack.frames.len() {
                warning.notes.push(
                    "no frame has a name: the program is stripped; keep its symbols, or line tables, to have functions and lines"
                        .to_owned(),
                );
            }
            if let Some(cut) = stack.cut {
                warning.notes.push(format!("the stack is not whole: {cut}"));
            }
            warning.stack = of_the_application(stack.frames);
        }
        Err(error) => warning.notes.push(error.to_string()),
    }
}

/// The frames up to where the loop called: what is below is the same in every stack.
fn of_the_application(mut frames: Vec<Frame>) -> Vec<Frame> {
    let is_ours = |frame: &Frame| {
        frame.function.starts_with("loopscope::task::cell::poll")
            || frame.function.contains("loopscope::event_loop::tick::")
    };
    if let Some(at) = frames.iter().position(is_ours).filter(|at| *at > 0) {
        frames.truncate(at);
    }
    frames
}

#[expect(clippy::disallowed_methods, reason = "a thread that runs no loop")]
fn pause_for(pause: Duration) {
    thread::sleep(pause);
}
