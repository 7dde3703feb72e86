#![allow(unsafe_code, reason = "entries keep wakers in type-stable memory")]
//! Wait entries: whoever keeps a waker keeps it in one of these, and so every wait can be seen.
//!
//! ```text
//!            park                    fire / notify                 clear (or drop of the `Wait`)
//!   (free) ────────► waiting, waker ───────────────► waker taken ───────────────► (free)
//!                     ▲        │ park again: the waker is renewed
//!                     └────────┘
//! ```
//!
//! A future holds a [`Wait`], the index and generation of its entry, and frees the entry when it is dropped. Timers, sockets,
//! locks, queues, joins and channels all link these entries; there is no second way to wait, so that a new primitive is
//! observable by construction.
//!
//! # Who may touch what
//!
//! The loop's thread writes everything. Readers look at the atomics, under the identity word; links and wakers are the loop's.

use std::cell::{Cell, UnsafeCell};
use std::task::Waker;

use super::atomic::{AtomicU8, AtomicU32, AtomicU64, OneWriter, Relaxed};
use super::identity::Identity;
use super::pages::{Pages, Zeroed};
use super::slots::{ENTRIES_MAX, Links, Slots};
use super::view::{TimerKind, WaitKind};
use crate::task::waker;

/// "No entry" of a link.
pub(crate) const NIL: u32 = u32::MAX;

const _: () = assert!(size_of::<Waiter>() == 64, "an entry is one cache line");

/// The entry was notified (its lock handed over, its item reserved, its timer fired).
pub(crate) const NOTIFIED: u8 = 1;
/// The entry stands in a list or in the wheel.
pub(crate) const LINKED: u8 = 2;
/// Made by a leaf that is polled through a trait and so has no future to drop; `payload` carries the task's poll count.
pub(crate) const RENEWED: u8 = 4;

/// Of one of the tasks that a set waits for: `task` is the ticket of the set's own entry, which says who waits, where and since
/// when; `at` is the task's number in the set; `prev` is the index of the set's entry, and `next` links those that are over.
pub(crate) const MEMBER: u8 = 64;
/// A set's own entry, which is no wait by itself: `prev` and `next` are the first and the last member that is over.
pub(crate) const HEAD: u8 = 8;

/// The two bits that say what a timer is for.
const TIMER: u8 = 0b11 << TIMER_SHIFT;
const TIMER_SHIFT: u32 = 4;

/// What a timer is for, as flags of its entry.
pub(crate) const fn timer_flags(kind: TimerKind) -> u8 {
    (kind as u8) << TIMER_SHIFT
}

/// What the timer of an entry with these flags is for.
pub(super) fn timer_of_flags(flags: u8) -> TimerKind {
    match (flags & TIMER) >> TIMER_SHIFT {
        0 => TimerKind::Sleep,
        1 => TimerKind::Timeout,
        2 => TimerKind::Interval,
        _ => TimerKind::CallLater,
    }
}

/// One wait of one task.
#[repr(C, align(64))]
pub(crate) struct Waiter {
    pub(super) identity: Identity,
    pub(super) kind: AtomicU8,
    pub(super) flags: AtomicU8,
    /// Where in the wheel a timer stands.
    pub(crate) wheel_slot: Cell<u16>,
    waker: UnsafeCell<Option<Waker>>,
    /// The waiting task: generation, loop and index in one word, 0 for none.
    pub(super) task: AtomicU64,
    /// Place words: of the `.await` and of where the leaf was made.
    pub(super) at: AtomicU32,
    pub(super) made_at: AtomicU32,
    /// A timer's deadline in nanoseconds, a join's task id, a blocking job's id, else the resource's index plus one in the low
    /// half and, in the high half, the task's poll count or the primitive's own number.
    pub(super) payload: AtomicU64,
    /// Ticks.
    pub(super) since: AtomicU64,
    pub(crate) prev: Cell<u32>,
    pub(crate) next: Cell<u32>,
}

