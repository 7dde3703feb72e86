//! The walk over a loop's tasks, in slices between which the loop goes on.
//!
//! ```text
//!   posted ──► slice: tasks are polled until the time is over ──► all seen? ── no ──► posted again, idle until a batch has run
//!                                                                    │ (those that were scheduled are asked a second time)
//!                                                                    │ yes
//!                                                                    └──► a thread names what was found and sends it
//! ```
//!
//! A loop that ends in between drops what it was posted, and with it the sender, so that the one who asked hears of it.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use super::await_frames::Naming;
use super::branches;
use super::{Dump, Options, TaskStack, TaskWait};
use crate::event_loop::handle::{Handle, LoopEnded};
use crate::event_loop::slot::Loop;
use crate::sync::remote::oneshot;
use crate::task::TaskId;
use crate::task::capture::{Captured, ForeignEntry, Outcome};
use crate::task::raw::Described;
use crate::telemetry::atomic::OneWriter;
use crate::telemetry::{LoopReader, PlaceIndex};

/// With more wait entries than this, those with foreign wakers are looked for once, before the first task, and not in each slice.
const ENTRIES_PER_SLICE: u32 = 1 << 15;
/// Wait entries that are looked at between two looks at the time.
const ENTRIES_AT_ONCE: u32 = 1 << 12;

/// Asks all tasks of a loop where they stand.
///
/// Works from the loop itself, from another one, and under any other executor. The loop goes on in between; names are looked
/// up on a thread of their own.
///
/// # Cancel safety
///
/// Dropping the future loses the answer; tasks that were polled for it were polled.
///
/// # Errors
///
/// When the loop has ended, or ends before all tasks were asked.
///
/// # Examples
///
/// ```
/// use loopscope::introspect::{self, Options};
///
/// loopscope::run(async {
///     let task = loopscope::spawn(async { loopscope::sleep(std::time::Duration::from_secs(60)).await });
///     loopscope::yield_now().await;
///     let dump = introspect::dump(&loopscope::Handle::current(), Options::new().tasks([task.id()])).await.unwrap();
///     println!("{dump}");
///     assert_eq!(dump.tasks[0].branches[0].frames.last().unwrap().function, "loopscope::sleep");
/// });
/// ```
pub fn dump(handle: &Handle, options: Options) -> Dumping {
    let (sender, receiver) = oneshot::channel();
    let (lp, life) = handle.target();
    let walk = Walk {
        lp,
        life,
        options,
        next: 0,
        again: Vec::new(),
        is_second_round: false,
        found: Vec::new(),
        left_out: 0,
        entries: BTreeSet::new(),
        next_entry: 0,
        slices: 0,
        longest_ns: 0,
        paused_ns: 0,
        batches: None,
        sender,
    };
    walk.post();
    Dumping { receiver }
}

/// The future of [`dump`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Dumping {
    receiver: oneshot::Receiver<Dump>,
}

impl Future for Dumping {
    type Output = Result<Dump, LoopEnded>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map_err(|_| LoopEnded::new())
    }
}

/// A task as it was found.
struct Found {
    described: Described,
    parent: u64,
    outcome: Outcome,
    captured: Captured,
}

/// A dump under way.
struct Walk {
    lp: &'static Loop,
    life: u64,
    options: Options,
    /// The next task slot to look at.
    next: u32,
    /// Slots whose tasks were scheduled, to be asked again when a batch has run: most are only passing through the queue.
    again: Vec<u32>,
    is_second_round: bool,
    found: Vec<Found>,
    left_out: u64,
    entries: BTreeSet<ForeignEntry>,
    /// The next wait entry to look at, where that takes more than one slice.
    next_entry: u32,
    slices: u32,
    longest_ns: u64,
    paused_ns: u64,
    /// The loop's batches when the last slice ended.
    batches: Option<u64>,
    sender: oneshot::Sender<Dump>,
}

impl Walk {
    fn post(self) {
        // A loop that has ended drops this, and with it the sender.
        drop(self.lp.post(self.life, Box::new(|| self.step())));
    }

    /// One slice, on the loop's thread and between two tasks.
    fn step(mut self) {
        let batches = self.lp.record.batches.read();
        let is_idle = self.lp.ready.len() == 0;
        if self.batches == Some(batches) && !is_idle {
            return self.post(); // in the middle of the same batch: first everybody has a turn
        }
        if self.sender.is_closed() {
            return; // nobody wants to know any more
        }
        let began = self.lp.ticks.get().now();
        let is_over = self.slice(began);
        let pause = self.lp.rate.get().span_ns(self.lp.ticks.get().now().saturating_sub(began));
        self.slices += 1;
        self.longest_ns = self.longest_ns.max(pause);
        self.paused_ns += pause;
        self.batches = Some(batches);
        if is_over { self.finish() } else { self.post() }
    }

