//! Every message to every receiver, of a limited number that are kept for the slow.
//!
//! ```text
//!   begin          positions of receivers         next
//!     ▼               ▼         ▼                  ▼
//!   [ m5 | m6 | m7 | m8 | m9 | m10 | m11 | m12 ]   a message goes when the last receiver took it; the oldest also when
//!                                                  the ring is full: whoever had not taken it is told how many it missed
//! ```
//!
//! # Invariants
//!
//! A message counts the receivers that are still to take it, and the first one's count is never 0. So a receiver whose position
//! lies before `begin` has missed what was pushed out, and nothing else.

mod error;

pub use error::{RecvError, TryRecvError};

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::line::{Line, Waiting};
pub use super::queue::PutError;
use super::queue::may_go_on;
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A sender and a receiver of messages that every receiver gets. The latest `limit` are kept for receivers that are slow.
///
/// Sending never waits: a receiver that falls behind by more than the limit misses messages, and is told how many. Who must not
/// miss any gives each receiver a [`channel`](super::channel) of its own; who only wants the latest takes a
/// [`watch`](super::watch).
///
/// # Panics
///
/// When `limit` is 0.
///
/// # Examples
///
/// ```
/// use loopscope::sync::broadcast;
///
/// loopscope::run(async {
///     let (news, mut first) = broadcast::channel(16);
///     let mut second = news.subscribe();
///     news.send("one").unwrap();
///     news.send("two").unwrap();
///     assert_eq!(first.recv().await, Ok("one"));
///     assert_eq!(second.recv().await, Ok("one"));
///     assert_eq!(second.recv().await, Ok("two"));
/// });
/// ```
#[track_caller]
pub fn channel<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    make(limit, None, Location::caller())
}

/// A [`channel`] with a name, under which it is shown; 128 bytes of it are kept.
///
/// # Panics
///
/// When `limit` is 0.
#[track_caller]
pub fn named<T>(name: &str, limit: usize) -> (Sender<T>, Receiver<T>) {
    make(limit, Some(name), Location::caller())
}

#[track_caller]
fn make<T>(
    limit: usize,
    name: Option<&str>,
    made_at: &'static Location<'static>,
) -> (Sender<T>, Receiver<T>) {
    assert!(limit > 0, "a broadcast channel that keeps 0 messages: it must keep at least one to pass it on");
    let made_by = current::get().map_or(0, Loop::running_id);
    let mut line = Line::new(ResourceKind::Channel, made_at, made_by);
    line.set_limit(Some(limit));
    if let Some(name) = name {
        line.set_name(name);
    }
    let shared = Rc::new(Shared {
        line,
        ring: RefCell::new(Ring { messages: VecDeque::new(), begin: 0 }),
        limit,
        senders: Cell::new(1),
        receivers: Cell::new(1),
        missed: Cell::new(0),
        waiting: WaitQueue::new(),
    });
    (Sender { shared: Rc::clone(&shared) }, Receiver { shared, position: 0, wait: Wait::new() })
}

/// A message and how many receivers are still to take it; it is gone when the last one took it.
struct Slot<T> {
    message: Option<T>,
    takers: usize,
}

struct Ring<T> {
    messages: VecDeque<Slot<T>>,
    /// The position of the first message.
    begin: u64,
}

impl<T> Ring<T> {
    /// Takes out the messages at the front that nobody is to take any more.
    fn trim(&mut self, gone: &mut Vec<Slot<T>>) {
        while self.messages.front().is_some_and(|first| first.takers == 0) {
            gone.extend(self.messages.pop_front());
            self.begin += 1;
        }
    }

    /// The index of a position, unless it lies before the first message.
    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.begin)?).ok()
    }

    /// The position of the message that comes next.
    fn next(&self) -> u64 {
        self.begin + self.messages.len() as u64
    }
}

struct Shared<T> {
    line: Line,
    ring: RefCell<Ring<T>>,
    limit: usize,
    senders: Cell<usize>,
    receivers: Cell<usize>,
    /// Messages that receivers missed, all together.
    missed: Cell<u64>,
    waiting: WaitQueue,
}

