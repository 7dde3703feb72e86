//! Sends the histograms of one task, once a second, for as long as the task is to be seen.

use super::valve::Valve;
use super::watch::{INTERVAL, pace};
use super::{convert, histogram, jobs};
use crate::agent::peer::{Outlet, Over};
use crate::agent::reading::context::Context;
use crate::agent::reading::tables;
use crate::agent::service::Shared;
use crate::wire::Request;
use console_api::tasks::TaskDetails;
use console_api::tasks::task_details::PollTimesHistogram;
use futures_channel::oneshot;
use loopscope::telemetry::{self, Histogram, HistogramKind, PoolHistogramKind};
use loopscope::time::Instant;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Sends what there is to be said of the task until the client leaves; `is_known` is told whether there is such a task.
pub(super) async fn details(
    shared: Arc<Shared>,
    valve: Arc<Valve>,
    task: u64,
    mut outlet: Outlet<TaskDetails>,
    is_known: oneshot::Sender<bool>,
) {
    // The first one comes at once, also to one that is paused: that is when people look closely.
    shared.rest().await;
    let first = read(&shared, task);
    // If nobody waits for the answer any more, sending will notice.
    let _ = is_known.send(first.is_some());
    let Some(first) = first else { return };
    let result = send_details(&shared, &valve, task, first, &mut outlet).await;
    outlet.close(result).await;
}

async fn send_details(
    shared: &Shared,
    valve: &Valve,
    task: u64,
    first: TaskDetails,
    outlet: &mut Outlet<TaskDetails>,
) -> Result<(), Over> {
    let mut bell = valve.bell();
    let mut next = Instant::now() + INTERVAL;
    outlet.send(Ok(first)).await?;
    loop {
        pace(shared, valve, &mut bell, outlet, next).await?;
        next = Instant::now() + INTERVAL;
        let Some(details) = read(shared, task) else { return Ok(()) };
        outlet.send(Ok(details)).await?;
    }
}

fn read(shared: &Shared, task: u64) -> Option<TaskDetails> {
    let begun = Instant::now();
    let details = look_up(task);
    shared.took(begun.elapsed());
    details
}

fn look_up(task: u64) -> Option<TaskDetails> {
    let context = Context::new(&Request::default());
    let (poll, scheduled) = of_spawn_place(&context, task).or_else(|| of_pool(&context, task))?;
    let encode = |histogram| histogram::encode(&tables::hist(&histogram));
    Some(TaskDetails {
        task_id: Some(console_api::Id { id: task }),
        now: Some(convert::timestamp(context.wall(Instant::now()))),
        poll_times_histogram: encode(poll).map(PollTimesHistogram::Histogram),
        scheduled_times_histogram: encode(scheduled),
    })
}

/// The two histograms of the place where the task was spawned.
fn of_spawn_place(context: &Context, task: u64) -> Option<(Histogram, Histogram)> {
    let mut found = None;
    context.tasks(|lp, view| {
        if view.id == task {
            found = Some((lp, view.site));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let (lp, site) = found?;
    let histogram = |kind| context.loops[lp].reader.histogram(kind, Some(site));
    Some((histogram(HistogramKind::Poll), histogram(HistogramKind::Scheduled)))
}

/// The two histograms of the pool that has the job.
fn of_pool(context: &Context, job: u64) -> Option<(Histogram, Histogram)> {
    let pool = telemetry::pools()
        .into_iter()
        .find(|pool| pool.job(job).is_some_and(|view| jobs::is_shown(context, &view)))?;
    Some((pool.histogram(PoolHistogramKind::Ran), pool.histogram(PoolHistogramKind::Waited)))
}
