//! The application's log lines, sent to clients, and its filter, changed by them.
//!
//! Nobody is told of a new line, since that would cost the application: who follows a log makes the agent look a few times a
//! second.

use super::diagnosis::{bad, lacking, note};
use super::lease::Leased;
use super::peer::{Inlet, Outlet, Over, Visitor};
use super::service::{Inspector, Shared, check_protocol};
use crate::logs;
use crate::model::{LogLine, WallTime};
use crate::wire::{self, LogsRequest, proto};
use loopscope::time::Instant;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tonic::Status;

/// How often it is looked for new lines.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Who follows a log hears at least this often that the agent is there.
const PULSE: Duration = Duration::from_secs(1);

/// What clients changed of the filter.
#[derive(Debug, Default)]
pub(super) struct FilterChange(Leased<()>);

impl FilterChange {
    /// Undoes what a client changed for the time of its visit.
    pub(super) fn leave(&mut self, visitor: &Visitor) {
        if self.0.leave(visitor).is_some() {
            undo(&format_args!("{visitor} has left"));
        }
    }

    /// Undoes a change whose time is over; returns whether there is nothing left to look after.
    pub(super) fn look(&mut self) -> bool {
        if self.0.expire().is_some() {
            undo(&"its time is over");
        }
        self.0.own().is_none()
    }
}

fn undo(why: &dyn std::fmt::Display) {
    logs::reset_filter();
    note(&format!("the log filter is as it was before: {why}"));
}

/// Whether the application has the layer that keeps lines.
pub(super) fn is_kept() -> bool {
    logs::is_installed()
}

impl Inspector {
    /// Begins to send log lines.
    pub(super) fn send_logs(&self, request: proto::LogsRequest) -> Result<Inlet<proto::LogsPart>, Status> {
        check_protocol(request.protocol)?;
        let request = wire::decode_logs_request(request).map_err(|error| bad(&error))?;
        if !is_kept() {
            return Err(lacking(
                "show the application's log, which has no layer of loopscope_inspector::logs",
            ));
        }
        let (outlet, inlet) = self.peer.open()?;
        let shared = self.shared.clone();
        loopscope::spawn(send(shared, outlet, request)).detach();
        Ok(inlet)
    }

    /// Changes which events are kept.
    pub(super) fn change_log_filter(
        &self,
        request: proto::SetLogFilterRequest,
    ) -> Result<proto::SetLogFilterReply, Status> {
        check_protocol(request.protocol)?;
        let wish = wire::decode_set_log_filter(request).map_err(|error| bad(&error))?;
        if !is_kept() {
            return Err(lacking(
                "change the log filter of an application without the layer of loopscope_inspector::logs",
            ));
        }
        self.may_diagnose()?;
        let visitor = self.peer.visitor();
        let mut changes = self.shared.changes();
        if let Some(keeper) = changes.filter.0.keeper(visitor) {
            return Err(Status::resource_exhausted(format!(
                "the log filter is changed by {keeper}, and no other client can change it before that has left"
            )));
        }
        let undone_at_leave = if let Some(filter) = &wish.filter {
            logs::set_filter(filter).map_err(|error| Status::invalid_argument(error.to_string()))?;
            changes.filter.0.change(visitor, wish.lasts, || ());
            wish.lasts.is_none()
        } else {
            changes.filter.0.end();
            logs::reset_filter();
            false
        };
        drop(changes);
        self.shared.keep_changes();
        let filter = logs::filter();
        self.note(&format!("sets the log filter to {filter:?}"));
        Ok(proto::SetLogFilterReply { filter, undone_at_leave })
    }
}

async fn send(shared: Arc<Shared>, mut outlet: Outlet<proto::LogsPart>, request: LogsRequest) {
    let result = send_lines(&shared, &mut outlet, request).await;
    outlet.close(result).await;
}

async fn send_lines(
    shared: &Shared,
    outlet: &mut Outlet<proto::LogsPart>,
    request: LogsRequest,
) -> Result<(), Over> {
    let tail = request.tail.map_or(usize::MAX, |tail| usize::try_from(tail).unwrap_or(usize::MAX));
    let first = request.after.map_or(0, |after| after.saturating_add(1));
    let (mut from, mut gone) = (first, 0);
    let mut kept: VecDeque<Arc<LogLine>> = VecDeque::new();
    let lost = loop {
        let batch = logs::read(from, logs::READ_MAX);
        from = batch.next;
        gone += batch.missed;
        if batch.lines.is_empty() {
            break batch.lost;
        }
        kept.extend(batch.lines.into_iter().filter(|line| request.matches(line)));
        kept.drain(..kept.len().saturating_sub(tail));
    };
    let taken_at = WallTime::from(SystemTime::now());
    let process = shared.process.read();
    let ticks = shared.process.start_ticks();
    let header =
        wire::encode_logs_header(taken_at, process, ticks, logs::filter(), lost.saturating_add(gone));
    // Without a number to go on from, lines that made room long ago were not missed.
    let mut missed = request.after.map_or(0, |_| gone);
    for part in wire::encode_lines(Some(header), missed, kept.iter().map(|line| &**line)) {
        outlet.send(Ok(part)).await?;
    }
    if !request.follow {
        return Ok(());
    }
    let mut heard = Instant::now();
    missed = 0;
    loop {
        outlet.wait_until(Instant::now() + LOOK_EVERY).await?;
        let batch = logs::read(from, logs::READ_MAX);
        from = batch.next;
        missed += batch.missed;
        let lines: Vec<_> = batch.lines.into_iter().filter(|line| request.matches(line)).collect();
        if lines.is_empty() && missed == 0 && heard.elapsed() < PULSE {
            continue;
        }
        for part in wire::encode_lines(None, std::mem::take(&mut missed), lines.iter().map(|line| &**line)) {
            outlet.send(Ok(part)).await?;
        }
        heard = Instant::now();
    }
}
