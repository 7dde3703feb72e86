//! Why a receiver of a broadcast gets no message.

use std::error::Error;
use std::fmt;

/// There is no next message: some were missed, or there will be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError {
    /// `None`: closed.
    missed: Option<u64>,
}

impl RecvError {
    pub(super) const fn missed_some(count: u64) -> Self {
        Self { missed: Some(count) }
    }

    pub(super) const fn closed() -> Self {
        Self { missed: None }
    }

    /// How many messages were pushed out before this receiver took them; it goes on with the oldest that is kept.
    pub fn missed(&self) -> Option<u64> {
        self.missed
    }

    /// Whether all senders are gone and every message was taken.
    pub fn is_closed(&self) -> bool {
        self.missed.is_none()
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missed {
            Some(1) => f.write_str("1 message was missed: the receiver fell behind"),
            Some(count) => write!(f, "{count} messages were missed: the receiver fell behind"),
            None => f.write_str("the broadcast is closed and every message was taken"),
        }
    }
}

impl Error for RecvError {}

/// There is no message at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryRecvError {
    /// `None`: there is none yet.
    error: Option<RecvError>,
}

impl TryRecvError {
    pub(super) const fn empty() -> Self {
        Self { error: None }
    }

    /// Whether every message was taken, and there can be more.
    pub fn is_empty(&self) -> bool {
        self.error.is_none()
    }

    /// See [`RecvError::missed`].
    pub fn missed(&self) -> Option<u64> {
        self.error?.missed
    }

    /// See [`RecvError::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.error.is_some_and(|error| error.is_closed())
    }
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        Self { error: Some(error) }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => error.fmt(f),
            None => f.write_str("every message was taken"),
        }
    }
}

impl Error for TryRecvError {}
