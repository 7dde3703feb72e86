//! A point where several tasks wait for each other.
//!
//! ```text
//!                    the last one arrives, or enough stood in line
//!      ┌──────────► FILLING ─────────────────────────────────────► DRAINING ──┐
//!      │               │ reset, somebody waits                                │
//!      │               └──────────────────────► RESETTING ──┐                 │ all who were let go had
//!      └────────────────────────────────────────────────────┴─────────────────┘ their turn, or were dropped
//!
//!   abort: from any state to BROKEN. reset: from BROKEN to RESETTING, or to FILLING when nobody is on the way out
//! ```
//!
//! # Invariants
//!
//! One line holds all who wait, in the order of coming: while it is FILLING they have arrived and are fewer than the parties,
//! while it is DRAINING or RESETTING they come too early and arrive when that is over, while it is BROKEN nobody stands there.
//! `leaving` counts those who were notified and are still to leave. What one of them got, its index or why it got none, is
//! decided when it is notified and kept with its wait, so that it is the same in whatever order they have their turns.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::line::{Line, Waiting};
use super::queue::may_go_on;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// Kept with a wait in place of an index.
const RESET: u32 = u32::MAX;
const ABORTED: u32 = u32::MAX - 1;
/// More tasks than a loop can hold.
const PARTIES_MAX: usize = 1 << 30;

/// A point where a number of tasks of one loop wait for each other; when the last one comes all go on.
///
/// It can be used again and again. Who comes for the next time before all have gone on from the last one waits its turn: the
/// first to come are the first to be in.
///
/// All or nobody: once the last one came everybody gets its index, whatever is done to the barrier before the others have their
/// turns. (In asyncio a [`reset`](Self::reset) or [`abort`](Self::abort) in between gives an error to those who had not.) The
/// indices are those of the order in which they came, with no gap and none twice, also when somebody gave up before.
///
/// # Examples
///
/// ```
/// use loopscope::sync::Barrier;
/// use std::rc::Rc;
///
/// loopscope::run(async {
///     let start = Rc::new(Barrier::new(3).named("start"));
///     let tasks: Vec<_> = (0..3)
///         .map(|_| {
///             let start = Rc::clone(&start);
///             loopscope::spawn(async move { start.wait().await.unwrap().is_leader() })
///         })
///         .collect();
///     let mut leaders = 0;
///     for task in tasks {
///         leaders += usize::from(task.await.unwrap());
///     }
///     assert_eq!(leaders, 1);
/// });
/// ```
#[doc(alias = "asyncio.Barrier")]
pub struct Barrier {
    line: Line,
    queue: WaitQueue,
    parties: usize,
    state: Cell<State>,
    /// Those who were notified and are still to leave.
    leaving: Cell<usize>,
}

