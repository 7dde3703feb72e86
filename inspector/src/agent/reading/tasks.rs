//! The walk over the tasks: what is counted, and which rows are kept.

use super::context::Context;
use super::ids::{IdMap, IdSet};
use super::tree_page;
use super::waits::{AllWaits, Waiting};
use super::{BadRequest, graph::Graph};
use crate::model::lints::{Slow, SlowPolls};
use crate::model::query::{Column, Filter, Row as _, Sort, TaskColumn, Top, Value};
use crate::model::{Task, TaskKind, TaskState};
use crate::wire::limits::ROWS_MAX;
use crate::wire::{Query, Request, Row, States, Table, TableInfo};
use loopscope::telemetry::{self, SiteIndex, TaskView};
use loopscope::time::Instant;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Rows that are kept at most, at some 200 bytes each, while a page is looked for.
pub(super) const KEPT_MAX: u64 = 200_000;

/// Room for more rows of a deep page is not taken on trust: 24 bytes each.
const ROOM_MAX: u64 = 1 << 21;

/// A task's record and the place of its loop among those of the reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) lp: usize,
    pub(super) view: TaskView,
    /// Of a task that is running or scheduled: for how long, when it was read. A moment later it may be something else.
    awake_ns: u64,
}

impl Record {
    pub(super) fn new(lp: usize, view: &TaskView) -> Self {
        let is_awake = matches!(view.state, telemetry::TaskState::Running | telemetry::TaskState::Scheduled);
        let awake_ns =
            if is_awake { Instant::now().as_nanos().saturating_sub(view.state_since.as_nanos()) } else { 0 };
        Self { lp, view: *view, awake_ns }
    }
}

/// A page of the table of tasks or of the tree.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) info: TableInfo,
    pub(super) rows: VecDeque<PageRow>,
}

/// A row that is made when it is sent.
#[derive(Debug)]
pub(super) struct PageRow {
    pub(super) record: Record,
    /// Where it stands in the tree.
    pub(super) node: Option<crate::model::tree::Row>,
}

impl Page {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn next_row(&mut self, context: &Context, waiting: &Waiting) -> Option<Row> {
        let PageRow { record, node } = self.rows.pop_front()?;
        let task = waiting.task(context, &record);
        Some(match node {
            None => Row::Task(task),
            Some(node) => Row::Tree(crate::model::TreeNode {
                depth: node.depth,
                children: u64::from(node.children),
                descendants: u64::from(node.descendants),
                last: node.last,
                task,
            }),
        })
    }
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) states: States,
    pub(super) flat: Option<Page>,
    pub(super) tree: Option<Page>,
    /// The slow polls of each site of each loop.
    pub(super) slow: Vec<((usize, SiteIndex), Slow)>,
}

/// Walks as often as it takes.
pub(super) fn walk(context: &Context, request: &Request) -> Result<Walked, BadRequest> {
    let mut walked = Walked::default();
    if let Some(query) = &request.tasks {
        walked.flat = Some(flat(context, query)?);
    }
    if let Some(tree) = &request.tree {
        walked.tree = Some(tree_page::page(context, tree)?);
    }
    if request.states || request.warnings.is_some() {
        count(context, request, &mut walked);
    }
    Ok(walked)
}

fn count(context: &Context, request: &Request, walked: &mut Walked) {
    let mut slow = SlowPolls::new(super::lints::thresholds(request));
    let states = &mut walked.states;
    context.tasks(|lp, view| {
        let counter = match state(view.state) {
            TaskState::Idle => &mut states.idle,
            TaskState::Scheduled => &mut states.scheduled,
            TaskState::Running => &mut states.running,
            TaskState::Completed => &mut states.completed,
            TaskState::Cancelled => &mut states.cancelled,
            TaskState::Panicked => &mut states.panicked,
        };
        *counter += 1;
        slow.offer(Some((lp, view.site)), view.id, longest_poll_ns(&Record::new(lp, view)));
        ControlFlow::Continue(())
    });
    walked.slow = slow.into_sites().filter_map(|(site, slow)| Some((site?, slow))).collect();
}

