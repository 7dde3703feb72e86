#![allow(dead_code, reason = "each test crate uses a part")]
//! Sources and destinations of bytes that do what a script says: in pieces, later, or not at all.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};

/// What a source does next.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// These bytes, in one piece if there is room.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Later,
    /// A failure.
    Fails(io::ErrorKind),
}

/// A source that follows a script and ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source(pub(crate) VecDeque<Next>);

impl Source {
    pub(crate) fn of(script: impl IntoIterator<Item = Next>) -> Self {
        Self(script.into_iter().collect())
    }

    /// The pieces, with a wait before each and before the end.
    pub(crate) fn pieces(pieces: &[&str]) -> Self {
        let each = pieces.iter().flat_map(|piece| [Next::Later, Next::Bytes(piece.as_bytes().to_vec())]);
        Self::of(each.chain([Next::Later]))
    }
}

impl AsyncRead for Source {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.0.pop_front() {
            None => Poll::Ready(Ok(0)),
            Some(Next::Later) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Next::Fails(kind)) => Poll::Ready(Err(kind.into())),
            Some(Next::Bytes(mut bytes)) => {
                let count = bytes.len().min(to.len());
                to[..count].copy_from_slice(&bytes[..count]);
                let rest = bytes.split_off(count);
                if !rest.is_empty() {
                    self.0.push_front(Next::Bytes(rest));
                }
                Poll::Ready(Ok(count))
            }
        }
    }
}

/// What a destination does next.
#[derive(Clone, Debug)]
pub(crate) enum Takes {
    /// At most so many bytes.
    Some(usize),
    /// Nothing yet.
    Later,
    /// A failure.
    Fails(io::ErrorKind),
}

#[derive(Debug, Default)]
struct Taken {
    script: VecDeque<Takes>,
    bytes: Vec<u8>,
    calls: Vec<&'static str>,
    /// Without a script it takes nothing, and wakes nobody, until it is opened.
    blocked: Option<Vec<std::task::Waker>>,
}

/// A destination that follows a script and then takes everything. Its clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Destination(Rc<RefCell<Taken>>);

impl Destination {
    pub(crate) fn of(script: impl IntoIterator<Item = Takes>) -> Self {
        let taken = Taken { script: script.into_iter().collect(), ..Taken::default() };
        Self(Rc::new(RefCell::new(taken)))
    }

    /// One that takes nothing until it is [opened](Self::open).
    pub(crate) fn blocked() -> Self {
        Self(Rc::new(RefCell::new(Taken { blocked: Some(Vec::new()), ..Taken::default() })))
    }

    /// From now on it follows this script, and then takes everything.
    pub(crate) fn open(&self, script: impl IntoIterator<Item = Takes>) {
        let mut taken = self.0.borrow_mut();
        taken.script = script.into_iter().collect();
        for waker in taken.blocked.take().unwrap_or_default() {
            waker.wake();
        }
    }

    pub(crate) fn block(&self) {
        self.0.borrow_mut().blocked = Some(Vec::new());
    }

    /// What arrived so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }

    /// The calls that succeeded, in order.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.0.borrow().calls.clone()
    }

    fn poll_take(&self, cx: &mut Context<'_>, pieces: &[&[u8]]) -> Poll<io::Result<usize>> {
        let mut taken = self.0.borrow_mut();
        let most = match taken.script.pop_front() {
            Some(Takes::Some(most)) => most,
            Some(Takes::Fails(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Takes::Later) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => match &mut taken.blocked {
                Some(blocked) => {
                    blocked.push(cx.waker().clone());
                    return Poll::Pending;
                }
                None => usize::MAX,
            },
        };
        let all = pieces.concat();
        let count = all.len().min(most);
        taken.bytes.extend(&all[..count]);
        taken.calls.push("write");
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Destination {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_take(cx, &[bytes])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
        self.poll_take(cx, &pieces)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().calls.push("flush");
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().calls.push("close");
        Poll::Ready(Ok(()))
    }
}

/// Polls a future so many times, if it is not ready before, and drops it.
pub(crate) async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        loopscope::yield_now().await;
    }
    None
}
