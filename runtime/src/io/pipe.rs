//! Pipes: the ends of a child's standard streams, and pipes of one's own.
//!
//! A short read or write says nothing of a pipe: bytes and the end can come in one edge, so readiness is only cleared by
//! `WouldBlock`.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use mio::Interest;
use rustix::event::{PollFd, PollFlags, Timespec};

use super::Plain;
use super::evented::{Evented, Operation, Uncounted};
use super::source::Direction;
use crate::debug::log::log_here;
use crate::event_loop::wait::Wait;
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A new pipe: what is written into the one end is read from the other.
///
/// # Errors
///
/// What the OS says; too many open files (`EMFILE`) for example.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let (reader, writer) = loopscope::io::pipe().unwrap();
///     writer.write_all(b"hello").await.unwrap();
///     drop(writer);
///     let mut bytes = [0; 16];
///     assert_eq!(reader.read(&mut bytes).await.unwrap(), 5);
///     assert_eq!(reader.read(&mut bytes).await.unwrap(), 0);
/// });
/// ```
#[track_caller]
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let made_at = Location::caller();
    let (reader, writer) = io::pipe()?;
    Ok((PipeReader::register(reader, made_at)?, PipeWriter::register(writer, made_at)?))
}

/// The end of a pipe that is read from.
pub struct PipeReader {
    evented: Evented<io::PipeReader>,
}

impl PipeReader {
    /// Takes the reading end of a pipe made elsewhere, a FIFO, a terminal or a device; it is set to non-blocking.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be watched (`PermissionDenied` of a regular file) or is watched already (`AlreadyExists`).
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.loop.connect_read_pipe")]
    #[track_caller]
    pub fn from_fd(fd: impl Into<OwnedFd>) -> io::Result<Self> {
        let (fd, made_at) = (fd.into(), Location::caller());
        let failed = unwatched(fd.as_raw_fd());
        Self::register(fd.into(), made_at).map_err(failed)
    }

    pub(crate) fn register(pipe: io::PipeReader, made_at: &'static Location<'static>) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        let evented = Evented::new(pipe, ResourceKind::Pipe, Interest::READABLE, made_at)?;
        log_here!(Debug, "pipe to read from is watched: fd {}", evented.io().as_raw_fd());
        Ok(Self { evented })
    }

    /// Says whose it is.
    pub(crate) fn belongs_to(&self, name: &str, pid: u32) {
        let source = self.evented.source();
        source.set_name(name);
        if let Some(record) = source.record() {
            record.process(pid);
        }
    }

    /// Takes the descriptor off the loop and sets it to blocking again, as another process expects it.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn into_fd(self) -> io::Result<OwnedFd> {
        let fd = self.evented.into_inner().into();
        rustix::io::ioctl_fionbio(&fd, false)?;
        Ok(fd)
    }

    /// Reads into `buffer`. Zero bytes mean that no writing end is open any more, or that the buffer is empty.
    ///
    /// # Errors
    ///
    /// What the OS says.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was read.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    #[doc(alias = "asyncio.StreamReader.read")]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        self.evented.run(Operation::read(None), move |mut pipe: &'a io::PipeReader| pipe.read(buffer))
    }

    /// Reads into several buffers, the first one first.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was read.
    pub fn read_vectored<'a>(
        &'a self,
        buffers: &'a mut [IoSliceMut<'a>],
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        let call = move |mut pipe: &'a io::PipeReader| pipe.read_vectored(buffers);
        self.evented.run(Operation::read(None), call)
    }

    /// Reads exactly as many bytes as `buffer` has room for.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` when the pipe ends earlier, and what the OS says.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, any number of bytes may have been read and are lost.
    pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        let mut filled = 0;
        Plain(self.evented.run(Operation::read(None), move |mut pipe: &'a io::PipeReader| {
            if filled == buffer.len() {
                return Ok(Uncounted(()));
            }
            match pipe.read(&mut buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    self.evented.source().moved(Direction::Read, read);
                    filled += read;
                }
            }
            // Comes back for the rest, if the task's budget lets it: a fast writer must not keep others waiting.
            let is_full = filled == buffer.len();
            if is_full { Ok(Uncounted(())) } else { Err(io::ErrorKind::Interrupted.into()) }
        }))
    }

    /// Waits until reading may succeed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub fn readable(&self) -> impl Future<Output = ()> + '_ {
        self.evented.ready(Operation::read(None))
    }

    /// Reads what is there behind `bytes`, making room for at least `least`; `wait` belongs to the caller's future.
    pub(crate) fn poll_append(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: &'static Location<'static>,
        bytes: &mut Vec<u8>,
        least: usize,
    ) -> Poll<io::Result<usize>> {
        bytes.reserve(least);
        self.evented.poll_with(Operation::read(None), cx, wait, (at, false), |pipe| {
            Ok(rustix::io::read(pipe, rustix::buffer::spare_capacity(bytes))?)
        })
    }

    /// Takes a wait of [`poll_append`](Self::poll_append) back.
    pub(crate) fn leave(&self, wait: &mut Wait) {
        self.evented.source().leave(Direction::Read, wait);
    }

    fn poll_read_at(
        &self,
        cx: &Context<'_>,
        at: &'static Location<'static>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.evented.poll(Operation::read(None), cx, at, |mut pipe| pipe.read(buffer))
    }
}

