#![allow(unsafe_code, reason = "loop slots are shared between the loop's thread and readers")]
//! The slots that loops live in: 255 of them, type-stable, passed from a loop that ended to the next one.
//!
//! ```text
//!   acquire: a free slot, or a new one ──► life n (odd loop number) ──► release: tables emptied, life 0 ──► acquire …
//! ```
//!
//! A slot is never freed. Its tables stay mapped, their generations go on, its eventfd stays open: so a waker that outlives
//! its loop, or a reader that looks too late, meets valid memory and a generation that is not its own.
//!
//! # Who may touch what
//!
//! The fields under "shared" are atomics and locks. Everything else belongs to the thread of the loop that lives here, which
//! is the thread that acquired the slot and has it in [`current`](super::current).

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::atomic::{AtomicPtr, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::RawWakerVTable;
use std::time::Duration;

use super::ready::ReadyQueue;
use super::remote::{Inbox, Inboxes, Remote};
use crate::blocking::outstanding::Outstanding;
use crate::debug::deadlock::Suspects;
use crate::debug::stack::Target;
use crate::debug::watchdog;
use crate::debug::{CreationStacks, Mode};
use crate::io::driver::Driver;
use crate::io::source::Sources;
use crate::runner::interrupt::Interrupt;
use crate::runner::{Hooks, WarningHook};
use crate::signal::Board;
use crate::task::control::Controls;
use crate::task::graceful::Tokens;
use crate::task::live_wakers::LiveWakers;
use crate::task::memory::Memory;
use crate::task::waker;
use crate::telemetry::atomic::{Acquire, OneWriter, Relaxed, Release};
use crate::telemetry::clock::{self, Rate, Ticks};
use crate::telemetry::histogram::{Blocks, Directory};
use crate::telemetry::intern::{Names, Places};
use crate::telemetry::io_total::IoTotals;
use crate::telemetry::loop_record::{LoopInfo, LoopRecord};
use crate::telemetry::pages::{Pages, Zeroed};
use crate::telemetry::record::Records;
use crate::telemetry::resource::Resources;
use crate::telemetry::site::Sites;
use crate::telemetry::slots::ENTRIES_MAX;
use crate::telemetry::waiter::Waiters;
use crate::time::wheel::Wheel;

/// Loops alive at once: what eight bits of a waker can name.
pub(crate) const LOOPS_MAX: usize = 255;
/// Ticks of the real wheel are 2^18 ns, 0.26 ms: half of that costs a fifth more processor time with 100,000 timers, for a median lateness of 0.12 instead of 0.22 ms.
pub(crate) const WHEEL_SHIFT: u32 = 18;

/// What a closure posted by another thread does.
pub(crate) type Post = Box<dyn FnOnce() + Send>;

/// Histograms of a loop that have no site.
#[repr(C)]
pub(crate) struct LoopHistograms {
    pub(crate) lateness: Directory,
    pub(crate) io_wait: Directory,
}

// SAFETY: nothing but atomics, of which zero is valid.
unsafe impl Zeroed for LoopHistograms {}
// SAFETY: nothing but atomics, of which zero is valid.
unsafe impl Zeroed for Inbox {}

/// How a loop's debug mode begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Debug {
    pub(crate) mode: Mode,
    pub(crate) slow_callback: Duration,
}

/// Where time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeSource {
    /// The OS.
    Real,
    /// A test: it stands at this many nanoseconds until the loop has nothing else to do.
    Paused(u64),
}

/// Whether a loop takes new tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// It does.
    No,
    /// They are cancelled from birth, and dropped at their turn.
    Cancelling,
    /// Their futures are leaked, as so many were: destructors would go on spawning for ever.
    Refusing(u64),
}

