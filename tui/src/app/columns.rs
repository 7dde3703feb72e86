//! The columns of tables, and which of them a width has room for.
//!
//! A column has a rank: where there is no room for all, the highest ranks go first, and nothing is squeezed below its
//! width. Columns from [`EXTRA`] on are only shown once those that hold text have room to be read with ease. What is left
//! over goes to the columns that can use it.

/// Columns between two cells.
pub(crate) const GAP: u16 = 1;

/// The rank from which on columns have to wait until those with text are comfortable.
const EXTRA: u8 = 7;
/// What a column of text has to grow by to be comfortable.
const COMFORT: u16 = 12;

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column<Id> {
    /// Which.
    pub(crate) id: Id,
    /// Its title.
    pub(crate) title: &'static str,
    /// The width below which it is left out.
    pub(crate) width: u16,
    /// Its share of what is left over; 0 if more room would not help.
    pub(crate) grows: u16,
    /// Whether it is a number, aligned to the right.
    pub(crate) number: bool,
    /// The higher, the sooner it is left out.
    pub(crate) rank: u8,
    /// What the observed process sorts by to sort by it; empty if it cannot.
    pub(crate) sort: &'static str,
}

impl<Id: Copy> Column<Id> {
    const fn sorted(self, sort: &'static str) -> Self {
        Self { sort, ..self }
    }
}

/// Where a column lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed<Id> {
    /// Which.
    pub(crate) column: Column<Id>,
    /// From the left edge of the table.
    pub(crate) x: u16,
    /// Its width.
    pub(crate) width: u16,
}

/// The columns that a width has room for, and where they lie.
pub(crate) fn fit<Id: Copy>(columns: &[Column<Id>], width: u16) -> Vec<Placed<Id>> {
    let mut kept: Vec<Column<Id>> = columns.to_vec();
    let needed = |kept: &[Column<Id>]| {
        let comfort = if kept.iter().any(|column| column.rank >= EXTRA) { COMFORT } else { 0 };
        let width = |column: &Column<Id>| column.width + if column.grows > 1 { comfort } else { 0 };
        let cells: u32 = kept.iter().map(|column| u32::from(width(column))).sum();
        cells + u32::from(GAP) * (kept.len() as u32).saturating_sub(1)
    };
    while needed(&kept) > u32::from(width) && kept.len() > 1 {
        let worst = (0..kept.len()).max_by_key(|&index| kept[index].rank).unwrap_or(0);
        kept.remove(worst);
    }
    let used: u32 = kept.iter().map(|column| u32::from(column.width + GAP)).sum();
    let mut left = u32::from(width + GAP).saturating_sub(used);
    let mut shares: u32 = kept.iter().map(|column| u32::from(column.grows)).sum();
    let mut x = 0;
    kept.into_iter()
        .map(|column| {
            let share = u32::from(column.grows);
            let more = (left * share).checked_div(shares).unwrap_or(0);
            left -= more;
            shares -= share;
            let wide = column.width.min(width).saturating_add(more as u16).min(width.saturating_sub(x));
            let placed = Placed { column, x, width: wide };
            x = x.saturating_add(wide).saturating_add(GAP).min(width);
            placed
        })
        .collect()
}

/// What the column at this distance from the left edge is sorted by; `None` where there is no column.
pub(crate) fn sort_at<Id: Copy>(columns: &[Column<Id>], width: u16, x: u16) -> Option<&'static str> {
    let hit = fit(columns, width).into_iter().find(|placed| (placed.x..placed.x + placed.width).contains(&x));
    hit.map(|placed| placed.column.sort)
}

/// The columns of the task table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskColumn {
    /// Number and name, in the tree with its branches.
    Task,
    /// Glyph and word.
    State,
    /// Tasks that wait for it, transitively.
    Blocks,
    /// Time in polls since its start.
    Busy,
    /// Part of the time in polls since the last picture.
    Now,
    /// Polls a second since the last picture.
    Rate,
    /// Polls since its start.
    Polls,
    /// The longest poll.
    Longest,
    /// Time in the run queue since its start.
    Scheduled,
    /// Wakes since its start.
    Wakes,
    /// Time since it was spawned.
    Age,
    /// Where it was spawned.
    Site,
    /// What it waits for, in words.
    Waits,
}

