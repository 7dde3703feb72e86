#![allow(unsafe_code, reason = "lends a descriptor that its owner has not closed yet")]
//! A descriptor as somebody knows it who does not own it: to shut it down from outside, for as long as it is open.

use std::marker::PhantomData;
use std::os::fd::BorrowedFd;

use super::{REGISTERED, Source};
use crate::event_loop::slot::Loop;
use crate::telemetry::atomic::Relaxed;

/// Names a registration. Nothing happens through it once the registration is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceRef {
    lp: &'static Loop,
    life: u64,
    index: u32,
    generation: u32,
    _not_send: PhantomData<*const ()>,
}

impl Source {
    /// Names this registration.
    pub(crate) fn to_ref(&self) -> SourceRef {
        let Self { lp, life, index, generation, .. } = *self;
        SourceRef { lp, life, index, generation, _not_send: PhantomData }
    }
}

impl SourceRef {
    /// Lends the descriptor, if it is still registered; nothing is touched in the child of a fork, where it is the parent's too.
    pub(crate) fn with_fd<R>(&self, act: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        if self.lp.life.load(Relaxed) != self.life || self.lp.forked.get() {
            return None;
        }
        let state = self.lp.sources.pages.get(self.index);
        if state.generation.get() != self.generation || state.readiness.get() & REGISTERED == 0 {
            return None;
        }
        // SAFETY: the same generation and REGISTERED say that the `Source` is not dropped yet, and whoever owns one drops it
        // before the descriptor is closed. That happens on this thread, so not before `act` returns.
        let fd = unsafe { BorrowedFd::borrow_raw(state.fd.get()) };
        Some(act(fd))
    }
}
