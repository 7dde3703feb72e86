//! In place of what takes stacks, where it is left out or cannot be.

use super::{NativeStack, StackError};
use crate::telemetry::LoopReader;

#[cfg(feature = "stacks")]
const WHY: &str = "only x86-64 and AArch64 are known to the unwinder";
#[cfg(not(feature = "stacks"))]
const WHY: &str = "the application is built without loopscope's feature `stacks`";

/// The thread of one loop, of which nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Target;

impl Target {
    pub(crate) fn open(&self, _life: u64) {}
    pub(crate) fn close(&self) {}
}

pub(super) fn native_stack(_reader: &LoopReader) -> Result<NativeStack, StackError> {
    Err(StackError::Unsupported(WHY))
}

pub(crate) fn warm_up() {}
pub(crate) fn forget_after_fork() {}
