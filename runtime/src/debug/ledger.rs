//! What was found in this process: one entry for each thing, however often it was found.
//!
//! ```text
//!   enter(warning) ──► the same lint, place, loop and resource? ── yes ─► counted there, the worst kept ─┐
//!                              │ no                                                                      ├─► how often by now
//!                              └─► a new entry; with 1,024 of them the one found longest ago goes ───────┘
//! ```
//!
//! Whoever enters something has found something wrong, so the lock costs nothing that matters. It is never held while anybody is
//! told, so a hook may read the ledger and find something itself. It is held across a fork, so that the child finds it whole.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::warning::Warning;
use crate::time::Instant;

/// The most entries.
const ENTRIES_MAX: usize = 1_024;
/// The most bytes that are kept of what a warning says: an error's `Debug` can be as long as it likes.
const MESSAGE_MAX: usize = 4_096;
/// The most frames that are kept of a stack.
const FRAMES_MAX: usize = 128;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Never reused in this process, and larger than those of all entries before.
    pub number: u64,
    /// The worst of what was found: that of the longest duration, else the last. Of its message 4 KiB are kept, and 128 frames
    /// of its stack.
    pub warning: Warning,
    /// How often it was found.
    pub count: u64,
    /// When it was found first.
    pub first: Instant,
    /// When it was found last.
    pub last: Instant,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    next: u64,
    lost: u64,
}

static LEDGER: Mutex<Ledger> = Mutex::new(Ledger::new());

/// The ledger, for one look at it.
pub(crate) fn ledger() -> MutexGuard<'static, Ledger> {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    const fn new() -> Self {
        Self { entries: Vec::new(), next: 1, lost: 0 }
    }

    /// Takes what is known now of something that goes on. Returns how often such things were found.
    pub(super) fn renew(&mut self, warning: &Warning, now: Instant) -> u64 {
        let Some(entry) = self.entries.iter_mut().find(|entry| is_same(&entry.warning, warning)) else {
            return self.enter(warning, now);
        };
        entry.last = now;
        if warning.duration >= entry.warning.duration {
            entry.warning = bounded(warning);
        }
        entry.count
    }

    /// Enters a warning. Returns how often it was found by now.
    pub(super) fn enter(&mut self, warning: &Warning, now: Instant) -> u64 {
        if let Some(entry) = self.entries.iter_mut().find(|entry| is_same(&entry.warning, warning)) {
            entry.count = entry.count.saturating_add(1);
            entry.last = now;
            if warning.duration >= entry.warning.duration {
                entry.warning = bounded(warning);
            }
            return entry.count;
        }
        if self.entries.len() >= ENTRIES_MAX {
            // Of several that were found at one instant the first: numbers tell what came later.
            let oldest = self.entries.iter().enumerate().min_by_key(|(_, entry)| (entry.last, entry.number));
            if let Some((at, _)) = oldest {
                self.entries.remove(at);
                self.lost += 1;
            }
        }
        let warning = bounded(warning);
        self.entries.push(Entry { number: self.next, warning, count: 1, first: now, last: now });
        self.next += 1;
        1
    }
}

/// Whether it is the same thing, found again: what has no place is the same where it is of the same task.
pub(super) fn is_same(known: &Warning, found: &Warning) -> bool {
    known.lint == found.lint
        && known.loop_id == found.loop_id
        && known.resource == found.resource
        && known.at == found.at
        && (known.at.is_some() || known.task == found.task)
}

/// What is kept of a warning.
fn bounded(warning: &Warning) -> Warning {
    let mut kept = warning.clone();
    kept.stack.truncate(FRAMES_MAX);
    kept.notes.truncate(FRAMES_MAX);
    if kept.message.len() > MESSAGE_MAX {
        let end = (0..=MESSAGE_MAX).rev().find(|at| kept.message.is_char_boundary(*at)).unwrap_or(0);
        kept.message.truncate(end);
        kept.message.push('…');
    }
    kept
}

/// All that was found and not forgotten, in the order it was found first.
pub fn entries() -> Vec<Entry> {
    ledger().entries.clone()
}

/// How many entries had to go since the process began, because 1,024 others were found after them.
pub fn entries_lost() -> u64 {
    ledger().lost
}

/// Forgets all that was found, as between two tests.
pub fn forget_all() {
    ledger().entries.clear();
}

#[cfg(test)]
mod tests;
