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
    Column { id, title, width, grows, number, rank }
}

/// The task table, from left to right.
pub(crate) const TASK_COLUMNS: &[Column<TaskColumn>] = &[
    column(TaskColumn::Task, "task", 22, 3, false, 0),
    column(TaskColumn::State, "state", 11, 0, false, 1),
    column(TaskColumn::Blocks, "blocks", 7, 0, true, 4),
    column(TaskColumn::Busy, "busy", 9, 0, true, 3),
    column(TaskColumn::Now, "now", 6, 0, true, 5),
    column(TaskColumn::Rate, "polls/s", 8, 0, true, 6),
    column(TaskColumn::Polls, "polls", 11, 0, true, 7),
    column(TaskColumn::Longest, "longest", 9, 0, true, 8),
    column(TaskColumn::Scheduled, "sched", 9, 0, true, 10),
    column(TaskColumn::Wakes, "wakes", 11, 0, true, 12),
    column(TaskColumn::Age, "age", 10, 0, true, 11),
    column(TaskColumn::Site, "spawned at", 24, 1, false, 9),
    column(TaskColumn::Waits, "waits for", 20, 4, false, 2),
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

    #[test]
    fn columns_fill_the_width_and_never_overlap_or_stick_out() {
        for width in 0..300 {
            let mut end = 0;
            for placed in fit(TASK_COLUMNS, width) {
                assert!(placed.x >= end, "{width}");
                end = placed.x + placed.width;
                assert!(end <= width, "{width}");
            }
            assert!(width < 30 || end == width, "{width}: {end}");
        }
    }
}
