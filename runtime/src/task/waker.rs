#![allow(unsafe_code, reason = "a waker is built by hand")]
//! Wakers that are no pointers: generation, loop and index of a task in the waker's one word.
//!
//! Cloning and dropping such a waker is free and there is no reference count, because the slots that it names are never
//! freed. A waker that outlives its task, or its loop, at worst causes a spurious poll.

use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::control::TaskWord;
use super::raw;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("loopscope needs a 64-bit target: a waker keeps generation, loop and index in one word");

/// The one vtable of all our wakers.
pub(crate) static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, drop);

/// A waker for the task that `word` names.
#[inline]
pub(crate) fn of(word: TaskWord) -> Waker {
    // SAFETY: the functions below treat the data as a number and so fulfil the contract for any value.
    unsafe { Waker::from_raw(raw_waker(word.0)) }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "64-bit targets only, as said above")]
fn raw_waker(word: u64) -> RawWaker {
    RawWaker::new(ptr::without_provenance(word as usize), &VTABLE)
}

fn clone(word: *const ()) -> RawWaker {
    raw_waker(word.addr() as u64)
}

fn wake(word: *const ()) {
    raw::wake(TaskWord(word.addr() as u64));
}

fn drop(_: *const ()) {}

/// Whether a waker is one of ours: waking it runs no foreign code.
#[inline]
pub(crate) fn is_ours(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &raw const VTABLE)
}
