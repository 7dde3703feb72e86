//! The jobs that were made on one loop and are not over.
//!
//! A loop that ends waits for them, and a loop on a test's clock does not jump while there are any.

use std::sync::{Arc, Mutex, PoisonError};

use crate::event_loop::slot::Loop;

/// The count of one loop's life.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    count: Mutex<u64>,
}

impl Outstanding {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
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
        // A loop that only waits for its jobs looks again; another life in its slot looks once too often.
        if left == 0 && self.lp.remote.notify() {
            self.lp.ring();
        }
    }
}