const fn column<Id>(
    id: Id,
    title: &'static str,
    width: u16,
    grows: u16,
    number: bool,
    rank: u8,
) -> Column<Id> {
    Column { id, title, width, grows, number, rank, sort: "" }
}

/// The task table, from left to right.
pub(crate) const TASK_COLUMNS: &[Column<TaskColumn>] = &[
    column(TaskColumn::Task, "task", 22, 3, false, 0).sorted("id"),
    column(TaskColumn::State, "state", 11, 0, false, 1).sorted("state"),
    column(TaskColumn::Blocks, "blocks", 7, 0, true, 4).sorted("blocks"),
    column(TaskColumn::Busy, "busy", 9, 0, true, 3).sorted("busy"),
    column(TaskColumn::Now, "now", 6, 0, true, 5),
    column(TaskColumn::Rate, "polls/s", 8, 0, true, 6),
    column(TaskColumn::Polls, "polls", 11, 0, true, 7).sorted("polls"),
    column(TaskColumn::Longest, "longest", 9, 0, true, 8).sorted("longest_poll"),
    column(TaskColumn::Scheduled, "sched", 9, 0, true, 10).sorted("scheduled"),
    column(TaskColumn::Wakes, "wakes", 11, 0, true, 12),
    column(TaskColumn::Age, "age", 10, 0, true, 11),
    column(TaskColumn::Site, "spawned at", 24, 1, false, 9).sorted("site"),
    column(TaskColumn::Waits, "waits for", 20, 4, false, 2),
];

/// The columns of the table of spawn sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SiteColumn {
    /// The name of its first named task.
    Name,
    /// The place.
    Place,
    /// The loop.
    Loop,
    /// Tasks alive.
    Live,
    /// Tasks spawned so far.
    Spawned,
    /// Tasks spawned a second since the last picture.
    Rate,
    /// Tasks that returned.
    Completed,
    /// Tasks dropped before they returned.
    Cancelled,
    /// Tasks that panicked.
    Panicked,
    /// Time in polls since the start.
    Busy,
    /// Part of the time in polls since the last picture.
    Now,
    /// Half of the polls took at most this.
    PollP50,
    /// 99 of 100 polls took at most this.
    PollP99,
    /// The longest poll.
    PollMax,
    /// 99 of 100 times in the run queue were at most this.
    ScheduledP99,
}

/// The table of spawn sites, from left to right.
pub(crate) const SITE_COLUMNS: &[Column<SiteColumn>] = &[
    column(SiteColumn::Name, "name", 12, 2, false, 1).sorted("name"),
    column(SiteColumn::Place, "spawned at", 16, 3, false, 0).sorted("site"),
    column(SiteColumn::Loop, "loop", 4, 0, true, 13),
    column(SiteColumn::Live, "live", 9, 0, true, 2).sorted("live"),
    column(SiteColumn::Spawned, "spawned", 11, 0, true, 8).sorted("spawned"),
    column(SiteColumn::Rate, "new/s", 8, 0, true, 6),
    column(SiteColumn::Completed, "done", 11, 0, true, 11).sorted("completed"),
    column(SiteColumn::Cancelled, "cancel", 8, 0, true, 12).sorted("cancelled"),
    column(SiteColumn::Panicked, "panics", 6, 0, true, 7).sorted("panicked"),
    column(SiteColumn::Busy, "busy", 10, 0, true, 3).sorted("busy"),
    column(SiteColumn::Now, "now", 6, 0, true, 4),
    column(SiteColumn::PollP50, "poll p50", 8, 0, true, 9).sorted("poll.p50"),
    column(SiteColumn::PollP99, "poll p99", 8, 0, true, 5).sorted("poll.p99"),
    column(SiteColumn::PollMax, "poll max", 8, 0, true, 8).sorted("poll.max"),
    column(SiteColumn::ScheduledP99, "sched p99", 9, 0, true, 10).sorted("scheduled.p99"),
];

