//! hyper on a loop: its reads and writes, its tasks, its timers. With the feature `hyper`.
//!
//! hyper 1 runs on any runtime that gives it the traits of `hyper::rt`; these types do. Its HTTP/1 connections need an
//! [`Io`] and, for time limits, a [`Timer`]; HTTP/2 an [`Executor`] as well.
//!
//! ```no_run
//! # // The versions of HTTP are features of hyper that the application chooses.
//! use loopscope::hyper::{Executor, Io};
//! use loopscope::net::TcpListener;
//!
//! # async fn serve() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! // Tasks that connections spawn are shown with this line and this name.
//! let executor = Executor::new().name("http/2 stream");
//! loop {
//!     let (stream, _peer) = listener.accept().await?;
//!     let (io, executor) = (Io::new(stream), executor.clone());
//!     // hyper::server::conn::http2::Builder::new(executor).serve_connection(io, service) …
//! #   drop((io, executor));
//! }
//! # }
//! ```
//!
//! hyper's own futures are `Send` only where the stream, the body and the service are. On a loop they need not be: spawn the
//! connection with [`spawn`](crate::spawn), which asks for nothing. Where a service must be `Send`, as a router of axum, its
//! handlers wait for what belongs to the loop through [`tied`].

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{self, ReadBufCursor};

use crate::task::{Builder, Tied, tied};
use crate::time::{Instant, Sleep};

/// What one read may bring; an HTTP/2 frame is rarely larger.
const READ_BYTES_MAX: usize = 16 << 10;

/// A stream as hyper reads and writes it.
pub struct Io<S> {
    stream: S,
    buffer: Box<[u8]>,
}

impl<S> Io<S> {
    /// Wraps a stream: of [`net`](crate::net), or any other that has the traits of `futures-io`.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; READ_BYTES_MAX].into_boxed_slice() }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives the stream back. What was read is hyper's already.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> fmt::Debug for Io<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

impl<S: AsyncRead + Unpin> rt::Read for Io<S> {
    #[track_caller]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Through a buffer of our own: filling hyper's in place takes unsafe code, and a copy costs next to nothing here.
        let len = cursor.remaining().min(this.buffer.len());
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut this.buffer[..len]))?;
        cursor.put_slice(&this.buffer[..read]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> rt::Write for Io<S> {
    #[track_caller]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    #[track_caller]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[track_caller]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    #[track_caller]
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Runs hyper's futures, which need not be `Send`, as tasks of the current loop.
///
/// The tasks are shown with the place where the executor was made and with its name, so that one connection's tasks are told
/// from another's.
#[derive(Clone, Debug)]
pub struct Executor {
    place: &'static Location<'static>,
    name: Option<Arc<str>>,
}

impl Executor {
    /// An executor whose tasks are shown as spawned here.
    #[expect(clippy::new_without_default, reason = "a default would be made in a place of no interest")]
    #[track_caller]
    pub fn new() -> Self {
        Self { place: Location::caller(), name: None }
    }

    /// What its tasks are called.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl<F> rt::Executor<F> for Executor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        let builder = Builder::new().at(self.place);
        let builder = match &self.name {
            Some(name) => builder.name(name),
            None => builder,
        };
        builder.spawn(future).detach();
    }
}

/// Time limits for hyper, kept by timers of the loop.
///
/// hyper asks for timers that are `Send`, which those of a loop are not: they are [`tied`] to the loop's thread, where hyper,
/// whose tasks run there, polls and drops them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer(());

impl Timer {
    /// A timer of the current loop.
    pub const fn new() -> Self {
        Self(())
    }
}

struct Limit(Tied<Sleep>);

impl rt::Sleep for Limit {}

impl Future for Limit {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// How far a moment of the standard library's clock is away; its moments are not ours to make.
#[expect(clippy::disallowed_methods, reason = "hyper's deadlines are on that clock")]
fn until(deadline: std::time::Instant) -> Duration {
    deadline.saturating_duration_since(std::time::Instant::now())
}

impl rt::Timer for Timer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Limit(tied(crate::sleep(duration))))
    }

    #[track_caller]
    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep(until(deadline))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: std::time::Instant) {
        match sleep.as_mut().downcast_mut_pin::<Limit>() {
            Some(mut limit) => limit.0.reach().get_mut().reset(Instant::now() + until(deadline)),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}