fn flat(context: &Context, query: &Query) -> Result<Page, BadRequest> {
    let filter = Filter::parse::<Task>(&query.filter)?;
    let sort = match query.sort.as_str() {
        // Their slots are in no order that means anything.
        "" => Sort::parse::<Task>("id")?,
        sort => Sort::parse::<Task>(sort)?,
    };
    let mut lookup = Lookup::new(context);
    let limit = query.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let found = around(&mut lookup, query, &filter, sort, limit);
    let offset = found.unwrap_or(query.offset);
    let kept = offset.saturating_add(limit);
    let (records, total) = if limit > 0 && kept > KEPT_MAX {
        deep(&mut lookup, &filter, sort, offset, limit)?
    } else {
        shallow(&mut lookup, &filter, sort, offset, limit)
    };
    let rows: VecDeque<PageRow> = records.into_iter().map(|record| PageRow { record, node: None }).collect();
    let info = TableInfo { table: Table::Tasks, total, shown: rows.len() as u64, dropped: 0, offset };
    Ok(Page { info, rows })
}

/// A page near the beginning: the rows up to its end are kept whole. Returns the page, and how many rows there are.
pub(super) fn shallow(
    lookup: &mut Lookup<'_>,
    filter: &Filter,
    sort: Sort,
    offset: u64,
    limit: u64,
) -> (Vec<Record>, u64) {
    let kept =
        if limit == 0 { 0 } else { usize::try_from(offset.saturating_add(limit)).unwrap_or(usize::MAX) };
    let top = lookup.until_complete(|lookup| {
        let mut top = Top::new(Some(sort), kept);
        lookup.context.tasks(|lp, view| {
            let record = Record::new(lp, view);
            let seen = Seen { record: &record, lookup };
            if filter.matches(&seen) {
                top.offer(&seen, || record);
            }
            lookup.go_on()
        });
        top
    });
    let total = top.total();
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    (top.into_rows().into_iter().skip(skip).collect(), total)
}

/// A page far from the beginning: of each row only the number that is sorted by and the id are kept, 24 bytes.
///
/// Rows that are equal are in the order of the walk, as they are on pages that are not deep.
pub(super) fn deep(
    lookup: &mut Lookup<'_>,
    filter: &Filter,
    sort: Sort,
    offset: u64,
    limit: u64,
) -> Result<(Vec<Record>, u64), BadRequest> {
    let live: u64 = lookup.context.loops.iter().map(|lp| lp.view.tasks).sum();
    let capacity = usize::try_from(live.min(ROOM_MAX)).unwrap_or(0);
    let keys = lookup.until_complete(|lookup| {
        let mut keys: Option<Vec<(u64, u32, u64)>> = Some(Vec::with_capacity(capacity));
        lookup.context.tasks(|lp, view| {
            let record = Record::new(lp, view);
            let seen = Seen { record: &record, lookup };
            if filter.matches(&seen) {
                let Some(all) = keys.as_mut() else { return ControlFlow::Break(()) };
                let at = u32::try_from(all.len()).unwrap_or(u32::MAX);
                match seen.value(sort.column()) {
                    Value::Number(number) if sort.is_descending() => all.push((!number, at, view.id)),
                    Value::Number(number) => all.push((number, at, view.id)),
                    Value::Absent => all.push((u64::MAX, at, view.id)),
                    // Texts would take too much.
                    _ => keys = None,
                }
            }
            lookup.go_on()
        });
        keys
    });
    let mut keys = keys.ok_or(BadRequest::TooDeep)?;
    let total = keys.len() as u64;
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(keys.len());
    let count = usize::try_from(limit).unwrap_or(usize::MAX).min(keys.len() - from);
    if count == 0 {
        return Ok((Vec::new(), total));
    }
    let page = if from > 0 { keys.select_nth_unstable(from - 1).2 } else { &mut keys[..] };
    if count < page.len() {
        page.select_nth_unstable(count);
    }
    let page = &mut page[..count];
    page.sort_unstable();
    let ids: Vec<u64> = page.iter().map(|&(_, _, id)| id).collect();
    drop(keys);
    let records = find(lookup.context, &ids);
    Ok((ids.iter().filter_map(|id| records.get(id).copied()).collect(), total))
}

