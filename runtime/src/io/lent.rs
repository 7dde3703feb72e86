//! Waits that are a socket's, lent to a leaf that is polled through a trait.
//!
//! ```text
//!   poll_read: Pending ──► the socket's own wait is parked, and noted as the last one lent
//!                 the future that called it notes whose it is; when it is dropped
//!                    ├──► nobody parked it again: the entry goes
//!                    └──► somebody did: it is theirs
//! ```
//!
//! A trait's `poll_…` has no future to drop, so its wait would be shown (as "perhaps") after whoever waited has gone on. Our own
//! futures over such traits give it back.

use std::cell::Cell;

use super::source::Direction;
use crate::event_loop::current;
use crate::event_loop::wait::Ticket;

/// One parking of a socket's own wait.
#[derive(Clone, Copy)]
pub(crate) struct Lent {
    /// The socket's registration.
    pub(super) index: u32,
    pub(super) generation: u32,
    pub(super) direction: Direction,
    /// Which parking of this direction it was.
    pub(super) number: u32,
    pub(super) ticket: Ticket,
}

/// What a future over a trait has been lent, and gives back when it is dropped.
pub(crate) struct Borrowed(Option<Lent>);

impl std::fmt::Debug for Borrowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Borrowed").field(&self.0.is_some()).finish()
    }
}

impl Borrowed {
    pub(crate) const fn nothing() -> Self {
        Self(None)
    }

    /// Before a call through the trait: what was lent before is not ours.
    #[inline]
    pub(crate) fn begin() {
        if let Some(lp) = current::get() {
            lp.sources.lent.set(None);
        }
    }

    /// After a call that has to wait: what it parked, if it was a socket. One that only has to wait for its turn parked nothing, and
    /// what was lent before still is.
    #[inline]
    pub(crate) fn note(&mut self) {
        if let Some(lent) = current::get().and_then(|lp| lp.sources.lent.take()) {
            self.0 = Some(lent);
        }
    }
}

impl Drop for Borrowed {
    #[inline]
    fn drop(&mut self) {
        if let (Some(lent), Some(lp)) = (self.0.take(), current::get()) {
            lp.take_back(lent);
        }
    }
}

/// The last wait of a loop that was lent.
pub(super) type LastLent = Cell<Option<Lent>>;