impl<T> Shared<T> {
    #[track_caller]
    fn ring(&self) -> RefMut<'_, Ring<T>> {
        let Ok(ring) = self.ring.try_borrow_mut() else {
            panic!("a {} was used while a message of it was cloned", self.line.describe("broadcast channel"))
        };
        ring
    }

    fn show(&self, len: usize) {
        if let Some(record) = self.line.record() {
            record.filled(len);
        }
    }

    fn len(&self) -> usize {
        self.ring.borrow().messages.len()
    }

    /// The message at a position, which then moves on; `None` when there is none yet.
    #[track_caller]
    fn take(&self, position: &mut u64) -> Option<Result<T, RecvError>>
    where
        T: Clone,
    {
        let mut gone = Vec::new();
        let mut ring = self.ring();
        let Some(index) = ring.index(*position) else {
            let missed = ring.begin - *position;
            *position = ring.begin;
            self.missed.set(self.missed.get() + missed);
            return Some(Err(RecvError::missed_some(missed)));
        };
        let slot = ring.messages.get_mut(index)?;
        *position += 1;
        slot.takers -= 1;
        if slot.takers > 0 {
            drop(ring);
            let ring = self.ring.borrow();
            return ring.messages.get(index)?.message.clone().map(Ok);
        }
        let message = slot.message.take();
        ring.trim(&mut gone);
        let len = ring.messages.len();
        drop(ring);
        self.show(len);
        message.map(Ok)
    }

    /// A receiver at this position takes nothing more.
    fn leave_out(&self, position: u64) {
        let mut gone = Vec::new();
        let mut ring = self.ring();
        let first = ring.index(position).unwrap_or(0);
        for slot in ring.messages.iter_mut().skip(first) {
            slot.takers -= 1;
            if slot.takers == 0 {
                gone.push(Slot { message: slot.message.take(), takers: 0 });
            }
        }
        ring.trim(&mut gone);
        let len = ring.messages.len();
        drop(ring);
        self.show(len);
        // Only now: a message's destructor may come back here.
        drop(gone);
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut broadcast = f.debug_struct("Broadcast");
        if let Some(name) = self.line.name() {
            broadcast.field("name", &name);
        }
        broadcast
            .field("len", &self.ring.try_borrow().map_or(0, |ring| ring.messages.len()))
            .field("limit", &self.limit)
            .field("senders", &self.senders.get())
            .field("receivers", &self.receivers.get())
            .finish_non_exhaustive()
    }
}

/// Sends to every receiver. A clone is another sender.
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends a message to every receiver there is, and returns how many that are. When the limit is reached the oldest message is
    /// pushed out.
    ///
    /// # Errors
    ///
    /// [`PutError`] with the message when there is no receiver.
    ///
    /// # Panics
    ///
    /// Inside of the `clone` of one of its messages.
    #[track_caller]
    pub fn send(&self, message: T) -> Result<usize, PutError<T>> {
        let shared = &*self.shared;
        let takers = shared.receivers.get();
        if takers == 0 {
            return Err(PutError::new(message));
        }
        let mut gone = Vec::new();
        let mut ring = shared.ring();
        if ring.messages.len() == shared.limit {
            gone.extend(ring.messages.pop_front());
            ring.begin += 1;
            ring.trim(&mut gone);
        }
        ring.messages.push_back(Slot { message: Some(message), takers });
        let len = ring.messages.len();
        drop(ring);
        shared.show(len);
        shared.line.notify(&shared.waiting, usize::MAX);
        // Only now: a message's destructor may come back here.
        drop(gone);
        Ok(takers)
    }

    /// Another receiver, of the messages that are sent from now on.
    ///
    /// # Panics
    ///
    /// Inside of the `clone` of one of its messages.
    #[track_caller]
    pub fn subscribe(&self) -> Receiver<T> {
        let shared = Rc::clone(&self.shared);
        let position = shared.ring().next(); // may panic, so it comes first
        shared.receivers.set(shared.receivers.get() + 1);
        Receiver { shared, position, wait: Wait::new() }
    }

    /// How many receivers there are.
    pub fn receivers(&self) -> usize {
        self.shared.receivers.get()
    }

    /// Messages that some receiver is still to take.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether every receiver took every message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages are kept at most.
    pub fn limit(&self) -> usize {
        self.shared.limit
    }

    /// How many messages were missed so far, all receivers together, of which they know by now.
    pub fn missed(&self) -> u64 {
        self.shared.missed.get()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Self { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let left = self.shared.senders.get() - 1;
        self.shared.senders.set(left);
        if left == 0 {
            self.shared.line.notify(&self.shared.waiting, usize::MAX);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.shared).finish()
    }
}

