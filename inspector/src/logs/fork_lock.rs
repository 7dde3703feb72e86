//! A lock that is still usable in the child of a fork, where whoever held it does not exist.
//!
//! ```text
//!   forks as when last taken? ── yes ─► an ordinary lock
//!            │ no: this is the child of a fork
//!            ├─ free, or soon free ─► taken, its value made anew
//!            └─ not free ───────────► held by a thread of the parent, for ever: lost in this process
//! ```

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// How often the child of a fork tries before it takes the lock for lost. Nobody holds it for longer than some microseconds.
const TRIES: u32 = 1_000;

/// In [`ForkLock::forks`]: the lock was held at the fork by a thread that the child does not have.
const LOST: u64 = 1 << 63;

/// A lock that nobody holds for long, and the forks behind it.
#[derive(Debug)]
pub(super) struct ForkLock<T> {
    value: Mutex<T>,
    /// Plus one, so that 0 is "never taken".
    forks: AtomicU64,
}

impl<T> ForkLock<T> {
    pub(super) const fn new(value: T) -> Self {
        Self { value: Mutex::new(value), forks: AtomicU64::new(0) }
    }

    /// Takes it; in the child of a fork `renew` is called the first time. `None` if it is lost.
    pub(super) fn lock(&self, renew: impl FnOnce(&mut T)) -> Option<MutexGuard<'_, T>> {
        self.lock_at(loopscope::__private::forks(), renew)
    }

    fn lock_at(&self, forks: u64, renew: impl FnOnce(&mut T)) -> Option<MutexGuard<'_, T>> {
        let known = self.forks.load(Relaxed);
        if known == forks + 1 {
            return Some(self.value.lock().unwrap_or_else(PoisonError::into_inner));
        }
        if known == (forks + 1) | LOST {
            return None;
        }
        for _ in 0..TRIES {
            let mut value = match self.value.try_lock() {
                Ok(value) => value,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
            };
            // Another thread may have been faster, and then its value stays.
            let known = self.forks.load(Relaxed);
            if known != 0 && known & !LOST != forks + 1 {
                renew(&mut value);
            }
            self.forks.store(forks + 1, Relaxed);
            return Some(value);
        }
        // Unless another thread has taken it meanwhile, so that it cannot be lost.
        let lost = self.forks.compare_exchange(known, (forks + 1) | LOST, Relaxed, Relaxed).is_ok();
        if lost { None } else { self.lock_at(forks, renew) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(lock: &ForkLock<Vec<u32>>, forks: u64) -> Option<Vec<u32>> {
        lock.lock_at(forks, Vec::clear).map(|value| value.clone())
    }

    #[test]
    fn a_child_begins_anew_and_goes_on_with_its_own() {
        let lock = ForkLock::new(vec![]);
        lock.lock_at(0, Vec::clear).unwrap().push(1);
        assert_eq!(take(&lock, 0), Some(vec![1]));
        assert_eq!(take(&lock, 1), Some(vec![]));
        lock.lock_at(1, Vec::clear).unwrap().push(2);
        assert_eq!(take(&lock, 1), Some(vec![2]));
    }

    #[test]
    fn what_was_made_before_the_first_use_is_not_made_anew() {
        assert_eq!(take(&ForkLock::new(vec![7]), 3), Some(vec![7]));
    }

    #[test]
    fn a_lock_that_was_held_at_the_fork_is_lost_in_the_child_and_not_waited_for() {
        let lock = ForkLock::new(vec![]);
        let held = lock.lock_at(0, Vec::clear).unwrap();
        assert_eq!(take(&lock, 1), None);
        drop(held);
        assert_eq!(take(&lock, 1), None, "what is lost stays lost, so that nobody tries in vain for ever");
        assert_eq!(take(&lock, 2), Some(vec![]), "unless that child forks again and finds it free");
    }
}
