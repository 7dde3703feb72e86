//! The agent looks by itself: what only grows, who starves, who waits for whom for ever.
//!
//! ```text
//!   a loop is in debug mode: once a second ──► a reading ──► model::Sentinel ──► what is new ──► loopscope::debug::report
//!   a client asks for warnings ───────────────► a reading, unless there is one of this second ──► its rows
//! ```
//!
//! There is one memory of readings, whoever asked for them; what each is told depends on its own thresholds.

use super::reading;
use super::service::Shared;
use super::warn;
use crate::model::sentinel::Sentinel;
use crate::model::{Lint, Thresholds, Warning};
use loopscope::debug;
use loopscope::task::TaskId;
use loopscope::time::Instant;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The variable by which an application sets thresholds and switches lints off.
const VARIABLE: &str = "LOOPSCOPE_LINTS";

/// How often the agent looks by itself while a loop is in debug mode.
const EVERY: Duration = Duration::from_secs(1);

/// How often it looks whether one is.
const IDLE: Duration = Duration::from_secs(2);

/// A reading of this age is as good as a new one.
const FRESH_NS: u64 = 900_000_000;

/// What was not found for as long is told anew when it is found again.
const FORGOTTEN_NS: u64 = 60_000_000_000;

/// What the environment says of the lints, read once; what is wrong in it is said once.
pub(super) fn thresholds() -> &'static Thresholds {
    static THRESHOLDS: OnceLock<Thresholds> = OnceLock::new();
    THRESHOLDS.get_or_init(|| {
        let mut thresholds = Thresholds::default();
        let list = std::env::var_os(VARIABLE).unwrap_or_default();
        for bad in thresholds.set_by_list(&list.to_string_lossy()) {
            warn(&format!("{VARIABLE} is ignored in part: {bad}"));
        }
        thresholds
    })
}

/// The memory, and what was told already.
#[derive(Debug, Default)]
pub(super) struct Watch {
    sentinel: Sentinel,
    /// When each thing was found last, in nanoseconds.
    told: HashMap<Thing, u64>,
}

/// What makes two findings the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Thing {
    lint: String,
    loop_id: Option<u64>,
    task: Option<u64>,
    resource: Option<u64>,
    at: Option<(String, u32)>,
}

impl Thing {
    pub(super) fn of(warning: &Warning) -> Self {
        let at = warning.at.as_ref().map(|at| (at.file.clone(), at.line));
        Self {
            lint: warning.name.clone(),
            loop_id: warning.loop_id,
            // Of a place it does not matter which task was the worst just now.
            task: warning.task.filter(|_| at.is_none()),
            resource: warning.resource,
            at,
        }
    }
}

impl Watch {
    /// What is wrong now, by these thresholds.
    pub(super) fn findings(&mut self, thresholds: &Thresholds) -> Vec<Warning> {
        let now_ns = Instant::now().as_nanos();
        if self.sentinel.observed_at_ns().is_none_or(|at| now_ns.saturating_sub(at) >= FRESH_NS) {
            self.sentinel.observe(reading::seen());
        }
        self.sentinel.findings(thresholds)
    }

    /// Looks, and reports what was not found before.
    fn look(&mut self) {
        let thresholds = thresholds();
        let findings = self.findings(thresholds);
        let deadlocks = if thresholds.is_on(Lint::Deadlock) { reading::deadlocks() } else { Vec::new() };
        let now_ns = Instant::now().as_nanos();
        self.told.retain(|_, found_ns| now_ns.saturating_sub(*found_ns) < FORGOTTEN_NS);
        // The loop has told of those that closed in debug mode.
        let known: HashSet<Option<u64>> = debug::entries()
            .iter()
            .filter(|entry| entry.warning.lint == debug::Lint::Deadlock)
            .map(|entry| entry.warning.task.map(TaskId::as_u64))
            .collect();
        let is_new = |warning: &&Warning| !known.contains(&warning.task);
        for warning in deadlocks.iter().filter(is_new).chain(&findings) {
            if self.told.insert(Thing::of(warning), now_ns).is_none()
                && let Some(found) = for_the_ledger(warning)
            {
                debug::report(&found);
            }
        }
    }
}

