//! How another thread wakes a task: an inbox word a task, a list of full inboxes, and one token that says whether the loop
//! sleeps.
//!
//! ```text
//!   waking thread                                loop's thread
//!   inbox.swap(FULL): was EMPTY? ── no ──► done  head.swap(none)            take the whole list
//!     │ yes: we are the one who lists it         for each, oldest first:
//!   push index on the list                         read its link
//!   token.swap(NOTIFIED): was PARKED?              inbox.swap(EMPTY)        before the poll, never after
//!     │ yes: write the eventfd, once a sleep       put the task in the run queue
//! ```
//!
//! # Why it loses no wake
//!
//! - The inbox is filled and emptied by exchanges, never by a store. The waker's writes precede its exchange; either that
//!   exchange finds EMPTY, and the task is listed, or it finds FULL, and then the loop's exchange to EMPTY comes later in the
//!   word's order, reads what the waker's exchange wrote, and so the poll that follows sees the waker's writes. A plain store
//!   would break that chain.
//! - Draining wakes whatever lives at an index and never compares generations: a stale waker may have won the exchange for
//!   the task that lives there now. The worst outcome is a spurious poll.
//! - The list has links of its own, since a task can stand in the run queue and in this list at once; and inboxes are never
//!   given back to the OS, so that a stale waker's push survives the reuse of a slot and the end of a loop.
//! - The token is one word, changed by exchanges only, so that its order alone decides who must write the eventfd.

use crate::telemetry::atomic::{AcqRel, Acquire, AtomicU32, AtomicU64, Relaxed};

const EMPTY: u32 = 0;
const FULL: u32 = 1;

/// Nobody sleeps, nobody knocked.
const AWAKE: u32 = 0;
/// The loop sleeps or is about to.
const PARKED: u32 = 1;
/// Somebody knocked.
const NOTIFIED: u32 = 2;

/// A task's inbox. Zero is empty.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Inbox {
    full: AtomicU32,
    /// Next index in the list plus one.
    link: AtomicU32,
    /// When it was filled, in ticks; written by the thread that filled it.
    filled_at: AtomicU64,
}

/// Finds inboxes by index.
pub(crate) trait Inboxes {
    /// The inbox of task slot `index`.
    fn inbox(&self, index: u32) -> &Inbox;
}

/// The list of full inboxes of one loop, and its token.
#[derive(Debug, Default)]
pub(crate) struct Remote {
    /// Newest index plus one.
    head: AtomicU32,
    token: AtomicU32,
}

