//! What can be wrong, by name, and how it is read off the records.
//!
//! [`Lint`] is the list, with what there is to say of each; [`Thresholds`] says from when on something is too much.

use super::name::named;
use super::words::{self, counted, duration};
use super::{Cycle, Loop, Place, Severity, Task, TaskState, Warning};
use std::collections::BTreeMap;

mod page;
mod past;
mod slow_polls;
mod text;
mod thresholds;
mod verdict;

pub use page::page;
pub use past::with_found;
pub use slow_polls::{SITES_MAX, Slow, SlowPolls, slow_poll};
pub use thresholds::{BadSetting, Thresholds, Unit};
pub use verdict::Verdict;

/// How many tasks of a circle are named.
const NAMED_MAX: usize = 4;

named! {
    /// One thing that can be wrong, the worst first.
    "lint" Lint {
        /// The process has come to its end, and this is what it left.
        Ended = "ended",
        /// A poll has been under way for too long: nothing else on its loop runs.
        Blocked = "blocked",
        /// A poll has been under way for so long that it will hardly ever give way.
        NeverYields = "never-yields",
        /// Tasks wait for each other and nothing outside can wake them.
        Deadlock = "deadlock",
        /// An idle task of which nobody holds a waker.
        NoWaker = "no-waker",
        /// A panic or an error that nobody could receive.
        Unhandled = "unhandled",
        /// A full queue from which nobody takes any more.
        NoConsumer = "no-consumer",
        /// A lock is held across a long wait of its holder.
        LockHeldLong = "lock-held-long",
        /// A task has been ready for long without getting its turn.
        Starved = "starved",
        /// A task wakes itself in a circle.
        SelfWake = "self-wake",
        /// A poll took too long.
        SlowPoll = "slow-poll",
        /// An operation on a descriptor kept its loop waiting.
        SlowIo = "slow-io",
        /// Looking up a name took long.
        SlowResolve = "slow-resolve",
        /// Timers fire late again and again.
        LateTimer = "late-timer",
        /// Tasks of one spawn site only become more.
        Leak = "leak",
        /// Descriptors of one place only become more, or there are nearly as many as there may be.
        FdLeak = "fd-leak",
        /// The queue of a pool of blocking threads only grows.
        PoolQueue = "pool-queue",
        /// An error that nobody looked at.
        NeverRetrieved = "never-retrieved",
        /// A future or task that was dropped before it ran.
        NeverPolled = "never-polled",
        /// A task that was destroyed before it was over.
        DestroyedPending = "destroyed-pending",
        /// Something that was dropped open.
        Unclosed = "unclosed",
        /// Tasks wait for each other in a circle that something outside can break.
        Cycle = "cycle",
        /// A task whose future is very large.
        LargeFuture = "large-future",
    }
}

impl Lint {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Ended
            | Self::Blocked
            | Self::NeverYields
            | Self::Deadlock
            | Self::NoWaker
            | Self::Unhandled
            | Self::NeverRetrieved => Severity::Error,
            Self::Cycle | Self::LargeFuture | Self::SlowResolve => Severity::Note,
            _ => Severity::Warning,
        }
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        text::of(self).meaning
    }

    /// What it means and how it comes about.
    pub fn explanation(self) -> &'static str {
        text::of(self).explanation
    }

    /// Code that leads to it, and the same mended.
    pub fn example(self) -> &'static str {
        text::of(self).example
    }

    /// How to mend it.
    pub fn remedy(self) -> &'static str {
        text::of(self).remedy
    }
}

/// The names of the lints that hold of one task, as its row lists them. `is_stuck` is what the wait-for graph says of it.
pub fn of_task(task: &Task, is_stuck: bool, thresholds: Thresholds) -> Vec<Lint> {
    let too_long = |lint, ns: Option<u64>| ns.is_some_and(|ns| thresholds.is_over(lint, ns));
    let mut lints = Vec::new();
    if task.state == TaskState::Running && too_long(Lint::Blocked, task.state_for_ns) {
        lints.push(Lint::Blocked);
    }
    if is_stuck && thresholds.is_on(Lint::Deadlock) {
        lints.push(Lint::Deadlock);
    }
    if too_long(Lint::SlowPoll, task.longest_poll_ns) {
        lints.push(Lint::SlowPoll);
    }
    lints
}

