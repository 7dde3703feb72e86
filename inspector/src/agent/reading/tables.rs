//! The smaller tables: loops, sites, timers, descriptors and what synchronises.

use super::context::{Context, LoopSeen};
use super::waiters::{self, Waiters};
use super::waits;
use super::{BadRequest, Found};
use crate::agent::diagnosis;
use crate::agent::window::{Window, share};
use crate::model::query::{self, Filter, Sort, Top};
use crate::model::{Bucket, DebugMode, Directions, Exit, Hist, Io, IoTotal, Loop, Process, Running, Site};
use crate::wire::limits::{IO_TOTALS_MAX, ROWS_MAX};
use crate::wire::{Query, Row};
use loopscope::telemetry::{self, HistogramKind, ResourceView, SiteView};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

/// How busy each loop was lately.
pub(super) type Busy = Window;

/// Nearer readings of a loop say little.
const BUSY_AGE_MIN: Duration = Duration::from_millis(100);

/// A poll that has been under way for less is over before its task is found among a million.
const NAMED_FROM_NS: u64 = 1_000_000;

/// The rows that were asked for out of all rows of a table; `order` is the column for those who name none.
pub(super) fn select<R: query::Row>(
    all: impl IntoIterator<Item = R>,
    query: &Query,
    order: Option<&str>,
    row: impl Fn(R) -> Row,
) -> Result<Found, BadRequest> {
    let filter = Filter::parse::<R>(&query.filter)?;
    let sort = if query.sort.is_empty() { order } else { Some(query.sort.as_str()) };
    let sort = sort.map(Sort::parse::<R>).transpose()?;
    let limit = query.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let keep = if limit == 0 { 0 } else { query.offset.saturating_add(limit) };
    if keep > super::tasks::KEPT_MAX {
        return Err(BadRequest::TooDeep);
    }
    let mut top = Top::new(sort, usize::try_from(keep).unwrap_or(0));
    let mut kept: Vec<Option<R>> = Vec::new();
    for item in all {
        if filter.matches(&item) {
            let at = kept.len();
            let mut is_kept = false;
            top.offer(&item, || {
                is_kept = true;
                at
            });
            if is_kept {
                kept.push(Some(item));
            }
        }
    }
    let total = top.total();
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let rows = top.into_rows().into_iter().skip(skip).filter_map(|at| kept[at].take()).map(row).collect();
    Ok(Found { rows, total, dropped: 0 })
}

/// Puts loops, tasks and debug mode into the process's row.
pub(super) fn count_loops(context: &Context, process: &mut Process) {
    let shown = || context.loops.iter().filter(|lp| !lp.view.hidden);
    process.loops = Some(shown().count() as u64);
    process.tasks = Some(shown().map(|lp| lp.view.tasks).sum());
    process.debug = Some(shown().any(|lp| lp.view.debug));
    let modes = shown().map(|lp| lp.reader.handle().debug());
    process.debug_mode = modes.max().map(diagnosis::model_mode).or(Some(DebugMode::Off));
    let debugged = shown().filter(|lp| lp.view.debug);
    process.slow_callback_ns = debugged.map(slow_callback_ns).min();
}

fn slow_callback_ns(lp: &LoopSeen) -> u64 {
    u64::try_from(lp.reader.handle().slow_callback().as_nanos()).unwrap_or(u64::MAX)
}

/// How many loops have been in one poll for as long as the threshold.
pub(super) fn count_blocked(context: &Context, slow_poll_ns: u64) -> u64 {
    let is_blocked = |lp: &&LoopSeen| {
        lp.view.running.is_some_and(|running| !lp.view.hidden && context.since(running.since) >= slow_poll_ns)
    };
    context.loops.iter().filter(is_blocked).count() as u64
}

