//! What is asked of the process besides pictures, carried out by its client.

use super::order::{Order, Outcome};
use super::question::TASK_LOGS_MAX;
use loopscope_inspector::client::{Client, Error};
use loopscope_inspector::model::{LogLine, Logs};
use loopscope_inspector::wire::{LogsRequest, SetDebug, SetLogFilter};
use std::sync::Arc;

/// Lines that are read at first.
const TAIL: u64 = 1_000;

/// Has the process do something.
///
/// # Cancel safety
///
/// Dropping the future may come too late to keep it from happening.
pub(super) async fn carry_out(client: &mut Client, order: &Order) -> Result<Outcome, Error> {
    Ok(match order {
        Order::Stack => Outcome::Stacks(client.stack(&[]).await?),
        Order::Dump(id) => Outcome::Dump(Box::new(client.dump(&[*id]).await?)),
        Order::Debug(mode) => {
            let request = SetDebug { mode: *mode, ..SetDebug::default() };
            Outcome::Debug(client.set_debug(request).await?)
        }
        Order::LogFilter(filter) => {
            let request = SetLogFilter { filter: filter.clone(), ..SetLogFilter::default() };
            let (filter, undone) = client.set_log_filter(request).await?;
            Outcome::LogFilter(filter, undone)
        }
        Order::Cancel(id) => Outcome::Cancelled(client.cancel(&[*id]).await?),
    })
}

/// The log lines after this one; at first the latest.
///
/// # Cancel safety
///
/// Dropping the future gives the answer up; the client can go on.
pub(super) async fn logs(client: &mut Client, after: Option<u64>) -> Result<Logs, Error> {
    let tail = after.is_none().then_some(TAIL);
    read(client, LogsRequest { after, tail, ..LogsRequest::default() }).await
}

/// The latest log lines of a task; `None` where the application keeps none.
///
/// # Cancel safety
///
/// As [`logs`].
pub(super) async fn logs_of(client: &mut Client, task: u64) -> Option<Vec<Arc<LogLine>>> {
    let request = LogsRequest { task: Some(task), tail: Some(TASK_LOGS_MAX), ..LogsRequest::default() };
    // A connection that broke says so at the next picture.
    read(client, request).await.ok().map(|logs| logs.lines)
}

/// All portions of an answer as one.
async fn read(client: &mut Client, request: LogsRequest) -> Result<Logs, Error> {
    let mut stream = client.logs(request).await?;
    let mut all = Logs::default();
    while let Some(mut portion) = stream.next().await? {
        all.filter = all.filter.take().or(portion.filter);
        all.taken_at = all.taken_at.or(portion.taken_at);
        all.missed = all.missed.saturating_add(portion.missed);
        all.lines.append(&mut portion.lines);
    }
    Ok(all)
}
