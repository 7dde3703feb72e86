//! Why there is no value.

use std::error::Error;
use std::fmt;
use std::panic::Location;

/// Who cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The promise was dropped.
    Maker,
    /// Whoever wanted the value, or nobody wanted it any more.
    Taker,
}

/// There will be no value: the promise was dropped, or the future cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "asyncio.CancelledError")]
pub struct Cancelled {
    name: Option<Box<str>>,
    made_at: &'static Location<'static>,
    by: By,
}

impl Cancelled {
    pub(super) fn new(name: Option<&str>, made_at: &'static Location<'static>, by: By) -> Self {
        Self { name: name.map(Into::into), made_at, by }
    }

    /// What the promise is called.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the promise was made.
    pub fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }

    /// Whether the promise was dropped, and not cancelled by who wanted the value.
    pub fn is_promise_dropped(&self) -> bool {
        self.by == By::Maker
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the promise")?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, " (made at {}) was ", self.made_at)?;
        f.write_str(match self.by {
            By::Maker => "dropped before it was fulfilled",
            By::Taker => "cancelled by who wanted its value",
        })
    }
}

impl Error for Cancelled {}

/// A promise that was not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfulfilled<E> {
    /// It failed, with this error.
    Failed(E),
    /// There will be neither value nor error.
    Cancelled(Cancelled),
}

impl<E> Unfulfilled<E> {
    /// Whether there will be neither value nor error.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// The error it failed with.
    pub fn into_failure(self) -> Option<E> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Cancelled(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Unfulfilled<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Cancelled(cancelled) => cancelled.fmt(f),
        }
    }
}

impl<E: Error> Error for Unfulfilled<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Cancelled(_) => None,
        }
    }
}
