//! A flag that tasks wait for.
//!
//! ```text
//!   UNSET ──set: everybody who waits is notified──► SET ──clear──► UNSET
//! ```
//!
//! # Invariants
//!
//! Nobody stands in line while it is SET. Whoever was notified is done, whatever becomes of the flag before its next turn.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::line::{Line, Waiting};
use super::queue::may_go_on;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A flag that tasks of one loop wait for.
///
/// Setting it wakes everybody who waits at that moment, also if it is cleared again before they have their turn. While it is set
/// nobody waits.
///
/// # Examples
///
/// ```
/// use loopscope::sync::Event;
/// use std::rc::Rc;
///
/// loopscope::run(async {
///     let ready = Rc::new(Event::new().named("ready"));
///     let event = Rc::clone(&ready);
///     let waiter = loopscope::spawn(async move {
///         event.wait().await;
///         "here we go"
///     });
///     ready.set();
///     assert_eq!(waiter.await.unwrap(), "here we go");
/// });
/// ```
#[doc(alias = "asyncio.Event")]
pub struct Event {
    line: Line,
    queue: WaitQueue,
    set: Cell<bool>,
}

impl Event {
    /// An event that is not set.
    #[track_caller]
    pub const fn new() -> Self {
        Self {
            line: Line::new(ResourceKind::Event, Location::caller(), 0),
            queue: WaitQueue::new(),
            set: Cell::new(false),
        }
    }

    /// What the event is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.line.set_name(name);
        self
    }

    /// Sets it, and wakes everybody who waits.
    #[doc(alias = "asyncio.Event.set")]
    pub fn set(&self) {
        self.set.set(true);
        self.line.notify(&self.queue, usize::MAX);
    }

    /// Unsets it. Whoever was woken by [`set`](Self::set) stays woken.
    #[doc(alias = "asyncio.Event.clear")]
    pub fn clear(&self) {
        self.set.set(false);
    }

    /// Whether it is set.
    #[doc(alias = "asyncio.Event.is_set")]
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Waits until it is set; at once if it is.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[doc(alias = "asyncio.Event.wait")]
    #[track_caller]
    pub fn wait(&self) -> WaitEvent<'_> {
        WaitEvent { event: self, wait: Wait::new(), made_at: Location::caller() }
    }
}

impl Default for Event {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut event = f.debug_struct("Event");
        if let Some(name) = self.line.name() {
            event.field("name", &name);
        }
        event.field("set", &self.is_set()).field("waiters", &self.line.waiting()).finish_non_exhaustive()
    }
}

/// The future of [`Event::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitEvent<'a> {
    event: &'a Event,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl Future for WaitEvent<'_> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let event = self.event;
        if self.wait.is_notified() {
            event.line.leave(&event.queue, &mut self.wait);
            return Poll::Ready(());
        }
        if event.is_set() {
            return if may_go_on(cx) { Poll::Ready(()) } else { Poll::Pending };
        }
        let waiting = Waiting { kind: WaitKind::Event, renewed: false, at, made_at: self.made_at };
        event.line.wait("waiting for an event", &event.queue, &mut self.wait, cx, &waiting);
        Poll::Pending
    }
}

impl Drop for WaitEvent<'_> {
    fn drop(&mut self) {
        self.event.line.leave(&self.event.queue, &mut self.wait);
    }
}

impl fmt::Debug for WaitEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitEvent").field("wait", &self.wait).finish_non_exhaustive()
    }
}
