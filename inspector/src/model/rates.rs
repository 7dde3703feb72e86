//! What happened between two pictures: rates over that window, not since the start.
//!
//! Counters only grow, so one that went back belongs to something else (a restarted process): then there is no rate. Small
//! steps back within a picture, whose fields are from slightly different instants, count as nothing having happened.

use super::{Io, Loop, Process, Site, Task};

/// The shortest window that gives a rate; what is measured over less is mostly noise.
pub const WINDOW_NS_MIN: u64 = 1_000_000;

/// What a task did in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaskRates {
    /// Polls a second.
    pub polls_per_s: f64,
    /// Wakes a second.
    pub wakes_per_s: f64,
    /// The part of the window in `poll`: 0.0 to 1.0.
    pub busy: f64,
    /// The part of the window in the run queue: 0.0 to 1.0.
    pub scheduled: f64,
}

/// What a loop did in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoopRates {
    /// Polls of all tasks a second, where the loop counts them.
    pub polls_per_s: Option<f64>,
    /// Turns a second.
    pub ticks_per_s: f64,
    /// The part of the window it was busy, where the loop counts that: 0.0 to 1.0.
    pub utilisation: Option<f64>,
}

/// What the tasks of a spawn site did in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SiteRates {
    /// Tasks spawned a second.
    pub spawned_per_s: f64,
    /// Tasks that ended a second, however they did.
    pub ended_per_s: f64,
    /// The part of the window that they were in `poll`: 0.0 to 1.0.
    pub busy: f64,
}

/// What went through a descriptor in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IoRates {
    /// Bytes read a second.
    pub read_per_s: f64,
    /// Bytes written a second.
    pub written_per_s: f64,
}

/// The time between two pictures of a process; `None` if it is another process by now, or if it is too short for rates.
///
/// Taken from the process's own uptime, which no change of the clock moves; where it is unknown, `None` too.
pub fn window_ns(earlier: &Process, later: &Process) -> Option<u64> {
    let same = earlier.pid == later.pid && is_same_start(earlier, later);
    let window = later.uptime_ns?.checked_sub(earlier.uptime_ns?)?;
    (same && window >= WINDOW_NS_MIN).then_some(window)
}

/// The start is reckoned back from the wall clock by some, so half a second is allowed for.
fn is_same_start(earlier: &Process, later: &Process) -> bool {
    match (earlier.started_at, later.started_at) {
        (Some(earlier), Some(later)) => earlier.0.abs_diff(later.0) < 500_000_000,
        _ => true,
    }
}

/// What a task did in a window. Without an earlier row the task is new, and did all it did in this window.
///
/// `None` if the rows are not of one task, a counter went back, or the window is too short. The number alone tells the tasks
/// of one process apart: when a task was spawned is reckoned back anew in each picture, and differs by a little.
pub fn task_rates(earlier: Option<&Task>, later: &Task, window_ns: u64) -> Option<TaskRates> {
    let (polls, wakes, busy, scheduled) = match earlier {
        Some(earlier) if earlier.id != later.id => return None,
        Some(earlier) => (earlier.polls, earlier.wakes, earlier.busy_ns, earlier.scheduled_ns),
        None => (0, 0, 0, 0),
    };
    if window_ns < WINDOW_NS_MIN {
        return None;
    }
    Some(TaskRates {
        polls_per_s: per_second(later.polls.checked_sub(polls)?, window_ns),
        wakes_per_s: per_second(later.wakes.checked_sub(wakes)?, window_ns),
        busy: part(later.busy_ns.saturating_sub(busy), window_ns),
        scheduled: part(later.scheduled_ns.saturating_sub(scheduled), window_ns),
    })
}

