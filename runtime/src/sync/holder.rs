//! Who has what only one can have: task, since when, taken where.
//!
//! Taking is plain stores; the words that a record needs are looked up when there is a record, that is when somebody waits.

use std::cell::Cell;
use std::panic::Location;

use crate::event_loop::slot::Loop;
use crate::task::control::TaskWord;
use crate::telemetry::resource::Resource;
use crate::telemetry::waiter::Waiter;

/// Where it was taken.
#[derive(Clone, Copy)]
enum Place {
    At(&'static Location<'static>),
    /// The place word of the loop it was handed over on.
    Word(u32),
}

/// The holder of a lock, or of a semaphore's only permit.
pub(super) struct Holder {
    /// The word of the task, 0 for none.
    task: Cell<u64>,
    /// Ticks.
    since: Cell<u64>,
    at: Cell<Place>,
}

impl Holder {
    pub(super) const fn nobody() -> Self {
        Self { task: Cell::new(0), since: Cell::new(0), at: Cell::new(Place::Word(0)) }
    }

    /// The running task takes it; outside of a loop nobody does.
    #[inline]
    pub(super) fn take(&self, lp: Option<&'static Loop>, at: &'static Location<'static>) {
        let (task, since) = lp.map_or((0, 0), |lp| (lp.running.get(), lp.now.get()));
        self.task.set(task);
        self.since.set(since);
        self.at.set(Place::At(at));
    }

    /// It passes to the task that waits in `entry`.
    pub(super) fn hand(&self, lp: &'static Loop, entry: &Waiter) {
        self.task.set(entry.task_word());
        self.since.set(lp.now.get());
        self.at.set(Place::Word(entry.at_word()));
    }

    /// Nobody has it, or it is not known who.
    #[inline]
    pub(super) fn clear(&self) {
        self.task.set(0);
    }

    /// Writes it into the record.
    pub(super) fn show(&self, lp: &'static Loop, record: &Resource) {
        let at = match self.at.get() {
            Place::At(at) => lp.places.word(at),
            Place::Word(word) => word,
        };
        record.held(self.id(lp), self.since.get(), at);
    }

    /// The holder's id: 0 when it is over, or a task of another loop.
    fn id(&self, lp: &Loop) -> u64 {
        let word = TaskWord(self.task.get());
        if word.0 == 0 || word.loop_slot() != lp.slot { 0 } else { lp.task_id(word).unwrap_or(0) }
    }
}
