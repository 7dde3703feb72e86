//! Who waits for each resource, and for what of it.
//!
//! It is collected in one walk over all waits; the names of tasks are looked up only for the rows that are sent.

use super::context::Context;
use super::ids::IdMap;
use super::waits::{self, Names};
use crate::model::{WaitKind, Waiter, Waiting};
use crate::wire::Row;
use crate::wire::limits::{IDS_MAX, WAITING_KINDS_MAX};
use loopscope::telemetry::{PlaceIndex, WaitView};

/// Those who wait, by resource.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    queues: IdMap<Queue>,
    /// Waits that are in no list of ids.
    pub(super) left_out: u64,
}

impl Waiters {
    pub(super) fn read(context: &Context) -> Self {
        let mut this = Self::default();
        context.waits(|lp, wait| {
            if let Some(resource) = wait.resource {
                let queue = this.queues.entry(resource.0).or_default();
                this.left_out += u64::from(queue.add(lp, wait));
            }
        });
        this
    }

    /// Those of one resource, all and by kind; the longest waiting first.
    pub(super) fn take(&mut self, context: &Context, resource: u64) -> (Vec<u64>, Vec<Waiting>) {
        let Some(mut queue) = self.queues.remove(&resource) else { return Default::default() };
        let ids = queue.all.iter().map(|&(_, task)| task).collect();
        (ids, queue.by_kind(context))
    }
}

/// Those who wait for one resource.
#[derive(Debug, Default)]
struct Queue {
    /// The longest waiting first.
    all: Vec<(u64, u64)>,
    kinds: Vec<OfKind>,
}

/// Those of them who wait for the same.
#[derive(Debug)]
struct OfKind {
    kind: WaitKind,
    count: u64,
    /// The longest waiting first.
    first: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    since_ns: u64,
    task: u64,
    lp: usize,
    at: Option<PlaceIndex>,
}

/// Puts an item where it belongs, unless `max` others come before it. Whether one was left out.
fn insert<T, K: Ord>(items: &mut Vec<T>, item: T, max: usize, key: impl Fn(&T) -> K) -> bool {
    let at = items.partition_point(|other| key(other) <= key(&item));
    if at < max {
        items.insert(at, item);
    }
    let is_full = items.len() > max || at >= max;
    items.truncate(max);
    is_full
}

impl Queue {
    /// Takes a wait in. Whether it, or another, was left out of those that are told by id.
    fn add(&mut self, lp: usize, wait: &WaitView) -> bool {
        let entry = Entry { since_ns: wait.since.as_nanos(), task: wait.task, lp, at: wait.at };
        let kind = waits::kind(wait.kind);
        let at = self.kinds.iter().position(|of| of.kind == kind).unwrap_or_else(|| {
            self.kinds.push(OfKind { kind, count: 0, first: Vec::new() });
            self.kinds.len() - 1
        });
        let of = &mut self.kinds[at];
        of.count += 1;
        insert(&mut of.first, entry, Waiting::FIRST_MAX, |entry| (entry.since_ns, entry.task));
        insert(&mut self.all, (entry.since_ns, entry.task), IDS_MAX, |&entry| entry)
    }

    /// Those by kind, the kind first whose first has been waiting longest.
    fn by_kind(&mut self, context: &Context) -> Vec<Waiting> {
        self.kinds.sort_by_key(|of| of.first.first().map(|entry| (entry.since_ns, entry.task)));
        self.kinds.truncate(WAITING_KINDS_MAX);
        let waiter = |entry: &Entry| Waiter {
            task: entry.task,
            name: None,
            for_ns: Some(context.now().as_nanos().saturating_sub(entry.since_ns)),
            at: context.loops.get(entry.lp).and_then(|lp| lp.place(entry.at)),
        };
        let waiting = |of: &OfKind| Waiting {
            kind: of.kind,
            count: of.count,
            first: of.first.iter().map(waiter).collect(),
        };
        self.kinds.iter().map(waiting).collect()
    }
}

/// Puts the names of those who wait into the rows that are sent.
pub(super) fn name(context: &Context, rows: &mut [Row]) {
    fn waits(row: &mut Row) -> Option<&mut Vec<Waiting>> {
        match row {
            Row::Io(row) => Some(&mut row.waits),
            Row::Sync(row) => Some(&mut row.waits),
            _ => None,
        }
    }
    let mut all: Vec<&mut Waiter> =
        rows.iter_mut().filter_map(waits).flatten().flat_map(|waiting| &mut waiting.first).collect();
    let names = Names::read(context, &all.iter().map(|waiter| waiter.task).collect::<Vec<_>>());
    for waiter in &mut all {
        waiter.name = names.get(waiter.task);
    }
}
