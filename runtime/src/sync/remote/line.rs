//! Who waits for one primitive that crosses threads, as it is shown on each loop where somebody does.
//!
//! ```text
//!   nobody on this loop ──park──► record taken ──park──► one more seat ──last seat cleared──► record given back
//! ```
//!
//! # Invariants
//!
//! Records and entries are written on their loop's thread only: a seat that is cleared on another one posts that to the loop.
//! Every record of one primitive has the same number, on whichever loop it is.

use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use crate::event_loop::current;
use crate::event_loop::far_wait::FarWait;
use crate::event_loop::slot::{self, Loop};
use crate::sync::line::Waiting;
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::resource::Making;
use crate::telemetry::view::ResourceKind;
use crate::telemetry::waiter::RENEWED;

/// What one primitive is shown as.
#[derive(Debug)]
pub(super) struct FarLine {
    kind: ResourceKind,
    name: Option<Box<str>>,
    limit: Option<usize>,
    made_at: &'static Location<'static>,
    made_by: u64,
    id: OnceLock<u64>,
    shown: Mutex<Vec<Shown>>,
}

/// The record on one loop.
#[derive(Debug)]
struct Shown {
    lp: &'static Loop,
    life: u64,
    /// Its index plus one; 0 when the loop has no record left.
    record: u32,
    seats: usize,
}

impl Shown {
    fn is_of(&self, lp: &'static Loop, life: u64) -> bool {
        std::ptr::eq(self.lp, lp) && self.life == life
    }
}

impl FarLine {
    pub(super) fn new(
        kind: ResourceKind,
        name: Option<&str>,
        limit: Option<usize>,
        made_at: &'static Location<'static>,
    ) -> Arc<Self> {
        let made_by = current::get().map_or(0, Loop::running_id);
        let name = name.map(Into::into);
        Arc::new(Self { kind, name, limit, made_at, made_by, id: OnceLock::new(), shown: Mutex::default() })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn shown(&self) -> MutexGuard<'_, Vec<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more seat on the current loop.
    fn seat(this: &Arc<Self>, lp: &'static Loop) -> On {
        let life = lp.life.load(Relaxed);
        On { line: Arc::clone(this), lp, life, record: this.show(lp, life) }
    }

    /// The record for one more seat on the current loop: its index plus one, or 0.
    fn show(&self, lp: &'static Loop, life: u64) -> u32 {
        let mut shown = self.shown();
        // The records of loops that ended went with them.
        shown.retain(|shown| shown.lp.life.load(Relaxed) == shown.life);
        if let Some(shown) = shown.iter_mut().find(|shown| shown.is_of(lp, life)) {
            shown.seats += 1;
            return shown.record;
        }
        let making = Making {
            kind: self.kind,
            id: *self.id.get_or_init(slot::next_resource_id),
            name: self.name().map_or(0, |name| lp.names.word(name)),
            made_at: lp.places.word(self.made_at),
            made_by: self.made_by,
            fd: 0,
        };
        let record = lp.resources.alloc(&making).map_or(0, |index| {
            lp.resources.get(index).limited(self.limit);
            index + 1
        });
        shown.push(Shown { lp, life, record, seats: 1 });
        record
    }

    /// A seat on the current loop, in this or an earlier life of it, is no more.
    fn unshow(&self, lp: &'static Loop, life: u64) {
        if lp.life.load(Relaxed) != life {
            return; // the record went with that life
        }
        let mut shown = self.shown();
        let Some(at) = shown.iter().position(|shown| shown.is_of(lp, life)) else { return };
        shown[at].seats -= 1;
        if shown[at].seats > 0 {
            return;
        }
        if let Some(index) = shown.swap_remove(at).record.checked_sub(1) {
            lp.resources.free(index);
        }
    }
}

/// Where one waiter is shown, or nowhere.
#[derive(Debug)]
pub(super) struct FarSeat {
    wait: FarWait,
    on: Option<On>,
    /// Whether it waits; if not, it keeps what it has for the next time.
    parked: bool,
    renewed: bool,
}

#[derive(Debug)]
struct On {
    line: Arc<FarLine>,
    lp: &'static Loop,
    life: u64,
    record: u32,
}

impl FarSeat {
    pub(super) const fn new() -> Self {
        Self { wait: FarWait::new(), on: None, parked: false, renewed: false }
    }

    /// Shows that the running task waits, if a loop runs on this thread. `len` is how full the primitive is.
    ///
    /// # Panics
    ///
    /// When 16 million waits are pending in the loop.
    pub(super) fn park(&mut self, line: &Arc<FarLine>, waker: &Waker, waiting: &Waiting, len: Option<usize>) {
        let Some(lp) = current::get() else { return self.clear() };
        if !self.is_on(lp) {
            self.clear();
            self.on = Some(FarLine::seat(line, lp));
        } else if self.parked && self.renewed != waiting.renewed {
            self.wait.vacate(); // it was a stream's and is a future's now, or the other way round
        }
        let record = self.on.as_ref().map_or(0, |on| on.record);
        let mut parking = lp.parking(waiting.kind, record, waiting.at, waiting.made_at);
        if waiting.renewed {
            parking.flags = RENEWED;
            parking.payload |= lp.running_polls() << 32;
        }
        self.wait.park(lp, waker, &parking);
        (self.parked, self.renewed) = (true, waiting.renewed);
        if let Some(len) = len {
            self.filled(len);
        }
    }

    fn is_on(&self, lp: &'static Loop) -> bool {
        self.on.as_ref().is_some_and(|on| std::ptr::eq(on.lp, lp) && on.life == lp.life.load(Relaxed))
    }

    /// Writes how full the primitive is into the record, if it is this thread's.
    #[inline]
    pub(super) fn filled(&self, len: usize) {
        if let (Some(on), Some(lp)) = (&self.on, current::get())
            && let Some(index) = on.record.checked_sub(1)
            && self.is_on(lp)
        {
            lp.resources.get(index).filled(len);
        }
    }

    /// The wait is over; the next one may begin soon.
    #[inline]
    pub(super) fn vacate(&mut self) {
        if std::mem::take(&mut self.parked) {
            self.wait.vacate();
        }
    }

    /// Gives back the entry and the record, wherever this is called.
    pub(super) fn clear(&mut self) {
        self.parked = false;
        self.wait.clear();
        let Some(On { line, lp, life, record: _ }) = self.on.take() else { return };
        if current::get().is_some_and(|current| std::ptr::eq(current, lp)) {
            return line.unshow(lp, life);
        }
        // A loop that has ended gave back its records itself.
        drop(lp.post(life, Box::new(move || line.unshow(lp, life))));
    }
}

impl Drop for FarSeat {
    fn drop(&mut self) {
        self.clear();
    }
}
