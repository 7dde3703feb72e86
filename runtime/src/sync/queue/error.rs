//! Why a queue or channel takes or gives nothing.

use std::error::Error;
use std::fmt;

/// The queue or channel is closed, and empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "asyncio.QueueShutDown")]
pub struct Closed(());

impl Closed {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is closed and nothing is left in it")
    }
}

impl Error for Closed {}

/// What was to be put comes back, because the queue or channel is closed.
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias = "asyncio.QueueShutDown")]
pub struct PutError<T> {
    item: T,
}

impl<T> PutError<T> {
    pub(crate) const fn new(item: T) -> Self {
        Self { item }
    }

    /// What was to be put.
    pub fn into_inner(self) -> T {
        self.item
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is closed and takes nothing more")
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PutError({self})")
    }
}

impl<T> Error for PutError<T> {}

/// What was to be put at once comes back, because the queue or channel is full or closed.
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias = "asyncio.QueueFull")]
pub struct TryPutError<T> {
    item: T,
    /// The limit that is reached; `None` when it is closed.
    limit: Option<usize>,
}

impl<T> TryPutError<T> {
    pub(crate) const fn full(item: T, limit: usize) -> Self {
        Self { item, limit: Some(limit) }
    }

    pub(crate) const fn closed(item: T) -> Self {
        Self { item, limit: None }
    }

    /// Whether there is no free slot, or every free slot is kept for somebody who waits.
    pub fn is_full(&self) -> bool {
        self.limit.is_some()
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.limit.is_none()
    }

    /// What was to be put.
    pub fn into_inner(self) -> T {
        self.item
    }
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "it is full: its limit is {limit}"),
            None => f.write_str("it is closed and takes nothing more"),
        }
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TryPutError({self})")
    }
}

impl<T> Error for TryPutError<T> {}

/// There is nothing to take at once.
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias = "asyncio.QueueEmpty")]
pub struct TryGetError {
    closed: bool,
}

impl TryGetError {
    pub(crate) const fn empty() -> Self {
        Self { closed: false }
    }

    pub(crate) const fn closed() -> Self {
        Self { closed: true }
    }

    /// Whether it is empty, or everything in it is kept for somebody who waits.
    pub fn is_empty(&self) -> bool {
        !self.closed
    }

    /// Whether it is closed, so that nothing will come any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.closed { "it is closed and nothing is left in it" } else { "it is empty" })
    }
}

impl fmt::Debug for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TryGetError({self})")
    }
}

impl Error for TryGetError {}
