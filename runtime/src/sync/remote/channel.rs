//! A channel between loops and threads: many senders, one receiver.
//!
//! ```text
//!   Sender ─┐
//!   Sender ─┼─send─► [ messages ] ─recv─► Receiver
//!   Sender ─┘  waits while it is full        waits while it is empty
//! ```
//!
//! As [`sync::channel`](crate::sync::channel), but both ends are `Send`, and each may wait on any loop, under any executor, or,
//! with the functions called `blocking_`, on a thread without one. When the receiver is gone, sending gives the message back;
//! when all senders are gone, the receiver gets what is left and then `None`.
//!
//! A receiver that sleeps is woken once, by the first message. How full the channel is shown to be is what the receiver found
//! when it last looked.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::belt::{Batch, Belt, Place, Refusal, UNLIMITED};
use super::block;
use super::line::{FarLine, FarSeat};
use crate::sync::line::Waiting;
use crate::sync::queue::{PutError, TryGetError, TryPutError, may_go_on};
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
/// use loopscope::sync::remote::channel;
///
/// let (sender, mut receiver) = channel::bounded(4);
/// let producer = std::thread::spawn(move || {
///     for n in 0..10 {
///         sender.blocking_send(n).unwrap();
///     }
/// });
/// let sum = loopscope::run(async move {
///     let mut sum = 0;
///     while let Some(n) = receiver.recv().await {
///         sum += n;
///     }
///     sum
/// });
/// assert_eq!(sum, 45);
/// producer.join().unwrap();
/// ```
#[track_caller]
pub fn bounded<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    assert!(limit > 0, "a channel that holds nothing: channel::unbounded() has no limit");
    make(limit, None, Location::caller())
}

/// A channel without limit, which grows for as long as its senders are faster than the receiver.
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    make(UNLIMITED, None, Location::caller())
}

/// A channel with a name, under which it is shown; `None` for no limit.
///
/// # Panics
///
/// When the limit is 0.
#[track_caller]
pub fn named<T>(name: &str, limit: Option<usize>) -> (Sender<T>, Receiver<T>) {
    assert!(limit != Some(0), "a channel that holds nothing: give it no limit");
    make(limit.unwrap_or(UNLIMITED), Some(name), Location::caller())
}

fn make<T>(
    limit: usize,
    name: Option<&str>,
    made_at: &'static Location<'static>,
) -> (Sender<T>, Receiver<T>) {
    let shown = (limit != UNLIMITED).then_some(limit);
    let line = FarLine::new(ResourceKind::Channel, name, shown, made_at);
    let channel = Arc::new(Channel { belt: Belt::new(limit), line });
    let sender = Sender { channel: Arc::clone(&channel) };
    (sender, Receiver { channel, batch: Batch::default(), seat: FarSeat::new() })
}

struct Channel<T> {
    belt: Belt<T>,
    line: Arc<FarLine>,
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut channel = f.debug_struct("Channel");
        if let Some(name) = self.line.name() {
            channel.field("name", &name);
        }
        channel
            .field("len", &self.belt.len())
            .field("limit", &self.belt.limit())
            .field("closed", &self.belt.is_closed())
            .finish_non_exhaustive()
    }
}

