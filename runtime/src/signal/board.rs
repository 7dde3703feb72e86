//! How often each signal came, and which loops have to be told.
//!
//! ```text
//!   signal handler                         loop's thread, at its next look
//!   count of the signal += 1               rung? cleared
//!   for each loop with a listener:         for each wait of a listener that saw another count:
//!     rung = true, token, eventfd            notified
//! ```
//!
//! # Why it loses none
//!
//! The handler counts first and asks for listeners then; a listener says first that it is there and reads the count then. Both
//! in the one order of `SeqCst`, so that either the handler finds the listener or the listener finds the count. What is rung
//! is cleared before the counts are read. A listener keeps the count it saw last, so that one nobody waits for is not lost
//! either, and several that come before it looks are one, as in the OS itself.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use libc::c_int;

use super::disposition::SIGNALS;
use crate::event_loop::slot::{self, Loop};
use crate::event_loop::wait::Ticket;
use crate::telemetry::atomic::Relaxed;

/// One signal, process-wide.
struct Tally {
    /// How often it came.
    count: AtomicU64,
    /// The latest of them that a listener took.
    taken: AtomicU64,
    /// Who listens, on all loops.
    listeners: AtomicUsize,
}

static TALLIES: [Tally; SIGNALS] =
    [const { Tally { count: AtomicU64::new(0), taken: AtomicU64::new(0), listeners: AtomicUsize::new(0) } };
        SIGNALS];

/// How often the process was forked on the way to this one: listeners of the parent's do not count here.
static FORKS: AtomicU64 = AtomicU64::new(0);

fn tally(signal: c_int) -> Option<&'static Tally> {
    TALLIES.get(usize::try_from(signal).ok()?)
}

/// How often a signal came since it was first listened to.
pub(super) fn count(signal: c_int) -> u64 {
    tally(signal).map_or(0, |tally| tally.count.load(SeqCst))
}

/// Whether anybody listens to a signal, on any loop. Async-signal-safe.
pub(crate) fn is_listened_to(signal: c_int) -> bool {
    tally(signal).is_some_and(|tally| tally.listeners.load(SeqCst) > 0)
}

/// A listener took every one of a signal up to this count.
pub(super) fn take(signal: c_int, count: u64) {
    if let Some(tally) = tally(signal) {
        tally.taken.fetch_max(count, SeqCst);
    }
}

/// Whether a listener has already taken the latest one of a signal. Async-signal-safe.
pub(crate) fn is_taken(signal: c_int) -> bool {
    tally(signal).is_some_and(|tally| tally.taken.load(SeqCst) >= tally.count.load(SeqCst))
}

/// One that listens to a signal, from when it is made until it is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    signal: c_int,
    forks: u64,
}

impl Listening {
    pub(super) fn new(signal: c_int) -> Self {
        if let Some(tally) = tally(signal) {
            tally.listeners.fetch_add(1, SeqCst);
        }
        Self { signal, forks: FORKS.load(Relaxed) }
    }

    /// Whether the process has been forked since, and this is the child.
    pub(super) fn is_parents(&self) -> bool {
        self.forks != FORKS.load(Relaxed)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(tally) = tally(self.signal)
            && !self.is_parents()
        {
            tally.listeners.fetch_sub(1, SeqCst);
        }
    }
}

/// In the child of a fork: whoever listens belongs to the parent.
pub(crate) fn forget_after_fork() {
    FORKS.fetch_add(1, Relaxed);
    for tally in &TALLIES {
        tally.listeners.store(0, SeqCst);
    }
}

/// What a signal handler does. Async-signal-safe: it changes atomics and writes eventfds.
pub(super) fn delivered(signal: c_int) {
    let Some(tally) = tally(signal) else { return };
    tally.count.fetch_add(1, SeqCst);
    for lp in slot::all() {
        if lp.signals.listeners.load(SeqCst) > 0 {
            lp.signals.rung.store(true, SeqCst);
            if lp.remote.notify() {
                lp.ring();
            }
        }
    }
}

/// A loop's part of it.
#[derive(Default)]
pub(crate) struct Board {
    // Shared with signal handlers.
    listeners: AtomicUsize,
    rung: AtomicBool,
    // The loop's thread alone.
    waiting: RefCell<Vec<Waiting>>,
}

/// Somebody waits for a signal.
struct Waiting {
    signal: c_int,
    /// The count that the listener saw last.
    seen: u64,
    ticket: Ticket,
}

impl Board {
    pub(super) fn enter(&self) {
        self.listeners.fetch_add(1, SeqCst);
    }

    pub(super) fn leave(&self) {
        self.listeners.fetch_sub(1, SeqCst);
    }

    pub(super) fn wait(&self, signal: c_int, seen: u64, ticket: Ticket) {
        self.waiting.borrow_mut().push(Waiting { signal, seen, ticket });
    }

    pub(super) fn stop_waiting(&self, ticket: Ticket) {
        self.waiting.borrow_mut().retain(|waiting| waiting.ticket != ticket);
    }

    /// Between two lives of a slot.
    pub(crate) fn clear(&self) {
        self.listeners.store(0, SeqCst);
        self.rung.store(false, SeqCst);
        self.waiting.borrow_mut().clear();
    }
}

impl Loop {
    /// Tells those who wait for a signal that came.
    #[inline]
    pub(crate) fn heed_signals(&self) {
        if self.signals.rung.load(Relaxed) {
            self.tell_of_signals();
        }
    }

    #[cold]
    fn tell_of_signals(&self) {
        self.signals.rung.swap(false, SeqCst);
        let came = |waiting: &mut Waiting| count(waiting.signal) != waiting.seen;
        // Wakers may be foreign and run any code, so they are woken when the list is free again.
        let told: Vec<Waiting> = self.signals.waiting.borrow_mut().extract_if(.., came).collect();
        for waiting in told {
            waiting.ticket.notify();
        }
    }
}