/// A loop and everything it keeps.
pub(crate) struct Loop {
    /// Its place among the slots: what wakers carry.
    pub(crate) slot: u8,
    // Shared: anybody, at any time.
    /// The number of the loop that lives here plus one, or 0.
    pub(crate) life: AtomicU64,
    /// The task ids of this life begin here; [`NO_IDS`] when there is none.
    first_id: AtomicU64,
    pub(crate) remote: Remote,
    pub(crate) inboxes: Pages<Inbox>,
    pub(crate) posted: Mutex<Vec<Post>>,
    pub(crate) interrupt: Interrupt,
    pub(crate) signals: Board,
    pub(crate) bell: mio::Waker,
    pub(crate) record: LoopRecord,
    /// Whose stack may be asked for.
    pub(crate) target: Target,
    /// Who is told of warnings, from whatever thread finds them.
    pub(crate) on_warning: Mutex<Option<WarningHook>>,
    pub(crate) live_wakers: Pages<LiveWakers>,
    /// The stacks by which tasks were made, in the mode that keeps them.
    pub(crate) creation: CreationStacks,
    pub(crate) records: Records,
    pub(crate) waiters: Waiters,
    pub(crate) sites: Sites,
    pub(crate) blocks: Blocks,
    pub(crate) histograms: Pages<LoopHistograms>,
    pub(crate) places: Places,
    pub(crate) names: Names,
    pub(crate) resources: Resources,
    pub(crate) io_totals: IoTotals,
    // The loop's thread alone.
    pub(crate) controls: Controls,
    pub(crate) ready: ReadyQueue,
    pub(crate) memory: Memory,
    pub(crate) wheel: RefCell<Wheel>,
    pub(crate) driver: RefCell<Driver>,
    pub(crate) sources: Sources,
    pub(crate) tokens: RefCell<Tokens>,
    pub(crate) hooks: RefCell<Hooks>,
    pub(crate) ticks: Cell<Ticks>,
    pub(crate) rate: Cell<Rate>,
    /// The end of the last segment, in ticks.
    pub(crate) now: Cell<u64>,
    /// When the driver or the wheel wants a look at the latest, in ticks.
    pub(crate) look_at: Cell<u64>,
    /// The word of the task being polled, 0 for none.
    pub(crate) running: Cell<u64>,
    /// A poll that took as long is a warning, in nanoseconds; the largest number unless debug mode is on.
    pub(crate) slow_ns: Cell<u64>,
    /// Operations the running task may still do before it must let others run.
    pub(crate) budget: Cell<u32>,
    /// Tasks that are being polled inside of the poll of whoever spawned them.
    pub(crate) nested: Cell<u32>,
    pub(crate) time: Cell<TimeSource>,
    /// Next task id and the end of the block it comes from.
    pub(crate) ids: Cell<(u64, u64)>,
    /// Live tasks, to know when the loop is empty.
    pub(crate) live: Cell<u64>,
    pub(crate) closing: Cell<Closing>,
    /// Neither closing nor in debug mode: what a spawn asks, instead of each.
    pub(crate) spawns_plainly: Cell<bool>,
    /// The vtable of the wakers that polls are given.
    pub(crate) wakers_by: Cell<&'static RawWakerVTable>,
    /// Jobs on blocking threads that were made here and are not over.
    pub(crate) jobs: RefCell<Arc<Outstanding>>,
    /// The word of the main task, 0 between two runs.
    pub(crate) main: Cell<u64>,
    /// The process was forked and this is the child's copy.
    pub(crate) forked: Cell<bool>,
    pub(crate) swept_at_ns: Cell<u64>,
    /// Tasks that began to wait for others, in debug mode.
    pub(crate) suspects: RefCell<Suspects>,
    /// It was told that none of the tasks can go on.
    pub(crate) told_stalled: Cell<bool>,
}

// SAFETY: the shared fields are atomics and locks; the rest is only touched by the thread the loop lives on, which every
// path to it checks through `current` or through a `!Send` handle made there.
unsafe impl Sync for Loop {}
// SAFETY: a slot passes between threads only through `FREE`, which orders the end of one life before the next begins.
unsafe impl Send for Loop {}

impl Inboxes for Loop {
    #[inline]
    fn inbox(&self, index: u32) -> &Inbox {
        self.inboxes.get(index)
    }
}

static SLOTS: [AtomicPtr<Loop>; LOOPS_MAX] = [const { AtomicPtr::new(std::ptr::null_mut()) }; LOOPS_MAX];
static FREE: Mutex<Slots> = Mutex::new(Slots { free: Vec::new(), used: 0 });
static NEXT_LOOP: AtomicU64 = AtomicU64::new(0);
/// Loops that serve the inspector count from here, so that an application's own loops are 0, 1, 2 whenever they start.
const HIDDEN_LOOPS: u64 = 1 << 32;
static NEXT_HIDDEN_LOOP: AtomicU64 = AtomicU64::new(HIDDEN_LOOPS);
static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static NEXT_HIDDEN_ID: AtomicU64 = AtomicU64::new(1 << 62);
static NEXT_RESOURCE: AtomicU64 = AtomicU64::new(1);
/// Farther apart than this, a task id and a loop's first one are not of the same kind, application's or hidden.
const IDS_MAX: u64 = 1 << 61;
/// A first id that no task's id follows within [`IDS_MAX`].
const NO_IDS: u64 = 3 << 61;
/// Task ids that a loop takes at once.
const ID_BLOCK: u64 = 1 << 16;

