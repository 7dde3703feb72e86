//! The half that many await.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Settled;
use super::callbacks::DoneCallback;
use super::error::Unfulfilled;
use super::state::State;
use crate::event_loop::wait::Wait;
use crate::sync::line::Waiting;
use crate::sync::may_go_on;
use crate::telemetry::view::WaitKind;

/// The half of a promise that any number of clones await, each of which gets a copy of the value, or a reference to the error.
///
/// It may be awaited again and again. When the last clone is dropped before it is done, it is cancelled.
///
/// # Cancel safety
///
/// Whether one of them is dropped makes no difference to the others.
///
/// # Errors
///
/// [`Unfulfilled`] when it failed or was cancelled.
///
/// # Panics
///
/// When it has to wait outside of a loop.
///
/// # Examples
///
/// ```
/// use loopscope::future;
///
/// loopscope::run(async {
///     let answer = future::shared(async {
///         loopscope::yield_now().await;
///         42
///     });
///     let other = answer.clone();
///     let task = loopscope::spawn(async move { other.await.unwrap() });
///     assert_eq!((answer.await.unwrap(), task.await.unwrap()), (42, 42));
/// });
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct Shared<T, E> {
    state: Rc<State<T, E>>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T, E> Shared<T, E> {
    pub(super) fn new(state: Rc<State<T, E>>, made_at: &'static Location<'static>) -> Self {
        state.want();
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

    /// Cancels it, for all of them. Returns whether that was in time.
    #[doc(alias = "asyncio.Future.cancel")]
    #[expect(clippy::must_use_candidate, reason = "most callers do not care")]
    pub fn cancel(&self) -> bool {
        self.state.cancel()
    }

    /// What it is called.
    pub fn name(&self) -> Option<&str> {
        self.state.line.name()
    }
}

impl<T: Clone, E> Shared<T, E> {
    /// A copy of the value, or why there is none; `None` while it is open.
    ///
    /// # Errors
    ///
    /// [`Unfulfilled`] when it failed or was cancelled.
    #[doc(alias = "asyncio.Future.result")]
    #[doc(alias = "asyncio.Future.exception")]
    #[doc(alias = "asyncio.InvalidStateError")]
    pub fn result(&self) -> Option<Result<T, Unfulfilled<Rc<E>>>> {
        self.state.copy()
    }
}

impl<T: Clone + 'static, E: 'static> Shared<T, E> {
    /// Has the loop call `callback` with the result soon after it is done, as of
    /// [`Promised::on_done`](super::Promised::on_done).
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.Future.add_done_callback")]
    #[track_caller]
    pub fn on_done(&self, callback: impl FnOnce(Result<T, Unfulfilled<Rc<E>>>) + 'static) -> DoneCallback {
        // It holds the state but does not count as one who wants the value; settling breaks the circle.
        let state = Rc::clone(&self.state);
        let tell = move |_: Settled| {
            if let Some(result) = state.copy() {
                callback(result);
            }
        };
        self.state.callbacks.add(self.state.settled(), Box::new(tell))
    }
}

impl<T, E> Clone for Shared<T, E> {
    fn clone(&self) -> Self {
        Self::new(Rc::clone(&self.state), self.made_at)
    }
}

impl<T: Clone, E> Future for Shared<T, E> {
    type Output = Result<T, Unfulfilled<Rc<E>>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let state = &*this.state;
        if state.settled().is_none() {
            let waiting = Waiting { kind: WaitKind::Recv, renewed: false, at, made_at: this.made_at };
            state.line.wait("waiting for a promise", &state.takers, &mut this.wait, cx, &waiting);
            return Poll::Pending;
        }
        if !may_go_on(cx) {
            return Poll::Pending;
        }
        state.line.leave(&state.takers, &mut this.wait);
        match state.copy() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

impl<T, E> Drop for Shared<T, E> {
    fn drop(&mut self) {
        self.state.line.leave(&self.state.takers, &mut self.wait);
        self.state.unwant();
    }
}

impl<T, E> fmt::Debug for Shared<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.state).finish()
    }
}
