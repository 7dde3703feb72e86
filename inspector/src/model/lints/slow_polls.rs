//! Slow polls, gathered by spawn site.

use super::{Lint, Thresholds, warning};
use crate::model::words::{self, counted, duration};
use crate::model::{Place, Warning};
use std::collections::BTreeMap;

/// The most spawn sites that slow polls are told apart by; those of further sites are counted together.
pub const SITES_MAX: usize = 10_000;

/// Gathers slow polls by spawn site, so that a hundred thousand slow tasks are one warning.
///
/// `K` tells the sites apart: a [`Place`], or the index of one.
#[derive(Debug)]
pub struct SlowPolls<K> {
    thresholds: Thresholds,
    by_site: BTreeMap<Option<K>, Slow>,
}

/// The slow polls of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// Tasks that had one.
    pub tasks: u64,
    /// The task that had the longest.
    pub worst_task: u64,
    /// The longest.
    pub worst_ns: u64,
}

impl<K: Ord> SlowPolls<K> {
    /// Nothing yet.
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, by_site: BTreeMap::new() }
    }

    /// Looks at one task.
    pub fn offer(&mut self, site: Option<K>, task: u64, longest_poll_ns: u64) {
        if !self.thresholds.is_over(Lint::SlowPoll, longest_poll_ns) {
            return;
        }
        let full = self.by_site.len() >= SITES_MAX && !self.by_site.contains_key(&site);
        let found = Slow { tasks: 1, worst_task: task, worst_ns: longest_poll_ns };
        self.by_site
            .entry(if full { None } else { site })
            .and_modify(|slow| {
                slow.tasks += 1;
                if longest_poll_ns > slow.worst_ns {
                    slow.worst_task = task;
                    slow.worst_ns = longest_poll_ns;
                }
            })
            .or_insert(found);
    }

    /// The sites with slow polls, `None` for tasks of unknown ones.
    pub fn into_sites(self) -> impl Iterator<Item = (Option<K>, Slow)> {
        self.by_site.into_iter()
    }
}

/// The warning about the slow polls of one site; `name` is that of the worst task.
pub fn slow_poll(slow: Slow, name: Option<&str>, site: Option<Place>) -> Warning {
    let mut message =
        format!("a poll of {} took {}", words::task(slow.worst_task, name), duration(slow.worst_ns));
    if slow.tasks > 1 {
        message = format!("{message}; {} had slow ones", counted(slow.tasks, "task"));
    }
    if let Some(site) = &site {
        message = format!("{message}, spawned at {}", words::place(site));
    }
    Warning {
        task: Some(slow.worst_task),
        count: slow.tasks,
        for_ns: Some(slow.worst_ns),
        ..warning(Lint::SlowPoll, message, site)
    }
}