/// The offset of the page that holds the task that was asked for, if the filter lets it through.
fn around(lookup: &mut Lookup<'_>, query: &Query, filter: &Filter, sort: Sort, limit: u64) -> Option<u64> {
    let wanted = query.around.filter(|_| limit > 0)?;
    let record = find(lookup.context, &[wanted]).remove(&wanted)?;
    let before = lookup.until_complete(|lookup| {
        let target = Seen { record: &record, lookup };
        if !filter.matches(&target) {
            return None;
        }
        let mut before = 0;
        let mut is_past = false;
        lookup.context.tasks(|lp, view| {
            if view.id == wanted {
                is_past = true;
                return lookup.go_on();
            }
            let other = Record::new(lp, view);
            let other = Seen { record: &other, lookup };
            let order = sort.compare(&other, &target);
            // Equal ones stay in the order they come in.
            let is_before = order.is_lt() || order.is_eq() && !is_past;
            before += u64::from(is_before && filter.matches(&other));
            lookup.go_on()
        });
        Some(before)
    })?;
    Some(before / limit * limit)
}

/// The records of some tasks, by id.
pub(super) fn find(context: &Context, ids: &[u64]) -> IdMap<Record> {
    let mut left: IdSet = ids.iter().copied().collect();
    let mut found = IdMap::default();
    if left.is_empty() {
        return found;
    }
    context.tasks(|lp, view| {
        if left.remove(&view.id) {
            found.insert(view.id, Record::new(lp, view));
        }
        if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

/// What filters look at beside the records. What is costly is read when a filter first asks for it.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    pub(super) context: &'a Context,
    graph: OnceCell<Graph>,
    waits: OnceCell<AllWaits>,
    wants_graph: Cell<bool>,
    wants_waits: Cell<bool>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self {
            context,
            graph: OnceCell::new(),
            waits: OnceCell::new(),
            wants_graph: Cell::new(false),
            wants_waits: Cell::new(false),
        }
    }

    /// Runs a walk, and once more if it asked for something that was not there; the first one then ends early.
    pub(super) fn until_complete<T>(&mut self, mut walk: impl FnMut(&Self) -> T) -> T {
        loop {
            let result = walk(self);
            if self.is_complete() {
                return result;
            }
            if self.wants_graph.replace(false) {
                self.graph.get_or_init(|| Graph::read(self.context));
            }
            if self.wants_waits.replace(false) {
                self.waits.get_or_init(|| AllWaits::read(self.context));
            }
        }
    }

    fn blocks(&self, task: u64) -> Value<'_> {
        let Some(graph) = self.graph.get() else {
            self.wants_graph.set(true);
            return Value::Absent;
        };
        Value::maybe(graph.blocks(task))
    }

    fn waiting_on(&self, record: &Record) -> Value<'_> {
        let Some(waits) = self.waits.get() else {
            self.wants_waits.set(true);
            return Value::Absent;
        };
        let words = waits.words(self.context, record);
        Value::Many(words.into_iter().map(|words| Value::Text(Cow::Owned(words))).collect())
    }

    fn is_complete(&self) -> bool {
        !self.wants_graph.get() && !self.wants_waits.get()
    }

    /// Whether the walk is still worth going on with.
    pub(super) fn go_on(&self) -> ControlFlow<()> {
        if self.is_complete() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// A record as filters see it.
pub(super) struct Seen<'a> {
    pub(super) record: &'a Record,
    pub(super) lookup: &'a Lookup<'a>,
}

