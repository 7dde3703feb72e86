//! Waiting for the end of a server: until it is closed and no connection is left.
//!
//! Who waits is shown as joining the server's task, which is the last to go.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::core::Core;
use super::error::ServeError;
use super::listener::Listener;
use crate::event_loop::wait::Wait;
use crate::telemetry::view::WaitKind;
use crate::telemetry::waiter::Parking;

/// A wait for the end of a server.
#[derive(Debug)]
pub(super) struct EndWait {
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl EndWait {
    pub(super) fn new(made_at: &'static Location<'static>) -> Self {
        Self { wait: Wait::new(), made_at }
    }

    pub(super) fn poll<L: Listener>(
        &mut self,
        core: &Core<L>,
        cx: &Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<()> {
        if core.is_over() {
            self.leave(core);
            return Poll::Ready(());
        }
        let lp = core.expect_loop("waiting for the end of a server");
        let parking = Parking {
            kind: WaitKind::Join,
            payload: core.task().map_or(0, |task| task.id),
            flags: 0,
            at: lp.places.word(at),
            made_at: lp.places.word(self.made_at),
        };
        if self.wait.park(lp, cx.waker(), &parking) {
            core.waiters().push(&self.wait);
        }
        Poll::Pending
    }

    pub(super) fn leave<L: Listener>(&mut self, core: &Core<L>) {
        core.waiters().leave(&mut self.wait);
    }
}

/// The future of [`Server::wait_closed`](super::Server::wait_closed).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WaitClosed<'a, L: Listener> {
    core: &'a Core<L>,
    end: EndWait,
}

impl<'a, L: Listener> WaitClosed<'a, L> {
    pub(super) fn new(core: &'a Core<L>, made_at: &'static Location<'static>) -> Self {
        Self { core, end: EndWait::new(made_at) }
    }
}

impl<L: Listener> Future for WaitClosed<'_, L> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let this = &mut *self;
        this.end.poll(this.core, cx, at)
    }
}

impl<L: Listener> Drop for WaitClosed<'_, L> {
    fn drop(&mut self) {
        self.end.leave(self.core);
    }
}

/// The future of [`Server::serve_forever`](super::Server::serve_forever).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ServeForever<'a, L: Listener> {
    core: &'a Core<L>,
    has_begun: bool,
    end: EndWait,
}

impl<'a, L: Listener> ServeForever<'a, L> {
    pub(super) fn new(core: &'a Core<L>, made_at: &'static Location<'static>) -> Self {
        Self { core, has_begun: false, end: EndWait::new(made_at) }
    }
}

impl<L: Listener> Future for ServeForever<'_, L> {
    type Output = Result<(), ServeError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        if !this.has_begun {
            this.core.start_serving()?;
            if !this.core.begin_awaiting() {
                return Poll::Ready(Err(ServeError::awaited(&this.core.settings.name)));
            }
            this.has_begun = true;
        }
        this.end.poll(this.core, cx, at).map(Ok)
    }
}

impl<L: Listener> Drop for ServeForever<'_, L> {
    fn drop(&mut self) {
        self.end.leave(self.core);
        if self.has_begun {
            self.core.end_awaiting();
            self.core.close();
        }
    }
}
