//! What is written and not yet sent: the queue, its water marks and the state of the writer.
//!
//! ```text
//!   open ──shutdown──► ending ──all is sent──► ended ──close──► closed        writing is an error from "ending" on
//!     └──failure──► failed (what is queued is lost, and each operation says so)
//!
//!   flowing ──more than high──► paused ──low or less──► flowing
//! ```

use crate::debug::log::log_here;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

use super::error::{Doing, InvalidMarks, Peer, StreamFailed, WriteAfterClose, WriteError};

/// More than this in the queue makes `drain` wait, as in asyncio.
pub(super) const HIGH_DEFAULT: usize = 64 * 1024;

/// How far a writer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Open,
    /// Its end was asked for: nothing may be written any more.
    Ending,
    /// Its end was sent.
    Ended,
    Closed,
}

/// A destination and what is on the way to it.
#[derive(Debug)]
pub(super) struct Outbox<W> {
    /// Gone when it was closed.
    pub(super) io: Option<W>,
    queue: Vec<u8>,
    /// How much of the queue was sent.
    sent: usize,
    pub(super) high: usize,
    pub(super) low: usize,
    paused: bool,
    pub(super) stage: Stage,
    pub(super) failed: Option<StreamFailed>,
    /// Bytes that were queued when it failed, until somebody is told of the failure.
    lost: usize,
    pub(super) peer: Peer,
}

impl<W> Outbox<W> {
    pub(super) const fn new(io: W) -> Self {
        Self {
            io: Some(io),
            queue: Vec::new(),
            sent: 0,
            high: HIGH_DEFAULT,
            low: HIGH_DEFAULT / 4,
            paused: false,
            stage: Stage::Open,
            failed: None,
            lost: 0,
            peer: Peer::Unnamed,
        }
    }