// SAFETY: zero is a free entry: identity 0, no waker (`Option<Waker>` keeps `None` in the null of its vtable reference, which
// a test below holds), links that nobody follows. Other threads only touch the atomics.
unsafe impl Zeroed for Waiter {}

/// What a wait entry says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parking {
    pub(crate) kind: WaitKind,
    pub(crate) payload: u64,
    pub(crate) flags: u8,
    pub(crate) at: u32,
    pub(crate) made_at: u32,
}

impl Parking {
    /// Whether it is made by a leaf that is polled through a trait.
    pub(crate) fn is_renewed(&self) -> bool {
        self.flags & RENEWED != 0
    }
}

/// All wait entries of one loop.
pub(crate) struct Waiters {
    pages: Pages<Waiter>,
    slots: Slots,
}

struct WaiterLinks<'a>(&'a Pages<Waiter>);

impl Links for WaiterLinks<'_> {
    #[inline]
    fn link(&self, index: u32) -> &Cell<u32> {
        &self.0.get(index).next
    }
    #[inline]
    fn generation(&self, index: u32) -> u32 {
        self.0.get(index).identity.generation()
    }
    #[inline]
    fn set_generation(&self, index: u32, generation: u32) {
        self.0.get(index).identity.set_free(generation);
    }
    fn release(&self, entries: std::ops::Range<u32>) {
        self.0.release(entries);
    }
}

impl Waiter {
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags.load(Relaxed) & flag != 0
    }

    pub(crate) fn set(&self, flag: u8) {
        self.flags.store(self.flags.load(Relaxed) | flag, Relaxed);
    }

    pub(crate) fn unset(&self, flag: u8) {
        self.flags.store(self.flags.load(Relaxed) & !flag, Relaxed);
    }

    /// Whether it was made by a leaf that is polled through a trait.
    pub(crate) fn is_renewed(&self) -> bool {
        self.has(RENEWED)
    }

    pub(crate) fn payload(&self) -> u64 {
        self.payload.read()
    }

    /// The number that the primitive keeps with this wait: how much it asks for, or what it got.
    pub(crate) fn number(&self) -> u32 {
        u32::try_from(self.payload.read() >> 32).unwrap_or(0)
    }

    /// Keeps a number with this wait, also when it waits on in a [`Line`](crate::sync::line::Line). Not for entries that are renewed, which keep a count there.
    pub(crate) fn set_number(&self, number: u32) {
        self.payload.put(self.payload.read() & u64::from(u32::MAX) | u64::from(number) << 32);
    }

    /// Moves a timer's deadline. It stands in no wheel meanwhile.
    pub(crate) fn set_payload(&self, payload: u64) {
        self.payload.put(payload);
    }

    /// The word of the task that waits here.
    pub(crate) fn task_word(&self) -> u64 {
        self.task.read()
    }

    /// The word of the place of the `.await`.
    pub(crate) fn at_word(&self) -> u32 {
        self.at.load(Relaxed)
    }

    /// Takes the waker out; the caller wakes it when the entry's lists are in order.
    pub(crate) fn take_waker(&self) -> Option<Waker> {
        // SAFETY: only the loop's thread comes here, and no reference into the cell outlives a call.
        unsafe { (*self.waker.get()).take() }
    }

    /// The waker of an entry that was free, and so has none.
    #[inline]
    fn set_first_waker(&self, waker: &Waker) {
        let waker = waker::kept(waker);
        // SAFETY: as above; the clone ran before.
        let old = unsafe { (*self.waker.get()).replace(waker) };
        debug_assert!(old.is_none(), "a free entry kept a waker");
    }

    /// Begins another wait of the same kind in an entry that was vacated.
    #[inline]
    pub(crate) fn occupy(&self, parking: &Parking, task: u64, now: u64, waker: &Waker) {
        self.flags.store(parking.flags, Relaxed);
        self.at.store(parking.at, Relaxed);
        self.made_at.store(parking.made_at, Relaxed);
        self.payload.put(parking.payload);
        self.since.put(now);
        self.task.put(task);
        self.set_first_waker(waker);
    }

    /// Ends a wait but keeps its entry for the next: it is of no task meanwhile, and so of no wait that is shown.
    #[inline]
    pub(crate) fn vacate(&self) {
        debug_assert!(!self.has(LINKED), "an entry leaves its list before its wait ends");
        self.task.put(0);
        drop(self.take_waker());
    }

    fn set_waker(&self, waker: &Waker) {
        // SAFETY: as above. Comparing two wakers runs no code of theirs.
        let is_kept = unsafe { (*self.waker.get()).as_ref() }.is_some_and(|kept| kept.will_wake(waker));
        if is_kept {
            return;
        }
        // The clone and the drop of a foreign waker may run code, so neither runs while the cell is borrowed; and the new one is
        // there before the old one goes, whose drop may notify this very entry.
        let waker = waker::kept(waker);
        // SAFETY: as above.
        let old = unsafe { (*self.waker.get()).replace(waker) };
        drop(old);
    }

    /// Whether it keeps the waker of another library, as that of a combinator.
    #[cfg(feature = "stacks")]
    pub(crate) fn has_foreign_waker(&self) -> bool {
        // SAFETY: as above; looking at a waker's vtable runs no code of its.
        let waker = unsafe { (*self.waker.get()).as_ref() };
        waker.is_some_and(|waker| !waker::is_ours(waker) && !waker.will_wake(Waker::noop()))
    }
}

