//! Dumps as text, a tree for each task.

use std::fmt;

use super::{Branch, Dump, Reached, TaskStack};
use crate::telemetry::Place;

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, task) in self.tasks.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{task}")?;
        }
        if self.left_out > 0 {
            write!(f, "\n{} further tasks were not asked", self.left_out)?;
        }
        Ok(())
    }
}

impl fmt::Display for TaskStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.task)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(Place { file, line, .. }) = &self.spawned_at {
            write!(f, ", spawned at {file}:{line}")?;
        }
        writeln!(f)?;
        if let Some(root) = self.branches.first() {
            self.branch(f, 0, root, "  ", "  ")?;
        }
        if self.left_out > 0 {
            writeln!(f, "  {} further stacks", self.left_out)?;
        }
        Ok(())
    }
}

impl TaskStack {
    /// Writes a branch and what goes on from it: `first` before its first line, `rest` before all others.
    fn branch(
        &self,
        f: &mut fmt::Formatter<'_>,
        at: usize,
        branch: &Branch,
        first: &str,
        rest: &str,
    ) -> fmt::Result {
        let mut before = first;
        for frame in &branch.frames {
            writeln!(f, "{before}{frame}")?;
            before = rest;
        }
        let times = if branch.times > 1 { format!(" ({} alike)", branch.times) } else { String::new() };
        let said = match branch.reached {
            Reached::Leaf | Reached::Foreign | Reached::Fork => "",
            Reached::Combinator => "(what waits in it for something of another library is not seen)",
            Reached::Scheduled => "(scheduled)",
            Reached::Running => "(running)",
            Reached::Ended => "(ended)",
            Reached::Unknown => "(waits for something that kept no waker)",
        };
        if !said.is_empty() || !times.is_empty() {
            writeln!(f, "{before}{}", format!("{said}{times}").trim_start())?;
        }
        let forks: Vec<usize> =
            (at + 1..self.branches.len()).filter(|fork| self.branches[*fork].parent == Some(at)).collect();
        for (nth, fork) in forks.iter().enumerate() {
            let is_last = nth + 1 == forks.len();
            let (first, more) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
            self.branch(
                f,
                *fork,
                &self.branches[*fork],
                &format!("{rest}{first}"),
                &format!("{rest}{more}"),
            )?;
        }
        Ok(())
    }
}
