//! What the two sides of a promise share.
//!
//! ```text
//!   Open ──settle──► Value ──take──► Taken
//!     │    ├───────► Failed ──take──► Taken
//!     │    │           └──share──► FailedForAll
//!     └────┴───────► Cancelled
//! ```
//!
//! # Invariants
//!
//! It is settled once. Whoever waits is notified then and the callbacks go to the loop; nobody waits afterwards. When nobody is
//! left who wants the value it is cancelled, and so is the task that would bring it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;

use super::Settled;
use super::callbacks::Callbacks;
use super::error::{By, Cancelled, Unfulfilled};
use crate::debug;
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::WaitQueue;
use crate::runner::{Unhandled, UnhandledKind};
use crate::sync::line::Line;
use crate::task::Task;
use crate::telemetry::view::ResourceKind;

/// The text of an error.
type Describe<E> = fn(&E) -> String;

enum Outcome<T, E> {
    Open,
    Value(T),
    Failed(E),
    /// Of which everybody gets a reference.
    FailedForAll(Rc<E>),
    Cancelled(By),
    Taken,
}

/// The shared half.
pub(super) struct State<T, E> {
    pub(super) line: Line,
    made_at: &'static Location<'static>,
    /// Those who wait for the value.
    pub(super) takers: WaitQueue,
    /// The promise, while it waits to be cancelled.
    pub(super) makers: WaitQueue,
    pub(super) callbacks: Rc<Callbacks>,
    outcome: RefCell<Outcome<T, E>>,
    settled: Cell<Option<Settled>>,
    /// How many there are who want the value.
    wanted: Cell<usize>,
    /// Whether somebody saw the error.
    retrieved: Cell<bool>,
    describe: Cell<Option<Describe<E>>>,
    /// The task that brings the value, to cancel it.
    supplier: Cell<Option<Task<()>>>,
}

impl<T, E> State<T, E> {
    pub(super) fn new(name: Option<&str>, made_at: &'static Location<'static>) -> Rc<Self> {
        let made_by = current::get().map_or(0, Loop::running_id);
        let mut line = Line::new(ResourceKind::Oneshot, made_at, made_by);
        if let Some(name) = name {
            line.set_name(name);
        }
        Rc::new(Self {
            line,
            made_at,
            takers: WaitQueue::new(),
            makers: WaitQueue::new(),
            callbacks: Rc::default(),
            outcome: RefCell::new(Outcome::Open),
            settled: Cell::new(None),
            wanted: Cell::new(1),
            retrieved: Cell::new(false),
            describe: Cell::new(None),
            supplier: Cell::new(None),
        })
    }

    pub(super) fn settled(&self) -> Option<Settled> {
        self.settled.get()
    }

    pub(super) fn set(&self, value: T) -> Result<(), T> {
        if self.settled.get().is_some() {
            return Err(value);
        }
        self.settle(Outcome::Value(value), Settled::Value);
        Ok(())
    }

    pub(super) fn fail(&self, error: E) -> Result<(), E>
    where
        E: fmt::Debug,
    {
        if self.settled.get().is_some() {
            return Err(error);
        }
        self.describe.set(Some(|error| format!("{error:?}")));
        self.settle(Outcome::Failed(error), Settled::Failed);
        Ok(())
    }

    /// The promise is gone.
    pub(super) fn abandon(&self) {
        if self.settled.get().is_none() {
            self.settle(Outcome::Cancelled(By::Maker), Settled::Cancelled);
        }
    }

    /// Whoever wants the value wants it no more. Returns whether that was in time.
    pub(super) fn cancel(&self) -> bool {
        if self.settled.get().is_some() {
            return false;
        }
        let supplier = self.supplier.take();
        self.settle(Outcome::Cancelled(By::Taker), Settled::Cancelled);
        if let Some(task) = supplier {
            task.request_cancel();
        }
        true
    }

