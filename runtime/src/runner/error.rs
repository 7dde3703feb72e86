//! Why a run has no output.

use std::error::Error;
use std::fmt;

/// Why [`Runner::block_on`](super::Runner::block_on) has no output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "KeyboardInterrupt")]
pub struct RunError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Interrupted,
    Cancelled,
}

impl RunError {
    pub(super) const fn interrupted() -> Self {
        Self(Kind::Interrupted)
    }

    pub(super) const fn cancelled() -> Self {
        Self(Kind::Cancelled)
    }

    /// Whether Ctrl-C was pressed: the main task was cancelled, or was over before it could be.
    pub fn is_interrupted(self) -> bool {
        self.0 == Kind::Interrupted
    }

    /// Whether somebody cancelled the main task.
    pub fn is_cancelled(self) -> bool {
        self.0 == Kind::Cancelled
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Interrupted => "interrupted by SIGINT (Ctrl-C)",
            Kind::Cancelled => "the main task was cancelled",
        })
    }
}

impl Error for RunError {}
