//! One picture: what was asked for, at one time.

use super::{Io, IoTotal, Job, Loop, Pool, Process, Site, Sync, Task, Timer, WallTime, Warning};

/// One picture of one or more processes: the document that `--json` prints.
///
/// A table that was not asked for is `None`; one that was asked for and is empty is `Some` of nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When it was taken.
    pub taken_at: WallTime,
    /// The processes that are seen.
    pub processes: Vec<Process>,
    /// Rows that matched the filter.
    pub total: u64,
    /// Rows that are in the table, the others being cut off by the limit.
    pub shown: u64,
    /// Records that were lost, or could not be read while they changed.
    pub dropped: u64,
    /// `tasks`.
    pub tasks: Option<Vec<Task>>,
    /// `tree`: the rows in the order of display, a parent before its children.
    pub tree: Option<Vec<TreeNode>>,
    /// The cycles of the wait-for graph, asked for with `tree`.
    pub cycles: Option<Vec<Cycle>>,
    /// `sites`.
    pub sites: Option<Vec<Site>>,
    /// `timers`.
    pub timers: Option<Vec<Timer>>,
    /// `io`.
    pub io: Option<Vec<Io>>,
    /// What went through all descriptors of each kind and place, closed ones included; asked for with `io`.
    pub io_totals: Option<Vec<IoTotal>>,
    /// `sync`.
    pub sync: Option<Vec<Sync>>,
    /// `blocking`: the jobs on blocking threads.
    pub blocking: Option<Vec<Job>>,
    /// The pools that run them; asked for with `blocking`.
    pub pools: Option<Vec<Pool>>,
    /// `loops`.
    pub loops: Option<Vec<Loop>>,
    /// `warnings`.
    pub warnings: Option<Vec<Warning>>,
}

/// One row of the task tree.
///
/// The tree is a flat list: a tree a hundred thousand levels deep can then be cut into pages, sent, and dropped without
/// recursion. The children of a row are the rows that follow it and are one deeper, up to the next row that is not deeper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeNode {
    /// 0 for a root.
    pub depth: u32,
    /// Its children, whether or not they are among the rows.
    pub children: u64,
    /// Its children, their children and so on.
    pub descendants: u64,
    /// Whether it is the last child of its parent.
    pub last: bool,
    /// The task.
    pub task: Task,
}

/// Tasks that wait for each other in a circle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cycle {
    /// Whether nothing outside can end it.
    pub deadlock: bool,
    /// The tasks of a shortest circle, each waiting for the next and the last for the first, the smallest id first.
    pub tasks: Vec<u64>,
    /// Further tasks that wait for the circle, transitively.
    pub behind: u64,
}