/// As the application's own warnings are; `None` for what is only listed.
fn for_the_ledger(warning: &Warning) -> Option<debug::Warning> {
    let lint = debug::Lint::ALL.iter().find(|lint| lint.as_str() == warning.name)?;
    let mut found = debug::Warning::new(*lint, warning.message.clone()).about_task(warning.task);
    found.loop_id = warning.loop_id;
    found.resource = warning.resource;
    found.at = warning.at.as_ref().map(|at| loopscope::telemetry::Place {
        file: at.file.clone(),
        line: at.line,
        column: at.column,
    });
    found.duration = warning.for_ns.map(Duration::from_nanos);
    found.notes.clone_from(&warning.notes);
    Some(found)
}

/// Looks once a second for as long as a loop is in debug mode.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        if !reading::is_debug_mode_on() {
            loopscope::sleep(IDLE).await;
            continue;
        }
        loopscope::sleep(EVERY).await;
        shared.rest().await;
        let begun = Instant::now();
        shared.watch(Watch::look);
        shared.took(begun.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Place;

    fn found(task: u64, at: Option<Place>) -> Warning {
        Warning { name: "starved".into(), task: Some(task), loop_id: Some(0), at, ..Warning::default() }
    }

    #[test]
    fn what_is_found_again_at_the_same_place_is_the_same_thing() {
        let at = || Some(Place::new("src/main.rs", 4, 1));
        assert_eq!(Thing::of(&found(1, at())), Thing::of(&found(2, at())));
        assert_ne!(Thing::of(&found(1, None)), Thing::of(&found(2, None)));
    }

    #[test]
    fn what_is_only_listed_is_not_reported() {
        let cycle = Warning { name: Lint::Cycle.as_str().into(), ..Warning::default() };
        assert!(for_the_ledger(&cycle).is_none());
        let starved = for_the_ledger(&Warning { notes: vec!["a line".into()], ..found(7, None) }).unwrap();
        assert_eq!(starved.lint, debug::Lint::Starved);
        assert_eq!(starved.task.map(debug_id), Some(7));
        assert_eq!(starved.notes, ["a line"]);
    }

    /// What was reported of a place in this file, when it was.
    #[expect(clippy::disallowed_methods, reason = "a thread of its own, without a loop")]
    fn reported(wanted: debug::Lint, line: u32) -> debug::Warning {
        loop {
            let here =
                |at: &loopscope::telemetry::Place| at.file.ends_with("agent/sentinel.rs") && at.line == line;
            let is_it = |entry: &debug::Entry| {
                entry.warning.lint == wanted && entry.warning.at.as_ref().is_some_and(here)
            };
            if let Some(entry) = debug::entries().into_iter().find(is_it) {
                return entry.warning;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    #[expect(clippy::large_stack_arrays, reason = "what `large-future` is about")]
    fn what_is_wrong_on_a_loop_in_debug_mode_is_reported_without_any_client() {
        use loopscope::sync::{Event, Mutex};
        use std::rc::Rc;
        let directory = std::env::temp_dir().join(format!("ls-sentinel-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let agent = crate::agent::Agent::start_at(directory.join("s")).unwrap();
        let mut runner = loopscope::Runner::builder().debug(true).build().unwrap();
        let handle = runner.handle();
        let (tell, told) = std::sync::mpsc::channel();
        let first_line = line!();
        let thread = std::thread::spawn(move || {
            let large = told.recv().map(|()| reported(debug::Lint::LargeFuture, first_line + 20));
            let held = reported(debug::Lint::LockHeldLong, first_line + 11);
            handle.post(|| DONE.with(|done| done.set())).unwrap();
            (large.unwrap(), held)
        });
        thread_local!(static DONE: Rc<Event> = Rc::new(Event::new()));
        runner
            .block_on(async {
                let lock = Rc::new(Mutex::new(()));
                let held = lock.lock().await;
                let done = DONE.with(Rc::clone);
                tell.send(()).unwrap();
                let wanted = lock.clone();
                let large = async {
                    let buffer = [1_u8; 20_000];
                    DONE.with(Rc::clone).wait().await;
                    buffer.iter().map(|byte| u64::from(*byte)).sum::<u64>()
                };
                let large = loopscope::spawn(large);
                let waiter = loopscope::spawn(async move { drop(wanted.lock().await) });
                done.wait().await;
                drop(held);
                waiter.await.unwrap();
                assert_eq!(large.await.unwrap(), 20_000);
            })
            .unwrap();
        let (large, held) = thread.join().unwrap();
        assert!(large.message.contains(" has 19 KiB"), "{}", large.message);
        assert!(held.message.contains("; 1 task waits for it"), "{}", held.message);
        agent.stop();
        let _ = std::fs::remove_dir_all(&directory);
    }

    fn debug_id(id: loopscope::task::TaskId) -> u64 {
        id.as_u64()
    }
}
