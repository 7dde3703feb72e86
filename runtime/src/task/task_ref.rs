#![allow(unsafe_code, reason = "takes outputs out of type-erased tasks")]
//! A task as its handle knows it: waiting for its end, taking its output, letting it go.
//!
//! The task may be over and its slot another's, or its loop may have ended; every step therefore begins with
//! [`TaskRef::control`], which finds the task or nothing.

use std::task::{Poll, Waker};

use super::cell;
use super::control::{
    CANCEL, Control, DONE, HANDLE, LEFT_TO_LOOP, OUTPUT, PANICKED, QUEUED, RUNNING, TaskWord,
};
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::Ticket;
use crate::telemetry::view::WaitKind;
use crate::telemetry::waiter::{MEMBER, NIL, Parking};

/// A task as a handle knows it. Two words, so that it travels in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskRef {
    pub(crate) word: TaskWord,
    pub(crate) id: u64,
}

impl TaskRef {
    /// The loop it was spawned on, or what lives in that slot now.
    #[inline]
    pub(crate) fn lp(&self) -> Option<&'static Loop> {
        crate::event_loop::slot::slot(self.word.loop_slot())
    }

    #[inline]
    fn control(&self) -> Option<&'static Control> {
        let lp = self.lp()?;
        if !lp.may_have_spawned(self.id) {
            return None;
        }
        let control = lp.control_of(self.word)?;
        // A word may come round again after 2^32 lives of a slot; an id never does.
        // SAFETY: a slot of this generation has its cell until it is released.
        let id = unsafe { cell::header(control.data.get()) }.id;
        (id == self.id).then_some(control)
    }

    /// Whether the task is over.
    pub(crate) fn is_done(&self) -> bool {
        self.control().is_none_or(|control| control.flags.get() & DONE != 0)
    }

    /// Makes the running task the one that is told when this one is over.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop.
    pub(crate) fn join(&self, lp: &'static Loop, waker: &Waker, parking: &Parking) {
        let Some(control) = self.control() else { return };
        // SAFETY: `control` is of a task that is not released, so its cell is there.
        let joiner = &unsafe { cell::header(control.data.get()) }.joiner;
        if joiner.get() == NIL {
            joiner.set(lp.take_entry(parking, waker).0);
            lp.suspect();
        } else if lp.waiters.get(joiner.get()).has(MEMBER) {
            // Of a set that was forgotten.
            self.leave(control);
            joiner.set(lp.take_entry(parking, waker).0);
        } else {
            lp.waiters.renew(joiner.get(), parking, lp.running.get(), waker);
        }
    }

    /// Makes the set with the entry `set` the one that is told when the task is over, as its member `number`.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in one loop.
    pub(super) fn join_set(&self, lp: &'static Loop, set: (Ticket, u32), number: u32) {
        let Some(control) = self.control() else { return };
        self.leave(control);
        let (ticket, head) = set;
        let parking =
            Parking { kind: WaitKind::Join, payload: self.id, flags: MEMBER, at: number, made_at: 0 };
        let (index, _) = lp.take_quiet_entry(&parking, ticket.word());
        lp.waiters.get(index).prev.set(head);
        // SAFETY: `control` is of a task that is not released, so its cell is there.
        unsafe { cell::header(control.data.get()) }.joiner.set(index);
    }

    /// Whether the task is over by a panic, or by an error that it was spawned to have described.
    pub(super) fn has_failed(&self) -> bool {
        let Some(control) = self.control() else { return false };
        if control.flags.get() & OUTPUT == 0 {
            return false;
        }
        // SAFETY: OUTPUT says that the cell holds an output.
        control.vtable.get().is_some_and(|vtable| unsafe { (vtable.describe)(control.data.get()) }.is_some())
    }

    /// Whether somebody waits for the end of the task.
    pub(super) fn is_joined(&self) -> bool {
        // SAFETY: the control is of a task that is not released, so its cell is there.
        self.control().is_some_and(|control| unsafe { cell::header(control.data.get()) }.joiner.get() != NIL)
    }

    /// Whether its end was asked for and it is not over.
    pub(super) fn is_cancelling(&self) -> bool {
        self.control().is_some_and(|control| control.flags.get() & (CANCEL | DONE) == CANCEL)
    }

    /// Its name, while it is not released.
    pub(super) fn name(&self) -> Option<String> {
        self.control()?;
        let lp = self.lp()?;
        lp.names.get(lp.records.origin(self.word.index()).name_index()?)
    }

    /// Gives it another name.
    pub(super) fn set_name(&self, name: &str) {
        if let (Some(_), Some(lp)) = (self.control(), self.lp()) {
            lp.records.origin(self.word.index()).rename(lp.names.word(name));
        }
    }

    /// Nobody waits for the end of the task any more.
    pub(crate) fn unjoin(&self) {
        if let Some(control) = self.control() {
            self.leave(control);
        }
    }

    /// Takes the output of a task that is over: `None` when it was cancelled, or its loop has ended.
    ///
    /// # Safety
    ///
    /// `T` is the output type of the future that was spawned.
    pub(crate) unsafe fn take_output<T>(&self) -> Option<Result<T, cell::Payload>> {
        let control = self.control()?;
        if control.flags.get() & OUTPUT == 0 {
            return None;
        }
        // SAFETY: OUTPUT is set, and the caller answers for `T`.
        unsafe { Self::move_output(control) }
    }

    /// Moves the output out of a task's cell.
    ///
    /// # Safety
    ///
    /// OUTPUT is set, and `T` is the output type of the future that was spawned.
    #[inline]
    unsafe fn move_output<T>(control: &Control) -> Option<Result<T, cell::Payload>> {
        control.flags.set(control.flags.get() & !OUTPUT);
        let offset = control.vtable.get()?.output_offset;
        // SAFETY: OUTPUT said that the cell holds an output at this offset, and the caller that it is a `T`; it moves out and is
        // not used again, by the flag just cleared.
        let output = unsafe { control.data.get().add(offset) };
        // SAFETY: as above.
        Some(unsafe { output.cast::<Result<T, cell::Payload>>().read() })
    }

    /// Takes the output of a task that is over and lets go of the task, with one look at it instead of one for each step: a
    /// join is most of what a short task costs. `None` as in [`take_output`](Self::take_output); then the handle stays.
    ///
    /// # Safety
    ///
    /// `T` is the output type of the future that was spawned.
    #[inline]
    pub(crate) unsafe fn poll_output<T>(&mut self) -> Poll<Option<Result<T, cell::Payload>>> {
        let Some(control) = self.control() else { return Poll::Ready(None) };
        if control.flags.get() & DONE == 0 {
            return Poll::Pending;
        }
        self.leave(control);
        // Read after the entry was freed, which may have run a foreign waker's destructor.
        let flags = control.flags.get();
        let Some(lp) = self.lp().filter(|_| flags & OUTPUT != 0) else { return Poll::Ready(None) };
        // SAFETY: OUTPUT is set, and the caller answers for `T`.
        let output = unsafe { Self::move_output(control) };
        control.flags.set(flags & !(OUTPUT | HANDLE));
        let index = self.word.index();
        self.word = TaskWord::NOBODY;
        // One that stands in the run queue is released at its turn, one that still tells others by whoever does the telling.
        if flags & (QUEUED | RUNNING) == 0 {
            lp.release_task(index, control);
        }
        Poll::Ready(output)
    }

    /// Frees the entry of whoever waits for the end of the task.
    #[inline]
    fn leave(&self, control: &Control) {
        // SAFETY: `control` is of a task that is not released, so its cell is there.
        let entry = unsafe { cell::header(control.data.get()) }.joiner.replace(NIL);
        if entry != NIL
            && let Some(lp) = self.lp()
        {
            lp.waiters.free(entry);
        }
    }

    /// The handle is gone: nobody waits any more, an output that is there is abandoned, and the slot may go.
    #[inline]
    pub(crate) fn drop_handle(&self) {
        // After a join there is nothing left to do, and that is most drops.
        if self.word != TaskWord::NOBODY {
            self.let_go();
        }
    }

    #[inline(never)]
    fn let_go(&self) {
        let Some(control) = self.control() else { return };
        self.leave(control);
        let flags = control.flags.get() & !HANDLE;
        control.flags.set(flags);
        if flags & DONE != 0
            && flags & RUNNING == 0
            && let Some(lp) = self.lp()
        {
            lp.abandon(self.word.index(), control);
        }
    }

    /// Whether the task ended with a panic that nobody took.
    pub(crate) fn has_panic(&self) -> bool {
        let untaken = OUTPUT | PANICKED;
        self.control().is_some_and(|control| control.flags.get() & untaken == untaken)
    }

    /// Says that the task is meant to last as long as its loop.
    pub(crate) fn leave_to_loop(&self) {
        if let Some(control) = self.control() {
            control.flags.set(control.flags.get() | LEFT_TO_LOOP);
        }
    }

    /// Asks for the end of the task. Returns whether it was still alive.
    pub(crate) fn cancel(&self) -> bool {
        self.control().is_some() && self.lp().is_some_and(|lp| lp.cancel(self.word))
    }
}