/// Which slots are free and how many there are.
pub(crate) struct Slots {
    free: Vec<&'static Loop>,
    used: u8,
}

/// The slot a waker names, whatever lives there now.
#[inline]
pub(crate) fn slot(number: u8) -> Option<&'static Loop> {
    let at = SLOTS.get(usize::from(number))?.load(Acquire);
    // SAFETY: a slot is published once and never freed.
    unsafe { at.as_ref() }
}

/// All slots that were ever made.
pub(crate) fn all() -> impl Iterator<Item = &'static Loop> {
    SLOTS.iter().filter_map(|at| {
        // SAFETY: a slot is published once and never freed.
        unsafe { at.load(Acquire).as_ref() }
    })
}

/// The loop of this number, if it lives.
pub(crate) fn of_number(number: u64) -> Option<&'static Loop> {
    all().find(|lp| lp.life.load(Acquire) == number + 1)
}

/// The hook for warnings of the loop of this number, if it lives and has one.
pub(crate) fn warning_hook(number: u64) -> Option<WarningHook> {
    of_number(number)?.on_warning.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Held across a fork, so that the child finds the slots whole.
pub(crate) fn lock_for_fork() -> MutexGuard<'static, Slots> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// After a fork the child leaves all slots to the parent's loops, whose epoll and eventfds they share. Whoever still has a
/// reference to one finds that its loop has ended.
pub(crate) fn forget_all_after_fork(slots: &mut Slots) {
    for lp in all() {
        lp.forked.set(true);
        lp.life.store(0, Release);
        lp.first_id.store(NO_IDS, Relaxed);
    }
    for at in &SLOTS {
        at.store(std::ptr::null_mut(), Release);
    }
    slots.free.clear();
    slots.used = 0;
}

/// Takes a slot for a new loop.
///
/// # Errors
///
/// When the OS refuses a descriptor or address space, or 255 loops are alive.
pub(crate) fn acquire(name: &str, hidden: bool, debug: Debug, paused: bool) -> io::Result<&'static Loop> {
    super::current::watch_forks();
    let lp = take_slot()?;
    let numbers = if hidden { &NEXT_HIDDEN_LOOP } else { &NEXT_LOOP };
    let number = numbers.fetch_add(1, Relaxed);
    lp.begin_life(name, number, hidden, debug, paused);
    // Pairs with the reader's Acquire: whoever sees the life sees its empty tables.
    lp.life.store(number + 1, Release);
    lp.target.open(number + 1);
    if debug.mode.is_on() {
        watchdog::begin();
    }
    Ok(lp)
}

fn take_slot() -> io::Result<&'static Loop> {
    let mut slots = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lp) = slots.free.pop() {
        return Ok(lp);
    }
    let number = slots.used;
    if usize::from(number) >= LOOPS_MAX {
        return Err(io::Error::other(
            "255 event loops are alive in this process, which is the most there can be",
        ));
    }
    let lp: &'static Loop = Box::leak(Box::new(Loop::new(number)?));
    SLOTS[usize::from(number)].store(std::ptr::from_ref(lp).cast_mut(), Release);
    slots.used += 1;
    Ok(lp)
}

/// Gives a slot back when its loop has ended and every task of it is gone.
pub(crate) fn release(lp: &'static Loop) {
    lp.target.close();
    lp.life.store(0, Release);
    lp.first_id.store(NO_IDS, Relaxed);
    lp.end_life();
    FREE.lock().unwrap_or_else(PoisonError::into_inner).free.push(lp);
}

/// A number for a job that is made outside of a loop, which no task of this process had before.
pub(crate) fn next_job_id() -> u64 {
    NEXT_ID.fetch_add(1, Relaxed)
}

/// A number no resource of this process had before.
pub(crate) fn next_resource_id() -> u64 {
    NEXT_RESOURCE.fetch_add(1, Relaxed)
}