/// The columns of the table of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerColumn {
    /// When it fires, or that it is late.
    Deadline,
    /// What it is for.
    Kind,
    /// The loop.
    Loop,
    /// The task that waits for it.
    Task,
    /// The place of the `.await` or of the call.
    At,
}

/// The table of timers, from left to right.
pub(crate) const TIMER_COLUMNS: &[Column<TimerColumn>] = &[
    column(TimerColumn::Deadline, "fires in", 16, 0, false, 0).sorted("deadline_in"),
    column(TimerColumn::Kind, "kind", 10, 0, false, 3).sorted("kind"),
    column(TimerColumn::Loop, "loop", 4, 0, true, 4).sorted("loop"),
    column(TimerColumn::Task, "task", 12, 2, false, 1).sorted("task"),
    column(TimerColumn::At, "waited for at", 16, 3, false, 2).sorted("at"),
];

/// The columns of the table of descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IoColumn {
    /// The descriptor's number.
    Fd,
    /// What it is.
    Kind,
    /// The name it was given.
    Name,
    /// The local address.
    Local,
    /// The peer's address.
    Peer,
    /// Bytes read.
    Read,
    /// Bytes read a second since the last picture.
    ReadRate,
    /// Bytes written.
    Written,
    /// Bytes written a second since the last picture.
    WriteRate,
    /// Reads that moved bytes.
    Reads,
    /// Writes that moved bytes.
    Writes,
    /// Calls that found it not ready.
    WouldBlock,
    /// Time since the last read or write.
    Idle,
    /// The tasks that wait for it.
    Waiting,
    /// Where it was made.
    MadeAt,
}

/// The table of descriptors, from left to right.
pub(crate) const IO_COLUMNS: &[Column<IoColumn>] = &[
    column(IoColumn::Fd, "fd", 4, 0, true, 0).sorted("fd"),
    column(IoColumn::Kind, "kind", 12, 0, false, 2).sorted("kind"),
    column(IoColumn::Name, "name", 8, 1, false, 11).sorted("name"),
    column(IoColumn::Local, "local", 15, 1, false, 7).sorted("local"),
    column(IoColumn::Peer, "other end", 15, 1, false, 1).sorted("peer"),
    column(IoColumn::Read, "read", 8, 0, true, 3).sorted("bytes_read"),
    column(IoColumn::ReadRate, "read/s", 8, 0, true, 6),
    column(IoColumn::Written, "written", 8, 0, true, 4).sorted("bytes_written"),
    column(IoColumn::WriteRate, "written/s", 9, 0, true, 6),
    column(IoColumn::Reads, "reads", 9, 0, true, 10).sorted("reads"),
    column(IoColumn::Writes, "writes", 9, 0, true, 10).sorted("writes"),
    column(IoColumn::WouldBlock, "not ready", 9, 0, true, 12).sorted("would_block"),
    column(IoColumn::Idle, "idle for", 9, 0, true, 8).sorted("idle_for"),
    column(IoColumn::Waiting, "who waits", 14, 2, false, 5),
    column(IoColumn::MadeAt, "made at", 16, 1, false, 9),
];

/// The columns of the table of locks, queues and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncColumn {
    /// What it is.
    Kind,
    /// The name it was given.
    Name,
    /// The task that holds it.
    Holder,
    /// For how long.
    HeldFor,
    /// The tasks that wait for it.
    Waiters,
    /// How full it is, as a bar and in words.
    Fill,
    /// Whether waiting for it is part of a cycle.
    Cycle,
    /// Where it was made.
    MadeAt,
    /// Where it was taken.
    HeldAt,
}

