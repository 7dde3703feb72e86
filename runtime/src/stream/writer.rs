//! Writing with a queue and water marks.
//!
//! ```text
//!   write ──► the destination takes all of it
//!     └─────► it takes a part: the rest is queued ──► the flusher, a task of its own, sends it
//!                                                      │ ▲
//!                                drain, flush … begin ─▼ │─ and end with something queued
//!                                                  they send it
//! ```
//!
//! # Invariants
//!
//! - Bytes are sent in the order of the calls, each once.
//! - While something is queued either one of the writer's futures sends it or the flusher does, never both: so the wait that a
//!   reader of the records sees is that of the task that waits, with its own line.

use std::cell::{Ref, RefCell};
use std::fmt;
use std::future::Future;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_io::AsyncWrite;

use super::error::{InvalidMarks, Peer, StreamFailed, WriteError};
use super::outbox::{Outbox, Stage};
use super::sending::{Flusher, Goal, Sending, WriteAll};
use crate::debug;
use crate::event_loop::current;
use crate::runner::{Unhandled, UnhandledKind};
use crate::task::control::TaskWord;
use crate::task::{self, Task};
use crate::telemetry::atomic::Relaxed;

/// As many pieces as one call takes; the OS has no more (`IOV_MAX` is 1024) and the rest follows with the next.
const PIECES_MAX: usize = 64;

/// Writes to anything that is `AsyncWrite`, with a queue that has water marks.
///
/// [`write`](Self::write) never waits: what the destination does not take at once is queued, and a task named `flusher of …`, which
/// lives only as long as something is queued, sends it. The queue is bounded by nothing but [`drain`](Self::drain), which waits while
/// there is too much in it. [`write_all`](Self::write_all) waits until all of its bytes are sent, and queues nothing.
///
/// One task writes at a time, since everything takes `&mut self`: no two tasks can tear each other's bytes, and there is one
/// `drain` at a time.
///
/// # Dropping
///
/// Dropping a writer closes the connection. What is still queued is given to the OS once more, without waiting; what it does not
/// take is lost and reported, with its size, through [`on_unhandled`](crate::runner::Builder::on_unhandled).
/// [`close`](Self::close) loses nothing.
///
/// A future of the writer that is dropped outside of the loop leaves what is queued to whatever is done with the writer next.
///
/// # Examples
///
/// ```
/// use loopscope::net::UnixStream;
/// use loopscope::stream::{StreamReader, StreamWriter};
///
/// # fn main() -> std::io::Result<()> {
/// loopscope::run(async {
///     let (ours, theirs) = UnixStream::pair()?;
///     let mut writer = StreamWriter::new(ours);
///     writer.write(b"hello\n")?;
///     writer.drain().await?;
///     writer.close().await?;
///     assert_eq!(StreamReader::new(theirs).read_to_end().await?, b"hello\n");
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "asyncio.StreamWriter")]
pub struct StreamWriter<W: AsyncWrite + Unpin + 'static> {
    pub(super) outbox: Rc<RefCell<Outbox<W>>>,
    /// The last one that was spawned.
    flusher: Option<Task<()>>,
    /// The loop it was made on, by its slot and life.
    home: Option<(u8, u64)>,
}

/// This thread's loop by its slot and life.
fn here() -> Option<(u8, u64)> {
    current::get().map(|lp| (lp.slot, lp.life.load(Relaxed)))
}

