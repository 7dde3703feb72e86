#![allow(unsafe_code, reason = "reads the time-stamp counter")]
//! The clock of the records: the time-stamp counter where it runs evenly, else the OS's clock.
//!
//! A reading of the counter costs 10 ns where the OS's clock costs 25, and one is taken at the end of every segment. Readings
//! are *ticks*; the process has one [`Calibration`] that turns them into nanoseconds of the OS's monotonic clock. It starts
//! from two readings and is refined by driver turns, first often, then twenty times a second; it never spins.

use super::atomic::{Acquire, AtomicU64, Relaxed, Release};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// The longest time between two refinements while driver turns are made, in nanoseconds.
const REFINE_AFTER_NS: u64 = 50_000_000;
/// The calibration is not trusted for deadlines before it spans this.
const TRUSTED_AFTER_NS: u64 = 10_000_000;

/// The slowest counter that is used: 0.5 GHz, two nanoseconds a tick.
const MULT_MAX: u64 = 1 << 33;
/// Spans up to here times `MULT_MAX` fit 64 bits.
const NARROW_TICKS_MAX: u64 = (1 << 31) - 1;

/// Turns ticks into nanoseconds: `ns = base_ns + (ticks - base_ticks) * mult / 2^32`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    base_ticks: u64,
    base_ns: u64,
    mult: u64,
}

impl Rate {
    /// The length of a span of ticks in nanoseconds; saturates where readings of two moments crossed.
    #[inline]
    pub(crate) fn span_ns(&self, ticks: u64) -> u64 {
        if ticks <= NARROW_TICKS_MAX {
            // One multiplication and one shift; a 128-bit shift is microcode on many processors.
            (ticks * self.mult) >> 32
        } else {
            self.long_span_ns(ticks)
        }
    }

    #[cold]
    #[inline(never)]
    fn long_span_ns(&self, ticks: u64) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "centuries")]
        let ns = ((u128::from(ticks) * u128::from(self.mult)) >> 32) as u64;
        ns
    }

    /// When the rate was measured last.
    #[inline]
    pub(crate) fn base_ns(&self) -> u64 {
        self.base_ns
    }

    /// The monotonic time of a reading.
    #[inline]
    pub(crate) fn at_ns(&self, ticks: u64) -> u64 {
        if ticks >= self.base_ticks {
            self.base_ns + self.span_ns(ticks - self.base_ticks)
        } else {
            self.base_ns.saturating_sub(self.span_ns(self.base_ticks - ticks))
        }
    }

    /// How many ticks `ns` nanoseconds take.
    pub(crate) fn ticks_of(&self, ns: u64) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "centuries")]
        let ticks = ((u128::from(ns) << 32) / u128::from(self.mult.max(1))) as u64;
        ticks
    }
}

/// The process's calibration: a seqlock, since several loops may refine it and anybody may read it.
struct Calibration {
    counter: bool,
    sequence: AtomicU64,
    base_ticks: AtomicU64,
    base_ns: AtomicU64,
    mult: AtomicU64,
    first: (u64, u64),
    refining: AtomicBool,
    trusted: AtomicBool,
}

static CALIBRATION: OnceLock<Calibration> = OnceLock::new();

/// Nanoseconds of the OS's monotonic clock.
#[inline]
pub(crate) fn os_now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn counter() -> u64 {
    os_now_ns()
}

/// Whether the counter runs at one rate through sleep states and frequency changes, and is in step on all processors.
#[cfg(target_arch = "x86_64")]
fn counter_is_even() -> bool {
    // Valgrind and some emulators count instructions here; they do not report the invariance bit.
    let highest = core::arch::x86_64::__cpuid(0x8000_0000).eax;
    let invariant = highest >= 0x8000_0007 && core::arch::x86_64::__cpuid(0x8000_0007).edx & (1 << 8) != 0;
    // The kernel compares the processors' counters at boot and leaves this clock source when they disagree.
    let source =
        std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/available_clocksource");
    invariant
        && source.is_ok_and(|names| names.split_whitespace().any(|name| name == "tsc" || name == "kvm-clock"))
}

#[cfg(not(target_arch = "x86_64"))]
fn counter_is_even() -> bool {
    false
}

/// A pair of readings of both clocks at one moment, as well as that can be had.
fn pair() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..3 {
        let before = counter();
        let ns = os_now_ns();
        let after = counter();
        let spread = after.wrapping_sub(before);
        if spread < best.0 {
            best = (spread, before.wrapping_add(spread / 2), ns);
        }
    }
    (best.1, best.2)
}