/// The end of a channel that messages go in by. A clone is another sender.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends a message, waiting for a free slot while the channel is full. Who waits is served in the order of coming.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has sent nothing and takes the message along. A slot that was kept for it goes to the next one.
    ///
    /// # Errors
    ///
    /// [`PutError`] with the message when the receiver is gone or closed, also while it waits.
    #[track_caller]
    pub fn send(&self, message: T) -> Send<'_, T> {
        Send {
            channel: &self.channel,
            message: Some(message),
            place: Place::default(),
            seat: FarSeat::new(),
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
        let belt = &self.channel.belt;
        belt.try_put(message).map_err(|(message, refusal)| match refusal {
            Refusal::Full => TryPutError::full(message, belt.limit().unwrap_or(UNLIMITED)),
            Refusal::Closed => TryPutError::closed(message),
        })
    }

    /// Sends a message from a plain thread, which sleeps while the channel is full, in the same line as those who await.
    ///
    /// # Errors
    ///
    /// [`PutError`] with the message when the receiver is gone or closed, also while it waits.
    ///
    /// # Panics
    ///
    /// On the thread of a loop that runs, which would stand still.
    #[track_caller]
    pub fn blocking_send(&self, message: T) -> Result<(), PutError<T>> {
        let (mut message, mut place) = (Some(message), Place::default());
        let sent = block::until("blocking_send", |waker| {
            self.channel.belt.poll_put(&mut message, &mut place, waker)
        });
        match (sent, message) {
            (Err(_), Some(message)) => Err(PutError::new(message)),
            _ => Ok(()),
        }
    }

    /// Whether the receiver is gone or closed.
    pub fn is_closed(&self) -> bool {
        self.channel.belt.is_closed()
    }

    /// Messages in the channel, as of now.
    pub fn len(&self) -> usize {
        self.channel.belt.len()
    }

    /// Whether there is no message in the channel, as of now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages it holds at most; `None` without limit.
    pub fn limit(&self) -> Option<usize> {
        self.channel.belt.limit()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.belt.add_sender();
        Self { channel: Arc::clone(&self.channel) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.channel.belt.remove_sender();
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
    place: Place,
    seat: FarSeat,
    made_at: &'static Location<'static>,
}

impl<T> Unpin for Send<'_, T> {}

impl<T> Future for Send<'_, T> {
    type Output = Result<(), PutError<T>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let channel = this.channel;
        assert!(this.message.is_some(), "a send was polled after it was done");
        if !this.place.is_taken() && !may_go_on(cx) {
            return Poll::Pending;
        }
        let Poll::Ready(sent) = channel.belt.poll_put(&mut this.message, &mut this.place, cx.waker()) else {
            let waiting = Waiting { kind: WaitKind::Send, renewed: false, at, made_at: this.made_at };
            this.seat.park(&channel.line, cx.waker(), &waiting, channel.belt.limit());
            return Poll::Pending;
        };
        this.seat.clear();
        Poll::Ready(match (sent, this.message.take()) {
            (Err(_), Some(message)) => Err(PutError::new(message)),
            _ => Ok(()),
        })
    }
}

impl<T> Drop for Send<'_, T> {
    fn drop(&mut self) {
        self.channel.belt.leave(&mut self.place);
    }
}

impl<T> fmt::Debug for Send<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").field("waits", &self.place.is_taken()).finish_non_exhaustive()
    }
}

/// The end of a channel that messages come out of: also a [`Stream`].
///
/// Dropping it drops the messages that are left and closes the channel. It may be moved to another thread between two
/// messages.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    batch: Batch<T>,
    seat: FarSeat,
}

impl<T> Unpin for Receiver<T> {}

impl<T> Receiver<T> {
    /// Takes the next message, waiting for one while the channel is empty; `None` when all senders are gone, or the receiver
    /// was closed, and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken nothing.
    #[inline]
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self, waits: false, made_at: Location::caller() }
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`TryGetError`] when there is none; it says whether there can be one again.
    pub fn try_recv(&mut self) -> Result<T, TryGetError> {
        match self.channel.belt.take(&mut self.batch) {
            Ok((message, left)) => {
                self.seat.filled(left);
                Ok(message)
            }
            Err(true) => Err(TryGetError::empty()),
            Err(false) => Err(TryGetError::closed()),
        }
    }

    /// Takes the next message on a plain thread, which sleeps while the channel is empty; `None` as of [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// On the thread of a loop that runs, which would stand still.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        let (belt, batch) = (&self.channel.belt, &mut self.batch);
        let taken = block::until("blocking_recv", |waker| belt.poll_take(batch, waker));
        taken.map(|(message, _)| message)
    }

    /// Refuses what would still be sent; what is in the channel can be taken.
    pub fn close(&mut self) {
        self.channel.belt.close(false);
    }

    /// Messages in the channel, as of now.
    pub fn len(&self) -> usize {
        self.channel.belt.len()
    }

    /// Whether there is no message in the channel, as of now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn poll_recv(&mut self, cx: &Context<'_>, waiting: &Waiting) -> Poll<Option<T>> {
        if !may_go_on(cx) {
            return Poll::Pending;
        }
        if let Poll::Ready(taken) = self.channel.belt.poll_take(&mut self.batch, cx.waker()) {
            self.seat.vacate();
            return Poll::Ready(taken.map(|(message, left)| {
                self.seat.filled(left);
                message
            }));
        }
        self.seat.park(&self.channel.line, cx.waker(), waiting, Some(0));
        Poll::Pending
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let at = Location::caller();
        self.poll_recv(cx, &Waiting { kind: WaitKind::Recv, renewed: true, at, made_at: at })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (ended, len) = (self.channel.belt.has_ended(), self.len());
        (len, ended.then_some(len))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // The messages' destructors may come back here, or send.
        drop(self.channel.belt.close(true));
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
    waits: bool,
    made_at: &'static Location<'static>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let waiting =
            Waiting { kind: WaitKind::Recv, renewed: false, at: Location::caller(), made_at: self.made_at };
        let polled = self.receiver.poll_recv(cx, &waiting);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            self.receiver.channel.belt.forget_receiver();
            self.receiver.seat.vacate();
        }
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("waits", &self.waits).finish_non_exhaustive()
    }
}
