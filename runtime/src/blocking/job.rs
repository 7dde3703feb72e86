//! One job: its closure, then its result, and whoever waits for that.
//!
//! ```text
//!   Waiting(closure) ──run──► Running ──► Ran(result) ──publish──► Done(result) ──take──► Taken
//!         └──────────call_off──────────────────────────────────► Over(why)
//! ```
//!
//! Between `Ran` and `Done` the pool writes the job's record, so that whoever has the result finds the job ended there too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::outstanding::Ticket;
use super::report::Report;
use crate::runner::UnhandledKind;
use crate::task::cell::{Payload, drop_quietly, payload_text};

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalledOff {
    /// It was taken out of the queue.
    Cancelled,
    /// The queue was full.
    QueueFull,
    /// The OS refused the first thread.
    NoThread,
}

/// What came of a job.
pub(super) enum Outcome<T> {
    Returned(T),
    Panicked(Payload),
    CalledOff(CalledOff),
}

enum Stage<F, T> {
    Waiting(F),
    Running,
    Ran(Result<T, Payload>),
    Done(Result<T, Payload>),
    Over(CalledOff),
    Taken,
}

struct Inner<F, T> {
    stage: Stage<F, T>,
    waker: Option<Waker>,
    /// The handle is gone.
    detached: bool,
}

/// A job of one type.
pub(super) struct Job<F, T> {
    inner: Mutex<Inner<F, T>>,
    /// Counts for the loop until the job is over.
    ticket: Mutex<Option<Ticket>>,
    report: Report,
}

/// A job as the pool sees it.
pub(super) trait Run: Send + Sync {
    /// Runs the closure. Returns whether it panicked.
    fn run(&self) -> bool;
    /// Hands the result out, once the job's record says that it is over.
    fn publish(&self);
    /// Drops the closure, which does not run.
    fn call_off(&self, why: CalledOff);
}

/// A job as its handle sees it.
pub(super) trait Join<T>: Send + Sync {
    /// Takes the outcome, or leaves the waker.
    fn poll(&self, waker: &Waker) -> Poll<Outcome<T>>;
    /// Whether the outcome is there, or was taken.
    fn is_over(&self) -> bool;
    /// The handle is gone.
    fn detach(&self);
    /// The loop it was made on need not wait for it.
    fn excuse(&self);
}

impl<F, T> Job<F, T> {
    pub(super) fn new(closure: F, ticket: Option<Ticket>, report: Report) -> Self {
        let inner = Inner { stage: Stage::Waiting(closure), waker: None, detached: false };
        Self { inner: Mutex::new(inner), ticket: Mutex::new(ticket), report }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<F, T>> {
        // Nothing that can panic runs while it is held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the job for the loop it was made on; after its waker was woken, so that the loop does not miss that.
    fn settle(&self) {
        drop(self.ticket.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Nobody will take the result: reports a panic, drops a value.
    fn abandon(&self, result: Result<T, Payload>) {
        let (kind, payload) = match result {
            Err(payload) => (UnhandledKind::Panic(payload_text(&*payload)), payload),
            Ok(value) => match catch_unwind(AssertUnwindSafe(|| drop(value))) {
                Err(payload) => (UnhandledKind::PanicInDrop(payload_text(&*payload)), payload),
                Ok(()) => return,
            },
        };
        self.report.tell(kind);
        drop_quietly(payload);
    }
}

impl<F, T> Run for Job<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self) -> bool {
        let stage = std::mem::replace(&mut self.lock().stage, Stage::Running);
        let Stage::Waiting(closure) = stage else { return false };
        let result = catch_unwind(AssertUnwindSafe(closure));
        let panicked = result.is_err();
        self.lock().stage = Stage::Ran(result);
        panicked
    }

    fn publish(&self) {
        let (waker, nobodys) = {
            let mut inner = self.lock();
            let Stage::Ran(result) = std::mem::replace(&mut inner.stage, Stage::Taken) else { return };
            if inner.detached {
                (None, Some(result))
            } else {
                inner.stage = Stage::Done(result);
                (inner.waker.take(), None)
            }
        };
        if let Some(result) = nobodys {
            self.abandon(result);
        }
        wake(waker);
        self.settle();
    }

    fn call_off(&self, why: CalledOff) {
        let (stage, waker) = {
            let mut inner = self.lock();
            (std::mem::replace(&mut inner.stage, Stage::Over(why)), inner.waker.take())
        };
        // The closure may own anything.
        drop_quietly(stage);
        wake(waker);
        self.settle();
    }
}

impl<F, T> Join<T> for Job<F, T>
where
    F: Send,
    T: Send,
{
    fn poll(&self, waker: &Waker) -> Poll<Outcome<T>> {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.stage, Stage::Taken) {
            Stage::Done(Ok(value)) => Poll::Ready(Outcome::Returned(value)),
            Stage::Done(Err(payload)) => Poll::Ready(Outcome::Panicked(payload)),
            Stage::Over(why) => Poll::Ready(Outcome::CalledOff(why)),
            Stage::Taken => panic!("a job's handle was polled after it gave its result"),
            stage => {
                inner.stage = stage;
                let old = match &inner.waker {
                    Some(old) if old.will_wake(waker) => None,
                    // The clone and the drop of a foreign waker may run code, but none that comes back to this job.
                    _ => inner.waker.replace(waker.clone()),
                };
                drop(inner);
                drop(old);
                Poll::Pending
            }
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.lock().stage, Stage::Done(_) | Stage::Over(_) | Stage::Taken)
    }

    fn detach(&self) {
        let (stage, waker) = {
            let mut inner = self.lock();
            inner.detached = true;
            let stage = match &inner.stage {
                Stage::Done(_) => std::mem::replace(&mut inner.stage, Stage::Taken),
                _ => Stage::Taken,
            };
            (stage, inner.waker.take())
        };
        if let Stage::Done(result) = stage {
            self.abandon(result);
        }
        drop(waker);
    }

    fn excuse(&self) {
        self.settle();
    }
}

/// Wakes whoever waits; a waker of another library may panic, which must not take the pool's thread along.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker
        && let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake()))
    {
        drop_quietly(payload);
    }
}
