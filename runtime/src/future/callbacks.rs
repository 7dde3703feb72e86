//! What is called when a promise is settled.
//!
//! ```text
//!   kept in order ──settled──► handed to the loop, each as a callback of its own ──► called
//!        └──removed, or the loop ended──► dropped, not called
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};

use super::Settled;
use crate::callback;
use crate::context::{self, Values};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::telemetry::atomic::Relaxed;

type Function = Box<dyn FnOnce(Settled)>;

/// One that was registered.
struct Registered {
    function: Function,
    context: Option<Values>,
    place: &'static Location<'static>,
    lp: &'static Loop,
    life: u64,
}

impl Registered {
    /// Has the loop call it soon.
    fn hand_over(self, settled: Settled) {
        let Self { function, context, place, lp, life } = self;
        if lp.life.load(Relaxed) == life {
            callback::soon_in(lp, context, move || function(settled), place);
        }
    }
}

/// The callbacks of one promise.
#[derive(Default)]
pub(super) struct Callbacks {
    registered: RefCell<BTreeMap<u64, Registered>>,
    next: Cell<u64>,
}

impl Callbacks {
    /// Keeps a callback, or has it called soon if it is settled already.
    #[track_caller]
    pub(super) fn add(self: &Rc<Self>, settled: Option<Settled>, function: Function) -> DoneCallback {
        let lp = current::expect("on_done");
        let (context, place, life) = (context::capture(), Location::caller(), lp.life.load(Relaxed));
        let number = self.next.replace(self.next.get() + 1);
        let new = Registered { function, context, place, lp, life };
        match settled {
            Some(settled) => new.hand_over(settled),
            None => drop(self.registered.borrow_mut().insert(number, new)),
        }
        DoneCallback { callbacks: Rc::downgrade(self), number }
    }

    /// Hands all of them to the loop, in the order they came.
    pub(super) fn run(&self, settled: Settled) {
        // Taken out first: what is dropped on the way may come back here.
        for registered in self.registered.take().into_values() {
            registered.hand_over(settled);
        }
    }
}

/// A callback of a promise: to remove it. Dropping this leaves it in place.
#[doc(alias = "asyncio.Future.remove_done_callback")]
pub struct DoneCallback {
    callbacks: Weak<Callbacks>,
    number: u64,
}

impl DoneCallback {
    /// Sees to it that it is not called. Returns whether that was in time: once the promise is settled the loop has it.
    #[doc(alias = "asyncio.Future.remove_done_callback")]
    #[expect(clippy::must_use_candidate, reason = "most callers do not care")]
    pub fn remove(&self) -> bool {
        let Some(callbacks) = self.callbacks.upgrade() else { return false };
        let removed = callbacks.registered.borrow_mut().remove(&self.number);
        removed.is_some()
    }
}

impl fmt::Debug for DoneCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoneCallback").field("number", &self.number).finish_non_exhaustive()
    }
}
