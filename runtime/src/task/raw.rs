#![allow(unsafe_code, reason = "tasks are type-erased futures in manual memory")]
//! The life of a task on its loop: spawned, woken, polled, cancelled, ended, released.
//!
//! ```text
//!   spawn ─1─► QUEUED ─2─► RUNNING ─3─► idle ─4─► QUEUED …
//!                │            │ 5 Ready or panic          6 cancel: marked, queued, dropped at its turn
//!                └────────────┴──────────► DONE ─7─► released ─► history ─► free
//! ```
//!
//! 1. memory, slot and record are taken, the index goes to the run queue;
//! 2. the loop takes the index, marks the task running and polls it under `catch_unwind`;
//! 3. `Pending` and no wake since; 4. a wake through the packed word of a waker;
//! 5. the output takes the future's place, the joiner and the group are told;
//! 6. a task that is not running is dropped by the loop at its turn, so that a million nested scopes unwind iteratively; a
//!    running one when its poll returns;
//! 7. the slot goes when no handle is left and no queue holds it.

use std::cell::Cell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::Rc;
use std::task::Context;

use super::cell::{self, Describe, Header, Polled, VTable};
use super::control::{
    CANCEL, CANCELLED, Control, DONE, HANDLE, OUTPUT, PANICKED, QUEUED, REPORTED, RUNNING, TOKEN, TaskWord,
};
use super::task_ref::TaskRef;
use super::waker;
use crate::debug::Mode;
use crate::event_loop::slot::{Closing, Loop};
use crate::group::GroupCore;
use crate::runner::{Unhandled, UnhandledKind};
use crate::task::TaskId;
use crate::telemetry::atomic::OneWriter;
use crate::telemetry::record::Birth;
use crate::telemetry::view::{Place, TaskKind, TaskState};
use crate::telemetry::waiter::{MEMBER, NIL, NOTIFIED};

/// Operations of our own leaves that one poll may do before it must let others run.
pub(crate) const BUDGET: u32 = 128;

/// How a task is spawned.
pub(crate) struct Spawning<'a> {
    pub(crate) place: &'static Location<'static>,
    pub(crate) name: Option<&'a str>,
    pub(crate) kind: TaskKind,
    pub(crate) group: Option<Rc<GroupCore>>,
    pub(crate) handle: bool,
}

/// What a message says of a task.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) id: TaskId,
    pub(crate) kind: TaskKind,
    pub(crate) name: Option<String>,
    pub(crate) spawned_at: Option<Place>,
}

