//! Where every task stands: for each pending one the chain of `.await`s from its root to what it waits for, with function and line.
//!
//! ```text
//!   dump ──► loop: slices of capture polls, between its batches ──► a thread: addresses become await frames ──► Dump
//!              2 ms at most, then everybody else has a turn           (line tables are read off the loop)
//! ```
//!
//! No annotation is needed in the program, only line tables (`debug = "line-tables-only"`), in release builds too. A task is
//! asked by polling it: leaves answer truthfully, so that is a spurious poll like any other, and whoever keeps the poll's waker
//! says by which calls it was reached. Tasks that are scheduled anyway are shown as such and not polled.
//!
//! What can be reached: all waits of this library, below whatever combinator; waits of others (a tokio mutex, a futures
//! channel) that keep the task's waker. What cannot: a wait of another library inside of a combinator that has wakers of its own,
//! such as `FuturesUnordered`. There the combinator's line is the last, and the branch says [`Reached::Combinator`].
//!
//! # What the build has to keep
//!
//! Line tables (`debug = "line-tables-only"`) give the file and line of every await. They do not name functions that the optimizer
//! inlined into others, which are shown as `{async fn}` or `{async block}` with their line; `debug = "limited"` keeps those names
//! too. Without either, functions go by the table of symbols alone, and in a stripped program by module and address, as in
//! `app+0x2a1c0`. A tail call leaves no frame of its caller.

mod await_frames;
mod branches;
mod call_graph;
mod display;
mod function_name;
mod leaf_names;
mod slices;

pub use branches::{Branch, Reached};
pub use call_graph::{CallGraph, capture_call_graph, format_call_graph, print_call_graph};
pub use slices::{Dumping, dump};

pub use crate::debug::Frame;

use std::time::Duration;

use crate::task::TaskId;
use crate::telemetry::{Place, ResourceId, TaskKind, WaitKind};

/// What is asked for, and how long the loop may pause for it.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) tasks: Option<Vec<TaskId>>,
    pub(crate) limit: usize,
    pub(crate) slice: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { tasks: None, limit: 100_000, slice: Duration::from_millis(2) }
    }
}

impl Options {
    /// All tasks, 100,000 at most, in slices of 2 ms.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these tasks.
    #[must_use]
    pub fn tasks(mut self, tasks: impl IntoIterator<Item = TaskId>) -> Self {
        self.tasks = Some(tasks.into_iter().collect());
        self
    }

    /// So many tasks at most; further ones are [counted](Dump::left_out).
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// How long the loop pauses at once, from 0.1 to 100 ms. A single poll can take longer; [`Dump::longest_pause`] says how long it was.
    #[must_use]
    pub fn slice(mut self, slice: Duration) -> Self {
        self.slice = slice.clamp(Duration::from_micros(100), Duration::from_millis(100));
        self
    }
}

/// Where the tasks of one loop stand.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dump {
    /// The loop's number.
    pub loop_id: u64,
    /// The tasks in the order they were spawned.
    pub tasks: Vec<TaskStack>,
    /// Tasks that were not asked, because of the [limit](Options::limit).
    pub left_out: u64,
    /// How often the loop paused.
    pub slices: u32,
    /// Its longest pause.
    pub longest_pause: Duration,
    /// All pauses together.
    pub paused: Duration,
}

/// Where one task stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskStack {
    /// Its number.
    pub task: TaskId,
    /// Its name.
    pub name: Option<String>,
    /// What runs.
    pub kind: TaskKind,
    /// The task that spawned it, or that owns its group.
    pub parent: Option<TaskId>,
    /// Where it was spawned.
    pub spawned_at: Option<Place>,
    /// Its awaits. The first branch begins at the task's root, and is the only one unless the task waits for several things at
    /// once. There is always one, if need be without frames.
    pub branches: Vec<Branch>,
    /// What its wait entries say, also where no stack was reached.
    pub waits: Vec<TaskWait>,
    /// Further stacks that were found and are not shown.
    pub left_out: u64,
}

/// One thing that a task waits for, as its wait entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskWait {
    /// What for.
    pub kind: WaitKind,
    /// The place of the `.await`.
    pub at: Option<Place>,
    /// The task waited for, of a join.
    pub task: Option<TaskId>,
    /// The resource waited for.
    pub resource: Option<ResourceId>,
}
