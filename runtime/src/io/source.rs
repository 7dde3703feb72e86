//! Descriptors that a loop watches: one edge-triggered registration for life, readiness cached per direction.
//!
//! ```text
//!                 ┌──────────── event from the OS ────────────┐
//!                 ▼                                            │
//!   registered: READY ──try the call: WouldBlock──► not ready ─┘ (waiters are notified)
//!      (optimistic)    ──short read of a stream───►
//! ```
//!
//! A registration starts out "ready", so that the first call goes straight to the kernel. Readiness is cleared on
//! `WouldBlock`; on a short read or write only where the caller knows that this means "drained" (stream sockets), and never
//! once the OS has reported an end (RDHUP, HUP, ERR): those are sticky, because data and FIN can come in one edge and nothing
//! follows it.

mod source_ref;
mod watched;

pub(crate) use source_ref::SourceRef;

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::Location;
use std::task::{Context, Poll, Waker};

use mio::unix::SourceFd;
use mio::{Interest, Token};

use super::lent::{LastLent, Lent};
use crate::event_loop::current;
use crate::event_loop::slot::{self, Loop};
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::atomic::{OneWriter, Relaxed};
use crate::telemetry::io_total::IoTotal;
use crate::telemetry::pages::{Pages, Zeroed};
use crate::telemetry::resource::{INTEREST_READ, INTEREST_WRITE, Making, READY_READ, READY_WRITE, Resource};
use crate::telemetry::slots::{Links, Slots};
use crate::telemetry::view::{Address, ResourceKind, WaitKind};
use crate::telemetry::waiter::{NOTIFIED, Parking, RENEWED};

/// Descriptors of one loop: more than a process can have.
const SOURCES_MAX: u32 = 1 << 21;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

const READ: u8 = 1;
const WRITE: u8 = 2;
/// The end of what can be read was reported and stays.
const READ_ENDED: u8 = 4;
/// The end of what can be written was reported and stays.
const WRITE_ENDED: u8 = 8;
/// Of an entry that is handed out.
const REGISTERED: u8 = 16;

/// One registration's state.
#[repr(C)]
pub(crate) struct SourceState {
    generation: Cell<u32>,
    link: Cell<u32>,
    fd: Cell<RawFd>,
    readiness: Cell<u8>,
    /// Resource record plus one.
    resource: Cell<u32>,
    /// When the OS reported the readability that nobody has answered by reading yet, in ticks; 0 for none.
    readable_since: Cell<u64>,
    readers: WaitQueue,
    writers: WaitQueue,
    /// How often the socket's own waits were parked.
    lent: [Cell<u32>; 2],
}

#[allow(unsafe_code, reason = "marks the type")]
// SAFETY: zero is a free entry with empty queues; only the loop's thread touches it.
unsafe impl Zeroed for SourceState {}

struct SourceLinks<'a>(&'a Pages<SourceState>);

impl Links for SourceLinks<'_> {
    fn link(&self, index: u32) -> &Cell<u32> {
        &self.0.get(index).link
    }
    fn generation(&self, index: u32) -> u32 {
        self.0.get(index).generation.get()
    }
    fn set_generation(&self, index: u32, generation: u32) {
        self.0.get(index).generation.set(generation);
    }
    fn release(&self, _: std::ops::Range<u32>) {
        // Events that are on their way name these entries; the few bytes stay.
    }
}

/// All registrations of one loop.
pub(crate) struct Sources {
    pages: Pages<SourceState>,
    slots: Slots,
    count: Cell<usize>,
    pub(super) lent: LastLent,
}

impl Sources {
    pub(crate) fn reserve() -> io::Result<Self> {
        let pages = Pages::reserve(SOURCES_MAX as usize)?;
        let slots = Slots::reserve(SOURCES_MAX)?;
        Ok(Self { pages, slots, count: Cell::new(0), lent: Cell::new(None) })
    }

    /// Descriptors registered now.
    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }

    /// Registrations that were moved out of a loop that ended do not outlive it.
    pub(crate) fn free_all(&self, registry: &mio::Registry) {
        for index in 0..self.slots.high_water() {
            let state = self.pages.get(index);
            if state.readiness.get() & REGISTERED != 0 {
                // It fails where the descriptor was forgotten and closed, and then there is nothing to take out.
                drop(registry.deregister(&mut SourceFd(&state.fd.get())));
                state.resource.set(0);
                self.free(index);
            }
        }
        self.count.set(0);
        self.release_empty();
    }

    fn free(&self, index: u32) {
        self.pages.get(index).readiness.set(0);
        self.slots.free(&SourceLinks(&self.pages), index);
    }

    pub(crate) fn has_empty(&self) -> bool {
        self.slots.has_empty()
    }

    pub(crate) fn release_empty(&self) {
        self.slots.release_empty(&SourceLinks(&self.pages));
    }
}

