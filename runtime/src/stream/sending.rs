//! The futures of a writer, and the task that sends what none of them does.

use std::cell::RefCell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

use super::error::WriteError;
use super::outbox::{Outbox, Stage};
use super::writer::StreamWriter;
use crate::io::lent::Borrowed;

/// What a future waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    Drain,
    Flush,
    End,
    Close,
}

/// The future of most of a writer's methods.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Sending<'a, W: AsyncWrite + Unpin + 'static> {
    writer: &'a mut StreamWriter<W>,
    goal: Goal,
    made_at: &'static Location<'static>,
}

impl<'a, W: AsyncWrite + Unpin + 'static> Sending<'a, W> {
    pub(super) fn new(
        writer: &'a mut StreamWriter<W>,
        goal: Goal,
        made_at: &'static Location<'static>,
    ) -> Self {
        Self { writer, goal, made_at }
    }
}

impl<W: AsyncWrite + Unpin + 'static> Future for Sending<'_, W> {
    type Output = Result<(), WriteError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { writer, goal, .. } = &mut *self;
        if !matches!(goal, Goal::Drain) || writer.is_above_high_water() {
            writer.take_over();
        }
        let mut outbox = writer.outbox.borrow_mut();
        match goal {
            Goal::Drain => outbox.poll_drain(cx),
            Goal::Flush => outbox.poll_flush(cx),
            Goal::End => outbox.poll_end(cx),
            Goal::Close => outbox.poll_close(cx),
        }
    }
}

impl<W: AsyncWrite + Unpin + 'static> Drop for Sending<'_, W> {
    fn drop(&mut self) {
        self.writer.leave_to_flusher(self.made_at);
    }
}

/// The future of [`StreamWriter::write_all`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(super) struct WriteAll<'a, W: AsyncWrite + Unpin + 'static> {
    writer: &'a mut StreamWriter<W>,
    rest: &'a [u8],
    /// From the first poll on all of the bytes go out.
    has_begun: bool,
    made_at: &'static Location<'static>,
}

impl<'a, W: AsyncWrite + Unpin + 'static> WriteAll<'a, W> {
    pub(super) fn new(
        writer: &'a mut StreamWriter<W>,
        bytes: &'a [u8],
        made_at: &'static Location<'static>,
    ) -> Self {
        Self { writer, rest: bytes, has_begun: false, made_at }
    }
}

impl<W: AsyncWrite + Unpin + 'static> Future for WriteAll<'_, W> {
    type Output = Result<(), WriteError>;

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { writer, rest, has_begun, .. } = &mut *self;
        writer.take_over();
        let mut outbox = writer.outbox.borrow_mut();
        outbox.check_open()?;
        *has_begun = true;
        ready!(outbox.poll_queue(cx, 0))?;
        while !rest.is_empty() {
            *rest = &rest[ready!(outbox.poll_send(cx, rest))?..];
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin + 'static> Drop for WriteAll<'_, W> {
    #[inline]
    fn drop(&mut self) {
        if self.has_begun && !self.rest.is_empty() {
            let mut outbox = self.writer.outbox.borrow_mut();
            if outbox.failed.is_none() {
                outbox.push(self.rest);
            }
        }
        self.writer.leave_to_flusher(self.made_at);
    }
}

/// The task that sends what is queued while none of the writer's futures does.
#[derive(Debug)]
pub(super) struct Flusher<W> {
    outbox: Rc<RefCell<Outbox<W>>>,
    borrowed: Borrowed,
}

impl<W> Flusher<W> {
    pub(super) fn new(outbox: Rc<RefCell<Outbox<W>>>) -> Self {
        Self { outbox, borrowed: Borrowed::nothing() }
    }
}

impl<W: AsyncWrite + Unpin> Future for Flusher<W> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { outbox, borrowed } = &mut *self;
        let mut outbox = outbox.borrow_mut();
        let queued = outbox.len();
        Borrowed::begin();
        let sent = match outbox.stage {
            Stage::Ending => outbox.poll_end(cx),
            _ => outbox.poll_queue(cx, 0),
        };
        match sent {
            Poll::Pending => borrowed.note(),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => outbox.failed_unseen(queued),
        }
        sent.map(drop)
    }
}