/// Takes every message in its turn: also a [`Stream`], which tells of missed messages and goes on.
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
    /// Of the message it takes next.
    position: u64,
    wait: Wait,
}

impl<T> Receiver<T> {
    /// Takes the next message, waiting for one if it took all.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken nothing.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when messages were missed, once for all of them, and when all senders are gone and nothing is left.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T>
    where
        T: Clone,
    {
        Recv { receiver: self, made_at: Location::caller() }
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when there is none, and as [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError>
    where
        T: Clone,
    {
        match self.shared.take(&mut self.position) {
            Some(taken) => taken.map_err(TryRecvError::from),
            None if self.shared.senders.get() == 0 => Err(RecvError::closed().into()),
            None => Err(TryRecvError::empty()),
        }
    }

    /// Messages it is still to take; those it missed are none.
    pub fn len(&self) -> usize {
        let ring = self.shared.ring.borrow();
        ring.messages.len() - ring.index(self.position).unwrap_or(0)
    }

    /// Whether it took every message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[track_caller]
    fn poll_recv(&mut self, cx: &Context<'_>, waiting: &Waiting) -> Poll<Result<T, RecvError>>
    where
        T: Clone,
    {
        let shared = &*self.shared;
        let is_ready = self.position != shared.ring().next();
        if is_ready || shared.senders.get() == 0 {
            if !may_go_on(cx) {
                return Poll::Pending;
            }
            shared.line.leave(&shared.waiting, &mut self.wait);
            let taken = shared.take(&mut self.position);
            return Poll::Ready(taken.unwrap_or(Err(RecvError::closed())));
        }
        if self.wait.entry().is_some_and(|entry| entry.is_renewed() != waiting.renewed)
            || self.wait.is_notified()
        {
            // It was a stream's wait and is a future's now, or what it was notified of was taken by `try_recv`.
            shared.line.leave(&shared.waiting, &mut self.wait);
        }
        shared.line.wait("receiving", &shared.waiting, &mut self.wait, cx, waiting);
        shared.show(shared.len());
        Poll::Pending
    }
}

/// A receiver that takes next what this one takes next.
impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let mut ring = self.shared.ring(); // may panic, so it comes first
        let first = ring.index(self.position).unwrap_or(0);
        ring.messages.iter_mut().skip(first).for_each(|slot| slot.takers += 1);
        drop(ring);
        self.shared.receivers.set(self.shared.receivers.get() + 1);
        Self { shared: Rc::clone(&self.shared), position: self.position, wait: Wait::new() }
    }
}

impl<T: Clone> Stream for Receiver<T> {
    type Item = Result<T, RecvError>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let at = Location::caller();
        let polled = self.poll_recv(cx, &Waiting { kind: WaitKind::Recv, renewed: true, at, made_at: at });
        polled.map(|taken| match taken {
            Err(error) if error.is_closed() => None,
            taken => Some(taken),
        })
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.line.leave(&self.shared.waiting, &mut self.wait);
        self.shared.receivers.set(self.shared.receivers.get() - 1);
        self.shared.leave_out(self.position);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("broadcast", &self.shared)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    made_at: &'static Location<'static>,
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let made_at = self.made_at;
        let waiting = Waiting { kind: WaitKind::Recv, renewed: false, at: Location::caller(), made_at };
        self.receiver.poll_recv(cx, &waiting)
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        let receiver = &mut *self.receiver;
        receiver.shared.line.leave(&receiver.shared.waiting, &mut receiver.wait);
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("wait", &self.receiver.wait).finish_non_exhaustive()
    }
}
