//! One value from one loop or thread to another, once.
//!
//! ```text
//!   open ──send──► full ──receiver is awaited, or blocks──► done
//!    │ └─sender dropped──► empty for ever: the receiver gets `Closed`
//!    └───receiver dropped──► sending gives the value back
//! ```
//!
//! As [`sync::oneshot`](crate::sync::oneshot), but both ends are `Send`. It is what a `concurrent.futures.Future` is in Python.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::block;
use super::handover::Handover;
use super::line::{FarLine, FarSeat};
use crate::sync::line::Waiting;
use crate::sync::queue::{Closed, TryGetError};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A sender and a receiver of one value.
///
/// # Examples
///
/// ```
/// use loopscope::sync::remote::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// std::thread::spawn(move || sender.send(42).unwrap());
/// assert_eq!(loopscope::run(receiver), Ok(42));
///
/// // The other way round: a plain thread waits for a task.
/// let (sender, receiver) = oneshot::channel();
/// let waiting = std::thread::spawn(move || receiver.blocking_recv());
/// loopscope::run(async { sender.send("done").unwrap() });
/// assert_eq!(waiting.join().unwrap(), Ok("done"));
/// ```
#[doc(alias = "asyncio.wrap_future")]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    make(None, Location::caller())
}

/// A sender and a receiver that are shown under a name.
#[track_caller]
pub fn named<T>(name: &str) -> (Sender<T>, Receiver<T>) {
    make(Some(name), Location::caller())
}

fn make<T>(name: Option<&str>, made_at: &'static Location<'static>) -> (Sender<T>, Receiver<T>) {
    let line = FarLine::new(ResourceKind::Oneshot, name, None, made_at);
    let shared = Arc::new(Shared { handover: Handover::new(), line });
    let sender = Sender { shared: Arc::clone(&shared) };
    (sender, Receiver { shared, seat: FarSeat::new(), made_at })
}

struct Shared<T> {
    handover: Handover<T>,
    line: Arc<FarLine>,
}

/// The end that sends.
///
/// Dropping it without sending gives the receiver [`Closed`].
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends the value.
    ///
    /// # Errors
    ///
    /// The value, when the receiver is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        self.shared.handover.put(value)
    }

    /// Whether the receiver is gone, so that nobody wants the value any more.
    pub fn is_closed(&self) -> bool {
        self.shared.handover.is_refused()
    }

    /// Waits until the receiver is gone, to stop working on what nobody wants any more.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    #[track_caller]
    pub fn closed(&mut self) -> WaitClosed<'_, T> {
        WaitClosed { sender: self, seat: FarSeat::new(), made_at: Location::caller() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.handover.leave();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// The future of [`Sender::closed`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitClosed<'a, T> {
    sender: &'a mut Sender<T>,
    seat: FarSeat,
    made_at: &'static Location<'static>,
}

impl<T> Future for WaitClosed<'_, T> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let this = &mut *self;
        let shared = &*this.sender.shared;
        if shared.handover.poll_refused(cx.waker()).is_ready() {
            this.seat.clear();
            return Poll::Ready(());
        }
        let waiting = Waiting { kind: WaitKind::Event, renewed: false, at, made_at: this.made_at };
        this.seat.park(&shared.line, cx.waker(), &waiting, None);
        Poll::Pending
    }
}

impl<T> Drop for WaitClosed<'_, T> {
    fn drop(&mut self) {
        self.sender.shared.handover.forget_giver();
    }
}

impl<T> fmt::Debug for WaitClosed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitClosed").field("seat", &self.seat).finish_non_exhaustive()
    }
}

/// The end that receives: a future of the value.
///
/// # Cancel safety
///
/// Awaiting `&mut receiver` and dropping that loses nothing; dropping the receiver itself drops the value.
///
/// # Errors
///
/// It gives [`Closed`] when the sender was dropped without sending.
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seat: FarSeat,
    made_at: &'static Location<'static>,
}

impl<T> Unpin for Receiver<T> {}

impl<T> Receiver<T> {
    /// Takes the value if it is there.
    ///
    /// # Errors
    ///
    /// [`TryGetError`] when there is none; it says whether there can be one.
    pub fn try_recv(&mut self) -> Result<T, TryGetError> {
        let (value, can_come) = self.shared.handover.try_take();
        value.ok_or(if can_come { TryGetError::empty() } else { TryGetError::closed() })
    }

    /// Waits for the value on a plain thread, which sleeps until it comes.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the sender was dropped without sending.
    ///
    /// # Panics
    ///
    /// On the thread of a loop that runs, which would stand still.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, Closed> {
        let value = block::until("blocking_recv", |waker| self.shared.handover.poll_take(waker));
        value.ok_or(Closed::new())
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        if let Poll::Ready(value) = this.shared.handover.poll_take(cx.waker()) {
            this.seat.clear();
            return Poll::Ready(value.ok_or(Closed::new()));
        }
        let waiting = Waiting { kind: WaitKind::Recv, renewed: false, at, made_at: this.made_at };
        this.seat.park(&this.shared.line, cx.waker(), &waiting, None);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        drop(self.shared.handover.refuse());
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("seat", &self.seat).finish_non_exhaustive()
    }
}
