//! Reading the records, from any thread at any time.
//!
//! A reading never stops, locks or wakes a loop, and it works while the loop is stuck in a ten-second callback, which is
//! exactly when somebody looks. What is read may be from slightly different instants; differences saturate.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Acquire;

use super::atomic::{OneWriter, Relaxed};
use super::clock::{self, Rate};
use super::identity::Identity;
use super::record::{Origin, Record, kind_of, size_of_future, state_of};
use super::view::{
    Histogram, HistogramKind, IoTotalIndex, IoTotalView, LoopView, NameIndex, Place, PlaceIndex, ResourceId,
    ResourceView, RunningView, SiteIndex, SiteView, TaskState, TaskView, WaitKind, WaitView,
};
use super::waiter::{HEAD, MEMBER, RENEWED, Waiter, kind_of_code, timer_of_flags};
use crate::debug::Frame;
use crate::event_loop::handle::Handle;
use crate::event_loop::slot::{self, Loop};
use crate::task::control::TaskWord;
use crate::time::Instant;
use crate::time::sleep::NEVER;

/// Every loop that is alive in this process, in the order of their numbers.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
///
/// loopscope::run(async {
///     let sleeper = loopscope::spawn(loopscope::sleep(std::time::Duration::from_secs(60)));
///     loopscope::yield_now().await;
///     let mut idle = 0;
///     for reader in loopscope::telemetry::loops() {
///         reader.tasks(&mut |task| {
///             idle += u32::from(task.state == loopscope::telemetry::TaskState::Idle);
///             ControlFlow::Continue(())
///         });
///     }
///     assert!(idle >= 1);
///     sleeper.cancel().await;
/// });
/// ```
pub fn loops() -> Vec<LoopReader> {
    let alive = slot::all().filter_map(|lp| {
        let life = lp.life.load(Acquire);
        (life != 0).then(|| LoopReader::new(lp, life))
    });
    let mut readers: Vec<LoopReader> = alive.collect();
    readers.sort_by_key(LoopReader::id);
    readers
}

/// Reads the records of one loop.
#[derive(Clone, Copy, Debug)]
pub struct LoopReader {
    lp: &'static Loop,
    life: u64,
}

impl LoopReader {
    pub(crate) fn new(lp: &'static Loop, life: u64) -> Self {
        Self { lp, life }
    }

    /// Where the loop is and which one of those that lived there.
    pub(crate) fn of(&self) -> (&'static Loop, u64) {
        (self.lp, self.life)
    }

    /// The id of the task of this word.
    pub(crate) fn id_of(&self, word: u64) -> Option<u64> {
        self.record_of(word).map(|(id, _)| id)
    }

    /// The loop's number, counted from 0 in the process and never reused.
    pub fn id(&self) -> u64 {
        self.life - 1
    }

    /// The loop as other threads see it.
    pub fn handle(&self) -> Handle {
        Handle::with_life(self.lp, self.life)
    }