/// A loop's row without histograms and utilisation.
pub(super) fn bare_loop(context: &Context, at: usize) -> Loop {
    let lp = &context.loops[at];
    // Read anew, with the time taken before: a poll that was under way when the reading began may long be over.
    context.move_on();
    let fresh = lp.reader.view();
    let view = fresh.as_ref().unwrap_or(&lp.view);
    let running = fresh.as_ref().and_then(|view| view.running).map(|running| {
        let for_ns = context.since(running.since);
        let is_due = for_ns >= NAMED_FROM_NS;
        let task = running.task.filter(|_| is_due).and_then(|id| lp.reader.task(id));
        Running {
            task: running.task,
            for_ns,
            name: task.and_then(|task| lp.name(task.name)),
            site: task.and_then(|task| lp.site_place(task.site)),
        }
    });
    let under_way = running.as_ref().map_or(0, |running| running.for_ns);
    Loop {
        pid: None,
        id: view.id,
        name: Some(view.name.clone()).filter(|name| !name.is_empty()),
        thread: Some(view.thread.clone()).filter(|name| !name.is_empty()),
        tid: Some(view.tid).filter(|&tid| tid > 0),
        hidden: view.hidden,
        debug: view.debug,
        debug_mode: Some(diagnosis::model_mode(lp.reader.handle().debug())),
        slow_callback_ns: Some(slow_callback_ns(lp)),
        uptime_ns: Some(context.since(view.started_at)),
        tasks: view.tasks,
        ready: view.ready,
        timers: Some(view.timers),
        utilisation: None,
        ticks: view.ticks,
        driver_turns: Some(view.driver_turns),
        polls: Some(view.polls),
        remote_wakes: Some(view.remote_wakes),
        busy_ns: Some(view.busy_ns.saturating_add(under_way)),
        parked_ns: Some(
            view.parked_ns.saturating_add(view.parked_since.map_or(0, |since| context.since(since))),
        ),
        running,
        poll: None,
        scheduled: None,
        lateness: None,
        io_wait: None,
    }
}

pub(super) fn loops(
    context: &Context,
    query: &Query,
    busy: &mut HashMap<u64, Busy>,
) -> Result<Found, BadRequest> {
    let rows: Vec<Loop> = (0..context.loops.len())
        .map(|at| {
            let mut row = bare_loop(context, at);
            let reader = &context.loops[at].reader;
            let busy_ns = row.busy_ns.unwrap_or(0);
            let window = busy.entry(row.id).or_insert_with(|| Window::new(BUSY_AGE_MIN));
            let lately = window.advance(context.now().as_nanos(), busy_ns);
            let ever = || share(busy_ns, row.uptime_ns.unwrap_or(0));
            row.utilisation = lately.or_else(ever).map(|share| share.min(1.0));
            let summary = |kind| Some(hist(&reader.histogram(kind, None)).summary());
            row.poll = summary(HistogramKind::Poll);
            row.scheduled = summary(HistogramKind::Scheduled);
            row.lateness = summary(HistogramKind::Lateness);
            row.io_wait = summary(HistogramKind::IoWait);
            row
        })
        .collect();
    select(rows, query, None, |row| Row::Loop(Box::new(row)))
}

pub(in crate::agent) fn hist(histogram: &telemetry::Histogram) -> Hist {
    let bucket = |it: &telemetry::Bucket| Bucket { low_ns: it.low_ns, high_ns: it.high_ns, count: it.count };
    Hist::from_buckets(histogram.buckets.iter().map(bucket).collect())
}

/// A site's row with the loop and the record it came from, so that histograms can be read for the rows that are sent.
struct SiteRow<'a> {
    row: Site,
    lp: &'a LoopSeen,
    site: SiteView,
}

impl SiteRow<'_> {
    fn with_histograms(mut self) -> Self {
        let summary = |kind| Some(hist(&self.lp.reader.histogram(kind, Some(self.site.index))).summary());
        self.row.poll = summary(HistogramKind::Poll);
        self.row.scheduled = summary(HistogramKind::Scheduled);
        self
    }
}

impl query::Row for SiteRow<'_> {
    const COLUMNS: &'static [query::Column] = <Site as query::Row>::COLUMNS;

    fn value(&self, column: usize) -> query::Value<'_> {
        self.row.value(column)
    }
}

