#![allow(unsafe_code, reason = "polls type-erased tasks, and walks this thread's stack")]
//! Capture polls: ordinary polls of idle tasks, during which whoever keeps the waker says by which calls it was reached.
//!
//! ```text
//!   idle ─1─► wakers of other libraries in its wait entries are woken ─2─► polled with the capturing waker ─3─► idle, or what it came to
//!                                                                            │
//!                        a leaf clones it to keep it: the stack is recorded ◄┘ and the clone is our usual waker
//! ```
//!
//! 1. so that combinators with wakers of their own (`FuturesUnordered`, a large `join_all`) poll the children that wait in entries
//!    of ours. What these wakers wake is the task itself, which is polled at once, so it does not go to the run queue for that;
//! 2. a waker's vtable is how the leaf's own comparison with the waker it keeps comes out different, so that it is cloned;
//!    a leaf below such a combinator gets that one's waker and is noticed where it [keeps](super::waker::kept) it in its entry;
//! 3. a future that is ready after all completes, one that panics or is cancelled meanwhile ends as after any poll.
//!
//! # Invariants
//!
//! - Nobody can tell a capture poll from a spurious one, which any future must bear: leaves answer truthfully and register.
//! - It is in no counter and no histogram, is never slow, and has a budget of its own. So wakes and polls of a task still come out
//!   even, by which a reader knows that it is idle.
//! - A task that stands in the run queue or is being polled is left alone.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::mem::ManuallyDrop;
use std::task::Context;

use super::cell::Polled;
use super::control::{CANCEL, DONE, QUEUED, RUNNING, TaskWord};
use super::raw::BUDGET;
use super::waker;
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
#[cfg(not(loopscope_bare))]
use crate::telemetry::atomic::OneWriter;

/// Calls between a leaf and its task's root that are kept, the innermost.
const CALLS_MAX: usize = 512;
/// Different stacks of one task that are kept.
const STACKS_MAX: usize = 256;
/// Stacks of one task that are walked, alike or not: a walk costs some microseconds, and a poll cannot be interrupted.
const WALKS_MAX: u64 = 2_048;
/// Wakers of one task's combinators that are woken, each for one child that is polled.
const WOKEN_MAX: usize = 512;

thread_local! {
    /// The word of the task that is polled to be captured, 0 for none.
    static TASK: Cell<u64> = const { Cell::new(0) };
    /// An address in the frame of who polls it.
    static ROOT: Cell<usize> = const { Cell::new(0) };
    static STACKS: RefCell<Captured> = RefCell::default();
}

/// What the polls of one task reached.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// Return addresses, innermost first, and how often the same ones were seen.
    pub(crate) stacks: HashMap<Box<[usize]>, u32>,
    /// Stacks that were walked.
    walks: u64,
    /// Stacks that were not walked, or not kept, and children that were not asked.
    pub(crate) lost: u64,
}

/// What became of a task that was to be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was polled and waits on.
    Waits,
    /// It stands in the run queue, and was left alone.
    Scheduled,
    /// It is being polled, and was left alone.
    Running,
    /// It ended, or is about to be dropped.
    Ended,
}

/// A wait entry that keeps a waker of another library: the waiting task's word, its index and its generation.
pub(crate) type ForeignEntry = (u64, u32, u32);

/// Takes down by which calls this was reached, if it is in a poll that is captured.
#[cold]
#[inline(never)]
pub(crate) fn record() {
    let task = TASK.try_with(Cell::get).unwrap_or(0);
    // A task that is spawned and polled in the middle of another one's poll is not asked.
    if task == 0 || current::get().is_none_or(|lp| lp.running.get() != task) {
        return;
    }
    if !may_walk() {
        return;
    }
    let root = ROOT.get();
    let mut calls = Vec::with_capacity(64);
    let mut is_first = true;
    let each = |frame: &backtrace::Frame| {
        if frame.sp().addr() > root {
            return false;
        }
        // The first is this function itself.
        if !std::mem::take(&mut is_first) {
            calls.push(frame.ip().addr());
        }
        calls.len() < CALLS_MAX
    };
    // SAFETY: the lock that this goes without is for the debugging library of Windows and the tables of symbols: here it only
    // calls the unwinder, which any thread may at any time, and a name that another thread looks up must not make a loop wait.
    unsafe { backtrace::trace_unsynchronized(each) };
    STACKS.with(|stacks| {
        let Ok(mut stacks) = stacks.try_borrow_mut() else { return };
        if let Some(times) = stacks.stacks.get_mut(calls.as_slice()) {
            *times = times.saturating_add(1);
        } else if stacks.stacks.len() < STACKS_MAX {
            stacks.stacks.insert(calls.into(), 1);
        } else {
            stacks.lost += 1;
        }
    });
}