impl Barrier {
    /// A barrier that `parties` tasks pass together.
    ///
    /// # Panics
    ///
    /// When `parties` is 0, or more than a loop can hold.
    #[track_caller]
    pub const fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier of 0 parties: there must be at least one to pass it");
        assert!(parties <= PARTIES_MAX, "a barrier of more parties than a loop can hold");
        let mut line = Line::new(ResourceKind::Barrier, Location::caller(), 0);
        line.set_limit(Some(parties));
        Self {
            line,
            queue: WaitQueue::new(),
            parties,
            state: Cell::new(State::Filling),
            leaving: Cell::new(0),
        }
    }

    /// What the barrier is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.line.set_name(name);
        self
    }

    /// Waits until all parties have come. The last one does not wait.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped while it waits has not come: the others go on waiting for one more. Dropped after all have come it
    /// hinders nobody, and its index is nobody's.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`] when the barrier is [reset](Self::reset) while it waits, or was [aborted](Self::abort).
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[doc(alias = "asyncio.Barrier.wait")]
    #[track_caller]
    pub fn wait(&self) -> WaitBarrier<'_> {
        WaitBarrier { barrier: self, wait: Wait::new(), made_at: Location::caller() }
    }

    /// Sends away those who wait, with an error, and makes a barrier that was aborted usable again.
    ///
    /// Those for whom all have come go on, and those who wait for the next time go on waiting.
    #[doc(alias = "asyncio.Barrier.reset")]
    pub fn reset(&self) {
        self.forget_stale();
        match self.state.get() {
            State::Filling if self.line.waiting() > 0 => {
                self.state.set(State::Resetting);
                self.send_away(RESET);
            }
            State::Broken => {
                let empty = self.leaving.get() == 0;
                self.state.set(if empty { State::Filling } else { State::Resetting });
            }
            State::Filling | State::Draining | State::Resetting => {}
        }
    }

    /// Breaks the barrier: whoever waits, or will, gets an error, until it is [reset](Self::reset).
    ///
    /// Those for whom all have come go on.
    #[doc(alias = "asyncio.Barrier.abort")]
    pub fn abort(&self) {
        self.forget_stale();
        self.state.set(State::Broken);
        self.send_away(ABORTED);
    }

    /// How many it takes.
    #[doc(alias = "asyncio.Barrier.parties")]
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many have come and wait for the others.
    #[doc(alias = "asyncio.Barrier.n_waiting")]
    pub fn waiting(&self) -> usize {
        self.forget_stale();
        if self.state.get() == State::Filling { self.line.waiting() } else { 0 }
    }

    /// Whether it was aborted, and not reset since.
    #[doc(alias = "asyncio.Barrier.broken")]
    pub fn is_broken(&self) -> bool {
        self.state.get() == State::Broken
    }

    /// Those who were on the way out have gone with their loop.
    fn forget_stale(&self) {
        if self.leaving.get() > 0 && self.line.is_stale() {
            self.leaving.set(0);
            self.fill();
        }
    }

    /// Takes up to `count` out of the line, gives each the number that `number` says, and wakes them.
    fn let_go(&self, count: usize, number: impl Fn(usize) -> u32) {
        let Some(lp) = self.line.lp() else { return };
        // All are taken out, and counted, before any code of another library runs, which may come back here.
        let mut foreign = Vec::new();
        for place in 0..count {
            let Some(first) = self.queue.first(lp) else { break };
            first.set_number(number(place));
            self.queue.notify_first_but(lp, &mut foreign);
            self.leaving.set(self.leaving.get() + 1);
        }
        self.show();
        for waker in foreign {
            lp.wake_quietly(waker);
        }
    }

    /// The first `count` in line have come together.
    fn release(&self, count: usize) {
        if count > 0 {
            self.state.set(State::Draining);
            self.let_go(count, |place| u32::try_from(place).unwrap_or(ABORTED));
        }
    }

    fn send_away(&self, why: u32) {
        self.let_go(usize::MAX, |_| why);
    }

    /// One of those who were notified has left. After the last one those who came early have arrived.
    fn left(&self) {
        self.leaving.set(self.leaving.get().saturating_sub(1));
        if self.leaving.get() == 0 {
            self.fill();
        }
        self.show();
    }

    fn fill(&self) {
        if self.state.get() == State::Broken {
            return;
        }
        self.state.set(State::Filling);
        if self.line.waiting() >= self.parties {
            self.release(self.parties);
        }
    }

    /// Writes how many have come into the record.
    fn show(&self) {
        if let Some(record) = self.line.record() {
            record.filled(self.waiting());
        }
    }

    fn outcome(&self, number: u32) -> Result<Arrival, BrokenBarrier> {
        match number {
            RESET | ABORTED => {
                Err(BrokenBarrier { barrier: self.line.describe("barrier"), reset: number == RESET })
            }
            index => Ok(Arrival { index: index as usize }),
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.waiting();
        let mut barrier = f.debug_struct("Barrier");
        if let Some(name) = self.line.name() {
            barrier.field("name", &name);
        }
        barrier
            .field("state", &self.state.get())
            .field("waiting", &waiting)
            .field("parties", &self.parties)
            .finish_non_exhaustive()
    }
}

/// The future of [`Barrier::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitBarrier<'a> {
    barrier: &'a Barrier,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl WaitBarrier<'_> {
    /// Leaves; the number it was given, if it was notified.
    fn leave(&mut self) -> Option<u32> {
        let barrier = self.barrier;
        let number = self.wait.entry()?.number();
        if barrier.line.leave(&barrier.queue, &mut self.wait) {
            barrier.left();
            return Some(number);
        }
        barrier.show();
        None
    }
}

impl Future for WaitBarrier<'_> {
    type Output = Result<Arrival, BrokenBarrier>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let barrier = self.barrier;
        if self.wait.is_notified() {
            let number = self.leave().unwrap_or(ABORTED);
            return Poll::Ready(barrier.outcome(number));
        }
        if self.wait.entry().is_none() {
            barrier.forget_stale();
            let others = barrier.parties - 1;
            let is_last = barrier.state.get() == State::Filling && barrier.line.waiting() == others;
            if is_last || barrier.is_broken() {
                if !may_go_on(cx) {
                    return Poll::Pending;
                }
                if !is_last {
                    return Poll::Ready(barrier.outcome(ABORTED));
                }
                barrier.release(others);
                return Poll::Ready(Ok(Arrival { index: others }));
            }
        }
        let waiting = Waiting { kind: WaitKind::Barrier, renewed: false, at, made_at: self.made_at };
        barrier.line.wait("waiting at a barrier", &barrier.queue, &mut self.wait, cx, &waiting);
        barrier.show();
        Poll::Pending
    }
}

impl Drop for WaitBarrier<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for WaitBarrier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitBarrier").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// That all have come, and as which of them one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    index: usize,
}

impl Arrival {
    /// From 0 for the first to come to the number of parties less one for the last: each of them once.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether this is the first to have come, for what one of the parties has to do for all.
    pub fn is_leader(&self) -> bool {
        self.index == 0
    }
}

/// A barrier was reset while one waited, or was aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "asyncio.BrokenBarrierError")]
pub struct BrokenBarrier {
    barrier: String,
    reset: bool,
}

impl BrokenBarrier {
    /// Whether it was reset, so that one can wait again.
    pub fn is_reset(&self) -> bool {
        self.reset
    }

    /// Whether it was aborted, so that nobody can wait until it is reset.
    pub fn is_aborted(&self) -> bool {
        !self.reset
    }
}

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.reset { "reset" } else { "aborted" };
        write!(f, "waiting at the {}: it was {what}", self.barrier)
    }
}

impl Error for BrokenBarrier {}
