//! Every histogram, read one by one while they are sent, so that none but the one at hand is held.

use super::context::{Context, LoopSeen};
use super::tables::hist;
use crate::model::{
    Hist, Histogram, HistogramKey, HistogramKind, Histograms, Lint, Place, Process, Thresholds, WallTime,
};
use crate::wire::{HistogramsRequest, Request};
use loopscope::telemetry::{self, IoTotalView, PlaceIndex, PoolHistogramKind, PoolReader, SiteView};
use std::collections::VecDeque;
use std::time::SystemTime;

/// The histograms that a client asked for.
#[derive(Debug)]
pub(in crate::agent) struct HistogramReading {
    request: HistogramsRequest,
    context: Context,
    /// The loop being read, by its place in `context.loops`.
    at: usize,
    part: Part,
    /// Those whose histograms are not read yet; they come after the loops.
    pools: std::vec::IntoIter<PoolReader>,
    /// Read and not handed out.
    ready: VecDeque<Histogram>,
}

/// What is still to be read of a loop, and what its places came to so far.
#[derive(Debug, Default)]
struct Part {
    begun: bool,
    sites: std::vec::IntoIter<SiteView>,
    totals: std::vec::IntoIter<IoTotalView>,
    poll: Sum,
    scheduled: Sum,
    readiness_delay: Sum,
}

/// A loop's histogram, added up from those of its places: what is sent of the one is exactly the sum of the others.
#[derive(Debug, Default)]
struct Sum {
    hist: Hist,
    sum_ns: u64,
}

impl Sum {
    fn add(&mut self, hist: &Hist, sum_ns: u64) {
        self.hist.merge(hist);
        self.sum_ns = self.sum_ns.saturating_add(sum_ns);
    }
}

impl HistogramReading {
    /// Looks which loops there are.
    pub(in crate::agent) fn new(request: HistogramsRequest) -> Self {
        let context = Context::new(&Request { hidden: request.hidden, ..Request::default() });
        // A pool belongs to no loop and to no place.
        let is_of_pools = request.loop_id.is_none() && request.site.is_none();
        let pools = if is_of_pools { telemetry::pools() } else { Vec::new() };
        Self {
            request,
            context,
            at: 0,
            part: Part::default(),
            pools: pools.into_iter(),
            ready: VecDeque::new(),
        }
    }

    /// What the answer begins with.
    pub(in crate::agent) fn head(&self, mut process: Process) -> Histograms {
        super::tables::count_loops(&self.context, &mut process);
        let slow_poll_ns = Thresholds::default().of(Lint::Blocked);
        process.blocked = Some(super::tables::count_blocked(&self.context, slow_poll_ns));
        let wanted = || self.context.loops.iter().filter(|lp| self.wants_loop(lp));
        let oldest = wanted().map(|lp| lp.view.started_at).min();
        Histograms {
            taken_at: WallTime::from(SystemTime::now()),
            since: oldest.map(|at| self.context.wall(at)),
            process,
            lost: wanted().map(|lp| lp.reader.histogram_memory().1).sum(),
            ..Histograms::default()
        }
    }

    fn wants_loop(&self, lp: &LoopSeen) -> bool {
        self.request.loop_id.is_none_or(|id| id == lp.view.id)
    }

    /// The next histogram; it may be empty.
    pub(in crate::agent) fn next(&mut self) -> Option<Histogram> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            let Some(lp) = self.context.loops.get(self.at) else {
                read_pool(&self.request, self.pools.next()?, &mut self.ready);
                continue;
            };
            let is_over =
                !self.wants_loop(lp) || read_more(&self.request, lp, &mut self.part, &mut self.ready);
            if is_over {
                self.at += 1;
                self.part = Part::default();
            }
        }
    }
}

