//! A channel between the tasks of one loop: many senders, one receiver.
//!
//! ```text
//!   Sender ─┐
//!   Sender ─┼─send─► [ messages ] ─recv─► Receiver
//!   Sender ─┘  waits while it is full        waits while it is empty
//! ```
//!
//! No atomics and no lock: a message costs a push and a pop, and a wake if the receiver waits. The receiver is a
//! [`Stream`]. When the receiver is gone, sending gives the message back; when all senders are gone, the receiver gets what is
//! left and then `None`.
//!
//! # Invariants
//!
//! A sender that is notified has a slot reserved until its future is polled or dropped; while senders stand in line every free
//! slot is reserved, so that nobody overtakes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::last_taker::LastTaker;
use super::line::{Line, Waiting};
use super::queue::{PutError, TryGetError, TryPutError, may_go_on};
use crate::event_loop::current;
use crate::event_loop::seat::Seat;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A channel that holds up to `limit` messages.
///
/// # Panics
///
/// When `limit` is 0: for handing over without a buffer there is [`oneshot`](super::oneshot).
///
/// # Examples
///
/// ```
/// use loopscope::sync::channel;
///
/// loopscope::run(async {
///     let (sender, mut receiver) = channel::bounded(4);
///     loopscope::spawn(async move {
///         for n in 0..10 {
///             sender.send(n).await.unwrap();
///         }
///     })
///     .detach();
///     let mut sum = 0;
///     while let Some(n) = receiver.recv().await {
///         sum += n;
///     }
///     assert_eq!(sum, 45);
/// });
/// ```
#[track_caller]
pub fn bounded<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    assert!(limit > 0, "a channel that holds nothing: channel::unbounded() has no limit");
    make(limit, None, Location::caller())
}

/// A channel without limit, which grows for as long as its senders are faster than the receiver.
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    make(usize::MAX, None, Location::caller())
}

/// A channel with a name, under which it is shown; `None` for no limit.
///
/// # Panics
///
/// When the limit is 0.
#[track_caller]
pub fn named<T>(name: &str, limit: Option<usize>) -> (Sender<T>, Receiver<T>) {
    assert!(limit != Some(0), "a channel that holds nothing: give it no limit");
    make(limit.unwrap_or(usize::MAX), Some(name), Location::caller())
}

fn make<T>(
    limit: usize,
    name: Option<&str>,
    made_at: &'static Location<'static>,
) -> (Sender<T>, Receiver<T>) {
    let made_by = current::get().map_or(0, Loop::running_id);
    let mut line = Line::new(ResourceKind::Channel, made_at, made_by);
    line.set_limit((limit != usize::MAX).then_some(limit));
    if let Some(name) = name {
        line.set_name(name);
    }
    let channel = Rc::new(Channel {
        line,
        messages: RefCell::default(),
        limit,
        senders: Cell::new(1),
        closed: Cell::new(false),
        receiver: Seat::new(),
        waiting: WaitQueue::new(),
        reserved: Cell::new(0),
        taker: LastTaker::default(),
    });
    (Sender { channel: Rc::clone(&channel) }, Receiver { channel })
}

struct Channel<T> {
    line: Line,
    messages: RefCell<VecDeque<T>>,
    limit: usize,
    senders: Cell<usize>,
    /// The receiver is gone, or takes nothing more.
    closed: Cell<bool>,
    /// Where the receiver waits.
    receiver: Seat,
    /// Senders that wait for a slot.
    waiting: WaitQueue,
    /// Notified senders that did not come yet.
    reserved: Cell<usize>,
    /// Who took the last message, of a channel with a limit.
    taker: LastTaker,
}

impl<T> Channel<T> {
    fn len(&self) -> usize {
        self.messages.borrow().len()
    }

    fn limit(&self) -> Option<usize> {
        (self.limit != usize::MAX).then_some(self.limit)
    }

    /// What was kept for senders of a loop that ended is free again.
    #[inline]
    fn forget_stale(&self) {
        if self.reserved.get() != 0 && self.line.is_stale() {
            self.reserved.set(0);
        }
    }