impl Loop {
    fn new(slot: u8) -> io::Result<Self> {
        let driver = Driver::new()?;
        let bell = driver.new_bell()?;
        let ticks = Ticks::of_process();
        Ok(Self {
            slot,
            life: AtomicU64::new(0),
            first_id: AtomicU64::new(NO_IDS),
            remote: Remote::default(),
            inboxes: Pages::reserve(ENTRIES_MAX as usize)?,
            posted: Mutex::default(),
            interrupt: Interrupt::default(),
            signals: Board::default(),
            bell,
            record: LoopRecord::default(),
            target: Target::default(),
            on_warning: Mutex::default(),
            live_wakers: Pages::reserve(ENTRIES_MAX as usize)?,
            creation: CreationStacks::default(),
            records: Records::reserve()?,
            waiters: Waiters::reserve()?,
            sites: Sites::reserve()?,
            blocks: Blocks::reserve()?,
            histograms: Pages::reserve(1)?,
            places: Places::new(),
            names: Names::default(),
            resources: Resources::reserve()?,
            io_totals: IoTotals::reserve()?,
            controls: Controls::reserve()?,
            ready: ReadyQueue::default(),
            memory: Memory::new(),
            wheel: RefCell::new(Wheel::new(WHEEL_SHIFT, clock::os_now_ns())),
            driver: RefCell::new(driver),
            sources: Sources::reserve()?,
            tokens: RefCell::default(),
            hooks: RefCell::default(),
            ticks: Cell::new(ticks),
            rate: Cell::new(clock::rate()),
            now: Cell::new(ticks.now()),
            look_at: Cell::new(0),
            running: Cell::new(0),
            slow_ns: Cell::new(u64::MAX),
            budget: Cell::new(0),
            nested: Cell::new(0),
            time: Cell::new(TimeSource::Real),
            ids: Cell::new((0, 0)),
            live: Cell::new(0),
            closing: Cell::new(Closing::No),
            spawns_plainly: Cell::new(true),
            wakers_by: Cell::new(&waker::VTABLE),
            jobs: RefCell::default(),
            main: Cell::new(0),
            forked: Cell::new(false),
            swept_at_ns: Cell::new(0),
            suspects: RefCell::default(),
            told_stalled: Cell::new(false),
        })
    }

    fn begin_life(&self, name: &str, number: u64, hidden: bool, debug: Debug, paused: bool) {
        let thread = std::thread::current().name().unwrap_or("").to_owned();
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        let now = self.ticks.get().now();
        self.record.start(LoopInfo { id: number, name: name.to_owned(), thread, tid, hidden }, now);
        self.record.debug.put(debug.mode.word());
        self.record.slow_ns.put(u64::try_from(debug.slow_callback.as_nanos()).unwrap_or(u64::MAX));
        self.set_closing(Closing::No);
        self.heed_debug();
        let ids = if hidden { &NEXT_HIDDEN_ID } else { &NEXT_ID };
        self.first_id.store(ids.load(Relaxed), Relaxed);
        self.rate.set(clock::rate());
        self.now.set(now);
        self.look_at.set(now);
        // Jobs of the slot's last loop may still run.
        *self.jobs.borrow_mut() = Arc::default();
        self.ids.set((0, 0));
        let start = clock::os_now_ns();
        self.time.set(if paused { TimeSource::Paused(start) } else { TimeSource::Real });
        self.wheel.borrow_mut().clear(if paused { 0 } else { WHEEL_SHIFT }, start);
        self.swept_at_ns.set(start);
        *self.suspects.borrow_mut() = Suspects::default();
        self.told_stalled.set(false);
    }

    fn end_life(&self) {
        self.signals.clear();
        self.waiters.free_all();
        self.resources.free_all();
        self.sources.free_all(self.driver.borrow().registry());
        self.wheel.borrow_mut().clear(WHEEL_SHIFT, clock::os_now_ns());
        self.sites.clear();
        self.io_totals.clear();
        let histograms = self.histograms.get(0);
        histograms.lateness.clear();
        histograms.io_wait.clear();
        self.blocks.clear();
        self.names.clear();
        self.creation.clear();
        // Closures and hooks may own anything; their destructors run when nothing is locked or borrowed.
        let posted = std::mem::take(&mut *self.posted.lock().unwrap_or_else(PoisonError::into_inner));
        let hooks = self.hooks.replace(Hooks::default());
        let on_warning = self.on_warning.lock().unwrap_or_else(PoisonError::into_inner).take();
        for post in posted {
            crate::task::cell::drop_quietly(post);
        }
        crate::task::cell::drop_quietly(hooks);
        crate::task::cell::drop_quietly(on_warning);
        self.give_memory_back();
    }

