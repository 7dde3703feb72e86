#![allow(unsafe_code, reason = "a waker is built by hand")]
//! Wakers that are no pointers: generation, loop and index of a task in the waker's one word.
//!
//! Cloning and dropping such a waker is free and there is no reference count, because the slots that it names are never
//! freed. A waker that outlives its task, or its loop, at worst causes a spurious poll.

use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::control::TaskWord;
use super::live_wakers::LiveWakers;
use super::raw;
#[cfg(feature = "stacks")]
use crate::event_loop::current;
use crate::event_loop::slot;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("loopscope needs a 64-bit target: a waker keeps generation, loop and index in one word");

/// The vtable of our wakers.
pub(crate) static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, drop);

/// The vtable of our wakers while the loop is in debug mode, which counts them.
pub(crate) static COUNTED: RawWakerVTable =
    RawWakerVTable::new(clone_counted, wake_counted, wake, drop_counted);

/// The vtable of the waker of a poll that is captured: who keeps it is recorded, and keeps one of the above.
#[cfg(feature = "stacks")]
pub(crate) static CAPTURING: RawWakerVTable = RawWakerVTable::new(clone_capturing, wake, wake, drop);

/// A waker for the task that `word` names, with one of the vtables above.
///
/// One that is counted is counted as its clones are, except that nobody counts it here: it is for the length of a poll and is
/// never dropped.
#[inline]
pub(crate) fn of(word: TaskWord, vtable: &'static RawWakerVTable) -> Waker {
    // SAFETY: the functions below treat the data as a number and so fulfil the contract for any value.
    unsafe { Waker::from_raw(raw_waker(word.0, vtable)) }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "64-bit targets only, as said above")]
fn raw_waker(word: u64, vtable: &'static RawWakerVTable) -> RawWaker {
    RawWaker::new(ptr::without_provenance(word as usize), vtable)
}

fn clone(word: *const ()) -> RawWaker {
    raw_waker(word.addr() as u64, &VTABLE)
}

fn wake(word: *const ()) {
    raw::wake(TaskWord(word.addr() as u64));
}

fn drop(_: *const ()) {}

fn clone_counted(word: *const ()) -> RawWaker {
    let word = word.addr() as u64;
    count(TaskWord(word), LiveWakers::cloned);
    raw_waker(word, &COUNTED)
}

fn wake_counted(word: *const ()) {
    wake(word);
    drop_counted(word);
}

fn drop_counted(word: *const ()) {
    count(TaskWord(word.addr() as u64), LiveWakers::dropped);
}

fn count(word: TaskWord, change: fn(&LiveWakers, u32)) {
    if let Some(lp) = slot::slot(word.loop_slot()) {
        change(lp.live_wakers.get(word.index()), word.generation());
    }
}

#[cfg(feature = "stacks")]
fn clone_capturing(word: *const ()) -> RawWaker {
    super::capture::record();
    // On another thread, which has no business with the loop, by what is right wherever it is kept.
    let own = current::get().filter(|lp| lp.slot == TaskWord(word.addr() as u64).loop_slot());
    match own {
        Some(lp) if ptr::eq(lp.wakers_by.get(), &raw const COUNTED) => clone_counted(word),
        _ => clone(word),
    }
}

/// A clone of a waker, to be kept in a wait entry.
#[inline]
pub(crate) fn kept(waker: &Waker) -> Waker {
    if ptr::eq(waker.vtable(), &raw const VTABLE) {
        // What the clone would be, without the call.
        return of(TaskWord(waker.data().addr() as u64), &VTABLE);
    }
    kept_of_another(waker)
}

#[inline(never)]
fn kept_of_another(waker: &Waker) -> Waker {
    // A capturing waker records when it is cloned.
    #[cfg(feature = "stacks")]
    if !is_ours(waker) {
        super::capture::record();
    }
    waker.clone()
}

/// Whether a waker is one of ours: waking it runs no foreign code.
#[inline]
pub(crate) fn is_ours(waker: &Waker) -> bool {
    let vtable = waker.vtable();
    #[cfg(feature = "stacks")]
    if ptr::eq(vtable, &raw const CAPTURING) {
        return true;
    }
    ptr::eq(vtable, &raw const VTABLE) || ptr::eq(vtable, &raw const COUNTED)
}
