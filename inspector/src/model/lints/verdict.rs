//! What the first line of the overview says.

use super::sort;
use crate::model::words::counted;
use crate::model::{Severity, Warning};

/// What the first line of the overview says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong, the worst first; mere notes are left out.
    pub problems: Vec<Warning>,
}

impl Verdict {
    /// The verdict over warnings in any order.
    pub fn of(warnings: impl IntoIterator<Item = Warning>) -> Self {
        let mut problems: Vec<Warning> =
            warnings.into_iter().filter(|warning| warning.severity > Severity::Note).collect();
        sort(&mut problems);
        Self { problems }
    }

    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }

    /// `healthy`, `1 problem`, `3 problems`.
    pub fn headline(&self) -> String {
        if self.is_healthy() { "healthy".to_owned() } else { counted(self.problems.len() as u64, "problem") }
    }
}
