//! Ticking at a fixed rate.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Instant;
use super::sleep::Sleep;
use crate::event_loop::current;
use crate::telemetry::view::TimerKind;

/// What an [`Interval`] does about ticks that were missed because nobody asked in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTick {
    /// Makes up for them, one at once after the other.
    #[default]
    Burst,
    /// Leaves them out; the next tick is a whole period after the late one.
    Delay,
    /// Leaves them out; the next tick is the next whole multiple of the period from the start.
    Skip,
}

/// Ticks every `period`, the first time at once.
///
/// # Panics
///
/// When `period` is zero.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
///
/// When `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period longer than zero");
    Interval {
        sleep: Sleep::new(start.as_nanos().max(1), Location::caller()),
        next: start,
        start,
        period,
        missed: MissedTick::default(),
    }
}

/// Ticks at a fixed rate. Made by [`interval`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    next: Instant,
    start: Instant,
    period: Duration,
    missed: MissedTick,
}

impl Interval {
    /// Says what to do about missed ticks; the default is [`MissedTick::Burst`].
    #[must_use]
    pub fn on_missed(mut self, missed: MissedTick) -> Self {
        self.missed = missed;
        self
    }

    /// The time between ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Waits for the next tick and returns when it was due.
    ///
    /// # Cancel safety
    ///
    /// A tick is only used up when it is returned.
    #[track_caller]
    pub fn tick(&mut self) -> impl Future<Output = Instant> + '_ {
        let at = Location::caller();
        std::future::poll_fn(move |cx| self.poll_tick_at(cx, at))
    }

    /// Polls for the next tick.
    #[track_caller]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        self.poll_tick_at(cx, Location::caller())
    }

    fn poll_tick_at(&mut self, cx: &Context<'_>, at: &'static Location<'static>) -> Poll<Instant> {
        let due = self.next;
        let now = Instant::now();
        if due > now {
            ready!(self.sleep.poll_for(TimerKind::Interval, cx, at));
        } else if current::get().is_some_and(|lp| !lp.spend_budget(cx)) {
            // Ticks that are made up for come at once, but not before everybody else has had a turn.
            return Poll::Pending;
        }
        self.next = self.after(due, Instant::now());
        self.sleep.reset(self.next);
        Poll::Ready(due)
    }

    fn after(&self, due: Instant, now: Instant) -> Instant {
        let next = due + self.period;
        if next > now {
            return next;
        }
        match self.missed {
            MissedTick::Burst => next,
            MissedTick::Delay => now + self.period,
            MissedTick::Skip => {
                let period = self.period.as_nanos().max(1);
                let gone = (now - self.start).as_nanos() / period;
                let nanos = u64::try_from((gone + 1) * period).unwrap_or(u64::MAX);
                self.start + Duration::from_nanos(nanos)
            }
        }
    }
}

impl futures_core::Stream for Interval {
    type Item = Instant;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }
}
