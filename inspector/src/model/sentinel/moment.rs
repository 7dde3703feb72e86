//! What is told from the last reading alone.

use super::seen::{LockSeen, QueueSeen, Seen, Taker, TaskSeen};
use crate::model::lints::warning;
use crate::model::words::{self, bytes, count, counted, duration};
use crate::model::{Lint, Place, TaskState, Thresholds, Warning};
use std::collections::BTreeMap;

pub(super) fn findings(seen: &Seen, thresholds: &Thresholds) -> Vec<Warning> {
    let mut found = never_yields(seen, thresholds);
    found.extend(seen.locks.iter().filter_map(|lock| lock_held_long(lock, thresholds)));
    found.extend(seen.queues.iter().filter_map(|queue| no_consumer(queue, thresholds)));
    found.extend(starved(seen, thresholds));
    found.extend(no_waker(seen, thresholds));
    found.extend(near_limit(seen));
    found.extend(large_futures(seen, thresholds));
    found
}

fn never_yields(seen: &Seen, thresholds: &Thresholds) -> Vec<Warning> {
    let is_long = |for_ns: u64| thresholds.is_over(Lint::NeverYields, for_ns);
    seen.loops
        .iter()
        .filter_map(|lp| {
            let (task, for_ns) = lp.running.filter(|(_, for_ns)| is_long(*for_ns))?;
            let who = task.map_or_else(
                || "the loop itself".to_owned(),
                |task| words::task(task, lp.running_name.as_deref()),
            );
            let site = lp.running_site.as_ref();
            let site = site.map_or_else(String::new, |site| format!(", spawned at {}", words::place(site)));
            let message = format!(
                "a poll of {who}{site} has held loop {} for {} and not given way",
                lp.id,
                duration(for_ns)
            );
            Some(Warning {
                task,
                loop_id: Some(lp.id),
                for_ns: Some(for_ns),
                ..warning(Lint::NeverYields, message, lp.running_site.clone())
            })
        })
        .collect()
}

/// The lock is held long, in one wait of its holder that is long, and somebody has waited long for it.
fn lock_held_long(lock: &LockSeen, thresholds: &Thresholds) -> Option<Warning> {
    let (waits_for, at, waits_ns) = lock.holder_waits.as_ref().filter(|_| !lock.is_stuck)?;
    let shortest = lock.held_for_ns.min(*waits_ns).min(lock.longest_wait_ns);
    if !thresholds.is_over(Lint::LockHeldLong, shortest) {
        return None;
    }
    let taken =
        lock.held_at.as_ref().map_or_else(String::new, |at| format!(", taken at {},", words::place(at)));
    let at = at.as_ref().map_or_else(String::new, |at| format!(" at {}", words::place(at)));
    let message = format!(
        "{} is held by {}{taken} for {} while it waits for {waits_for}{at}; {} for it",
        lock.what,
        words::task(lock.holder, lock.holder_name.as_deref()),
        duration(lock.held_for_ns),
        if lock.waiters == 1 {
            "1 task waits".to_owned()
        } else {
            format!("{} tasks wait", count(lock.waiters))
        },
    );
    Some(Warning {
        task: Some(lock.holder),
        resource: Some(lock.id),
        loop_id: Some(lock.loop_id),
        count: lock.waiters,
        for_ns: Some(lock.held_for_ns),
        ..warning(Lint::LockHeldLong, message, lock.held_at.clone())
    })
}

fn no_consumer(queue: &QueueSeen, thresholds: &Thresholds) -> Option<Warning> {
    let taker = match queue.taker {
        Taker::Nobody => "nobody ever took anything out of it",
        Taker::Over => "the task that last took from it is over",
        Taker::Live | Taker::Unknown => return None,
    };
    if !thresholds.is_over(Lint::NoConsumer, queue.longest_wait_ns) {
        return None;
    }
    let made = queue.made_at.as_ref().map_or_else(String::new, |at| format!(" made at {}", words::place(at)));
    let message = format!(
        "{}{made} is full, and {taker}; {} for room in it, the first for {}",
        queue.what,
        if queue.waiters == 1 {
            "1 task waits".to_owned()
        } else {
            format!("{} tasks wait", count(queue.waiters))
        },
        duration(queue.longest_wait_ns)
    );
    Some(Warning {
        task: Some(queue.first),
        resource: Some(queue.id),
        loop_id: Some(queue.loop_id),
        count: queue.waiters,
        for_ns: Some(queue.longest_wait_ns),
        ..warning(Lint::NoConsumer, message, queue.made_at.clone())
    })
}