    /// Asks tasks until the time is over. Returns whether all were asked.
    fn slice(&mut self, began: u64) -> bool {
        let slice_ns = u64::try_from(self.options.slice.as_nanos()).unwrap_or(u64::MAX);
        let until = began.saturating_add(self.lp.rate.get().ticks_of(slice_ns));
        if !self.find_entries(until) {
            return false;
        }
        while let Some(index) = self.next_slot() {
            if !self.lp.controls.group_in_use(index) {
                continue;
            }
            self.ask(index);
            if self.lp.ticks.get().now() >= until {
                return false;
            }
        }
        std::mem::replace(&mut self.is_second_round, true) || self.again.is_empty()
    }

    /// Looks for the entries that keep foreign wakers. Returns whether all were looked at.
    fn find_entries(&mut self, until: u64) -> bool {
        let all = self.lp.waiters.high_water();
        if self.next_entry == 0 && all <= ENTRIES_PER_SLICE {
            self.entries = self.lp.waiters.with_foreign_wakers(0..all).collect();
            return true;
        }
        // One that a task makes meanwhile in a part already looked at is not found, so what is below it may be left out.
        while self.next_entry < all {
            let end = all.min(self.next_entry.saturating_add(ENTRIES_AT_ONCE));
            self.entries.extend(self.lp.waiters.with_foreign_wakers(self.next_entry..end));
            self.next_entry = end;
            if self.lp.ticks.get().now() >= until {
                return false;
            }
        }
        true
    }

    fn next_slot(&mut self) -> Option<u32> {
        if self.is_second_round {
            return self.again.pop();
        }
        let index = Some(self.next).filter(|index| *index < self.lp.controls.high_water())?;
        self.next += 1;
        Some(index)
    }

    fn ask(&mut self, index: u32) {
        let lp = self.lp;
        let Some(id) = lp.pending_at(index) else { return };
        if self.options.tasks.as_ref().is_some_and(|tasks| !tasks.contains(&id)) {
            return;
        }
        if self.found.len() >= self.options.limit {
            self.left_out += 1;
            return;
        }
        let described = lp.describe_task(index);
        let parent = lp.records.origin(index).parent();
        let (outcome, captured) = lp.capture(index, &self.entries);
        if outcome == Outcome::Scheduled && !self.is_second_round {
            return self.again.push(index);
        }
        self.found.push(Found { described, parent, outcome, captured });
    }

    /// Hands over to a thread that looks up the names.
    fn finish(self) {
        let (reader, loop_id) = (LoopReader::new(self.lp, self.life), self.life - 1);
        let name = "loopscope-names".to_owned();
        let name_all = move || {
            let dump = Dump {
                loop_id,
                tasks: name_tasks(&reader, self.lp, self.found),
                left_out: self.left_out,
                slices: self.slices,
                longest_pause: Duration::from_nanos(self.longest_ns),
                paused: Duration::from_nanos(self.paused_ns),
            };
            drop(self.sender.send(dump)); // nobody may want to know any more
        };
        // Without a thread there is no answer: the sender is dropped with the closure.
        drop(thread::Builder::new().name(name).spawn(name_all));
    }
}

/// The tasks in the order they were spawned, their addresses as awaits.
fn name_tasks(reader: &LoopReader, lp: &'static Loop, mut found: Vec<Found>) -> Vec<TaskStack> {
    found.sort_by_key(|found| found.described.id);
    let mut waits = waits_by_task(reader);
    let naming = Naming::new(lp.places.files());
    let stack_of = |found: Found| {
        let Found { described, parent, outcome, captured } = found;
        TaskStack {
            task: described.id,
            name: described.name,
            kind: described.kind,
            parent: (parent != 0).then(|| TaskId::from_raw(parent)),
            spawned_at: described.spawned_at,
            branches: branches::grow(&naming, outcome, &captured),
            waits: waits.remove(&described.id).unwrap_or_default(),
            left_out: captured.lost,
        }
    };
    found.into_iter().map(stack_of).collect()
}

fn waits_by_task(reader: &LoopReader) -> HashMap<TaskId, Vec<TaskWait>> {
    let mut waits: HashMap<TaskId, Vec<TaskWait>> = HashMap::new();
    let place = |index: Option<PlaceIndex>| index.and_then(|index| reader.place(index));
    reader.waits(&mut |wait| {
        waits.entry(TaskId::from_raw(wait.task)).or_default().push(TaskWait {
            kind: wait.kind,
            at: place(wait.at),
            task: wait.target_task.map(TaskId::from_raw),
            resource: wait.resource,
        });
        ControlFlow::Continue(())
    });
    waits
}
