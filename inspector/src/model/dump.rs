//! The async stacks of tasks: each `.await` from root to leaf.
//!
//! A stack is a tree, since `join!` and the like wait for several things at once. It is kept flat: a list of branches
//! without a fork, each of which knows the one that it forks from.

use super::name::named;
use super::{Frame, Place, Process, TaskState, WallTime};

named! {
    /// How far a stack reaches.
    #[derive(Default)]
    "reach of a stack" Reached {
        /// Not known, as where nothing was reached.
        #[default]
        Unknown = "unknown",
        /// To what the task waits for.
        Leaf = "leaf",
        /// To a combinator that polls its children with wakers of its own and did not poll this time.
        Combinator = "combinator",
        /// Nowhere: the task is woken already.
        Scheduled = "scheduled",
        /// Nowhere: the task is being polled.
        Running = "running",
        /// To a future of another library, which was caught as it kept the waker.
        Foreign = "foreign",
        /// To a fork: other branches go on from here.
        Fork = "fork",
        /// Nowhere: the task ended while it was asked, or is about to.
        Ended = "ended",
    }
}

/// A part of an async stack without a fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The branch that it forks from: an index into the stack's list, less than its own. `None` for the root.
    pub parent: Option<usize>,
    /// The outermost first.
    pub frames: Vec<Frame>,
    /// How far it reaches.
    pub reached: Reached,
    /// How many alike there are, as of the children of one combinator that all wait at the same line; at least 1.
    pub times: u32,
}

impl Default for Branch {
    fn default() -> Self {
        Self { parent: None, frames: Vec::new(), reached: Reached::default(), times: 1 }
    }
}

/// The async stack of one task: one row of `dump`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskStack {
    /// The task.
    pub task: u64,
    /// Its name.
    pub name: Option<String>,
    /// Its loop.
    pub loop_id: u64,
    /// Where it stood.
    pub state: TaskState,
    /// Where it was spawned.
    pub site: Option<Place>,
    /// The first is the root; every other one begins where one before it ends.
    pub branches: Vec<Branch>,
    /// More, in words: why nothing was reached, what was cut off.
    pub note: Option<String>,
}

impl TaskStack {
    /// The branches that fork from the one at `index`, with their indices.
    pub fn forks(&self, index: usize) -> impl Iterator<Item = (usize, &Branch)> {
        self.branches.iter().enumerate().filter(move |(_, branch)| branch.parent == Some(index))
    }

    /// The root, if anything was reached.
    pub fn root(&self) -> Option<&Branch> {
        self.branches.first()
    }

    /// How far it reaches: as its only branch does, or where it forks as the first of them that is no leaf.
    pub fn reached(&self) -> Reached {
        let is_end = |index: usize| self.forks(index).next().is_none();
        let mut ends = (0..self.branches.len()).filter(|&index| is_end(index));
        let first = ends.next().map(|index| self.branches[index].reached).unwrap_or_default();
        let rest = ends.map(|index| self.branches[index].reached);
        if first == Reached::Leaf { rest.into_iter().find(|&it| it != first).unwrap_or(first) } else { first }
    }
}

/// The async stacks of the tasks of a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dump {
    /// The process.
    pub process: Process,
    /// When it began.
    pub taken_at: WallTime,
    /// A stack for each task.
    pub stacks: Vec<TaskStack>,
    /// Pending tasks of which there would be a stack, those left out included.
    pub total: u64,
    /// Turns that the loops took for it.
    pub slices: u64,
    /// The longest of them: for so long nothing else ran.
    pub longest_pause_ns: Option<u64>,
    /// How long all of it took.
    pub took_ns: u64,
    /// Loops that did not answer in time, as one that is stuck.
    pub silent_loops: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(branches: &[(Option<usize>, Reached)]) -> TaskStack {
        let branch =
            |&(parent, reached): &(Option<usize>, Reached)| Branch { parent, reached, ..Branch::default() };
        TaskStack { branches: branches.iter().map(branch).collect(), ..TaskStack::default() }
    }

    #[test]
    fn a_stack_reaches_as_far_as_its_worst_end() {
        let fork = (None, Reached::Fork);
        let leaf = (Some(0), Reached::Leaf);
        assert_eq!(stack(&[]).reached(), Reached::Unknown);
        assert_eq!(stack(&[(None, Reached::Leaf)]).reached(), Reached::Leaf);
        assert_eq!(stack(&[fork, leaf, leaf]).reached(), Reached::Leaf);
        assert_eq!(stack(&[fork, leaf, (Some(0), Reached::Foreign)]).reached(), Reached::Foreign);
        assert_eq!(stack(&[fork, (Some(0), Reached::Combinator), leaf]).reached(), Reached::Combinator);
        let forked = stack(&[fork, leaf, leaf]);
        assert_eq!(forked.forks(0).map(|(index, _)| index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(forked.forks(1).count(), 0);
    }
}