    fn settle(&self, outcome: Outcome<T, E>, settled: Settled) {
        self.settled.set(Some(settled));
        let open = self.outcome.replace(outcome);
        drop(open);
        drop(self.supplier.take());
        if let Some(lp) = self.line.lp() {
            self.takers.notify_all(lp);
            self.makers.notify_all(lp);
        }
        self.callbacks.run(settled);
    }

    /// This task brings the value: it goes when nobody wants it.
    pub(super) fn supplied_by(&self, task: Task<()>) {
        if self.settled.get().is_some() {
            task.request_cancel();
        } else {
            self.supplier.set(Some(task));
        }
    }

    /// One more wants it.
    pub(super) fn want(&self) {
        self.wanted.set(self.wanted.get() + 1);
    }

    /// One less wants it. The last one cancels it, or leaves an error behind that nobody saw.
    pub(super) fn unwant(&self) {
        let left = self.wanted.get() - 1;
        self.wanted.set(left);
        if left == 0 && !self.cancel() && !self.retrieved.get() {
            self.report();
        }
    }

    /// Tells of an error that nobody asked for.
    #[cold]
    fn report(&self) {
        let text = match (&*self.outcome.borrow(), self.describe.get()) {
            (Outcome::Failed(error), Some(describe)) => catch_unwind(AssertUnwindSafe(|| describe(error)))
                .unwrap_or_else(|_| "an error whose Debug panics".to_owned()),
            _ => return,
        };
        let kind = UnhandledKind::NeverRetrieved(text);
        let unhandled = Unhandled::of_promise(self.line.name(), self.made_at, kind);
        debug::unhandled(current::get(), &unhandled);
    }

    fn cancelled(&self, by: By) -> Cancelled {
        Cancelled::new(self.line.name(), self.made_at, by)
    }

    /// Takes the outcome, for the only one who wants it; `None` while there is none.
    ///
    /// # Panics
    ///
    /// When it was taken before.
    #[track_caller]
    pub(super) fn take(&self) -> Option<Result<T, Unfulfilled<E>>> {
        self.settled.get()?;
        match self.outcome.replace(Outcome::Taken) {
            Outcome::Value(value) => Some(Ok(value)),
            Outcome::Failed(error) => {
                self.retrieved.set(true);
                Some(Err(Unfulfilled::Failed(error)))
            }
            Outcome::Cancelled(by) => Some(Err(Unfulfilled::Cancelled(self.cancelled(by)))),
            Outcome::Open | Outcome::FailedForAll(_) | Outcome::Taken => {
                panic!("a promised value was asked for after it was given")
            }
        }
    }

    /// A copy of the outcome, for one of many; `None` while there is none.
    #[track_caller]
    pub(super) fn copy(&self) -> Option<Result<T, Unfulfilled<Rc<E>>>>
    where
        T: Clone,
    {
        self.settled.get()?;
        self.retrieved.set(true);
        let mut outcome = self.outcome.borrow_mut();
        if let Outcome::Failed(_) = &*outcome
            && let Outcome::Failed(error) = std::mem::replace(&mut *outcome, Outcome::Taken)
        {
            *outcome = Outcome::FailedForAll(Rc::new(error));
        }
        drop(outcome);
        Some(match &*self.outcome.borrow() {
            Outcome::Value(value) => Ok(value.clone()),
            Outcome::FailedForAll(error) => Err(Unfulfilled::Failed(Rc::clone(error))),
            Outcome::Cancelled(by) => Err(Unfulfilled::Cancelled(self.cancelled(*by))),
            Outcome::Open | Outcome::Failed(_) | Outcome::Taken => {
                panic!("a promised value was asked for after it was given")
            }
        })
    }

    /// Whether the only one who wants it has it already.
    pub(super) fn is_taken(&self) -> bool {
        matches!(&*self.outcome.borrow(), Outcome::Taken)
    }
}

impl<T, E> fmt::Debug for State<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut state = f.debug_struct("State");
        if let Some(name) = self.line.name() {
            state.field("name", &name);
        }
        state.field("settled", &self.settled.get()).finish_non_exhaustive()
    }
}