impl crate::model::query::Row for Seen<'_> {
    const COLUMNS: &'static [Column] = TaskColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        let context = self.lookup.context;
        let (lp, view) = (&context.loops[self.record.lp], &self.record.view);
        match TaskColumn::ALL[column] {
            TaskColumn::Id => Value::Number(view.id),
            TaskColumn::Name => {
                lp.name(view.name).map_or(Value::Absent, |name| Value::Text(Cow::Owned(name)))
            }
            TaskColumn::Kind => Value::text(kind(view.kind).as_str()),
            TaskColumn::Parent => Value::maybe(view.parent),
            TaskColumn::Loop => Value::Number(lp.view.id),
            TaskColumn::State => Value::text(state(view.state).as_str()),
            TaskColumn::StateFor => Value::Number(state_for_ns(context, self.record)),
            TaskColumn::Site => {
                let site = lp.site_place(view.site);
                site.map_or(Value::Absent, |site| Value::Text(Cow::Owned(site.to_string())))
            }
            TaskColumn::SpawnedAt => Value::Number(context.wall(view.spawned_at).0),
            TaskColumn::EndedAt => Value::maybe(view.ended_at.map(|at| context.wall(at).0)),
            TaskColumn::Polls => Value::Number(view.polls),
            TaskColumn::Wakes => Value::Number(view.wakes),
            TaskColumn::SelfWakes => Value::Number(view.self_wakes),
            TaskColumn::Wakers => Value::maybe(view.wakers),
            // Found for single tasks only.
            TaskColumn::Warnings => Value::Absent,
            TaskColumn::Busy => Value::Number(busy_ns(self.record)),
            TaskColumn::Scheduled => Value::Number(scheduled_ns(self.record)),
            TaskColumn::Idle => Value::Number(idle_ns(context, self.record)),
            TaskColumn::LongestPoll => Value::Number(longest_poll_ns(self.record)),
            TaskColumn::SizeBytes => Value::Number(u64::from(view.size_bytes)),
            TaskColumn::Blocks => self.lookup.blocks(view.id),
            TaskColumn::WaitingOn => self.lookup.waiting_on(self.record),
        }
    }
}

/// The poll under way.
fn running_ns(record: &Record) -> u64 {
    if record.view.state == telemetry::TaskState::Running { record.awake_ns } else { 0 }
}

fn busy_ns(record: &Record) -> u64 {
    record.view.busy_ns.saturating_add(running_ns(record))
}

fn scheduled_ns(record: &Record) -> u64 {
    let now = if record.view.state == telemetry::TaskState::Scheduled { record.awake_ns } else { 0 };
    record.view.scheduled_ns.saturating_add(now)
}

fn longest_poll_ns(record: &Record) -> u64 {
    record.view.longest_poll_ns.max(running_ns(record))
}

fn idle_ns(context: &Context, record: &Record) -> u64 {
    let end = record.view.ended_at.unwrap_or(context.now());
    let life = end.as_nanos().saturating_sub(record.view.spawned_at.as_nanos());
    life.saturating_sub(busy_ns(record)).saturating_sub(scheduled_ns(record))
}

fn state_for_ns(context: &Context, record: &Record) -> u64 {
    match record.view.state {
        telemetry::TaskState::Running | telemetry::TaskState::Scheduled => record.awake_ns,
        _ => context.since(record.view.state_since),
    }
}

/// A task's row, but for its waits and what follows from them.
pub(super) fn task(context: &Context, record: &Record) -> Task {
    let Record { lp, view, .. } = record;
    let lp = &context.loops[*lp];
    Task {
        id: view.id,
        name: lp.name(view.name),
        kind: kind(view.kind),
        parent: view.parent,
        loop_id: Some(lp.view.id),
        state: state(view.state),
        state_for_ns: Some(state_for_ns(context, record)),
        site: lp.site_place(view.site),
        spawned_at: Some(context.wall(view.spawned_at)),
        ended_at: view.ended_at.map(|at| context.wall(at)),
        polls: view.polls,
        wakes: view.wakes,
        self_wakes: view.self_wakes,
        busy_ns: busy_ns(record),
        scheduled_ns: scheduled_ns(record),
        idle_ns: idle_ns(context, record),
        longest_poll_ns: Some(longest_poll_ns(record)),
        wakers: view.wakers,
        size_bytes: (view.kind == telemetry::TaskKind::Task).then_some(u64::from(view.size_bytes)),
        ..Task::default()
    }
}

pub(in crate::agent) fn kind(kind: telemetry::TaskKind) -> TaskKind {
    match kind {
        telemetry::TaskKind::Callback => TaskKind::Callback,
        telemetry::TaskKind::Blocking => TaskKind::Blocking,
        _ => TaskKind::Task,
    }
}

pub(in crate::agent) fn state(state: telemetry::TaskState) -> TaskState {
    match state {
        telemetry::TaskState::Scheduled => TaskState::Scheduled,
        telemetry::TaskState::Running => TaskState::Running,
        telemetry::TaskState::Completed => TaskState::Completed,
        telemetry::TaskState::Cancelled => TaskState::Cancelled,
        telemetry::TaskState::Panicked => TaskState::Panicked,
        _ => TaskState::Idle,
    }
}
