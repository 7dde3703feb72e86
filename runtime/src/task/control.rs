//! What the loop alone trusts about a task: 32 bytes of control, and the words that name a task.
//!
//! ```text
//!                         ┌──────────── wake ────────────┐
//!                         ▼                              │
//!   alloc ──► QUEUED ──► RUNNING ──► (idle) ─────────────┘
//!                          │  │
//!            CANCEL set ◄──┘  └── Ready, panic, or dropped by a cancel ──► DONE ──► release ──► history ──► free
//! ```
//!
//! A slot is released when the task is DONE, no handle is left and it does not stand in the run queue.

use std::cell::Cell;

use crate::task::cell::VTable;
use crate::telemetry::pages::{Pages, Zeroed};
use crate::telemetry::slots::{ENTRIES_MAX, Links, Slots};

/// Stands in the run queue. Excludes nothing: a running or finished task can stand there too.
pub(crate) const QUEUED: u32 = 1;
/// Is being polled, or foreign code runs that may own its handle: its cell stays whatever becomes of that.
pub(crate) const RUNNING: u32 = 2;
/// Its future is gone; its output lies in its cell if `HANDLE` is set.
pub(crate) const DONE: u32 = 4;
/// A `Task` handle exists.
pub(crate) const HANDLE: u32 = 8;
/// Is to be dropped at the next opportunity.
pub(crate) const CANCEL: u32 = 16;
/// The cell holds an output that nobody took. Only with `DONE`.
pub(crate) const OUTPUT: u32 = 32;
/// Ended by a panic. Only with `DONE`.
pub(crate) const PANICKED: u32 = 64;
/// Ended by being dropped. Only with `DONE`.
pub(crate) const CANCELLED: u32 = 128;
/// Until it is `DONE`, it has a token of its own in the loop's table.
pub(crate) const TOKEN: u32 = 512;
/// Its group has taken note of how it ended.
pub(crate) const REPORTED: u32 = 256;
/// Lasts as long as its loop, so that it is dropped there is nothing to tell of.
pub(crate) const LEFT_TO_LOOP: u32 = 1024;

const _: () = assert!(size_of::<Control>() == 32, "two controls share a cache line");

/// One task's control word, link and future.
#[repr(C)]
pub(crate) struct Control {
    pub(crate) generation: Cell<u32>,
    pub(crate) flags: Cell<u32>,
    /// In the run queue while QUEUED, in a free list when free.
    pub(crate) next: Cell<u32>,
    /// The spawn site.
    pub(crate) site: Cell<u32>,
    pub(crate) data: Cell<*mut u8>,
    pub(crate) vtable: Cell<Option<&'static VTable>>,
}

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: zero is a free slot; nothing here is touched by any other thread than the loop's.
unsafe impl Zeroed for Control {}

impl Control {
    /// Whether the task that lives here is over.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.flags.get() & DONE != 0
    }
}

/// All task slots of one loop.
pub(crate) struct Controls {
    pages: Pages<Control>,
    slots: Slots,
    history: History,
}

/// Slots of finished tasks on their way to the free list: their records are the history.
struct History {
    ring: Box<[Cell<u32>]>,
    next: Cell<usize>,
}

/// How many finished tasks stay readable.
const HISTORY: usize = 1024;

const NOBODY: u32 = u32::MAX;

struct ControlLinks<'a, R: Fn(std::ops::Range<u32>)>(&'a Pages<Control>, R);

impl<R: Fn(std::ops::Range<u32>)> Links for ControlLinks<'_, R> {
    #[inline]
    fn link(&self, index: u32) -> &Cell<u32> {
        &self.0.get(index).next
    }
    #[inline]
    fn generation(&self, index: u32) -> u32 {
        self.0.get(index).generation.get()
    }
    #[inline]
    fn set_generation(&self, index: u32, generation: u32) {
        self.0.get(index).generation.set(generation);
    }
    fn release(&self, entries: std::ops::Range<u32>) {
        self.0.release(entries.clone());
        (self.1)(entries);
    }
}

impl Controls {
    pub(crate) fn reserve() -> std::io::Result<Self> {
        let history = History { ring: vec![Cell::new(NOBODY); HISTORY].into(), next: Cell::new(0) };
        Ok(Self {
            pages: Pages::reserve(ENTRIES_MAX as usize)?,
            slots: Slots::reserve(ENTRIES_MAX)?,
            history,
        })
    }

    /// The control of slot `index`.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> &Control {
        self.pages.get(index)
    }

    /// Takes a slot; its generation is one it never had.
    #[inline]
    pub(crate) fn alloc(&self) -> Option<u32> {
        self.slots.alloc(&ControlLinks(&self.pages, |_| {}))
    }

    /// Puts the slot of a finished task into the history, and the oldest of the history into the free list. Returns the
    /// latter with the generation that ends.
    #[inline]
    pub(crate) fn release(&self, index: u32) -> Option<(u32, u32)> {
        let at = self.history.next.get();
        self.history.next.set((at + 1) % HISTORY);
        match self.history.ring[at].replace(index) {
            NOBODY => None,
            oldest => Some((oldest, self.get(oldest).generation.get())),
        }
    }

    /// Frees a slot that left the history.
    #[inline]
    pub(crate) fn free(&self, index: u32) {
        self.slots.free(&ControlLinks(&self.pages, |_| {}), index);
    }

    /// Empties the history, oldest first.
    pub(crate) fn drain_history(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let start = self.history.next.get();
        (0..HISTORY).filter_map(move |offset| {
            let index = self.history.ring[(start + offset) % HISTORY].replace(NOBODY);
            (index != NOBODY).then(|| (index, self.get(index).generation.get()))
        })
    }

    /// One past the highest index in use.
    pub(crate) fn high_water(&self) -> u32 {
        self.slots.high_water()
    }

    /// Whether the group of `index` has a slot in use.
    pub(crate) fn group_in_use(&self, index: u32) -> bool {
        self.slots.group_in_use(index)
    }

    pub(crate) fn has_empty(&self) -> bool {
        self.slots.has_empty()
    }

    /// Gives the memory of empty groups back; `also` does the same for tables with the same indices.
    pub(crate) fn release_empty(&self, also: impl Fn(std::ops::Range<u32>)) {
        self.slots.release_empty(&ControlLinks(&self.pages, also));
    }
}

/// A task's name among all tasks of the process: generation, loop slot and index, in the one word a waker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskWord(pub(crate) u64);

impl TaskWord {
    /// Of no task: generations begin at 1.
    pub(crate) const NOBODY: Self = Self(0);

    #[inline]
    pub(crate) fn new(generation: u32, loop_slot: u8, index: u32) -> Self {
        debug_assert!(index < ENTRIES_MAX);
        Self(u64::from(generation) << 32 | u64::from(loop_slot) << 24 | u64::from(index))
    }

    #[inline]
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "takes the eight bits out")]
    pub(crate) fn loop_slot(self) -> u8 {
        (self.0 >> 24) as u8
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "takes the 24 bits out")]
    pub(crate) fn index(self) -> u32 {
        self.0 as u32 & (ENTRIES_MAX - 1)
    }
}
