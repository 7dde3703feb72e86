//! A moment of the monotonic clock, as a plain number of nanoseconds.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::event_loop::current;
use crate::telemetry::clock;

/// A moment of the OS's monotonic clock, or of a test's paused clock.
///
/// Unlike [`std::time::Instant`] it is a number that can be sent to another process of the same machine, and it stands still
/// under a paused clock. Resolution is a nanosecond; arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "asyncio.loop.time")]
pub struct Instant(u64);

impl Instant {
    /// Now: of the current loop's clock, outside of a loop of the OS's.
    pub fn now() -> Self {
        Self(current::get().map_or_else(clock::os_now_ns, super::super::event_loop::slot::Loop::time_ns))
    }

    /// The moment `nanos` nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since this moment; zero if it lies ahead.
    pub fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time from `earlier` to this moment, or `None` if `earlier` is later.
    pub fn checked_duration_since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl From<std::time::Instant> for Instant {
    /// The same moment, to within the time it takes to read two clocks.
    fn from(instant: std::time::Instant) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the anchor between the two clocks")]
        let (std_now, now) = (std::time::Instant::now(), Self(clock::os_now_ns()));
        match instant.checked_duration_since(std_now) {
            Some(ahead) => now + ahead,
            None => now - std_now.saturating_duration_since(instant),
        }
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({:?})", Duration::from_nanos(self.0))
    }
}