impl Waiters {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        Ok(Self { pages: Pages::reserve(ENTRIES_MAX as usize)?, slots: Slots::reserve(ENTRIES_MAX)? })
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> &Waiter {
        self.pages.get(index)
    }

    /// One past the highest index in use.
    pub(crate) fn high_water(&self) -> u32 {
        self.slots.high_water()
    }

    pub(crate) fn group_in_use(&self, index: u32) -> bool {
        self.slots.group_in_use(index)
    }

    /// Takes an entry for `task`, waiting since `now`; `None` when all 16 million are taken.
    #[inline]
    pub(crate) fn alloc(&self, parking: &Parking, task: u64, now: u64, waker: &Waker) -> Option<(u32, u32)> {
        let links = WaiterLinks(&self.pages);
        let index = self.slots.alloc(&links)?;
        let entry = self.pages.get(index);
        let generation = entry.identity.generation();
        entry.identity.publish(generation, || {
            entry.kind.store(kind_code(parking.kind), Relaxed);
            entry.flags.store(parking.flags, Relaxed);
            entry.task.put(task);
            entry.at.store(parking.at, Relaxed);
            entry.made_at.store(parking.made_at, Relaxed);
            entry.payload.put(parking.payload);
            entry.since.put(now);
        });
        entry.prev.set(NIL);
        entry.next.set(NIL);
        entry.set_first_waker(waker);
        Some((index, generation))
    }

    /// Renews an entry at another `Pending`.
    #[inline]
    pub(crate) fn renew(&self, index: u32, parking: &Parking, task: u64, waker: &Waker) {
        let entry = self.pages.get(index);
        entry.task.put(task);
        entry.at.store(parking.at, Relaxed);
        entry.payload.put(parking.payload);
        entry.set_waker(waker);
    }

    /// Takes an entry that nobody waits in, and so without a waker: a set's own, or a member's of the set with ticket `task`.
    pub(crate) fn alloc_quiet(&self, parking: &Parking, task: u64, now: u64) -> Option<(u32, u32)> {
        let (index, generation) = self.alloc(parking, task, now, Waker::noop())?;
        drop(self.get(index).take_waker());
        Some((index, generation))
    }

    /// Gives an entry that was made outside of a task to the task that waits for it.
    pub(crate) fn adopt(&self, index: u32, task: u64, waker: &Waker) {
        let entry = self.pages.get(index);
        entry.task.put(task);
        entry.set_waker(waker);
    }

    /// Whether the entry still belongs to whoever got this generation.
    #[inline]
    pub(crate) fn is_live(&self, index: u32, generation: u32) -> bool {
        self.pages.get(index).identity.is_live(generation)
    }

