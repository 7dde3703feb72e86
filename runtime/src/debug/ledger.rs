//! What was found in this process: one entry for each thing, however often it was found.
//!
//! ```text
//!   report(warning) ──► the same lint, place, loop and resource? ── yes ─► counted there, the worst kept ─┐
//!                              │ no                                                                       ├─► told when the count is 1, 2, 4, 8 …
//!                              └─► a new entry; with 1,024 of them the one found longest ago goes ────────┘
//! ```
//!
//! Whoever reports has found something wrong, so the lock costs nothing that matters. It is never held while anybody is told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::warning::Warning;
use crate::event_loop::slot;
use crate::runner::complain;
use crate::time::Instant;

/// The most entries.
const ENTRIES_MAX: usize = 1_024;

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Never reused in this process, and larger than those of all entries before.
    pub number: u64,
    /// The worst of what was found: that of the longest duration, else the last.
    pub warning: Warning,
    /// How often it was found.
    pub count: u64,
    /// When it was found first.
    pub first: Instant,
    /// When it was found last.
    pub last: Instant,
}

#[derive(Debug)]
struct Ledger {
    entries: Vec<Entry>,
    next: u64,
}

static LEDGER: Mutex<Ledger> = Mutex::new(Ledger { entries: Vec::new(), next: 1 });

fn ledger() -> MutexGuard<'static, Ledger> {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Enters a warning. Returns how often it was found by now.
    fn enter(&mut self, warning: &Warning, now: Instant) -> u64 {
        let same = |entry: &Entry| {
            let known = &entry.warning;
            known.lint == warning.lint
                && known.loop_id == warning.loop_id
                && known.resource == warning.resource
                && known.at == warning.at
                && (known.at.is_some() || known.task == warning.task)
        };
        if let Some(entry) = self.entries.iter_mut().find(|entry| same(entry)) {
            entry.count += 1;
            entry.last = now;
            if warning.duration >= entry.warning.duration {
                entry.warning = warning.clone();
            }
            return entry.count;
        }
        if self.entries.len() >= ENTRIES_MAX {
            let oldest = self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.last);
            if let Some((at, _)) = oldest {
                self.entries.remove(at);
            }
        }
        self.entries.push(Entry {
            number: self.next,
            warning: warning.clone(),
            count: 1,
            first: now,
            last: now,
        });
        self.next += 1;
        1
    }
}

/// Enters a warning and tells of it: the hook of its loop, else `tracing`, else standard error.
///
/// For the runtime itself and for the inspector; an application has its own ways to say that something is wrong.
#[doc(hidden)]
pub fn report(warning: &Warning) {
    let count = ledger().enter(warning, Instant::now());
    if count.is_power_of_two() {
        tell(warning, count);
    }
}

/// All that was found and not forgotten, in the order it was found first.
pub fn entries() -> Vec<Entry> {
    ledger().entries.clone()
}

/// Forgets all that was found, as between two tests.
pub fn forget_all() {
    ledger().entries.clear();
}

fn tell(warning: &Warning, count: u64) {
    if let Some(hook) = warning.loop_id.and_then(slot::warning_hook) {
        return hook.call(warning, count);
    }
    if count == 1 {
        complain(format_args!("{warning}"));
    } else {
        complain(format_args!("{warning} (found {count} times)"));
    }
}
