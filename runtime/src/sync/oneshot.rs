//! One value from one task to another, once.
//!
//! ```text
//!   open ──send──► full ──receiver is awaited──► done
//!    │ └─sender dropped──► empty for ever: the receiver gets `Closed`
//!    └───receiver dropped──► sending gives the value back
//! ```

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

pub use super::queue::Closed;
use super::queue::TryGetError;
use crate::event_loop::current;
use crate::event_loop::wait::{Ticket, Wait};
use crate::telemetry::view::WaitKind;

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
    let shared = Rc::new(Shared {
        value: RefCell::new(None),
        sender_gone: Cell::new(false),
        receiver_gone: Cell::new(false),
        receiver: Cell::new(Ticket::none()),
        sender: Cell::new(Ticket::none()),
    });
    let sender = Sender { shared: Rc::clone(&shared), wait: Wait::new() };
    (sender, Receiver { shared, wait: Wait::new(), made_at: Location::caller() })
}

struct Shared<T> {
    value: RefCell<Option<T>>,
    sender_gone: Cell<bool>,
    receiver_gone: Cell<bool>,
    /// The receiver's entry while it waits for the value.
    receiver: Cell<Ticket>,
    /// The sender's entry while it waits for the receiver to go.
    sender: Cell<Ticket>,
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
        *self.shared.value.borrow_mut() = Some(value);
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
        self.shared.receiver.replace(Ticket::none()).notify();
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
    wait: Wait,
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
        let value = self.shared.value.borrow_mut().take();
        value.ok_or(if gone { TryGetError::closed() } else { TryGetError::empty() })
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.shared.sender_gone.get() {
            this.wait.clear();
            let value = this.shared.value.borrow_mut().take();
            return Poll::Ready(value.ok_or(Closed::new()));
        }
        let at = Location::caller();
        let lp = current::expect("waiting for a oneshot");
        if this.wait.park(lp, cx.waker(), &lp.parking(WaitKind::Recv, 0, at, this.made_at)) {
            this.shared.receiver.set(this.wait.ticket());
        }
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.wait.clear();
        self.shared.receiver_gone.set(true);
        let value = self.shared.value.borrow_mut().take();
        self.shared.sender.replace(Ticket::none()).notify();
        drop(value);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("wait", &self.wait).finish_non_exhaustive()
    }
}