    /// Frees an entry; its waker is dropped.
    #[inline]
    pub(crate) fn free(&self, index: u32) {
        let entry = self.pages.get(index);
        debug_assert!(!entry.has(LINKED), "an entry leaves its list before it is freed");
        let waker = entry.take_waker();
        self.slots.free(&WaiterLinks(&self.pages), index);
        drop(waker);
    }

    /// Those of these entries that keep wakers of other libraries: the waiting task's word, index and generation.
    #[cfg(feature = "stacks")]
    pub(crate) fn with_foreign_wakers(
        &self,
        among: std::ops::Range<u32>,
    ) -> impl Iterator<Item = (u64, u32, u32)> + '_ {
        let used = (among.start..among.end.min(self.high_water())).filter(|index| self.group_in_use(*index));
        used.filter_map(|index| {
            let entry = self.pages.get(index);
            let is_live = entry.identity.word() & 1 == 1;
            (is_live && entry.has_foreign_waker())
                .then(|| (entry.task_word(), index, entry.identity.generation()))
        })
    }

    pub(crate) fn has_empty(&self) -> bool {
        self.slots.has_empty()
    }

    pub(crate) fn release_empty(&self) {
        self.slots.release_empty(&WaiterLinks(&self.pages));
    }

    /// Frees whatever is left when a loop ends: entries of futures that were moved out of it or forgotten.
    pub(crate) fn free_all(&self) -> usize {
        let mut left = 0;
        for index in 0..self.high_water() {
            if self.group_in_use(index) && self.pages.get(index).identity.word() & 1 == 1 {
                self.pages.get(index).unset(LINKED);
                self.free(index);
                left += 1;
            }
        }
        self.release_empty();
        left
    }
}

const KINDS: [WaitKind; 24] = [
    WaitKind::Unknown,
    WaitKind::Sleep,
    WaitKind::Join,
    WaitKind::Group,
    WaitKind::Lock,
    WaitKind::Semaphore,
    WaitKind::Event,
    WaitKind::Condition,
    WaitKind::Barrier,
    WaitKind::Put,
    WaitKind::Get,
    WaitKind::Send,
    WaitKind::Recv,
    WaitKind::Read,
    WaitKind::Write,
    WaitKind::Accept,
    WaitKind::Connect,
    WaitKind::Resolve,
    WaitKind::Process,
    WaitKind::Signal,
    WaitKind::Blocking,
    WaitKind::Yield,
    WaitKind::Foreign,
    WaitKind::Unknown,
];

#[inline]
fn kind_code(kind: WaitKind) -> u8 {
    kind as u8 + 1
}

pub(super) fn kind_of_code(code: u8) -> WaitKind {
    KINDS.get(usize::from(code)).copied().unwrap_or(WaitKind::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parking() -> Parking {
        Parking { kind: WaitKind::Lock, payload: 0, flags: 0, at: 1, made_at: 2 }
    }

    #[test]
    fn zero_bytes_are_no_waker() {
        let bytes = [0_u8; size_of::<Option<Waker>>()];
        // SAFETY: this is the claim under test; a failing layout is caught by the assertion, the value is never dropped.
        let waker = std::mem::ManuallyDrop::new(unsafe {
            std::mem::transmute::<[u8; size_of::<Option<Waker>>()], Option<Waker>>(bytes)
        });
        assert!(waker.is_none());
    }

    #[test]
    fn every_kind_survives_its_code() {
        for kind in KINDS {
            assert_eq!(kind_of_code(kind_code(kind)), kind);
        }
    }

    #[test]
    fn an_entry_dies_with_its_generation() {
        let waiters = Waiters::reserve().unwrap();
        let (index, generation) = waiters.alloc(&parking(), 7, 1, Waker::noop()).unwrap();
        assert!(waiters.is_live(index, generation));
        waiters.free(index);
        assert!(!waiters.is_live(index, generation));
        let (again, next) = waiters.alloc(&parking(), 7, 1, Waker::noop()).unwrap();
        assert_eq!(again, index);
        assert_ne!(next, generation);
    }
}
