//! From when on something is too much, and which lints are looked for at all.
//!
//! Each lint that has a measure has one number, in the unit that [`Lint::unit`] says, and is set by words, as in
//! `LOOPSCOPE_LINTS="starved=2s,leak=off"` in the environment of the application.

use super::Lint;
use crate::model::spelling::closest;
use crate::model::words;
use std::fmt;

/// How a lint's threshold is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds, written `250ms`, `2s`.
    Time,
    /// Bytes, written `16KiB`.
    Bytes,
    /// How many.
    Count,
}

/// From when on something is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// One for each lint, in its unit; 0 of one that has no measure.
    values: [u64; Lint::ALL.len()],
    /// A bit for each lint that is not looked for.
    off: u64,
    /// For how long something must have grown.
    window_ns: u64,
}

/// The name by which the window is set, beside those of the lints.
const WINDOW: &str = "window";

const _: () = assert!(Lint::ALL.len() <= 64, "a bit for each");

const MS: u64 = 1_000_000;

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            values: std::array::from_fn(|at| Lint::ALL[at].usual().map_or(0, |(_, value)| value)),
            off: 0,
            window_ns: 30_000 * MS,
        }
    }
}

impl Thresholds {
    /// The usual ones, with this for polls that are slow and block their loop.
    pub fn with_slow_poll(slow_poll_ns: u64) -> Self {
        let mut thresholds = Self::default();
        thresholds.set_slow_poll(slow_poll_ns);
        thresholds
    }

    /// Says from when on a poll is slow, and blocks its loop while it lasts.
    pub fn set_slow_poll(&mut self, slow_poll_ns: u64) {
        self.set(Lint::SlowPoll, slow_poll_ns);
        self.set(Lint::Blocked, slow_poll_ns);
    }

    /// How far the lints look back that tell of what only grows, what turns in a circle and what is always late: 30 s unless set
    /// by the name `window`, one minute at most. Shorter, a start-up or a burst looks like a leak.
    pub fn window_ns(&self) -> u64 {
        self.window_ns
    }

    /// The threshold of a lint, in its unit; 0 of one that has no measure.
    pub fn of(&self, lint: Lint) -> u64 {
        self.values[lint as usize]
    }

    /// Whether a lint is looked for.
    pub fn is_on(&self, lint: Lint) -> bool {
        self.off & 1 << lint as u32 == 0
    }

    /// Whether the lint is looked for and this much is too much.
    pub fn is_over(&self, lint: Lint, value: u64) -> bool {
        self.is_on(lint) && value >= self.of(lint)
    }

    /// Sets the threshold of a lint; nothing happens to one that has no measure.
    pub fn set(&mut self, lint: Lint, value: u64) {
        if lint.unit().is_some() {
            self.values[lint as usize] = value;
        }
    }

    /// Switches a lint on or off.
    pub fn switch(&mut self, lint: Lint, on: bool) {
        if on {
            self.off &= !(1 << lint as u32);
        } else {
            self.off |= 1 << lint as u32;
        }
    }

    /// Whether [`set_by_words`](Self::set_by_words) knows that name.
    pub fn is_name(name: &str) -> bool {
        name == WINDOW || name.parse::<Lint>().is_ok()
    }

    /// Sets one lint by words: `off`, `on`, or a threshold in its unit.
    ///
    /// # Errors
    ///
    /// If there is no such lint, or the value is none of it; the message says what could stand there.
    pub fn set_by_words(&mut self, name: &str, value: &str) -> Result<(), BadSetting> {
        let bad = |why| BadSetting { name: words::escape(name, words::NAME_CHARS_MAX).into_owned(), why };
        if name == WINDOW {
            let window = Unit::Time.parse(value.trim()).filter(|ns| (2_000 * MS..=60_000 * MS).contains(ns));
            self.window_ns = window.ok_or_else(|| bad("expected a time from 2s to 60s".to_owned()))?;
            return Ok(());
        }
        let lint: Lint = name.parse().map_err(|_| {
            let near = closest(name, Lint::NAMES.iter().copied());
            bad(near.map_or_else(
                || "there is no such lint".to_owned(),
                |near| format!("there is no such lint; did you mean `{near}`?"),
            ))
        })?;
        match (value.trim(), lint.unit()) {
            ("off" | "false", _) => self.switch(lint, false),
            ("on" | "true", _) => self.switch(lint, true),
            (_, None) => return Err(bad("expected on or off".to_owned())),
            (text, Some(unit)) => {
                let value =
                    unit.parse(text).ok_or_else(|| bad(format!("expected off or {}", unit.form())))?;
                self.set(lint, value);
                self.switch(lint, true);
            }
        }
        Ok(())
    }

