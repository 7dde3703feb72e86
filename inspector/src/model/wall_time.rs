//! A point of the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch, which lasts until the year 2554.
///
/// A plain number, so that any value from the wire is valid and none can overflow a calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Nanoseconds since the Unix epoch.
    pub fn as_unix_ns(self) -> u64 {
        self.0
    }

    /// The time `duration_ns` before this one, not before the epoch.
    #[must_use]
    pub fn saturating_sub_ns(self, duration_ns: u64) -> Self {
        Self(self.0.saturating_sub(duration_ns))
    }

    /// Nanoseconds from `earlier` to this, 0 if it is not earlier.
    pub fn saturating_since_ns(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A time before the epoch becomes the epoch, one after 2554 the last that there is.
impl From<SystemTime> for WallTime {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<WallTime> for SystemTime {
    fn from(time: WallTime) -> Self {
        UNIX_EPOCH + Duration::from_nanos(time.0)
    }
}
