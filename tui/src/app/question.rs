//! What a screen asks of the observed process, and what it gets.
//!
//! The program holds no table of the process. [`State::question`] names the one thing the screen shows; the feed asks it
//! when it changes and then once an interval; the answer replaces the screen's picture. So a million tasks cost what the
//! rows on the screen cost.
//!
//! [`State::question`]: super::state::State::question

use super::table::Row;
use loopscope_inspector::model::why::Chain;
use loopscope_inspector::model::{
    Frame, Hist, Io, LogLine, Logs, Loop, Place, Process, Site, Sync, Task, Timer, TreeNode, WallTime,
    Warning,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most rows one page asks for; a terminal of more lines shows the rest as not read.
pub(crate) const PAGE_ROWS_MAX: u64 = 200;
/// Sites that Overview shows.
pub(crate) const SITES_MAX: usize = 12;
/// Problems that Overview lists; the verdict counts all.
pub(crate) const PROBLEMS_MAX: usize = 50;
/// Warnings that their screen lists: grouped, they are all in memory.
pub(crate) const WARNINGS_MAX: u64 = 500;
/// Log lines that a task page lists.
pub(crate) const TASK_LOGS_MAX: u64 = 10;
/// Children and waiters that a task page lists; their counts are exact.
pub(crate) const RELATIVES_MAX: usize = 50;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The processes that can be attached to.
    Processes,
    /// The verdict, the loops, the busiest sites.
    Overview,
    /// Some rows of a table.
    Table(TableQuestion),
    /// One task, with its relatives.
    Task(u64),
    /// The log lines since the last answer.
    Logs,
}

/// A table of the observed process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Its tasks.
    Tasks,
    /// Its spawn sites.
    Sites,
    /// Its pending timers.
    Timers,
    /// Its descriptors.
    Io,
    /// What its tasks synchronise with.
    Sync,
    /// What is wrong with it.
    Warnings,
    /// What it logs.
    Logs,
}

/// Which rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableQuestion {
    /// Which table.
    pub(crate) of: Listing,
    /// Tree or flat; only tasks make a tree.
    pub(crate) shape: Shape,
    /// A filter of `model::query`; empty for all.
    pub(crate) filter: String,
    /// The column to sort by, as the filter language names it; the flat table only.
    pub(crate) sort: &'static str,
    /// Whether the greatest comes first.
    pub(crate) descending: bool,
    /// The first row wanted.
    pub(crate) offset: u64,
    /// The number of rows wanted, at most [`PAGE_ROWS_MAX`].
    pub(crate) limit: u64,
    /// Give the page that holds this task instead of the one at `offset`.
    pub(crate) around: Option<u64>,
    /// Histograms that are shown besides.
    pub(crate) histograms: Option<Wanted>,
    /// The task whose chain of waits is shown besides.
    pub(crate) why: Option<u64>,
}

/// Which histograms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// How long polls of a site took, and how long its tasks stood in the run queue.
    Site(SiteKey),
    /// How late the timers of each loop fired.
    Lateness,
}

/// What tells one spawn site of a process from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SiteKey {
    /// The loop.
    pub(crate) loop_id: Option<u64>,
    /// The place.
    pub(crate) site: Place,
}

impl TableQuestion {
    /// Whether both ask for rows of the same rows in the same order.
    pub(crate) fn is_same_table(&self, other: &Self) -> bool {
        let table = |question: &Self| (question.of, question.sort, question.descending);
        table(self) == table(other) && (&self.shape, &self.filter) == (&other.shape, &other.filter)
    }
}

/// The two shapes of the task table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A parent before its children.
    Tree {
        /// Whether children are shown unless said otherwise.
        expanded: bool,
        /// The tasks for which it is the other way round.
        except: BTreeSet<u64>,
    },
    /// Sorted.
    Flat,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// To [`Question::Processes`].
    Processes(Vec<Process>),
    /// To [`Question::Overview`].
    Overview(Box<Overview>),
    /// To [`Question::Table`] of [`Listing::Tasks`]; `depth` is 0 in a flat table.
    Tasks(Box<Page<TreeNode>>),
    /// To [`Question::Table`] of [`Listing::Sites`].
    Sites(Box<Page<Site>>),
    /// To [`Question::Table`] of [`Listing::Timers`].
    Timers(Box<Page<Timer>>),
    /// To [`Question::Table`] of [`Listing::Io`].
    Io(Box<Page<Io>>),
    /// To [`Question::Table`] of [`Listing::Sync`].
    Sync(Box<Page<Sync>>),
    /// To [`Question::Table`] of [`Listing::Warnings`].
    Warnings(Box<Warned>),
    /// To [`Question::Logs`]; or why there are none.
    Logs(Result<Box<Logs>, String>),
    /// To [`Question::Task`]; `None` if the process does not know it any more.
    Task(Option<Box<TaskPicture>>),
}

