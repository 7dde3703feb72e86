//! hyper on a Loopscope loop: its reads and writes, and its tasks.
//!
//! No timer is handed to hyper: it asks for timers that are `Send`, which those of a loop are not, and needs one only for
//! keep-alive. Whoever does not take what is written is noticed here, by [`Stream`]'s own time limit.

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What one read may bring; an HTTP/2 frame is rarely larger.
const READ_BYTES_MAX: usize = 16 << 10;

/// A stream as hyper wants it, which fails when the other end has taken nothing for a while.
pub(crate) struct Stream<S> {
    inner: S,
    buffer: Box<[u8]>,
    patience: Duration,
    stalled: Option<Pin<Box<loopscope::time::Sleep>>>,
}

impl<S> Stream<S> {
    pub(crate) fn new(inner: S, patience: Duration) -> Self {
        Self { inner, buffer: vec![0; READ_BYTES_MAX].into_boxed_slice(), patience, stalled: None }
    }

    /// What came of a write: being stuck for too long is an error.
    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(loopscope::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        let message = format!("the other end has taken nothing for {patience:?}");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }
}

impl<S: AsyncRead + Unpin> Read for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Through a buffer of our own: filling hyper's in place takes unsafe code, and a copy costs next to nothing here.
        let len = cursor.remaining().min(this.buffer.len());
        let read = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut this.buffer[..len]))?;
        cursor.put_slice(&this.buffer[..read]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, buffers);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.written(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_close(cx);
        self.written(cx, result)
    }
}

/// Runs hyper's futures, which need not be `Send`, as tasks of the current loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnLoop;

impl<F> Executor<F> for OnLoop
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        loopscope::spawn(future).detach();
    }
}
