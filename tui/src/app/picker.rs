//! The list of processes that can be attached to.

use super::cursor::Cursor;
use loopscope_inspector::model::Process;

/// The list of processes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Picker {
    /// The processes, in the order of their numbers; `None` before the first look.
    pub(crate) processes: Option<Vec<Process>>,
    /// The selected one.
    pub(crate) cursor: Cursor,
}

impl Picker {
    /// Takes a new list; the selection stays on its process.
    pub(crate) fn take(&mut self, mut processes: Vec<Process>) {
        processes.sort_by_key(|process| process.pid);
        let selected = self.selected().map(|process| process.pid);
        if let Some(index) = processes.iter().position(|process| Some(process.pid) == selected) {
            self.cursor.at = index;
        }
        self.processes = Some(processes);
    }

    /// Which of the lines can be stood on: all.
    pub(crate) fn stands(&self) -> Vec<bool> {
        vec![true; self.processes.as_ref().map_or(0, Vec::len)]
    }

    /// The selected process.
    pub(crate) fn selected(&self) -> Option<&Process> {
        self.processes.as_ref()?.get(self.cursor.at)
    }
}
