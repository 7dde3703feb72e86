//! The stacks of one task, grown together where they begin alike.
//!
//! ```text
//!   main ─ serve ─ sleep                         main ─ serve ─┬─ sleep
//!   main ─ serve ─ FuturesUnordered      ──►                   └─ FuturesUnordered ─ fetch ─ TcpStream::read
//!   main ─ serve ─ FuturesUnordered ─ fetch ─ TcpStream::read
//! ```
//!
//! A stack that another one goes on from is where that one's combinator kept the task's waker: it polls its children with wakers of
//! its own, so that there may be children that nobody could be asked about.

use super::await_frames::{Awaits, End, Naming};
use crate::debug::Frame;
use crate::task::capture::{Captured, Outcome};

/// A part of a task's stack without forks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Branch {
    /// The branch that it goes on from, as an index among the task's branches, where it comes earlier; absent of the first.
    pub parent: Option<usize>,
    /// The awaits, outermost first: functions with the line of their `.await`, combinators, and at last what is waited for. A
    /// `{branch of function}` is an arm of its `select!` or `join!`.
    pub frames: Vec<Frame>,
    /// How it ends.
    pub reached: Reached,
    /// How many alike there are, as of children of one combinator that all wait at the same line.
    pub times: u32,
}

/// How a branch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reached {
    /// At something of this library that is waited for.
    Leaf,
    /// At something of another library that keeps the task's waker.
    Foreign,
    /// It forks: other branches go on from here.
    Fork,
    /// At a combinator that has wakers of its own. Other branches may go on from here; children of it that wait for something of
    /// another library are not seen.
    Combinator,
    /// The task will be polled anyway, and was not asked.
    Scheduled,
    /// The task is being polled, and cannot be asked.
    Running,
    /// The task ended while it was asked, or is about to be dropped.
    Ended,
    /// The task was polled, waits, and nobody kept its waker: nothing more can be known than its [waits](super::TaskStack::waits).
    Unknown,
}

/// The branches of a task.
pub(super) fn grow(naming: &Naming, outcome: Outcome, captured: &Captured) -> Vec<Branch> {
    let alone = |reached| vec![Branch { parent: None, frames: Vec::new(), reached, times: 1 }];
    match outcome {
        Outcome::Scheduled => return alone(Reached::Scheduled),
        Outcome::Running => return alone(Reached::Running),
        Outcome::Ended => return alone(Reached::Ended),
        Outcome::Waits if captured.stacks.is_empty() => return alone(Reached::Unknown),
        Outcome::Waits => {}
    }
    let stacks = captured.stacks.iter().map(|(addresses, times)| (naming.awaits(addresses), *times));
    grow_together(stacks.collect())
}

fn grow_together(mut stacks: Vec<(Awaits, u32)>) -> Vec<Branch> {
    // By line, as one reads.
    stacks.sort_by(|(a, _), (b, _)| a.frames.iter().map(key).cmp(b.frames.iter().map(key)));
    let mut tree = Node::default();
    for (stack, times) in stacks {
        let mut node = &mut tree;
        for frame in stack.frames {
            node = node.child(frame);
        }
        // The same place may be reached by several ways of calling.
        let times = node.end.map_or(times, |(_, before)| before.max(times));
        node.end = Some((stack.end, times));
    }
    let mut branches = Vec::new();
    tree.flatten(None, &mut branches);
    branches
}

fn key(frame: &Frame) -> (u32, &str) {
    (frame.at.as_ref().map_or(u32::MAX, |at| at.line), &frame.function)
}

/// A frame and what comes below it. A stack is at most as deep as the calls that are kept of it.
#[derive(Debug, Default)]
struct Node {
    frame: Option<Frame>,
    children: Vec<Node>,
    /// A stack ends here.
    end: Option<(End, u32)>,
}

