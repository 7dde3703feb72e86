//! The lines of a reader, as text.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

use super::error::ReadError;
use super::inbox::Step;
use super::reader::StreamReader;
use crate::io::lent::Borrowed;

/// The lines of a reader as text, without their ends. Made by [`StreamReader::lines`].
///
/// A line that is no text is an error that holds it, and the next line follows. A line that is longer than the limit is an error that
/// comes again until the line is out of the way, by [`skip_until`](StreamReader::skip_until) for example. A failure of the stream
/// comes once and then the end.
///
/// # Examples
///
/// ```
/// use loopscope::stream::{ReadError, StreamReader};
///
/// loopscope::run(async {
///     let mut reader = StreamReader::with_limit(&b"one\nmuch too long\nthree"[..], 5).unwrap();
///     let mut lines = reader.lines();
///     let mut seen = Vec::new();
///     loop {
///         match lines.next_line().await {
///             Ok(Some(line)) => seen.push(line),
///             Ok(None) => break,
///             Err(ReadError::Overrun(_)) => seen.push(format!("{} bytes", lines.get_mut().skip_until(b'\n').await.unwrap())),
///             Err(error) => panic!("{error}"),
///         }
///     }
///     assert_eq!(seen, ["one", "14 bytes", "three"]);
/// });
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Lines<'a, R> {
    reader: &'a mut StreamReader<R>,
    /// What earlier polls have looked through of the line that is being waited for.
    scanned: usize,
    /// A failure was told.
    is_over: bool,
    borrowed: Borrowed,
}

impl<'a, R> Lines<'a, R> {
    pub(super) fn new(reader: &'a mut StreamReader<R>) -> Self {
        Self { reader, scanned: 0, is_over: false, borrowed: Borrowed::nothing() }
    }

    /// The reader, to get past a line that is too long.
    pub fn get_mut(&mut self) -> &mut StreamReader<R> {
        self.scanned = 0;
        self.reader
    }
}

impl<R: AsyncRead + Unpin> Lines<'_, R> {
    /// The next line, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError::Overrun`], [`ReadError::NotUtf8`] and [`ReadError::Failed`]; see [`Lines`] for what follows them.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was taken.
    pub fn next_line(&mut self) -> impl Future<Output = Result<Option<String>, ReadError>> + '_ {
        NextLine { lines: self, borrowed: Borrowed::nothing() }
    }

    #[track_caller]
    fn poll_line(
        &mut self,
        cx: &mut Context<'_>,
        borrowed: &mut Borrowed,
    ) -> Poll<Result<Option<String>, ReadError>> {
        if self.is_over {
            return Poll::Ready(Ok(None));
        }
        let count = loop {
            match self.reader.inbox.line(&mut self.scanned) {
                Step::Done(outcome) => break outcome,
                Step::More => ready!(self.reader.poll_more(cx, borrowed)),
            }
        };
        self.scanned = 0;
        Poll::Ready(match count {
            Ok(0) => Ok(None),
            Ok(count) => self.reader.inbox.take_text(count).map(Some),
            Err(error) => {
                self.is_over = matches!(error, ReadError::Failed(_));
                Err(error)
            }
        })
    }
}

/// The future of [`Lines::next_line`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
struct NextLine<'a, 'b, R> {
    lines: &'a mut Lines<'b, R>,
    borrowed: Borrowed,
}

impl<R: AsyncRead + Unpin> Future for NextLine<'_, '_, R> {
    type Output = Result<Option<String>, ReadError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { lines, borrowed } = &mut *self;
        lines.poll_line(cx, borrowed)
    }
}

impl<R: AsyncRead + Unpin> futures_core::Stream for Lines<'_, R> {
    type Item = Result<String, ReadError>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let mut borrowed = mem::replace(&mut this.borrowed, Borrowed::nothing());
        let polled = this.poll_line(cx, &mut borrowed);
        this.borrowed = borrowed;
        polled.map(Result::transpose)
    }
}
