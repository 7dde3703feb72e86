//! What one client was told, and what is to be told next.
//!
//! # The life of an entry
//!
//! ```text
//!              1                   2                        3
//!   (unknown) ───► told ◄──┐  ───► gone ───────────────────────► (unknown)
//!                   └──────┘        │  4
//!                 its figures       └──► told, introduced anew
//! ```
//!
//! 1. Offered for the first time, and there is room.
//! 2. Not offered in a turn: the client is told that it is gone, and shows it as such for a few seconds.
//! 3. Gone for [`GONE_TURNS`], more than the client keeps it.
//! 4. Offered again before that: a task that reads in a loop is one op that comes and goes, not a new one every second.
//!
//! What has no number of its own (a wait, a timer) gets one here. Numbers are used again, so that neither we nor the client,
//! which never forgets a number, grow with the time that it watches.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// Tasks that a client is told of at a time. It sorts and formats all of them every time it draws.
pub(super) const TASKS_MAX: usize = 20_000;

/// Resources that a client is told of at a time.
pub(super) const RESOURCES_MAX: usize = 20_000;

/// Waits that a client is told of at a time.
pub(super) const OPS_MAX: usize = 20_000;

/// Turns for which something that is gone is remembered; the client shows it for six seconds.
const GONE_TURNS: u64 = 10;

/// The first number for what has none: far above those that resources have.
const NUMBERS_FROM: u64 = 1 << 63;

/// What tells one from another.
pub(super) trait Key: Copy + Eq + Hash {
    /// Its own number, never used for another.
    fn number(&self) -> Option<u64>;
}

impl Key for u64 {
    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

/// What is compared to know whether there is news.
pub(super) trait Figures {
    /// Whether the client does not know this yet.
    fn differs(&self, told: &Self) -> bool;
}

/// What becomes of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// To be introduced, under this number.
    New(u64),
    /// Known under this number, with other figures.
    Changed(u64),
    /// The client knows all of it.
    Same(u64),
    /// There is no room.
    Full,
}

#[derive(Debug)]
struct Entry<F> {
    number: u64,
    told: F,
    /// The last turn in which it was offered.
    offered: u64,
    /// The client was told that it is gone.
    gone: bool,
}

/// The entities of one kind.
#[derive(Debug)]
pub(super) struct Ledger<K, F, S = std::hash::RandomState> {
    entries: HashMap<K, Entry<F>, S>,
    max: usize,
    turn: u64,
    numbers_free: Vec<u64>,
    number_next: u64,
    full: u64,
    full_told: Full,
}

impl<K: Key, F: Figures, S: BuildHasher + Default> Ledger<K, F, S> {
    /// Room for `max`.
    pub(super) fn new(max: usize) -> Self {
        Self {
            entries: HashMap::default(),
            max,
            turn: 0,
            numbers_free: Vec::new(),
            number_next: NUMBERS_FROM,
            full: 0,
            full_told: Full::default(),
        }
    }

    /// Begins a turn.
    pub(super) fn begin(&mut self) {
        self.turn += 1;
        self.full = 0;
    }

    /// Says that it is there, with these figures.
    pub(super) fn offer(&mut self, key: K, figures: F) -> Offer {
        if let Some(entry) = self.entries.get_mut(&key) {
            let (was_gone, differs) = (entry.gone, figures.differs(&entry.told));
            (entry.offered, entry.gone) = (self.turn, false);
            if was_gone || differs {
                entry.told = figures;
            }
            return match (was_gone, differs) {
                (true, _) => Offer::New(entry.number),
                (false, true) => Offer::Changed(entry.number),
                (false, false) => Offer::Same(entry.number),
            };
        }
        if self.entries.len() >= self.max {
            self.has_no_room();
            return Offer::Full;
        }
        let number = key.number().unwrap_or_else(|| self.take_number());
        self.entries.insert(key, Entry { number, told: figures, offered: self.turn, gone: false });
        Offer::New(number)
    }