/// One warning for each loop, by the task that has been ready longest. While one poll holds the loop nobody gets a turn, which
/// another lint tells; the time since it began does not count here.
fn starved(seen: &Seen, thresholds: &Thresholds) -> Vec<Warning> {
    let mut by_loop: BTreeMap<u64, (u64, u64, &TaskSeen)> = BTreeMap::new();
    for task in seen.tasks.iter().filter(|task| task.state == TaskState::Scheduled) {
        let for_ns = task.state_for_ns.saturating_sub(task.loop_running_ns);
        if !thresholds.is_over(Lint::Starved, for_ns) {
            continue;
        }
        let (tasks, worst_ns, worst) = by_loop.entry(task.loop_id).or_insert((0, 0, task));
        *tasks += 1;
        if for_ns > *worst_ns {
            (*worst_ns, *worst) = (for_ns, task);
        }
    }
    let tell = |(loop_id, (tasks, for_ns, task)): (u64, (u64, u64, &TaskSeen))| {
        let mut message = format!(
            "{} has been ready to run for {} and did not get its turn",
            words::task(task.id, task.name.as_deref()),
            duration(for_ns)
        );
        if tasks > 1 {
            message = format!("{message}; {} like it on loop {loop_id}", counted(tasks - 1, "more task"));
        }
        Warning {
            task: Some(task.id),
            loop_id: Some(loop_id),
            count: tasks,
            for_ns: Some(for_ns),
            ..warning(Lint::Starved, message, task.site.clone())
        }
    };
    by_loop.into_iter().map(tell).collect()
}

/// One warning for each site. A main task may be parked for ever on purpose, to keep the others going.
fn no_waker(seen: &Seen, thresholds: &Thresholds) -> Vec<Warning> {
    let mut by_site: BTreeMap<(u64, Option<&Place>), (u64, &TaskSeen)> = BTreeMap::new();
    for task in seen.tasks.iter().filter(|task| task.state == TaskState::Idle && !task.is_main) {
        if task.wakers != Some(0) || !thresholds.is_over(Lint::NoWaker, task.state_for_ns) {
            continue;
        }
        let (tasks, oldest) = by_site.entry((task.loop_id, task.site.as_ref())).or_insert((0, task));
        *tasks += 1;
        if task.state_for_ns > oldest.state_for_ns {
            *oldest = task;
        }
    }
    let tell = |((loop_id, site), (tasks, task)): ((u64, Option<&Place>), (u64, &TaskSeen))| {
        let mut message = format!(
            "{} has been idle for {} and nobody has a waker of it: nothing will wake it",
            words::task(task.id, task.name.as_deref()),
            duration(task.state_for_ns)
        );
        if tasks > 1 {
            message = format!("{message}; {} of its site", counted(tasks - 1, "more task"));
        }
        if let Some(site) = site {
            message = format!("{message}, spawned at {}", words::place(site));
        }
        Warning {
            task: Some(task.id),
            loop_id: Some(loop_id),
            count: tasks,
            for_ns: Some(task.state_for_ns),
            ..warning(Lint::NoWaker, message, site.cloned())
        }
    };
    by_site.into_iter().map(tell).collect()
}

/// With nine tenths of the descriptors open, the rest may be gone within a second.
fn near_limit(seen: &Seen) -> Option<Warning> {
    let files = seen.files.filter(|files| files.limit > 0 && files.open >= files.limit / 10 * 9)?;
    let message =
        format!("{} of {} descriptors are open (RLIMIT_NOFILE)", count(files.open), count(files.limit));
    Some(Warning { count: files.open, ..warning(Lint::FdLeak, message, None) })
}

fn large_futures(seen: &Seen, thresholds: &Thresholds) -> Vec<Warning> {
    let tell = |site: &super::SiteSeen| {
        let (size, task) = site.largest.filter(|(size, _)| thresholds.is_over(Lint::LargeFuture, *size))?;
        let at =
            site.site.as_ref().map_or_else(String::new, |at| format!(" spawned at {}", words::place(at)));
        let message = format!("the future of #{task}{at} has {}", bytes(size));
        let found = warning(Lint::LargeFuture, message, site.site.clone());
        Some(Warning { task: Some(task), loop_id: Some(site.loop_id), count: site.live, ..found })
    };
    seen.sites.iter().filter_map(tell).collect()
}
