//! Who awaits whom, with stacks: what `asyncio.capture_call_graph` gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::{Dump, Frame, Options, dump};
use crate::event_loop::current;
use crate::event_loop::handle::{Handle, LoopEnded};
use crate::task::TaskId;
use crate::telemetry::WaitKind;

/// A task, where it stands, and the tasks that await it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallGraph {
    /// Its number.
    pub task: TaskId,
    /// Its name.
    pub name: Option<String>,
    /// Its awaits, innermost first. Of a task that waits for several things at once it is the way to where that begins.
    pub call_stack: Vec<Frame>,
    /// The tasks that await it, in the order they were spawned.
    pub awaited_by: Vec<CallGraph>,
    /// It awaits itself, if by way of others: it stands here a second time, and its own awaiters are not shown again.
    pub is_cycle: bool,
}

/// Where a task stands, who awaits it, who awaits that one, and so on; of the running task unless another one is named. `None`
/// when there is no such task.
///
/// `limit` is how many frames of each stack are kept: of a positive number the innermost, of a negative one the outermost, none of
/// 0, all of `None`.
///
/// # Cancel safety
///
/// Dropping the future has no effect but that of [`dump`].
///
/// # Errors
///
/// When the loop ends meanwhile.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// use loopscope::introspect::{capture_call_graph, format_call_graph};
///
/// loopscope::run(async {
///     let graph = capture_call_graph(None, None).await.unwrap().unwrap();
///     assert!(graph.awaited_by.is_empty());
///     print!("{}", format_call_graph(&graph));
/// });
/// ```
#[doc(alias = "asyncio.capture_call_graph")]
pub async fn capture_call_graph(
    task: Option<TaskId>,
    limit: Option<isize>,
) -> Result<Option<CallGraph>, LoopEnded> {
    let lp = current::expect("capture_call_graph");
    let Some(task) = task.or_else(|| Some(lp.running_id()).filter(|id| *id != 0).map(TaskId::from_raw))
    else {
        return Ok(None);
    };
    let dump = dump(&Handle::of(lp), Options::new().limit(usize::MAX)).await?;
    Ok(graph_of(&dump, task, limit))
}

/// A call graph as text, as asyncio writes it.
#[doc(alias = "asyncio.format_call_graph")]
pub fn format_call_graph(graph: &CallGraph) -> String {
    let mut text = String::new();
    format_at(graph, 0, &mut text);
    text
}

/// Writes the call graph of a task, or of the running one, to standard output.
///
/// # Cancel safety
///
/// As of [`capture_call_graph`].
///
/// # Errors
///
/// When the loop ends meanwhile, or standard output refuses the text.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.print_call_graph")]
pub async fn print_call_graph(task: Option<TaskId>, limit: Option<isize>) -> io::Result<()> {
    let graph = capture_call_graph(task, limit).await.map_err(io::Error::other)?;
    let text = graph.as_ref().map(format_call_graph).unwrap_or_default();
    io::stdout().write_all(text.as_bytes())
}

fn format_at(graph: &CallGraph, level: usize, text: &mut String) {
    let indent = "    ".repeat(level);
    let name = graph.name.as_ref().map_or_else(String::new, |name| format!("name={name:?}, "));
    let cycle = if graph.is_cycle { " (awaits itself: see above)" } else { "" };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{indent}* Task({name}id={}){cycle}", graph.task.as_u64());
    if graph.is_cycle {
        return;
    }
    let _ = writeln!(text, "{indent}  + Call stack:");
    for Frame { function, at } in &graph.call_stack {
        let _ = match at {
            Some(at) => {
                writeln!(text, "{indent}  |   File {:?}, line {}, in async {function}()", at.file, at.line)
            }
            None => writeln!(text, "{indent}  |   in async {function}()"),
        };
    }
    if !graph.awaited_by.is_empty() {
        let _ = writeln!(text, "{indent}  + Awaited by:");
        for by in &graph.awaited_by {
            format_at(by, level + 1, text);
        }
    }
}

/// Who awaits whom: by joins, and by groups, whose owner awaits what was spawned into them.
fn graph_of(dump: &Dump, task: TaskId, limit: Option<isize>) -> Option<CallGraph> {
    let tasks: HashMap<TaskId, usize> =
        dump.tasks.iter().enumerate().map(|(at, task)| (task.task, at)).collect();
    let mut awaiters: BTreeMap<TaskId, BTreeSet<TaskId>> = BTreeMap::new();
    let mut children: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
    for child in &dump.tasks {
        children.entry(child.parent.unwrap_or(child.task)).or_default().push(child.task);
    }
    for waiting in &dump.tasks {
        let joined =
            waiting.waits.iter().filter_map(|wait| wait.task.filter(|_| wait.kind == WaitKind::Join));
        // A group's wait does not say for which of its owner's children: all that are pending may be of it.
        let is_of_group = waiting.waits.iter().any(|wait| wait.kind == WaitKind::Group);
        let children = children.get(&waiting.task).filter(|_| is_of_group).into_iter().flatten().copied();
        for awaited in joined.chain(children).filter(|awaited| *awaited != waiting.task || !is_of_group) {
            awaiters.entry(awaited).or_default().insert(waiting.task);
        }
    }
    Growing { dump, tasks, awaiters, limit, above: Vec::new() }.graph(task)
}

/// A call graph being put together.
struct Growing<'a> {
    dump: &'a Dump,
    tasks: HashMap<TaskId, usize>,
    awaiters: BTreeMap<TaskId, BTreeSet<TaskId>>,
    limit: Option<isize>,
    /// The tasks from the first to the one being looked at.
    above: Vec<TaskId>,
}

impl Growing<'_> {
    fn graph(&mut self, task: TaskId) -> Option<CallGraph> {
        let stack = &self.dump.tasks[*self.tasks.get(&task)?];
        let name = stack.name.clone();
        let is_cycle = self.above.contains(&task);
        let call_stack: Vec<Frame> = stack
            .branches
            .first()
            .map(|root| root.frames.iter().rev().cloned().collect())
            .unwrap_or_default();
        let mut graph = CallGraph {
            task,
            name,
            call_stack: cut(call_stack, self.limit),
            awaited_by: Vec::new(),
            is_cycle,
        };
        if !is_cycle {
            self.above.push(task);
            let by = self.awaiters.get(&task).cloned().unwrap_or_default();
            graph.awaited_by = by.into_iter().filter_map(|by| self.graph(by)).collect();
            self.above.pop();
        }
        Some(graph)
    }
}

/// The frames that the limit leaves, innermost first.
fn cut(mut frames: Vec<Frame>, limit: Option<isize>) -> Vec<Frame> {
    let Some(limit) = limit else { return frames };
    let left_out = frames.len().saturating_sub(limit.unsigned_abs());
    if limit < 0 {
        frames.drain(..left_out);
    } else {
        frames.truncate(frames.len() - left_out);
    }
    frames
}
