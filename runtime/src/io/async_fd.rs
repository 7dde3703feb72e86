//! Any descriptor that epoll can watch.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::task::{Context, Poll};

use super::evented::{Evented, Operation, Uncounted};
use super::source::Direction;
use crate::telemetry::view::ResourceKind;

pub use mio::Interest;

/// A descriptor on the loop: a pipe, a terminal, a device, a socket of another library.
///
/// The descriptor is set to non-blocking. Regular files cannot be watched.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use loopscope::io::AsyncFd;
///
/// loopscope::run(async {
///     let (reader, mut writer) = std::io::pipe().unwrap();
///     let reader = AsyncFd::new(reader).unwrap();
///     writer.write_all(b"hello").unwrap();
///     let mut bytes = [0; 16];
///     let count = reader.read_with(|mut fd| fd.read(&mut bytes)).await.unwrap();
///     assert_eq!(&bytes[..count], b"hello");
/// });
/// ```
#[doc(alias = "asyncio.loop.add_reader")]
#[doc(alias = "asyncio.loop.add_writer")]
pub struct AsyncFd<T: AsFd> {
    evented: Evented<Fd<T>>,
}

/// Gives what lends a descriptor a number.
#[derive(Debug)]
struct Fd<T>(T);

impl<T: AsFd> AsRawFd for Fd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl<T: AsFd> AsyncFd<T> {
    /// Watches a descriptor in both directions.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be set to non-blocking or cannot be watched (`EPERM` of a regular file), or is watched
    /// already (`EEXIST`).
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn new(fd: T) -> io::Result<Self> {
        Self::with_interest(fd, Interest::READABLE | Interest::WRITABLE)
    }

    /// Watches a descriptor in the directions given.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn with_interest(fd: T, interest: Interest) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        let evented = Evented::new(Fd(fd), ResourceKind::Fd, interest, Location::caller())?;
        Ok(Self { evented })
    }

    /// What is watched.
    pub fn get_ref(&self) -> &T {
        &self.evented.io().0
    }

    /// What is watched. Do not replace it: the registration belongs to the descriptor.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.evented.io_mut().0
    }

    /// Waits until reading may succeed.
    ///
    /// Readiness is what the OS said last: a call that then finds nothing must be told of with
    /// [`clear_readable`](Self::clear_readable), or the next wait ends at once. [`read_with`](Self::read_with) does all that.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    pub fn readable(&self) -> impl Future<Output = ()> + '_ {
        self.evented.ready(Operation::read(None))
    }

    /// Waits until writing may succeed. See [`readable`](Self::readable).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    pub fn writable(&self) -> impl Future<Output = ()> + '_ {
        self.evented.ready(Operation::write(None))
    }

    /// Says that reading found nothing: the next wait waits for the OS.
    pub fn clear_readable(&self) {
        self.evented.source().clear_ready(Direction::Read);
    }

    /// Says that writing found no room: the next wait waits for the OS.
    pub fn clear_writable(&self) {
        self.evented.source().clear_ready(Direction::Write);
    }

    /// Calls `call` until it does not return `WouldBlock`, waiting for readability in between.
    ///
    /// # Errors
    ///
    /// What `call` returns, but `WouldBlock` and `Interrupted`.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, `call` has not succeeded.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    pub fn read_with<'a, R: 'a>(
        &'a self,
        mut call: impl FnMut(&'a T) -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + 'a {
        Plain(self.evented.run(Operation::read(None), move |fd: &'a Fd<T>| call(&fd.0).map(Uncounted)))
    }

    /// Calls `call` until it does not return `WouldBlock`, waiting for writability in between.
    ///
    /// # Errors
    ///
    /// What `call` returns, but `WouldBlock` and `Interrupted`.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, `call` has not succeeded.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    pub fn write_with<'a, R: 'a>(
        &'a self,
        mut call: impl FnMut(&'a T) -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + 'a {
        Plain(self.evented.run(Operation::write(None), move |fd: &'a Fd<T>| call(&fd.0).map(Uncounted)))
    }

    /// [`read_with`](Self::read_with) for those who implement a trait's `poll_…`: one task at a time.
    ///
    /// # Errors
    ///
    /// What `call` returns, but `WouldBlock` and `Interrupted`.
    #[track_caller]
    pub fn poll_read_with<R>(
        &self,
        cx: &Context<'_>,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let at = Location::caller();
        let polled = self.evented.poll(Operation::read(None), cx, at, |fd| call(&fd.0).map(Uncounted));
        polled.map_ok(|outcome| outcome.0)
    }

    /// [`write_with`](Self::write_with) for those who implement a trait's `poll_…`: one task at a time.
    ///
    /// # Errors
    ///
    /// What `call` returns, but `WouldBlock` and `Interrupted`.
    #[track_caller]
    pub fn poll_write_with<R>(
        &self,
        cx: &Context<'_>,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let at = Location::caller();
        let polled = self.evented.poll(Operation::write(None), cx, at, |fd| call(&fd.0).map(Uncounted));
        polled.map_ok(|outcome| outcome.0)
    }
}

pin_project_lite::pin_project! {
    /// Takes the outcome out of its wrapper, without a frame of its own between the `.await` and the leaf.
    pub(crate) struct Plain<F> {
        #[pin]
        pub(crate) future: F,
    }
}

#[expect(non_snake_case, reason = "reads as the constructor it is")]
pub(crate) fn Plain<F>(future: F) -> Plain<F> {
    Plain { future }
}

impl<F: Future<Output = io::Result<Uncounted<R>>>, R> Future for Plain<F> {
    type Output = io::Result<R>;

    #[track_caller]
    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_ok(|outcome| outcome.0)
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFd").field(self.get_ref()).finish()
    }
}
