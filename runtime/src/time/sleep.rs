//! Sleeping: a wait entry in the loop's wheel.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Instant;
use crate::event_loop::current;
use crate::event_loop::slot::{Loop, TimeSource};
use crate::event_loop::wait::Wait;
use crate::telemetry::clock;
use crate::telemetry::view::{TimerKind, WaitKind};
use crate::telemetry::waiter::{LINKED, NOTIFIED, Parking, timer_flags};

/// What the calibration of the time-stamp counter may be off by when it is fresh.
const CLOCK_ERROR_NS: u64 = 2_000;
/// … and by how much more for each nanosecond since: one in this many, 977 ppm.
const CLOCK_DRIFT: u64 = 1 << 10;
/// How fast the kernel turns the clock forward, against its usual rate, while it is being set right.
const SLEW_PPM: u64 = 500;

const _: () =
    assert!(1_000_000 / CLOCK_DRIFT > SLEW_PPM, "no timer fires early while the clock is being set right");

/// The deadline of a timer that never fires, until it is [moved](Sleep::move_to).
pub(crate) const NEVER: u64 = u64::MAX;

/// After this long without a driver turn the OS's clock is read instead.
const CLOCK_STALE_NS: u64 = 2_000_000_000;

/// Waits for `duration`.
///
/// Zero means "let everybody else have a turn", like [`yield_now`](crate::yield_now). The resolution is 0.26 ms, rounded up: a
/// sleep never ends early.
///
/// # Cancel safety
///
/// Dropping the future removes the timer.
///
/// # Panics
///
/// When it is called or polled outside of a loop.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// loopscope::run(async {
///     loopscope::sleep(Duration::from_millis(5)).await;
/// });
/// ```
#[doc(alias = "asyncio.sleep")]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let lp = current::expect("loopscope::sleep");
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let deadline = if nanos == 0 { 0 } else { lp.deadline_in(nanos) };
    Sleep::new(deadline, Location::caller())
}

/// Waits until `deadline`; a deadline that has passed ends the wait at the next turn of the loop.
///
/// # Cancel safety
///
/// Dropping the future removes the timer.
///
/// # Panics
///
/// When it is polled outside of a loop.
#[doc(alias = "asyncio.loop.call_at")]
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline.as_nanos(), Location::caller())
}

impl Loop {
    /// The nanosecond at which `duration`, beginning now, has surely passed.
    pub(crate) fn deadline_after(&self, duration: Duration) -> u64 {
        self.deadline_in(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1))
    }

    /// The nanosecond at which a span that begins now has surely passed.
    #[inline]
    fn deadline_in(&self, nanos: u64) -> u64 {
        if self.time.get() == TimeSource::Real && clock::trusted() {
            let rate = self.rate.get();
            let now = rate.at_ns(self.ticks.get().now());
            let age = now.saturating_sub(rate.base_ns());
            if age < CLOCK_STALE_NS {
                return now.saturating_add(CLOCK_ERROR_NS + age / CLOCK_DRIFT).saturating_add(nanos);
            }
        }
        self.time_ns().saturating_add(nanos)
    }
}

/// The future of [`sleep`] and [`sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    deadline: u64,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl Sleep {
    pub(crate) fn new(deadline: u64, made_at: &'static Location<'static>) -> Self {
        Self { deadline, wait: Wait::new(), made_at }
    }

    pub(crate) fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }

    /// When it ends.
    pub fn deadline(&self) -> Instant {
        Instant::from_nanos(self.deadline)
    }

    /// Whether the timer has fired.
    pub fn is_elapsed(&self) -> bool {
        self.wait.is_notified()
    }

    /// Moves the deadline; a sleep that has ended sleeps again.
    pub fn reset(&mut self, deadline: Instant) {
        self.disarm();
        self.deadline = deadline.as_nanos();
    }

    /// Moves the deadline of a timer that has not fired, whoever waits for it: the waker stays with its entry.
    #[must_use]
    pub(super) fn move_to(&mut self, deadline: u64) -> Option<(&'static Loop, Waker)> {
        self.deadline = deadline;
        let (lp, index) = self.wait.place()?;
        let entry = lp.waiters.get(index);
        if entry.has(NOTIFIED) {
            // It fired, and nobody has looked since: then it is as if it had not.
            entry.unset(NOTIFIED);
        }
        if entry.has(LINKED) {
            entry.unset(LINKED);
            lp.wheel.borrow_mut().remove(&lp.waiters, index);
        }
        entry.set_payload(deadline);
        if deadline > lp.time_ns() {
            self.arm(lp);
            return None;
        }
        // At once, and not when the wheel is next turned.
        entry.set(NOTIFIED);
        entry.take_waker().map(|waker| (lp, waker))
    }

    pub(super) fn disarm(&mut self) {
        if let Some((lp, index)) = self.wait.place() {
            let entry = lp.waiters.get(index);
            if entry.has(LINKED) {
                entry.unset(LINKED);
                lp.wheel.borrow_mut().remove(&lp.waiters, index);
            }
            self.wait.clear();
        }
    }

    /// Arms the timer before there is a task to poll it. Returns the entry, to be given to that task.
    pub(crate) fn arm_early(&mut self, kind: TimerKind, lp: &'static Loop) -> Option<u32> {
        let parking = Parking {
            kind: WaitKind::Sleep,
            payload: self.deadline,
            flags: timer_flags(kind),
            at: lp.places.word(self.made_at),
            made_at: lp.places.word(self.made_at),
        };
        if self.wait.park(lp, std::task::Waker::noop(), &parking) {
            self.arm(lp);
        }
        self.wait.place().map(|(_, index)| index)
    }

    /// Polls on behalf of a future that sleeps inside: `at` is its caller's place.
    #[inline]
    pub(crate) fn poll_at(&mut self, cx: &Context<'_>, at: &'static Location<'static>) -> Poll<()> {
        self.poll_for(TimerKind::Sleep, cx, at)
    }

    /// As [`poll_at`](Self::poll_at), for a timer that is for something else.
    #[inline]
    pub(crate) fn poll_for(
        &mut self,
        kind: TimerKind,
        cx: &Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<()> {
        let lp = current::expect("a sleep was polled");
        if self.wait.is_notified() {
            self.wait.clear();
            return Poll::Ready(());
        }
        let parking = Parking {
            kind: WaitKind::Sleep,
            payload: self.deadline,
            flags: timer_flags(kind),
            at: lp.places.word(at),
            made_at: lp.places.word(self.made_at),
        };
        if self.wait.park(lp, cx.waker(), &parking) {
            self.arm(lp);
        }
        Poll::Pending
    }

    fn arm(&self, lp: &'static Loop) {
        let Some((_, index)) = self.wait.place() else { return };
        let entry = lp.waiters.get(index);
        if self.deadline == 0 {
            // A bare yield: no timer, the next batch.
            entry.set(NOTIFIED);
            if let Some(waker) = entry.take_waker() {
                waker.wake();
            }
            return;
        }
        if self.deadline == NEVER {
            return; // it can only be moved
        }
        entry.set(LINKED);
        let mut wheel = lp.wheel.borrow_mut();
        if wheel.len() == 0 {
            // An empty wheel is not turned; it must not start from where it stood long ago.
            wheel.skip_to(lp.time_ns());
        }
        wheel.insert(&lp.waiters, index);
    }
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        self.poll_at(cx, at)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.disarm();
    }
}
