//! What is wrong, read off the records: slow polls, blocked loops, deadlocks.

use super::name::named;
use super::words::{self, counted, duration};
use super::{Cycle, Loop, Place, Severity, Task, TaskState, Warning};
use std::collections::BTreeMap;

/// The most spawn sites that slow polls are told apart by; those of further sites are counted together.
pub const SITES_MAX: usize = 10_000;

/// How many tasks of a circle are named.
const NAMED_MAX: usize = 4;

named! {
    /// One thing that can be wrong, the worst first.
    "lint" Lint {
        /// A poll has been under way for too long: nothing else on its loop runs.
        Blocked = "blocked",
        /// Tasks wait for each other and nothing outside can wake them.
        Deadlock = "deadlock",
        /// A poll took too long.
        SlowPoll = "slow-poll",
    }
}

impl Lint {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Blocked | Self::Deadlock => Severity::Error,
            Self::SlowPoll => Severity::Warning,
        }
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Blocked => "one poll is holding its loop right now, and nothing else on it runs",
            Self::Deadlock => "tasks wait for each other, and nothing outside can wake them",
            Self::SlowPoll => "a poll took so long that every other task of its loop had to wait",
        }
    }

    /// What it means and how it comes about.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Blocked => {
                "A loop runs one task at a time, and a task gives way only at an .await that is not ready. This poll has \
                 not come to one: it computes, calls something that blocks the thread, or loops for ever. Meanwhile no \
                 other task of the loop runs, no timer fires and no socket is served."
            }
            Self::Deadlock => {
                "Each of these tasks waits for the next: for a lock that it holds, or for its end. No timer, no I/O and \
                 nothing unknown takes part, so none of them will ever go on, nor will those that wait for them."
            }
            Self::SlowPoll => {
                "A task ran this long without giving way. All other tasks of its loop waited for as long."
            }
        }
    }

    /// Code that leads to it, and the same mended.
    pub fn example(self) -> &'static str {
        match self {
            Self::Blocked | Self::SlowPoll => {
                "// The whole loop waits for the disk,\n\
                 let text = std::fs::read_to_string(path)?;\n\
                 // and here only this task does.\n\
                 let text = loopscope::spawn_blocking(move || std::fs::read_to_string(path)).await??;\n\
                 \n\
                 // Others get their turn between the parts of a long computation.\n\
                 for part in parts {\n    \
                     compute(part);\n    \
                     loopscope::yield_now().await;\n\
                 }"
            }
            Self::Deadlock => {
                "// Two tasks that each take the one lock and then wait for the other's.\n\
                 let accounts = accounts.lock().await;\n\
                 let orders = orders.lock().await;     // elsewhere: orders first, then accounts\n\
                 // The same order everywhere, or one lock around both, and none kept longer than needed.\n\
                 let total = { accounts.lock().await.total() };\n\
                 orders.lock().await.set_total(total);"
            }
        }
    }

    /// How to mend it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Blocked | Self::SlowPoll => {
                "Move what blocks to a thread of its own, use the asynchronous form of the call, or divide long \
                 computations with yield_now().await."
            }
            Self::Deadlock => {
                "Take locks in one order everywhere, do not hold one across an .await that needs another, or bound the \
                 wait with a timeout."
            }
        }
    }
}

/// From when on something is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A poll of this length or more is slow, and blocks its loop while it lasts.
    pub slow_poll_ns: u64,
}

impl Default for Thresholds {
    /// 100 ms, as asyncio's `slow_callback_duration`.
    fn default() -> Self {
        Self { slow_poll_ns: 100_000_000 }
    }
}

/// The names of the lints that hold of one task, as its row lists them. `is_stuck` is what the wait-for graph says of it.
pub fn of_task(task: &Task, is_stuck: bool, thresholds: Thresholds) -> Vec<Lint> {
    let too_long = |ns: Option<u64>| ns.is_some_and(|ns| ns >= thresholds.slow_poll_ns);
    let mut lints = Vec::new();
    if task.state == TaskState::Running && too_long(task.state_for_ns) {
        lints.push(Lint::Blocked);
    }
    if is_stuck {
        lints.push(Lint::Deadlock);
    }
    if too_long(task.longest_poll_ns) {
        lints.push(Lint::SlowPoll);
    }
    lints
}

