//! The half that one awaits.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Settled;
use super::callbacks::DoneCallback;
use super::error::Unfulfilled;
use super::shared::Shared;
use super::state::State;
use crate::event_loop::wait::Wait;
use crate::sync::line::Waiting;
use crate::telemetry::view::WaitKind;

/// The half of a promise that is awaited: a future of the value.
///
/// Dropping it cancels.
///
/// # Cancel safety
///
/// Awaiting `&mut promised` and dropping that loses nothing.
///
/// # Errors
///
/// [`Unfulfilled`] when it failed or was cancelled.
///
/// # Panics
///
/// When it has to wait outside of a loop, and when it is polled after it gave its result.
#[must_use = "dropping it cancels the promise"]
pub struct Promised<T, E> {
    state: Rc<State<T, E>>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T, E> Promised<T, E> {
    pub(super) fn new(state: Rc<State<T, E>>, made_at: &'static Location<'static>) -> Self {
        Self { state, wait: Wait::new(), made_at }
    }

    /// Whether there is a value, an error, or neither to come.
    #[doc(alias = "asyncio.Future.done")]
    pub fn is_done(&self) -> bool {
        self.state.settled().is_some()
    }

    /// How it ended; `None` while it did not.
    #[doc(alias = "asyncio.Future.cancelled")]
    pub fn settled(&self) -> Option<Settled> {
        self.state.settled()
    }

    /// Takes the value, or why there is none; `None` while it is open, and when that was taken before.
    ///
    /// # Errors
    ///
    /// [`Unfulfilled`] when it failed or was cancelled.
    #[doc(alias = "asyncio.Future.result")]
    #[doc(alias = "asyncio.Future.exception")]
    #[doc(alias = "asyncio.InvalidStateError")]
    pub fn try_take(&mut self) -> Option<Result<T, Unfulfilled<E>>> {
        if self.state.is_taken() { None } else { self.state.take() }
    }

    /// Cancels it: whoever holds the promise can ask for that. Returns whether that was in time.
    #[doc(alias = "asyncio.Future.cancel")]
    #[expect(clippy::must_use_candidate, reason = "most callers do not care")]
    pub fn cancel(&self) -> bool {
        self.state.cancel()
    }

    /// Has the loop call `callback` soon after it is done, and never from inside of what settles it; at once, so to speak, if it
    /// is done already. Callbacks are called in the order they were registered, after the tasks that wait were woken; each sees
    /// the task-locals of who registered it. If the loop ends first they are dropped.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.Future.add_done_callback")]
    #[track_caller]
    pub fn on_done(&self, callback: impl FnOnce(Settled) + 'static) -> DoneCallback {
        self.state.callbacks.add(self.state.settled(), Box::new(callback))
    }

    /// Lets any number of clones await the same value, each of which gets a copy.
    pub fn shared(self) -> Shared<T, E> {
        Shared::new(Rc::clone(&self.state), self.made_at)
    }

    /// What it is called.
    pub fn name(&self) -> Option<&str> {
        self.state.line.name()
    }
}

impl<T, E> Future for Promised<T, E> {
    type Output = Result<T, Unfulfilled<E>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let state = &*this.state;
        if let Some(result) = state.take() {
            state.line.leave(&state.takers, &mut this.wait);
            return Poll::Ready(result);
        }
        let waiting = Waiting { kind: WaitKind::Recv, renewed: false, at, made_at: this.made_at };
        state.line.wait("waiting for a promise", &state.takers, &mut this.wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T, E> Drop for Promised<T, E> {
    fn drop(&mut self) {
        self.state.line.leave(&self.state.takers, &mut self.wait);
        self.state.unwant();
    }
}

impl<T, E> fmt::Debug for Promised<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promised").field(&self.state).finish()
    }
}
