#![allow(unsafe_code, reason = "asks for the bounds of the thread's own stack")]
//! Whose stack may be asked for: the thread of a loop, from the loop's start to its end.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize};

use super::gate::{Gate, Held};
use crate::event_loop::slot;
use crate::telemetry::atomic::Relaxed;

/// Where a stack lies: `low` is its limit, `high` where it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) low: usize,
    pub(crate) high: usize,
}

/// The thread of one loop.
#[derive(Debug, Default)]
pub(crate) struct Target {
    gate: Gate,
    tid: AtomicI32,
    low: AtomicUsize,
    high: AtomicUsize,
}

thread_local! {
    static LAST: EndOfThread = const { EndOfThread };
}

/// Closes the gates of loops that the thread leaves behind, as a runner that was leaked does.
struct EndOfThread;

impl Drop for EndOfThread {
    fn drop(&mut self) {
        let tid = own_tid();
        slot::all().filter(|lp| lp.target.tid.load(Relaxed) == tid).for_each(|lp| lp.target.close());
    }
}

impl Target {
    /// Lets this thread be asked, as that of the loop that begins here.
    pub(crate) fn open(&self, life: u64) {
        let bounds = own_bounds().unwrap_or_default();
        self.tid.store(own_tid(), Relaxed);
        self.low.store(bounds.low, Relaxed);
        self.high.store(bounds.high, Relaxed);
        // A thread that is being taken apart has had its turn.
        let _ = LAST.try_with(|_| ());
        self.gate.open(life);
    }

    /// Nobody is asked for that loop any more.
    pub(crate) fn close(&self) {
        self.gate.close();
    }

    /// Keeps the thread from ending.
    pub(super) fn hold(&self, life: u64) -> Option<Held<'_>> {
        self.gate.hold(life)
    }

    pub(super) fn tid(&self) -> i32 {
        self.tid.load(Relaxed)
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { low: self.low.load(Relaxed), high: self.high.load(Relaxed) }
    }
}

pub(super) fn own_tid() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// The stack of this thread.
fn own_bounds() -> Option<Bounds> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::zeroed();
    // SAFETY: asks who this is.
    let own = unsafe { libc::pthread_self() };
    // SAFETY: this thread, and memory for the answer.
    if unsafe { libc::pthread_getattr_np(own, attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: filled by the call above.
    let mut attributes = unsafe { attributes.assume_init() };
    let (mut low, mut size) = (ptr::null_mut(), 0);
    // SAFETY: asks attributes that were filled above.
    let found =
        unsafe { libc::pthread_attr_getstack(&raw const attributes, &raw mut low, &raw mut size) } == 0;
    // SAFETY: filled above and not used afterwards.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    found.then_some(Bounds { low: low as usize, high: low as usize + size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_variable_lies_within_the_bounds() {
        let here = 0_u8;
        let address = ptr::from_ref(&here) as usize;
        let check = move |address: usize| {
            let bounds = own_bounds().unwrap();
            assert!((bounds.low..bounds.high).contains(&address), "{address:#x} in {bounds:x?}");
        };
        check(address);
        std::thread::spawn(move || {
            let here = 0_u8;
            check(ptr::from_ref(&here) as usize);
        })
        .join()
        .unwrap();
    }
}