fn calibration() -> &'static Calibration {
    CALIBRATION.get_or_init(|| {
        let even = counter_is_even();
        let (even, first) = if even { first_pair() } else { (false, (0, 0)) };
        let second = if even { pair() } else { (0, 0) };
        let mult = if even { mult_of(first, second) } else { 1 << 32 };
        Calibration {
            counter: even,
            sequence: AtomicU64::new(0),
            base_ticks: AtomicU64::new(second.0),
            base_ns: AtomicU64::new(second.1),
            mult: AtomicU64::new(mult),
            first,
            refining: AtomicBool::new(false),
            trusted: AtomicBool::new(!even),
        }
    })
}

/// The first pair of readings, and whether the counter is fast enough to be used.
fn first_pair() -> (bool, (u64, u64)) {
    let first = pair();
    let second = pair();
    (mult_of(first, second) < MULT_MAX, first)
}

fn mult_of(from: (u64, u64), to: (u64, u64)) -> u64 {
    let (ticks, ns) = (to.0.saturating_sub(from.0).max(1), to.1.saturating_sub(from.1).max(1));
    let mult = (u128::from(ns) << 32) / u128::from(ticks);
    u64::try_from(mult).unwrap_or(MULT_MAX).min(MULT_MAX)
}

/// One loop's view of the clock: which source, without looking it up again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    counter: bool,
}

impl Ticks {
    /// The process's clock; takes the first readings when nobody has yet.
    pub(crate) fn of_process() -> Self {
        Self { counter: calibration().counter }
    }

    /// A reading.
    #[inline]
    pub(crate) fn now(self) -> u64 {
        if self.counter { counter() } else { os_now_ns() }
    }
}

/// The rate now.
pub(crate) fn rate() -> Rate {
    let calibration = calibration();
    loop {
        let before = calibration.sequence.load(Acquire);
        let rate = Rate {
            base_ticks: calibration.base_ticks.load(Relaxed),
            base_ns: calibration.base_ns.load(Relaxed),
            mult: calibration.mult.load(Relaxed),
        };
        std::sync::atomic::fence(Acquire);
        if before & 1 == 0 && calibration.sequence.load(Relaxed) == before {
            return rate;
        }
        std::hint::spin_loop();
    }
}

/// Whether ticks may stand in for the OS's clock when a deadline is computed.
pub(crate) fn trusted() -> bool {
    calibration().trusted.load(Relaxed)
}

/// Refines the calibration when it is due: at 0.1 ms, 1 ms, 10 ms after the first reading, then every 50 ms.
/// Called by driver turns.
pub(crate) fn refine() {
    let calibration = calibration();
    if !calibration.counter {
        return;
    }
    let at_ns = calibration.base_ns.load(Relaxed);
    let span = at_ns.saturating_sub(calibration.first.1);
    let due = REFINE_AFTER_NS.min((span * 10).max(100_000));
    let now = rate().at_ns(counter());
    if now.saturating_sub(at_ns) < due {
        return;
    }
    if calibration.refining.swap(true, Acquire) {
        return;
    }
    let to = pair();
    let mult = mult_of(calibration.first, to);
    calibration.sequence.fetch_add(1, Acquire);
    std::sync::atomic::fence(Release);
    calibration.base_ticks.store(to.0, Relaxed);
    calibration.base_ns.store(to.1, Relaxed);
    calibration.mult.store(mult, Relaxed);
    calibration.sequence.fetch_add(1, Release);
    if to.1.saturating_sub(calibration.first.1) >= TRUSTED_AFTER_NS {
        calibration.trusted.store(true, Relaxed);
    }
    calibration.refining.store(false, Release);
}

/// In the child of a fork: a thread that was refining does not exist here, so what it left half done is done anew.
pub(crate) fn mend_after_fork() {
    let Some(calibration) = CALIBRATION.get() else { return };
    if calibration.sequence.load(Acquire) & 1 == 1 {
        let to = pair();
        calibration.base_ticks.store(to.0, Relaxed);
        calibration.base_ns.store(to.1, Relaxed);
        calibration.mult.store(mult_of(calibration.first, to), Relaxed);
        calibration.sequence.fetch_add(1, Release);
    }
    calibration.refining.store(false, Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_converts_both_ways() {
        let rate = Rate { base_ticks: 1000, base_ns: 5000, mult: mult_of((0, 0), (2600, 1000)) };
        assert_eq!(rate.span_ns(26_000_000), 9_999_999);
        assert_eq!(rate.at_ns(1000 + 2600), 5999);
        assert_eq!(rate.at_ns(1000 - 260), 5000 - 99);
        assert_eq!(rate.ticks_of(1000), 2600);
    }

    #[test]
    fn ticks_follow_the_clock_of_the_os() {
        let ticks = Ticks::of_process();
        let before = os_now_ns();
        while os_now_ns() - before < 2_000_000 {
            refine();
        }
        let (read, ns) = (ticks.now(), os_now_ns());
        let error = rate().at_ns(read).abs_diff(ns);
        // Generous: the thread may lose its processor between the two readings.
        assert!(error < 50_000_000, "off by {error} ns");
    }
}