    #[inline]
    fn has_free_slot(&self) -> bool {
        self.limit == usize::MAX || self.len() + self.reserved.get() < self.limit
    }

    #[inline]
    fn push(&self, message: T) {
        let len = {
            let mut messages = self.messages.borrow_mut();
            messages.push_back(message);
            messages.len()
        };
        self.show(len);
        self.receiver.notify();
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        let (message, len) = {
            let mut messages = self.messages.borrow_mut();
            (messages.pop_front()?, messages.len())
        };
        self.show(len);
        if self.limit != usize::MAX {
            self.taker.took(self.line.lp());
            self.offer_slots();
        }
        Some(message)
    }

    /// Keeps free slots for those who stand in line.
    fn offer_slots(&self) {
        let Some(lp) = self.line.lp() else { return };
        while self.has_free_slot() && !self.waiting.is_empty(lp) {
            self.reserved.set(self.reserved.get() + 1);
            self.waiting.notify_first(lp);
        }
    }

    /// Takes nothing more: whoever waits to send is told.
    fn close(&self) {
        self.closed.set(true);
        let Some(lp) = self.line.lp() else { return };
        while !self.waiting.is_empty(lp) {
            self.reserved.set(self.reserved.get() + 1);
            self.waiting.notify_first(lp);
        }
    }

    /// The receiver waits. Out of line, so that what goes well stays small.
    #[inline(never)]
    #[track_caller]
    fn wait(&self, cx: &Context<'_>, waiting: &Waiting) {
        self.forget_stale(); // waiting binds the line to this loop, and then it is stale no more
        if self.line.sit("receiving", &self.receiver, cx, waiting) {
            self.show(0);
        }
    }

    /// Writes into the record who received last, for senders that wait.
    fn show_taker(&self) {
        if let (Some(lp), Some(record)) = (self.line.lp(), self.line.record()) {
            record.taken(self.taker.of(lp));
        }
    }

    #[inline]
    fn show(&self, len: usize) {
        if let Some(record) = self.line.record() {
            record.filled(len);
        }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut channel = f.debug_struct("Channel");
        if let Some(name) = self.line.name() {
            channel.field("name", &name);
        }
        channel
            .field("len", &self.len())
            .field("limit", &self.limit())
            .field("senders", &self.senders.get())
            .field("closed", &self.closed.get())
            .finish_non_exhaustive()
    }
}

/// The end of a channel that messages go in by. A clone is another sender.
pub struct Sender<T> {
    channel: Rc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends a message, waiting for a free slot while the channel is full.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has sent nothing and takes the message along. A slot that was kept for it goes to the next one.
    ///
    /// # Errors
    ///
    /// [`PutError`] with the message when the receiver is gone or closed, also while it waits.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[track_caller]
    pub fn send(&self, message: T) -> Send<'_, T> {
        Send {
            channel: &self.channel,
            message: Some(message),
            wait: Wait::new(),
            made_at: Location::caller(),
        }
    }

    /// Sends a message if there is a free slot that nobody waits for; without a limit there always is.
    ///
    /// # Errors
    ///
    /// [`TryPutError`] with the message when the channel is full, or the receiver gone or closed.
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TryPutError<T>> {
        let channel = &*self.channel;
        channel.forget_stale();
        if channel.closed.get() {
            return Err(TryPutError::closed(message));
        }
        if !channel.has_free_slot() {
            return Err(TryPutError::full(message, channel.limit));
        }
        channel.push(message);
        Ok(())
    }

    /// Whether the receiver is gone or closed.
    pub fn is_closed(&self) -> bool {
        self.channel.closed.get()
    }

    /// Messages in the channel.
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Whether there is no message in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages it holds at most; `None` without limit.
    pub fn limit(&self) -> Option<usize> {
        self.channel.limit()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.senders.set(self.channel.senders.get() + 1);
        Self { channel: Rc::clone(&self.channel) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let left = self.channel.senders.get() - 1;
        self.channel.senders.set(left);
        if left == 0 {
            self.channel.receiver.notify();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.channel).finish()
    }
}

