//! What came of the wish that a task end.

use super::name::named;

named! {
    /// What came of the wish that a task end.
    #[derive(Default)]
    "outcome of a cancel" CancelOutcome {
        /// It was asked to end: its future is dropped at its turn, or when the poll under way returns.
        #[default]
        Asked = "asked",
        /// It was over already.
        Over = "over",
        /// There is no such task.
        Gone = "gone",
        /// Its loop is busy and has not heard of it yet; it will, when the poll under way returns.
        Later = "later",
        /// It is one that cannot be cancelled: a blocking job, or one that serves the inspector itself.
        Refused = "refused",
    }
}

/// What came of it for one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cancelled {
    /// The task.
    pub task: u64,
    /// What came of it.
    pub outcome: CancelOutcome,
}