/// The table of locks, queues and the like, from left to right.
pub(crate) const SYNC_COLUMNS: &[Column<SyncColumn>] = &[
    column(SyncColumn::Kind, "kind", 11, 0, false, 0).sorted("kind"),
    column(SyncColumn::Name, "name", 10, 1, false, 1).sorted("name"),
    column(SyncColumn::Holder, "held by", 12, 2, false, 2).sorted("holder"),
    column(SyncColumn::HeldFor, "held for", 9, 0, true, 5).sorted("held_for"),
    column(SyncColumn::Waiters, "who waits", 15, 2, false, 3),
    column(SyncColumn::Fill, "fill", 20, 1, false, 4).sorted("len"),
    column(SyncColumn::Cycle, "part of", 15, 0, false, 6).sorted("cycle"),
    column(SyncColumn::HeldAt, "taken at", 16, 1, false, 7).sorted("held_at"),
    column(SyncColumn::MadeAt, "made at", 16, 1, false, 8).sorted("made_at"),
];

/// The columns of the table of warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarningColumn {
    /// Its name, with a glyph; below a group, what it is about.
    Name,
    /// Whether it holds now, or when it was seen last.
    Seen,
    /// When it was seen first.
    Since,
    /// How often it was seen.
    Count,
    /// For how long, or how long the worst took.
    For,
    /// The task.
    Task,
    /// The loop.
    Loop,
    /// The place.
    At,
    /// What is wrong, in words.
    Message,
}

/// The table of warnings, from left to right.
pub(crate) const WARNING_COLUMNS: &[Column<WarningColumn>] = &[
    column(WarningColumn::Name, "warning", 19, 0, false, 0).sorted("name"),
    column(WarningColumn::Seen, "seen", 10, 0, false, 4),
    column(WarningColumn::Since, "first", 10, 0, true, 5),
    column(WarningColumn::Count, "count", 7, 0, true, 3).sorted("count"),
    column(WarningColumn::For, "longest", 9, 0, true, 2).sorted("for"),
    column(WarningColumn::Message, "what is wrong", 20, 4, false, 1).sorted("message"),
    column(WarningColumn::Task, "task", 8, 0, false, 8).sorted("task"),
    column(WarningColumn::Loop, "loop", 4, 0, true, 9).sorted("loop"),
    column(WarningColumn::At, "where", 20, 1, false, 7).sorted("at"),
];

/// The columns of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogColumn {
    /// When it was logged.
    Time,
    /// How much it matters.
    Level,
    /// The task that logged it.
    Task,
    /// Who logged it: mostly the module.
    Target,
    /// What was said, and what else by name.
    Message,
    /// Where it was logged.
    At,
}

/// Log lines, from left to right.
pub(crate) const LOG_COLUMNS: &[Column<LogColumn>] = &[
    column(LogColumn::Time, "time (UTC)", 12, 0, false, 3),
    column(LogColumn::Level, "level", 7, 0, false, 1),
    column(LogColumn::Task, "task", 6, 0, false, 2),
    column(LogColumn::Target, "target", 14, 1, false, 4),
    column(LogColumn::Message, "message", 20, 5, false, 0),
    column(LogColumn::At, "logged at", 20, 1, false, 7),
];

/// The columns of the sums below the table of descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TotalColumn {
    /// Where they were made.
    MadeAt,
    /// What they are.
    Kind,
    /// Open now.
    Open,
    /// Closed.
    Closed,
    /// Bytes read.
    Read,
    /// Bytes written.
    Written,
    /// Reads that moved bytes.
    Reads,
    /// Writes that moved bytes.
    Writes,
    /// Half of the reads came at most so long after readiness.
    DelayP50,
    /// 99 of 100 did.
    DelayP99,
    /// The latest one.
    DelayMax,
}

/// The sums below the table of descriptors, from left to right.
pub(crate) const TOTAL_COLUMNS: &[Column<TotalColumn>] = &[
    column(TotalColumn::MadeAt, "made at", 16, 3, false, 0),
    column(TotalColumn::Kind, "kind", 13, 0, false, 1),
    column(TotalColumn::Open, "open", 7, 0, true, 5),
    column(TotalColumn::Closed, "closed", 9, 0, true, 6),
    column(TotalColumn::Read, "read", 8, 0, true, 2),
    column(TotalColumn::Written, "written", 8, 0, true, 3),
    column(TotalColumn::Reads, "reads", 11, 0, true, 9),
    column(TotalColumn::Writes, "writes", 11, 0, true, 10),
    column(TotalColumn::DelayP50, "ready p50", 9, 0, true, 8),
    column(TotalColumn::DelayP99, "ready p99", 9, 0, true, 4),
    column(TotalColumn::DelayMax, "ready max", 9, 0, true, 7),
];