    /// The loop, or what lives in its slot now.
    pub(crate) fn lp(&self) -> &'static Loop {
        self.lp
    }

    fn is_alive(&self) -> bool {
        self.lp.life.load(Acquire) == self.life
    }

    /// The loop itself, or `None` when it has ended.
    pub fn view(&self) -> Option<LoopView> {
        if !self.is_alive() {
            return None;
        }
        let (record, rate) = (&self.lp.record, clock::rate());
        let info = record.info();
        let sites = self.lp.sites.read();
        let polls = self.histogram(HistogramKind::Poll, None).count();
        let parked_since = record.parked_since.read();
        let running = record.running().map(|(word, since)| {
            RunningView::new(self.record_of(word).map(|(id, _)| id), Instant::from_nanos(rate.at_ns(since)))
        });
        let view = LoopView {
            id: self.id(),
            name: info.name,
            thread: info.thread,
            tid: info.tid,
            hidden: info.hidden,
            debug: record.debug.read() != 0,
            started_at: Instant::from_nanos(rate.at_ns(record.started_at.read())),
            tasks: sites.iter().map(SiteView::live).sum(),
            ready: record.ready.read(),
            timers: record.timers.read(),
            ticks: record.batches.read(),
            driver_turns: record.driver_turns.read(),
            polls,
            remote_wakes: record.remote_wakes.read(),
            busy_ns: sites.iter().map(|site| site.busy_ns).sum(),
            parked_ns: record.parked_ns.read(),
            parked_since: (parked_since != 0).then(|| Instant::from_nanos(rate.at_ns(parked_since))),
            running,
        };
        // It may have ended, and another begun in its place, while it was read.
        self.is_alive().then_some(view)
    }

    /// Walks the tasks that live and the last thousand or so that ended, without allocating, until `each` breaks.
    pub fn tasks(&self, each: &mut dyn FnMut(&TaskView) -> ControlFlow<()>) {
        let rate = clock::rate();
        let running = self.lp.record.running();
        for index in 0..self.lp.controls.high_water() {
            if !self.lp.controls.group_in_use(index) {
                continue;
            }
            let (origin, record) = (self.lp.records.origin(index), self.lp.records.get(index));
            let life = origin.identity.read(|| (origin.identity.word(), read(origin, record, &rate)));
            let Some((word, view)) = life else {
                continue;
            };
            let view = with_running(view, word, index, running, &rate);
            let view = TaskView { wakers: self.live_wakers(index, word, view.state), ..view };
            // Asked after it was read: it may be of the slot's next loop.
            if !self.is_alive() || each(&view).is_break() {
                return;
            }
        }
    }

    /// How many wakers of a task are kept somewhere, if they are counted and it lives.
    fn live_wakers(&self, index: u32, identity: u32, state: TaskState) -> Option<u64> {
        let (generation, count) = self.lp.live_wakers.get(index).read();
        let is_its_own = generation != 0 && Identity::live_word(generation) == identity;
        (is_its_own && !state.is_finished()).then_some(count)
    }

    /// One task, if it lives or ended lately.
    pub fn task(&self, id: u64) -> Option<TaskView> {
        let mut found = None;
        self.tasks(&mut |task| {
            if task.id == id {
                found = Some(*task);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        found
    }

    /// The stack by which a task was made, from the caller of its `spawn` outwards, where one was kept: in the mode
    /// [`Stacks`](crate::debug::Mode::Stacks), of the first eight tasks of a spawn site and of one in 1,024 of the others. The first
    /// time this reads the program's line tables, which may take a second.
    pub fn creation_stack(&self, task: u64) -> Option<Vec<Frame>> {
        let stack = self.lp.creation.of(task)?;
        self.is_alive().then(|| stack.frames())
    }

    /// In which slot a task is, or was when it was looked for.
    pub(crate) fn index_of(&self, id: u64) -> Option<u32> {
        let mut indices =
            (0..self.lp.controls.high_water()).filter(|&index| self.lp.controls.group_in_use(index));
        let is_it = |&index: &u32| {
            let origin = self.lp.records.origin(index);
            origin.identity.read(|| origin.id.read()) == Some(id)
        };
        indices.find(is_it)
    }

    /// Walks every wait of every task, without allocating, until `each` breaks.
    pub fn waits(&self, each: &mut dyn FnMut(&WaitView) -> ControlFlow<()>) {
        let rate = clock::rate();
        for index in 0..self.lp.waiters.high_water() {
            if self.lp.waiters.group_in_use(index)
                && let Some(view) = self.wait(index, &rate)
                && (!self.is_alive() || each(&view).is_break())
            {
                return;
            }
        }
    }

    fn wait(&self, index: u32, rate: &Rate) -> Option<WaitView> {
        let entry = self.lp.waiters.get(index);
        let mut words = entry.identity.read(|| Words::of(entry))?;
        if words.flags & MEMBER != 0 {
            // Who waits for a member of a set is whoever waits for the set.
            let set = TaskWord(words.task);
            let head = self.lp.waiters.get(set.index());
            let read = head.identity.read(|| (head.identity.word(), Words::of(head)));
            let (_, head) =
                read.filter(|(identity, _)| *identity == Identity::live_word(set.generation()))?;
            let target = words.payload;
            words = Words { kind: WaitKind::Join, flags: head.flags & !HEAD, ..head };
            return self.view_of(&words, Some(target), rate);
        }
        if words.flags & HEAD != 0 {
            return None;
        }
        self.view_of(&words, None, rate)
    }

    /// What an entry says; `member` is the task of a set that it is about.
    fn view_of(&self, words: &Words, member: Option<u64>, rate: &Rate) -> Option<WaitView> {
        let &Words { task: word, kind, flags, at, made_at, payload, since } = words;
        let (task, polls) = self.record_of(word)?;
        let is_timer = kind == WaitKind::Sleep && payload > 0;
        let resource = match kind {
            WaitKind::Sleep | WaitKind::Join | WaitKind::Blocking | WaitKind::Resolve => None,
            _ => u32::try_from(payload & u64::from(u32::MAX)).ok().and_then(|word| word.checked_sub(1)),
        };
        Some(WaitView {
            task,
            kind,
            target_task: member.or((kind == WaitKind::Join).then_some(payload)),
            target_job: matches!(kind, WaitKind::Blocking | WaitKind::Resolve).then_some(payload),
            resource: resource.map(|index| ResourceId(self.lp.resources.get(index).id())),
            // A sleep of zero is a turn given up: it has no deadline.
            deadline: (is_timer && payload != NEVER).then(|| Instant::from_nanos(payload)),
            timer: is_timer.then(|| timer_of_flags(flags)),
            at: at.checked_sub(1).map(PlaceIndex),
            made_at: made_at.checked_sub(1).map(PlaceIndex),
            since: Instant::from_nanos(rate.at_ns(since)),
            perhaps: flags & RENEWED != 0 && (polls & u64::from(u32::MAX)) > (payload >> 32) + 1,
        })
    }

    /// Id and polls of the task that a word names, if it is still that task.
    fn record_of(&self, word: u64) -> Option<(u64, u64)> {
        let word = TaskWord(word);
        if word.0 == 0 {
            return None;
        }
        let (origin, record) = (self.lp.records.origin(word.index()), self.lp.records.get(word.index()));
        let read =
            origin.identity.read(|| (origin.identity.word(), origin.id.read(), record.polls.read()))?;
        (read.0 == Identity::live_word(word.generation())).then_some((read.1, read.2))
    }

    /// Walks every resource that lives, until `each` breaks.
    pub fn resources(&self, each: &mut dyn FnMut(&ResourceView) -> ControlFlow<()>) {
        let rate = clock::rate();
        for index in self.lp.resources.indices() {
            if let Some(view) = self.lp.resources.get(index).read(&self.lp.names, &rate)
                && (!self.is_alive() || each(&view).is_break())
            {
                return;
            }
        }
    }

    /// All spawn sites.
    pub fn sites(&self) -> Vec<SiteView> {
        let sites = self.lp.sites.read();
        if self.is_alive() { sites } else { Vec::new() }
    }

    /// What went through the descriptors of each kind and place, those that were closed included: exact sums, in the order of
    /// the first descriptor made there.
    pub fn io_totals(&self) -> Vec<IoTotalView> {
        let totals = self.lp.io_totals.read();
        if self.is_alive() { totals } else { Vec::new() }
    }

    /// How long after the OS reported a descriptor readable the poll that read from it began; of the reads and accepts that
    /// followed such a report, of all descriptors of one total.
    pub fn readiness_delay(&self, total: IoTotalIndex) -> Histogram {
        let histogram = self.lp.io_totals.readiness_delay(&self.lp.blocks, total);
        if self.is_alive() { histogram } else { Histogram::default() }
    }

    /// One spawn site as it is now.
    pub fn site(&self, index: SiteIndex) -> Option<SiteView> {
        self.lp.sites.get(index).filter(|_| self.is_alive())
    }

    /// The text of a place.
    pub fn place(&self, index: PlaceIndex) -> Option<Place> {
        self.lp.places.get(index)
    }

    /// The text of a name. Names are what the application chose: escape them before showing them.
    pub fn name(&self, index: NameIndex) -> Option<String> {
        let name = self.lp.names.get(index);
        name.filter(|_| self.is_alive())
    }

    /// A histogram: of one site, or of the whole loop. `Lateness` and `IoWait` have no sites.
    pub fn histogram(&self, kind: HistogramKind, site: Option<SiteIndex>) -> Histogram {
        let own = self.lp.histograms.get(0);
        let histogram = match kind {
            HistogramKind::Poll => self.lp.sites.histogram(&self.lp.blocks, site, true),
            HistogramKind::Scheduled => self.lp.sites.histogram(&self.lp.blocks, site, false),
            HistogramKind::Lateness => self.lp.blocks.read(&own.lateness),
            HistogramKind::IoWait => self.lp.blocks.read(&own.io_wait),
        };
        if self.is_alive() { histogram } else { Histogram::default() }
    }

    /// Bytes that the histograms take, and values that found no room in them.
    pub fn histogram_memory(&self) -> (u64, u64) {
        (self.lp.blocks.bytes(), self.lp.blocks.lost())
    }
}

/// The words of a wait entry, from one moment.
struct Words {
    task: u64,
    kind: WaitKind,
    flags: u8,
    at: u32,
    made_at: u32,
    payload: u64,
    since: u64,
}

impl Words {
    fn of(entry: &Waiter) -> Self {
        Self {
            task: entry.task.read(),
            kind: kind_of_code(entry.kind.load(Relaxed)),
            flags: entry.flags.load(Relaxed),
            at: entry.at.load(Relaxed),
            made_at: entry.made_at.load(Relaxed),
            payload: entry.payload.read(),
            since: entry.since.read(),
        }
    }
}

fn read(origin: &Origin, record: &Record, rate: &Rate) -> TaskView {
    let word = record.state.load(Relaxed);
    // Wakes first: a wake in between then makes the task idle rather than scheduled for ever.
    let (wakes, polls) = (record.wakes.read(), record.polls.read());
    let (state, since) = (state_of(word, wakes, polls), record.since.read());
    let since = Instant::from_nanos(rate.at_ns(since));
    TaskView {
        id: origin.id.read(),
        kind: kind_of(word),
        state,
        parent: (origin.parent.read() != 0).then(|| origin.parent.read()),
        site: record.site_index(),
        name: origin.name_index(),
        spawned_at: Instant::from_nanos(rate.at_ns(origin.spawned_at.read())),
        ended_at: state.is_finished().then_some(since),
        state_since: since,
        polls,
        wakes,
        self_wakes: record.self_wakes.read(),
        busy_ns: record.busy_ns.read(),
        scheduled_ns: record.scheduled_ns.read(),
        longest_poll_ns: record.longest_poll_ns.read(),
        size_bytes: size_of_future(word),
        wakers: None,
    }
}

/// "Running" stands in the loop's record only, so that a poll needs no store for it in the task's.
fn with_running(view: TaskView, word: u32, index: u32, running: Option<(u64, u64)>, rate: &Rate) -> TaskView {
    match running {
        Some((task, since)) if TaskWord(task).index() == index => {
            let same = Identity::live_word(TaskWord(task).generation()) == word;
            if same && !view.state.is_finished() {
                let since = Instant::from_nanos(rate.at_ns(since));
                TaskView { state: TaskState::Running, state_since: since, ..view }
            } else {
                view
            }
        }
        _ => view,
    }
}