impl<W: AsyncWrite + Unpin + 'static> StreamWriter<W> {
    /// A writer with asyncio's water marks: 64 KiB and 16 KiB.
    pub fn new(io: W) -> Self {
        Self { outbox: Rc::new(RefCell::new(Outbox::new(io))), flusher: None, home: here() }
    }

    /// What errors call the other end. The address of a socket is known without it.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.outbox.borrow_mut().peer = Peer::Named(name.into());
        self
    }

    pub(crate) fn of_peer(self, peer: Option<SocketAddr>) -> Self {
        self.outbox.borrow_mut().peer = peer.map_or(Peer::Unnamed, Peer::Inet);
        self
    }

    /// Sends what the destination takes at once and queues the rest. Never waits.
    ///
    /// # Errors
    ///
    /// [`WriteError::Closed`] after [`shutdown`](Self::shutdown) and [`close`](Self::close); [`WriteError::Failed`], also when what was
    /// written before could not be sent.
    ///
    /// # Panics
    ///
    /// Outside of a loop, when something has to be queued.
    #[doc(alias = "asyncio.StreamWriter.write")]
    #[track_caller]
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let mut outbox = self.outbox.borrow_mut();
        outbox.check_open()?;
        let mut rest = bytes;
        if outbox.len() == 0 && !rest.is_empty() {
            // One call: whether a destination that took a part takes more now is for the flusher to find out.
            if let Poll::Ready(sent) = outbox.poll_send(&mut Context::from_waker(Waker::noop()), rest) {
                rest = &rest[sent?..];
            }
        }
        if !rest.is_empty() {
            outbox.push(rest);
            drop(outbox);
            self.hand_over(Location::caller());
        }
        Ok(())
    }

    /// As [`write`](Self::write), for several pieces with one call of the OS.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// Outside of a loop, when something has to be queued.
    #[doc(alias = "asyncio.StreamWriter.writelines")]
    #[track_caller]
    pub fn write_vectored(&mut self, pieces: &[&[u8]]) -> Result<(), WriteError> {
        let mut outbox = self.outbox.borrow_mut();
        outbox.check_open()?;
        let mut sent = 0;
        if outbox.len() == 0 && pieces.iter().any(|piece| !piece.is_empty()) {
            let filled = pieces.iter().filter(|piece| !piece.is_empty()).take(PIECES_MAX);
            let slices: Vec<_> = filled.map(|piece| IoSlice::new(piece)).collect();
            let polled = outbox.poll_send_vectored(&mut Context::from_waker(Waker::noop()), &slices);
            if let Poll::Ready(count) = polled {
                sent = count?;
            }
        }
        for piece in pieces {
            let skip = sent.min(piece.len());
            sent -= skip;
            if skip < piece.len() {
                outbox.push(&piece[skip..]);
            }
        }
        drop(outbox);
        self.hand_over(Location::caller());
        Ok(())
    }

    /// Sends all of `bytes`, after what is queued, and waits until they are sent.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// The bytes are sent as a whole or not at all: when the future is dropped before its first poll, nothing was written; when it
    /// is dropped later, what was not sent yet is queued, as by [`write`](Self::write).
    #[track_caller]
    pub fn write_all<'a>(
        &'a mut self,
        bytes: &'a [u8],
    ) -> impl Future<Output = Result<(), WriteError>> + use<'a, W> {
        WriteAll::new(self, bytes, Location::caller())
    }

    /// Waits if the queue has grown above the high-water mark, until it is down to the low one.
    ///
    /// # Errors
    ///
    /// [`WriteError::Failed`] when the connection was lost, also when there is nothing to wait for; [`WriteError::Closed`] after
    /// [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the flusher goes on.
    #[doc(alias = "asyncio.StreamWriter.drain")]
    #[track_caller]
    pub fn drain(&mut self) -> impl Future<Output = Result<(), WriteError>> + use<'_, W> {
        Sending::new(self, Goal::Drain, Location::caller())
    }

    /// Waits until the queue is empty, and flushes the destination.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the flusher goes on with the queue.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = Result<(), WriteError>> + use<'_, W> {
        Sending::new(self, Goal::Flush, Location::caller())
    }

    /// Sends what is queued and then the end: the peer reads it, and its answer can still be read. Again is fine.
    ///
    /// # Errors
    ///
    /// [`WriteError::Failed`].
    ///
    /// # Cancel safety
    ///
    /// From its first poll on nothing more can be written. When the future is dropped, the flusher goes on with the queue and
    /// sends the end if something was queued; asking again waits for it.
    #[doc(alias = "asyncio.StreamWriter.write_eof")]
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = Result<(), WriteError>> + use<'_, W> {
        Sending::new(self, Goal::End, Location::caller())
    }

    /// Sends what is queued and the end, and lets go of the destination, whether that succeeded or not. Again is fine.
    ///
    /// A socket of two halves is closed when the reader is gone, too.
    ///
    /// # Errors
    ///
    /// [`WriteError::Failed`], once.
    ///
    /// # Cancel safety
    ///
    /// From its first poll on nothing more can be written. When the future is dropped, the flusher goes on; asking again waits
    /// for the rest.
    #[doc(alias = "asyncio.StreamWriter.close")]
    #[doc(alias = "asyncio.StreamWriter.wait_closed")]
    #[track_caller]
    pub fn close(&mut self) -> impl Future<Output = Result<(), WriteError>> + use<'_, W> {
        Sending::new(self, Goal::Close, Location::caller())
    }

    /// Lets go of the destination at once. What is queued is lost, which is not reported.
    #[doc(alias = "asyncio.WriteTransport.abort")]
    pub fn abort(&mut self) {
        self.take_over();
        let io = self.outbox.borrow_mut().abort();
        drop(io);
    }

    /// Whether its end was asked for: nothing more can be written.
    #[doc(alias = "asyncio.StreamWriter.is_closing")]
    pub fn is_closing(&self) -> bool {
        self.outbox.borrow().stage != Stage::Open
    }

    /// The failure that ended the stream, if one did.
    pub fn failure(&self) -> Option<StreamFailed> {
        self.outbox.borrow().failed.clone()
    }

    /// How many bytes are queued.
    #[doc(alias = "asyncio.WriteTransport.get_write_buffer_size")]
    pub fn write_buffer_size(&self) -> usize {
        self.outbox.borrow().len()
    }

    /// Whether the queue has grown above the high-water mark and is not down to the low one yet: [`drain`](Self::drain) waits.
    pub fn is_above_high_water(&self) -> bool {
        self.outbox.borrow().is_paused()
    }

    /// The water marks, high and low.
    #[doc(alias = "asyncio.WriteTransport.get_write_buffer_limits")]
    pub fn write_buffer_limits(&self) -> (usize, usize) {
        let outbox = self.outbox.borrow();
        (outbox.high, outbox.low)
    }

    /// Sets the water marks: [`drain`](Self::drain) waits when more than `high` bytes are queued, until `low` or fewer are.
    /// Without a high one it is four times the low one, or 64 KiB; without a low one it is a quarter of the high one.
    ///
    /// # Errors
    ///
    /// When the low one is above the high one.
    #[doc(alias = "asyncio.WriteTransport.set_write_buffer_limits")]
    pub fn set_write_buffer_limits(
        &mut self,
        high: Option<usize>,
        low: Option<usize>,
    ) -> Result<(), InvalidMarks> {
        self.outbox.borrow_mut().set_marks(high, low)
    }

    /// The destination, unless it was closed.
    #[doc(alias = "asyncio.StreamWriter.transport")]
    #[doc(alias = "asyncio.StreamWriter.get_extra_info")]
    pub fn get_ref(&self) -> Option<Ref<'_, W>> {
        Ref::filter_map(self.outbox.borrow(), |outbox| outbox.io.as_ref()).ok()
    }

    /// The destination, unless it was closed, and what was not sent yet.
    pub fn into_parts(mut self) -> (Option<W>, Vec<u8>) {
        self.take_over();
        let mut outbox = self.outbox.borrow_mut();
        let unsent = outbox.unsent().to_vec();
        (outbox.abort(), unsent)
    }

    /// The flusher stops: whoever calls this sends what is queued, or gives it up.
    #[inline]
    pub(super) fn take_over(&mut self) {
        if let Some(flusher) = self.flusher.take() {
            drop(flusher.cancel());
        }
    }

    /// As [`hand_over`](Self::hand_over), for futures that are dropped, which may be anywhere: outside of the writer's loop what is
    /// queued waits for whatever is done next.
    pub(super) fn leave_to_flusher(&mut self, place: &'static Location<'static>) {
        let here = here();
        if here.is_some() && (self.home.is_none() || self.home == here) {
            self.hand_over(place);
        }
    }

    /// What is queued is left to the flusher.
    fn hand_over(&mut self, place: &'static Location<'static>) {
        let outbox = self.outbox.borrow();
        if outbox.len() == 0 || self.flusher.as_ref().is_some_and(|flusher| !flusher.is_finished()) {
            return;
        }
        let name = format!("flusher of {}", outbox.peer);
        drop(outbox);
        let flusher = Flusher::new(Rc::clone(&self.outbox));
        self.flusher = Some(task::Builder::new().name(&name).at(place).spawn(flusher));
    }
}