/// The columns of the list of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessColumn {
    /// Its number.
    Pid,
    /// Its program.
    Program,
    /// How long it has been running.
    Uptime,
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Its loops.
    Loops,
    /// Live tasks.
    Tasks,
    /// Warnings that hold now.
    Warnings,
    /// Loops that stand still.
    Blocked,
    /// What we may do.
    Rights,
}

/// The list of processes, from left to right.
pub(crate) const PROCESS_COLUMNS: &[Column<ProcessColumn>] = &[
    column(ProcessColumn::Pid, "pid", 9, 0, true, 0),
    column(ProcessColumn::Program, "program", 16, 1, false, 1),
    column(ProcessColumn::Uptime, "uptime", 12, 0, true, 3),
    column(ProcessColumn::Cpu, "cpu", 6, 0, true, 6),
    column(ProcessColumn::Memory, "memory", 9, 0, true, 7),
    column(ProcessColumn::Loops, "loops", 6, 0, true, 8),
    column(ProcessColumn::Tasks, "tasks", 10, 0, true, 2),
    column(ProcessColumn::Warnings, "warnings", 9, 0, true, 4),
    column(ProcessColumn::Blocked, "blocked", 8, 0, true, 5),
    column(ProcessColumn::Rights, "rights", 20, 0, false, 9),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::question::Listing;

    fn titles(width: u16) -> Vec<&'static str> {
        fit(TASK_COLUMNS, width).iter().map(|placed| placed.column.title).collect()
    }

    #[test]
    fn what_matters_less_goes_first() {
        assert_eq!(titles(58), ["task", "state", "waits for"]);
        assert_eq!(titles(78), ["task", "state", "blocks", "busy", "waits for"]);
        assert_eq!(titles(118), ["task", "state", "blocks", "busy", "now", "polls/s", "waits for"]);
        let more = ["task", "state", "blocks", "busy", "now", "polls/s", "polls", "longest", "waits for"];
        assert_eq!(titles(138), more);
        assert_eq!(titles(198).len(), TASK_COLUMNS.len());
    }

    fn check_fit<Id: Copy>(columns: &[Column<Id>]) {
        for width in 0..300 {
            let mut end = 0;
            for placed in fit(columns, width) {
                assert!(placed.x >= end, "{width}");
                end = placed.x + placed.width;
                assert!(end <= width, "{width}");
            }
            assert!(width < 30 || end == width, "{width}: {end}");
        }
    }

    #[test]
    fn columns_fill_the_width_and_never_overlap_or_stick_out() {
        check_fit(TASK_COLUMNS);
        check_fit(SITE_COLUMNS);
        check_fit(TIMER_COLUMNS);
        check_fit(IO_COLUMNS);
        check_fit(SYNC_COLUMNS);
        check_fit(TOTAL_COLUMNS);
    }

    fn check_sorts<Id: Copy>(columns: &[Column<Id>], of: Listing) {
        let known: Vec<&str> = of.sorts().iter().map(|sort| sort.name).collect();
        let offered: Vec<&str> =
            columns.iter().map(|column| column.sort).filter(|sort| !sort.is_empty()).collect();
        assert!(offered.iter().all(|sort| known.contains(sort)), "{offered:?} of {known:?}");
        assert!(known.iter().all(|sort| offered.contains(sort)), "{known:?} by {offered:?}");
    }

    #[test]
    fn what_can_be_sorted_by_is_a_column_and_the_other_way_round() {
        check_sorts(TASK_COLUMNS, Listing::Tasks);
        check_sorts(SITE_COLUMNS, Listing::Sites);
        check_sorts(TIMER_COLUMNS, Listing::Timers);
        check_sorts(IO_COLUMNS, Listing::Io);
        check_sorts(SYNC_COLUMNS, Listing::Sync);
    }
}
