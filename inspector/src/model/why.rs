//! Why a task does not go on: the chain from it to the root of its wait.
//!
//! ```text
//! #7 → lock db → #9 writer → read 10.0.0.7:5432 (fd 12), 12 s
//! ```
//!
//! # Which wait is followed
//!
//! A task may wait for several things at once, and nothing tells a `select!` from a `join!`. The chain follows one wait and
//! says which others there are: certain before "perhaps", one that a task holds before one that nobody is known to hold,
//! a thing before a timer, then the oldest. Of a group's children the one that has been waiting longest is followed.

use super::graph::Members;
use super::words::{self, counted, duration};
use super::{Place, Task, TaskState, Wait, WaitGraph, WaitKind};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The longest chain.
pub const STEPS_MAX: usize = 256;

/// The most children of a group that are looked at to choose one.
pub const MEMBERS_MAX: usize = 64;

/// How many of the waits not followed are named in the sentence.
const OTHERS_NAMED: usize = 2;

/// Where a chain looks up what it passes: the records of a process, or the tasks of a snapshot.
pub trait Seen {
    /// A task, live or recently finished.
    fn task(&self, id: u64) -> Option<Task>;

    /// The live children that a group's wait of `task` is for: [`MEMBERS_MAX`] of them at most, and how many there are.
    fn members(&self, task: u64, wait: &Wait) -> (Vec<u64>, u64);

    /// Whether nothing outside can wake a task, as [`WaitGraph::is_stuck`] says.
    fn is_stuck(&self, task: u64) -> bool;
}

/// The chain from a task to the root of its wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The tasks on the way, each waiting for the next.
    pub steps: Vec<Step>,
    /// How it ends.
    pub end: End,
}

/// One task on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The task.
    pub task: u64,
    /// Its name.
    pub name: Option<String>,
    /// Where it was spawned.
    pub site: Option<Place>,
    /// The wait that is followed; `None` if it does not wait.
    pub wait: Option<Wait>,
    /// Its other waits, which may be what really keeps it, or what will wake it.
    pub others: Vec<Wait>,
    /// Further waits that are not listed.
    pub others_more: u64,
    /// Of a group's wait, how many children it is for.
    pub members: Option<u64>,
}

/// How a chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The last step waits for something that no known task holds: a timer, I/O, a signal, something foreign.
    Outside,
    /// The last step is being polled.
    Running {
        /// For how long, where that is known.
        for_ns: Option<u64>,
    },
    /// The last step is in the run queue.
    Scheduled,
    /// The last step is over; who waits for it has not noticed yet, or it took a lock with it.
    Finished(TaskState),
    /// The last step waits for a task that is on the chain already.
    Circle {
        /// That task.
        back_to: u64,
        /// Whether nothing outside can end it.
        deadlock: bool,
    },
    /// The last step waits for a task of which nothing is known.
    Unknown {
        /// That task.
        task: u64,
        /// Its name, where the wait knows it.
        name: Option<String>,
    },
    /// The chain goes on, but is cut here.
    TooLong,
}

/// The chain from `task`; `None` if there is no such task.
pub fn chain(seen: &impl Seen, task: u64) -> Option<Chain> {
    let mut steps = Vec::new();
    let mut next = seen.task(task)?;
    loop {
        let (step, target) = step(seen, &next);
        steps.push(step);
        let end = match (next.state, target) {
            (TaskState::Running, _) => End::Running { for_ns: next.state_for_ns },
            (TaskState::Scheduled, _) => End::Scheduled,
            (TaskState::Idle, None) => End::Outside,
            (TaskState::Idle, Some((target, name))) => {
                if steps.iter().any(|step| step.task == target) {
                    End::Circle { back_to: target, deadlock: seen.is_stuck(target) }
                } else if steps.len() >= STEPS_MAX {
                    End::TooLong
                } else if let Some(task) = seen.task(target) {
                    next = task;
                    continue;
                } else {
                    End::Unknown { task: target, name }
                }
            }
            (finished, _) => End::Finished(finished),
        };
        return Some(Chain { steps, end });
    }
}

/// One step, and the task that comes next with its name.
fn step(seen: &impl Seen, task: &Task) -> (Step, Option<(u64, Option<String>)>) {
    let mut step = Step {
        task: task.id,
        name: task.name.clone(),
        site: task.site.clone(),
        wait: None,
        others: Vec::new(),
        others_more: task.waiting_on_more,
        members: None,
    };
    if task.state != TaskState::Idle {
        step.others_more = 0;
        return (step, None);
    }
    step.others.clone_from(&task.waiting_on);
    let chosen = (0..step.others.len()).min_by_key(|&index| rank(&step.others[index]));
    let Some(wait) = chosen.map(|index| step.others.remove(index)) else { return (step, None) };
    let mut target = wait.task.map(|id| (id, wait.task_name.clone()));
    if wait.kind == WaitKind::Group && target.is_none() {
        let (members, total) = seen.members(task.id, &wait);
        step.members = Some(total);
        target = members
            .into_iter()
            .take(MEMBERS_MAX)
            .filter_map(|id| seen.task(id))
            .filter(|task| !task.state.is_finished())
            .min_by_key(|task| (task.state != TaskState::Idle, Reverse(task.state_for_ns), task.id))
            .map(|task| (task.id, task.name));
    }
    step.wait = Some(wait);
    (step, target)
}

