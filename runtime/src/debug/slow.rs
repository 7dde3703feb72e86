//! What took too long, as it ends: polls and callbacks, operations on descriptors, names of hosts.

use std::panic::Location;
use std::time::Duration;

use super::{Lint, Warning, report};
use crate::event_loop::slot::Loop;
use crate::telemetry::Place;
use crate::telemetry::view::TaskKind;

impl Loop {
    /// The poll of the task at `index` took `busy_ns`, which is too long.
    #[cold]
    #[inline(never)]
    pub(crate) fn slow_poll(&self, index: u32, busy_ns: u64) {
        let described = self.describe_task(index);
        let what = match described.kind {
            TaskKind::Callback => "a callback".to_owned(),
            _ => match &described.name {
                Some(name) => format!("a poll of {} {name}", described.id),
                None => format!("a poll of {}", described.id),
            },
        };
        let took = Duration::from_nanos(busy_ns);
        let mut message = format!("{what} took {took:.1?}");
        if let Some(place) = &described.spawned_at {
            message = format!("{message}, spawned at {}:{}", place.file, place.line);
        }
        report(&Warning {
            loop_id: Some(self.record.info().id),
            task: Some(described.id),
            task_name: described.name,
            at: described.spawned_at,
            duration: Some(took),
            ..Warning::new(Lint::SlowPoll, message)
        });
        // The time that telling takes is not the next task's.
        self.now.set(self.ticks.get().now());
    }

    /// An operation on a descriptor took `took`, within one poll: nothing else ran meanwhile.
    #[cold]
    #[inline(never)]
    pub(crate) fn slow_io(
        &self,
        fd: i32,
        operation: &str,
        made_at: &'static Location<'static>,
        took: Duration,
    ) {
        let task = crate::task::current();
        let by = task.map_or_else(|| "the loop's thread".to_owned(), |task| task.to_string());
        let place = place_of(made_at);
        let message = format!(
            "{operation} fd {fd} kept {by} and its loop waiting for {took:.1?}, made at {}:{}",
            place.file, place.line
        );
        report(&Warning {
            loop_id: Some(self.record.info().id),
            task,
            at: Some(place),
            duration: Some(took),
            ..Warning::new(Lint::SlowIo, message)
        });
    }

    /// The resolver took `took` for a name; only who asked for it waited.
    #[cold]
    #[inline(never)]
    pub(crate) fn slow_resolve(&self, name: &str, made_at: &'static Location<'static>, took: Duration) {
        report(&Warning {
            loop_id: Some(self.record.info().id),
            task: crate::task::current(),
            at: Some(place_of(made_at)),
            duration: Some(took),
            ..Warning::new(Lint::SlowResolve, format!("getting the addresses of {name} took {took:.1?}"))
        });
    }
}

fn place_of(at: &'static Location<'static>) -> Place {
    Place { file: at.file().to_owned(), line: at.line(), column: at.column() }
}
