//! A value that comes later, set by hand: what asyncio calls a `Future`, in two halves.
//!
//! ```text
//!   Promise ──set, fail──► value, error ──► Promised: one awaits and gets it
//!      │ └──dropped──┐                  └─► Shared: all clones get a copy each
//!      │             ▼                  └─► on_done: callbacks, in order, soon
//!      └─────── cancelled ◄── cancel(), or nobody is left who wants it
//! ```
//!
//! The two halves make asyncio's `InvalidStateError` impossible: a [`Promise`] is used up by the value, and a [`Promised`] gives
//! its result to whoever awaits it. Within a loop nothing here is `Send`; [`Promise::remote`] and [`Promised::into_remote`] lead to
//! other threads.
//!
//! An error that nobody asked for is reported through [`on_unhandled`](crate::runner::Builder::on_unhandled), with the place
//! where the promise was made.

mod bridge;
mod callbacks;
mod error;
mod promise;
mod promised;
mod shared;
mod state;

pub(crate) use bridge::FILE as BRIDGE;
pub use bridge::{RemotePromise, shared, try_shared};
pub use callbacks::DoneCallback;
pub use error::{Cancelled, Unfulfilled};
pub use promise::{Promise, WaitClosed, promise, promise_named};
pub use promised::Promised;
pub use shared::Shared;

/// How it ended for a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// There is a value.
    Value,
    /// There is an error.
    Failed,
    /// There will be neither.
    Cancelled,
}