/// The warning that a loop is blocked, if it is.
pub fn blocked(row: &Loop, thresholds: Thresholds) -> Option<Warning> {
    let running = row.running.as_ref().filter(|running| thresholds.is_over(Lint::Blocked, running.for_ns))?;
    let mut message = format!("loop {} blocked {}", row.id, duration(running.for_ns));
    if let Some(task) = running.task {
        // "task 12 worker" reads better in a sentence than "#12 worker".
        let task = words::task(task, running.name.as_deref());
        message = format!("{message} in task {}", task.trim_start_matches('#'));
    }
    if let Some(site) = &running.site {
        message = format!("{message}, {}", words::place(site));
    }
    Some(Warning {
        pid: row.pid,
        task: running.task,
        loop_id: Some(row.id),
        for_ns: Some(running.for_ns),
        ..warning(Lint::Blocked, message, running.site.clone())
    })
}

/// The warning that a circle is a deadlock, if it is. `name` gives the names of tasks, `site` where they were spawned.
pub fn deadlock(
    cycle: &Cycle,
    name: impl Fn(u64) -> Option<String>,
    site: impl Fn(u64) -> Option<Place>,
) -> Option<Warning> {
    let &first = cycle.tasks.first().filter(|_| cycle.deadlock)?;
    let tasks = listed(&cycle.tasks, name)?;
    let mut message = match cycle.tasks.len() {
        1 => format!("{tasks} waits for itself and nothing can wake it"),
        _ => format!("{tasks} wait for each other and nothing can wake them"),
    };
    if cycle.behind > 0 {
        message = format!("{message}; behind them {}", counted(cycle.behind, "more task"));
    }
    Some(Warning {
        task: Some(first),
        count: cycle.tasks.len() as u64,
        ..warning(Lint::Deadlock, message, site(first))
    })
}

/// The note that a circle is there which something outside can break, if it is such a one.
pub fn cycle(cycle: &Cycle, name: impl Fn(u64) -> Option<String>) -> Option<Warning> {
    let &first = cycle.tasks.first().filter(|_| !cycle.deadlock)?;
    let tasks = listed(&cycle.tasks, name)?;
    let message = format!("{tasks} wait for each other; a timeout or another branch can still wake them");
    let count = cycle.tasks.len() as u64;
    Some(Warning { task: Some(first), count, ..warning(Lint::Cycle, message, None) })
}

/// `#1, #2 writer and 3 more`; `None` of nothing.
fn listed(tasks: &[u64], name: impl Fn(u64) -> Option<String>) -> Option<String> {
    let mut named: Vec<String> =
        tasks.iter().take(NAMED_MAX).map(|&id| words::task(id, name(id).as_deref())).collect();
    if let Some(more) = tasks.len().checked_sub(NAMED_MAX).filter(|&more| more > 0) {
        named.push(format!("{} more", words::count(more as u64)));
    }
    let last = named.pop()?;
    Some(if named.is_empty() { last } else { format!("{} and {last}", named.join(", ")) })
}

/// The warnings that hold of whole rows, as a client has them, the worst first.
pub fn warnings(loops: &[Loop], tasks: &[Task], cycles: &[Cycle], thresholds: Thresholds) -> Vec<Warning> {
    let by_id: BTreeMap<u64, &Task> = tasks.iter().map(|task| (task.id, task)).collect();
    let name = |id: u64| by_id.get(&id).and_then(|task| task.name.clone());
    let site = |id: u64| by_id.get(&id).and_then(|task| task.site.clone());
    let mut slow = SlowPolls::new(thresholds);
    for task in tasks {
        slow.offer(task.site.as_ref(), task.id, task.longest_poll_ns.unwrap_or(0));
    }
    let mut found: Vec<Warning> = loops.iter().filter_map(|row| blocked(row, thresholds)).collect();
    if thresholds.is_on(Lint::Deadlock) {
        found.extend(cycles.iter().filter_map(|cycle| deadlock(cycle, name, site)));
    }
    if thresholds.is_on(Lint::Cycle) {
        found.extend(cycles.iter().filter_map(|row| cycle(row, name)));
    }
    found.extend(
        slow.into_sites()
            .map(|(site, slow)| slow_poll(slow, name(slow.worst_task).as_deref(), site.cloned())),
    );
    sort(&mut found);
    found
}

