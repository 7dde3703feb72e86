//! The tasks as `python -m asyncio ps` and `pstree` of Python 3.14 print them: the same columns, the same shapes.
//!
//! Where Python has a function's name and place, a task here has the place where it was spawned as its outermost frame, and
//! the kind and place of each of its waits as the innermost. Awaiters are, as in Python, who joins a task and whose group
//! it is in; a lock's holder is not. Task ids are printed in hexadecimal as Python prints addresses; a task without a name
//! is called `Task-` and its id. Tasks that are over, callbacks and blocking jobs are left out.

use super::graph::{Edge, Members, WaitGraph};
use super::words::{self, NAME_CHARS_MAX, escape};
use super::{Loop, Task, TaskKind, WaitKind};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::rc::Rc;

/// The most bytes that a tree may have: a task awaited by two is drawn twice, so that a few tasks can make a huge one.
pub const TREE_BYTES_MAX: usize = 16 << 20;

/// What stands at the end of a tree that was cut.
const CUT: &str = "… the tree is cut here\n";

/// One frame of one task with the tasks that it awaits.
struct Frame {
    label: String,
    name: &'static str,
    awaits: Vec<u64>,
}

/// The pending tasks and who awaits whom.
struct Awaits<'a> {
    tasks: BTreeMap<u64, &'a Task>,
    frames: BTreeMap<u64, Vec<Frame>>,
    /// From a task to those that await it, each with the name of the frame that does.
    awaiters: BTreeMap<u64, Vec<(u64, &'static str)>>,
}

impl<'a> Awaits<'a> {
    fn new(all: &'a [Task]) -> Self {
        let members = Members::of_tasks(all);
        let is_pending = |task: &&Task| task.kind == TaskKind::Task && !task.state.is_finished();
        let tasks: BTreeMap<u64, &Task> = all.iter().filter(is_pending).map(|task| (task.id, task)).collect();
        let mut frames = BTreeMap::new();
        let mut awaiters: BTreeMap<u64, Vec<(u64, &'static str)>> = BTreeMap::new();
        for (&id, task) in &tasks {
            let mut of_task: Vec<Frame> = Vec::new();
            for wait in &task.waiting_on {
                let joined = wait.task.filter(|_| matches!(wait.kind, WaitKind::Join | WaitKind::Group));
                let awaited = members.of(id, wait).unwrap_or_default().iter().copied().chain(joined);
                let mut awaits: Vec<u64> = awaited.filter(|id| tasks.contains_key(id)).collect();
                let name = wait.kind.as_str();
                for &other in &awaits {
                    awaiters.entry(other).or_default().push((id, name));
                }
                let label = match &wait.at {
                    Some(at) => format!("{name} {}", words::place(at)),
                    None => name.to_owned(),
                };
                match of_task.iter_mut().find(|frame| frame.label == label) {
                    Some(frame) => frame.awaits.append(&mut awaits),
                    None => of_task.push(Frame { label, name, awaits }),
                }
            }
            frames.insert(id, of_task);
        }
        for of_one in awaiters.values_mut() {
            of_one.sort_unstable();
            of_one.dedup();
        }
        Self { tasks, frames, awaiters }
    }

    fn name(&self, id: u64) -> String {
        let name = self.tasks.get(&id).and_then(|task| task.name.as_deref()).filter(|name| !name.is_empty());
        name.map_or_else(|| format!("Task-{id}"), |name| escape(name, NAME_CHARS_MAX).into_owned())
    }

    /// The names of a task's frames, the innermost first.
    fn chain(&self, id: u64, wait: Option<&str>) -> String {
        let site = self.tasks.get(&id).and_then(|task| task.site.as_ref()).map(words::place);
        wait.map(str::to_owned).into_iter().chain(site).collect::<Vec<_>>().join(" -> ")
    }

    /// The frames of a task that are drawn: those that await tasks, or all where none does.
    fn drawn(&self, id: u64) -> impl Iterator<Item = &Frame> {
        let frames = self.frames.get(&id).map(Vec::as_slice).unwrap_or_default();
        let is_leaf = frames.iter().all(|frame| frame.awaits.is_empty());
        frames.iter().filter(move |frame| is_leaf || !frame.awaits.is_empty())
    }
}

/// The table of `python -m asyncio ps`: a header, a rule, and a row for each task and each of its awaiters.
pub fn ps(tasks: &[Task], loops: &[Loop]) -> String {
    let awaits = Awaits::new(tasks);
    let tids: BTreeMap<u64, i32> = loops.iter().filter_map(|row| Some((row.id, row.tid?))).collect();
    let mut text = String::new();
    let header =
        ["tid", "task id", "task name", "coroutine stack", "awaiter chain", "awaiter name", "awaiter id"];
    push_row(&mut text, &header);
    text.push_str(&"-".repeat(180));
    text.push('\n');
    for (&id, task) in &awaits.tasks {
        let tid = task.loop_id.and_then(|id| tids.get(&id)).map(ToString::to_string).unwrap_or_default();
        let own_id = format!("{id:#x}");
        let name = awaits.name(id);
        let wait = awaits.drawn(id).next().map(|frame| frame.name);
        let stack = awaits.chain(id, wait);
        let awaiters = awaits.awaiters.get(&id).map(Vec::as_slice).unwrap_or_default();
        for &(awaiter, wait) in awaiters {
            let chain = awaits.chain(awaiter, Some(wait));
            let (awaiter_name, awaiter_id) = (awaits.name(awaiter), format!("{awaiter:#x}"));
            push_row(&mut text, &[&tid, &own_id, &name, &stack, &chain, &awaiter_name, &awaiter_id]);
        }
        if awaiters.is_empty() {
            push_row(&mut text, &[&tid, &own_id, &name, &stack, "", "", "0x0"]);
        }
    }
    text
}

/// One row; what is wider than its column is not cut, as in Python.
fn push_row(text: &mut String, cells: &[&str; 7]) {
    let [tid, id, name, stack, chain, awaiter, awaiter_id] = cells;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{tid:<10} {id:<20} {name:<20} {stack:<50} {chain:<50} {awaiter:<15} {awaiter_id:<15}"
    );
}