/// Reads one more place of a loop, or at the end what is of the whole loop. Whether that was the end.
fn read_more(
    request: &HistogramsRequest,
    lp: &LoopSeen,
    part: &mut Part,
    ready: &mut VecDeque<Histogram>,
) -> bool {
    let wants = |kind| request.wants(kind);
    if !part.begun {
        part.begun = true;
        if wants(HistogramKind::Poll) || wants(HistogramKind::Scheduled) {
            part.sites = lp.reader.sites().into_iter();
        }
        if wants(HistogramKind::ReadinessDelay) {
            part.totals = lp.reader.io_totals().into_iter();
        }
    }
    if let Some(site) = part.sites.next() {
        read_site(request, lp, site, part, ready);
        return false;
    }
    if let Some(total) = part.totals.next() {
        let delay = hist(&lp.reader.readiness_delay(total.index));
        part.readiness_delay.add(&delay, 0);
        let place = lp.place(total.made_at);
        ready.extend(of_place(request, lp, HistogramKind::ReadinessDelay, place, None, delay));
        return false;
    }
    if request.site.is_none() {
        read_whole(request, lp, std::mem::take(part), ready);
    }
    true
}

fn read_site(
    request: &HistogramsRequest,
    lp: &LoopSeen,
    site: SiteView,
    part: &mut Part,
    ready: &mut VecDeque<Histogram>,
) {
    let place = lp.place(Some(PlaceIndex(site.place.0)));
    if request.site.is_some() && place != request.site {
        return;
    }
    if request.wants(HistogramKind::Poll) {
        let poll = hist(&lp.reader.histogram(telemetry::HistogramKind::Poll, Some(site.index)));
        // As it is now, not as it was when the sites were listed: the sum belongs to the counts.
        let sum_ns = lp.reader.site(site.index).map_or(site.busy_ns, |site| site.busy_ns);
        part.poll.add(&poll, sum_ns);
        ready.extend(of_place(request, lp, HistogramKind::Poll, place.clone(), Some(sum_ns), poll));
    }
    if request.wants(HistogramKind::Scheduled) {
        let scheduled = hist(&lp.reader.histogram(telemetry::HistogramKind::Scheduled, Some(site.index)));
        part.scheduled.add(&scheduled, 0);
        ready.extend(of_place(request, lp, HistogramKind::Scheduled, place, None, scheduled));
    }
}

/// The histogram of a place, if those of places are asked for. What is of no place that is known is in the loop's alone.
fn of_place(
    request: &HistogramsRequest,
    lp: &LoopSeen,
    kind: HistogramKind,
    place: Option<Place>,
    sum_ns: Option<u64>,
    hist: Hist,
) -> Option<Histogram> {
    let site =
        place.filter(|place| !request.whole && request.site.as_ref().is_none_or(|site| site == place))?;
    let key = HistogramKey { kind, loop_id: Some(lp.view.id), site: Some(site), pool: None };
    Some(Histogram { key, sum_ns, hist })
}

fn read_whole(request: &HistogramsRequest, lp: &LoopSeen, part: Part, ready: &mut VecDeque<Histogram>) {
    let mut add = |kind, sum_ns, hist: Hist| {
        if request.wants(kind) {
            let key = HistogramKey { kind, loop_id: Some(lp.view.id), site: None, pool: None };
            ready.push_back(Histogram { key, sum_ns, hist });
        }
    };
    let read = |kind| hist(&lp.reader.histogram(kind, None));
    add(HistogramKind::Poll, Some(part.poll.sum_ns), part.poll.hist);
    add(HistogramKind::Scheduled, None, part.scheduled.hist);
    add(HistogramKind::Lateness, None, read(telemetry::HistogramKind::Lateness));
    let parked_ns = lp.reader.view().map(|view| view.parked_ns);
    add(HistogramKind::IoWait, parked_ns, read(telemetry::HistogramKind::IoWait));
    add(HistogramKind::ReadinessDelay, None, part.readiness_delay.hist);
}

fn read_pool(request: &HistogramsRequest, pool: PoolReader, ready: &mut VecDeque<Histogram>) {
    for (kind, of_pool) in
        [(HistogramKind::Waited, PoolHistogramKind::Waited), (HistogramKind::Ran, PoolHistogramKind::Ran)]
    {
        if request.wants(kind) {
            let key = HistogramKey { kind, loop_id: None, site: None, pool: Some(pool.name().to_owned()) };
            ready.push_back(Histogram { key, sum_ns: None, hist: hist(&pool.histogram(of_pool)) });
        }
    }
}
