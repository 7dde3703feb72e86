//! What is told from many readings: what only grows, what turns in a circle, what is always late.

use super::seen::{LATE_BOUNDS_NS, LoopSeen, PlaceSeen, Seen, SiteSeen, TaskSeen};
use super::track::{Tracks, Window};
use crate::model::lints::warning;
use crate::model::words::{self, count, counted, duration};
use crate::model::{Lint, Place, Thresholds, Warning};

/// A site with fewer live tasks, a place with fewer descriptors, is none that leaks yet.
const MANY: u64 = 10;

/// Of a task that turns in a circle a poll takes less: a real part of a computation takes longer.
const EMPTY_POLL_NS: u64 = 10_000;

/// With fewer timers fired in a window "always" means nothing.
const FIRED_MIN: u64 = 20;

type PlaceKey = (u64, Option<Place>);

/// The tracks.
#[derive(Debug, Default)]
pub(super) struct Growth {
    last_at_ns: Option<u64>,
    sites: Tracks<(u64, u32), SiteSeen>,
    places: Tracks<PlaceKey, PlaceSeen>,
    pools: Tracks<String, u64>,
    tasks: Tracks<u64, TaskSeen>,
    loops: Tracks<u64, LoopSeen>,
}

impl Growth {
    pub(super) fn last_at_ns(&self) -> Option<u64> {
        self.last_at_ns
    }

    pub(super) fn observe(&mut self, seen: &Seen) {
        self.last_at_ns = Some(seen.at_ns);
        let sites = seen.sites.iter().filter(|site| site.live >= MANY);
        self.sites.take(seen.at_ns, sites.map(|site| ((site.loop_id, site.index), site.clone())));
        let places = seen.places.iter().filter(|place| place.open >= MANY);
        self.places.take(seen.at_ns, places.map(|place| (place_key(place), place.clone())));
        self.pools.take(seen.at_ns, seen.pools.iter().map(|pool| (pool.name.clone(), pool.queued)));
        self.tasks.take(seen.at_ns, seen.tasks.iter().map(|task| (task.id, task.clone())));
        self.loops.take(seen.at_ns, seen.loops.iter().map(|lp| (lp.id, lp.clone())));
    }

    pub(super) fn findings(&self, seen: &Seen, thresholds: &Thresholds) -> Vec<Warning> {
        let window_ns = thresholds.window_ns();
        let mut found = Vec::new();
        for site in &seen.sites {
            let window = self.sites.window(&(site.loop_id, site.index), window_ns);
            found.extend(window.and_then(|window| leak(&window, thresholds)));
        }
        for place in &seen.places {
            let window = self.places.window(&place_key(place), window_ns);
            found.extend(window.and_then(|window| fd_leak(&window, thresholds)));
        }
        for pool in &seen.pools {
            let window = self.pools.window(&pool.name, window_ns);
            found.extend(window.and_then(|window| pool_queue(&pool.name, pool.threads, &window, thresholds)));
        }
        for task in &seen.tasks {
            let window = self.tasks.window(&task.id, window_ns);
            found.extend(window.and_then(|window| self_wake(&window, thresholds)));
        }
        for lp in &seen.loops {
            let window = self.loops.window(&lp.id, window_ns);
            found.extend(window.and_then(|window| late_timer(&window, thresholds)));
        }
        found
    }
}

fn place_key(place: &PlaceSeen) -> PlaceKey {
    (place.loop_id, place.made_at.clone())
}

/// Nobody ended, many came, and most of them do not wait for I/O: a server may rightly have ever more connections.
fn leak(window: &Window<'_, SiteSeen>, thresholds: &Thresholds) -> Option<Warning> {
    let (first, last) = (window.first(), window.last());
    let grown = window.growth(|site| site.live).filter(|&grown| grown >= thresholds.of(Lint::Leak))?;
    if last.ended != first.ended || last.waiting_for_io * 2 >= last.live {
        return None;
    }
    let what = match (&last.site, &last.name) {
        (Some(site), _) => format!(" spawned at {}", words::place(site)),
        (None, Some(name)) => format!(" like {}", words::escape(name, words::NAME_CHARS_MAX)),
        (None, None) => String::new(),
    };
    let message = format!(
        "{}{what}: {} more in {}, and none ended",
        counted(last.live, "task"),
        count(grown),
        duration(window.span_ns())
    );
    Some(Warning {
        loop_id: Some(last.loop_id),
        count: last.live,
        for_ns: Some(window.span_ns()),
        ..warning(Lint::Leak, message, last.site.clone())
    })
}

