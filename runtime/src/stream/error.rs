//! What can go wrong with a stream, one type a cause.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::Utf8Error;
use std::sync::Arc;

/// What is at the other end, as errors call it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Peer {
    #[default]
    Unnamed,
    Inet(SocketAddr),
    Named(Arc<str>),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("the stream"),
            Self::Inet(address) => address.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// What was being done when the OS refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Reading,
    Writing,
    Closing,
}

/// The OS, or whatever else bytes come from and go to, failed.
///
/// A stream that failed stays so: every later operation that needs it gives the same failure again. What was read before can
/// still be read.
#[derive(Clone, Debug)]
pub struct StreamFailed {
    pub(super) doing: Doing,
    pub(super) peer: Peer,
    pub(super) error: Arc<io::Error>,
}

impl StreamFailed {
    pub(super) fn new(doing: Doing, peer: &Peer, error: io::Error) -> Self {
        Self { doing, peer: peer.clone(), error: Arc::new(error) }
    }

    /// What kind of failure it is, `ConnectionReset` for example.
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }

    /// What the OS said.
    pub fn io_error(&self) -> &io::Error {
        &self.error
    }
}

impl fmt::Display for StreamFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.doing {
            Doing::Reading => "read from",
            Doing::Writing => "write to",
            Doing::Closing => "close",
        };
        write!(f, "cannot {doing} {}: {}", self.peer, self.error)
    }
}

impl Error for StreamFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

/// The stream ended in the middle of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "asyncio.IncompleteReadError")]
pub struct IncompleteRead {
    /// What came before the end. It is taken out of the reader.
    pub partial: Vec<u8>,
    /// How many bytes were asked for; `None` when a separator was.
    pub expected: Option<usize>,
    pub(super) peer: Peer,
}

impl fmt::Display for IncompleteRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partial, expected, peer } = self;
        match expected {
            Some(expected) => write!(f, "{peer} ended after {} of {expected} bytes", partial.len()),
            None => write!(f, "{peer} ended after {} bytes without a separator", partial.len()),
        }
    }
}

impl Error for IncompleteRead {}

/// What was asked for is longer than the reader's limit. Nothing is lost: all of it is still in the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "asyncio.LimitOverrunError")]
pub struct LimitOverrun {
    /// How many of the buffered bytes can be taken away so that a separator is found by the next attempt: those before it if it
    /// was found, else those that are certainly no part of one.
    pub consumed: usize,
    /// The limit.
    pub limit: usize,
    /// Whether the separator is there, only too far away.
    pub found: bool,
    pub(super) peer: Peer,
}

impl fmt::Display for LimitOverrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { consumed, limit, found, peer } = self;
        if *found {
            write!(f, "{peer} sent a separator after {consumed} bytes, and the limit is {limit}")?;
        } else {
            write!(f, "{peer} sent {consumed} bytes without a separator, and the limit is {limit}")?;
        }
        f.write_str("; nothing is lost: `skip_until` drops them, `read_some` takes them")
    }
}

impl Error for LimitOverrun {}

/// A line was to be text and is not. It is in the error and no longer in the reader, which goes on with the next line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotUtf8 {
    /// The line with its end.
    pub line: Vec<u8>,
    pub(super) error: Utf8Error,
    pub(super) peer: Peer,
}

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent a line that is not text: {}", self.peer, self.error)
    }
}

impl Error for NotUtf8 {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// Why a read failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream ended too early.
    #[doc(alias = "IncompleteRead")]
    Incomplete(IncompleteRead),
    /// The separator is further away than the limit.
    #[doc(alias = "LimitOverrun")]
    Overrun(LimitOverrun),
    /// A line is no text.
    NotUtf8(NotUtf8),
    /// The stream failed.
    Failed(StreamFailed),
}

impl ReadError {
    /// What kind of [`io::Error`] it makes: `UnexpectedEof` for an early end, `InvalidData` for a line that is too long or no
    /// text, else what the OS said.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Incomplete(_) => io::ErrorKind::UnexpectedEof,
            Self::Overrun(_) | Self::NotUtf8(_) => io::ErrorKind::InvalidData,
            Self::Failed(failed) => failed.kind(),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(error) => error.fmt(f),
            Self::Overrun(error) => error.fmt(f),
            Self::NotUtf8(error) => error.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Incomplete(error) => error.source(),
            Self::Overrun(error) => error.source(),
            Self::NotUtf8(error) => error.source(),
            Self::Failed(error) => error.source(),
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Something was to be written to a writer that was closed, or whose end was already sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteAfterClose {
    pub(super) peer: Peer,
}

impl fmt::Display for WriteAfterClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write to {}: this end was closed", self.peer)
    }
}

impl Error for WriteAfterClose {}

/// Why a write failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The writer was closed before.
    Closed(WriteAfterClose),
    /// The stream failed.
    Failed(StreamFailed),
}

impl WriteError {
    /// What kind of [`io::Error`] it makes: `BrokenPipe` after the writer was closed, else what the OS said.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Closed(_) => io::ErrorKind::BrokenPipe,
            Self::Failed(failed) => failed.kind(),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(error) => error.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed(error) => error.source(),
            Self::Failed(error) => error.source(),
        }
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// A reader whose limit is 0 could read no line at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZeroLimit;

impl fmt::Display for ZeroLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the limit of a stream reader is at least 1 byte, not 0")
    }
}

impl Error for ZeroLimit {}

impl From<ZeroLimit> for io::Error {
    fn from(error: ZeroLimit) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Water marks of which the low one is above the high one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidMarks {
    /// The high one, in bytes.
    pub high: usize,
    /// The low one, in bytes.
    pub low: usize,
}

impl fmt::Display for InvalidMarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { high, low } = self;
        write!(f, "the low-water mark of a stream writer ({low}) is not above the high one ({high})")
    }
}

impl Error for InvalidMarks {}