/// Counts one more stack. Returns whether it is to be walked.
fn may_walk() -> bool {
    STACKS.with(|stacks| {
        let Ok(mut stacks) = stacks.try_borrow_mut() else { return false };
        stacks.walks += 1;
        let is_one_too_many = stacks.walks > WALKS_MAX;
        stacks.lost += u64::from(is_one_too_many);
        !is_one_too_many
    })
}

/// Ends the capturing, whatever became of the poll.
struct Capturing;

impl Drop for Capturing {
    fn drop(&mut self) {
        TASK.set(0);
    }
}

impl Loop {
    /// Polls the task at `index`, which is not over, to see what it waits for, unless it is to be polled anyway. `entries` are
    /// those that keep foreign wakers.
    pub(crate) fn capture(
        &'static self,
        index: u32,
        entries: &BTreeSet<ForeignEntry>,
    ) -> (Outcome, Captured) {
        let control = self.controls.get(index);
        let flags = control.flags.get();
        let left_alone = match flags {
            flags if flags & (DONE | CANCEL) != 0 => Some(Outcome::Ended),
            flags if flags & RUNNING != 0 => Some(Outcome::Running),
            flags if flags & QUEUED != 0 => Some(Outcome::Scheduled),
            _ => None,
        };
        if let Some(outcome) = left_alone {
            return (outcome, Captured::default());
        }
        let word = TaskWord::new(control.generation.get(), self.slot, index);
        // As if it stood in the queue: whoever wakes it now has it polled just below.
        control.flags.set(flags | QUEUED);
        let not_woken = self.wake_foreign(word, entries);
        let flags = control.flags.get() & !QUEUED;
        control.flags.set(flags);
        if flags & (DONE | CANCEL) != 0 {
            self.cancel(word); // what asked for its end took it for queued
            return (Outcome::Ended, Captured::default());
        }
        let polled = self.poll_captured(word);
        let mut captured = STACKS.take();
        captured.lost += not_woken;
        let flags = control.flags.get() & !RUNNING;
        control.flags.set(flags);
        self.now.set(self.ticks.get().now());
        let waits = polled == Polled::Pending && flags & CANCEL == 0;
        self.settle(index, control, flags, polled);
        (if waits { Outcome::Waits } else { Outcome::Ended }, captured)
    }

    /// Wakes what combinators of other libraries left in this task's entries. Returns how many were left alone, as too many.
    fn wake_foreign(&self, word: TaskWord, entries: &BTreeSet<ForeignEntry>) -> u64 {
        let mut own = entries.range((word.0, 0, 0)..=(word.0, u32::MAX, u32::MAX));
        for &(_, index, generation) in own.by_ref().take(WOKEN_MAX) {
            let entry = self.waiters.get(index);
            if self.waiters.is_live(index, generation)
                && entry.task_word() == word.0
                && entry.has_foreign_waker()
                && let Some(waker) = entry.take_waker()
            {
                self.wake_quietly(waker);
            }
        }
        u64::try_from(own.count()).unwrap_or(u64::MAX)
    }

    #[inline(never)]
    fn poll_captured(&self, word: TaskWord) -> Polled {
        let control = self.controls.get(word.index());
        let Some(vtable) = control.vtable.get() else { return Polled::Pending };
        control.flags.set(control.flags.get() | RUNNING);
        let (running, budget) = (self.running.replace(word.0), self.budget.replace(BUDGET));
        #[cfg(not(loopscope_bare))]
        {
            self.record.running_since.put(self.ticks.get().now());
            self.record.running.put(word.0);
        }
        let waker = ManuallyDrop::new(waker::of(word, &waker::CAPTURING));
        let mut cx = Context::from_waker(&waker);
        let here = 0_u8;
        ROOT.set((&raw const here).addr());
        TASK.set(word.0);
        let capturing = Capturing;
        // SAFETY: not DONE, so the cell holds a future, and RUNNING keeps everybody else away from it.
        let polled = unsafe { (vtable.poll)(control.data.get(), &mut cx) };
        drop(capturing);
        #[cfg(not(loopscope_bare))]
        self.record.running.put(running);
        self.running.set(running);
        self.budget.set(budget);
        polled
    }

    /// Whether the poll under way is one that is captured.
    pub(crate) fn is_capturing(&self) -> bool {
        let task = TASK.try_with(Cell::get).unwrap_or(0);
        task != 0 && task == self.running.get()
    }
}
