//! An agent that grants its clients more, or less, than usual.

use super::server::Limits;
use super::{Agent, StartError, limits, socket, spawn, start_with, warn};
use crate::model::Rights;
use std::path::Path;

/// Starts the agent of this process with other rights for its clients than usual. Made by [`Agent::builder`].
///
/// The environment wins over what the code says: `LOOPSCOPE_DIAGNOSE` and `LOOPSCOPE_CONTROL`, each `0` or `1`.
///
/// # Examples
///
/// ```no_run
/// loopscope_inspector::Agent::builder().control(true).start();
/// ```
#[derive(Clone, Debug)]
#[must_use = "it starts nothing until it is told to"]
pub struct Builder {
    rights: Rights,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { rights: Limits::default().rights }
    }

    /// Whether clients may take dumps and stacks, switch debug mode and change the log filter; they may unless this says
    /// otherwise. Clients are the process's own user and root, who could attach a debugger anyway.
    pub fn diagnose(mut self, granted: bool) -> Self {
        self.rights.diagnose = granted;
        self
    }

    /// Whether clients may cancel tasks; they may not unless this says so.
    pub fn control(mut self, granted: bool) -> Self {
        self.rights.control = granted;
        self
    }

    /// As [`start`](crate::start).
    pub fn start(self) {
        match self.try_start() {
            Ok(_) => {}
            Err(error) if error.is_switched_off() || error.is_already_started() => {}
            Err(error) => warn(&format!("{error}; the program goes on without its inspector")),
        }
    }

    /// As [`try_start`](crate::try_start).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_start(self) -> Result<Agent, StartError> {
        start_with(self.rights)
    }

    /// As [`Agent::start_at`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn start_at(self, path: impl AsRef<Path>) -> Result<Agent, StartError> {
        spawn(socket::bind(path.as_ref())?, limits(self.rights))
    }
}
