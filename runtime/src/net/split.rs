//! Owned halves of a stream.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

/// What has two directions that can be used apart.
pub(super) trait Halves {
    fn shutdown_write(&self) -> io::Result<()>;
}

impl Halves for super::TcpStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Halves for super::UnixStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// The reading half of a stream, made by its `into_split`.
#[derive(Debug)]
pub struct ReadHalf<S> {
    stream: Rc<S>,
}

/// The writing half of a stream, made by its `into_split`. Dropping it shuts the direction down.
#[derive(Debug)]
#[expect(private_bounds, reason = "made for our own streams only")]
pub struct WriteHalf<S: Halves> {
    stream: Rc<S>,
    shut_down: bool,
}

pub(super) fn halves<S: Halves>(stream: S) -> (ReadHalf<S>, WriteHalf<S>) {
    let stream = Rc::new(stream);
    (ReadHalf { stream: Rc::clone(&stream) }, WriteHalf { stream, shut_down: true })
}

impl<S> std::ops::Deref for ReadHalf<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.stream
    }
}

impl<S: Halves> std::ops::Deref for WriteHalf<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.stream
    }
}

#[expect(private_bounds, reason = "made for our own streams only")]
impl<S: Halves> WriteHalf<S> {
    /// Drops the half without shutting the direction down.
    pub fn forget(mut self) {
        self.shut_down = false;
    }

    /// Puts the halves of one stream together again.
    ///
    /// # Errors
    ///
    /// Both halves when they are not of one stream.
    pub fn reunite(mut self, read: ReadHalf<S>) -> Result<S, (ReadHalf<S>, Self)> {
        if !Rc::ptr_eq(&self.stream, &read.stream) {
            return Err((read, self));
        }
        self.shut_down = false;
        drop(self);
        Rc::try_unwrap(read.stream).map_err(|_| unreachable!("a stream has two halves"))
    }
}

impl<S: Halves> Drop for WriteHalf<S> {
    fn drop(&mut self) {
        if self.shut_down {
            // It fails when the peer is gone, and then the direction is down.
            drop(self.stream.shutdown_write());
        }
    }
}

impl<S> AsyncRead for ReadHalf<S>
where
    for<'a> &'a S: AsyncRead,
{
    #[track_caller]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.stream).poll_read(cx, buffer)
    }
}

impl<S: Halves> AsyncWrite for WriteHalf<S>
where
    for<'a> &'a S: AsyncWrite,
{
    #[track_caller]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.stream).poll_write(cx, bytes)
    }

    #[track_caller]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.stream).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.stream).poll_close(cx)
    }
}