impl Node {
    fn child(&mut self, frame: Frame) -> &mut Self {
        let known = self.children.iter().position(|child| child.frame.as_ref() == Some(&frame));
        let at = known.unwrap_or_else(|| {
            self.children.push(Self { frame: Some(frame), ..Self::default() });
            self.children.len() - 1
        });
        &mut self.children[at]
    }

    /// Whether it kept the task's waker and polls what is below it with others.
    fn has_wakers(&self) -> bool {
        match self.end {
            Some((End::Combinator, _)) => true,
            Some((End::Foreign, _)) => !self.children.is_empty(),
            // The timer of a `timeout` is no other thing than the `timeout`.
            Some((End::Own, _)) | None => false,
        }
    }

    fn flatten(self, parent: Option<usize>, branches: &mut Vec<Branch>) {
        let mut frames = Vec::new();
        let mut node = self;
        while let [_] = node.children.as_slice()
            && !node.has_wakers()
        {
            frames.extend(node.frame);
            match node.children.pop() {
                Some(child) => node = child,
                None => return,
            }
        }
        let reached = match (node.has_wakers(), node.children.is_empty(), node.end) {
            (true, ..) => Reached::Combinator,
            (false, false, _) => Reached::Fork,
            (false, true, Some((End::Own, _))) => Reached::Leaf,
            (false, true, Some(_)) => Reached::Foreign,
            (false, true, None) => Reached::Unknown,
        };
        let times = if node.children.is_empty() { node.end.map_or(1, |(_, times)| times) } else { 1 };
        frames.extend(node.frame);
        let own = branches.len();
        branches.push(Branch { parent, frames, reached, times });
        for child in node.children {
            child.flatten(Some(own), branches);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(names: &str, end: End) -> (Awaits, u32) {
        let frames = names.split(' ').map(|name| Frame { function: name.to_owned(), at: None }).collect();
        (Awaits { frames, end }, 1)
    }

    fn grown(stacks: Vec<(Awaits, u32)>) -> Vec<String> {
        let branches = grow_together(stacks);
        let line = |branch: &Branch| {
            let names: Vec<&str> = branch.frames.iter().map(|frame| frame.function.as_str()).collect();
            let parent = branch.parent.map_or(String::new(), |parent| format!("{parent}: "));
            format!("{parent}{} {:?}", names.join(" "), branch.reached)
        };
        branches.iter().map(line).collect()
    }

    #[test]
    fn one_stack_is_one_branch() {
        assert_eq!(grown(vec![stack("main sleep", End::Own)]), ["main sleep Leaf"]);
    }

    #[test]
    fn stacks_fork_where_they_differ() {
        let stacks = vec![
            stack("main serve sleep", End::Own),
            stack("main serve lock", End::Foreign),
            stack("main serve lock", End::Foreign),
        ];
        assert_eq!(grown(stacks), ["main serve Fork", "0: lock Foreign", "0: sleep Leaf"]);
    }

    #[test]
    fn a_combinator_that_kept_the_waker_may_have_more_children_than_are_seen() {
        let stacks = vec![stack("main all", End::Combinator), stack("main all fetch read", End::Own)];
        assert_eq!(grown(stacks), ["main all Combinator", "0: fetch read Leaf"]);
        assert_eq!(grown(vec![stack("main all", End::Combinator)]), ["main all Combinator"]);
        let stacks = vec![stack("main mine", End::Foreign), stack("main mine fetch", End::Own)];
        assert_eq!(grown(stacks), ["main mine Combinator", "0: fetch Leaf"]);
    }

    #[test]
    fn the_timer_of_a_timeout_is_no_branch() {
        let stacks = vec![stack("main timeout", End::Own), stack("main timeout fetch read", End::Own)];
        assert_eq!(grown(stacks), ["main timeout fetch read Leaf"]);
    }

    #[test]
    fn stacks_with_nothing_in_common_fork_at_the_root() {
        let stacks = vec![stack("a sleep", End::Own), stack("b sleep", End::Own)];
        assert_eq!(grown(stacks), [" Fork", "0: a sleep Leaf", "0: b sleep Leaf"]);
    }
}