impl Remote {
    /// Fills the inbox of `index`. Returns whether the loop must be woken from its sleep.
    #[must_use]
    pub(crate) fn fill(&self, inboxes: &impl Inboxes, index: u32, now: impl FnOnce() -> u64) -> bool {
        let inbox = inboxes.inbox(index);
        if inbox.full.swap(FULL, AcqRel) == FULL {
            return false;
        }
        inbox.filled_at.store(now(), Relaxed);
        let mut head = self.head.load(Relaxed);
        loop {
            inbox.link.store(head, Relaxed);
            // The failure ordering may be relaxed: nothing is read through `head` here.
            match self.head.compare_exchange_weak(head, index + 1, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        self.notify()
    }

    /// Says that there is something to do. Returns whether the loop must be woken from its sleep.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        self.token.swap(NOTIFIED, AcqRel) == PARKED
    }

    /// Whether the list has something in it, as far as a glance tells.
    #[inline]
    pub(crate) fn has_full(&self) -> bool {
        self.head.load(Relaxed) != 0
    }

    /// Empties all full inboxes, oldest first, telling `wake` the index and when it was filled.
    pub(crate) fn drain(&self, inboxes: &impl Inboxes, mut wake: impl FnMut(u32, u64)) {
        let mut newest = self.head.swap(0, AcqRel);
        // Turned round first: once an inbox is empty, its link belongs to whoever fills it next.
        let mut oldest = 0;
        while newest != 0 {
            let link = &inboxes.inbox(newest - 1).link;
            let older = link.load(Relaxed);
            link.store(oldest, Relaxed);
            oldest = newest;
            newest = older;
        }
        while oldest != 0 {
            let index = oldest - 1;
            let inbox = inboxes.inbox(index);
            oldest = inbox.link.load(Relaxed);
            let filled_at = inbox.filled_at.load(Relaxed);
            inbox.full.swap(EMPTY, AcqRel);
            wake(index, filled_at);
        }
    }

    /// Announces that the loop is about to sleep. Returns false when somebody knocked since the last sleep: then the loop
    /// must look again instead.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        if self.token.compare_exchange(AWAKE, PARKED, AcqRel, Acquire).is_ok() {
            return true;
        }
        self.token.swap(AWAKE, AcqRel);
        false
    }

    /// The loop is awake again.
    pub(crate) fn unpark(&self) {
        self.token.swap(AWAKE, AcqRel);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    struct World {
        inboxes: Vec<Inbox>,
        remote: Remote,
        /// What the tasks look for.
        data: Vec<AtomicU32>,
        /// The eventfd.
        bell: AtomicBool,
    }

    impl Inboxes for World {
        fn inbox(&self, index: u32) -> &Inbox {
            &self.inboxes[index as usize]
        }
    }

    impl World {
        fn new(slots: usize) -> Arc<Self> {
            Arc::new(Self {
                inboxes: (0..slots).map(|_| Inbox::default()).collect(),
                remote: Remote::default(),
                data: (0..slots).map(|_| AtomicU32::new(0)).collect(),
                bell: AtomicBool::new(false),
            })
        }

        fn wake(&self, index: u32) {
            if self.remote.fill(self, index, || 0) {
                self.bell.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }

        /// Drains, "polls" what was woken, and adds up what the polls saw.
        fn turn(&self, seen: &mut [u32]) {
            let mut woken = Vec::new();
            self.remote.drain(self, |index, _| woken.push(index));
            for index in woken {
                seen[index as usize] = self.data[index as usize].load(Relaxed);
            }
        }

        /// Goes to sleep if nothing happened; says whether it would sleep for ever.
        fn sleeps_for_ever(&self) -> bool {
            if !self.remote.park() {
                return false;
            }
            if self.bell.swap(false, std::sync::atomic::Ordering::SeqCst) {
                self.remote.unpark();
                return false;
            }
            true
        }
    }

    #[test]
    fn loom_a_wake_is_never_lost() {
        loom::model(|| {
            let world = World::new(1);
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || {
                        world.data[0].fetch_add(1, Relaxed);
                        world.wake(0);
                    })
                })
                .collect();
            let mut seen = [0];
            world.turn(&mut seen);
            for thread in threads {
                thread.join().unwrap();
            }
            while !world.sleeps_for_ever() {
                world.turn(&mut seen);
            }
            assert_eq!(seen[0], 2, "the last poll saw both writes");
        });
    }

    #[test]
    fn loom_two_tasks_woken_while_the_loop_parks_are_both_polled() {
        loom::model(|| {
            let world = World::new(2);
            let waker = Arc::clone(&world);
            let thread = thread::spawn(move || {
                for index in 0..2 {
                    waker.data[index].store(1, Relaxed);
                    waker.wake(u32::try_from(index).unwrap());
                }
            });
            let mut seen = [0, 0];
            // Sleeping is only for ever when nobody rings later, so ask again after the thread is gone.
            if !world.sleeps_for_ever() {
                world.turn(&mut seen);
            }
            thread.join().unwrap();
            if world.bell.swap(false, std::sync::atomic::Ordering::SeqCst) {
                // As the loop does when it wakes up.
                world.remote.unpark();
                world.turn(&mut seen);
            }
            while !world.sleeps_for_ever() {
                world.turn(&mut seen);
                world.bell.store(false, std::sync::atomic::Ordering::SeqCst);
            }
            // A sleeping loop with a full inbox would be a lost wake.
            assert!(!world.remote.has_full());
            assert_eq!(seen, [1, 1]);
        });
    }

    #[test]
    fn loom_a_stale_waker_that_wins_the_inbox_still_wakes_the_slots_next_task() {
        loom::model(|| {
            let world = World::new(1);
            // The old task's waker and the new task's waker name the same slot.
            let stale = Arc::clone(&world);
            let old = thread::spawn(move || stale.wake(0));
            let live = Arc::clone(&world);
            let new = thread::spawn(move || {
                live.data[0].store(7, Relaxed);
                live.wake(0);
            });
            let mut seen = [0];
            world.turn(&mut seen);
            old.join().unwrap();
            new.join().unwrap();
            while !world.sleeps_for_ever() {
                world.turn(&mut seen);
            }
            assert_eq!(seen[0], 7);
        });
    }

    #[test]
    fn loom_a_wake_across_the_end_of_a_loop_reaches_the_slots_next_loop_or_nobody() {
        loom::model(|| {
            let world = World::new(1);
            let waker = Arc::clone(&world);
            let thread = thread::spawn(move || {
                waker.data[0].store(1, Relaxed);
                waker.wake(0);
            });
            // The first loop ends: it drains what is there and leaves token and inboxes to the next.
            world.turn(&mut [0]);
            world.remote.unpark();
            thread.join().unwrap();
            // The next loop starts by draining; afterwards the inbox takes wakes again.
            let mut seen = [0];
            world.turn(&mut seen);
            world.data[0].store(2, Relaxed);
            world.wake(0);
            world.turn(&mut seen);
            assert_eq!(seen[0], 2);
        });
    }
}
