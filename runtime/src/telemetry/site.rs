//! Spawn sites: where tasks come from, with every task counted and the histograms of its polls.
//!
//! A task that lived two microseconds between two readings is in none of them, but it is counted here, exactly. Sites are
//! never freed: a program has as many as it has calls of `spawn`.

use std::cell::RefCell;
use std::collections::HashMap;

use super::atomic::{Acquire, AtomicU32, AtomicU64, OneWriter, Relaxed, Release};
use super::histogram::{Blocks, Directory};
use super::pages::{Pages, Zeroed};
use super::view::{Histogram, NameIndex, PlaceIndex, SiteIndex, SiteView, TaskState};

/// Sites of one loop; tasks spawned at further ones share the last.
const SITES_MAX: usize = 1 << 16;

/// One spawn site.
#[repr(C)]
pub(crate) struct Site {
    place: AtomicU32,
    name: AtomicU32,
    spawned: AtomicU64,
    completed: AtomicU64,
    cancelled: AtomicU64,
    panicked: AtomicU64,
    busy_ns: AtomicU64,
    poll: Directory,
    scheduled: Directory,
}

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: nothing but atomics, of which zero is valid.
unsafe impl Zeroed for Site {}

/// All sites of one loop.
pub(crate) struct Sites {
    pages: Pages<Site>,
    used: AtomicU32,
    /// Indices by place word; the loop's thread only.
    by_place: RefCell<HashMap<u32, u32>>,
    cache: [std::cell::Cell<(u32, u32)>; 256],
}

#[cfg_attr(loopscope_bare, allow(unused_variables, clippy::unused_self, reason = "compiled out"))]
impl Sites {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        Ok(Self {
            pages: Pages::reserve(SITES_MAX)?,
            used: AtomicU32::new(0),
            by_place: RefCell::default(),
            cache: [const { std::cell::Cell::new((0, 0)) }; 256],
        })
    }

    /// The site of a place word.
    #[inline]
    pub(crate) fn of(&self, place: u32) -> u32 {
        let slot = &self.cache[place as usize % self.cache.len()];
        let (cached, index) = slot.get();
        if cached == place && place != 0 {
            return index;
        }
        self.of_slow(place, slot)
    }

    #[cold]
    #[inline(never)]
    fn of_slow(&self, place: u32, slot: &std::cell::Cell<(u32, u32)>) -> u32 {
        let mut by_place = self.by_place.borrow_mut();
        let index = *by_place.entry(place).or_insert_with(|| {
            let used = self.used.load(Relaxed);
            if used as usize >= SITES_MAX {
                return used - 1;
            }
            self.pages.get(used).place.store(place, Relaxed);
            // Pairs with the reader's Acquire: a site is seen with its place.
            self.used.store(used + 1, Release);
            used
        });
        slot.set((place, index));
        index
    }

    /// A task was spawned at `site`.
    #[inline]
    pub(crate) fn spawned(&self, site: u32, name: u32) {
        #[cfg(not(loopscope_bare))]
        {
            let site = self.pages.get(site);
            site.spawned.add(1);
            if name != 0 && site.name.load(Relaxed) == 0 {
                site.name.store(name, Relaxed);
            }
        }
    }

    /// A poll of a task of `site` ended.
    #[expect(clippy::inline_always, reason = "a call in every turn, because nested polls come here too")]
    #[inline(always)]
    pub(crate) fn polled(&self, blocks: &Blocks, site: u32, scheduled_ns: u64, busy_ns: u64) {
        #[cfg(not(loopscope_bare))]
        {
            let site = self.pages.get(site);
            site.busy_ns.add(busy_ns);
            blocks.record(&site.poll, busy_ns);
            blocks.record(&site.scheduled, scheduled_ns);
        }
    }

    /// A task of `site` ended.
    #[inline]
    pub(crate) fn ended(&self, site: u32, state: TaskState) {
        #[cfg(not(loopscope_bare))]
        {
            let site = self.pages.get(site);
            match state {
                TaskState::Completed => site.completed.add(1),
                TaskState::Panicked => site.panicked.add(1),
                _ => site.cancelled.add(1),
            }
        }
    }

    /// The place of a site.
    pub(crate) fn place_of(&self, site: SiteIndex) -> Option<PlaceIndex> {
        (site.0 < self.len())
            .then(|| self.pages.get(site.0).place.load(Relaxed).checked_sub(1))
            .flatten()
            .map(PlaceIndex)
    }

    fn len(&self) -> u32 {
        self.used.load(Acquire)
    }

    /// Copies all sites out, as any thread.
    pub(crate) fn read(&self) -> Vec<SiteView> {
        (0..self.len()).map(|index| self.read_one(index)).collect()
    }

    /// Copies one site out, as any thread.
    pub(crate) fn get(&self, site: SiteIndex) -> Option<SiteView> {
        (site.0 < self.len()).then(|| self.read_one(site.0))
    }

    fn read_one(&self, index: u32) -> SiteView {
        let site = self.pages.get(index);
        SiteView {
            index: SiteIndex(index),
            place: PlaceIndex(site.place.load(Relaxed).wrapping_sub(1)),
            name: site.name.load(Relaxed).checked_sub(1).map(NameIndex),
            // Ends before spawns: a task that ends in between is then alive rather than negative.
            completed: site.completed.read(),
            cancelled: site.cancelled.read(),
            panicked: site.panicked.read(),
            spawned: site.spawned.read(),
            busy_ns: site.busy_ns.read(),
        }
    }

    /// Copies a histogram out: of one site, or summed over all.
    pub(crate) fn histogram(&self, blocks: &Blocks, site: Option<SiteIndex>, poll: bool) -> Histogram {
        let indices = match site {
            Some(SiteIndex(index)) if index < self.len() => index..index + 1,
            Some(_) => 0..0,
            None => 0..self.len(),
        };
        let mut sum = Histogram::default();
        for index in indices {
            let site = self.pages.get(index);
            sum.merge(&blocks.read(if poll { &site.poll } else { &site.scheduled }));
        }
        sum
    }

    /// Forgets all sites, when a loop's tables pass to another loop.
    pub(crate) fn clear(&self) {
        let used = self.used.load(Relaxed);
        self.used.store(0, Relaxed);
        for index in 0..used {
            let site = self.pages.get(index);
            for counter in [&site.spawned, &site.completed, &site.cancelled, &site.panicked, &site.busy_ns] {
                counter.put(0);
            }
            site.name.store(0, Relaxed);
            site.poll.clear();
            site.scheduled.clear();
        }
        self.by_place.borrow_mut().clear();
        for slot in &self.cache {
            slot.set((0, 0));
        }
    }
}
