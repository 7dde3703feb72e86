//! Reading with a buffer and a limit.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

use super::error::{Doing, Peer, ReadError, StreamFailed, ZeroLimit};
use super::inbox::{End, Inbox, Step};
use super::lines::Lines;
use super::reading::{FillBuf, Reading};
use super::separators::Separators;
use crate::debug::log::log_here;
use crate::io::lent::Borrowed;

/// What a reader's limit is unless another is asked for: 64 KiB.
pub const LIMIT_DEFAULT: usize = 64 * 1024;

/// Reads from anything that is `AsyncRead`, with a buffer of its own.
///
/// The limit bounds what one [`read_line`](Self::read_line) or [`read_until`](Self::read_until) gives, and with it how much a peer
/// that sends no line ends makes us keep.
///
/// Reading takes `&mut self`, so that two tasks cannot read at once, which asyncio finds out at run time.
///
/// # Cancel safety
///
/// Every method: a read that is dropped before it is done loses nothing. What it had read stays in the reader, and the next one
/// goes on with it. An error leaves what was read in the reader, too, except where the error itself holds it
/// ([`IncompleteRead`](super::IncompleteRead), [`NotUtf8`](super::NotUtf8)).
///
/// # Examples
///
/// ```
/// use loopscope::stream::StreamReader;
///
/// loopscope::run(async {
///     let mut reader = StreamReader::new(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"[..]);
///     assert_eq!(reader.read_until("\r\n").await.unwrap(), b"GET / HTTP/1.1\r\n");
///     assert_eq!(reader.read_line().await.unwrap(), b"Host: a\r\n");
///     assert_eq!(reader.lines().next_line().await.unwrap().unwrap(), "");
///     assert_eq!(reader.read_exact(4).await.unwrap(), b"body");
///     assert_eq!(reader.read_line().await.unwrap(), b"");
///     assert!(reader.at_eof());
/// });
/// ```
#[doc(alias = "asyncio.StreamReader")]
#[derive(Debug)]
pub struct StreamReader<R> {
    pub(super) io: R,
    pub(super) inbox: Inbox,
}

impl<R> StreamReader<R> {
    /// A reader with a limit of 64 KiB.
    pub const fn new(io: R) -> Self {
        Self { io, inbox: Inbox::new(LIMIT_DEFAULT) }
    }

    /// A reader with a limit of its own.
    ///
    /// # Errors
    ///
    /// A limit of 0.
    pub fn with_limit(io: R, limit: usize) -> Result<Self, ZeroLimit> {
        match limit {
            0 => Err(ZeroLimit),
            limit => Ok(Self { io, inbox: Inbox::new(limit) }),
        }
    }

    /// A reader that begins with bytes that were read before it was made, by another reader for example.
    #[must_use]
    pub fn with_buffered(mut self, bytes: Vec<u8>) -> Self {
        self.inbox = self.inbox.holding(bytes);
        self
    }

    /// What errors call the other end. The address of a socket is known without it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.inbox.peer = Peer::Named(name.into());
        self
    }

    pub(crate) fn of_peer(mut self, peer: Option<SocketAddr>) -> Self {
        self.inbox.peer = peer.map_or(Peer::Unnamed, Peer::Inet);
        self
    }

    /// How long a line or a piece with a separator may be.
    pub fn limit(&self) -> usize {
        self.inbox.limit
    }

    /// What was read and not asked for yet.
    pub fn buffer(&self) -> &[u8] {
        self.inbox.data()
    }

    /// Whether the end was reached and everything before it taken.
    #[doc(alias = "asyncio.StreamReader.at_eof")]
    pub fn at_eof(&self) -> bool {
        self.inbox.is_at_end()
    }

    /// The failure that ended the stream, if one did: what is buffered can still be read.
    #[doc(alias = "asyncio.StreamReader.exception")]
    pub fn failure(&self) -> Option<&StreamFailed> {
        match &self.inbox.state {
            End::Failed(failed) => Some(failed),
            End::Open | End::Ended => None,
        }
    }

    /// Drops the first `count` bytes of the [`buffer`](Self::buffer).
    ///
    /// # Panics
    ///
    /// When there are not as many.
    #[track_caller]
    pub fn consume(&mut self, count: usize) {
        let buffered = self.inbox.len();
        assert!(count <= buffered, "{count} bytes cannot be consumed of {buffered} that are buffered");
        self.inbox.consume(count);
    }

    /// Where the bytes come from.
    pub fn get_ref(&self) -> &R {
        &self.io
    }

    /// Where the bytes come from. What is read from it directly is missing in what the reader gives.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.io
    }

    /// Where the bytes come from, and what was read and not asked for.
    pub fn into_parts(mut self) -> (R, Vec<u8>) {
        let buffered = self.inbox.take_all();
        (self.io, buffered)
    }

    /// Where the bytes come from. What is buffered is lost; [`into_parts`](Self::into_parts) gives it too.
    pub fn into_inner(self) -> R {
        self.io
    }
}

