//! A semaphore: so many at a time, and no more.
//!
//! What it counts, who waits and how, stands in `permits`.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::permits::{Acquire, AcquireOwned, HasPermits, OwnedPermit, Permit, Permits};

/// A number of permits that tasks of one loop take and give back.
///
/// It is fair: permits go to those who wait in the order of coming, and while somebody waits nobody else gets one, not even if
/// what is free is only too few for the first. A permit that is dropped goes back; one that was kept for a waiter that is dropped
/// goes to the next.
///
/// The task that has the permit of a semaphore with only one is shown as its holder, as that of a lock. With more it is shown
/// how many are free.
///
/// There is no closing it: who should not wait any longer is dropped. [`BoundedSemaphore`](super::BoundedSemaphore) refuses to get
/// more permits than it began with.
///
/// # Examples
///
/// ```
/// use loopscope::sync::Semaphore;
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// loopscope::run(async {
///     let (two, busy) = (Rc::new(Semaphore::new(2).named("connections")), Rc::new(Cell::new(0)));
///     let tasks: Vec<_> = (0..6)
///         .map(|_| {
///             let (two, busy) = (Rc::clone(&two), Rc::clone(&busy));
///             loopscope::spawn(async move {
///                 let _permit = two.acquire().await;
///                 busy.set(busy.get() + 1);
///                 assert!(busy.get() <= 2);
///                 loopscope::yield_now().await;
///                 busy.set(busy.get() - 1);
///             })
///         })
///         .collect();
///     for task in tasks {
///         task.await.unwrap();
///     }
/// });
/// ```
#[doc(alias = "asyncio.Semaphore")]
pub struct Semaphore {
    permits: Permits,
}

impl Semaphore {
    /// A semaphore with `permits` permits; without any, until some are added, when that is 0.
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        Self { permits: Permits::new(permits, None, Location::caller()) }
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
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[doc(alias = "asyncio.Semaphore.acquire")]
    #[track_caller]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Takes `count` permits at once, waiting until there are as many. Those who come later wait behind it.
    ///
    /// If there never are as many it waits for ever.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire): all or none are taken.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_many(&self, count: u32) -> Acquire<'_> {
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
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_many_owned(self: &Rc<Self>, count: u32) -> AcquireOwned {
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

    /// Adds permits, more than it began with if need be.
    ///
    /// asyncio's `release`, where nothing gives a permit back by itself. Here a permit does, when it is dropped; one that is to be
    /// given back by somebody else can be [forgotten](Permit::forget) and added again.
    ///
    /// # Panics
    ///
    /// When there would be more than a `usize` can count.
    #[doc(alias = "asyncio.Semaphore.release")]
    pub fn add_permits(&self, count: usize) {
        self.permits.add(count);
    }

    /// How many are free. That may not be none while somebody waits who wants more.
    pub fn available(&self) -> usize {
        self.permits.free()
    }

    /// Whether [`acquire`](Self::acquire) would have to wait.
    #[doc(alias = "asyncio.Semaphore.locked")]
    pub fn is_locked(&self) -> bool {
        !self.permits.are_free(1)
    }
}

impl HasPermits for Semaphore {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl Default for Semaphore {
    /// One permit, as in asyncio.
    #[track_caller]
    fn default() -> Self {
        Self::new(1)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.permits.debug("Semaphore", f)
    }
}
