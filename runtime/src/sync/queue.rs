//! Queues of bounded length between the tasks of one loop: first in, first out; last in, first out; lowest first.
//!
//! ```text
//!              Put waits for a slot                     Get waits for an item
//!   putters ──notified: slot reserved──► [ items ] ──notified: item reserved──► getters
//! ```
//!
//! # Invariants
//!
//! Whoever is notified has an item or a slot reserved until its future is polled or dropped, so that nobody overtakes it.
//! While getters stand in line every item is reserved; while putters stand in line every free slot is. Which item a getter
//! gets is decided when it comes: a queue that hands out the lowest hands out what is lowest then.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::task::Context;

mod error;
mod futures;
mod storage;

pub use error::{Closed, PutError, TryGetError, TryPutError};
pub use futures::{Get, Join, Put};
pub use storage::{Fifo, Lifo, Priority, Storage};

use super::last_taker::LastTaker;
use super::line::{Line, Waiting};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A first-in, first-out queue for the tasks of one loop: any of them may put and get.
///
/// It is bounded, so that a producer that is faster than its consumers waits for them. Whoever waits is served in the order of
/// coming. Share it in an `Rc`, or by reference.
///
/// [`close`](QueueOf::close) ends it: what is in it can still be taken. [`task_done`](QueueOf::task_done) and
/// [`join`](QueueOf::join) tell when everything that was put has also been worked off. What it can do stands at [`QueueOf`].
///
/// # Examples
///
/// ```
/// use loopscope::sync::Queue;
/// use std::rc::Rc;
///
/// loopscope::run(async {
///     let jobs = Rc::new(Queue::new(2).named("jobs"));
///     let queue = Rc::clone(&jobs);
///     let worker = loopscope::spawn(async move {
///         let mut sum = 0;
///         while let Ok(job) = queue.get().await {
///             sum += job;
///         }
///         sum
///     });
///     for job in 1..=10 {
///         jobs.put(job).await.unwrap();
///     }
///     jobs.close();
///     assert_eq!(worker.await.unwrap(), 55);
/// });
/// ```
#[doc(alias = "asyncio.Queue")]
pub type Queue<T> = QueueOf<T, Fifo<T>>;

/// A queue that hands out its lowest item first; among equals, the one that was put first.
///
/// For the highest first put [`std::cmp::Reverse`]`(item)`. A pair `(priority, item)` compares the items too where the priorities
/// are equal; the [`Ord`] of a type of one's own need not.
///
/// # Examples
///
/// ```
/// use loopscope::sync::PriorityQueue;
///
/// loopscope::run(async {
///     let jobs = PriorityQueue::unbounded();
///     for job in [(2, "tidy up"), (1, "put out the fire"), (3, "paint the wall")] {
///         jobs.put(job).await.unwrap();
///     }
///     assert_eq!(jobs.get().await, Ok((1, "put out the fire")));
///     assert_eq!(jobs.get().await, Ok((2, "tidy up")));
/// });
/// ```
#[doc(alias = "asyncio.PriorityQueue")]
pub type PriorityQueue<T> = QueueOf<T, Priority<T>>;

/// A queue that hands out the item that was put last.
///
/// # Examples
///
/// ```
/// use loopscope::sync::LifoQueue;
///
/// loopscope::run(async {
///     let plates = LifoQueue::new(2);
///     plates.put("lower").await.unwrap();
///     plates.put("upper").await.unwrap();
///     assert_eq!(plates.get().await, Ok("upper"));
/// });
/// ```
#[doc(alias = "asyncio.LifoQueue")]
pub type LifoQueue<T> = QueueOf<T, Lifo<T>>;

/// A queue whose [`Storage`] says which item comes out first: what [`Queue`], [`PriorityQueue`] and [`LifoQueue`] are.
pub struct QueueOf<T, S: Storage<T>> {
    line: Line,
    items: RefCell<S>,
    limit: usize,
    getters: WaitQueue,
    putters: WaitQueue,
    joiners: WaitQueue,
    /// Notified getters that did not come yet.
    reserved_items: Cell<usize>,
    /// Notified putters that did not come yet.
    reserved_slots: Cell<usize>,
    unfinished: Cell<usize>,
    /// Who took the last item.
    taker: LastTaker,
    closed: Cell<bool>,
    _items: std::marker::PhantomData<T>,
}

impl<T, S: Storage<T>> QueueOf<T, S> {
    /// A queue that holds up to `limit` items.
    ///
    /// # Panics
    ///
    /// When `limit` is 0, which in asyncio means "without limit": say [`unbounded`](Self::unbounded).
    #[track_caller]
    pub fn new(limit: usize) -> Self {
        assert!(limit > 0, "a queue that holds nothing: Queue::unbounded() has no limit");
        Self::with_limit(limit, Location::caller())
    }

