//! Tasks that one future awaits together, and who of them is over: what `gather`, `wait` and `as_completed` stand on.
//!
//! ```text
//!   the set's own entry (HEAD): who waits, where, since when; its waker
//!     ▲ prev        ▲ prev        ▲ prev
//!   member 0      member 1      member 2        one entry a task, as the joiner in its cell; without a waker
//!                    └──── over, in that order: linked by `next`, the first and the last kept in the set's entry
//! ```
//!
//! Each member is shown as a join of whoever awaits the set. The end of one costs the same however many there are: it links its
//! entry and wakes the set's waker.
//!
//! # Invariants
//!
//! The set's entry outlives those of its members: they are freed first when the set is dropped or taken apart. While nobody
//! awaits the set its entry is of no task, so that nothing is shown.

use std::collections::VecDeque;
use std::panic::Location;
use std::task::{Context, Poll};

use super::handle::Task;
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::Wait;
use crate::telemetry::view::WaitKind;
use crate::telemetry::waiter::{HEAD, NIL, Parking, RENEWED};

/// The handle of a task, or a mutable reference to one: what can be waited for in numbers. Dropping a reference leaves the
/// handle where it is.
pub trait Joinable: sealed::Sealed {}

mod sealed {
    use crate::task::Task;

    /// Keeps the set of handles ours.
    pub trait Sealed {
        /// What the task returns.
        type Output;

        /// The handle.
        fn task(&self) -> &Task<Self::Output>;
    }
}

impl<T> sealed::Sealed for Task<T> {
    type Output = T;

    fn task(&self) -> &Self {
        self
    }
}

impl<T> Joinable for Task<T> {}

impl<T> sealed::Sealed for &mut Task<T> {
    type Output = T;

    fn task(&self) -> &Task<T> {
        self
    }
}

impl<T> Joinable for &mut Task<T> {}

/// How the set is awaited.
#[derive(Clone, Copy)]
pub(super) struct Awaited {
    /// The place of the `.await`.
    pub(super) at: &'static Location<'static>,
    /// Whether through a trait, so that there is no future that ends with the wait.
    pub(super) renewed: bool,
}

/// The set.
#[derive(Debug)]
pub(super) struct Joins<H: Joinable> {
    /// By number, in the order in which they were given; `None` once they were told to be over.
    handles: Vec<Option<H>>,
    /// Members that were over when they were looked at, by number.
    over: VecDeque<usize>,
    /// Members that are still here.
    left: usize,
    head: Wait,
    made_at: &'static Location<'static>,
}

impl<H: Joinable> Joins<H> {
    /// A set of these tasks.
    ///
    /// # Panics
    ///
    /// Outside of the loop of the tasks, unless they are over.
    #[track_caller]
    pub(super) fn new(
        what: &str,
        handles: impl IntoIterator<Item = H>,
        made_at: &'static Location<'static>,
    ) -> Self {
        let handles: Vec<_> = handles.into_iter().map(Some).collect();
        let left = handles.len();
        let mut joins = Self { handles, over: VecDeque::new(), left, head: Wait::new(), made_at };
        joins.attach(what);
        joins
    }

    /// Gives each member that is not over its entry.
    #[track_caller]
    fn attach(&mut self, what: &str) {
        for (number, handle) in self.handles.iter().enumerate() {
            let Some(task) = handle.as_ref().map(|handle| handle.task().to) else { continue };
            if task.is_done() {
                self.over.push_back(number);
                continue;
            }
            let lp = current::expect(what);
            assert!(
                lp.slot == task.word.loop_slot(),
                "{what}: task #{} belongs to another event loop",
                task.id
            );
            if !self.head.has_ticket() {
                let made_at = lp.places.word(self.made_at);
                let parking = Parking { kind: WaitKind::Join, payload: 0, flags: HEAD, at: 0, made_at };
                self.head = Wait::of_set(lp, &parking);
            }
            let Some((_, head)) = self.head.place() else { continue };
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            task.join_set(lp, (self.head.ticket(), head), number);
        }
    }