/// What a loop did in a window. Without an earlier row the loop is new.
///
/// `None` if the rows are not of one loop, its turns went back, or the window is too short.
pub fn loop_rates(earlier: Option<&Loop>, later: &Loop, window_ns: u64) -> Option<LoopRates> {
    if window_ns < WINDOW_NS_MIN || earlier.is_some_and(|earlier| earlier.id != later.id) {
        return None;
    }
    let ticks = later.ticks.checked_sub(earlier.map_or(0, |earlier| earlier.ticks))?;
    let since = |field: fn(&Loop) -> Option<u64>| {
        let before = earlier.map_or(Some(0), field)?;
        Some(field(later)?.saturating_sub(before))
    };
    Some(LoopRates {
        polls_per_s: since(|row| row.polls).map(|polls| per_second(polls, window_ns)),
        ticks_per_s: per_second(ticks, window_ns),
        utilisation: since(|row| row.busy_ns).map(|busy| part(busy, window_ns)),
    })
}

/// What the tasks of a spawn site did in a window. Without an earlier row the site is new.
///
/// `None` if the rows are not of one site of one loop, a counter went back, or the window is too short.
pub fn site_rates(earlier: Option<&Site>, later: &Site, window_ns: u64) -> Option<SiteRates> {
    let is_other = |earlier: &Site| (earlier.loop_id, &earlier.site) != (later.loop_id, &later.site);
    if window_ns < WINDOW_NS_MIN || earlier.is_some_and(is_other) {
        return None;
    }
    let ended = |site: &Site| site.completed.saturating_add(site.cancelled).saturating_add(site.panicked);
    let before = |field: fn(&Site) -> u64| earlier.map_or(0, field);
    Some(SiteRates {
        spawned_per_s: per_second(later.spawned.checked_sub(before(|site| site.spawned))?, window_ns),
        ended_per_s: per_second(ended(later).checked_sub(earlier.map_or(0, ended))?, window_ns),
        busy: part(later.busy_ns.saturating_sub(before(|site| site.busy_ns)), window_ns),
    })
}

/// What went through a descriptor in a window. Without an earlier row it is new.
///
/// `None` if the rows are not of one descriptor, a counter went back, or the window is too short.
pub fn io_rates(earlier: Option<&Io>, later: &Io, window_ns: u64) -> Option<IoRates> {
    if window_ns < WINDOW_NS_MIN || earlier.is_some_and(|earlier| earlier.id != later.id) {
        return None;
    }
    let read = later.bytes_read.checked_sub(earlier.map_or(0, |earlier| earlier.bytes_read))?;
    let written = later.bytes_written.checked_sub(earlier.map_or(0, |earlier| earlier.bytes_written))?;
    Some(IoRates { read_per_s: per_second(read, window_ns), written_per_s: per_second(written, window_ns) })
}

#[expect(clippy::cast_precision_loss, reason = "a rate is for people")]
fn per_second(count: u64, window_ns: u64) -> f64 {
    count as f64 * 1e9 / window_ns as f64
}