    /// Whether the loop serves the inspector: by its number, since its name lies behind a lock that readers take.
    pub(crate) fn is_hidden(&self) -> bool {
        self.life.load(Relaxed) > HIDDEN_LOOPS
    }

    /// Takes over what debug mode is now, whoever changed it.
    #[inline]
    pub(crate) fn heed_debug(&self) {
        let mode = self.debug_mode();
        let is_on = mode.is_on();
        self.creation.heed(mode);
        // The largest number of all is that of a loop out of debug mode.
        self.slow_ns.set(if is_on { self.record.slow_ns.read().min(u64::MAX - 1) } else { u64::MAX });
        let before = self.wakers_by.replace(if is_on { &waker::COUNTED } else { &waker::VTABLE });
        if !is_on && std::ptr::eq(before, &raw const waker::COUNTED) {
            self.forget_live_wakers();
        }
        self.spawns_plainly.set(!is_on && self.closing.get() == Closing::No);
    }

    /// What debug mode is, whether heeded yet or not.
    #[inline]
    pub(crate) fn debug_mode(&self) -> Mode {
        Mode::of_word(self.record.debug.read())
    }

    /// Says whether the loop takes new tasks.
    pub(crate) fn set_closing(&self, closing: Closing) {
        self.closing.set(closing);
        self.heed_debug();
    }

    /// Whether the task `id` is of this life of the loop. A handle that outlives its loop asks this, because by then the slot
    /// may be another thread's.
    #[inline]
    pub(crate) fn may_have_spawned(&self, id: u64) -> bool {
        id.wrapping_sub(self.first_id.load(Relaxed)) < IDS_MAX
    }

    /// The loop's number, and whether it is left out of pictures; without the lock behind which its name lies.
    pub(crate) fn number(&self) -> Option<(u64, bool)> {
        let life = self.life.load(Relaxed);
        (life != 0).then(|| (life - 1, life > HIDDEN_LOOPS))
    }

    /// An id no task of this process had before.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        let (next, end) = self.ids.get();
        if next == end {
            return self.next_id_block();
        }
        self.ids.set((next + 1, end));
        next
    }

    #[cold]
    fn next_id_block(&self) -> u64 {
        let ids = if self.is_hidden() { &NEXT_HIDDEN_ID } else { &NEXT_ID };
        let first = ids.fetch_add(ID_BLOCK, Relaxed);
        self.ids.set((first + 1, first + ID_BLOCK));
        first
    }

    /// Returns the memory of what is free.
    pub(crate) fn give_memory_back(&self) {
        self.controls.release_empty(|entries| self.records.release(entries));
        self.waiters.release_empty();
        self.resources.release_empty();
        self.sources.release_empty();
        self.memory.trim();
    }

    /// Whether [`give_memory_back`](Self::give_memory_back) may find something.
    pub(crate) fn has_memory_to_give_back(&self) -> bool {
        self.controls.has_empty()
            || self.waiters.has_empty()
            || self.resources.has_empty()
            || self.sources.has_empty()
            || self.memory.has_empty()
    }

    /// The time for deadlines: nanoseconds of the OS's monotonic clock, or of the test's clock.
    #[inline]
    pub(crate) fn time_ns(&self) -> u64 {
        match self.time.get() {
            TimeSource::Real => clock::os_now_ns(),
            TimeSource::Paused(ns) => ns,
        }
    }

    /// Wakes the loop from its sleep in the OS.
    #[cold]
    pub(crate) fn ring(&self) {
        // An eventfd write fails only when the counter would overflow, and then the loop is being woken anyway.
        drop(self.bell.wake());
    }

    /// Runs `post` on the loop's thread, soon. Returns it when the loop has ended.
    pub(crate) fn post(&self, life: u64, post: Post) -> Result<(), Post> {
        if self.life.load(Acquire) != life {
            return Err(post); // asked before the lock too, which in the child of a fork may be held for ever
        }
        {
            let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
            if self.life.load(Acquire) != life {
                return Err(post);
            }
            posted.push(post);
        }
        if self.remote.notify() {
            self.ring();
        }
        Ok(())
    }
}