pub(super) fn sites(context: &Context, query: &Query) -> Result<Found, BadRequest> {
    let rows = context.loops.iter().flat_map(|lp| {
        let sites = lp.reader.sites().into_iter();
        sites.filter_map(move |site| Some(SiteRow { row: lp.site_row(&site)?, lp, site }))
    });
    // Only a filter or a sort by one of them needs the histograms of all.
    let is_histogram = |text: &str| text.contains("poll") || text.contains("scheduled");
    if is_histogram(&query.filter) || is_histogram(&query.sort) {
        let rows = rows.map(SiteRow::with_histograms);
        return select(rows, query, Some("site"), |row| Row::Site(row.row));
    }
    select(rows, query, Some("site"), |row| Row::Site(row.with_histograms().row))
}

/// All resources of a kind, as rows.
pub(super) fn resources<R>(context: &Context, row: impl Fn(&LoopSeen, &ResourceView) -> Option<R>) -> Vec<R> {
    let mut rows = Vec::new();
    for lp in &context.loops {
        lp.reader.resources(&mut |resource| {
            rows.extend(row(lp, resource));
            ControlFlow::Continue(())
        });
    }
    rows
}

pub(super) fn io(context: &Context, query: &Query) -> Result<Found, BadRequest> {
    let mut waiters = Waiters::read(context);
    let mut rows = resources(context, |lp, resource| io_row(context, lp, resource));
    for row in &mut rows {
        (row.waiting, row.waits) = waiters.take(context, row.id);
    }
    let mut found = select(rows, query, Some("id"), Row::Io)?;
    waiters::name(context, &mut found.rows);
    found.dropped = waiters.left_out;
    Ok(found)
}

/// What went through all descriptors, if that is asked for, and how many rows of it were left out.
pub(super) fn io_totals(context: &Context, asked: bool) -> (Vec<Row>, u64) {
    let loops = context.loops.iter().filter(|_| asked);
    let (mut rows, mut more) = (Vec::new(), 0);
    for (lp, total) in loops.flat_map(|lp| lp.reader.io_totals().into_iter().map(move |total| (lp, total))) {
        if rows.len() == IO_TOTALS_MAX {
            more += 1;
            continue;
        }
        let delay = lp.reader.readiness_delay(total.index);
        rows.push(Row::IoTotal(IoTotal {
            pid: None,
            loop_id: Some(lp.view.id),
            kind: waits::resource_kind(total.kind),
            made_at: lp.place(total.made_at),
            open: total.open(),
            opened: total.opened,
            closed: total.closed,
            bytes_read: total.bytes_read,
            bytes_written: total.bytes_written,
            reads: total.reads,
            writes: total.writes,
            would_block: total.would_block,
            readiness_delay: Some(hist(&delay).summary()),
        }));
    }
    (rows, more)
}

fn io_row(context: &Context, lp: &LoopSeen, resource: &ResourceView) -> Option<Io> {
    let io = resource.io.as_ref()?;
    Some(Io {
        pid: None,
        id: resource.id.0,
        loop_id: Some(lp.view.id),
        fd: waits::descriptor(io),
        kind: waits::resource_kind(resource.kind),
        name: lp.name(resource.name),
        local: io.local.as_ref().map(waits::address),
        peer: io.peer.as_ref().map(waits::address),
        interest: Directions { readable: io.interest_readable, writable: io.interest_writable },
        readiness: Directions { readable: io.ready_readable, writable: io.ready_writable },
        bytes_read: io.bytes_read,
        bytes_written: io.bytes_written,
        reads: io.reads,
        writes: io.writes,
        would_block: io.would_block,
        idle_for_ns: io.last_used.map(|at| context.since(at)),
        waiting: Vec::new(),
        waits: Vec::new(),
        readiness_delay: None,
        made_at: lp.place(resource.made_at),
        child_pid: io.pid,
        exit: io.exit.and_then(exit),
    })
}

/// A process that is stopped has not ended.
pub(in crate::agent) fn exit(status: ExitStatus) -> Option<Exit> {
    status.code().map(Exit::Code).or_else(|| status.signal().map(Exit::Signal))
}
