//! One value between two threads, and the wakers of both sides, under one lock.
//!
//! ```text
//!   open ──put──► full ──take──► over
//!    │ └─leave (giver)──► empty for ever
//!    └───refuse (taker)──► putting gives the value back
//! ```
//!
//! Nothing that can panic or come back here runs under the lock, except for the clone of a waker; what is woken or dropped
//! is so afterwards.

use std::sync::PoisonError;
use std::task::{Poll, Waker};

use crate::telemetry::atomic::{Mutex, MutexGuard};

/// The place the value passes through.
pub(crate) struct Handover<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Option<T>,
    /// It put the value, or never will.
    giver_gone: bool,
    taker_gone: bool,
    /// Woken when the giver is gone.
    taker: Option<Waker>,
    /// Woken when the taker is gone.
    giver: Option<Waker>,
}

impl<T> Handover<T> {
    pub(crate) fn new() -> Self {
        let state = State { value: None, giver_gone: false, taker_gone: false, taker: None, giver: None };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the value, which comes back if nobody will take it. The giver is gone then.
    pub(crate) fn put(&self, value: T) -> Result<(), T> {
        let (taker, giver) = {
            let mut state = self.lock();
            if state.taker_gone {
                return Err(value);
            }
            state.value = Some(value);
            state.giver_gone = true;
            (state.taker.take(), state.giver.take())
        };
        drop(giver);
        wake(taker);
        Ok(())
    }

    /// The giver goes without a value, or after it put one.
    pub(crate) fn leave(&self) {
        let (taker, giver) = {
            let mut state = self.lock();
            state.giver_gone = true;
            (state.taker.take(), state.giver.take())
        };
        drop(giver);
        wake(taker);
    }

    /// Takes the value; `None` when there will never be one.
    pub(crate) fn poll_take(&self, waker: &Waker) -> Poll<Option<T>> {
        let old = {
            let mut state = self.lock();
            if state.giver_gone {
                return Poll::Ready(state.value.take());
            }
            renew(&mut state.taker, waker)
        };
        drop(old);
        Poll::Pending
    }

    /// Takes the value if it is there. The second says whether there can still be one.
    pub(crate) fn try_take(&self) -> (Option<T>, bool) {
        let mut state = self.lock();
        (state.value.take(), !state.giver_gone)
    }

    /// The taker is gone, or wants nothing any more. Returns the value that was put and not taken.
    pub(crate) fn refuse(&self) -> Option<T> {
        let (value, taker, giver) = {
            let mut state = self.lock();
            state.taker_gone = true;
            (state.value.take(), state.taker.take(), state.giver.take())
        };
        drop(taker);
        wake(giver);
        value
    }

    /// Whether the taker is gone.
    pub(crate) fn is_refused(&self) -> bool {
        self.lock().taker_gone
    }

    /// Waits until the taker is gone.
    pub(crate) fn poll_refused(&self, waker: &Waker) -> Poll<()> {
        let old = {
            let mut state = self.lock();
            if state.taker_gone {
                return Poll::Ready(());
            }
            renew(&mut state.giver, waker)
        };
        drop(old);
        Poll::Pending
    }

    /// The giver no longer waits for the taker to go.
    pub(crate) fn forget_giver(&self) {
        let waker = self.lock().giver.take();
        drop(waker);
    }
}

/// Keeps a waker. Returns the one before, which is dropped when nothing is locked.
fn renew(kept: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match kept {
        Some(kept) if kept.will_wake(waker) => None,
        kept => kept.replace(waker.clone()),
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::{Arc, Notify};
    use loom::thread;
    use std::task::Wake;

    /// A thread that sleeps until it is woken.
    struct Bell(Notify);

    impl Wake for Bell {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.notify();
        }
    }

    fn until<T>(mut poll: impl FnMut(&Waker) -> Poll<T>) -> T {
        let bell = std::sync::Arc::new(Bell(Notify::new()));
        let waker = Waker::from(std::sync::Arc::clone(&bell));
        loop {
            match poll(&waker) {
                Poll::Ready(output) => return output,
                Poll::Pending => bell.0.wait(),
            }
        }
    }

    fn taker_against(giver: impl Fn(&Handover<u32>) + Copy + Send + Sync + 'static, expected: Option<u32>) {
        loom::model(move || {
            let handover = Arc::new(Handover::new());
            let given = Arc::clone(&handover);
            let giving = thread::spawn(move || giver(&given));
            assert_eq!(until(|waker| handover.poll_take(waker)), expected);
            giving.join().unwrap();
        });
    }

    #[test]
    fn loom_a_taker_that_waits_gets_the_value() {
        taker_against(
            |handover| {
                assert_eq!(handover.put(7), Ok(()));
                handover.leave();
            },
            Some(7),
        );
    }

    #[test]
    fn loom_a_taker_that_waits_learns_that_there_will_be_no_value() {
        taker_against(Handover::leave, None);
    }

    #[test]
    fn loom_a_value_comes_back_or_is_dropped_by_the_taker_that_goes() {
        loom::model(|| {
            let handover = Arc::new(Handover::new());
            let given = Arc::clone(&handover);
            let giving = thread::spawn(move || given.put(7).err());
            let left = handover.refuse();
            let back = giving.join().unwrap();
            assert_eq!((left.or(back), left.is_some()), (Some(7), back.is_none()));
        });
    }

    #[test]
    fn loom_a_giver_that_waits_learns_that_the_taker_is_gone() {
        loom::model(|| {
            let handover = Arc::new(Handover::<u32>::new());
            let refused = Arc::clone(&handover);
            let refusing = thread::spawn(move || refused.refuse());
            until(|waker| handover.poll_refused(waker));
            assert_eq!(refusing.join().unwrap(), None);
        });
    }
}
