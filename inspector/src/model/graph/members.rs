//! Which tasks a group's wait is for.

use crate::model::{Task, Wait, WaitKind};
use std::collections::{BTreeMap, BTreeSet};

/// The live tasks of each group, and of each parent for groups that no task names.
#[derive(Debug, Default)]
pub(in crate::model) struct Members {
    groups: BTreeSet<u64>,
    by_group: BTreeMap<u64, Vec<u64>>,
    by_parent: BTreeMap<u64, Vec<u64>>,
}

impl Members {
    pub(in crate::model) fn of_tasks(tasks: &[Task]) -> Self {
        let mut members =
            Self { groups: tasks.iter().filter_map(|task| task.group).collect(), ..Self::default() };
        for task in tasks.iter().filter(|task| !task.state.is_finished()) {
            if let Some(group) = task.group {
                members.by_group.entry(group).or_default().push(task.id);
            }
            if let Some(parent) = task.parent {
                members.by_parent.entry(parent).or_default().push(task.id);
            }
        }
        members
    }

    /// The tasks that a wait of `task` is for, if it is a group's.
    pub(in crate::model) fn of(&self, task: u64, wait: &Wait) -> Option<&[u64]> {
        if wait.kind != WaitKind::Group || wait.task.is_some() {
            return None;
        }
        let group = wait.resource.as_ref().map(|resource| resource.id);
        let below = match group.filter(|id| self.groups.contains(id)) {
            Some(group) => self.by_group.get(&group),
            None => self.by_parent.get(&task),
        };
        below.map(Vec::as_slice)
    }
}
