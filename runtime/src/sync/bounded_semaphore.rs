//! A semaphore that never gets more permits than it began with.
//!
//! Guards cannot give back what they did not take, so only adding by hand is checked: against what is free, reserved and taken
//! together, so that a guard that is dropped later cannot be the one too many.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::permits::{Acquire, AcquireOwned, HasPermits, OwnedPermit, Permit, Permits};

/// As [`Semaphore`](super::Semaphore), but adding more permits than it began with is an error.
///
/// # Examples
///
/// ```
/// use loopscope::sync::BoundedSemaphore;
///
/// loopscope::run(async {
///     let two = BoundedSemaphore::new(2).named("connections");
///     two.acquire().await.forget(); // somebody else gives it back
///     assert!(two.add_permits(1).is_ok());
///     let error = two.add_permits(1).unwrap_err();
///     assert_eq!(
///         error.to_string(),
///         r#"adding 1 to the permits of the semaphore "connections": it has 2 of at most 2"#
///     );
/// });
/// ```
#[doc(alias = "asyncio.BoundedSemaphore")]
pub struct BoundedSemaphore {
    permits: Permits,
    bound: usize,
}

impl BoundedSemaphore {
    /// A semaphore with `permits` permits, and never more.
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        Self { permits: Permits::new(permits, Some(permits), Location::caller()), bound: permits }
    }

    /// What the semaphore is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.permits.line.set_name(name);
        self
    }

    /// Takes a permit, waiting for one if there is none or others wait.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped gives up its place; a permit that was kept for it goes to the next one.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already. A semaphore that
    /// began with none can never have one: then this panics.
    #[doc(alias = "asyncio.BoundedSemaphore.acquire")]
    #[track_caller]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Takes `count` permits at once, waiting until there are as many. Those who come later wait behind it.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire): all or none are taken.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire); and when there never can be as many.
    #[track_caller]
    pub fn acquire_many(&self, count: u32) -> Acquire<'_> {
        self.check(count);
        Acquire::new(&self.permits, count)
    }

    /// As [`acquire`](Self::acquire); the permit keeps the semaphore, so that it can go into another task.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_owned(self: &Rc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many); the permits keep the semaphore.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire): all or none are taken.
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn acquire_many_owned(self: &Rc<Self>, count: u32) -> AcquireOwned {
        self.check(count);
        AcquireOwned::new(Rc::<Self>::clone(self), count)
    }

    /// Takes a permit if there is one and nobody waits.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes `count` permits if there are as many and nobody waits.
    #[track_caller]
    pub fn try_acquire_many(&self, count: u32) -> Option<Permit<'_>> {
        Permit::try_new(&self.permits, count, Location::caller())
    }

    /// As [`try_acquire`](Self::try_acquire); the permit keeps the semaphore.
    #[track_caller]
    pub fn try_acquire_owned(self: &Rc<Self>) -> Option<OwnedPermit> {
        OwnedPermit::try_new(Rc::<Self>::clone(self), 1, Location::caller())
    }

    /// Adds permits in place of [forgotten](Permit::forget) ones. Not needed after a permit was dropped: that gives it back.
    ///
    /// # Errors
    ///
    /// [`TooManyPermits`] when there would be more than it began with, those included that somebody has; nothing is added then.
    #[doc(alias = "asyncio.BoundedSemaphore.release")]
    pub fn add_permits(&self, count: usize) -> Result<(), TooManyPermits> {
        let total = self.permits.total();
        if count > self.bound - total {
            let semaphore = self.permits.line.describe("semaphore");
            return Err(TooManyPermits { semaphore, count, total, bound: self.bound });
        }
        self.permits.add(count);
        Ok(())
    }

    /// How many are free. That may not be none while somebody waits who wants more.
    pub fn available(&self) -> usize {
        self.permits.free()
    }

    /// How many it began with, the most there can be.
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// Whether [`acquire`](Self::acquire) would have to wait.
    #[doc(alias = "asyncio.BoundedSemaphore.locked")]
    pub fn is_locked(&self) -> bool {
        !self.permits.are_free(1)
    }

    /// Whoever asks for more than there can be would wait for ever.
    #[track_caller]
    fn check(&self, count: u32) {
        assert!(
            count as usize <= self.bound,
            "acquiring {count} of the {} permits of the {}: there are never as many",
            self.bound,
            self.permits.line.describe("semaphore")
        );
    }
}

impl HasPermits for BoundedSemaphore {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl Default for BoundedSemaphore {
    /// One permit, as in asyncio.
    #[track_caller]
    fn default() -> Self {
        Self::new(1)
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.permits.debug("BoundedSemaphore", f)
    }
}

/// A bounded semaphore would have got more permits than it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooManyPermits {
    semaphore: String,
    count: usize,
    total: usize,
    bound: usize,
}

impl TooManyPermits {
    /// How many of those that were to be added are too many.
    pub fn excess(&self) -> usize {
        self.count - (self.bound - self.total)
    }
}

impl fmt::Display for TooManyPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { semaphore, count, total, bound } = self;
        write!(f, "adding {count} to the permits of the {semaphore}: it has {total} of at most {bound}")
    }
}

impl Error for TooManyPermits {}