/// One task at a time may read through the trait.
impl futures_io::AsyncRead for PipeReader {
    #[track_caller]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_at(cx, Location::caller(), buffer)
    }
}

/// One task at a time may read through the trait.
impl futures_io::AsyncRead for &PipeReader {
    #[track_caller]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_at(cx, Location::caller(), buffer)
    }
}

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.evented.io().as_fd()
    }
}

impl AsRawFd for PipeReader {
    fn as_raw_fd(&self) -> RawFd {
        self.evented.io().as_raw_fd()
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeReader").field(&self.as_raw_fd()).finish()
    }
}

/// The end of a pipe that is written to. Dropping it, or closing it through [`AsyncWrite`](futures_io::AsyncWrite), is how
/// the reader learns that nothing more comes.
pub struct PipeWriter {
    /// None once it was closed through the trait.
    evented: Option<Evented<io::PipeWriter>>,
}

impl PipeWriter {
    /// Takes the writing end of a pipe made elsewhere, a FIFO, a terminal or a device; it is set to non-blocking.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be watched (`PermissionDenied` of a regular file) or is watched already (`AlreadyExists`).
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.loop.connect_write_pipe")]
    #[track_caller]
    pub fn from_fd(fd: impl Into<OwnedFd>) -> io::Result<Self> {
        let (fd, made_at) = (fd.into(), Location::caller());
        let failed = unwatched(fd.as_raw_fd());
        Self::register(fd.into(), made_at).map_err(failed)
    }

    pub(crate) fn register(pipe: io::PipeWriter, made_at: &'static Location<'static>) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        let evented = Evented::new(pipe, ResourceKind::Pipe, Interest::WRITABLE, made_at)?;
        log_here!(Debug, "pipe to write to is watched: fd {}", evented.io().as_raw_fd());
        Ok(Self { evented: Some(evented) })
    }

    /// Says whose it is.
    pub(crate) fn belongs_to(&self, name: &str, pid: u32) {
        let Some(evented) = &self.evented else { return };
        evented.source().set_name(name);
        if let Some(record) = evented.source().record() {
            record.process(pid);
        }
    }

    /// Takes the descriptor off the loop and sets it to blocking again, as another process expects it.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` when it is closed, and when the OS refuses.
    pub fn into_fd(self) -> io::Result<OwnedFd> {
        let fd = self.evented.ok_or_else(closed)?.into_inner().into();
        rustix::io::ioctl_fionbio(&fd, false)?;
        Ok(fd)
    }

    /// Writes some of `bytes` and returns how many.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` when nobody can read it any more or it is closed, and what else the OS says.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was written.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    pub fn write<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        let run = |evented: &'a Evented<io::PipeWriter>| {
            evented.run(Operation::write(None), move |mut pipe: &'a io::PipeWriter| pipe.write(bytes))
        };
        WhileOpen { operation: self.evented.as_ref().map(run) }
    }

    /// Writes some of several buffers with one call and returns how many bytes.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was written.
    pub fn write_vectored<'a>(
        &'a self,
        buffers: &'a [IoSlice<'a>],
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        let run = |evented: &'a Evented<io::PipeWriter>| {
            let call = move |mut pipe: &'a io::PipeWriter| pipe.write_vectored(buffers);
            evented.run(Operation::write(None), call)
        };
        WhileOpen { operation: self.evented.as_ref().map(run) }
    }

    /// Writes all of `bytes`, waiting for the reader as often as the pipe is full.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); `WriteZero` when it takes nothing more.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, any part of `bytes` may have been written.
    #[doc(alias = "asyncio.StreamWriter.write")]
    #[doc(alias = "asyncio.StreamWriter.drain")]
    pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        let run = |evented: &'a Evented<io::PipeWriter>| {
            let mut rest = bytes;
            Plain(evented.run(Operation::write(None), move |mut pipe: &'a io::PipeWriter| {
                if rest.is_empty() {
                    return Ok(Uncounted(()));
                }
                match pipe.write(rest)? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    written => {
                        evented.source().moved(Direction::Write, written);
                        rest = &rest[written..];
                    }
                }
                // As in `read_exact`.
                if rest.is_empty() { Ok(Uncounted(())) } else { Err(io::ErrorKind::Interrupted.into()) }
            }))
        };
        WhileOpen { operation: self.evented.as_ref().map(run) }
    }

    /// Waits until writing may succeed. One that is closed stays writable: it gives its error at once.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub fn writable(&self) -> impl Future<Output = ()> + '_ {
        let ready = self.evented.as_ref().map(|evented| evented.ready(Operation::write(None)));
        WhileOpen { operation: ready }
    }

    /// Waits until nobody can read it any more, or it is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    pub fn broken(&self) -> impl Future<Output = ()> + '_ {
        let operation = self.evented.as_ref().map(|evented| evented.run(BROKEN, is_broken));
        Answered(WhileOpen { operation })
    }

    /// Polls for [`broken`](Self::broken); `wait` belongs to the caller's future.
    pub(crate) fn poll_broken(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: &'static Location<'static>,
    ) -> Poll<()> {
        let Some(evented) = &self.evented else { return Poll::Ready(()) };
        evented.poll_with(BROKEN, cx, wait, (at, false), is_broken).map(drop)
    }

    /// Polls for a write; `wait` belongs to the caller's future.
    pub(crate) fn poll_write_with(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: &'static Location<'static>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(evented) = &self.evented else { return Poll::Ready(Err(closed())) };
        evented.poll_with(Operation::write(None), cx, wait, (at, false), |mut pipe| pipe.write(bytes))
    }

    /// Takes a wait back.
    pub(crate) fn leave(&self, direction: Direction, wait: &mut Wait) {
        if let Some(evented) = &self.evented {
            evented.source().leave(direction, wait);
        }
    }
}

