//! A whole conversation with a process: input in, output and errors out, all at once.
//!
//! ```text
//!   stdin   ──written, or nobody reads it──► closed ─┐
//!   stdout  ──end──► closed ─────────────────────────┤
//!   stderr  ──end──► closed ─────────────────────────┼──► Output
//!   process ──ended────────────┬─────────────────────┘
//!                              └─ grace over, pipes still open ──► Output, not complete
//! ```
//!
//! Each of the four is a wait of the awaiting task. What was read is kept in the child, so that dropping the future loses
//! nothing.

use std::borrow::BorrowMut;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::child::Child;
use super::error::CommunicateError;
use super::status::ExitStatus;
use crate::debug::log::log_here;
use crate::event_loop::current;
use crate::event_loop::wait::Wait;
use crate::io::source::Direction;
use crate::io::{PipeReader, PipeWriter};
use crate::time::sleep::Sleep;

/// Bytes there is room for at each read: what a pipe holds.
const READ_BYTES: usize = 1 << 16;

/// What a process said, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote; empty if that was no pipe to us.
    pub stdout: Vec<u8>,
    /// What it wrote as errors; empty if that was no pipe to us.
    pub stderr: Vec<u8>,
    /// Whether the pipes came to their end. If not, somebody else still had one when the grace was over.
    pub complete: bool,
}

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Talk {
    input: Vec<u8>,
    /// Bytes of it that are with the process.
    written: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// The future of [`Child::communicate`] and [`Child::wait_with_output`].
#[must_use = "futures do nothing unless awaited"]
pub struct Communicate<C: BorrowMut<Child>> {
    waits: Waits,
    grace: Option<Duration>,
    /// Runs from the end of the process.
    grace_left: Option<Sleep>,
    limit: usize,
    made_at: &'static Location<'static>,
    child: C,
}

#[derive(Debug)]
struct Waits {
    stdin: Wait,
    stdout: Wait,
    stderr: Wait,
    end: Wait,
}

impl<C: BorrowMut<Child>> Communicate<C> {
    pub(super) fn new(mut child: C, input: &[u8], made_at: &'static Location<'static>) -> Self {
        let talk = child.borrow_mut().talk.get_or_insert_default();
        talk.input.extend_from_slice(input);
        let waits = Waits { stdin: Wait::new(), stdout: Wait::new(), stderr: Wait::new(), end: Wait::new() };
        Self { waits, grace: None, grace_left: None, limit: usize::MAX, made_at, child }
    }

    /// The most that either of the output and the errors may be. More is an error, and leaves the process waiting for
    /// somebody who reads on.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// How long the pipes may stay open when the process has ended, because a process that it started still has them.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    fn poll_pipes(
        &mut self,
        cx: &Context<'_>,
        at: &'static Location<'static>,
    ) -> Result<(), CommunicateError> {
        let child = self.child.borrow_mut();
        let Child { stdin, stdout, stderr, talk, process, .. } = child;
        let talk = talk.get_or_insert_default();
        let failed = |stream, source| CommunicateError::Io { process: process.label(), stream, source };
        feed(stdin, talk, cx, &mut self.waits.stdin, at).map_err(|error| failed("stdin", error))?;
        let outputs = [
            ("stdout", stdout, &mut talk.stdout, &mut self.waits.stdout),
            ("stderr", stderr, &mut talk.stderr, &mut self.waits.stderr),
        ];
        for (stream, pipe, bytes, wait) in outputs {
            let polled = drain(pipe, bytes, self.limit, cx, wait, at);
            if polled.map_err(|error| failed(stream, error))? {
                return Err(CommunicateError::Limit { process: process.label(), stream, limit: self.limit });
            }
        }
        Ok(())
    }

    fn finish(&mut self, status: ExitStatus) -> Output {
        self.leave();
        let child = self.child.borrow_mut();
        let complete = child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none();
        (child.stdin, child.stdout, child.stderr) = (None, None, None);
        let talk = child.talk.take().unwrap_or_default();
        Output { status, stdout: talk.stdout, stderr: talk.stderr, complete }
    }

    fn leave(&mut self) {
        let Child { stdin, stdout, stderr, process, .. } = self.child.borrow_mut();
        let waits = &mut self.waits;
        if let Some(pipe) = stdin {
            pipe.leave(Direction::Write, &mut waits.stdin);
        }
        for (pipe, wait) in [(stdout, &mut waits.stdout), (stderr, &mut waits.stderr)] {
            if let Some(pipe) = pipe {
                pipe.leave(wait);
            }
        }
        process.leave(&mut waits.end);
    }
}

/// Writes what is left of the input, then closes the pipe.
fn feed(
    stdin: &mut Option<PipeWriter>,
    talk: &mut Talk,
    cx: &Context<'_>,
    wait: &mut Wait,
    at: &'static Location<'static>,
) -> io::Result<()> {
    let Some(pipe) = stdin else {
        if talk.written < talk.input.len() {
            // It is told once: the output can still be had.
            (talk.input, talk.written) = (Vec::new(), 0);
            return Err(io::Error::new(io::ErrorKind::NotConnected, "there is input, and no pipe for it"));
        }
        return Ok(());
    };
    while talk.written < talk.input.len() {
        match pipe.poll_write_with(cx, wait, at, &talk.input[talk.written..]) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(written)) => talk.written += written,
            // It does not want the rest.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
    pipe.leave(Direction::Write, wait);
    log_here!(Debug, "stdin of a process is closed, {} of {} bytes were fed", talk.written, talk.input.len());
    *stdin = None;
    (talk.input, talk.written) = (Vec::new(), 0);
    Ok(())
}

/// Reads what there is, and closes the pipe at its end. Returns whether that is too much.
fn drain(
    from: &mut Option<PipeReader>,
    bytes: &mut Vec<u8>,
    limit: usize,
    cx: &Context<'_>,
    wait: &mut Wait,
    at: &'static Location<'static>,
) -> io::Result<bool> {
    while let Some(pipe) = from {
        if bytes.len() > limit {
            return Ok(true);
        }
        match pipe.poll_append(cx, wait, at, bytes, READ_BYTES) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0)) => {
                pipe.leave(wait);
                log_here!(Debug, "an output of a process was closed by peer after {} bytes", bytes.len());
                *from = None;
            }
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
    Ok(bytes.len() > limit)
}

impl<C: BorrowMut<Child> + Unpin> Future for Communicate<C> {
    type Output = Result<Output, CommunicateError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        // Asked before its pipes are read: what it wrote until its end is in them then, and is not lost to the shortest grace.
        let end = this.child.borrow_mut().process.poll_end(cx, &mut this.waits.end, at);
        this.poll_pipes(cx, at)?;
        let Poll::Ready(ended) = end else { return Poll::Pending };
        let child = this.child.borrow_mut();
        let status = ended.map_err(CommunicateError::Wait)?;
        let is_open = child.stdin.is_some() || child.stdout.is_some() || child.stderr.is_some();
        if is_open {
            let Some(grace) = this.grace else { return Poll::Pending };
            let made_at = this.made_at;
            let left = this.grace_left.get_or_insert_with(|| {
                Sleep::new(current::expect("talking to a process").deadline_after(grace), made_at)
            });
            if left.poll_at(cx, at).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(this.finish(status)))
    }
}

impl<C: BorrowMut<Child>> Drop for Communicate<C> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<C: BorrowMut<Child>> fmt::Debug for Communicate<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Communicate")
            .field("child", self.child.borrow())
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}
