//! Which entries of a table are free: groups of 128, low groups first, empty groups given back.
//!
//! ```text
//!   alloc: current group's free list ─► its untouched rest ─► the lowest group with room
//!   free:  into its own group's list;  group empty ─► remembered ─► `release_empty` returns its pages
//! ```
//!
//! The free list of a group runs through the entries themselves ([`Links`]), so that it costs nothing. A group that was given
//! back reads as zero, its generations too, so the group remembers the highest generation it ever handed out and goes on
//! from there: a stale waker or reference then still meets a generation it has not seen.
//!
//! # Who may touch what
//!
//! The loop's thread alone; readers only look at [`Slots::group_in_use`] and [`Slots::high_water`] to skip what is free.

use super::atomic::{AtomicU32, Relaxed};
use super::pages::{Pages, Zeroed};
use std::cell::{Cell, RefCell};

/// Entries in a group: chosen so that a group of every table fills whole pages.
#[cfg(not(loom))]
pub(crate) const GROUP: u32 = 128;
#[cfg(loom)]
pub(crate) const GROUP: u32 = 2;
/// Entries of a table at most: what the 24 index bits of a waker can name.
pub(crate) const ENTRIES_MAX: u32 = 1 << 24;

const NONE: u32 = 0;

/// How a table links its free entries and where it keeps their generation.
pub(crate) trait Links {
    /// The word in which entry `index` links to the next free one.
    fn link(&self, index: u32) -> &Cell<u32>;
    /// The generation of entry `index`.
    fn generation(&self, index: u32) -> u32;
    /// Starts generation `generation` of entry `index`.
    fn set_generation(&self, index: u32, generation: u32);
    /// Gives the memory of a group back.
    fn release(&self, entries: std::ops::Range<u32>);
}

/// One group's book-keeping.
#[derive(Default)]
#[repr(C)]
struct Group {
    /// First free entry plus one.
    free: Cell<u32>,
    /// Entries from the start that were ever handed out since the group last held memory.
    touched: Cell<u32>,
    /// Entries handed out now.
    live: AtomicU32,
    /// No generation above this was ever handed out before the group was last given back.
    floor: Cell<u32>,
}

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: zero is "nothing handed out"; readers only touch `live`.
unsafe impl Zeroed for Group {}

/// The allocator of one table.
pub(crate) struct Slots {
    groups: Pages<Group>,
    current: Cell<u32>,
    /// One past the highest group ever used.
    group_high: AtomicU32,
    /// Groups below `group_high` that have room, as a bit set with a summary.
    room: RefCell<BitSet>,
    /// Groups that became empty since the last release.
    empty: RefCell<Vec<u32>>,
}

impl Slots {
    /// An allocator for a table of `entries`.
    pub(crate) fn reserve(entries: u32) -> std::io::Result<Self> {
        Ok(Self {
            groups: Pages::reserve((entries / GROUP) as usize)?,
            current: Cell::new(0),
            group_high: AtomicU32::new(0),
            room: RefCell::default(),
            empty: RefCell::default(),
        })
    }

    /// One past the highest index ever handed out, rounded up to a group.
    pub(crate) fn high_water(&self) -> u32 {
        self.group_high.load(Relaxed) * GROUP
    }

    /// Whether any entry of the group of `index` is handed out.
    pub(crate) fn group_in_use(&self, index: u32) -> bool {
        self.groups.get(index / GROUP).live.load(Relaxed) > 0
    }

    /// Hands out an entry with a generation it has not had before, or `None` when the table is full.
    #[inline]
    pub(crate) fn alloc(&self, links: &impl Links) -> Option<u32> {
        let number = self.current.get();
        let group = self.groups.get(number);
        let free = group.free.get();
        if free == NONE {
            return self.alloc_slow(links);
        }
        let index = free - 1;
        group.free.set(links.link(index).get());
        group.live.store(group.live.load(Relaxed) + 1, Relaxed);
        Some(index)
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, links: &impl Links) -> Option<u32> {
        loop {
            let number = self.current.get();
            let group = self.groups.get(number);
            if self.group_high.load(Relaxed) <= number {
                self.group_high.store(number + 1, Relaxed);
            }
            if group.free.get() != NONE {
                return self.alloc(links);
            }
            let touched = group.touched.get();
            if touched < GROUP {
                group.touched.set(touched + 1);
                group.live.store(group.live.load(Relaxed) + 1, Relaxed);
                let index = number * GROUP + touched;
                links.set_generation(index, group.floor.get().wrapping_add(1));
                return Some(index);
            }
            let next = self.room.borrow_mut().take_lowest();
            let next = next.unwrap_or_else(|| self.group_high.load(Relaxed));
            if next as usize >= self.groups.len() {
                return None;
            }
            self.current.set(next);
        }
    }