    /// Bytes that are queued.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.queue.len() - self.sent
    }

    /// Whether `drain` waits.
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.queue[self.sent..]
    }

    /// Bytes that were queued and will not be sent.
    pub(super) fn lost(&self) -> usize {
        self.lost + self.len()
    }

    /// Gives up what is queued, and lets go of the destination.
    pub(super) fn abort(&mut self) -> Option<W> {
        (self.queue, self.sent, self.lost, self.paused) = (Vec::new(), 0, 0, false);
        self.stage = Stage::Closed;
        self.io.take()
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Moving costs no more than what was sent since the last time.
        if self.sent > self.len() {
            self.queue.drain(..self.sent);
            self.sent = 0;
        }
        self.queue.extend_from_slice(bytes);
        self.mark();
    }

    #[inline]
    fn mark(&mut self) {
        if self.len() > self.high {
            self.pause(true);
        } else if self.len() <= self.low {
            self.pause(false);
        }
    }

    #[inline]
    fn pause(&mut self, paused: bool) {
        if std::mem::replace(&mut self.paused, paused) != paused {
            let (verb, queued) = (if paused { "pauses" } else { "resumes" }, self.len());
            log_here!(Debug, "{}: {verb} writing, {queued} bytes are queued", self.peer);
        }
    }

    /// asyncio's rules: without a high mark it is four times the low one, without a low one it is a quarter of the high one.
    pub(super) fn set_marks(&mut self, high: Option<usize>, low: Option<usize>) -> Result<(), InvalidMarks> {
        let high = high.unwrap_or_else(|| low.map_or(HIGH_DEFAULT, |low| low.saturating_mul(4)));
        let low = low.unwrap_or(high / 4);
        if low > high {
            return Err(InvalidMarks { high, low });
        }
        (self.high, self.low) = (high, low);
        self.mark();
        Ok(())
    }

    /// Whether anything can still be written.
    #[inline]
    pub(super) fn check_open(&mut self) -> Result<(), WriteError> {
        if self.stage != Stage::Open {
            return Err(self.closed());
        }
        self.check_sound()
    }

    /// Whether what was written can still arrive.
    #[inline]
    pub(super) fn check_sound(&mut self) -> Result<(), WriteError> {
        match &self.failed {
            None => Ok(()),
            Some(failed) => {
                self.lost = 0;
                Err(WriteError::Failed(failed.clone()))
            }
        }
    }

    /// It failed while nobody was there to be told, with so many bytes queued.
    pub(super) fn failed_unseen(&mut self, lost: usize) {
        self.lost = lost;
    }

    #[cold]
    pub(super) fn closed(&self) -> WriteError {
        WriteError::Closed(WriteAfterClose { peer: self.peer.clone() })
    }

    #[cold]
    fn fail(&mut self, doing: Doing, error: io::Error) -> WriteError {
        log_here!(Debug, "{}: writing failed for good, {} bytes are lost: {error}", self.peer, self.len());
        let failed = StreamFailed::new(doing, &self.peer, error);
        self.failed = Some(failed.clone());
        (self.queue, self.sent) = (Vec::new(), 0);
        self.paused = false;
        WriteError::Failed(failed)
    }
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    /// Sends some of `bytes`, which are not empty.
    #[track_caller]
    #[inline]
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, WriteError>> {
        loop {
            let Some(io) = &mut self.io else { return Poll::Ready(Err(self.closed())) };
            let sent = ready!(Pin::new(io).poll_write(cx, bytes));
            if let Some(outcome) = self.sent(sent) {
                return Poll::Ready(outcome);
            }
        }
    }

    /// Sends some of several pieces, which are not all empty.
    #[track_caller]
    pub(super) fn poll_send_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, WriteError>> {
        loop {
            let Some(io) = &mut self.io else { return Poll::Ready(Err(self.closed())) };
            let sent = ready!(Pin::new(io).poll_write_vectored(cx, pieces));
            if let Some(outcome) = self.sent(sent) {
                return Poll::Ready(outcome);
            }
        }
    }

    /// What a call came to, or `None` when it has to be repeated.
    #[inline]
    fn sent(&mut self, sent: io::Result<usize>) -> Option<Result<usize, WriteError>> {
        match sent {
            Ok(0) => Some(Err(self.fail(Doing::Writing, io::ErrorKind::WriteZero.into()))),
            Ok(count) => Some(Ok(count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(Err(self.fail(Doing::Writing, error))),
        }
    }

    /// Sends what is queued until no more than `rest` bytes of it are left.
    #[track_caller]
    pub(super) fn poll_queue(&mut self, cx: &mut Context<'_>, rest: usize) -> Poll<Result<(), WriteError>> {
        while self.len() > rest {
            // The queue is out of the way while the destination is borrowed.
            let queue = mem::take(&mut self.queue);
            let sent = self.poll_send(cx, &queue[self.sent..]);
            if self.failed.is_none() {
                self.queue = queue;
            }
            self.sent += ready!(sent)?;
            if self.len() == 0 {
                self.sent = 0;
                self.queue.clear();
                self.queue.shrink_to(HIGH_DEFAULT);
            }
            self.mark();
        }
        Poll::Ready(Ok(()))
    }

    /// Sends until `drain` has not to wait any more.
    #[track_caller]
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.check_sound()?;
        if self.stage == Stage::Closed {
            return Poll::Ready(Err(self.closed()));
        }
        if !self.paused {
            return Poll::Ready(Ok(()));
        }
        self.poll_queue(cx, self.low)
    }

    /// Sends everything.
    #[track_caller]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.check_sound()?;
        ready!(self.poll_queue(cx, 0))?;
        loop {
            let Some(io) = &mut self.io else { return Poll::Ready(Err(self.closed())) };
            match ready!(Pin::new(io).poll_flush(cx)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(self.fail(Doing::Writing, error))),
            }
        }
    }

    /// Sends everything and then the end.
    #[track_caller]
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        if self.stage >= Stage::Ended {
            return Poll::Ready(self.check_sound());
        }
        self.stage = Stage::Ending;
        ready!(self.poll_flush(cx))?;
        loop {
            let Some(io) = &mut self.io else { return Poll::Ready(Err(self.closed())) };
            match ready!(Pin::new(io).poll_close(cx)) {
                Ok(()) => {
                    self.stage = Stage::Ended;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(self.fail(Doing::Closing, error))),
            }
        }
    }

    /// Sends everything and the end, and lets go of the destination, whatever came of that. Afterwards it is done.
    #[track_caller]
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        if self.stage == Stage::Closed {
            return Poll::Ready(Ok(()));
        }
        let ended = ready!(self.poll_end(cx));
        self.stage = Stage::Closed;
        self.io = None;
        Poll::Ready(ended)
    }
}
