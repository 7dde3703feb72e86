//! What was read and not yet asked for, and what can be made of it: pure decisions, without a descriptor.
//!
//! ```text
//!   open ──bytes──► open        taken from the front; the rest stays, whatever a step comes to
//!     ├──no bytes──► ended      what is left can still be taken
//!     └──failure──► failed      likewise, and then the failure comes again and again
//! ```
//!
//! # Invariants
//!
//! - Bytes leave by `take`, `consume` and what calls them, in order, each once. A step that says `More` or fails leaves them.
//! - `start <= end <= bytes.len()`; what lies outside of `start..end` is room.

use super::error::{IncompleteRead, LimitOverrun, NotUtf8, Peer, ReadError, StreamFailed};
use super::separators::sealed::Find;
use crate::debug::log::log_here;

/// As much as is read ahead at first: a page for the bytes and one for the next.
pub(super) const ROOM_FIRST: usize = 8 * 1024;
/// Up to here the room is doubled whenever one read fills all of it: who sends that fast is read with fewer calls.
const ROOM_USUAL: usize = 64 * 1024;
/// As much as one call reads at most, and as much as is kept when a longer piece was taken.
const ROOM_MAX: usize = 256 * 1024;

/// Whether more can come.
#[derive(Clone, Debug)]
pub(super) enum End {
    Open,
    Ended,
    Failed(StreamFailed),
}

/// What a step came to.
pub(super) enum Step<T> {
    Done(T),
    /// It needs more bytes than there are.
    More,
}

/// The bytes of a reader.
pub(super) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    pub(super) limit: usize,
    pub(super) state: End,
    pub(super) peer: Peer,
}

