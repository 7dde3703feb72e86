//! The tasks as `python -m asyncio ps` and `pstree` of Python 3.14 print them: the same columns, the same shapes.
//!
//! With a dump there are real frames: functions with the lines of their `.await`s. Without one a task has the place where it was
//! spawned as its outermost frame, and the kind and place of each of its waits as the innermost. Awaiters are, as in Python, who joins a task and whose group
//! it is in; a lock's holder is not. Task ids are printed in hexadecimal as Python prints addresses; a task without a name
//! is called `Task-` and its id. Tasks that are over, callbacks and blocking jobs are left out.

use super::graph::{Edge, Members, WaitGraph};
use super::words::{self, NAME_CHARS_MAX, escape};
use super::{Dump, Frame, Loop, Place, Task, TaskKind, TaskStack, Wait, WaitKind};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::rc::Rc;

/// The most bytes that a tree may have: a task awaited by two is drawn twice, so that a few tasks can make a huge one.
pub const TREE_BYTES_MAX: usize = 16 << 20;

/// How many characters of a function's name are shown.
const FUNCTION_CHARS_MAX: usize = 160;

/// What stands at the end of a tree that was cut.
const CUT: &str = "… the tree is cut here\n";

/// The frames from the root of a task to one thing that it waits for, and the tasks that it awaits there.
struct Path {
    /// As the tree has them, the outermost first.
    labels: Vec<String>,
    /// As the table has them, the outermost first.
    names: Vec<String>,
    /// The lines of the frames, for telling which wait is whose.
    places: Vec<Place>,
    awaits: Vec<u64>,
}

impl Path {
    /// What is known without a dump: where the task was spawned, and what it waits for.
    fn of_wait(task: &Task, wait: &Wait) -> Self {
        let kind = wait.kind.as_str();
        let site = task.site.as_ref().map(words::place);
        let label =
            wait.at.as_ref().map_or_else(|| kind.to_owned(), |at| format!("{kind} {}", words::place(at)));
        let names = site.iter().cloned().chain([kind.to_owned()]).collect();
        Self { labels: site.into_iter().chain([label]).collect(), names, places: vec![], awaits: vec![] }
    }

    /// Where the task was spawned, when nothing else is known.
    fn of_site(task: &Task) -> Option<Self> {
        let site = task.site.as_ref().map(words::place)?;
        Some(Self { labels: vec![site.clone()], names: vec![site], places: vec![], awaits: vec![] })
    }

    /// The paths of a stack, one for each end; none where nothing was reached.
    fn of_stack(stack: &TaskStack) -> Vec<Self> {
        let ends = (0..stack.branches.len()).filter(|&index| stack.forks(index).next().is_none());
        let path = |end: usize| {
            // From the end up to the root: each branch hangs on one before it.
            let up = std::iter::successors(Some(end), |&index| stack.branches[index].parent);
            let mut branches: Vec<usize> = up.collect();
            branches.reverse();
            let frames: Vec<&Frame> =
                branches.into_iter().flat_map(|index| &stack.branches[index].frames).collect();
            let name = |frame: &&Frame| escape(&frame.function, FUNCTION_CHARS_MAX).into_owned();
            let label = |frame: &&Frame| match &frame.at {
                Some(at) => format!("{} {}", name(frame), words::place(at)),
                None => name(frame),
            };
            Self {
                labels: frames.iter().map(label).collect(),
                names: frames.iter().map(name).collect(),
                places: frames.iter().filter_map(|frame| frame.at.clone()).collect(),
                awaits: Vec::new(),
            }
        };
        ends.map(path).filter(|path| !path.labels.is_empty()).collect()
    }

    /// The names, the innermost first.
    fn chain(&self) -> String {
        self.names.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" -> ")
    }
}

/// The pending tasks and who awaits whom.
struct Awaits<'a> {
    tasks: BTreeMap<u64, &'a Task>,
    paths: BTreeMap<u64, Vec<Path>>,
    /// From a task to those that await it, each with the path that does.
    awaiters: BTreeMap<u64, Vec<(u64, usize)>>,
}