impl Loop {
    /// Handles what the OS reported. Returns how many sources had something.
    pub(crate) fn take_events(&self) -> usize {
        let mut count = 0;
        // Wakers may be foreign and run code that makes or drops sockets, so they are woken when the driver is free again.
        let mut foreign = Vec::new();
        let mut driver = self.driver.borrow_mut();
        for event in driver.source_events() {
            count += 1;
            let token = event.token().0 as u64;
            #[expect(clippy::cast_possible_truncation, reason = "takes the low half out")]
            let index = token as u32;
            let Some(state) = (index < SOURCES_MAX).then(|| self.sources.pages.get(index)) else { continue };
            if u64::from(state.generation.get()) != token >> 32 {
                continue; // of a descriptor that was closed meanwhile
            }
            let mut ready = 0;
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                ready |= READ;
            }
            if event.is_writable() || event.is_write_closed() || event.is_error() {
                ready |= WRITE;
            }
            if event.is_read_closed() || event.is_error() {
                ready |= READ_ENDED;
            }
            if event.is_write_closed() || event.is_error() {
                ready |= WRITE_ENDED;
            }
            self.source_ready(state, ready, &mut foreign);
        }
        drop(driver);
        for waker in foreign {
            self.wake_quietly(waker);
        }
        count
    }

    fn source_ready(&self, state: &SourceState, ready: u8, foreign: &mut Vec<Waker>) {
        state.readiness.set(state.readiness.get() | ready);
        self.show_readiness(state);
        if ready & READ != 0 {
            #[cfg(not(loopscope_bare))]
            if state.readable_since.get() == 0 {
                state.readable_since.set(self.now.get());
            }
            state.readers.notify_all_but(self, foreign);
        }
        if ready & WRITE != 0 {
            state.writers.notify_all_but(self, foreign);
        }
    }

    /// Frees a wait that was lent, unless somebody else was lent it since.
    pub(super) fn take_back(&self, lent: Lent) {
        let state = self.sources.pages.get(lent.index);
        let is_last = state.lent[lent.direction as usize].get() == lent.number;
        if !is_last || state.generation.get() != lent.generation {
            return;
        }
        match lent.direction {
            Direction::Read => state.readers.expel(self, lent.ticket),
            Direction::Write => state.writers.expel(self, lent.ticket),
        }
    }

    fn show_readiness(&self, state: &SourceState) {
        let Some(resource) = state.resource.get().checked_sub(1) else { return };
        let record = self.resources.get(resource);
        let now = state.readiness.get();
        let kept = record.readiness.load(Relaxed) & (INTEREST_READ | INTEREST_WRITE);
        let ready =
            if now & READ != 0 { READY_READ } else { 0 } | if now & WRITE != 0 { READY_WRITE } else { 0 };
        record.readiness.store(kept | ready, Relaxed);
    }
}

/// One descriptor's registration with the loop it was made on. Dropped before the descriptor is closed.
#[derive(Debug)]
pub(crate) struct Source {
    lp: &'static Loop,
    life: u64,
    index: u32,
    generation: u32,
    fd: RawFd,
    made_at: &'static Location<'static>,
    /// The same as a place's word of this life.
    made_at_word: u32,
    /// Where its bytes are counted, of this life.
    total: &'static IoTotal,
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Source {
    /// Registers `fd` with the current loop.
    ///
    /// # Errors
    ///
    /// What epoll says: the descriptor cannot be watched (a regular file) or is registered already.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    pub(crate) fn register(
        fd: &impl AsRawFd,
        kind: ResourceKind,
        interest: Interest,
        made_at: &'static Location<'static>,
    ) -> io::Result<Self> {
        let lp = current::expect("registering a descriptor");
        let fd = fd.as_raw_fd();
        let index = lp.sources.slots.alloc(&SourceLinks(&lp.sources.pages));
        let index =
            index.ok_or_else(|| io::Error::other("two million descriptors are registered in one loop"))?;
        let state = lp.sources.pages.get(index);
        let generation = state.generation.get();
        let token = Token(usize::try_from(u64::from(generation) << 32 | u64::from(index)).unwrap_or(0));
        if let Err(error) = lp.driver.borrow().registry().register(&mut SourceFd(&fd), token, interest) {
            lp.sources.free(index);
            return Err(error);
        }
        let made_by = lp.running_id();
        let made_at_word = lp.places.word(made_at);
        let making =
            Making { kind, id: slot::next_resource_id(), name: 0, made_at: made_at_word, made_by, fd };
        state.resource.set(lp.resources.alloc(&making).map_or(0, |resource| resource + 1));
        state.fd.set(fd);
        state.readable_since.set(0);
        state.readiness.set(READ | WRITE | REGISTERED);
        lp.sources.count.set(lp.sources.count.get() + 1);
        let life = lp.life.load(Relaxed);
        let total = lp.io_totals.open(kind, made_at_word);
        let source = Self {
            lp,
            life,
            index,
            generation,
            fd,
            made_at,
            made_at_word,
            total,
            _not_send: std::marker::PhantomData,
        };
        if let Some(record) = source.record() {
            let read = if interest.is_readable() { INTEREST_READ } else { 0 };
            let write = if interest.is_writable() { INTEREST_WRITE } else { 0 };
            record.readiness.store(read | write | READY_READ | READY_WRITE, Relaxed);
        }
        Ok(source)
    }

