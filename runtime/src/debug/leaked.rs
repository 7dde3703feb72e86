#![allow(unsafe_code, reason = "a pointer to what is never freed")]
//! What is made at its first use and lives as long as the process, so that the child of a fork can begin with another one: locks
//! that other threads held at the fork stay locked there.

use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// What `at` points to, made now if it points nowhere. Nothing but this and a null may be written to `at`.
pub(super) fn leaked<T: Sync>(at: &'static AtomicPtr<T>, new: impl FnOnce() -> &'static T) -> &'static T {
    // SAFETY: only ever null or leaked.
    if let Some(there) = unsafe { at.load(Acquire).as_ref() } {
        return there;
    }
    let made: &'static T = new();
    match at.compare_exchange(ptr::null_mut(), ptr::from_ref(made).cast_mut(), AcqRel, Acquire) {
        Ok(_) => made,
        // SAFETY: as above; ours, made at the same moment, is lost.
        Err(there) => unsafe { &*there },
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::debug::symbols;

    #[test]
    fn in_the_child_of_a_fork_names_are_found_though_another_thread_was_at_it() {
        crate::event_loop::current::watch_forks();
        let held = symbols::symbols();
        // SAFETY: the child allocates and reads files, and ends without a destructor.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: always sound; ends a child that hangs.
            unsafe { libc::alarm(300) };
            let named = symbols::symbols_at(0x10);
            // SAFETY: always sound.
            unsafe { libc::_exit(i32::from(named.len() != 1)) };
        }
        drop(held);
        let mut status = -1;
        // SAFETY: waits for the child made above.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((waited, status), (child, 0));
    }
}