    /// Takes entry `index` back.
    #[inline]
    pub(crate) fn free(&self, links: &impl Links, index: u32) {
        let number = index / GROUP;
        let group = self.groups.get(number);
        links.set_generation(index, links.generation(index).wrapping_add(1));
        let first = group.free.get();
        links.link(index).set(first);
        group.free.set(index + 1);
        let live = group.live.load(Relaxed) - 1;
        group.live.store(live, Relaxed);
        if number != self.current.get() && (live == 0 || first == NONE) {
            self.note_room(number, live);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_room(&self, number: u32, live: u32) {
        self.room.borrow_mut().insert(number);
        if live == 0 {
            self.empty.borrow_mut().push(number);
        }
    }

    /// Whether [`release_empty`](Self::release_empty) would have something to look at.
    pub(crate) fn has_empty(&self) -> bool {
        !self.empty.borrow().is_empty()
    }

    /// Returns the memory of groups that are empty.
    pub(crate) fn release_empty(&self, links: &impl Links) {
        let groups = std::mem::take(&mut *self.empty.borrow_mut());
        for number in groups {
            let group = self.groups.get(number);
            if group.live.load(Relaxed) == 0 && number != self.current.get() && group.touched.get() > 0 {
                self.release_group(links, number);
            }
        }
    }

    fn release_group(&self, links: &impl Links, number: u32) {
        let group = self.groups.get(number);
        let start = number * GROUP;
        let generations = (start..start + group.touched.get()).map(|index| links.generation(index));
        let floor = generations.max().unwrap_or(0).max(group.floor.get());
        group.floor.set(floor);
        group.free.set(NONE);
        group.touched.set(0);
        links.release(start..start + GROUP);
    }
}

/// A set of group numbers with a summary word per 64 words, so that the lowest is found in a few steps.
#[derive(Default)]
struct BitSet {
    words: Vec<u64>,
    summary: Vec<u64>,
}

impl BitSet {
    fn insert(&mut self, number: u32) {
        let (word, bit) = (number as usize / 64, number % 64);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
            self.summary.resize(word / 64 + 1, 0);
        }
        self.words[word] |= 1 << bit;
        self.summary[word / 64] |= 1 << (word % 64);
    }

    fn take_lowest(&mut self) -> Option<u32> {
        let (at, summary) = self.summary.iter_mut().enumerate().find(|(_, summary)| **summary != 0)?;
        let word = at * 64 + summary.trailing_zeros() as usize;
        let bits = &mut self.words[word];
        let bit = bits.trailing_zeros();
        *bits &= *bits - 1;
        if *bits == 0 {
            *summary &= *summary - 1;
        }
        u32::try_from(word).ok().map(|word| word * 64 + bit)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, HashSet};

    struct Table {
        links: Vec<Cell<u32>>,
        generations: Vec<Cell<u32>>,
    }

    impl Table {
        fn new(len: usize) -> Self {
            Self { links: vec![Cell::new(0); len], generations: vec![Cell::new(0); len] }
        }
    }

    impl Links for Table {
        fn link(&self, index: u32) -> &Cell<u32> {
            &self.links[index as usize]
        }
        fn generation(&self, index: u32) -> u32 {
            self.generations[index as usize].get()
        }
        fn set_generation(&self, index: u32, generation: u32) {
            self.generations[index as usize].set(generation);
        }
        fn release(&self, entries: std::ops::Range<u32>) {
            for index in entries {
                self.links[index as usize].set(0);
                self.generations[index as usize].set(0);
            }
        }
    }

    #[test]
    fn low_groups_are_used_first() {
        let (slots, table) = (Slots::reserve(ENTRIES_MAX).unwrap(), Table::new(1024));
        let all: Vec<u32> = (0..1024).map(|_| slots.alloc(&table).unwrap()).collect();
        assert_eq!(all, (0..1024).collect::<Vec<_>>());
        for index in [900, 300, 10] {
            slots.free(&table, index);
        }
        // The group at hand first, then the lowest with room.
        assert_eq!((0..3).map(|_| slots.alloc(&table).unwrap()).collect::<Vec<_>>(), [900, 10, 300]);
    }

    #[test]
    fn a_group_given_back_starts_with_generations_nobody_has_seen() {
        let (slots, table) = (Slots::reserve(ENTRIES_MAX).unwrap(), Table::new(512));
        let all: Vec<u32> = (0..512).map(|_| slots.alloc(&table).unwrap()).collect();
        let seen: u32 = table.generation(5);
        for index in all {
            slots.free(&table, index);
        }
        assert!(slots.has_empty());
        slots.release_empty(&table);
        assert_eq!(table.generation(5), 0, "the memory went back");
        let again: Vec<u32> = (0..512).map(|_| slots.alloc(&table).unwrap()).collect();
        assert!(again.contains(&5));
        assert!(table.generation(5) > seen);
    }

    proptest! {
        #[test]
        fn an_entry_has_one_owner_and_a_generation_is_never_handed_out_twice(
            steps in proptest::collection::vec((0..4_u8, any::<proptest::sample::Index>()), 0..3000)
        ) {
            let (slots, table) = (Slots::reserve(ENTRIES_MAX).unwrap(), Table::new(4096));
            let mut live: BTreeMap<u32, u32> = BTreeMap::new();
            let mut seen = HashSet::new();
            for (step, which) in steps {
                match step {
                    0 | 1 => {
                        let index = slots.alloc(&table).unwrap();
                        let generation = table.generation(index);
                        prop_assert!(live.insert(index, generation).is_none());
                        prop_assert!(seen.insert((index, generation)));
                    }
                    2 if !live.is_empty() => {
                        let index = *live.keys().nth(which.index(live.len())).unwrap();
                        live.remove(&index);
                        slots.free(&table, index);
                    }
                    3 => slots.release_empty(&table),
                    _ => {}
                }
                for (index, generation) in &live {
                    prop_assert_eq!(table.generation(*index), *generation);
                }
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::telemetry::atomic::AtomicU64;
    use crate::telemetry::identity::Identity;
    use loom::sync::Arc;
    use loom::thread;

    #[derive(Default)]
    struct Entry {
        identity: Identity,
        id: AtomicU64,
        twice: AtomicU64,
        link: Cell<u32>,
    }

    struct Table {
        slots: Slots,
        entries: Vec<Entry>,
    }

    #[allow(unsafe_code, reason = "as a loop is shared")]
    // SAFETY: the cells are touched by the writing thread alone.
    unsafe impl Sync for Table {}
    #[allow(unsafe_code, reason = "as a loop is shared")]
    // SAFETY: as above.
    unsafe impl Send for Table {}

    impl Links for Table {
        fn link(&self, index: u32) -> &Cell<u32> {
            &self.entries[index as usize].link
        }
        fn generation(&self, index: u32) -> u32 {
            self.entries[index as usize].identity.generation()
        }
        fn set_generation(&self, index: u32, generation: u32) {
            self.entries[index as usize].identity.set_free(generation);
        }
        fn release(&self, entries: std::ops::Range<u32>) {
            // What the OS does to a page that is given back.
            for index in entries {
                let entry = &self.entries[index as usize];
                entry.identity.set_free(0);
                entry.id.store(0, Relaxed);
                entry.twice.store(0, Relaxed);
            }
        }
    }

    #[test]
    fn loom_a_reader_meets_one_life_or_none_while_slots_are_freed_reused_and_given_back() {
        loom::model(|| {
            let entries = (0..4).map(|_| Entry::default()).collect();
            let table = Arc::new(Table { slots: Slots::reserve(4).unwrap(), entries });
            let writer = Arc::clone(&table);
            let writing = thread::spawn(move || {
                let table = &*writer;
                for life in 1..=2_u64 {
                    let index = table.slots.alloc(table).unwrap();
                    let entry = &table.entries[index as usize];
                    entry.identity.publish(entry.identity.generation(), || {
                        entry.id.store(life, Relaxed);
                        entry.twice.store(2 * life, Relaxed);
                    });
                    table.slots.free(table, index);
                    table.slots.release_empty(table);
                }
            });
            for index in 0..table.slots.high_water() {
                if table.slots.group_in_use(index) {
                    let entry = &table.entries[index as usize];
                    let read = entry.identity.read(|| (entry.id.load(Relaxed), entry.twice.load(Relaxed)));
                    if let Some((id, twice)) = read {
                        assert!(id > 0 && twice == 2 * id, "{id} {twice}");
                    }
                }
            }
            writing.join().unwrap();
        });
    }
}