impl<R: AsyncRead + Unpin> StreamReader<R> {
    /// Reads into `buffer` what is there, or what comes first. Zero bytes mean the end, or that the buffer is empty.
    ///
    /// # Errors
    ///
    /// [`ReadError::Failed`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken.
    pub fn read<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = Result<usize, ReadError>> + use<'a, R> {
        super::reading::Read::new(self, buffer)
    }

    /// Takes what is there, or what comes first: between 1 and `most` bytes, none only at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError::Failed`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken.
    #[doc(alias = "asyncio.StreamReader.read")]
    pub fn read_some(
        &mut self,
        most: usize,
    ) -> impl Future<Output = Result<Vec<u8>, ReadError>> + use<'_, R> {
        Reading::new(self, move |inbox: &mut Inbox| match inbox.some(most) {
            Step::Done(Ok(count)) => Step::Done(Ok(inbox.take(count))),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            Step::More => Step::More,
        })
    }

    /// Takes everything up to the end, however much it is.
    ///
    /// # Errors
    ///
    /// [`ReadError::Failed`]; what came before stays in the reader.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken: what was read stays in the reader.
    #[doc(alias = "asyncio.StreamReader.read")]
    pub fn read_to_end(&mut self) -> impl Future<Output = Result<Vec<u8>, ReadError>> + use<'_, R> {
        Reading::new(self, Inbox::all)
    }

    /// Takes exactly `count` bytes, which may be more than the limit.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`], with the bytes there were, when the stream ends before; [`ReadError::Failed`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken: what was read stays in the reader.
    #[doc(alias = "asyncio.StreamReader.readexactly")]
    pub fn read_exact(
        &mut self,
        count: usize,
    ) -> impl Future<Output = Result<Vec<u8>, ReadError>> + use<'_, R> {
        Reading::new(self, move |inbox: &mut Inbox| match inbox.exactly(count) {
            Step::Done(Ok(())) => Step::Done(Ok(inbox.take(count))),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            Step::More => Step::More,
        })
    }

    /// Takes exactly as many bytes as `buffer` has room for.
    ///
    /// # Errors
    ///
    /// As [`read_exact`](Self::read_exact).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken: what was read stays in the reader.
    #[doc(alias = "asyncio.StreamReader.readexactly")]
    pub fn read_exact_into<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = Result<(), ReadError>> + use<'a, R> {
        Reading::new(self, move |inbox: &mut Inbox| {
            let count = buffer.len();
            let step = inbox.exactly(count);
            if let Step::Done(Ok(())) = step {
                buffer.copy_from_slice(&inbox.data()[..count]);
                inbox.consume(count);
            }
            step
        })
    }

    /// Takes everything through the first separator, which is the one of several that ends first.
    ///
    /// # Errors
    ///
    /// [`ReadError::Overrun`] when more than the limit comes before it: nothing is taken. [`ReadError::Incomplete`], with the bytes
    /// there were, when the stream ends before; [`ReadError::Failed`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken: what was read stays in the reader.
    ///
    /// # Panics
    ///
    /// When there is no separator, or an empty one.
    #[doc(alias = "asyncio.StreamReader.readuntil")]
    #[track_caller]
    pub fn read_until<'a, S: Separators + 'a>(
        &'a mut self,
        separators: S,
    ) -> impl Future<Output = Result<Vec<u8>, ReadError>> + use<'a, R, S> {
        assert!(separators.is_valid(), "what is read until is at least one separator of at least one byte");
        let mut scanned = 0;
        Reading::new(self, move |inbox: &mut Inbox| match inbox.until(&separators, &mut scanned) {
            Step::Done(Ok(count)) => Step::Done(Ok(inbox.take(count))),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            Step::More => Step::More,
        })
    }

    /// Appends everything through the first separator to `to` and returns how many bytes that are: as
    /// [`read_until`](Self::read_until), without an allocation a piece.
    ///
    /// # Errors
    ///
    /// As [`read_until`](Self::read_until). `to` is as it was.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken and `to` is as it was.
    ///
    /// # Panics
    ///
    /// When there is no separator, or an empty one.
    #[track_caller]
    pub fn read_until_into<'a, S: Separators + 'a>(
        &'a mut self,
        separators: S,
        to: &'a mut Vec<u8>,
    ) -> impl Future<Output = Result<usize, ReadError>> + use<'a, R, S> {
        assert!(separators.is_valid(), "what is read until is at least one separator of at least one byte");
        let mut scanned = 0;
        Reading::new(self, move |inbox: &mut Inbox| {
            let step = inbox.until(&separators, &mut scanned);
            if let Step::Done(Ok(count)) = step {
                to.extend_from_slice(&inbox.data()[..count]);
                inbox.consume(count);
            }
            step
        })
    }

    /// Drops everything through the first separator, however far away it is, and returns how many bytes that were. At the end of
    /// the stream it drops what is left. This is the way past a line that is too long.
    ///
    /// # Errors
    ///
    /// [`ReadError::Failed`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, any part may have been dropped; nothing behind the separator was.
    ///
    /// # Panics
    ///
    /// When there is no separator, or an empty one.
    #[track_caller]
    pub fn skip_until<'a, S: Separators + 'a>(
        &'a mut self,
        separators: S,
    ) -> impl Future<Output = Result<usize, ReadError>> + use<'a, R, S> {
        assert!(
            separators.is_valid(),
            "what is skipped until is at least one separator of at least one byte"
        );
        let mut dropped = 0;
        Reading::new(self, move |inbox: &mut Inbox| inbox.skip(&separators, &mut dropped))
    }

    /// Takes the next line with its `\n`. The last line may have none; nothing means the end.
    ///
    /// # Errors
    ///
    /// [`ReadError::Overrun`] for a line longer than the limit: nothing is taken. [`skip_until`](Self::skip_until)`(b'\n')` drops it,
    /// [`read_some`](Self::read_some) takes it in pieces. [`ReadError::Failed`]: what came of the line stays in the reader.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken: what was read stays in the reader.
    #[doc(alias = "asyncio.StreamReader.readline")]
    pub fn read_line(&mut self) -> impl Future<Output = Result<Vec<u8>, ReadError>> + use<'_, R> {
        let mut scanned = 0;
        Reading::new(self, move |inbox: &mut Inbox| match inbox.line(&mut scanned) {
            Step::Done(Ok(count)) => Step::Done(Ok(inbox.take(count))),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            Step::More => Step::More,
        })
    }

    /// Appends the next line with its `\n` to `to`, without an allocation a line, and returns how many bytes it has; 0 is the end.
    ///
    /// # Errors
    ///
    /// As [`read_line`](Self::read_line), and [`ReadError::NotUtf8`], which holds the line. `to` is as it was.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken and `to` is as it was.
    #[doc(alias = "asyncio.StreamReader.readline")]
    pub fn read_line_into<'a>(
        &'a mut self,
        to: &'a mut String,
    ) -> impl Future<Output = Result<usize, ReadError>> + use<'a, R> {
        let mut scanned = 0;
        Reading::new(self, move |inbox: &mut Inbox| match inbox.line(&mut scanned) {
            Step::Done(Ok(count)) => Step::Done(inbox.append_text(count, to)),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            Step::More => Step::More,
        })
    }

    /// The lines as text, without their ends (`\n` or `\r\n`), as a stream.
    ///
    /// Where futures-util's `AsyncBufReadExt` is in scope, a plain call means its method of this name, which takes the reader itself
    /// and knows no limit; `StreamReader::lines(&mut reader)` is always this one.
    ///
    /// # Cancel safety
    ///
    /// The stream keeps nothing: dropping it, also in the middle of a line, loses nothing.
    #[doc(alias = "asyncio.StreamReader.__aiter__")]
    pub fn lines(&mut self) -> Lines<'_, R> {
        Lines::new(self)
    }

    /// What is buffered, or what comes first if nothing is; nothing at the end. Goes along with [`consume`](Self::consume).
    ///
    /// # Errors
    ///
    /// [`ReadError::Failed`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken.
    pub fn fill_buf(&mut self) -> impl Future<Output = Result<&[u8], ReadError>> + use<'_, R> {
        FillBuf::new(self)
    }

    /// Reads more into the buffer. Afterwards the buffer has grown or the state has changed.
    #[track_caller]
    #[inline]
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>, borrowed: &mut Borrowed) -> Poll<()> {
        let Self { io, inbox } = self;
        match ready!(poll_io(io, cx, inbox.room(), borrowed)) {
            Ok(0) => inbox.end(),
            Ok(count) => inbox.filled(count),
            Err(error) => self.failed(error),
        }
        Poll::Ready(())
    }

    #[cold]
    pub(super) fn failed(&mut self, error: std::io::Error) {
        // Nothing has failed yet; it only was not the moment.
        if error.kind() != std::io::ErrorKind::Interrupted {
            log_here!(Debug, "{}: reading failed for good: {error}", self.inbox.peer);
            self.inbox.state = End::Failed(StreamFailed::new(Doing::Reading, &self.inbox.peer, error));
        }
    }
}

/// One call of the source. A wait that it lends is noted.
#[track_caller]
#[inline]
pub(super) fn poll_io<R: AsyncRead + Unpin>(
    io: &mut R,
    cx: &mut Context<'_>,
    to: &mut [u8],
    borrowed: &mut Borrowed,
) -> Poll<std::io::Result<usize>> {
    Borrowed::begin();
    let polled = Pin::new(io).poll_read(cx, to);
    if polled.is_pending() {
        borrowed.note();
    }
    polled
}