    /// How many are left, over or not.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Takes the next member that is over out of the set, in the order in which that happened.
    pub(super) fn next_over(&mut self) -> Option<(usize, H)> {
        loop {
            let number = self.over.pop_front().or_else(|| self.unlink_first())?;
            if let Some(handle) = self.handles.get_mut(number).and_then(Option::take) {
                handle.task().to.unjoin();
                self.left -= 1;
                return Some((number, handle));
            }
        }
    }

    fn unlink_first(&mut self) -> Option<usize> {
        if self.head.has_ticket() && self.head.place().is_none() {
            // Their loop has ended, and so have they.
            self.head = Wait::new();
            let left = |(number, handle): (usize, &Option<H>)| handle.is_some().then_some(number);
            self.over = self.handles.iter().enumerate().filter_map(left).collect();
            return self.over.pop_front();
        }
        let (lp, head) = self.head.place()?;
        let head = lp.waiters.get(head);
        let first = head.prev.get();
        if first == NIL {
            return None;
        }
        let entry = lp.waiters.get(first);
        head.prev.set(entry.next.get());
        if entry.next.get() == NIL {
            head.next.set(NIL);
        }
        Some(entry.at_word() as usize)
    }

    /// The next member that is over, or `None` when nobody is left; else waits for it.
    ///
    /// # Panics
    ///
    /// On another loop than that of the tasks.
    #[track_caller]
    pub(super) fn poll_next(&mut self, cx: &Context<'_>, awaited: Awaited) -> Poll<Option<(usize, H)>> {
        if self.left == 0 {
            self.rest();
            return Poll::Ready(None);
        }
        if let Some(over) = self.next_over() {
            return Poll::Ready(Some(over));
        }
        self.park(cx, awaited);
        Poll::Pending
    }

    /// Waits: nobody who is left is over.
    ///
    /// # Panics
    ///
    /// On another loop than that of the tasks.
    #[track_caller]
    pub(super) fn park(&self, cx: &Context<'_>, Awaited { at, renewed }: Awaited) {
        let Some((lp, index)) = self.head.place() else { return };
        let current = current::expect("awaiting tasks");
        assert!(std::ptr::eq(lp, current), "tasks of one event loop were awaited on another");
        let payload = if renewed { lp.running_polls() << 32 } else { 0 };
        let parking = Parking {
            kind: WaitKind::Join,
            payload,
            flags: if renewed { HEAD | RENEWED } else { HEAD },
            at: lp.places.word(at),
            made_at: lp.places.word(self.made_at),
        };
        let head = lp.waiters.get(index);
        if head.task_word() == 0 {
            head.occupy(&parking, lp.running.get(), lp.now.get(), cx.waker());
            lp.suspect();
        } else {
            lp.waiters.renew(index, &parking, lp.running.get(), cx.waker());
        }
    }

    /// Nobody awaits the set for now.
    pub(super) fn rest(&self) {
        if let Some(entry) = self.head.entry() {
            entry.vacate();
        }
    }

    /// Asks for the end of every member that is left.
    pub(super) fn cancel(&self) {
        for handle in self.handles.iter().flatten() {
            handle.task().to.cancel();
        }
    }

    /// Gives back who is left, over or not, in the order in which they were given.
    pub(super) fn give_back(&mut self) -> Vec<H> {
        self.unjoin();
        self.left = 0;
        self.over.clear();
        std::mem::take(&mut self.handles).into_iter().flatten().collect()
    }

    fn unjoin(&mut self) {
        for handle in self.handles.iter().flatten() {
            handle.task().to.unjoin();
        }
        self.head.clear();
    }
}

impl<H: Joinable> Drop for Joins<H> {
    fn drop(&mut self) {
        self.unjoin();
    }
}

impl Loop {
    /// A member of a set is over; `index` is its entry.
    #[inline(never)]
    pub(super) fn member_is_over(&self, index: u32) {
        let entry = self.waiters.get(index);
        let head = self.waiters.get(entry.prev.get());
        entry.next.set(NIL);
        if head.prev.get() == NIL {
            head.prev.set(index);
        } else {
            self.waiters.get(head.next.get()).next.set(index);
        }
        head.next.set(index);
        if let Some(waker) = head.take_waker() {
            self.wake_quietly(waker);
        }
    }
}
