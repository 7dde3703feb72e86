#![allow(unsafe_code, reason = "polls type-erased tasks")]
//! The first poll of a task inside of the call that spawns it.
//!
//! ```text
//!   poll of the spawner ──spawn_eager──► first poll of the new task ──► the spawner's poll goes on
//!                                          ├ Ready ──► done before the call returns, never queued
//!                                          └ Pending ─► a task like any other
//! ```
//!
//! # Invariants
//!
//! What belongs to the spawner's poll (who is running, since when, what is left of its budget) is as before when the call
//! returns, but for two things: the time that the nested poll took is the new task's, so the spawner's poll counts as begun that
//! much later; and the nested poll's operations come out of the spawner's budget too, so that spawning is no way around it.

use std::future::Future;

use super::cell::Describe;
use super::raw::{BUDGET, Spawning};
use super::task_ref::TaskRef;
use crate::event_loop::slot::{Closing, Loop};
#[cfg(not(loopscope_bare))]
use crate::telemetry::atomic::OneWriter;

/// Polls within polls; a task that would be deeper has its first turn in the next batch, so that a recursion ends at the loop
/// and not at the end of the stack.
const NESTED_MAX: u32 = 64;

impl Loop {
    /// Spawns a future and polls it once; `made` is told between the two.
    ///
    /// # Safety
    ///
    /// As of [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// When 16 million tasks are alive.
    pub(super) unsafe fn spawn_eager<F, D>(
        &'static self,
        future: F,
        spawning: &Spawning<'_>,
        made: impl FnOnce(TaskRef),
    ) -> TaskRef
    where
        F: Future,
        D: Describe<F::Output>,
    {
        // Tasks of a loop that is closing are dropped at their turns, one after the other.
        if self.nested.get() >= NESTED_MAX || self.closing.get() != Closing::No {
            // SAFETY: the caller's promise.
            let task = unsafe { self.spawn::<F, D>(future, spawning) };
            made(task);
            return task;
        }
        let began = self.ticks.get().now();
        // It is born now, and not when the last segment ended.
        self.now.set(began);
        // SAFETY: the caller's promise.
        let task = unsafe { self.make::<F, D>(future, spawning, 0) };
        made(task);
        self.poll_nested(task.word.index(), began);
        task
    }

    /// Polls a new task, which stands in no queue, inside of another one's poll.
    fn poll_nested(&self, index: u32, began: u64) {
        let (running, budget) = (self.running.get(), self.budget.get());
        #[cfg(not(loopscope_bare))]
        let (shown, since) = (self.record.running.read(), self.record.running_since.read());
        self.nested.set(self.nested.get() + 1);
        self.run_task(index, began);
        self.nested.set(self.nested.get() - 1);
        let spent = BUDGET - self.budget.get().min(BUDGET);
        self.running.set(running);
        self.budget.set(budget.saturating_sub(spent));
        #[cfg(not(loopscope_bare))]
        {
            let took = self.now.get().saturating_sub(began);
            self.record.running_since.put(since.saturating_add(took));
            self.record.running.put(shown);
        }
    }
}
