//! The Sync screen: who holds what, who waits for it, how full it is, and for the selected row the chain of waits.

use super::question::TableQuestion;
use super::table::{Row, Table};
use loopscope_inspector::model::why::Chain;
use loopscope_inspector::model::{Place, Sync};

impl Row for Sync {
    type Beside = Option<Followed>;

    fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What a task waits for, followed to the root.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Followed {
    /// The task.
    pub(crate) of: u64,
    /// The chain; `None` if the process does not know the task any more.
    pub(crate) chain: Option<Chain>,
}

/// The lines below the rows, a blank one and a heading included: enough for a chain of some steps.
pub(crate) const LINES: u16 = 14;

/// The most telling place: where it was taken, else where it was made.
pub(crate) fn place(sync: &Sync) -> Option<&Place> {
    sync.held_at.as_ref().or(sync.made_at.as_ref())
}

/// The task whose waits tell most of a resource: the one that waits for it longest, else its holder.
pub(crate) fn task(sync: &Sync) -> Option<u64> {
    sync.waiters.first().copied().or(sync.holder)
}

/// What to ask for with so many rows on the screen, and whether there is room for the chain.
pub(crate) fn question(table: &Table<Sync>, screen: u16, room: bool) -> TableQuestion {
    let why = table.selected().filter(|_| room).and_then(task);
    TableQuestion { why, ..table.question(screen) }
}

/// The chain of the selected row, if it is the one that was asked for.
pub(crate) fn followed(table: &Table<Sync>) -> Option<&Followed> {
    let (_, page) = table.page.as_ref()?;
    let of = table.selected().and_then(task)?;
    page.beside.as_ref().filter(|followed| followed.of == of)
}