    fn state(&self) -> &'static SourceState {
        self.lp.sources.pages.get(self.index)
    }

    /// Whether the loop it was made on still runs this life: else the slot may be another thread's, and nothing in it is ours.
    fn is_alive(&self) -> bool {
        self.lp.life.load(Relaxed) == self.life
    }

    /// Whether the loop it was made on still runs this life and is the current one.
    #[inline]
    fn check_loop(&self) {
        let here = current::get().is_some_and(|lp| std::ptr::eq(lp, self.lp));
        if !here || !self.is_alive() {
            self.refuse_loop();
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse_loop(&self) -> ! {
        panic!("a descriptor is used on another event loop than the one it was made on ({})", self.made_at)
    }

    /// Its record, for counting.
    pub(crate) fn record(&self) -> Option<&'static Resource> {
        if !self.is_alive() {
            return None;
        }
        self.state().resource.get().checked_sub(1).map(|resource| self.lp.resources.get(resource))
    }

    /// Says the addresses that a reader is shown.
    pub(crate) fn set_addresses(&self, local: Option<&Address>, peer: Option<&Address>) {
        if let Some(record) = self.record() {
            record.addressed(&self.lp.names, local, peer);
        }
    }

    /// Gives it the name that a reader is shown: a child's program, `stdout of sh (pid 123)`, `SIGTERM`.
    pub(crate) fn set_name(&self, name: &str) {
        if let Some(record) = self.record() {
            record.named(self.lp.names.word(name));
        }
    }

    /// Waits until the descriptor is ready in a direction, as far as is known.
    ///
    /// `wait` belongs to the caller's future; a leaf polled through a trait keeps it in the socket and sets `renewed`.
    #[inline]
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        kind: WaitKind,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: (&'static Location<'static>, bool),
    ) -> Poll<()> {
        self.check_loop();
        let state = self.state();
        let (bit, queue) = match direction {
            Direction::Read => (READ, &state.readers),
            Direction::Write => (WRITE, &state.writers),
        };
        if state.readiness.get() & bit == 0 {
            self.park(queue, kind, cx, wait, at);
            if at.1 {
                self.lend(direction, wait);
            }
            return Poll::Pending;
        }
        if !self.lp.spend_budget(cx) {
            return Poll::Pending;
        }
        queue.leave(wait);
        Poll::Ready(())
    }

    /// The half of [`poll_ready`](Self::poll_ready) that is as expensive as the wait it begins is long.
    #[inline(never)]
    fn park(
        &self,
        queue: &WaitQueue,
        kind: WaitKind,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: (&'static Location<'static>, bool),
    ) {
        let mut parking = Parking {
            kind,
            payload: u64::from(self.state().resource.get()),
            flags: 0,
            at: self.lp.places.word(at.0),
            made_at: self.made_at_word,
        };
        if at.1 {
            parking.flags = RENEWED;
            parking.payload |= self.lp.running_polls() << 32;
        }
        if let Some(entry) = wait.entry() {
            entry.unset(NOTIFIED);
            if !entry.has(crate::telemetry::waiter::LINKED) {
                // It was notified and the readiness is gone again: another task was faster.
                queue.leave(wait);
            }
        }
        if wait.park(self.lp, cx.waker(), &parking) {
            queue.push(wait);
        }
    }

    /// The loop it was made on, if that still runs and is the current one.
    pub(crate) fn current_loop(&self) -> Option<&'static Loop> {
        current::get().filter(|lp| std::ptr::eq(*lp, self.lp) && self.is_alive())
    }

    /// Notes that the socket's own wait was parked.
    fn lend(&self, direction: Direction, wait: &Wait) {
        let Self { index, generation, .. } = *self;
        let count = &self.state().lent[direction as usize];
        count.set(count.get().wrapping_add(1));
        let lent = Lent { index, generation, direction, number: count.get(), ticket: wait.ticket() };
        self.lp.sources.lent.set(Some(lent));
    }

    /// Takes a wait of this source out of its queue.
    #[inline]
    pub(crate) fn leave(&self, direction: Direction, wait: &mut Wait) {
        if !wait.has_ticket() {
            return;
        }
        let state = self.state();
        match direction {
            Direction::Read => state.readers.leave(wait),
            Direction::Write => state.writers.leave(wait),
        };
    }

    /// The last call found nothing to do.
    pub(crate) fn clear_ready(&self, direction: Direction) {
        if !self.is_alive() {
            return;
        }
        let state = self.state();
        let bits = match direction {
            Direction::Read => READ,
            Direction::Write => WRITE,
        };
        state.readiness.set(state.readiness.get() & !bits);
        self.lp.show_readiness(state);
        if direction == Direction::Read {
            state.readable_since.set(0);
        }
        #[cfg(not(loopscope_bare))]
        self.total.would_block.add(1);
        if let Some(record) = self.record() {
            record.would_block.add(1);
        }
    }

    /// A stream moved fewer bytes than asked: it is drained, unless its end has been reported.
    pub(crate) fn drained(&self, direction: Direction) {
        let state = self.state();
        let (bit, ended) = match direction {
            Direction::Read => (READ, READ_ENDED),
            Direction::Write => (WRITE, WRITE_ENDED),
        };
        if state.readiness.get() & ended == 0 {
            state.readiness.set(state.readiness.get() & !bit);
            self.lp.show_readiness(state);
        }
    }

    /// Counts bytes that were moved.
    #[inline]
    pub(crate) fn moved(&self, direction: Direction, bytes: usize) {
        if !self.is_alive() {
            return;
        }
        #[cfg(not(loopscope_bare))]
        {
            let (total, calls) = match direction {
                Direction::Read => (&self.total.bytes_read, &self.total.reads),
                Direction::Write => (&self.total.bytes_written, &self.total.writes),
            };
            total.add(bytes as u64);
            calls.add(1);
        }
        if direction == Direction::Read {
            self.answered_alive();
        }
        if let Some(resource) = self.state().resource.get().checked_sub(1) {
            let record = self.lp.resources.get(resource);
            let (total, calls) = match direction {
                Direction::Read => (&record.bytes_read, &record.reads),
                Direction::Write => (&record.bytes_written, &record.writes),
            };
            total.add(bytes as u64);
            calls.add(1);
            record.used(self.lp.now.get());
        }
    }

    /// A read or an accept succeeded: it answers what the OS has reported since the last one, if it has reported anything.
    ///
    /// The poll's beginning counts, for which the loop has read the clock anyway.
    #[inline]
    pub(crate) fn answered(&self) {
        if self.is_alive() {
            self.answered_alive();
        }
    }

    #[inline]
    #[cfg_attr(loopscope_bare, expect(clippy::unused_self, reason = "compiled out"))]
    fn answered_alive(&self) {
        #[cfg(not(loopscope_bare))]
        {
            let since = &self.state().readable_since;
            if since.get() != 0 {
                let ticks = self.lp.now.get().saturating_sub(since.replace(0));
                self.total.delayed(&self.lp.blocks, self.lp.rate.get().span_ns(ticks));
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let state = self.state();
        if !self.is_alive() || state.generation.get() != self.generation {
            return; // its loop has ended and taken it out of epoll
        }
        if self.lp.forked.get() {
            return; // the registration is the parent's
        }
        // It fails only for a descriptor that was closed behind our back, and then there is nothing to take out.
        drop(self.lp.driver.borrow().registry().deregister(&mut SourceFd(&self.fd)));
        for queue in [&state.readers, &state.writers] {
            queue.notify_all(self.lp);
        }
        self.total.close();
        if let Some(resource) = state.resource.replace(0).checked_sub(1) {
            self.lp.resources.free(resource);
        }
        self.lp.sources.free(self.index);
        self.lp.sources.count.set(self.lp.sources.count.get() - 1);
    }
}