impl<W: AsyncWrite + Unpin + 'static> Drop for StreamWriter<W> {
    fn drop(&mut self) {
        self.take_over();
        let mut outbox = self.outbox.borrow_mut();
        let is_home = self.home.is_some() && self.home == here();
        if outbox.len() > 0 && is_home {
            // Whatever it comes to, what is left is counted below.
            let _ = outbox.poll_queue(&mut Context::from_waker(Waker::noop()), 0);
        }
        let (lost, to) = (outbox.lost(), outbox.peer.to_string());
        let io = outbox.abort();
        drop(outbox);
        drop(io);
        if lost > 0 {
            report(lost, to);
        }
    }
}

/// Tells that bytes were lost, on behalf of the task that dropped the writer.
#[cold]
fn report(bytes: usize, to: String) {
    let kind = UnhandledKind::BytesLost { bytes, to };
    match current::get() {
        Some(lp) if lp.running.get() != 0 => lp.report(TaskWord(lp.running.get()).index(), kind),
        Some(lp) => lp.report_loop(kind),
        None => debug::unhandled(None, &Unhandled::of_loop(kind)),
    }
}

impl<W: AsyncWrite + Unpin + 'static> fmt::Debug for StreamWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outbox = self.outbox.borrow();
        let mut debug = f.debug_struct("StreamWriter");
        debug.field("peer", &outbox.peer).field("stage", &outbox.stage).field("queued", &outbox.len());
        debug.field("failed", &outbox.failed).finish_non_exhaustive()
    }
}
