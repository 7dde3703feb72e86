//! What a client gets.

use crate::model::{Frame, Hist, Process, Site, Snapshot, Task, Wait};

/// The answer to the handshake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hello {
    /// The oldest protocol that the other end speaks.
    pub protocol_min: u32,
    /// The newest protocol that the other end speaks.
    pub protocol_max: u32,
    /// The newest that both speak, if there is one.
    pub protocol: Option<u32>,
    /// The process, with rights, capabilities and version.
    pub process: Process,
    /// When the process was started, in clock ticks since the machine's boot.
    pub start_ticks: Option<u64>,
}

/// A table of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// `tasks`.
    Tasks,
    /// `tree`.
    Tree,
    /// `sites`.
    Sites,
    /// `timers`.
    Timers,
    /// `io`.
    Io,
    /// `sync`.
    Sync,
    /// `blocking`.
    Blocking,
    /// `loops`.
    Loops,
    /// `warnings`.
    Warnings,
}

/// How much of a table there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Which.
    pub table: Table,
    /// Rows that matched.
    pub total: u64,
    /// Rows that are here.
    pub shown: u64,
    /// Records that could not be read because they changed under the reader, and entries of rows that were cut off.
    pub dropped: u64,
    /// Rows before the first one that is here.
    pub offset: u64,
}

/// How many tasks there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// Waiting for a wake.
    pub idle: u64,
    /// Woken, in the run queue.
    pub scheduled: u64,
    /// Being polled.
    pub running: u64,
    /// Recently returned.
    pub completed: u64,
    /// Recently dropped.
    pub cancelled: u64,
    /// Recently panicked.
    pub panicked: u64,
}

/// One picture of one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The tables. `total`, `shown` and `dropped` are those of the first table that was asked for.
    pub snapshot: Snapshot,
    /// The same for each table.
    pub tables: Vec<TableInfo>,
    /// The task that was asked for in detail.
    pub detail: Option<Box<Detail>>,
    /// The task whose chain was asked for, then every task that it waits for, directly or not.
    pub chain: Vec<Task>,
    /// How many tasks there are in each state, if that was asked for.
    pub states: Option<States>,
    /// What the reading cost the agent's thread.
    pub reading_ns: u64,
}

impl Picture {
    /// How much of a table there is, if it was asked for.
    pub fn info(&self, table: Table) -> Option<TableInfo> {
        self.tables.iter().copied().find(|info| info.table == table)
    }

    /// The process.
    pub fn process(&self) -> Option<&Process> {
        self.snapshot.processes.first()
    }
}

/// One task with all there is to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// The task.
    pub task: Task,
    /// All it waits for, the oldest first.
    pub waits: Vec<Wait>,
    /// Waits left out of `waits`.
    pub waits_more: u64,
    /// The site it was spawned at.
    pub site: Option<Site>,
    /// How long the polls of its site took.
    pub poll: Option<Hist>,
    /// How long its site's tasks stood in the run queue.
    pub scheduled: Option<Hist>,
    /// Its children.
    pub children: Vec<Task>,
    /// Children left out of `children`.
    pub children_more: u64,
    /// Its parent, the parent of that and so on, as far as they are there.
    pub ancestors: Vec<Task>,
    /// The tasks that wait for it, directly.
    pub waiters: Vec<Task>,
    /// Tasks left out of `waiters`.
    pub waiters_more: u64,
    /// The stack by which it was spawned, innermost first; empty where none was captured.
    pub created: Vec<Frame>,
}