    /// Says that it is there, if the client knows it with just these figures.
    pub(super) fn touch(&mut self, key: &K, is_same: impl FnOnce(&F) -> bool) -> bool {
        let turn = self.turn;
        let entry = self.entries.get_mut(key).filter(|entry| !entry.gone && is_same(&entry.told));
        entry.is_some_and(|entry| {
            entry.offered = turn;
            true
        })
    }

    fn take_number(&mut self) -> u64 {
        self.numbers_free.pop().unwrap_or_else(|| {
            self.number_next += 1;
            self.number_next - 1
        })
    }

    /// Says that something is there for which there is no room.
    pub(super) fn has_no_room(&mut self) {
        self.full += 1;
    }

    /// The number of what the client knows and was not told to be gone.
    pub(super) fn number(&self, key: &K) -> Option<u64> {
        self.entries.get(key).filter(|entry| !entry.gone).map(|entry| entry.number)
    }

    /// The figures that the client was told last, unless it was told that it is gone.
    pub(super) fn told(&self, key: &K) -> Option<&F> {
        self.entries.get(key).filter(|entry| !entry.gone).map(|entry| &entry.told)
    }

    /// Ends a turn: what was not offered is gone.
    pub(super) fn end(&mut self, mut gone: impl FnMut(K, u64, &F)) {
        let turn = self.turn;
        let free = &mut self.numbers_free;
        self.entries.retain(|key, entry| {
            if entry.offered == turn {
                return true;
            }
            if !entry.gone {
                entry.gone = true;
                gone(*key, entry.number, &entry.told);
            }
            let is_kept = turn - entry.offered < GONE_TURNS;
            if !is_kept && key.number().is_none() {
                free.push(entry.number);
            }
            is_kept
        });
    }

    /// How many more found no room than in any turn before.
    pub(super) fn newly_full(&mut self) -> u64 {
        self.full_told.now(self.full);
        self.full_told.newly()
    }
}

/// How many found no room at a time, at most.
#[derive(Debug, Default)]
pub(super) struct Full {
    max: u64,
    told: u64,
}

impl Full {
    /// So many in this turn.
    pub(super) fn now(&mut self, full: u64) {
        self.max = self.max.max(full);
    }

    /// How many more than the client was told.
    pub(super) fn newly(&mut self) -> u64 {
        let more = self.max - self.told;
        self.told = self.max;
        more
    }
}

/// How many tasks there were of which the client was not told.
///
/// Every loop counts exactly what it has spawned, also what came and went between two turns.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    /// By loop.
    spawned: HashMap<u64, u64>,
    is_begun: bool,
    due: u64,
    introduced: u64,
    told: u64,
}

impl Unseen {
    /// So many tasks a loop has spawned up to now; to be said before they are walked.
    pub(super) fn spawned(&mut self, loops: impl IntoIterator<Item = (u64, u64)>) {
        let mut now = HashMap::with_capacity(self.spawned.len());
        for (event_loop, spawned) in loops {
            let before = self.spawned.get(&event_loop).copied();
            // Of a loop that was there at the beginning only what comes later counts; see `began`.
            let before = before.unwrap_or(if self.is_begun { 0 } else { spawned });
            self.due += spawned.saturating_sub(before);
            now.insert(event_loop, spawned.max(before));
        }
        self.spawned = now;
    }

    /// So many were there when the client came.
    pub(super) fn began(&mut self, tasks: u64) {
        if !self.is_begun {
            self.is_begun = true;
            self.due += tasks;
        }
    }

    /// One was introduced.
    pub(super) fn introduced(&mut self) {
        self.introduced += 1;
    }

    /// How many more there are now than the client was told.
    pub(super) fn newly(&mut self) -> u64 {
        let more = self.due.saturating_sub(self.introduced).saturating_sub(self.told);
        self.told += more;
        more
    }
}

#[cfg(test)]
mod tests;
