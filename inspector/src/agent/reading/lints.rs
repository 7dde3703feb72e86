//! The warnings of a reading.

use super::context::Context;
use super::tables;
use super::tasks::{self, Walked};
use super::waits::{self, Waiting};
use super::{BadRequest, Found};
use crate::model::Warning;
use crate::model::lints::{self, Thresholds};
use crate::wire::{Query, Request, Row};

/// What is too long, as the request says.
pub(super) fn thresholds(request: &Request) -> Thresholds {
    request.slow_poll_ns.map_or_else(Thresholds::default, Thresholds::with_slow_poll)
}

/// The warnings that were asked for, and how many there are of all.
pub(super) fn warnings(
    context: &Context,
    request: &Request,
    query: &Query,
    walked: &Walked,
    waiting: &Waiting,
) -> Result<(Found, u64), BadRequest> {
    let thresholds = thresholds(request);
    let mut warnings: Vec<Warning> = (0..context.loops.len())
        .filter_map(|at| lints::blocked(&tables::bare_loop(context, at), thresholds))
        .collect();
    let cycles = waiting.graph.all_cycles();
    let mut named: Vec<u64> = cycles.iter().flat_map(|cycle| &cycle.tasks).copied().collect();
    named.extend(walked.slow.iter().map(|(_, slow)| slow.worst_task));
    let records = tasks::find(context, &named);
    let name = |id: u64| waits::name(context, records.get(&id)?);
    let site = |id: u64| {
        let record = records.get(&id)?;
        context.loops[record.lp].site_place(record.view.site)
    };
    warnings.extend(cycles.iter().filter_map(|cycle| lints::deadlock(cycle, name, site)));
    warnings.extend(walked.slow.iter().map(|&((lp, site), slow)| {
        lints::slow_poll(slow, name(slow.worst_task).as_deref(), context.loops[lp].site_place(site))
    }));
    lints::sort(&mut warnings);
    let all = warnings.len() as u64;
    Ok((tables::select(warnings, query, None, Row::Warning)?, all))
}
