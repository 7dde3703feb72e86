//! Jobs on blocking threads, which the client knows as tasks of a kind of their own.

use super::facts::{TaskCounts, TaskFacts};
use crate::agent::reading::context::Context;
use crate::agent::reading::tasks;
use crate::model::{Place, TaskKind};
use loopscope::telemetry::{JobView, PoolReader};

/// Whether it belongs to a loop that is shown, or to none.
pub(super) fn is_shown(context: &Context, view: &JobView) -> bool {
    view.parent_loop.is_none_or(|id| context.loops.iter().any(|lp| lp.view.id == id))
}

/// A job, as it is introduced.
pub(super) fn facts(context: &Context, pool: PoolReader, view: &JobView) -> TaskFacts {
    let lp = view.parent_loop.and_then(|id| context.loops.iter().find(|lp| lp.view.id == id));
    let site = view.place.and_then(|place| pool.place(place));
    TaskFacts {
        id: view.id,
        name: view.name.and_then(|name| pool.text(name)),
        kind: TaskKind::Blocking,
        parent: view.parent,
        event_loop: lp.map_or_else(|| pool.name().to_owned(), |lp| lp.view.name.clone()),
        histograms: "of its pool",
        site: site.map(|site| Place { file: site.file, line: site.line, column: site.column }),
        size_bytes: None,
    }
}

/// The figures of a job: one poll from when a thread takes it to its end.
pub(super) fn counts(context: &Context, view: &JobView) -> TaskCounts {
    let started_at = view.started_at.or(view.ended_at);
    let since = view.ended_at.or(started_at).unwrap_or(view.queued_at);
    let ns = |from: loopscope::time::Instant, to: Option<loopscope::time::Instant>| {
        to.map_or(0, |to| to.as_nanos().saturating_sub(from.as_nanos()))
    };
    TaskCounts {
        state: tasks::state(view.state),
        state_since: context.wall(since),
        spawned_at: context.wall(view.queued_at),
        ended_at: view.ended_at.map(|at| context.wall(at)),
        polls: u64::from(view.started_at.is_some()),
        wakes: 0,
        self_wakes: 0,
        busy_ns: view.started_at.map_or(0, |started_at| ns(started_at, view.ended_at)),
        scheduled_ns: ns(view.queued_at, started_at),
    }
}