/// Puts the worst first: by severity, then by lint, then the longest.
pub fn sort(warnings: &mut [Warning]) {
    let lint =
        |name: &str| Lint::ALL.iter().position(|lint| lint.as_str() == name).unwrap_or(Lint::ALL.len());
    warnings.sort_by(|a, b| {
        let key = |warning: &Warning| (warning.severity, warning.for_ns, warning.count);
        let by_severity = b.severity.cmp(&a.severity);
        by_severity.then(lint(&a.name).cmp(&lint(&b.name))).then(key(b).cmp(&key(a)))
    });
}

pub(super) fn warning(lint: Lint, message: String, at: Option<Place>) -> Warning {
    Warning {
        name: lint.as_str().to_owned(),
        severity: lint.severity(),
        count: 1,
        message,
        at,
        ..Warning::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope::debug;

    #[test]
    fn every_lint_of_the_runtime_is_known_here_and_as_bad() {
        for lint in debug::Lint::ALL {
            let known: Lint = lint.as_str().parse().unwrap();
            let severity = match lint.severity() {
                debug::Severity::Note => Severity::Note,
                debug::Severity::Warning => Severity::Warning,
                debug::Severity::Error => Severity::Error,
            };
            assert_eq!(known.severity(), severity, "{lint}");
        }
    }

    #[test]
    fn every_text_is_one_that_reads_well() {
        for &lint in Lint::ALL {
            assert!(!lint.meaning().ends_with('.') && lint.meaning().len() < 120, "{lint}");
            for text in [lint.explanation(), lint.remedy()] {
                assert!(text.ends_with('.') && !text.contains("  "), "{lint}: {text}");
            }
            assert!(lint.example().lines().all(|line| line.len() <= 110), "{lint}");
        }
    }
    use crate::model::Running;

    const MS: u64 = 1_000_000;

    fn stuck_loop(for_ns: u64) -> Loop {
        let site = Some(Place::new("src/main.rs", 40, 5));
        let running = Some(Running { task: Some(12), for_ns, name: Some("worker".into()), site });
        Loop { running, ..Loop::default() }
    }

    fn slow_task(id: u64, longest_ms: u64, line: u32) -> Task {
        let site = Some(Place::new("src/main.rs", line, 1));
        Task { id, longest_poll_ns: Some(longest_ms * MS), site, ..Task::default() }
    }

    fn messages(warnings: &[Warning]) -> Vec<&str> {
        warnings.iter().map(|warning| warning.message.as_str()).collect()
    }

    #[test]
    fn a_poll_under_way_for_too_long_blocks_its_loop() {
        let warning = blocked(&stuck_loop(3_200 * MS), Thresholds::default()).unwrap();
        assert_eq!(warning.message, "loop 0 blocked 3.2 s in task 12 worker, src/main.rs:40");
        assert_eq!((warning.name.as_str(), warning.severity), ("blocked", Severity::Error));
        assert_eq!((warning.task, warning.loop_id, warning.for_ns), (Some(12), Some(0), Some(3_200 * MS)));
        assert_eq!(blocked(&stuck_loop(99 * MS), Thresholds::default()), None);
        assert_eq!(blocked(&Loop::default(), Thresholds::default()), None);
        let own =
            Loop { running: Some(Running { for_ns: 100 * MS, ..Running::default() }), ..Loop::default() };
        assert_eq!(blocked(&own, Thresholds::default()).unwrap().message, "loop 0 blocked 100 ms");
    }

    #[test]
    fn slow_polls_are_one_warning_for_each_site() {
        let tasks = [slow_task(1, 120, 8), slow_task(2, 240, 8), slow_task(3, 99, 8), slow_task(4, 100, 9)];
        let found = warnings(&[], &tasks, &[], Thresholds::default());
        assert_eq!(
            messages(&found),
            [
                "a poll of #2 took 240 ms; 2 tasks had slow ones, spawned at src/main.rs:8",
                "a poll of #4 took 100 ms, spawned at src/main.rs:9",
            ]
        );
        assert_eq!((found[0].task, found[0].count, found[0].severity), (Some(2), 2, Severity::Warning));
    }

    #[test]
    fn a_deadlock_names_its_tasks() {
        let of = |deadlock, tasks: &[u64], behind| {
            let cycle = Cycle { deadlock, tasks: tasks.to_vec(), behind };
            deadlock_of(&cycle).map(|warning| warning.message)
        };
        let deadlock_named =
            "#3 reader and #4 wait for each other and nothing can wake them; behind them 17 more tasks";
        assert_eq!(of(true, &[3, 4], 17).as_deref(), Some(deadlock_named));
        assert_eq!(of(true, &[4], 0).as_deref(), Some("#4 waits for itself and nothing can wake it"));
        let many = "#1, #2, #3 reader, #4 and 3 more wait for each other and nothing can wake them";
        assert_eq!(of(true, &[1, 2, 3, 4, 5, 6, 7], 0).as_deref(), Some(many));
        assert_eq!(of(false, &[3, 4], 0), None);
    }

    fn deadlock_of(cycle: &Cycle) -> Option<Warning> {
        deadlock(cycle, |id| (id == 3).then(|| "reader".to_owned()), |_| None)
    }

    #[test]
    fn a_task_bears_the_names_of_what_holds_of_it() {
        let of = |task: &Task, is_stuck| of_task(task, is_stuck, Thresholds::default());
        assert_eq!(of(&slow_task(1, 99, 1), false), []);
        assert_eq!(of(&slow_task(1, 100, 1), true), [Lint::Deadlock, Lint::SlowPoll]);
        let running = Task { state: TaskState::Running, state_for_ns: Some(100 * MS), ..Task::default() };
        assert_eq!(of(&running, false), [Lint::Blocked]);
        let idle = Task { state: TaskState::Idle, ..running };
        assert_eq!(of(&idle, false), []);
    }

    #[test]
    fn the_verdict_has_the_worst_first_and_leaves_out_notes() {
        let cycle = Cycle { deadlock: true, tasks: vec![1], behind: 0 };
        let mut found =
            warnings(&[stuck_loop(200 * MS)], &[slow_task(1, 500, 3)], &[cycle], Thresholds::default());
        let names = |found: &[Warning]| found.iter().map(|warning| warning.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found), ["blocked", "deadlock", "slow-poll"]);
        found.push(Warning { severity: Severity::Note, ..Warning::default() });
        found.reverse();
        let verdict = Verdict::of(found);
        assert_eq!(verdict.headline(), "3 problems");
        assert_eq!(names(&verdict.problems), ["blocked", "deadlock", "slow-poll"]);
        assert_eq!(Verdict::of([]).headline(), "healthy");
    }

    #[test]
    fn slow_polls_of_too_many_sites_are_counted_together() {
        let mut slow = SlowPolls::new(Thresholds::default());
        for site in 0..SITES_MAX as u64 + 5 {
            slow.offer(Some(site), site, 100 * MS + site);
        }
        let sites: Vec<(Option<u64>, Slow)> = slow.into_sites().collect();
        assert_eq!(sites.len(), SITES_MAX + 1);
        assert_eq!((sites[0].0, sites[0].1.tasks, sites[0].1.worst_task), (None, 5, SITES_MAX as u64 + 4));
    }
}