/// The warning that a loop is blocked, if it is.
pub fn blocked(row: &Loop, thresholds: Thresholds) -> Option<Warning> {
    let running = row.running.as_ref().filter(|running| running.for_ns >= thresholds.slow_poll_ns)?;
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
    let mut named: Vec<String> =
        cycle.tasks.iter().take(NAMED_MAX).map(|&id| words::task(id, name(id).as_deref())).collect();
    if let Some(more) = cycle.tasks.len().checked_sub(NAMED_MAX).filter(|&more| more > 0) {
        named.push(format!("{} more", words::count(more as u64)));
    }
    let mut message = match named.pop() {
        Some(last) if named.is_empty() => format!("{last} waits for itself and nothing can wake it"),
        Some(last) => {
            format!("{} and {last} wait for each other and nothing can wake them", named.join(", "))
        }
        None => return None,
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

/// Gathers slow polls by spawn site, so that a hundred thousand slow tasks are one warning.
///
/// `K` tells the sites apart: a [`Place`], or the index of one.
#[derive(Debug)]
pub struct SlowPolls<K> {
    thresholds: Thresholds,
    by_site: BTreeMap<Option<K>, Slow>,
}

/// The slow polls of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// Tasks that had one.
    pub tasks: u64,
    /// The task that had the longest.
    pub worst_task: u64,
    /// The longest.
    pub worst_ns: u64,
}

impl<K: Ord> SlowPolls<K> {
    /// Nothing yet.
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, by_site: BTreeMap::new() }
    }

    /// Looks at one task.
    pub fn offer(&mut self, site: Option<K>, task: u64, longest_poll_ns: u64) {
        if longest_poll_ns < self.thresholds.slow_poll_ns {
            return;
        }
        let full = self.by_site.len() >= SITES_MAX && !self.by_site.contains_key(&site);
        let found = Slow { tasks: 1, worst_task: task, worst_ns: longest_poll_ns };
        self.by_site
            .entry(if full { None } else { site })
            .and_modify(|slow| {
                slow.tasks += 1;
                if longest_poll_ns > slow.worst_ns {
                    slow.worst_task = task;
                    slow.worst_ns = longest_poll_ns;
                }
            })
            .or_insert(found);
    }

    /// The sites with slow polls, `None` for tasks of unknown ones.
    pub fn into_sites(self) -> impl Iterator<Item = (Option<K>, Slow)> {
        self.by_site.into_iter()
    }
}

/// The warning about the slow polls of one site; `name` is that of the worst task.
pub fn slow_poll(slow: Slow, name: Option<&str>, site: Option<Place>) -> Warning {
    let mut message =
        format!("a poll of {} took {}", words::task(slow.worst_task, name), duration(slow.worst_ns));
    if slow.tasks > 1 {
        message = format!("{message}; {} had slow ones", counted(slow.tasks, "task"));
    }
    if let Some(site) = &site {
        message = format!("{message}, spawned at {}", words::place(site));
    }
    Warning {
        task: Some(slow.worst_task),
        count: slow.tasks,
        for_ns: Some(slow.worst_ns),
        ..warning(Lint::SlowPoll, message, site)
    }
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
    found.extend(cycles.iter().filter_map(|cycle| deadlock(cycle, name, site)));
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

fn warning(lint: Lint, message: String, at: Option<Place>) -> Warning {
    Warning {
        name: lint.as_str().to_owned(),
        severity: lint.severity(),
        count: 1,
        message,
        at,
        ..Warning::default()
    }
}

/// What the first line of the overview says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong, the worst first; mere notes are left out.
    pub problems: Vec<Warning>,
}

impl Verdict {
    /// The verdict over warnings in any order.
    pub fn of(warnings: impl IntoIterator<Item = Warning>) -> Self {
        let mut problems: Vec<Warning> =
            warnings.into_iter().filter(|warning| warning.severity > Severity::Note).collect();
        sort(&mut problems);
        Self { problems }
    }

    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }

    /// `healthy`, `1 problem`, `3 problems`.
    pub fn headline(&self) -> String {
        if self.is_healthy() { "healthy".to_owned() } else { counted(self.problems.len() as u64, "problem") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
