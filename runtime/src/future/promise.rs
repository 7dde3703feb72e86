//! The half that sets the value.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::promised::Promised;
use super::state::State;
use crate::event_loop::wait::Wait;
use crate::sync::line::Waiting;
use crate::telemetry::view::WaitKind;

/// A promise, and the future of what it promises: a value of type `T`, or an error of type `E`.
///
/// # Examples
///
/// ```
/// use loopscope::future;
///
/// loopscope::run(async {
///     let (promise, answer) = future::promise::<u32, std::io::Error>();
///     answer.on_done(|how| println!("done: {how:?}"));
///     loopscope::spawn(async move { promise.set(42).unwrap() }).detach();
///     assert_eq!(answer.await.unwrap(), 42);
/// });
/// ```
#[doc(alias = "asyncio.Future")]
#[doc(alias = "asyncio.loop.create_future")]
#[track_caller]
pub fn promise<T, E>() -> (Promise<T, E>, Promised<T, E>) {
    make(None, Location::caller())
}

/// A promise with a name, under which it is shown and reported.
#[track_caller]
pub fn promise_named<T, E>(name: &str) -> (Promise<T, E>, Promised<T, E>) {
    make(Some(name), Location::caller())
}

pub(super) fn make<T, E>(
    name: Option<&str>,
    made_at: &'static Location<'static>,
) -> (Promise<T, E>, Promised<T, E>) {
    let state = State::new(name, made_at);
    (Promise { state: Rc::clone(&state) }, Promised::new(state, made_at))
}

/// The half of a promise that is to be fulfilled. Dropping it cancels.
#[must_use = "a promise that is dropped is cancelled"]
pub struct Promise<T, E> {
    state: Rc<State<T, E>>,
}

impl<T, E> Promise<T, E> {
    /// Fulfils it.
    ///
    /// # Errors
    ///
    /// The value, when it was cancelled: nobody wants it.
    #[doc(alias = "asyncio.Future.set_result")]
    pub fn set(self, value: T) -> Result<(), T> {
        self.state.set(value)
    }

    /// Says that there will be no value, and why. If nobody asks for the error it is reported when the last one goes who could.
    ///
    /// # Errors
    ///
    /// The error, when it was cancelled: nobody wants it.
    #[doc(alias = "asyncio.Future.set_exception")]
    pub fn fail(self, error: E) -> Result<(), E>
    where
        E: fmt::Debug,
    {
        self.state.fail(error)
    }

    /// Whether it was cancelled, so that nobody wants the value any more.
    #[doc(alias = "asyncio.Future.cancelled")]
    pub fn is_closed(&self) -> bool {
        self.state.settled().is_some()
    }

    /// Waits until it is cancelled, to stop working on what nobody wants any more.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[track_caller]
    pub fn closed(&mut self) -> WaitClosed<'_, T, E> {
        WaitClosed { state: &self.state, wait: Wait::new(), made_at: Location::caller() }
    }

    /// What it is called.
    pub fn name(&self) -> Option<&str> {
        self.state.line.name()
    }

    pub(super) fn state(&self) -> Rc<State<T, E>> {
        Rc::clone(&self.state)
    }
}

impl<T, E> Drop for Promise<T, E> {
    fn drop(&mut self) {
        self.state.abandon();
    }
}

impl<T, E> fmt::Debug for Promise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promise").field(&self.state).finish()
    }
}

/// The future of [`Promise::closed`].
#[must_use = "futures do nothing unless awaited"]
pub struct WaitClosed<'a, T, E> {
    state: &'a State<T, E>,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl<T, E> Future for WaitClosed<'_, T, E> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let this = &mut *self;
        let state = this.state;
        if state.settled().is_some() {
            state.line.leave(&state.makers, &mut this.wait);
            return Poll::Ready(());
        }
        let waiting = Waiting { kind: WaitKind::Event, renewed: false, at, made_at: this.made_at };
        state.line.wait("waiting for a promise to be cancelled", &state.makers, &mut this.wait, cx, &waiting);
        Poll::Pending
    }
}

impl<T, E> Drop for WaitClosed<'_, T, E> {
    fn drop(&mut self) {
        self.state.line.leave(&self.state.makers, &mut self.wait);
    }
}

impl<T, E> fmt::Debug for WaitClosed<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitClosed").field("wait", &self.wait).finish_non_exhaustive()
    }
}
