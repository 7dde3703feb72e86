//! The application's log, in a build without the feature `logs`: there is none.

use super::diagnosis::lacking;
use super::peer::{Inlet, Visitor};
use super::service::Inspector;
use crate::wire::proto;
use tonic::Status;

/// What clients changed of it: nothing.
#[derive(Debug, Default)]
pub(super) struct FilterChange;

impl FilterChange {
    #[expect(clippy::unused_self, reason = "with logs there is something to undo")]
    pub(super) fn leave(&mut self, _: &Visitor) {}

    /// Whether there is nothing left to look after.
    #[expect(clippy::unused_self, reason = "with logs there is something to look after")]
    pub(super) fn look(&mut self) -> bool {
        true
    }
}

/// Whether the application has the layer that keeps lines.
pub(super) fn is_kept() -> bool {
    false
}

impl Inspector {
    #[expect(clippy::unused_self, reason = "with logs it is the connection's")]
    pub(super) fn send_logs(&self, _: proto::LogsRequest) -> Result<Inlet<proto::LogsPart>, Status> {
        Err(lacking("show the application's log"))
    }

    #[expect(clippy::unused_self, reason = "with logs it is the connection's")]
    pub(super) fn change_log_filter(
        &self,
        _: proto::SetLogFilterRequest,
    ) -> Result<proto::SetLogFilterReply, Status> {
        Err(lacking("change the application's log filter"))
    }
}
