//! One task with all there is to know, and the tasks that it waits for.

use super::context::{Context, LoopSeen};
use super::graph::Graph;
use super::ids::IdMap;
use super::tables;
use super::tasks::{self, Record};
use super::waits::Waiting;
use crate::model::Task;
use crate::wire::limits::{CHAIN_MAX, DETAIL_MAX};
use crate::wire::{Detail, Request, Row};
use loopscope::telemetry::HistogramKind;
use std::ops::ControlFlow;

/// The tasks that are shown beside those on a page.
#[derive(Debug, Default)]
pub(super) struct Extra {
    records: IdMap<Record>,
    chain: Vec<u64>,
    family: Option<Family>,
}

/// The tasks around the one that is shown in detail.
#[derive(Debug, Default)]
struct Family {
    task: u64,
    ancestors: Vec<u64>,
    children: Vec<u64>,
    children_more: u64,
    waiters: Vec<u64>,
    waiters_more: u64,
}

impl Extra {
    pub(super) fn read(context: &Context, request: &Request, graph: &Graph) -> Self {
        let chain = request.why.map(|task| graph.closure(task, CHAIN_MAX)).unwrap_or_default();
        let family = request.detail.map(|task| Family::read(context, task, graph));
        let mut extra = Self { records: IdMap::default(), chain, family };
        extra.records = tasks::find(context, &extra.ids().collect::<Vec<_>>());
        extra
    }

    /// All of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        let family = self.family.iter().flat_map(|family| {
            let around = family.ancestors.iter().chain(&family.children).chain(&family.waiters);
            around.chain(std::iter::once(&family.task))
        });
        self.chain.iter().chain(family).copied()
    }
}

impl Family {
    fn read(context: &Context, task: u64, graph: &Graph) -> Self {
        let mut family = Self { task, ..Self::default() };
        // 16 bytes a task, for as long as it takes to climb up.
        let mut parents = Vec::new();
        context.tasks(|_, view| {
            if let Some(parent) = view.parent {
                parents.push((view.id, parent));
            }
            if view.parent == Some(task) {
                if family.children.len() < DETAIL_MAX {
                    family.children.push(view.id);
                } else {
                    family.children_more += 1;
                }
            }
            ControlFlow::Continue(())
        });
        parents.sort_unstable();
        let parent = |id: u64| {
            let at = parents.binary_search_by_key(&id, |&(id, _)| id).ok()?;
            // A parent was there before its child; anything else would be a mistake to go round in.
            Some(parents[at].1).filter(|&parent| parent < id)
        };
        family.ancestors = std::iter::successors(parent(task), |&id| parent(id)).take(DETAIL_MAX).collect();
        family.children.sort_unstable();
        let mut waiters = graph.waiters(task);
        family.waiters = waiters.by_ref().take(DETAIL_MAX).collect();
        family.waiters_more = waiters.count() as u64;
        family
    }
}

/// The rows of the chain and the detail, if they were asked for.
pub(super) fn rows(context: &Context, waiting: &Waiting) -> Vec<Row> {
    let extra = &waiting.extra;
    // Without the task itself there is no chain.
    let chain = extra
        .chain
        .iter()
        .take_while(|_| extra.chain.first().is_some_and(|id| extra.records.contains_key(id)));
    let mut rows: Vec<Row> = tasks_of(context, waiting, chain).map(Row::Chain).collect();
    let detail = extra.family.as_ref().and_then(|family| detail(context, waiting, family));
    rows.extend(detail.map(|detail| Row::Detail(Box::new(detail))));
    rows
}

fn tasks_of<'a>(
    context: &'a Context,
    waiting: &'a Waiting,
    ids: impl IntoIterator<Item = &'a u64>,
) -> impl Iterator<Item = Task> {
    let records = ids.into_iter().filter_map(|id| waiting.extra.records.get(id));
    records.map(|record| waiting.task(context, record))
}

fn detail(context: &Context, waiting: &Waiting, family: &Family) -> Option<Detail> {
    let record = waiting.extra.records.get(&family.task)?;
    let lp: &LoopSeen = &context.loops[record.lp];
    let site = lp.site(record.view.site);
    let histogram = |kind| tables::hist(&lp.reader.histogram(kind, Some(record.view.site)));
    let (poll, scheduled) = (histogram(HistogramKind::Poll), histogram(HistogramKind::Scheduled));
    let mut row = site.and_then(|site| lp.site_row(&site));
    if let Some(row) = &mut row {
        row.poll = Some(poll.summary());
        row.scheduled = Some(scheduled.summary());
    }
    let (waits, waits_more) = waiting.waits_of(context, record, DETAIL_MAX);
    let created = lp.reader.creation_stack(record.view.id).unwrap_or_default();
    let created = created.into_iter().map(super::lints::frame).collect();
    let all = |ids: &[u64]| tasks_of(context, waiting, ids).collect();
    let children: Vec<Task> = all(&family.children);
    Some(Detail {
        task: waiting.task(context, record),
        waits,
        waits_more,
        poll: row.is_some().then_some(poll),
        scheduled: row.is_some().then_some(scheduled),
        site: row,
        children,
        children_more: family.children_more,
        ancestors: all(&family.ancestors),
        waiters: all(&family.waiters),
        waiters_more: family.waiters_more,
        created,
    })
}
