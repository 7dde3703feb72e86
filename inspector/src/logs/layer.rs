//! The layer: takes each event that its filter lets through and keeps it.

use super::Logs;
use super::filter::ByTarget;
use super::line;
use crate::model::WallTime;
use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;
use tracing_core::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Filtered;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// The most spans that a line names: the outermost are left out.
const SPANS_MAX: usize = 16;

/// What the runtime and the inspector log for the application.
const OWN_TARGET: &str = "loopscope";

thread_local! {
    /// A line is being put into words on this thread.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Keeps events.
#[derive(Debug)]
pub(super) struct Keep {
    logs: &'static Logs,
    is_installed: bool,
}

impl Keep {
    /// The layer with its filter. The filter stands beside it, so that it is nobody else's.
    pub(super) fn filtered<S>(logs: &'static Logs) -> Filtered<Self, ByTarget, S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        logs.filter.set_base_if_none();
        Self { logs, is_installed: false }.with_filter(ByTarget(&logs.filter))
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        if self.is_installed {
            self.logs.layers.fetch_sub(1, Relaxed);
        }
    }
}

impl<S> Layer<S> for Keep
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_layer(&mut self, _: &mut S) {
        self.is_installed = true;
        self.logs.layers.fetch_add(1, Relaxed);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let here = loopscope::__private::here();
        if here.is_some_and(|here| here.hidden) && event.metadata().target() != OWN_TARGET {
            return;
        }
        // At the end of a thread its locals are gone, and with them the way to know; lines of that moment are lost.
        let Some(_busy) = Busy::begin() else { return self.logs.ring.lose() };
        let mut line = line::of_event(event);
        line.at = WallTime::from(SystemTime::now());
        if let Some(here) = here.filter(|here| !here.hidden) {
            line.loop_id = Some(here.loop_id);
            line.task = here.task.map(loopscope::TaskId::as_u64);
        }
        let spans = context.event_scope(event).into_iter().flatten().take(SPANS_MAX);
        line.spans = spans.map(|span: SpanRef<'_, S>| line::name(span.name())).collect();
        line.spans.reverse();
        self.logs.ring.push(line);
    }
}

/// Held while a line is put into words.
struct Busy;

impl Busy {
    /// `None` if this thread is at it already: an event inside of an event.
    fn begin() -> Option<Self> {
        let was_busy = IS_BUSY.try_with(|busy| busy.replace(true)).unwrap_or(true);
        (!was_busy).then_some(Self)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = IS_BUSY.try_with(|busy| busy.set(false));
    }
}

#[cfg(test)]
mod tests;
