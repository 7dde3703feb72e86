//! One value from one task to another, once.
//!
//! ```text
//!   open ──send──► full ──receiver is awaited──► done
//!    │ └─sender dropped──► empty for ever: the receiver gets `Closed`
//!    └───receiver dropped──► sending gives the value back
//! ```

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::line::{Line, Waiting};
pub use super::queue::Closed;
use super::queue::TryGetError;
use crate::event_loop::current;
use crate::event_loop::seat::Seat;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Ticket, Wait};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A sender and a receiver of one value.
///
/// # Examples
///
/// ```
/// use loopscope::sync::oneshot;
///
/// loopscope::run(async {
///     let (sender, receiver) = oneshot::channel();
///     loopscope::spawn(async move { sender.send(42).unwrap() }).detach();
///     assert_eq!(receiver.await, Ok(42));
/// });
/// ```
#[doc(alias = "asyncio.Future")]
#[doc(alias = "asyncio.loop.create_future")]
#[inline]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    make(None, Location::caller())
}

/// A sender and a receiver of one value, shown under a name while somebody waits; 128 bytes of it are kept.
///
/// One without a name costs less and is shown by the places of its waits alone.
#[track_caller]
pub fn named<T>(name: &str) -> (Sender<T>, Receiver<T>) {
    let made_at = Location::caller();
    let made_by = current::get().map_or(0, Loop::running_id);
    let mut line = Line::new(ResourceKind::Oneshot, made_at, made_by);
    line.set_name(name);
    make(Some(Box::new(line)), made_at)
}

#[inline]
fn make<T>(line: Option<Box<Line>>, made_at: &'static Location<'static>) -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        value: Cell::new(None),
        sender_gone: Cell::new(false),
        receiver_gone: Cell::new(false),
        receiver: Seat::new(),
        sender: Cell::new(Ticket::none()),
        line,
    });
    let sender = Sender { shared: Rc::clone(&shared), wait: Wait::new() };
    (sender, Receiver { shared, made_at })
}

struct Shared<T> {
    value: Cell<Option<T>>,
    sender_gone: Cell<bool>,
    receiver_gone: Cell<bool>,
    /// Where the receiver waits for the value.
    receiver: Seat,
    /// The sender's entry while it waits for the receiver to go.
    sender: Cell<Ticket>,
    /// Of one that has a name.
    line: Option<Box<Line>>,
}

impl<T> Shared<T> {
    /// The receiver waits. Out of line, so that what goes well stays small.
    #[inline(never)]
    #[track_caller]
    fn wait(&self, cx: &Context<'_>, made_at: &'static Location<'static>) {
        let what = "waiting for a oneshot";
        let (at, kind) = (Location::caller(), WaitKind::Recv);
        match &self.line {
            None => {
                let lp = current::expect(what);
                self.receiver.sit(lp, cx.waker(), &lp.parking(kind, 0, at, made_at));
            }
            Some(line) => {
                line.sit(what, &self.receiver, cx, &Waiting { kind, renewed: false, at, made_at });
            }
        }
    }

    #[inline]
    fn stop_waiting(&self) {
        if let Some(line) = &self.line {
            line.stand_up(&self.receiver);
            line.hide();
        }
        self.receiver.give_back();
    }
}

/// The end that sends.
///
/// Dropping it without sending gives the receiver [`Closed`].
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
    wait: Wait,
}

impl<T> Sender<T> {
    /// Sends the value.
    ///
    /// # Errors
    ///
    /// The value, when the receiver is gone.
    #[doc(alias = "asyncio.Future.set_result")]
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        Ok(()) // dropping the sender tells the receiver
    }

    /// Whether the receiver is gone, so that nobody wants the value any more.
    #[doc(alias = "asyncio.Future.cancelled")]
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.shared.receiver_gone.get()
    }

    /// Waits until the receiver is gone, to stop working on what nobody wants any more.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop.
    #[track_caller]
    pub fn closed(&mut self) -> WaitClosed<'_, T> {
        WaitClosed { sender: self, made_at: Location::caller() }
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.wait.clear();
        self.shared.sender_gone.set(true);
        self.shared.receiver.notify();
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
    made_at: &'static Location<'static>,
}

impl<T> Future for WaitClosed<'_, T> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let made_at = self.made_at;
        let sender = &mut *self.sender;
        if sender.is_closed() {
            sender.wait.clear();
            return Poll::Ready(());
        }
        let lp = current::expect("waiting for a receiver to go");
        if sender.wait.park(lp, cx.waker(), &lp.parking(WaitKind::Event, 0, at, made_at)) {
            sender.shared.sender.set(sender.wait.ticket());
        }
        Poll::Pending
    }
}

impl<T> Drop for WaitClosed<'_, T> {
    fn drop(&mut self) {
        self.sender.wait.clear();
    }
}

impl<T> fmt::Debug for WaitClosed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitClosed").field("wait", &self.sender.wait).finish_non_exhaustive()
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
///
/// # Panics
///
/// It panics when it has to wait outside of a loop.
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
    made_at: &'static Location<'static>,
}

impl<T> Receiver<T> {
    /// Takes the value if it is there.
    ///
    /// # Errors
    ///
    /// [`TryGetError`] when there is none; it says whether there can be one.
    pub fn try_recv(&mut self) -> Result<T, TryGetError> {
        let gone = self.shared.sender_gone.get();
        let value = self.shared.value.take();
        value.ok_or(if gone { TryGetError::closed() } else { TryGetError::empty() })
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    #[track_caller]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = &*self.shared;
        if shared.sender_gone.get() {
            shared.stop_waiting();
            return Poll::Ready(shared.value.take().ok_or(Closed::new()));
        }
        shared.wait(cx, self.made_at);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.stop_waiting();
        self.shared.receiver_gone.set(true);
        let value = self.shared.value.take();
        self.shared.sender.replace(Ticket::none()).notify();
        drop(value);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("wait", &self.shared.receiver).finish_non_exhaustive()
    }
}
