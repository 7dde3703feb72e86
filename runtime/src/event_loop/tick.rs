//! The loop itself: batches of ready tasks, and a look at the OS, the timers and the other threads in between.
//!
//! ```text
//!   ┌─► batch: the tasks that are ready now, in order ──► ready again? ── yes, and looked lately ──┐
//!   │                                                        │ no                                  │
//!   │    look: posted closures, remote wakes ─► ready I/O ─► due timers                            │
//!   └────────┴────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! What a batch makes ready runs in the next batch, as in asyncio. Unlike asyncio the OS is not asked between all batches: at
//! the latest after [`BATCHES_BETWEEN_LOOKS`] batches or [`NS_BETWEEN_LOOKS`] of work, also inside a long batch; at once when
//! nothing is ready; and not at all while no descriptor is registered. Asking between every two polls costs thirty times as
//! much on a ping-pong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::task::Waker;

use super::current;
use super::slot::{Loop, TimeSource};
use crate::io::driver::Until;
use crate::runner::UnhandledKind;
use crate::telemetry::atomic::OneWriter;
use crate::telemetry::clock;
use crate::telemetry::waiter::{LINKED, NOTIFIED, Waiter, Waiters};
use crate::time::wheel::Nodes;

/// Batches after which the loop looks even if it still has work.
const BATCHES_BETWEEN_LOOKS: u32 = 64;
/// Work after which the loop looks even inside a batch.
const NS_BETWEEN_LOOKS: u64 = 100_000;
/// With the records compiled out no clock is read, and polls are counted instead.
#[cfg(loopscope_bare)]
const POLLS_BETWEEN_LOOKS: u32 = 256;
/// How long memory that became free is kept for reuse before it goes back to the OS.
const SWEEP_AFTER_NS: u64 = 1_000_000_000;

impl Nodes for Waiters {
    #[inline]
    fn prev(&self, index: u32) -> u32 {
        self.get(index).prev.get()
    }
    #[inline]
    fn next(&self, index: u32) -> u32 {
        self.get(index).next.get()
    }
    #[inline]
    fn set_prev(&self, index: u32, to: u32) {
        self.get(index).prev.set(to);
    }
    #[inline]
    fn set_next(&self, index: u32, to: u32) {
        self.get(index).next.set(to);
    }
    #[inline]
    fn slot(&self, index: u32) -> u16 {
        self.get(index).wheel_slot.get()
    }
    #[inline]
    fn set_slot(&self, index: u32, slot: u16) {
        self.get(index).wheel_slot.set(slot);
    }
    #[inline]
    fn deadline(&self, index: u32) -> u64 {
        Waiter::payload(self.get(index))
    }
}

impl Loop {
    /// Runs until `is_done` says so, asked after every batch.
    pub(crate) fn run_until(&'static self, is_done: impl Fn() -> bool) {
        let mut batches = 0;
        while !is_done() {
            if self.ready.len() == 0 {
                self.look(true);
                batches = 0;
            } else if batches >= BATCHES_BETWEEN_LOOKS {
                self.look(false);
                batches = 0;
            }
            self.run_batch();
            batches += 1;
            if self.remote.has_full() {
                self.drain_remote();
            }
        }
    }

    /// Gives every task that is ready now one turn.
    pub(crate) fn run_batch(&'static self) {
        let mut left = self.ready.len();
        self.record.ready.put(u64::from(left));
        self.record.batches.add(1);
        #[cfg(loopscope_bare)]
        let mut polls = 0;
        while left > 0 {
            left -= 1;
            let started = self.now.get();
            let Some(index) = self.ready.pop(&self.controls) else { break };
            self.prefetch_next();
            self.run_task(index, started);
            #[cfg(not(loopscope_bare))]
            let is_time = self.now.get() >= self.look_at.get();
            #[cfg(loopscope_bare)]
            let is_time = {
                polls += 1;
                polls % POLLS_BETWEEN_LOOKS == 0 || self.forked.get()
            };
            if is_time {
                self.look(false);
            }
        }
    }

    /// Looks at the other threads, the OS and the timers; sleeps in the OS when nothing is ready and `may_sleep`.
    #[cold]
    #[inline(never)]
    fn look(&'static self, may_sleep: bool) {
        self.check_not_forked();
        self.record.running.put(0);
        self.record.ready.put(u64::from(self.ready.len()));
        self.heed_interrupt();
        self.heed_signals();
        clock::refine();
        self.rate.set(clock::rate());
        self.heed_debug();
        self.take_posted();
        if self.remote.has_full() {
            self.drain_remote();
        }
        if may_sleep && self.ready.len() == 0 {
            self.sleep();
        } else if self.sources.count() > 0 {
            self.ask(Until::Now);
        }
        self.fire_timers();
        if !may_sleep {
            self.look_for_deadlocks();
        }
        let now = self.ticks.get().now();
        self.now.set(now);
        if !may_sleep {
            self.sweep_while_busy();
        }
        self.look_at.set(now + self.rate.get().ticks_of(NS_BETWEEN_LOOKS));
    }

    /// A loop that never rests gives memory back too, at most once a second.
    fn sweep_while_busy(&self) {
        if self.has_memory_to_give_back() {
            let now_ns = self.rate.get().at_ns(self.now.get());
            if now_ns >= self.swept_at_ns.get() + SWEEP_AFTER_NS {
                self.give_memory_back();
                self.swept_at_ns.set(now_ns);
                self.now.set(self.ticks.get().now());
            }
        }
    }

