//! What anybody may read of one task: 96 bytes that the loop writes and never trusts.
//!
//! They lie in two arrays of one index: what is written once a life (32 bytes, [`Origin`]) and what every poll writes (64
//! bytes, [`Record`]), so that a poll touches one cache line of it.
//!
//! ```text
//!              wake              poll begins            poll ends
//!   IDLE ─────────────► SCHEDULED ──────────► RUNNING ─────────────► IDLE | SCHEDULED
//!                                                        └─────────► COMPLETED | CANCELLED | PANICKED
//! ```
//!
//! One writer, the loop's thread. Every word is an atomic written with a relaxed store, so that fields of one reading may be
//! from slightly different instants; the identity word says that they belong to one task. A finished task's record stays as
//! it is until its slot is reused: it *is* the history.
//!
//! With `--cfg loopscope_bare` every method that writes is empty, to measure what the records cost.

use super::atomic::{AtomicU32, AtomicU64, OneWriter, Relaxed};
use super::identity::Identity;
use super::pages::{Pages, Zeroed};
use super::slots::ENTRIES_MAX;
use super::view::{NameIndex, SiteIndex, TaskKind, TaskState};

/// Bits of `state` for the [`TaskState`].
const STATE_BITS: u32 = 4;
/// Bits of `state` for the [`TaskKind`].
const KIND_BITS: u32 = 4;
const STATE_MASK: u32 = (1 << STATE_BITS) - 1;
const KIND_MASK: u32 = (1 << KIND_BITS) - 1;
const SIZE_SHIFT: u32 = STATE_BITS + KIND_BITS;
/// Sizes from here on are shown as this many bytes.
const SIZE_MAX: u32 = (1 << (32 - SIZE_SHIFT)) - 1;

const _: () = assert!(size_of::<Record>() == 64, "one cache line");
const _: () = assert!(size_of::<Origin>() == 32, "two share a cache line");

/// Who a task is: written when it is spawned.
#[repr(C)]
pub(crate) struct Origin {
    pub(super) identity: Identity,
    /// Index of the name plus one, 0 for none.
    pub(super) name: AtomicU32,
    pub(super) id: AtomicU64,
    /// The parent's id, 0 for none.
    pub(super) parent: AtomicU64,
    /// Ticks.
    pub(super) spawned_at: AtomicU64,
}

/// How a task fares: written at every wake and poll.
#[repr(C, align(64))]
pub(crate) struct Record {
    /// State, kind and size of the future, packed.
    pub(super) state: AtomicU32,
    pub(super) site: AtomicU32,
    /// Ticks at which the state began (of RUNNING: at which the task was scheduled).
    pub(super) since: AtomicU64,
    pub(super) busy_ns: AtomicU64,
    pub(super) scheduled_ns: AtomicU64,
    pub(crate) polls: AtomicU64,
    pub(super) wakes: AtomicU64,
    pub(super) self_wakes: AtomicU64,
    pub(super) longest_poll_ns: AtomicU64,
}

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: nothing but atomics, of which zero is valid and free.
unsafe impl Zeroed for Origin {}
#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: nothing but atomics, of which zero is valid.
unsafe impl Zeroed for Record {}

/// The records of all tasks of a loop.
pub(crate) struct Records {
    origins: Pages<Origin>,
    records: Pages<Record>,
}

/// What a task starts with.
#[derive(Clone, Copy)]
pub(crate) struct Birth {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) site: u32,
    pub(crate) name: u32,
    pub(crate) kind: TaskKind,
    pub(crate) size: usize,
    pub(crate) now: u64,
}

/// The state that a record's words stand for.
///
/// Neither a wake nor a poll writes a state: every wake that makes a task scheduled leads to one poll, so that a task with
/// more wakes than polls stands in the run queue. Spawning counts as a wake, except for a task that waits from the start.
pub(super) fn state_of(word: u32, wakes: u64, polls: u64) -> TaskState {
    match word & STATE_MASK {
        born @ (0 | 1) if wakes + u64::from(born) > polls => TaskState::Scheduled,
        0 | 1 => TaskState::Idle,
        3 => TaskState::Completed,
        4 => TaskState::Cancelled,
        _ => TaskState::Panicked,
    }
}

pub(super) fn kind_of(word: u32) -> TaskKind {
    match (word >> STATE_BITS) & KIND_MASK {
        0 => TaskKind::Task,
        1 => TaskKind::Callback,
        _ => TaskKind::Blocking,
    }
}

pub(super) fn size_of_future(word: u32) -> u32 {
    word >> SIZE_SHIFT
}

fn state_bits(state: TaskState) -> u32 {
    match state {
        TaskState::Idle => 0,
        TaskState::Scheduled | TaskState::Running => 1,
        TaskState::Completed => 3,
        TaskState::Cancelled => 4,
        TaskState::Panicked => 5,
    }
}

fn kind_bits(kind: TaskKind) -> u32 {
    match kind {
        TaskKind::Task => 0,
        TaskKind::Callback => 1,
        TaskKind::Blocking => 2,
    }
}

