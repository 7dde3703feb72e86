//! The table of what synchronises: locks, queues, channels, groups and their likes.

use super::context::{Context, LoopSeen};
use super::graph::Graph;
use super::tables::{resources, select};
use super::waiters::{self, Waiters};
use super::waits::{self, Names};
use super::{BadRequest, Found};
use crate::model::{ResourceKind, Sync};
use crate::wire::{Query, Row};
use loopscope::telemetry::ResourceView;

/// The rows that were asked for.
pub(super) fn sync(context: &Context, query: &Query) -> Result<Found, BadRequest> {
    let mut waiters = Waiters::read(context);
    let mut rows = resources(context, |lp, resource| row(context, lp, resource));
    let holders: Vec<u64> = rows.iter().filter_map(|row| row.holder).collect();
    let names = Names::read(context, &holders);
    let can_be_held = |row: &Sync| row.holder.is_some() || row.kind == ResourceKind::Group;
    let graph = rows.iter().any(can_be_held).then(|| Graph::read(context));
    for row in &mut rows {
        (row.waiters, row.waits) = waiters.take(context, row.id);
        row.holder_name = row.holder.and_then(|holder| names.get(holder));
        row.cycle = graph.as_ref().and_then(|graph| graph.in_cycle(row));
    }
    let mut found = select(rows, query, Some("id"), Row::Sync)?;
    waiters::name(context, &mut found.rows);
    found.dropped = waiters.left_out;
    Ok(found)
}

fn row(context: &Context, lp: &LoopSeen, resource: &ResourceView) -> Option<Sync> {
    if resource.io.is_some() {
        return None;
    }
    Some(Sync {
        pid: None,
        id: resource.id.0,
        loop_id: Some(lp.view.id),
        kind: waits::resource_kind(resource.kind),
        name: lp.name(resource.name),
        made_at: lp.place(resource.made_at),
        made_by: resource.made_by,
        holder: resource.holder,
        holder_name: None,
        held_for_ns: resource.held_since.map(|since| context.since(since)),
        held_at: lp.place(resource.held_at),
        waiters: Vec::new(),
        waits: Vec::new(),
        len: resource.len,
        limit: resource.limit,
        cycle: None,
    })
}
