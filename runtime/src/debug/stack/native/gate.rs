//! The word under which a loop's thread may be signalled: as long as it is held, the thread cannot end.
//!
//! ```text
//!            open(life)              hold(life)
//!   CLOSED ────────────► OPEN(life) ────────────► HELD(life)
//!     ▲                   │    ▲                    │
//!     └─────close─────────┘    └────────drop────────┘
//! ```
//!
//! A signal goes to a thread by its number, and the number of a thread that has ended may be another's. So whoever signals
//! holds the word from before he reads the number until the system call has returned, and a loop that ends takes the word
//! away first, waiting for that one system call if it must.

use crate::telemetry::atomic::{Acquire, AtomicU64, Relaxed, Release};

const CLOSED: u64 = 0;
const HELD: u64 = 1;

/// One loop's word.
#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { word: AtomicU64::new(CLOSED) }
    }
}

impl Gate {
    /// Lets the thread of the loop be signalled from now on. `life` is not 0.
    pub(crate) fn open(&self, life: u64) {
        // Pairs with the Acquire of `hold`: whoever holds it sees what was written of the thread before.
        self.word.store(life << 1, Release);
    }

    /// Keeps the thread from ending, unless that loop has ended. Those who signal do so one at a time.
    pub(crate) fn hold(&self, life: u64) -> Option<Held<'_>> {
        let held = self.word.compare_exchange(life << 1, life << 1 | HELD, Acquire, Relaxed);
        held.is_ok().then(|| Held { gate: self, life })
    }

    /// Nobody signals the thread when this returns, nor afterwards.
    pub(crate) fn close(&self) {
        loop {
            let word = self.word.load(Relaxed);
            if word == CLOSED {
                return;
            }
            // Pairs with the Release of the holder's drop: what he did with the thread is over.
            if word & HELD == 0 && self.word.compare_exchange(word, CLOSED, Acquire, Relaxed).is_ok() {
                return;
            }
            relax();
        }
    }
}

/// As long as this is there, the thread is.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    gate: &'a Gate,
    life: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gate.word.store(self.life << 1, Release);
    }
}

/// Waits for the end of a system call of another thread.
fn relax() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::thread::yield_now();
}

#[cfg(all(test, loom))]
mod loom_models {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    use super::Gate;

    /// The gate and whether the thread it guards is there: loom fails the model when the two sides touch that unordered.
    struct World {
        gate: Gate,
        thread_lives: UnsafeCell<bool>,
    }

    impl World {
        fn new() -> Arc<Self> {
            let gate = Gate::default();
            gate.open(1);
            Arc::new(Self { gate, thread_lives: UnsafeCell::new(true) })
        }

        fn signal(&self) {
            if let Some(held) = self.gate.hold(1) {
                assert!(self.thread_lives.with(|lives| {
                    // SAFETY: loom checks it.
                    #[expect(unsafe_code, reason = "loom's cell")]
                    unsafe {
                        *lives
                    }
                }));
                drop(held);
            }
        }

        fn end(&self) {
            self.gate.close();
            self.thread_lives.with_mut(|lives| {
                // SAFETY: loom checks it.
                #[expect(unsafe_code, reason = "loom's cell")]
                unsafe {
                    *lives = false;
                }
            });
        }
    }

    #[test]
    fn loom_a_thread_that_is_signalled_is_there_until_the_signal_is_sent() {
        loom::model(|| {
            let world = World::new();
            let signaller = Arc::clone(&world);
            let signalling = thread::spawn(move || signaller.signal());
            world.end();
            signalling.join().unwrap();
            assert!(world.gate.hold(1).is_none());
        });
    }

    #[test]
    fn loom_the_slots_next_loop_is_not_signalled_for_the_one_before() {
        loom::model(|| {
            let world = World::new();
            let late = Arc::clone(&world);
            let signalling = thread::spawn(move || late.signal());
            world.end();
            world.gate.open(2);
            signalling.join().unwrap();
            assert!(world.gate.hold(1).is_none());
            assert!(world.gate.hold(2).is_some());
        });
    }
}