/// The future of [`Sender::send`].
#[must_use = "futures do nothing unless awaited"]
pub struct Send<'a, T> {
    channel: &'a Channel<T>,
    message: Option<T>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T> Unpin for Send<'_, T> {}

impl<T> Future for Send<'_, T> {
    type Output = Result<(), PutError<T>>;

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let channel = this.channel;
        let notified = this.wait.is_notified();
        if notified {
            channel.line.leave(&channel.waiting, &mut this.wait);
            channel.reserved.set(channel.reserved.get().saturating_sub(1));
        } else if !channel.closed.get() {
            channel.forget_stale();
            if this.wait.entry().is_some() || !channel.has_free_slot() {
                let waiting = Waiting { kind: WaitKind::Send, renewed: false, at, made_at: this.made_at };
                channel.line.wait("sending", &channel.waiting, &mut this.wait, cx, &waiting);
                channel.show(channel.len());
                channel.show_taker();
                return Poll::Pending;
            }
            if !may_go_on(cx) {
                return Poll::Pending;
            }
        }
        let Some(message) = this.message.take() else { panic!("a send was polled after it was done") };
        if channel.closed.get() {
            return Poll::Ready(Err(PutError::new(message)));
        }
        channel.push(message);
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for Send<'_, T> {
    fn drop(&mut self) {
        let channel = self.channel;
        if channel.line.leave(&channel.waiting, &mut self.wait) {
            channel.reserved.set(channel.reserved.get().saturating_sub(1));
            if !channel.closed.get() {
                channel.offer_slots();
            }
        }
    }
}

impl<T> fmt::Debug for Send<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The end of a channel that messages come out of: also a [`Stream`].
///
/// Dropping it drops the messages that are left and closes the channel.
pub struct Receiver<T> {
    channel: Rc<Channel<T>>,
}

impl<T> Receiver<T> {
    /// Takes the next message, waiting for one while the channel is empty; `None` when all senders are gone, or the receiver
    /// was closed, and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken nothing.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than the senders that wait.
    #[inline]
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self, made_at: Location::caller() }
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`TryGetError`] when there is none; it says whether there can be one again.
    pub fn try_recv(&mut self) -> Result<T, TryGetError> {
        self.channel.forget_stale();
        let ended = self.channel.closed.get() || self.channel.senders.get() == 0;
        self.channel.pop().ok_or(if ended { TryGetError::closed() } else { TryGetError::empty() })
    }

    /// Refuses what would still be sent; what is in the channel can be taken.
    pub fn close(&mut self) {
        self.channel.close();
    }

    /// Messages in the channel.
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// Whether there is no message in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What there is, or the end; else the place is taken.
    #[inline]
    #[track_caller]
    fn poll_recv(&self, cx: &Context<'_>, waiting: &Waiting) -> Poll<Option<T>> {
        let channel = &*self.channel;
        let ended = channel.closed.get() || channel.senders.get() == 0;
        if !ended && channel.messages.borrow().is_empty() {
            channel.wait(cx, waiting);
            return Poll::Pending;
        }
        if !may_go_on(cx) {
            return Poll::Pending;
        }
        channel.line.stand_up(&channel.receiver);
        channel.forget_stale();
        Poll::Ready(channel.pop())
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let at = Location::caller();
        self.poll_recv(cx, &Waiting { kind: WaitKind::Recv, renewed: true, at, made_at: at })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let ended = self.channel.closed.get() || self.channel.senders.get() == 0;
        (self.len(), ended.then(|| self.len()))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.channel.line.stand_up(&self.channel.receiver);
        self.channel.close();
        // Taken out first: a message's destructor may come back here, or send.
        let left = std::mem::take(&mut *self.channel.messages.borrow_mut());
        self.channel.show(0);
        drop(left);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&self.channel).finish()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    made_at: &'static Location<'static>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[track_caller]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let waiting =
            Waiting { kind: WaitKind::Recv, renewed: false, at: Location::caller(), made_at: self.made_at };
        self.receiver.poll_recv(cx, &waiting)
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let channel = &*self.receiver.channel;
        channel.line.stand_up(&channel.receiver);
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("wait", &self.receiver.channel.receiver).finish_non_exhaustive()
    }
}
