//! A descriptor with its registration: try the call first, wait only if it would block.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use mio::Interest;

use super::source::{Direction, Source};
use crate::event_loop::wait::Wait;
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A descriptor on a loop.
#[derive(Debug)]
pub(crate) struct Evented<S> {
    // Dropped in this order: the registration goes before the descriptor is closed.
    registration: Registration,
    io: S,
}

/// The loop's side of a descriptor.
#[derive(Debug)]
struct Registration {
    source: Source,
    /// The waits of those who poll through a trait and have no future to keep one in.
    read_wait: RefCell<Wait>,
    write_wait: RefCell<Wait>,
}

/// What an operation came to, as far as it is counted.
pub(crate) trait Outcome {
    /// Bytes moved, for operations that move bytes.
    fn bytes(&self) -> Option<usize>;
}

impl Outcome for usize {
    fn bytes(&self) -> Option<usize> {
        Some(*self)
    }
}

/// An outcome that is not counted in bytes.
pub(crate) struct Uncounted<T>(pub(crate) T);

/// Bytes and where they came from.
impl<A> Outcome for (usize, A) {
    fn bytes(&self) -> Option<usize> {
        Some(self.0)
    }
}

impl<T> Outcome for Uncounted<T> {
    fn bytes(&self) -> Option<usize> {
        None
    }
}

/// An operation: which way, what it is called while it waits, and how many bytes it asks for where a smaller count means that
/// the descriptor is drained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) direction: Direction,
    pub(crate) kind: WaitKind,
    pub(crate) asked: Option<usize>,
}

impl Operation {
    pub(crate) const fn read(asked: Option<usize>) -> Self {
        Self { direction: Direction::Read, kind: WaitKind::Read, asked }
    }

    pub(crate) const fn write(asked: Option<usize>) -> Self {
        Self { direction: Direction::Write, kind: WaitKind::Write, asked }
    }
}

impl<S: AsRawFd> Evented<S> {
    /// Registers a non-blocking descriptor with the current loop.
    pub(crate) fn new(
        io: S,
        kind: ResourceKind,
        interest: Interest,
        made_at: &'static Location<'static>,
    ) -> io::Result<Self> {
        let source = Source::register(&io, kind, interest, made_at)?;
        let (read_wait, write_wait) = (RefCell::new(Wait::new()), RefCell::new(Wait::new()));
        Ok(Self { registration: Registration { source, read_wait, write_wait }, io })
    }
}

impl<S> Evented<S> {
    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    pub(crate) fn io_mut(&mut self) -> &mut S {
        &mut self.io
    }

    pub(crate) fn source(&self) -> &Source {
        &self.registration.source
    }

    /// Takes the descriptor off the loop.
    pub(crate) fn into_inner(self) -> S {
        let Self { registration, io } = self;
        drop(registration);
        io
    }

    /// The future of an operation.
    pub(crate) fn run<'a, F, R>(&'a self, operation: Operation, call: F) -> Run<'a, S, F>
    where
        F: FnMut(&'a S) -> io::Result<R>,
        R: Outcome,
    {
        Run { evented: self, operation, call, wait: Wait::new() }
    }

    /// Polls an operation on behalf of a trait's `poll_…`.
    pub(crate) fn poll<'a, R: Outcome>(
        &'a self,
        operation: Operation,
        cx: &Context<'_>,
        at: &'static Location<'static>,
        call: impl FnMut(&'a S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let wait = match operation.direction {
            Direction::Read => &self.registration.read_wait,
            Direction::Write => &self.registration.write_wait,
        };
        self.poll_with(operation, cx, &mut wait.borrow_mut(), (at, true), call)
    }

    /// Polls an operation; `wait` and the place of the `.await` are the caller's.
    pub(crate) fn poll_with<'a, R: Outcome>(
        &'a self,
        operation: Operation,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: (&'static Location<'static>, bool),
        mut call: impl FnMut(&'a S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let Operation { direction, kind, .. } = operation;
        let source = self.source();
        loop {
            ready!(source.poll_ready(direction, kind, cx, wait, at));
            match source.watched(direction, || call(&self.io)) {
                Ok(outcome) => {
                    self.count(operation, &outcome);
                    return Poll::Ready(Ok(outcome));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => source.clear_ready(direction),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Calls once, whatever is known of the descriptor's readiness.
    pub(crate) fn attempt<'a, R: Outcome>(
        &'a self,
        operation: Operation,
        mut call: impl FnMut(&'a S) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            match self.source().watched(operation.direction, || call(&self.io)) {
                Ok(outcome) => {
                    self.count(operation, &outcome);
                    return Ok(outcome);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        self.source().clear_ready(operation.direction);
                    }
                    return Err(error);
                }
            }
        }
    }

    #[inline]
    fn count(&self, operation: Operation, outcome: &impl Outcome) {
        let Operation { direction, asked, .. } = operation;
        if let Some(bytes) = outcome.bytes() {
            self.source().moved(direction, bytes);
            if asked.is_some_and(|asked| bytes > 0 && bytes < asked) {
                self.source().drained(direction);
            }
        } else if direction == Direction::Read {
            self.source().answered();
        }
    }

    /// The future of readiness in a direction, without an operation.
    pub(crate) fn ready(&self, operation: Operation) -> Ready<'_, S> {
        Ready { evented: self, operation, wait: Wait::new() }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.source.leave(Direction::Read, self.read_wait.get_mut());
        self.source.leave(Direction::Write, self.write_wait.get_mut());
    }
}

/// The future of [`Evented::run`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Run<'a, S, F> {
    evented: &'a Evented<S>,
    operation: Operation,
    call: F,
    wait: Wait,
}

impl<S, F> Unpin for Run<'_, S, F> {}

impl<'a, S, F, R> Future for Run<'a, S, F>
where
    F: FnMut(&'a S) -> io::Result<R>,
    R: Outcome,
{
    type Output = io::Result<R>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = self.get_mut();
        let evented = this.evented;
        evented.poll_with(this.operation, cx, &mut this.wait, (at, false), &mut this.call)
    }
}

impl<S, F> Drop for Run<'_, S, F> {
    fn drop(&mut self) {
        self.evented.source().leave(self.operation.direction, &mut self.wait);
    }
}

/// The future of [`Evented::ready`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Ready<'a, S> {
    evented: &'a Evented<S>,
    operation: Operation,
    wait: Wait,
}

impl<S> Future for Ready<'_, S> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let Self { evented, operation, wait } = &mut *self;
        evented.source().poll_ready(operation.direction, operation.kind, cx, wait, (at, false))
    }
}

impl<S> Drop for Ready<'_, S> {
    fn drop(&mut self) {
        self.evented.source().leave(self.operation.direction, &mut self.wait);
    }
}