impl Inbox {
    pub(super) const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, limit, state: End::Open, peer: Peer::Unnamed }
    }

    /// One that already holds what was read before.
    pub(super) fn holding(mut self, bytes: Vec<u8>) -> Self {
        self.end = bytes.len();
        self.bytes = bytes;
        self
    }

    /// What is there.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.len() == 0 && matches!(self.state, End::Ended)
    }

    /// Drops the first `count` bytes.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len());
        self.start += count.min(self.len());
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > ROOM_MAX {
                self.bytes = Vec::new();
            }
        }
    }

    /// Takes the first `count` bytes out.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.data()[..count].to_vec();
        self.consume(count);
        taken
    }

    /// Takes everything out, without a copy where that can be.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(self.end);
        bytes.drain(..self.start);
        (self.start, self.end) = (0, 0);
        bytes
    }

    /// Nothing more comes.
    #[cold]
    pub(super) fn end(&mut self) {
        self.state = End::Ended;
        log_here!(Debug, "{}: received EOF, {} bytes are not read yet", self.peer, self.len());
    }

    /// Room for more, at least one byte.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            self.make_room();
        }
        let most = self.bytes.len().min(self.end + ROOM_MAX);
        &mut self.bytes[self.end..most]
    }

    #[cold]
    fn make_room(&mut self) {
        // Moving costs no more than the bytes that were taken since the last time.
        if self.start > self.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
            return;
        }
        let room = (self.bytes.len() * 2).max(ROOM_FIRST);
        self.bytes.resize(room, 0);
    }

    /// `count` bytes were put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        debug_assert!(self.end + count <= self.bytes.len());
        self.end = (self.end + count).min(self.bytes.len());
        if self.end == self.bytes.len() && self.end < ROOM_USUAL {
            self.make_room();
        }
    }

    fn incomplete(&mut self, expected: Option<usize>) -> ReadError {
        let partial = self.take_all();
        ReadError::Incomplete(IncompleteRead { partial, expected, peer: self.peer.clone() })
    }

    fn overrun(&self, consumed: usize, found: bool) -> ReadError {
        let Self { limit, peer, .. } = self;
        ReadError::Overrun(LimitOverrun { consumed, limit: *limit, found, peer: peer.clone() })
    }

    /// Some bytes, or none at the end: how many there are, at most `most`.
    #[inline]
    pub(super) fn some(&self, most: usize) -> Step<Result<usize, ReadError>> {
        match (&self.state, self.len().min(most)) {
            (End::Open, 0) if most > 0 => Step::More,
            (End::Failed(failed), 0) if most > 0 => Step::Done(Err(ReadError::Failed(failed.clone()))),
            (_, count) => Step::Done(Ok(count)),
        }
    }

    /// Everything up to the end.
    pub(super) fn all(&mut self) -> Step<Result<Vec<u8>, ReadError>> {
        match &self.state {
            End::Open => Step::More,
            End::Ended => Step::Done(Ok(self.take_all())),
            End::Failed(failed) => Step::Done(Err(ReadError::Failed(failed.clone()))),
        }
    }

    /// Whether `count` bytes are there.
    #[inline]
    pub(super) fn exactly(&mut self, count: usize) -> Step<Result<(), ReadError>> {
        if self.len() >= count {
            return Step::Done(Ok(()));
        }
        match &self.state {
            End::Open => Step::More,
            End::Ended => Step::Done(Err(self.incomplete(Some(count)))),
            End::Failed(failed) => Step::Done(Err(ReadError::Failed(failed.clone()))),
        }
    }

    /// How long the piece is that ends with a separator. `scanned` is what of the data earlier steps have looked through.
    #[inline]
    pub(super) fn until(
        &mut self,
        separators: &impl Find,
        scanned: &mut usize,
    ) -> Step<Result<usize, ReadError>> {
        if let Some(found) = separators.find(self.data(), *scanned) {
            if found.start > self.limit {
                return Step::Done(Err(self.overrun(found.start, true)));
            }
            return Step::Done(Ok(found.end));
        }
        // What is behind may be the beginning of a separator.
        *scanned = (self.len() + 1).saturating_sub(separators.longest());
        if *scanned > self.limit {
            return Step::Done(Err(self.overrun(*scanned, false)));
        }
        match &self.state {
            End::Open => Step::More,
            End::Ended => Step::Done(Err(self.incomplete(None))),
            End::Failed(failed) => Step::Done(Err(ReadError::Failed(failed.clone()))),
        }
    }

    /// How long the next line is, with its end if it has one; 0 at the end of the stream.
    #[inline]
    pub(super) fn line(&mut self, scanned: &mut usize) -> Step<Result<usize, ReadError>> {
        // One that is too long was told before its end was seen.
        let is_last = matches!(self.state, End::Ended);
        if is_last && super::separators::position(&self.data()[*scanned..], b'\n').is_none() {
            return Step::Done(Ok(self.len()));
        }
        self.until(&b'\n', scanned)
    }

    /// Drops everything through the next separator, or through the end; `dropped` counts. `Done` once one was dropped or
    /// nothing more can come.
    pub(super) fn skip(
        &mut self,
        separators: &impl Find,
        dropped: &mut usize,
    ) -> Step<Result<usize, ReadError>> {
        let found = separators.find(self.data(), 0);
        // What may be the beginning of a separator is kept, unless nothing follows it.
        let keep = if matches!(self.state, End::Ended) { 0 } else { separators.longest() - 1 };
        let count = found.map_or(self.len().saturating_sub(keep), |found| found.end);
        self.consume(count);
        *dropped += count;
        match &self.state {
            _ if found.is_some() => Step::Done(Ok(*dropped)),
            End::Open => Step::More,
            End::Ended => Step::Done(Ok(*dropped)),
            End::Failed(failed) => Step::Done(Err(ReadError::Failed(failed.clone()))),
        }
    }

    /// Takes a line of `count` bytes as text, without its end.
    pub(super) fn take_text(&mut self, count: usize) -> Result<String, ReadError> {
        let line = &self.data()[..count];
        let text = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let text = std::str::from_utf8(text).map(str::to_owned);
        self.text(text, count)
    }

    /// Appends a line of `count` bytes to a text, as it is.
    pub(super) fn append_text(&mut self, count: usize, to: &mut String) -> Result<usize, ReadError> {
        let line = std::str::from_utf8(&self.data()[..count]).map(|line| to.push_str(line));
        self.text(line, count).map(|()| count)
    }

    fn text<T>(&mut self, text: Result<T, std::str::Utf8Error>, count: usize) -> Result<T, ReadError> {
        match text {
            Ok(text) => {
                self.consume(count);
                Ok(text)
            }
            Err(error) => {
                let line = self.take(count);
                Err(ReadError::NotUtf8(NotUtf8 { line, error, peer: self.peer.clone() }))
            }
        }
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { limit, state, peer, .. } = self;
        let mut debug = f.debug_struct("Inbox");
        debug.field("bytes", &self.len()).field("limit", limit).field("state", state).field("peer", peer);
        debug.finish()
    }
}