#[expect(clippy::cast_precision_loss, reason = "a share is for people")]
fn part(ns: u64, window_ns: u64) -> f64 {
    (ns as f64 / window_ns as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WallTime;

    const S: u64 = 1_000_000_000;

    fn process(pid: u32, started_at_s: u64, uptime_s: u64) -> Process {
        let started_at = Some(WallTime(started_at_s * S));
        Process { pid, started_at, uptime_ns: Some(uptime_s * S), ..Process::default() }
    }

    fn task(polls: u64, busy_ns: u64) -> Task {
        Task { id: 7, polls, wakes: polls, busy_ns, ..Task::default() }
    }

    #[test]
    fn the_window_is_the_uptime_between_two_pictures_of_one_process() {
        assert_eq!(window_ns(&process(1, 5, 10), &process(1, 5, 12)), Some(2 * S));
        assert_eq!(window_ns(&process(1, 5, 10), &process(2, 5, 12)), None, "another process");
        assert_eq!(window_ns(&process(1, 5, 10), &process(1, 14, 12)), None, "the pid was reused");
        assert_eq!(window_ns(&process(1, 5, 10), &process(1, 5, 2)), None, "it went back");
        assert_eq!(window_ns(&process(1, 5, 10), &process(1, 5, 10)), None, "too short");
        assert_eq!(window_ns(&process(1, 5, 10), &Process { pid: 1, ..Process::default() }), None, "unknown");
    }

    #[test]
    fn a_task_has_the_rates_of_the_window() {
        let rates = task_rates(Some(&task(100, S)), &task(300, 2 * S), 2 * S);
        let expected = TaskRates { polls_per_s: 100.0, wakes_per_s: 100.0, busy: 0.5, scheduled: 0.0 };
        assert_eq!(rates, Some(expected));
    }

    #[test]
    fn a_task_is_the_same_though_its_birth_is_reckoned_anew() {
        let born = |at| Some(WallTime(at));
        let earlier = Task { spawned_at: born(1_000), ..task(100, S) };
        let later = Task { spawned_at: born(1_001), ..task(300, 2 * S) };
        assert_eq!(
            task_rates(Some(&earlier), &later, 2 * S).map(|rates| rates.polls_per_s.to_string()),
            Some("100".into())
        );
    }

    #[test]
    fn a_new_task_did_everything_in_this_window() {
        let rates = task_rates(None, &task(10, S), 2 * S).unwrap();
        assert_eq!((rates.polls_per_s.to_string(), rates.busy.to_string()), ("5".into(), "0.5".into()));
    }

    #[test]
    fn what_went_back_or_is_another_has_no_rates() {
        assert_eq!(task_rates(Some(&task(100, 0)), &task(99, 0), S), None);
        assert_eq!(task_rates(Some(&Task { id: 8, ..task(0, 0) }), &task(1, 0), S), None);
        assert_eq!(task_rates(None, &task(1, 0), 10), None);
    }

    #[test]
    fn times_saturate() {
        let rates = task_rates(Some(&task(1, 5 * S)), &task(1, 4 * S), S).unwrap();
        assert_eq!(rates.busy.to_string(), "0");
        let rates = task_rates(Some(&task(1, 0)), &task(1, 9 * S), S).unwrap();
        assert_eq!(rates.busy.to_string(), "1");
    }

    #[test]
    fn a_loop_has_rates_for_what_it_counts() {
        let row = |ticks, polls, busy_ns| Loop { ticks, polls, busy_ns, ..Loop::default() };
        let earlier = row(10, Some(100), None);
        let later = row(30, Some(200), Some(S));
        assert_eq!(
            loop_rates(Some(&earlier), &later, S),
            Some(LoopRates { polls_per_s: Some(100.0), ticks_per_s: 20.0, utilisation: None })
        );
        assert_eq!(loop_rates(None, &later, 2 * S).and_then(|rates| rates.utilisation), Some(0.5));
        assert_eq!(loop_rates(Some(&later), &earlier, S), None);
        assert_eq!(loop_rates(Some(&Loop { id: 4, ..earlier.clone() }), &later, S), None);
    }

    #[test]
    fn a_site_has_the_rates_of_the_window() {
        let row = |spawned, completed, busy_ns| Site { spawned, completed, busy_ns, ..Site::default() };
        let rates = site_rates(Some(&row(10, 4, S)), &row(30, 14, 2 * S), 2 * S);
        assert_eq!(rates, Some(SiteRates { spawned_per_s: 10.0, ended_per_s: 5.0, busy: 0.5 }));
        assert_eq!(site_rates(Some(&row(30, 0, 0)), &row(10, 0, 0), S), None, "it went back");
        let elsewhere = Site { loop_id: Some(1), ..row(0, 0, 0) };
        assert_eq!(site_rates(Some(&elsewhere), &row(10, 0, 0), S), None, "another loop");
    }

    #[test]
    fn a_descriptor_has_the_rates_of_the_window() {
        let row = |id, bytes_read, bytes_written| Io { id, bytes_read, bytes_written, ..Io::default() };
        let rates = io_rates(Some(&row(3, 100, 0)), &row(3, 300, 50), S);
        assert_eq!(rates, Some(IoRates { read_per_s: 200.0, written_per_s: 50.0 }));
        assert_eq!(io_rates(None, &row(3, 10, 20), 2 * S).map(|rates| rates.read_per_s), Some(5.0));
        assert_eq!(io_rates(Some(&row(2, 0, 0)), &row(3, 10, 20), S), None, "the number is used again");
    }
}