/// The lower, the more a wait tells about why a task does not go on.
fn rank(wait: &Wait) -> (bool, u8, Reverse<Option<u64>>) {
    let kind = match wait.kind {
        _ if wait.task.is_some() => 0,
        WaitKind::Group => 0,
        WaitKind::Sleep => 3,
        WaitKind::Foreign | WaitKind::Unknown | WaitKind::Yield => 2,
        _ => 1,
    };
    (wait.perhaps, kind, Reverse(wait.for_ns))
}

impl Chain {
    /// The chain in one sentence: `#7 → lock db → #9 writer → read 10.0.0.7:5432 (fd 12), 12 s`.
    pub fn sentence(&self) -> String {
        // Writing to a string cannot fail, here and below.
        let mut text = String::new();
        let last = self.steps.len().saturating_sub(1);
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                text.push_str(" → ");
            }
            text.push_str(&words::task(step.task, step.name.as_deref()));
            if let Some(wait) = &step.wait {
                text.push_str(" → ");
                text.push_str(&words::wait_target(wait, false));
                if let Some(members) = step.members {
                    let _ = write!(text, " of {}", counted_tasks(members));
                }
                if wait.perhaps {
                    text.push_str(" (perhaps)");
                }
                text.push_str(&step.aside());
                if index == last
                    && let Some(for_ns) = wait.for_ns
                    && self.end == End::Outside
                {
                    let _ = write!(text, ", {}", duration(for_ns));
                }
            }
        }
        text + &self.end.words()
    }

    /// The chain with its places, one thing a line: each task with where it was spawned, below it each wait with where.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for step in &self.steps {
            let site = step.site.as_ref().map(|site| format!("  spawned at {}", words::place(site)));
            lines.push(words::task(step.task, step.name.as_deref()) + &site.unwrap_or_default());
            if let Some(wait) = &step.wait {
                let mut line = format!("  waits for {}", words::wait(wait));
                if let Some(members) = step.members {
                    let _ = write!(line, " of {}", counted_tasks(members));
                }
                line.push_str(&places(wait));
                lines.push(line);
            }
            for wait in &step.others {
                lines.push(format!("  and for {}{}", words::wait(wait), places(wait)));
            }
            if step.others_more > 0 {
                lines.push(format!("  and for {} more", words::count(step.others_more)));
            }
        }
        let end = self.end.words();
        match &self.end {
            End::Outside => {}
            End::Circle { .. } | End::Unknown { .. } => lines.push(end.trim_start_matches(" → ").to_owned()),
            _ => lines.push(format!("  {}", end.trim_start_matches(", "))),
        }
        lines
    }
}

impl Step {
    /// The waits that are not followed, in brackets.
    fn aside(&self) -> String {
        let mut parts: Vec<String> = self.others.iter().take(OTHERS_NAMED).map(words::wait).collect();
        let more = (self.others.len().saturating_sub(OTHERS_NAMED) as u64).saturating_add(self.others_more);
        if more > 0 {
            parts.push(format!("{} more", words::count(more)));
        }
        if parts.is_empty() { String::new() } else { format!(" (also: {})", parts.join("; ")) }
    }
}

impl End {
    /// What comes after the last wait or task.
    fn words(&self) -> String {
        match self {
            Self::Outside => String::new(),
            Self::Running { for_ns: Some(for_ns) } => format!(", running for {}", duration(*for_ns)),
            Self::Running { for_ns: None } => ", running".to_owned(),
            Self::Scheduled => ", ready to run".to_owned(),
            Self::Finished(state) => format!(", {state}"),
            Self::Circle { back_to, deadlock: true } => format!(" → #{back_to} (deadlock)"),
            Self::Circle { back_to, deadlock: false } => format!(" → #{back_to} (a circle)"),
            Self::Unknown { task, name } => {
                format!(" → {} (unknown)", words::task(*task, name.as_deref()))
            }
            Self::TooLong => " → …".to_owned(),
        }
    }
}

fn places(wait: &Wait) -> String {
    let at = wait.at.as_ref().map(|at| format!("  at {}", words::place(at)));
    let made = wait.made_at.as_ref().filter(|made| !wait.at.as_ref().is_some_and(|at| at.same_line(made)));
    let made = made.map(|made_at| format!("  made at {}", words::place(made_at)));
    at.unwrap_or_default() + &made.unwrap_or_default()
}

fn counted_tasks(n: u64) -> String {
    counted(n, "task")
}

/// The tasks of a snapshot, as a chain looks them up.
#[derive(Debug)]
pub struct SeenTasks<'a> {
    tasks: BTreeMap<u64, &'a Task>,
    members: Members,
    graph: &'a WaitGraph,
}

impl<'a> SeenTasks<'a> {
    /// Looks up in `tasks`; whether a task is stuck is what `graph`, made of the same tasks, says.
    pub fn new(tasks: &'a [Task], graph: &'a WaitGraph) -> Self {
        let by_id = tasks.iter().map(|task| (task.id, task)).collect();
        Self { tasks: by_id, members: Members::of_tasks(tasks), graph }
    }
}

impl Seen for SeenTasks<'_> {
    fn task(&self, id: u64) -> Option<Task> {
        self.tasks.get(&id).map(|&task| task.clone())
    }

    fn members(&self, task: u64, wait: &Wait) -> (Vec<u64>, u64) {
        let members = self.members.of(task, wait).unwrap_or_default();
        (members.iter().copied().take(MEMBERS_MAX).collect(), members.len() as u64)
    }

    fn is_stuck(&self, task: u64) -> bool {
        self.graph.is_stuck(task)
    }
}

#[cfg(test)]
mod tests;