impl std::fmt::Debug for Loop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loop").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl Loop {
    /// Spawns a future that may borrow from the caller.
    ///
    /// # Safety
    ///
    /// Either `future` and its output are `'static`, or the caller sees to it that the task is over, and its output taken or
    /// dropped, before what they borrow goes away.
    ///
    /// # Panics
    ///
    /// When 16 million tasks are alive.
    #[inline]
    pub(crate) unsafe fn spawn<F, D>(&'static self, future: F, spawning: &Spawning<'_>) -> TaskRef
    where
        F: Future,
        D: Describe<F::Output>,
    {
        if let Closing::Refusing(count) = self.closing.get() {
            return self.leak(future, count);
        }
        // SAFETY: the caller's promise.
        let task = unsafe { self.make::<F, D>(future, spawning, QUEUED) };
        self.push_ready(task.word.index());
        task
    }

    /// Spawns a future that waits for `entry`, which it owns, before it is polled for the first time.
    ///
    /// # Safety
    ///
    /// As of [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// When 16 million tasks are alive.
    pub(crate) unsafe fn spawn_waiting<F, D>(
        &'static self,
        future: F,
        spawning: &Spawning<'_>,
        entry: Option<u32>,
    ) -> TaskRef
    where
        F: Future,
        D: Describe<F::Output>,
    {
        let Some(entry) = entry.filter(|_| self.closing.get() == Closing::No) else {
            // SAFETY: the caller's promise.
            return unsafe { self.spawn::<F, D>(future, spawning) };
        };
        // SAFETY: the caller's promise.
        let task = unsafe { self.make::<F, D>(future, spawning, 0) };
        self.records.get(task.word.index()).begun_idle();
        // As a clone, which is counted where wakers are, of one that is not.
        let waker = ManuallyDrop::new(waker::of(task.word, self.wakers_by.get()));
        self.waiters.adopt(entry, task.word.0, &waker);
        task
    }

    /// Makes a task, with `flags`, that its caller puts into the run queue or adopts.
    ///
    /// # Safety
    ///
    /// As of [`spawn`](Self::spawn).
    #[inline]
    pub(super) unsafe fn make<F, D>(&'static self, future: F, spawning: &Spawning<'_>, flags: u32) -> TaskRef
    where
        F: Future,
        D: Describe<F::Output>,
    {
        let vtable = cell::vtable::<F, D>();
        let Some(index) = self.controls.alloc() else {
            panic!("16 million tasks are alive in one event loop, which is the most there can be");
        };
        let id = self.next_id();
        let site = self.sites.of(self.places.word(spawning.place));
        let name = spawning.name.map_or(0, |name| self.names.word(name));
        let data = self.memory.alloc(vtable.class, vtable.layout);
        let header = Header { id, joiner: Cell::new(NIL), group: Cell::new(spawning.group.clone()) };
        // SAFETY: fresh memory of this layout.
        unsafe { cell::write(data, header, future) };
        let control = self.controls.get(index);
        control.data.set(data);
        control.site.set(site);
        // SAFETY: lifetimes do not exist in a vtable's functions; the caller answers for the future's.
        let vtable = unsafe { std::mem::transmute::<&VTable, &'static VTable>(vtable) };
        control.vtable.set(Some(vtable));
        let flags = if spawning.handle { flags | HANDLE } else { flags };
        let generation = control.generation.get();
        let flags =
            if self.spawns_plainly.get() { flags } else { self.spawn_watched(index, generation, flags) };
        control.flags.set(flags);
        let parent = spawning.group.as_ref().map_or_else(|| self.running_id(), |group| group.owner());
        let birth = Birth {
            id,
            parent,
            site,
            name,
            kind: spawning.kind,
            size: vtable.future_bytes,
            now: self.now.get(),
        };
        self.records.begin(index, generation, &birth);
        self.sites.spawned(site, name);
        self.live.set(self.live.get() + 1);
        TaskRef { word: TaskWord::new(generation, self.slot, index), id }
    }

    /// What a spawn does besides when the loop is in debug mode or closing. Returns the flags of the new task.
    #[cold]
    #[inline(never)]
    fn spawn_watched(&self, index: u32, generation: u32, flags: u32) -> u32 {
        let mode = self.debug_mode();
        if mode.is_on() {
            self.live_wakers.get(index).begin(generation);
        }
        if mode == Mode::Stacks {
            let word = TaskWord::new(generation, self.slot, index);
            self.keep_creation_stack(word, self.controls.get(index).site.get());
        }
        // A loop that is closing takes no new tasks: this one is dropped at its turn.
        if self.closing.get() == Closing::No { flags } else { flags | CANCEL }
    }

    /// Takes a future that would only be dropped, by destructors that never stop spawning.
    #[cold]
    fn leak<F>(&'static self, future: F, count: u64) -> TaskRef {
        std::mem::forget(future);
        self.set_closing(Closing::Refusing(count + 1));
        // Of no task: generations begin at 1.
        TaskRef { word: TaskWord::new(0, self.slot, 0), id: self.next_id() }
    }

    #[inline]
    fn push_ready(&self, index: u32) {
        self.ready.push(&self.controls, index);
    }

    /// The id of the task being polled, 0 for none.
    #[inline]
    pub(crate) fn running_id(&self) -> u64 {
        let word = TaskWord(self.running.get());
        if word.0 == 0 { 0 } else { self.task_id(word).unwrap_or(0) }
    }

    /// The id of a task that is not released yet.
    #[inline]
    pub(crate) fn task_id(&self, word: TaskWord) -> Option<u64> {
        let control = self.control_of(word)?;
        // SAFETY: a slot of this generation has its cell until it is released.
        Some(unsafe { cell::header(control.data.get()) }.id)
    }

    /// The control of a task that is not released yet.
    #[inline]
    pub(crate) fn control_of(&self, word: TaskWord) -> Option<&Control> {
        let control = self.controls.get(word.index());
        let live = control.generation.get() == word.generation() && !control.data.get().is_null();
        live.then_some(control)
    }

    /// A wake from this loop's own thread.
    #[inline]
    pub(crate) fn wake_local(&self, word: TaskWord) {
        let index = word.index();
        let control = self.controls.get(index);
        let flags = control.flags.get();
        if control.generation.get() != word.generation() || flags & (QUEUED | DONE) != 0 {
            return;
        }
        self.schedule(index, control, flags, self.now.get());
    }

    #[inline]
    fn schedule(&self, index: u32, control: &Control, flags: u32, now: u64) {
        control.flags.set(flags | QUEUED);
        self.push_ready(index);
        self.records.get(index).scheduled(now, flags & RUNNING != 0);
    }

    /// Wakes whatever lives at the indices that other threads listed.
    pub(crate) fn drain_remote(&self) {
        let now = self.ticks.get().now();
        self.now.set(now);
        self.remote.drain(self, |index, filled_at| {
            let control = self.controls.get(index);
            let flags = control.flags.get();
            // A free or finished slot is a stale waker's; anything else may only be polled once too often.
            if control.data.get().is_null() || flags & (QUEUED | DONE) != 0 {
                return;
            }
            self.record.remote_wakes.add(1);
            self.schedule(index, control, flags, filled_at.min(now));
        });
    }

    /// Fetches the lines of the task whose turn comes next, while the present one runs: with more tasks than the cache holds,
    /// waiting for them is most of what a poll costs.
    #[inline]
    pub(crate) fn prefetch_next(&self) {
        #[cfg(target_arch = "x86_64")]
        if let Some(index) = self.ready.peek() {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            #[cfg(not(loopscope_bare))]
            // SAFETY: a prefetch has no effect but on the cache; the instruction is part of every x86-64 processor.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(self.records.get(index)).cast());
            }
            let data = self.controls.get(index).data.get();
            // SAFETY: as above, and any address may be prefetched.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(data.cast()) };
        }
    }

    /// Takes the turn of the task at `index`; `started` is the end of the last segment.
    #[expect(clippy::inline_always, reason = "a call in every turn, because nested polls come here too")]
    #[inline(always)]
    pub(crate) fn run_task(&self, index: u32, started: u64) {
        let control = self.controls.get(index);
        let flags = control.flags.get() & !QUEUED;
        if flags & (DONE | CANCEL) != 0 {
            control.flags.set(flags);
            return self.turn_of_ended(index, control, flags);
        }
        let Some(vtable) = control.vtable.get() else { return };
        control.flags.set(flags | RUNNING);
        let word = TaskWord::new(control.generation.get(), self.slot, index);
        self.running.set(word.0);
        self.budget.set(BUDGET);
        // A wake during the poll writes the next one's, so this one's is read before.
        let waited = started.saturating_sub(self.records.get(index).scheduled_at());
        #[cfg(not(loopscope_bare))]
        {
            self.record.running_since.put(started);
            self.record.running.put(word.0);
        }
        let waker = ManuallyDrop::new(waker::of(word, self.wakers_by.get()));
        let mut cx = Context::from_waker(&waker);
        // SAFETY: not DONE, so the cell holds a future, and RUNNING keeps everybody else away from it.
        let polled = unsafe { (vtable.poll)(control.data.get(), &mut cx) };
        self.running.set(0);
        self.end_of_poll(index, control, waited, polled);
    }

    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn end_of_poll(&self, index: u32, control: &Control, waited: u64, polled: Polled) {
        let flags = control.flags.get() & !RUNNING;
        control.flags.set(flags);
        #[cfg(not(loopscope_bare))]
        {
            let now = self.ticks.get().now();
            self.now.set(now);
            let rate = self.rate.get();
            let record = self.records.get(index);
            // Later than the poll began by what was polled nested in it, see `eager`.
            let started = self.record.running_since.read();
            let busy = rate.span_ns(now.saturating_sub(started));
            let scheduled = rate.span_ns(waited);
            record.polled(scheduled, busy, now, flags & QUEUED != 0);
            let site = control.site.get();
            self.sites.polled(&self.blocks, site, scheduled, busy);
            if busy >= self.slow_ns.get() {
                self.slow_poll(index, busy);
            }
        }
        self.settle(index, control, flags, polled);
    }

    /// What a poll came to is done with its task.
    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    pub(super) fn settle(&self, index: u32, control: &Control, flags: u32, polled: Polled) {
        match polled {
            Polled::Pending if flags & CANCEL == 0 => {}
            Polled::Pending => self.cancel_now(index, control),
            Polled::Ready => self.finish(index, control, OUTPUT, TaskState::Completed),
            Polled::Panicked => self.finish(index, control, OUTPUT | PANICKED, TaskState::Panicked),
        }
    }

    #[cold]
    fn turn_of_ended(&self, index: u32, control: &Control, flags: u32) {
        if flags & DONE == 0 {
            #[cfg(not(loopscope_bare))]
            {
                // Whoever looks while the destructors run sees whose they are.
                self.record.running_since.put(self.now.get());
                self.record.running.put(TaskWord::new(control.generation.get(), self.slot, index).0);
            }
            self.cancel_now(index, control);
        } else if flags & HANDLE == 0 {
            self.release_task(index, control);
        }
    }

    /// Drops the future of a task that is not running.
    fn cancel_now(&self, index: u32, control: &Control) {
        let Some(vtable) = control.vtable.get() else { return };
        // Marked done first: whatever the destructors wake or cancel finds a task that is over. Marked running too: the
        // future may own its own handle, whose drop must not release the memory that is being dropped.
        control.flags.set(control.flags.get() | DONE | RUNNING);
        // SAFETY: it was not done and not running, so the cell holds a future that nobody uses.
        let dropped = unsafe { (vtable.drop_future)(control.data.get()) };
        if let Err(payload) = dropped {
            self.panicked_in_drop(index, control, cell::payload_text(&*payload));
            cell::drop_quietly(payload);
        }
        self.now.set(self.ticks.get().now());
        self.finish(index, control, CANCELLED, TaskState::Cancelled);
    }

    /// A destructor of a cancelled future panicked: its group hears of it, else the hook.
    #[cold]
    fn panicked_in_drop(&self, index: u32, control: &Control, text: String) {
        // SAFETY: the cell is there until the task is released.
        let header = unsafe { cell::header(control.data.get()) };
        let group = header.group.take();
        if let Some(group) = group.as_ref().filter(|group| group.is_heard()) {
            group.child_panicked_in_drop(self, index, text);
        } else {
            self.report(index, UnhandledKind::PanicInDrop(text));
        }
        header.group.set(group);
    }

    /// The future is gone; tells everybody who waits for that.
    fn finish(&self, index: u32, control: &Control, outcome: u32, state: TaskState) {
        // Marked running too until everybody is told: a waker or a hook may drop the handle, which must not release the cell
        // that is still being read.
        let flags = control.flags.get() | DONE | RUNNING | outcome;
        control.flags.set(flags);
        // SAFETY: the cell is there until the task is released.
        let header = unsafe { cell::header(control.data.get()) };
        self.records.get(index).ended(state, self.now.get());
        self.sites.ended(control.site.get(), state);
        self.live.set(self.live.get() - 1);
        if flags & TOKEN != 0 {
            self.forget_token(header.id);
        }
        let joiner = header.joiner.get();
        // Taken before anybody is woken: a foreign waker may let go of the handle, and so of the cell.
        let group = header.group.take();
        let panic = (group.is_some() && flags & PANICKED != 0).then(|| Self::describe(control)).flatten();
        if joiner != NIL {
            let entry = self.waiters.get(joiner);
            entry.set(NOTIFIED);
            if let Some(waker) = entry.take_waker() {
                self.wake_quietly(waker);
            } else if entry.has(MEMBER) {
                self.member_is_over(joiner);
            }
        }
        if let Some(group) = group
            && group.child_ended(self, index, panic)
        {
            control.flags.set(control.flags.get() | REPORTED);
        }
        let flags = control.flags.get() & !RUNNING;
        control.flags.set(flags);
        if flags & HANDLE == 0 {
            self.abandon(index, control);
        }
    }

    fn describe(control: &Control) -> Option<String> {
        if control.flags.get() & OUTPUT == 0 {
            return None;
        }
        // SAFETY: OUTPUT says that the cell holds an output.
        control.vtable.get().and_then(|vtable| unsafe { (vtable.describe)(control.data.get()) })
    }

    /// Nobody will read the output: reports what must not be lost, and releases the task.
    pub(super) fn abandon(&self, index: u32, control: &Control) {
        // Marked running, as while the future was dropped: the output, or the hook, may own the task's own handle.
        let flags = control.flags.get() | RUNNING;
        control.flags.set(flags);
        if flags & REPORTED == 0
            && let Some(text) = Self::describe(control)
        {
            let panicked = flags & PANICKED != 0;
            let kind = if panicked { UnhandledKind::Panic(text) } else { UnhandledKind::Error(text) };
            self.report(index, kind);
        }
        if let (true, Some(vtable)) = (flags & OUTPUT != 0, control.vtable.get()) {
            control.flags.set(control.flags.get() & !OUTPUT);
            // SAFETY: OUTPUT said that the cell holds an output.
            let dropped = unsafe { (vtable.drop_output)(control.data.get()) };
            if let Err(payload) = dropped {
                self.report(index, UnhandledKind::PanicInDrop(cell::payload_text(&*payload)));
                cell::drop_quietly(payload);
            }
            if vtable.output_needs_drop {
                // Foreign code ran: the next task is not to pay for it.
                self.now.set(self.ticks.get().now());
            }
        }
        control.flags.set(control.flags.get() & !RUNNING);
        if control.flags.get() & QUEUED == 0 {
            self.release_task(index, control);
        }
    }

    /// Frees the memory of a task that is over and puts its slot into the history.
    pub(super) fn release_task(&self, index: u32, control: &Control) {
        let Some(vtable) = control.vtable.take() else { return };
        let data = control.data.replace(std::ptr::null_mut());
        // SAFETY: nothing but the header is left in the cell.
        unsafe { cell::drop_header(data) };
        // SAFETY: allocated here with this layout; nobody has the address any more.
        unsafe { self.memory.free(vtable.class, vtable.layout, data) };
        if let Some((oldest, generation)) = self.controls.release(index) {
            self.records.retire(oldest, generation);
            self.controls.free(oldest);
        }
    }

    /// Puts the slots of the history into the free list, so that their memory can go back.
    pub(crate) fn forget_history(&self) {
        for (oldest, generation) in self.controls.drain_history() {
            self.records.retire(oldest, generation);
            self.controls.free(oldest);
        }
    }

    /// Asks for the end of a task. Returns whether it was still alive.
    pub(crate) fn cancel(&self, word: TaskWord) -> bool {
        let Some(control) = self.control_of(word) else { return false };
        let flags = control.flags.get();
        if flags & DONE != 0 {
            return false;
        }
        control.flags.set(flags | CANCEL);
        if flags & (QUEUED | RUNNING) == 0 {
            self.schedule(word.index(), control, flags | CANCEL, self.now.get());
        }
        true
    }

    /// Tells the hook about something that nobody else will hear of.
    pub(crate) fn report(&self, index: u32, kind: UnhandledKind) {
        let Described { id, kind: of, name, spawned_at } = self.describe_task(index);
        self.tell(&Unhandled::of_task((id, of), name, spawned_at, kind));
    }

    /// How the task at `index` is named in a message.
    pub(crate) fn describe_task(&self, index: u32) -> Described {
        let (record, origin) = (self.records.get(index), self.records.origin(index));
        Described {
            id: TaskId::from_raw(origin.id()),
            kind: record.kind(),
            name: origin.name_index().and_then(|name| self.names.get(name)),
            spawned_at: self.sites.place_of(record.site_index()).and_then(|place| self.places.get(place)),
        }
    }

    /// How the running task is named in a message.
    pub(crate) fn describe_running(&self) -> Option<Described> {
        let word = TaskWord(self.running.get());
        (word.0 != 0).then(|| self.describe_task(word.index()))
    }

    /// The words of all tasks that are not over, in the order they were spawned.
    pub(crate) fn live_tasks(&self) -> Vec<TaskWord> {
        let live = self.unreleased().filter(|(_, control)| control.flags.get() & DONE == 0);
        let mut live: Vec<(u64, TaskWord)> =
            live.map(|(index, control)| self.named(index, control)).collect();
        live.sort_unstable_by_key(|(id, _)| *id);
        live.into_iter().map(|(_, word)| word).collect()
    }

    /// The task at `index`, if one is there that is not over.
    #[cfg(feature = "stacks")]
    pub(crate) fn pending_at(&self, index: u32) -> Option<TaskId> {
        let control = self.controls.get(index);
        let is_pending = !control.data.get().is_null() && control.flags.get() & DONE == 0;
        is_pending.then(|| TaskId::from_raw(self.named(index, control).0))
    }

    /// Id and word of a task that is not released yet.
    fn named(&self, index: u32, control: &Control) -> (u64, TaskWord) {
        // SAFETY: a task that is not released has its cell.
        let id = unsafe { cell::header(control.data.get()) }.id;
        (id, TaskWord::new(control.generation.get(), self.slot, index))
    }

    /// Id and word of the task in a slot, if it is not released yet.
    pub(crate) fn task_at(&self, index: u32) -> Option<(u64, TaskWord)> {
        let control = self.controls.get(index);
        (!control.data.get().is_null()).then(|| self.named(index, control))
    }

    fn unreleased(&self) -> impl Iterator<Item = (u32, &Control)> {
        let indices = (0..self.controls.high_water()).filter(|index| self.controls.group_in_use(*index));
        indices
            .map(|index| (index, self.controls.get(index)))
            .filter(|(_, control)| !control.data.get().is_null())
    }

    /// Ends the part of handles in tasks that are over: their outputs are dropped, their slots released. Returns whether
    /// there were any.
    pub(crate) fn abandon_outputs(&self) -> bool {
        let done = self.unreleased().filter(|(_, control)| control.flags.get() & DONE != 0);
        let mut done: Vec<(u64, TaskWord)> =
            done.map(|(index, control)| self.named(index, control)).collect();
        done.sort_unstable_by_key(|(id, _)| *id);
        for (_, word) in &done {
            // A destructor of another output may have dropped the handle meanwhile.
            if let Some(control) = self.control_of(*word) {
                control.flags.set(control.flags.get() & !HANDLE);
                self.abandon(word.index(), control);
            }
        }
        !done.is_empty()
    }
}

/// A wake from anywhere.
#[inline]
pub(crate) fn wake(word: TaskWord) {
    if let Some(lp) = crate::event_loop::current::get()
        && lp.slot == word.loop_slot()
    {
        return lp.wake_local(word);
    }
    wake_remote(word);
}

fn wake_remote(word: TaskWord) {
    let Some(lp) = crate::event_loop::slot::slot(word.loop_slot()) else { return };
    // Between two turns of a runner its thread has no current loop; then this is still the right way.
    if lp.remote.fill(lp, word.index(), || lp.ticks.get().now()) {
        lp.ring();
    }
}