    /// Sets lints by a list such as `starved=2s,leak=off`. What is wrong in it is left out and returned.
    pub fn set_by_list(&mut self, list: &str) -> Vec<BadSetting> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts
            .filter_map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                self.set_by_words(name.trim(), value).err()
            })
            .collect()
    }
}

/// A setting of a lint that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    name: String,
    why: String,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.name, self.why)
    }
}

impl std::error::Error for BadSetting {}

impl Unit {
    /// What a value looks like, in words.
    pub fn form(self) -> &'static str {
        match self {
            Self::Time => "a time such as 250ms or 2s",
            Self::Bytes => "a size such as 4096 or 16KiB",
            Self::Count => "a number",
        }
    }

    /// Reads a value; zero is none.
    pub fn parse(self, text: &str) -> Option<u64> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale: u64 = match (self, unit.trim()) {
            (Self::Time, "ns") | (Self::Bytes | Self::Count, "") | (Self::Bytes, "B") => 1,
            (Self::Time, "us" | "µs") => 1_000,
            (Self::Time, "ms") => MS,
            (Self::Time, "s") => 1_000 * MS,
            (Self::Time, "m") => 60_000 * MS,
            (Self::Bytes, "KiB") => 1 << 10,
            (Self::Bytes, "MiB") => 1 << 20,
            _ => return None,
        };
        let value = match number.parse::<u64>() {
            Ok(whole) => whole.checked_mul(scale)?,
            // Parts of a whole make sense of units only.
            Err(_) if scale == 1 => return None,
            Err(_) => scaled(number.parse().ok()?, scale)?,
        };
        (value > 0).then_some(value)
    }

    /// The value in words, as it is read.
    pub fn words(self, value: u64) -> String {
        let scales: &[(u64, &str)] = match self {
            Self::Time => &[(1_000 * MS, "s"), (MS, "ms"), (1_000, "us"), (1, "ns")],
            Self::Bytes => &[(1 << 20, "MiB"), (1 << 10, "KiB"), (1, "")],
            Self::Count => &[(1, "")],
        };
        let whole = scales.iter().find(|(scale, _)| value.is_multiple_of(*scale));
        whole.map_or_else(String::new, |(scale, unit)| format!("{}{unit}", value / scale))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to fit"
)]
fn scaled(number: f64, scale: u64) -> Option<u64> {
    let value = number * scale as f64;
    (value.is_finite() && (0.0..1e18).contains(&value)).then_some(value as u64)
}

impl Lint {
    /// How its threshold is counted; `None` of one that has no measure.
    pub fn unit(self) -> Option<Unit> {
        self.usual().map(|(unit, _)| unit)
    }

    /// The threshold that holds where nobody set one, with the reason for it in [`threshold_reason`](Self::threshold_reason).
    fn usual(self) -> Option<(Unit, u64)> {
        let time = |ns| Some((Unit::Time, ns));
        let count = |count| Some((Unit::Count, count));
        match self {
            Self::Blocked | Self::SlowPoll | Self::LateTimer => time(100 * MS),
            Self::NeverYields | Self::NoConsumer => time(10_000 * MS),
            Self::Starved | Self::NoWaker | Self::LockHeldLong => time(1_000 * MS),
            Self::Cycle => time(250 * MS),
            Self::SelfWake => count(1_000),
            Self::Leak | Self::FdLeak | Self::PoolQueue => count(100),
            Self::LargeFuture => Some((Unit::Bytes, 16 << 10)),
            _ => None,
        }
    }