fn fd_leak(window: &Window<'_, PlaceSeen>, thresholds: &Thresholds) -> Option<Warning> {
    let last = window.last();
    let grown = window.growth(|place| place.unused).filter(|&grown| grown >= thresholds.of(Lint::FdLeak))?;
    let made = last.made_at.as_ref().map_or_else(String::new, |at| format!(" made at {}", words::place(at)));
    let message = format!(
        "{}{made} that nobody uses: {} more in {}, of {} open",
        counted(last.unused, "descriptor"),
        count(grown),
        duration(window.span_ns()),
        count(last.open)
    );
    Some(Warning {
        loop_id: Some(last.loop_id),
        count: last.unused,
        for_ns: Some(window.span_ns()),
        ..warning(Lint::FdLeak, message, last.made_at.clone())
    })
}

fn pool_queue(
    name: &str,
    threads: u64,
    window: &Window<'_, u64>,
    thresholds: &Thresholds,
) -> Option<Warning> {
    let grown = window.growth(|queued| *queued).filter(|&grown| grown >= thresholds.of(Lint::PoolQueue))?;
    let queued = *window.last();
    let message = format!(
        "{} for the {} of pool {}: {} more in {}",
        counted(queued, "queued job"),
        counted(threads, "thread"),
        words::escape(name, words::NAME_CHARS_MAX),
        count(grown),
        duration(window.span_ns())
    );
    let for_ns = Some(window.span_ns());
    Some(Warning { count: queued, for_ns, ..warning(Lint::PoolQueue, message, None) })
}

/// Nearly all polls are its own doing and do nothing.
fn self_wake(window: &Window<'_, TaskSeen>, thresholds: &Thresholds) -> Option<Warning> {
    let (first, last) = (window.first(), window.last());
    let polls = last.polls.checked_sub(first.polls).filter(|&polls| polls > 0)?;
    let self_wakes = last.self_wakes.saturating_sub(first.self_wakes);
    let busy_ns = last.busy_ns.saturating_sub(first.busy_ns);
    let per_second = per_second(polls, window.span_ns());
    let is_circle = per_second >= thresholds.of(Lint::SelfWake)
        && self_wakes >= polls / 10 * 9
        && busy_ns / polls < EMPTY_POLL_NS
        && window.growth(|task| task.polls).is_some();
    if !is_circle {
        return None;
    }
    let message = format!(
        "{} wakes itself {} times a second, and its polls take {}",
        words::task(last.id, last.name.as_deref()),
        count(per_second),
        duration(busy_ns / polls)
    );
    Some(Warning {
        task: Some(last.id),
        loop_id: Some(last.loop_id),
        count: self_wakes,
        for_ns: Some(window.span_ns()),
        ..warning(Lint::SelfWake, message, last.site.clone())
    })
}

fn per_second(number: u64, span_ns: u64) -> u64 {
    let per_second = u128::from(number) * 1_000_000_000 / u128::from(span_ns.max(1));
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

/// Nine in ten timers, through the whole window.
fn late_timer(window: &Window<'_, LoopSeen>, thresholds: &Thresholds) -> Option<Warning> {
    let bound = LATE_BOUNDS_NS.iter().position(|&bound| bound >= thresholds.of(Lint::LateTimer))?;
    let (first, last) = (window.first(), window.last());
    let fired = last.fired.saturating_sub(first.fired);
    let late = last.late[bound].saturating_sub(first.late[bound]);
    if fired < FIRED_MIN || late < fired.div_ceil(10) * 9 || window.growth(|lp| lp.late[bound]).is_none() {
        return None;
    }
    let message = format!(
        "{} of {} that fired in {} on loop {} were late by {} or more",
        count(late.min(fired)),
        counted(fired, "timer"),
        duration(window.span_ns()),
        last.id,
        duration(LATE_BOUNDS_NS[bound])
    );
    Some(Warning {
        loop_id: Some(last.id),
        count: late,
        for_ns: Some(LATE_BOUNDS_NS[bound]),
        ..warning(Lint::LateTimer, message, None)
    })
}