    /// A queue without limit, which grows for as long as its producers are faster than its consumers.
    #[track_caller]
    pub fn unbounded() -> Self {
        Self::with_limit(usize::MAX, Location::caller())
    }

    fn with_limit(limit: usize, made_at: &'static Location<'static>) -> Self {
        let made_by = current::get().map_or(0, Loop::running_id);
        let mut line = Line::new(ResourceKind::Queue, made_at, made_by);
        line.set_limit((limit != usize::MAX).then_some(limit));
        Self {
            line,
            items: RefCell::default(),
            limit,
            getters: WaitQueue::new(),
            putters: WaitQueue::new(),
            joiners: WaitQueue::new(),
            reserved_items: Cell::new(0),
            reserved_slots: Cell::new(0),
            unfinished: Cell::new(0),
            taker: LastTaker::default(),
            closed: Cell::new(false),
            _items: std::marker::PhantomData,
        }
    }

    /// What the queue is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.line.set_name(name);
        self
    }

    /// Puts an item, waiting for a free slot while the queue is full.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has put nothing and takes the item along. A slot that was kept for it goes to the next one.
    ///
    /// # Errors
    ///
    /// [`PutError`] with the item when the queue is closed, also while it waits.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[doc(alias = "asyncio.Queue.put")]
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T, S> {
        Put { queue: self, item: Some(item), wait: Wait::new(), made_at: Location::caller() }
    }

    /// Puts an item if there is a free slot that nobody waits for.
    ///
    /// # Errors
    ///
    /// [`TryPutError`] with the item when the queue is full or closed.
    #[doc(alias = "asyncio.Queue.put_nowait")]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.forget_stale();
        if self.closed.get() {
            return Err(TryPutError::closed(item));
        }
        if !self.has_free_slot() {
            return Err(TryPutError::full(item, self.limit));
        }
        self.push(item);
        Ok(())
    }

    /// Takes the item that comes first, waiting for one while the queue is empty.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken nothing; an item that was kept for it goes to the next one.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the queue is closed and empty, also while it waits.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[doc(alias = "asyncio.Queue.get")]
    #[track_caller]
    pub fn get(&self) -> Get<'_, T, S> {
        Get { queue: self, wait: Wait::new(), made_at: Location::caller() }
    }

    /// Takes the item that comes first if there is one that nobody waits for.
    ///
    /// # Errors
    ///
    /// [`TryGetError`] when there is none; it says whether there can be one again.
    #[doc(alias = "asyncio.Queue.get_nowait")]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.forget_stale();
        let item = if self.has_free_item() { self.pop() } else { None };
        item.ok_or(if self.closed.get() { TryGetError::closed() } else { TryGetError::empty() })
    }

    /// Items in the queue, those included that are kept for a waiter.
    #[doc(alias = "asyncio.Queue.qsize")]
    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    /// Whether there is no item.
    #[doc(alias = "asyncio.Queue.empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no free slot.
    #[doc(alias = "asyncio.Queue.full")]
    pub fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// How many items it holds at most; `None` without limit.
    #[doc(alias = "asyncio.Queue.maxsize")]
    pub fn limit(&self) -> Option<usize> {
        (self.limit != usize::MAX).then_some(self.limit)
    }

    /// Ends the queue: nothing can be put any more, what is in it can still be taken.
    ///
    /// Who waits to put, or to get from the empty queue, gets the error. Closing twice is closing once.
    #[doc(alias = "asyncio.Queue.shutdown")]
    pub fn close(&self) {
        self.forget_stale();
        self.closed.set(true);
        self.notify_all(&self.putters, &self.reserved_slots);
        self.notify_all(&self.getters, &self.reserved_items);
    }

    /// Ends the queue and drops what is in it. Returns how many items were dropped; they count as done.
    ///
    /// [`join`](Self::join) may end by that although the work was not done.
    #[doc(alias = "asyncio.Queue.shutdown")]
    pub fn close_now(&self) -> usize {
        let dropped = std::mem::take(&mut *self.items.borrow_mut());
        self.close();
        self.show();
        self.count_done(dropped.len());
        dropped.len()
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Says that an item that was taken has been worked off.
    ///
    /// # Panics
    ///
    /// When it is called more often than items were put.
    #[doc(alias = "asyncio.Queue.task_done")]
    #[track_caller]
    pub fn task_done(&self) {
        assert!(self.unfinished.get() > 0, "task_done() was called more often than items were put");
        self.count_done(1);
    }

    /// Items that were put and not yet said to be done.
    pub fn unfinished(&self) -> usize {
        self.unfinished.get()
    }

    /// Waits until [`task_done`](Self::task_done) was called for every item that was put.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[doc(alias = "asyncio.Queue.join")]
    #[track_caller]
    pub fn join(&self) -> Join<'_, T, S> {
        Join { queue: self, wait: Wait::new(), made_at: Location::caller() }
    }

    fn count_done(&self, count: usize) {
        let left = self.unfinished.get().saturating_sub(count);
        self.unfinished.set(left);
        if let (0, Some(lp)) = (left, self.line.lp()) {
            self.joiners.notify_all(lp);
        }
    }

    /// What was kept for waiters of a loop that ended is free again.
    #[inline]
    fn forget_stale(&self) {
        if (self.reserved_items.get() | self.reserved_slots.get()) != 0 && self.line.is_stale() {
            self.reserved_items.set(0);
            self.reserved_slots.set(0);
        }
    }

    #[inline]
    fn has_free_item(&self) -> bool {
        self.len() > self.reserved_items.get()
    }

    #[inline]
    fn has_free_slot(&self) -> bool {
        self.len().saturating_add(self.reserved_slots.get()) < self.limit
    }

    #[inline]
    fn push(&self, item: T) {
        // Counted first, and offered in any case: an item whose comparison panics is in the queue all the same.
        self.unfinished.set(self.unfinished.get() + 1);
        let _offers = Afterwards(|| {
            self.show();
            self.offer_items();
        });
        self.items.borrow_mut().push(item);
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        self.taker.took(self.line.lp());
        // In any case: an item whose comparison panics on the way out has left the queue all the same.
        let _offers = Afterwards(|| {
            self.show();
            self.offer_slots();
        });
        self.items.borrow_mut().pop()
    }

    /// Keeps free items for those who stand in line.
    fn offer_items(&self) {
        let Some(lp) = self.line.lp() else { return };
        while self.has_free_item() && !self.getters.is_empty(lp) {
            self.reserved_items.set(self.reserved_items.get() + 1);
            self.getters.notify_first(lp);
        }
    }

    /// Keeps free slots for those who stand in line.
    fn offer_slots(&self) {
        let Some(lp) = self.line.lp() else { return };
        while self.has_free_slot() && !self.putters.is_empty(lp) {
            self.reserved_slots.set(self.reserved_slots.get() + 1);
            self.putters.notify_first(lp);
        }
    }

    fn notify_all(&self, waiters: &WaitQueue, reserved: &Cell<usize>) {
        let Some(lp) = self.line.lp() else { return };
        while !waiters.is_empty(lp) {
            reserved.set(reserved.get() + 1);
            waiters.notify_first(lp);
        }
    }

    /// Writes how full it is into the record.
    #[inline]
    fn show(&self) {
        if let Some(record) = self.line.record() {
            record.filled(self.len());
        }
    }

    /// Stands in line, or goes on standing there.
    #[track_caller]
    fn wait(&self, waiters: &WaitQueue, wait: &mut Wait, cx: &Context<'_>, waiting: &Waiting) {
        self.forget_stale(); // waiting binds the line to this loop, and then it is stale no more
        self.line.wait("waiting for a queue", waiters, wait, cx, waiting);
        if let (WaitKind::Put, Some(lp), Some(record)) = (waiting.kind, self.line.lp(), self.line.record()) {
            record.taken(self.taker.of(lp));
        }
        self.show();
    }

    /// A wait ends before what was kept for it was used.
    fn give_up(&self, waiters: &WaitQueue, reserved: &Cell<usize>, wait: &mut Wait) {
        if self.line.leave(waiters, wait) {
            reserved.set(reserved.get().saturating_sub(1));
            if self.closed.get() {
                return;
            }
            self.offer_items();
            self.offer_slots();
        }
    }
}

/// Is called when it is dropped, so also when what comes in between panics.
struct Afterwards<F: Fn()>(F);

impl<F: Fn()> Drop for Afterwards<F> {
    #[inline]
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Whether the running task may do one more operation before it lets others run. Outside of a loop there are no others.
#[inline]
pub(crate) fn may_go_on(cx: &Context<'_>) -> bool {
    current::get().is_none_or(|lp| lp.spend_budget(cx))
}

impl<T, S: Storage<T>> fmt::Debug for QueueOf<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut queue = f.debug_struct(S::QUEUE);
        if let Some(name) = self.line.name() {
            queue.field("name", &name);
        }
        queue
            .field("len", &self.len())
            .field("limit", &self.limit())
            .field("waiters", &self.line.waiting())
            .field("unfinished", &self.unfinished.get())
            .field("closed", &self.closed.get())
            .finish_non_exhaustive()
    }
}
