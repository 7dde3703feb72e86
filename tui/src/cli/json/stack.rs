//! `dump` and `stack`: stacks of tasks and of threads.

use super::value::{FrameJson, PlaceJson};
use super::{Head, write_array, write_unclosed};
use loopscope_inspector::model::{Branch, Dump, NativeStack, Process, Snapshot, TaskStack, WallTime};
use serde::Serialize;
use std::io::{self, Write};
use std::time::SystemTime;

/// A part of a stack without a fork, and what forks from it.
#[derive(Debug, Serialize)]
struct BranchJson<'a> {
    frames: Vec<FrameJson<'a>>,
    reached: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    branches: Vec<BranchJson<'a>>,
}

impl<'a> BranchJson<'a> {
    /// A branch hangs on one before it, so this ends.
    fn new(stack: &'a TaskStack, index: usize, branch: &'a Branch) -> Self {
        Self {
            frames: branch.frames.iter().map(FrameJson::from).collect(),
            reached: branch.reached.as_str(),
            times: (branch.times > 1).then_some(branch.times),
            branches: stack.forks(index).map(|(index, branch)| Self::new(stack, index, branch)).collect(),
        }
    }
}

/// The stack of one task.
#[derive(Debug, Serialize)]
struct TaskStackJson<'a> {
    task: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "loop")]
    loop_id: u64,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    /// The root's.
    frames: Vec<FrameJson<'a>>,
    reached: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    branches: Vec<BranchJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

impl<'a> From<&'a TaskStack> for TaskStackJson<'a> {
    fn from(stack: &'a TaskStack) -> Self {
        let root = stack.root().map(|root| BranchJson::new(stack, 0, root));
        let root =
            root.unwrap_or(BranchJson { frames: vec![], reached: "unknown", times: None, branches: vec![] });
        Self {
            task: stack.task,
            name: stack.name.as_deref(),
            loop_id: stack.loop_id,
            state: stack.state.as_str(),
            site: stack.site.as_ref().map(PlaceJson::from),
            frames: root.frames,
            reached: root.reached,
            branches: root.branches,
            note: stack.note.as_deref(),
        }
    }
}

/// What is said of all of a dump.
#[derive(Debug, Serialize)]
struct EndJson<'a> {
    slices: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_pause_ns: Option<u64>,
    took_ns: u64,
    silent_loops: &'a [u64],
}

/// The head of a document about one process.
fn about(process: Process, taken_at: WallTime, total: u64, shown: usize) -> Snapshot {
    let shown = u64::try_from(shown).unwrap_or(u64::MAX);
    Snapshot { taken_at, processes: vec![process], total: total.max(shown), shown, ..Snapshot::default() }
}

/// Writes the document of `dump`.
pub(crate) fn write_dump(out: &mut dyn Write, dump: &Dump) -> io::Result<()> {
    let head = about(dump.process.clone(), dump.taken_at, dump.total, dump.stacks.len());
    write_unclosed(out, &Head::new(&head))?;
    write_array(out, "dump", dump.stacks.iter().map(TaskStackJson::from))?;
    let end = EndJson {
        slices: dump.slices,
        longest_pause_ns: dump.longest_pause_ns,
        took_ns: dump.took_ns,
        silent_loops: &dump.silent_loops,
    };
    let end = serde_json::to_string(&end)?;
    writeln!(out, ",{}", end.strip_prefix('{').unwrap_or(&end))
}

/// The stack of one loop's thread.
#[derive(Debug, Serialize)]
struct NativeStackJson<'a> {
    #[serde(rename = "loop")]
    loop_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running_for_ns: Option<u64>,
    frames: Vec<FrameJson<'a>>,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

impl<'a> From<&'a NativeStack> for NativeStackJson<'a> {
    fn from(stack: &'a NativeStack) -> Self {
        Self {
            loop_id: stack.loop_id,
            thread: stack.thread.as_deref(),
            tid: stack.tid,
            task: stack.task,
            task_name: stack.task_name.as_deref(),
            site: stack.site.as_ref().map(PlaceJson::from),
            running_for_ns: stack.running_for_ns,
            frames: stack.frames.iter().map(FrameJson::from).collect(),
            truncated: stack.truncated,
            note: stack.note.as_deref(),
        }
    }
}

/// Writes the document of `stack`.
pub(crate) fn write_stacks(out: &mut dyn Write, process: Process, stacks: &[NativeStack]) -> io::Result<()> {
    let head = about(process, WallTime::from(SystemTime::now()), 0, stacks.len());
    write_unclosed(out, &Head::new(&head))?;
    write_array(out, "stack", stacks.iter().map(NativeStackJson::from))?;
    writeln!(out, "}}")
}