    /// What is measured against its threshold, and why that is what it is; empty of a lint that has none.
    pub fn threshold_reason(self) -> &'static str {
        match self {
            Self::Blocked | Self::SlowPoll => {
                "How long one poll takes. 100 ms is asyncio's `slow_callback_duration`, and what people begin to notice; the \
                 application's own is LOOPSCOPE_SLOW_CALLBACK."
            }
            Self::NeverYields => {
                "How long one poll has been under way. Ten seconds are a hundred slow polls; a call that merely is slow has \
                 long come back."
            }
            Self::NoConsumer => {
                "How long the first in line has waited without anything being taken. Ten seconds are longer than consumers \
                 take for one item, and than programs take to start; and a queue whose last taker is alive is never told."
            }
            Self::Starved => {
                "How long the task has been ready, beyond the poll under way. A second is a thousand times what a loop needs \
                 for a turn of a thousand short polls."
            }
            Self::NoWaker => {
                "How long the task has been idle without a waker. A second is much longer than a waker takes from one hand to \
                 the next, so that only tasks are told whose wakers are gone for good."
            }
            Self::LockHeldLong => {
                "How long the lock has been held, its holder has been in one wait, and the first in line has waited: all three. \
                 Queries and requests that are in order are over in a second."
            }
            Self::Cycle => {
                "How long the youngest of its waits is there. Circles that a branch of a select! breaks at once come and go \
                 thousands of times a second in programs that are in order."
            }
            Self::SelfWake => {
                "Polls a second, through the whole window, of which nine in ten woke the task itself and which took less than \
                 10 us each. Who yields between parts of a real computation takes longer for each part."
            }
            Self::LateTimer => {
                "How late. Told when through the window at least 20 timers fired and nine in ten were later than that; asyncio \
                 calls a callback slow from here on."
            }
            Self::Leak => {
                "By how many the live tasks of a site grew in the window, in which none of them ended, and most of which do \
                 not wait for I/O. Fewer may be a start-up."
            }
            Self::FdLeak => {
                "By how many the descriptors of one place grew that nobody waits for and nobody used in the window. Beside it, \
                 nine tenths of RLIMIT_NOFILE are always told."
            }
            Self::PoolQueue => {
                "By how many jobs the queue grew in the window, in which it never got shorter. A burst of a hundred jobs is \
                 worked off meanwhile."
            }
            Self::LargeFuture => {
                "The size of the future in bytes. 16 KiB is four pages: from there on the copy at spawning costs more than the \
                 spawning (clippy's `large_futures` has the same number)."
            }
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_threshold_is_read_as_it_is_written_and_has_a_reason() {
        for &lint in Lint::ALL {
            assert_eq!(lint.unit().is_none(), lint.threshold_reason().is_empty(), "{lint}");
            let Some(unit) = lint.unit() else { continue };
            let value = Thresholds::default().of(lint);
            assert_eq!(unit.parse(&unit.words(value)), Some(value), "{lint}");
        }
    }

    #[test]
    fn a_list_sets_what_is_right_in_it_and_says_what_is_wrong() {
        let mut thresholds = Thresholds::default();
        let bad = thresholds.set_by_list(
            "starved=2.5s, leak=off,large-future=32KiB,, self-wak=5,leaking=1,deadlock=2s,starved=0s,fd-leak",
        );
        assert_eq!(thresholds.of(Lint::Starved), 2_500 * MS);
        assert_eq!(thresholds.of(Lint::LargeFuture), 32 << 10);
        assert!(!thresholds.is_on(Lint::Leak) && thresholds.is_on(Lint::FdLeak));
        let bad: Vec<String> = bad.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "`self-wak`: there is no such lint; did you mean `self-wake`?",
                "`leaking`: there is no such lint",
                "`deadlock`: expected on or off",
                "`starved`: expected off or a time such as 250ms or 2s",
                "`fd-leak`: expected off or a number",
            ]
        );
        assert_eq!(thresholds.set_by_list("leak=5,window=5s"), []);
        assert_eq!(thresholds.window_ns(), 5_000 * MS);
        assert_eq!(thresholds.set_by_list("window=1s,window=2m").len(), 2);
        assert!(thresholds.is_on(Lint::Leak), "who sets a threshold wants the lint");
    }

    #[test]
    fn a_lint_that_is_off_is_never_over() {
        let mut thresholds = Thresholds::with_slow_poll(5);
        assert!(thresholds.is_over(Lint::Blocked, 5) && !thresholds.is_over(Lint::SlowPoll, 4));
        thresholds.switch(Lint::Blocked, false);
        assert!(!thresholds.is_over(Lint::Blocked, u64::MAX));
    }
}
