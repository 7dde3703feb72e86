//! Whose panic it was, for whoever is told when nobody can receive it.

use std::panic::Location;

use crate::debug;
use crate::event_loop::current;
use crate::event_loop::handle::{Handle, LoopEnded};
use crate::runner::{Unhandled, UnhandledKind};
use crate::task::TaskId;
use crate::telemetry::view::{Place, TaskKind};

/// What a message says of a job, and the loop that is told.
pub(super) struct Report {
    id: TaskId,
    name: Option<Box<str>>,
    place: &'static Location<'static>,
    home: Option<Handle>,
}

impl Report {
    pub(super) fn new(id: TaskId, name: Option<&str>, place: &'static Location<'static>) -> Self {
        Self { id, name: name.map(Box::from), place, home: Handle::try_current() }
    }

    /// Tells the hook of the loop that made the job, on its own thread, or standard error where there is none.
    pub(super) fn tell(&self, kind: UnhandledKind) {
        let (file, line, column) = (self.place.file().to_owned(), self.place.line(), self.place.column());
        let place = Place { file, line, column };
        let name = self.name.as_deref().map(str::to_owned);
        let unhandled = Unhandled::of_task((self.id, TaskKind::Blocking), name, Some(place), kind);
        let told = Told(Some(unhandled));
        // A loop that has ended, or ends before it comes to this, drops it.
        let _: Option<Result<(), LoopEnded>> = self.home.as_ref().map(|home| home.post(move || told.tell()));
    }
}

/// Something to be told on a loop's thread, or else to standard error.
struct Told(Option<Unhandled>);

impl Told {
    fn tell(mut self) {
        if let (Some(lp), Some(unhandled)) = (current::get(), self.0.take()) {
            lp.tell(&unhandled);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(unhandled) = self.0.take() {
            debug::unhandled(None, &unhandled);
        }
    }
}
