//! One loop a thread: its slot, its run queue, its sleep, and how others reach it.
//!
//! `tick` drives; `ready` orders; `remote` lets other threads in; `wait` is how a future waits, `seat` how one does that waits
//! again and again, and `far_wait` one that may move between threads; `slot` is where it all lives, and `current` says which slot is this thread's.

pub(crate) mod current;
pub(crate) mod far_wait;
pub(crate) mod handle;
pub(crate) mod ready;
pub(crate) mod remote;
pub(crate) mod seat;
pub(crate) mod slot;
pub(crate) mod tick;
pub(crate) mod wait;
