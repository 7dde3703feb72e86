//! A channel and a oneshot that cross loops and threads.
//!
//! ```text
//!   thread ── blocking_send ─┐                    ┌─ recv().await on a loop, shown there
//!   loop   ── send().await ──┼─► [ one lock ] ────┼─ recv().await under another executor
//!   other executor ──────────┘                    └─ blocking_recv on a plain thread
//! ```
//!
//! Both ends may be used and moved anywhere. Who waits keeps its waker with the messages, under one lock that is held for a
//! few instructions; no loop has a part in it. What waits on a loop is shown there as every other wait is, and each loop on
//! which somebody waits shows the channel, under one number.
//!
//! Within one loop [`sync::channel`](super::channel) and [`sync::oneshot`](super::oneshot) do the same without any lock.

pub(crate) mod belt;
mod block;
pub mod channel;
pub(crate) mod handover;
mod line;
pub mod oneshot;