impl<'a> Awaits<'a> {
    fn new(all: &'a [Task], dump: Option<&Dump>) -> Self {
        let members = Members::of_tasks(all);
        let is_pending = |task: &&Task| task.kind == TaskKind::Task && !task.state.is_finished();
        let tasks: BTreeMap<u64, &Task> = all.iter().filter(is_pending).map(|task| (task.id, task)).collect();
        let stacks = dump.map(|dump| dump.stacks.as_slice()).unwrap_or_default();
        let stacks: BTreeMap<u64, &TaskStack> = stacks.iter().map(|stack| (stack.task, stack)).collect();
        let mut paths = BTreeMap::new();
        let mut awaiters: BTreeMap<u64, Vec<(u64, usize)>> = BTreeMap::new();
        for (&id, task) in &tasks {
            let mut of_task = stacks.get(&id).map(|stack| Path::of_stack(stack)).unwrap_or_default();
            let is_dumped = !of_task.is_empty();
            for wait in &task.waiting_on {
                let joined = wait.task.filter(|_| matches!(wait.kind, WaitKind::Join | WaitKind::Group));
                let awaited = members.of(id, wait).unwrap_or_default().iter().copied().chain(joined);
                let mut awaits: Vec<u64> = awaited.filter(|id| tasks.contains_key(id)).collect();
                let at = if is_dumped {
                    let is_its = |path: &Path| {
                        wait.at.as_ref().is_some_and(|at| path.places.iter().any(|place| place.same_line(at)))
                    };
                    of_task.iter().position(is_its).unwrap_or(0)
                } else {
                    let path = Path::of_wait(task, wait);
                    let same = of_task.iter().position(|known| known.labels == path.labels);
                    same.unwrap_or_else(|| {
                        of_task.push(path);
                        of_task.len() - 1
                    })
                };
                for &other in &awaits {
                    awaiters.entry(other).or_default().push((id, at));
                }
                of_task[at].awaits.append(&mut awaits);
            }
            if of_task.is_empty() {
                of_task.extend(Path::of_site(task));
            }
            paths.insert(id, of_task);
        }
        for of_one in awaiters.values_mut() {
            of_one.sort_unstable();
            of_one.dedup();
        }
        Self { tasks, paths, awaiters }
    }

    fn name(&self, id: u64) -> String {
        let name = self.tasks.get(&id).and_then(|task| task.name.as_deref()).filter(|name| !name.is_empty());
        name.map_or_else(|| format!("Task-{id}"), |name| escape(name, NAME_CHARS_MAX).into_owned())
    }

    /// The names of the frames of one path of a task, the innermost first.
    fn chain(&self, id: u64, path: usize) -> String {
        self.paths.get(&id).and_then(|paths| paths.get(path)).map(Path::chain).unwrap_or_default()
    }

    /// The paths of a task that are drawn: those that await tasks, or all where none does.
    fn drawn(&self, id: u64) -> impl Iterator<Item = &Path> {
        let paths = self.paths.get(&id).map(Vec::as_slice).unwrap_or_default();
        let is_leaf = paths.iter().all(|path| path.awaits.is_empty());
        paths.iter().filter(move |path| is_leaf || !path.awaits.is_empty())
    }
}

/// The table of `python -m asyncio ps`: a header, a rule, and a row for each task and each of its awaiters.
pub fn ps(tasks: &[Task], loops: &[Loop], dump: Option<&Dump>) -> String {
    let awaits = Awaits::new(tasks, dump);
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
        let stack = awaits.drawn(id).next().map(Path::chain).unwrap_or_default();
        let awaiters = awaits.awaiters.get(&id).map(Vec::as_slice).unwrap_or_default();
        for &(awaiter, path) in awaiters {
            let chain = awaits.chain(awaiter, path);
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
pub fn pstree(tasks: &[Task], dump: Option<&Dump>) -> Result<String, CycleError> {
    let awaits = Awaits::new(tasks, dump);
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
    /// A frame at this depth, which all of these paths share.
    Frame {
        label: &'a str,
        depth: usize,
        paths: Vec<&'a Path>,
    },
}

/// The lines below a frame that these paths share: the next frames, those that look alike as one, and the tasks that are awaited
/// where a path ends.
fn below<'a>(paths: &[&'a Path], depth: usize) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for &path in paths {
        let Some(next) = path.labels.get(depth) else {
            lines.extend(path.awaits.iter().map(|&id| Line::Task(id)));
            continue;
        };
        let same = lines.iter_mut().find_map(|line| match line {
            Line::Frame { label, paths, .. } if *label == next => Some(paths),
            _ => None,
        });
        match same {
            Some(paths) => paths.push(path),
            None => lines.push(Line::Frame { label: next, depth, paths: vec![path] }),
        }
    }
    lines
}

/// Draws the tree below one root; `false` if it got too large.
fn draw<'a>(text: &mut String, awaits: &'a Awaits<'_>, root: u64) -> bool {
    let no_indent: Rc<str> = Rc::from("");
    let mut next = vec![(Line::Task(root), no_indent, true)];
    while let Some((line, indent, is_last)) = next.pop() {
        let (flag, label) = match &line {
            Line::Task(id) => ("(T)", awaits.name(*id)),
            Line::Frame { label, .. } => ("", (*label).to_owned()),
        };
        let branch = if is_last { "└── " } else { "├── " };
        if text.len() + indent.len() + label.len() > TREE_BYTES_MAX {
            return false;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{indent}{branch}{flag} {label}");
        let below: Vec<Line<'a>> = match line {
            Line::Task(id) => below(&awaits.drawn(id).collect::<Vec<_>>(), 0),
            Line::Frame { depth, paths, .. } => below(&paths, depth + 1),
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
