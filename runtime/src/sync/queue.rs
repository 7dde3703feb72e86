//! A queue of bounded length between the tasks of one loop.
//!
//! ```text
//!              Put waits for a slot                     Get waits for an item
//!   putters ──notified: slot reserved──► [ items ] ──notified: item reserved──► getters
//! ```
//!
//! # Invariants
//!
//! Whoever is notified has an item or a slot reserved until its future is polled or dropped, so that nobody overtakes it.
//! While getters stand in line every item is reserved; while putters stand in line every free slot is.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

mod error;

pub use error::{Closed, PutError, TryGetError, TryPutError};

use super::line::{Line, Waiting};
use crate::event_loop::current;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A first-in, first-out queue for the tasks of one loop: any of them may put and get.
///
/// It is bounded, so that a producer that is faster than its consumers waits for them. Whoever waits is served in the order of
/// coming. Share it in an `Rc`, or by reference.
///
/// [`close`](Self::close) ends it: what is in it can still be taken. [`task_done`](Self::task_done) and [`join`](Self::join)
/// tell when everything that was put has also been worked off.
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
pub struct Queue<T> {
    line: Line,
    items: RefCell<VecDeque<T>>,
    limit: usize,
    getters: WaitQueue,
    putters: WaitQueue,
    joiners: WaitQueue,
    /// Notified getters that did not come yet.
    reserved_items: Cell<usize>,
    /// Notified putters that did not come yet.
    reserved_slots: Cell<usize>,
    unfinished: Cell<usize>,
    closed: Cell<bool>,
}

impl<T> Queue<T> {
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
        let made_by = current::get().map_or(0, crate::event_loop::slot::Loop::running_id);
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
            closed: Cell::new(false),
        }
    }

    /// What the queue is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.line.set_name(name);
        self
    }

    /// Puts an item at the end, waiting for a free slot while the queue is full.
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
    pub fn put(&self, item: T) -> Put<'_, T> {
        Put { queue: self, item: Some(item), wait: Wait::new(), made_at: Location::caller() }
    }

    /// Puts an item at the end if there is a free slot that nobody waits for.
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

    /// Takes the first item, waiting for one while the queue is empty.
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
    pub fn get(&self) -> Get<'_, T> {
        Get { queue: self, wait: Wait::new(), made_at: Location::caller() }
    }

    /// Takes the first item if there is one that nobody waits for.
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
    pub fn join(&self) -> Join<'_, T> {
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
        self.items.borrow_mut().push_back(item);
        self.unfinished.set(self.unfinished.get() + 1);
        self.show();
        self.offer_items();
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        let item = self.items.borrow_mut().pop_front()?;
        self.show();
        self.offer_slots();
        Some(item)
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
        self.line.wait("waiting for a queue", waiters, wait, cx, waiting);
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

/// Whether the running task may do one more operation before it lets others run. Outside of a loop there are no others.
#[inline]
pub(super) fn may_go_on(cx: &Context<'_>) -> bool {
    current::get().is_none_or(|lp| lp.spend_budget(cx))
}

/// The future of [`Queue::put`].
#[must_use = "futures do nothing unless awaited"]
pub struct Put<'a, T> {
    queue: &'a Queue<T>,
    item: Option<T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T> Unpin for Put<'_, T> {}

impl<T> Future for Put<'_, T> {
    type Output = Result<(), PutError<T>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let queue = this.queue;
        let notified = this.wait.is_notified();
        if notified {
            queue.line.leave(&queue.putters, &mut this.wait);
            queue.reserved_slots.set(queue.reserved_slots.get().saturating_sub(1));
        } else if this.wait.entry().is_none() {
            queue.forget_stale();
        }
        if !queue.closed.get() && !notified {
            if this.wait.entry().is_some() || !queue.has_free_slot() {
                let waiting = Waiting { kind: WaitKind::Put, renewed: false, at, made_at: this.made_at };
                queue.wait(&queue.putters, &mut this.wait, cx, &waiting);
                return Poll::Pending;
            }
            if !may_go_on(cx) {
                return Poll::Pending;
            }
        }
        let Some(item) = this.item.take() else { panic!("a put was polled after it was done") };
        if queue.closed.get() {
            return Poll::Ready(Err(PutError::new(item)));
        }
        queue.push(item);
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for Put<'_, T> {
    fn drop(&mut self) {
        self.queue.give_up(&self.queue.putters, &self.queue.reserved_slots, &mut self.wait);
    }
}

impl<T> fmt::Debug for Put<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The future of [`Queue::get`].
#[must_use = "futures do nothing unless awaited"]
pub struct Get<'a, T> {
    queue: &'a Queue<T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T> Future for Get<'_, T> {
    type Output = Result<T, Closed>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let queue = this.queue;
        if this.wait.is_notified() {
            queue.line.leave(&queue.getters, &mut this.wait);
            queue.reserved_items.set(queue.reserved_items.get().saturating_sub(1));
            return Poll::Ready(queue.pop().ok_or(Closed::new()));
        }
        if this.wait.entry().is_none() {
            queue.forget_stale();
            if queue.has_free_item() {
                if !may_go_on(cx) {
                    return Poll::Pending;
                }
                return Poll::Ready(queue.pop().ok_or(Closed::new()));
            }
            if queue.closed.get() {
                return Poll::Ready(Err(Closed::new()));
            }
        }
        let waiting = Waiting { kind: WaitKind::Get, renewed: false, at, made_at: this.made_at };
        queue.wait(&queue.getters, &mut this.wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T> Drop for Get<'_, T> {
    fn drop(&mut self) {
        self.queue.give_up(&self.queue.getters, &self.queue.reserved_items, &mut self.wait);
    }
}

impl<T> fmt::Debug for Get<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The future of [`Queue::join`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join<'a, T> {
    queue: &'a Queue<T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T> Future for Join<'_, T> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let this = &mut *self;
        let queue = this.queue;
        if queue.unfinished.get() == 0 || this.wait.is_notified() {
            queue.line.leave(&queue.joiners, &mut this.wait);
            return Poll::Ready(());
        }
        let waiting = Waiting { kind: WaitKind::Event, renewed: false, at, made_at: this.made_at };
        queue.wait(&queue.joiners, &mut this.wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T> Drop for Join<'_, T> {
    fn drop(&mut self) {
        self.queue.line.leave(&self.queue.joiners, &mut self.wait);
    }
}

impl<T> fmt::Debug for Join<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("wait", &self.wait).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut queue = f.debug_struct("Queue");
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