/// The OS reports the loss of the last reader as an error, which counts as readability too: what is written to is never
/// readable otherwise.
const BROKEN: Operation = Operation { direction: Direction::Read, kind: WaitKind::Write, asked: None };

fn is_broken(pipe: &io::PipeWriter) -> io::Result<Uncounted<()>> {
    let mut polled = [PollFd::new(pipe, PollFlags::empty())];
    rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let is_broken = polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP);
    if is_broken { Ok(Uncounted(())) } else { Err(io::ErrorKind::WouldBlock.into()) }
}

/// Says which descriptor could not be watched.
fn unwatched(fd: RawFd) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot watch descriptor {fd} as a pipe: {error}"))
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "this end of the pipe is closed")
}

/// One task at a time may write through the trait.
impl futures_io::AsyncWrite for PipeWriter {
    #[track_caller]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(evented) = &self.evented else { return Poll::Ready(Err(closed())) };
        evented.poll(Operation::write(None), cx, Location::caller(), |mut pipe| pipe.write(bytes))
    }

    #[track_caller]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(evented) = &self.evented else { return Poll::Ready(Err(closed())) };
        let at = Location::caller();
        evented.poll(Operation::write(None), cx, at, |mut pipe| pipe.write_vectored(buffers))
    }

    /// Nothing is buffered here.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes the descriptor, which a reader sees as the end.
    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.evented = None;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fd = self.evented.as_ref().map(|evented| evented.io().as_raw_fd());
        f.debug_tuple("PipeWriter").field(&fd).finish()
    }
}

pin_project_lite::pin_project! {
    /// An operation of a pipe that may be closed already.
    struct WhileOpen<F> {
        #[pin]
        operation: Option<F>,
    }
}

impl<F: Future<Output: OfClosed>> Future for WhileOpen<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().operation.as_pin_mut() {
            Some(operation) => operation.poll(cx),
            None => Poll::Ready(F::Output::of_closed()),
        }
    }
}

/// What an operation gives on a pipe that is closed.
trait OfClosed {
    fn of_closed() -> Self;
}

impl<T> OfClosed for io::Result<T> {
    fn of_closed() -> Self {
        Err(closed())
    }
}

impl OfClosed for () {
    fn of_closed() -> Self {}
}

pin_project_lite::pin_project! {
    /// An operation whose answer says nothing but that it came.
    struct Answered<F> {
        #[pin]
        operation: F,
    }
}

#[expect(non_snake_case, reason = "reads as the constructor it is")]
fn Answered<F>(operation: F) -> Answered<F> {
    Answered { operation }
}

impl<F: Future> Future for Answered<F> {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().operation.poll(cx).map(drop)
    }
}