/// Tasks that await each other in circles, of which no tree can be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleError {
    cycles: Vec<Vec<String>>,
}

impl CycleError {
    /// The names of the tasks of each circle.
    pub fn cycles(&self) -> &[Vec<String>] {
        &self.cycles
    }
}

/// What Python prints on its standard error.
impl fmt::Display for CycleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ERROR: await-graph contains cycles - cannot print a tree!")?;
        for cycle in &self.cycles {
            let first = cycle.first().map(String::as_str).unwrap_or_default();
            write!(f, "\ncycle: {} → {first}", cycle.join(" → "))?;
        }
        Ok(())
    }
}

impl std::error::Error for CycleError {}

/// The tree of `python -m asyncio pstree`: awaiters above the tasks they await.
///
/// # Errors
///
/// If tasks await each other in circles.
pub fn pstree(tasks: &[Task]) -> Result<String, CycleError> {
    let awaits = Awaits::new(tasks);
    let edges = awaits
        .awaiters
        .iter()
        .flat_map(|(&by, awaiters)| awaiters.iter().map(move |&(task, _)| Edge::Held { task, by }));
    let graph = WaitGraph::build(edges);
    if !graph.cycles().is_empty() {
        let names = |cycle: &super::Cycle| cycle.tasks.iter().map(|&id| awaits.name(id)).collect();
        return Err(CycleError { cycles: graph.cycles().iter().map(names).collect() });
    }
    let mut text = String::new();
    for &root in awaits.tasks.keys().filter(|id| !awaits.awaiters.contains_key(id)) {
        if !draw(&mut text, &awaits, root) {
            text.push_str(CUT);
            break;
        }
    }
    Ok(text)
}

/// What one line of the tree is about.
enum Line<'a> {
    Task(u64),
    Site(u64, String),
    Wait(&'a Frame),
}

/// Draws the tree below one root; `false` if it got too large.
fn draw<'a>(text: &mut String, awaits: &'a Awaits<'_>, root: u64) -> bool {
    let no_indent: Rc<str> = Rc::from("");
    let mut next = vec![(Line::Task(root), no_indent, true)];
    while let Some((line, indent, is_last)) = next.pop() {
        let (flag, label) = match &line {
            Line::Task(id) => ("(T)", awaits.name(*id)),
            Line::Site(_, label) => ("", label.clone()),
            Line::Wait(frame) => ("", frame.label.clone()),
        };
        let branch = if is_last { "└── " } else { "├── " };
        if text.len() + indent.len() + label.len() > TREE_BYTES_MAX {
            return false;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{indent}{branch}{flag} {label}");
        let below: Vec<Line<'a>> = match line {
            Line::Task(id) => match awaits.tasks.get(&id).and_then(|task| task.site.as_ref()) {
                Some(site) => vec![Line::Site(id, words::place(site))],
                None => awaits.drawn(id).map(Line::Wait).collect(),
            },
            Line::Site(id, _) => awaits.drawn(id).map(Line::Wait).collect(),
            Line::Wait(frame) => frame.awaits.iter().map(|&id| Line::Task(id)).collect(),
        };
        let indent: Rc<str> = Rc::from(format!("{indent}{}", if is_last { "    " } else { "│   " }));
        let last = below.len().saturating_sub(1);
        next.extend(
            below
                .into_iter()
                .enumerate()
                .rev()
                .map(|(index, line)| (line, Rc::clone(&indent), index == last)),
        );
    }
    true
}

#[cfg(test)]
mod tests;
