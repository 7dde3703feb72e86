//! The jobs that were made on one loop and are not over.
//!
//! A loop that ends waits for them, and a loop on a test's clock does not jump while there are any.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::event_loop::slot::Loop;

/// The count of one loop's life.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    count: Mutex<u64>,
    none_left: Condvar,
}

impl Outstanding {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there are none, or for `limit`. Returns how many are left.
    pub(crate) fn wait(&self, limit: Duration) -> u64 {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.none_left.wait_timeout_while(count, limit, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Counts for one job, until it is dropped.
pub(super) struct Ticket {
    of: Arc<Outstanding>,
    lp: &'static Loop,
}

impl Ticket {
    pub(super) fn new(lp: &'static Loop) -> Self {
        let of = Arc::clone(&lp.jobs.borrow());
        *of.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self { of, lp }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let left = {
            let mut count = self.of.count.lock().unwrap_or_else(PoisonError::into_inner);
            *count -= 1;
            *count
        };
        if left == 0 {
            self.of.none_left.notify_all();
            // A loop that only waits for its jobs looks again; another life in its slot looks once too often.
            if self.lp.remote.notify() {
                self.lp.ring();
            }
        }
    }
}
