//! One warning.

use super::{Frame, Place, Severity};

/// Something that is wrong: one row of `warnings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warning {
    /// The process, where several are shown.
    pub pid: Option<u32>,
    /// The name of the lint, as in `slow-poll`.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// The task it is about.
    pub task: Option<u64>,
    /// The resource it is about.
    pub resource: Option<u64>,
    /// The loop it is about.
    pub loop_id: Option<u64>,
    /// How often it was seen, or how many are part of it.
    pub count: u64,
    /// For how long, or how long the worst took.
    pub for_ns: Option<u64>,
    /// What is wrong, in words.
    pub message: String,
    /// Where.
    pub at: Option<Place>,
    /// The stack, where one was captured.
    pub stack: Vec<Frame>,
}