/// The whole process, as small as it can be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Overview {
    /// When it was taken.
    pub(crate) taken_at: WallTime,
    /// The process.
    pub(crate) process: Process,
    /// Its loops.
    pub(crate) loops: Vec<Loop>,
    /// Its tasks by state.
    pub(crate) counts: Counts,
    /// Its busiest spawn sites, the busiest first.
    pub(crate) sites: Vec<Site>,
    /// Its problems, the worst first.
    pub(crate) problems: Vec<Warning>,
    /// How many problems there are, those left out included.
    pub(crate) problem_count: u64,
    /// Records lost, or unreadable while they changed.
    pub(crate) dropped: u64,
}

/// Tasks by state; `None` where it is not known. Finished ones are those that the process still has a record of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Waiting for a wake.
    pub(crate) idle: Option<u64>,
    /// In a run queue.
    pub(crate) scheduled: Option<u64>,
    /// Being polled.
    pub(crate) running: Option<u64>,
    /// Returned.
    pub(crate) completed: Option<u64>,
    /// Dropped before they returned.
    pub(crate) cancelled: Option<u64>,
    /// Panicked.
    pub(crate) panicked: Option<u64>,
}

/// Some rows of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page<R: Row> {
    /// When it was taken.
    pub(crate) taken_at: WallTime,
    /// The process.
    pub(crate) process: Process,
    /// The number of the first row.
    pub(crate) offset: u64,
    /// All rows there are, under this filter and, in a tree, with these children shown.
    pub(crate) total: u64,
    /// The rows.
    pub(crate) rows: Vec<R>,
    /// Records lost, or unreadable while they changed.
    pub(crate) dropped: u64,
    /// What the screen shows besides the rows.
    pub(crate) beside: R::Beside,
}

/// What is wrong with the process, as much of it as is listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Warned {
    /// When it was taken.
    pub(crate) taken_at: WallTime,
    /// The process.
    pub(crate) process: Process,
    /// How many there are that match.
    pub(crate) total: u64,
    /// [`WARNINGS_MAX`] of them at most, in the order asked for.
    pub(crate) rows: Vec<Warning>,
    /// Records lost, or unreadable while they changed.
    pub(crate) dropped: u64,
}

/// One task and those near it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TaskPicture {
    /// When it was taken.
    pub(crate) taken_at: WallTime,
    /// The process.
    pub(crate) process: Process,
    /// The task.
    pub(crate) task: Task,
    /// Its parent, the parent's parent and so on, the nearest first.
    pub(crate) ancestors: Vec<Task>,
    /// Its children, [`RELATIVES_MAX`] at most.
    pub(crate) children: Vec<Task>,
    /// How many children it has.
    pub(crate) child_count: u64,
    /// The tasks that wait for it directly, [`RELATIVES_MAX`] at most.
    pub(crate) waiters: Vec<Task>,
    /// How many tasks wait for it directly.
    pub(crate) waiter_count: u64,
    /// From this task to the root of its wait.
    pub(crate) chain: Option<Chain>,
    /// The site it was spawned at.
    pub(crate) site: Option<Site>,
    /// How long polls of its site took.
    pub(crate) poll: Hist,
    /// How long tasks of its site stood in the run queue.
    pub(crate) scheduled: Hist,
    /// The warnings that hold of it.
    pub(crate) warnings: Vec<Warning>,
    /// The stack by which it was spawned, the innermost first; empty where none was captured.
    pub(crate) created: Vec<Frame>,
    /// Its latest log lines, [`TASK_LOGS_MAX`] at most; `None` where the application keeps none.
    pub(crate) logs: Option<Vec<Arc<LogLine>>>,
}
