//! What is said of each lint: by `loopscope explain`, on the screens, and in `docs/lints.md`, which is made from it.
//!
//! The texts stand by family; each is written for somebody who meets the name for the first time, at night.

mod ends;
mod growth;
mod polls;
mod waits;

use super::Lint;

/// What there is to say of one lint.
#[derive(Debug)]
pub(super) struct Text {
    /// What it means, in one line without a full stop.
    pub(super) meaning: &'static str,
    /// What it means and how it comes about.
    pub(super) explanation: &'static str,
    /// Code that leads to it, and the same mended.
    pub(super) example: &'static str,
    /// How to mend it.
    pub(super) remedy: &'static str,
}

/// The text of a lint.
pub(super) fn of(lint: Lint) -> &'static Text {
    match lint {
        Lint::Blocked => &polls::BLOCKED,
        Lint::NeverYields => &polls::NEVER_YIELDS,
        Lint::SlowPoll => &polls::SLOW_POLL,
        Lint::SlowIo => &polls::SLOW_IO,
        Lint::SlowResolve => &polls::SLOW_RESOLVE,
        Lint::Starved => &polls::STARVED,
        Lint::SelfWake => &polls::SELF_WAKE,
        Lint::LateTimer => &polls::LATE_TIMER,
        Lint::Deadlock => &waits::DEADLOCK,
        Lint::Cycle => &waits::CYCLE,
        Lint::NoWaker => &waits::NO_WAKER,
        Lint::NoConsumer => &waits::NO_CONSUMER,
        Lint::LockHeldLong => &waits::LOCK_HELD_LONG,
        Lint::Ended => &ends::ENDED,
        Lint::Unhandled => &ends::UNHANDLED,
        Lint::NeverPolled => &ends::NEVER_POLLED,
        Lint::NeverRetrieved => &ends::NEVER_RETRIEVED,
        Lint::DestroyedPending => &ends::DESTROYED_PENDING,
        Lint::Unclosed => &ends::UNCLOSED,
        Lint::Leak => &growth::LEAK,
        Lint::FdLeak => &growth::FD_LEAK,
        Lint::PoolQueue => &growth::POOL_QUEUE,
        Lint::LargeFuture => &growth::LARGE_FUTURE,
    }
}
