//! The futures of a reader: a pure step over what is buffered, and reading more while it says so.
//!
//! ```text
//!   step ──Done──► ready
//!    ▲  └─More──► poll_read of the descriptor ──Pending──► the task waits, with the place of the user's `.await`
//!    └───────────────┘ bytes, end or failure
//! ```

use std::future::Future;
use std::io;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead};

use super::error::ReadError;
use super::inbox::{Inbox, ROOM_FIRST, Step};
use super::reader::{StreamReader, poll_io};
use crate::io::lent::Borrowed;

/// The future of most of a reader's methods.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Reading<'a, R, F> {
    reader: &'a mut StreamReader<R>,
    step: F,
    borrowed: Borrowed,
}

impl<'a, R, F> Reading<'a, R, F> {
    pub(super) fn new<T>(reader: &'a mut StreamReader<R>, step: F) -> Self
    where
        F: FnMut(&mut Inbox) -> Step<Result<T, ReadError>>,
    {
        Self { reader, step, borrowed: Borrowed::nothing() }
    }
}

impl<R, F> Unpin for Reading<'_, R, F> {}

impl<R, F, T> Future for Reading<'_, R, F>
where
    R: AsyncRead + Unpin,
    F: FnMut(&mut Inbox) -> Step<Result<T, ReadError>>,
{
    type Output = Result<T, ReadError>;

    #[track_caller]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match (this.step)(&mut this.reader.inbox) {
                Step::Done(outcome) => return Poll::Ready(outcome),
                Step::More => ready!(this.reader.poll_more(cx, &mut this.borrowed)),
            }
        }
    }
}

/// The future of [`StreamReader::read`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Read<'a, R> {
    reader: &'a mut StreamReader<R>,
    buffer: &'a mut [u8],
    borrowed: Borrowed,
}

impl<'a, R> Read<'a, R> {
    pub(super) fn new(reader: &'a mut StreamReader<R>, buffer: &'a mut [u8]) -> Self {
        Self { reader, buffer, borrowed: Borrowed::nothing() }
    }
}

impl<R: AsyncRead + Unpin> Future for Read<'_, R> {
    type Output = Result<usize, ReadError>;

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { reader, buffer, borrowed } = &mut *self;
        reader.poll_read_some(cx, buffer, borrowed)
    }
}

/// The future of [`StreamReader::fill_buf`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(super) struct FillBuf<'a, R> {
    /// Taken when it is done.
    reader: Option<&'a mut StreamReader<R>>,
    borrowed: Borrowed,
}

impl<'a, R> FillBuf<'a, R> {
    pub(super) fn new(reader: &'a mut StreamReader<R>) -> Self {
        Self { reader: Some(reader), borrowed: Borrowed::nothing() }
    }
}

impl<'a, R: AsyncRead + Unpin> Future for FillBuf<'a, R> {
    type Output = Result<&'a [u8], ReadError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { reader, borrowed } = &mut *self;
        let Some(filling) = reader else { panic!("`fill_buf` was polled after it was done") };
        ready!(filling.poll_some(cx, borrowed))?;
        let Some(reader) = reader.take() else { return Poll::Pending };
        Poll::Ready(Ok(reader.inbox.data()))
    }
}

impl<R: AsyncRead + Unpin> StreamReader<R> {
    /// Waits until something is buffered, or the end.
    #[track_caller]
    fn poll_some(&mut self, cx: &mut Context<'_>, borrowed: &mut Borrowed) -> Poll<Result<usize, ReadError>> {
        loop {
            match self.inbox.some(usize::MAX) {
                Step::Done(outcome) => return Poll::Ready(outcome),
                Step::More => ready!(self.poll_more(cx, borrowed)),
            }
        }
    }

    #[track_caller]
    #[inline]
    fn poll_read_some(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut [u8],
        borrowed: &mut Borrowed,
    ) -> Poll<Result<usize, ReadError>> {
        loop {
            match self.inbox.some(to.len()) {
                Step::Done(outcome) => {
                    let count = outcome?;
                    to[..count].copy_from_slice(&self.inbox.data()[..count]);
                    self.inbox.consume(count);
                    return Poll::Ready(Ok(count));
                }
                // A small room would leave the OS with something to tell again and again, where one call reads all of it.
                Step::More if to.len() < ROOM_FIRST => ready!(self.poll_more(cx, borrowed)),
                Step::More => match ready!(poll_io(&mut self.io, cx, to, borrowed)) {
                    Ok(0) => self.inbox.end(),
                    Ok(count) => return Poll::Ready(Ok(count)),
                    Err(error) => self.failed(error),
                },
            }
        }
    }
}

/// One task at a time may read through the trait.
impl<R: AsyncRead + Unpin> AsyncRead for StreamReader<R> {
    #[track_caller]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        // What is lent stays lent: there is no future here that could give it back.
        let mut lent = ManuallyDrop::new(Borrowed::nothing());
        self.get_mut().poll_read_some(cx, to, &mut lent).map_err(io::Error::from)
    }
}

/// One task at a time may read through the trait.
impl<R: AsyncRead + Unpin> AsyncBufRead for StreamReader<R> {
    #[track_caller]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let mut lent = ManuallyDrop::new(Borrowed::nothing());
        ready!(this.poll_some(cx, &mut lent))?;
        Poll::Ready(Ok(this.inbox.data()))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        Self::consume(self.get_mut(), count);
    }
}
