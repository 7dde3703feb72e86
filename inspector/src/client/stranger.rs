//! Who else may be at the other end of a socket, told by how they begin and by what they know.
//!
//! HTTP/2 begins with a frame of settings. Whoever begins otherwise is no agent, and the first bytes say more to a person than
//! what an HTTP/2 library makes of them. A tokio-console server does speak gRPC, so it is told by its service.

use crate::model::words;
use futures_io::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// How much of the beginning is kept: a frame's head, or a line's worth of words.
const KEPT_BYTES: usize = 24;
/// The head of an HTTP/2 frame.
const HEAD_BYTES: usize = 9;
/// The kind of frame that HTTP/2 begins with.
const SETTINGS: u8 = 4;

/// The first bytes that came.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstWords(Arc<Mutex<Vec<u8>>>);

impl FirstWords {
    /// What the other end is, in words, if it is certainly no agent.
    pub(super) fn tell(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_cut = kept.len() < HEAD_BYTES;
        if kept.is_empty() || (!is_cut && kept[3] == SETTINGS && kept[5..HEAD_BYTES] == [0; 4]) {
            return None;
        }
        if kept.starts_with(b"HTTP/1") {
            return Some("it speaks HTTP/1, an agent HTTP/2".to_owned());
        }
        let said = String::from_utf8_lossy(&kept);
        let said = words::escape(&said, KEPT_BYTES);
        Some(format!("it does not speak gRPC over HTTP/2 (what it says begins with \"{said}\")"))
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT_BYTES.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
    }
}

/// A stream whose first bytes are kept.
#[derive(Debug)]
pub(super) struct Listening<S> {
    pub(super) inner: S,
    pub(super) first: FirstWords,
}

impl<S: AsyncRead + Unpin> AsyncRead for Listening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.first.keep(&buffer[..read]);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Listening<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// The call that every tokio-console server answers. Dropping what it answers unsubscribes.
const WATCH_UPDATES: &str = "http://loopscope.invalid/rs.tokio.console.instrument.Instrument/WatchUpdates";

/// What asks a gRPC server whether it is tokio-console's: subscribing to its updates, with an empty message.
pub(super) fn console_request() -> Option<http::Request<tonic::body::Body>> {
    /// Not compressed, and no bytes of message.
    const EMPTY: &[u8] = &[0; 5];
    let body = http_body_util::Full::new(bytes::Bytes::from_static(EMPTY));
    http::Request::post(WATCH_UPDATES)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(body))
        .ok()
}

/// Whether the answer is that of a server that has the call: who has not says so at once, in place of an answer.
pub(super) fn is_console_answer<B>(answer: &http::Response<B>) -> bool {
    let status = answer.headers().get("grpc-status");
    answer.status().is_success() && status.is_none_or(|status| status == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Option<String> {
        let first = FirstWords::default();
        bytes.chunks(5).for_each(|chunk| first.keep(chunk));
        first.tell()
    }

    #[test]
    fn http_2_begins_with_settings() {
        assert_eq!(told(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 8]), None);
        assert_eq!(told(b""), None);
    }

    #[test]
    fn others_are_told_by_their_first_words() {
        assert_eq!(
            told(b"HTTP/1.1 400 Bad Request\r\n").as_deref(),
            Some("it speaks HTTP/1, an agent HTTP/2")
        );
        let ssh = told(b"SSH-2.0-OpenSSH_9.6\r\nand much more").unwrap();
        assert!(ssh.ends_with("begins with \"SSH-2.0-OpenSSH_9.6\\r\\n…\")"), "{ssh}");
        assert!(told(&[0; 100]).is_some() && told(b"x").is_some());
    }

    #[test]
    fn a_console_server_is_told_by_its_answer() {
        let answer = |status: u16, grpc: Option<&str>| {
            let mut answer = http::Response::builder().status(status);
            if let Some(grpc) = grpc {
                answer = answer.header("grpc-status", grpc);
            }
            is_console_answer(&answer.body(()).unwrap())
        };
        assert!(answer(200, None) && answer(200, Some("0")));
        assert!(!answer(200, Some("12")) && !answer(404, None));
        assert_eq!(
            console_request().unwrap().uri().path(),
            "/rs.tokio.console.instrument.Instrument/WatchUpdates"
        );
    }
}
