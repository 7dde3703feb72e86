#![allow(unsafe_code, reason = "the thread's loop is a pointer to a slot that is never freed")]
//! Which loop runs on this thread.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{MutexGuard, Once};

use super::slot::{self, Loop};
use crate::context;
use crate::debug::{self, Ledger};
use crate::signal;
use crate::signal::disposition::{self, Dispositions};
use crate::telemetry::atomic::OneWriter as _;
use crate::telemetry::clock;

thread_local! {
    static CURRENT: Cell<*const Loop> = const { Cell::new(std::ptr::null()) };
    static FORKED: Cell<bool> = const { Cell::new(false) };
    static HELD: Cell<Option<ManuallyDrop<HeldForFork>>> = const { Cell::new(None) };
}

/// How often this process, or one before it, was the child of a fork.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// A number that is another one in the child of a fork. Locks that somebody else held at the fork stay locked there.
pub(crate) fn forks() -> u64 {
    watch_forks();
    FORKS.load(Relaxed)
}

/// The loop that runs on this thread now.
#[inline]
pub(crate) fn get() -> Option<&'static Loop> {
    // During the thread's destruction there is no loop either.
    let at = CURRENT.try_with(Cell::get).unwrap_or(std::ptr::null());
    // SAFETY: slots are never freed.
    unsafe { at.as_ref() }
}

/// The loop that runs on this thread now.
///
/// # Panics
///
/// Outside of one.
#[inline]
#[track_caller]
pub(crate) fn expect(what: &str) -> &'static Loop {
    match get() {
        Some(lp) => lp,
        None => missing(what),
    }
}

impl Loop {
    /// # Panics
    ///
    /// In the child of a fork, where this loop is a copy that must not touch the parent's descriptors.
    #[inline]
    #[track_caller]
    pub(crate) fn check_not_forked(&self) {
        assert!(
            !self.forked.get(),
            "this event loop belongs to the parent process: the child of a fork must exec, exit, or make a new loop"
        );
    }
}

#[cold]
#[track_caller]
fn missing(what: &str) -> ! {
    assert!(
        !FORKED.get(),
        "{what} in the child of a fork: the event loop stays with the parent; exec, exit, or make a new loop here"
    );
    panic!("{what} outside of an event loop: call it from a future under loopscope::run or Runner::block_on");
}

/// Makes a loop the thread's until the guard is dropped.
#[must_use]
#[derive(Debug)]
pub(crate) struct Entered {
    outer: *const Loop,
    /// A loop's tasks see their own task-locals, not those of whoever runs it.
    _without_context: context::Entered,
    /// Whether the loop before this one has hooks for its tasks.
    hooks: bool,
    _not_send: std::marker::PhantomData<*const ()>,
}

/// Enters a loop.
///
/// # Panics
///
/// When a loop already runs on this thread, or the loop is the parent's and this is the child of a fork.
#[track_caller]
pub(crate) fn enter(lp: &'static Loop) -> Entered {
    lp.check_not_forked();
    assert!(
        get().is_none(),
        "an event loop is already running on this thread: await the future instead, or run the second loop on a thread of \
         its own"
    );
    CURRENT.set(lp);
    lp.record.entered.put(1);
    FORKED.set(false);
    Entered {
        outer: std::ptr::null(),
        _without_context: context::enter(None),
        hooks: context::heed_hooks(lp.hooks.borrow().tasks.is_some()),
        _not_send: std::marker::PhantomData,
    }
}

/// Enters a loop to close it, unless another one runs on this thread: a runner dropped inside of a loop is closed all the
/// same, with its own loop as the current one meanwhile.
pub(crate) fn enter_to_close(lp: &'static Loop) -> Entered {
    let outer = CURRENT.replace(lp);
    lp.record.entered.put(1);
    Entered {
        outer,
        _without_context: context::enter(None),
        hooks: context::heed_hooks(lp.hooks.borrow().tasks.is_some()),
        _not_send: std::marker::PhantomData,
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(left) = get() {
            left.record.running.put(0);
            left.record.entered.put(0);
        }
        CURRENT.set(self.outer);
        context::heed_hooks(self.hooks);
    }
}

/// What must be whole in the child.
struct HeldForFork {
    slots: MutexGuard<'static, slot::Slots>,
    dispositions: MutexGuard<'static, Dispositions>,
    /// Only held; whoever has it takes no other lock.
    _ledger: MutexGuard<'static, Ledger>,
}

/// Sees to it that the child of a fork finds everything whole; from before the first loop is made.
pub(crate) fn watch_forks() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the handlers only touch thread-locals without destructors, atomics and locks of our own.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    });
}

/// Runs before every fork, on the thread that forks.
extern "C" fn before_fork() {
    // In this order everywhere; nobody takes the first while holding the second.
    let held = HeldForFork {
        slots: slot::lock_for_fork(),
        dispositions: disposition::lock(),
        _ledger: debug::ledger(),
    };
    HELD.set(Some(ManuallyDrop::new(held)));
}

/// Runs in the parent after every fork.
extern "C" fn in_parent() {
    drop(HELD.take().map(ManuallyDrop::into_inner));
}

/// Runs in the child of every fork, on its only thread.
extern "C" fn in_child() {
    if let Some(lp) = get() {
        // The next look comes after the poll under way.
        lp.look_at.set(0);
        CURRENT.set(std::ptr::null());
    }
    FORKED.set(true);
    FORKS.fetch_add(1, Relaxed);
    clock::mend_after_fork();
    let Some(mut held) = HELD.take().map(ManuallyDrop::into_inner) else { return };
    crate::blocking::pool::forget_all_after_fork();
    slot::forget_all_after_fork(&mut held.slots);
    signal::forget_after_fork();
    debug::stack::forget_after_fork();
    #[cfg(feature = "stacks")]
    debug::symbols::forget_after_fork();
    debug::watchdog::forget_after_fork();
    held.dispositions.forget_after_fork();
}