    /// Sleeps until a descriptor, a timer or another thread has something.
    fn sleep(&'static self) {
        self.look_for_deadlocks();
        if self.slow_ns.get() != u64::MAX && self.wheel.borrow().len() == 0 {
            self.look_whether_stalled();
        }
        let mut until = match (self.time.get(), self.wheel.borrow().next_due_ns()) {
            (_, None) => Until::Woken,
            (TimeSource::Real, Some(due_ns)) => Until::Deadline(due_ns),
            // A job on a blocking thread may still have something: the test's clock stands until it ends.
            (TimeSource::Paused(_), Some(_)) if self.jobs.borrow().count() > 0 => Until::Woken,
            (TimeSource::Paused(_), Some(due_ns)) => return self.advance_paused(due_ns),
        };
        if let Some(look_at) = self.suspects_due_ns() {
            // It was too early to look who waits for whom.
            until = match until {
                Until::Deadline(due_ns) => Until::Deadline(due_ns.min(look_at)),
                _ => Until::Deadline(look_at),
            };
        }
        if self.has_memory_to_give_back() {
            let now_ns = clock::os_now_ns();
            let sweep_at = self.swept_at_ns.get() + SWEEP_AFTER_NS;
            if now_ns >= sweep_at {
                self.give_memory_back();
                self.swept_at_ns.set(now_ns);
            } else {
                until = match until {
                    Until::Deadline(due_ns) => Until::Deadline(due_ns.min(sweep_at)),
                    _ => Until::Deadline(sweep_at),
                };
            }
        } else if self.swept_at_ns.get() != 0 {
            // The second counts from when the first memory became free.
            self.swept_at_ns.set(clock::os_now_ns());
        }
        self.rest(until);
    }

    /// Sleeps in the OS, unless somebody knocked, and takes what other threads have brought.
    pub(crate) fn rest(&'static self, until: Until) {
        if !self.remote.park() {
            // Whoever knocks all the time must not keep the descriptors from being asked.
            if self.sources.count() > 0 {
                self.ask(Until::Now);
            }
            return self.take_posted();
        }
        self.ask(until);
        self.remote.unpark();
        self.take_posted();
        if self.remote.has_full() {
            self.drain_remote();
        }
    }

    /// The test's clock jumps to the next deadline when the OS has nothing either.
    fn advance_paused(&'static self, due_ns: u64) {
        if self.ask(Until::Now) == 0 && self.ready.len() == 0 && !self.remote.has_full() {
            self.time.set(TimeSource::Paused(due_ns));
        }
    }

    /// Asks the OS and hands out what it says. Returns how many descriptors had something.
    fn ask(&'static self, until: Until) -> usize {
        let before = self.ticks.get().now();
        if until != Until::Now {
            self.record.parked_since.put(before);
        }
        let waited = self.driver.borrow_mut().wait(until);
        debug_assert!(waited.is_ok(), "epoll: {waited:?}");
        let after = self.ticks.get().now();
        self.now.set(after);
        self.record.driver_turns.add(1);
        if until != Until::Now {
            self.record.parked_since.put(0);
            let parked_ns = self.rate.get().span_ns(after.saturating_sub(before));
            self.record.parked_ns.add(parked_ns);
            #[cfg(not(loopscope_bare))]
            self.blocks.record(&self.histograms.get(0).io_wait, parked_ns);
        }
        self.take_events()
    }

    /// Wakes whoever waits for a deadline that has passed.
    fn fire_timers(&'static self) {
        if self.wheel.borrow().len() == 0 {
            return;
        }
        let now_ns = self.time_ns();
        // Wakers may be foreign and run code that makes timers, so they are woken when the wheel is free again.
        let mut foreign = Vec::new();
        let mut wheel = self.wheel.borrow_mut();
        wheel.advance(&self.waiters, now_ns, |index| {
            let entry = self.waiters.get(index);
            entry.unset(LINKED);
            entry.set(NOTIFIED);
            #[cfg(not(loopscope_bare))]
            self.blocks.record(&self.histograms.get(0).lateness, now_ns.saturating_sub(entry.payload()));
            match entry.take_waker() {
                Some(waker) if crate::task::waker::is_ours(&waker) => waker.wake(),
                Some(waker) => foreign.push(waker),
                None => {}
            }
        });
        self.record.timers.put(wheel.len() as u64);
        drop(wheel);
        for waker in foreign {
            self.wake_quietly(waker);
        }
    }

    /// Wakes who waited in an entry. A waker of another library that panics must not take the loop, or the bystander that
    /// happened to wake it, along.
    #[inline]
    pub(crate) fn wake_quietly(&self, waker: Waker) {
        if crate::task::waker::is_ours(&waker) {
            return waker.wake();
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            let text = crate::task::cell::payload_text(&*payload);
            self.report_loop(UnhandledKind::PanicInWaker(text));
            crate::task::cell::drop_quietly(payload);
        }
    }

    /// Runs what other threads posted.
    pub(crate) fn take_posted(&'static self) {
        let posted = {
            let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
            if posted.is_empty() {
                return;
            }
            std::mem::take(&mut *posted)
        };
        debug_assert!(current::get().is_some());
        for post in posted {
            // A closure that panics must not take the loop and everybody on it along.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(post)) {
                let text = crate::task::cell::payload_text(&*payload);
                self.report_loop(UnhandledKind::Panic(text));
                crate::task::cell::drop_quietly(payload);
            }
        }
        self.now.set(self.ticks.get().now());
    }
}
