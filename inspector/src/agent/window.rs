//! How much of the time something was busy lately, from a counter that is read now and then.

use std::time::Duration;

/// A reading older than this says nothing about the present.
const AGE_MAX: Duration = Duration::from_secs(5);

/// Two readings of a counter of busy nanoseconds, far enough apart to say something.
///
/// Several clients may ask at different intervals; each gets the share since a reading that is at least `age_min` old.
#[derive(Debug)]
pub(super) struct Window {
    age_min: Duration,
    before: Option<Sample>,
    last: Option<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at_ns: u64,
    busy_ns: u64,
}

impl Window {
    /// Readings nearer than `age_min` do not move it.
    pub(super) fn new(age_min: Duration) -> Self {
        Self { age_min, before: None, last: None }
    }

    /// Takes a reading; busy time over wall time since one that is old enough and not too old.
    pub(super) fn advance(&mut self, at_ns: u64, busy_ns: u64) -> Option<f64> {
        let age = |sample: Sample| Duration::from_nanos(at_ns.saturating_sub(sample.at_ns));
        if self.last.is_none_or(|last| age(last) >= self.age_min) {
            self.before = self.last.replace(Sample { at_ns, busy_ns });
        }
        let before = self.before.filter(|&before| age(before) <= AGE_MAX)?;
        share(busy_ns.saturating_sub(before.busy_ns), at_ns.saturating_sub(before.at_ns))
    }
}

/// A part of a whole; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share of a time")]
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn the_share_is_taken_over_a_window() {
        let mut window = Window::new(Duration::from_millis(500));
        assert_eq!(window.advance(10 * S, 0), None);
        assert_eq!(window.advance(11 * S, S / 2), Some(0.5));
        // Too near to the last one, so the window of before goes on.
        assert_eq!(window.advance(11 * S + S / 4, S / 2), Some(0.4));
        // Nobody has looked for a long time.
        assert_eq!(window.advance(60 * S, 30 * S), None);
        assert_eq!(window.advance(61 * S, 31 * S), Some(1.0));
    }

    #[test]
    fn a_counter_that_goes_backwards_is_not_busy() {
        let mut window = Window::new(Duration::ZERO);
        assert_eq!(window.advance(S, S), None);
        assert_eq!(window.advance(2 * S, 0), Some(0.0));
    }
}