#[cfg_attr(loopscope_bare, allow(unused_variables, clippy::unused_self, reason = "compiled out"))]
impl Records {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        let len = ENTRIES_MAX as usize;
        Ok(Self { origins: Pages::reserve(len)?, records: Pages::reserve(len)? })
    }

    /// How the task at `index` fares.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> &Record {
        self.records.get(index)
    }

    /// Who the task at `index` is.
    #[inline]
    pub(crate) fn origin(&self, index: u32) -> &Origin {
        self.origins.get(index)
    }

    /// Gives memory back.
    pub(crate) fn release(&self, entries: std::ops::Range<u32>) {
        self.origins.release(entries.clone());
        self.records.release(entries);
    }

    /// Starts a life in state SCHEDULED: a spawned task stands in the run queue at once.
    #[inline]
    pub(crate) fn begin(&self, index: u32, generation: u32, birth: &Birth) {
        #[cfg(not(loopscope_bare))]
        {
            let (origin, record) = (self.origin(index), self.get(index));
            origin.identity.publish(generation, || {
                origin.id.put(birth.id);
                origin.parent.put(birth.parent);
                origin.name.store(birth.name, Relaxed);
                origin.spawned_at.put(birth.now);
                record.begin(birth);
            });
        }
    }

    /// The slot is about to be reused.
    #[inline]
    pub(crate) fn retire(&self, index: u32, generation: u32) {
        #[cfg(not(loopscope_bare))]
        self.origin(index).identity.retire(generation);
    }
}

impl Origin {
    /// The id of the task that lives here, as far as the record knows.
    pub(crate) fn id(&self) -> u64 {
        self.id.read()
    }

    /// The id of the task that spawned it, or 0.
    #[cfg(feature = "stacks")]
    pub(crate) fn parent(&self) -> u64 {
        self.parent.read()
    }

    /// Gives the task another name, as the word of it.
    pub(crate) fn rename(&self, name: u32) {
        self.name.store(name, Relaxed);
    }

    /// The name's index, if it has one.
    pub(crate) fn name_index(&self) -> Option<NameIndex> {
        self.name.load(Relaxed).checked_sub(1).map(NameIndex)
    }
}

#[cfg_attr(loopscope_bare, allow(unused_variables, clippy::unused_self, reason = "compiled out"))]
impl Record {
    fn begin(&self, birth: &Birth) {
        let size = u32::try_from(birth.size).unwrap_or(u32::MAX).min(SIZE_MAX);
        let state =
            state_bits(TaskState::Scheduled) | kind_bits(birth.kind) << STATE_BITS | size << SIZE_SHIFT;
        self.state.store(state, Relaxed);
        self.site.store(birth.site, Relaxed);
        self.since.put(birth.now);
        for counter in [&self.busy_ns, &self.scheduled_ns, &self.polls, &self.wakes, &self.self_wakes] {
            counter.put(0);
        }
        self.longest_poll_ns.put(0);
    }

    #[inline]
    fn set_state(&self, state: TaskState) {
        let word = self.state.load(Relaxed);
        self.state.store(word & !STATE_MASK | state_bits(state), Relaxed);
    }

    /// A wake put the task into the run queue at `now` (ticks).
    #[inline]
    pub(crate) fn scheduled(&self, now: u64, by_itself: bool) {
        #[cfg(not(loopscope_bare))]
        {
            self.since.put(now);
            self.wakes.add(1);
            if by_itself {
                self.self_wakes.add(1);
            }
        }
    }

    /// The task was spawned to wait for something before its first turn.
    pub(crate) fn begun_idle(&self) {
        #[cfg(not(loopscope_bare))]
        self.set_state(TaskState::Idle);
    }

    /// When the task was scheduled, in ticks.
    #[inline]
    pub(crate) fn scheduled_at(&self) -> u64 {
        self.since.read()
    }

    /// A poll ended. `woken` says that the task stands in the run queue again.
    #[inline]
    pub(crate) fn polled(&self, scheduled_ns: u64, busy_ns: u64, now: u64, woken: bool) {
        #[cfg(not(loopscope_bare))]
        {
            self.polls.add(1);
            self.busy_ns.add(busy_ns);
            self.scheduled_ns.add(scheduled_ns);
            if busy_ns > self.longest_poll_ns.read() {
                self.longest_poll_ns.put(busy_ns);
            }
            if !woken {
                self.since.put(now);
            }
        }
    }

    /// The task is over.
    #[inline]
    pub(crate) fn ended(&self, state: TaskState, now: u64) {
        #[cfg(not(loopscope_bare))]
        {
            self.set_state(state);
            self.since.put(now);
        }
    }

    /// What runs here.
    pub(crate) fn kind(&self) -> TaskKind {
        kind_of(self.state.load(Relaxed))
    }

    /// The spawn site's index.
    pub(crate) fn site_index(&self) -> SiteIndex {
        SiteIndex(self.site.load(Relaxed))
    }
}
