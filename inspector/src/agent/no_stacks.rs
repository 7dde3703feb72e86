//! Stacks, in a build without the feature `stacks`: there are none.

use super::diagnosis::lacking;
use super::peer::Inlet;
use super::service::Inspector;
use crate::wire::proto;
use tonic::Status;

impl Inspector {
    #[expect(clippy::unused_self, reason = "with stacks it is the connection's")]
    pub(super) fn take_dump(&self, _: proto::DumpRequest) -> Result<Inlet<proto::DumpPart>, Status> {
        Err(lacking("dump the stacks of tasks"))
    }

    #[expect(clippy::unused_self, reason = "with stacks it is the connection's")]
    #[expect(clippy::unused_async, reason = "with stacks it takes a while")]
    pub(super) async fn take_stacks(&self, _: proto::StackRequest) -> Result<proto::StackReply, Status> {
        Err(lacking("take the stack of a thread"))
    }
}
