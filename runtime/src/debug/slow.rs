//! Polls and callbacks that took too long, as they end.

use std::time::Duration;

use super::{Lint, Warning, report};
use crate::event_loop::slot::Loop;
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
}
