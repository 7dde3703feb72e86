//! A connection as the stock client makes one: gRPC over HTTP/2 over the Unix socket; here by hyper on our own loop.

use console_api::instrument::instrument_client::InstrumentClient;
use futures_io::{AsyncRead as _, AsyncWrite as _};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use loopscope::net::UnixStream;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::body::Body;

/// A client and the task that serves its connection.
pub(crate) struct Connection {
    pub(crate) rpc: InstrumentClient<Channel>,
    serving: Option<loopscope::Task<()>>,
}

impl Connection {
    pub(crate) async fn open(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).await.unwrap();
        let (sender, connection) =
            http2::handshake::<_, _, Body>(OnLoop, Stream { inner: stream, buffer: vec![0; 16 << 10] })
                .await
                .unwrap();
        let serving = loopscope::spawn(async move {
            // What goes wrong is seen by the request that it goes wrong for.
            let _ = connection.await;
        });
        // No limit on what is decoded is set: 4 MiB then, as in the stock client.
        let rpc =
            InstrumentClient::with_origin(Channel { sender }, http::Uri::from_static("http://localhost"));
        Self { rpc, serving: Some(serving) }
    }

    /// Hangs up.
    pub(crate) async fn close(mut self) {
        self.serving.take().unwrap().cancel().await;
    }
}

#[derive(Clone)]
pub(crate) struct Channel {
    sender: http2::SendRequest<Body>,
}

impl tower_service::Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}

#[derive(Clone, Copy)]
struct OnLoop;

impl<F: Future<Output = ()> + 'static> Executor<F> for OnLoop {
    fn execute(&self, future: F) {
        loopscope::spawn(future).detach();
    }
}

struct Stream {
    inner: UnixStream,
    buffer: Vec<u8>,
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let len = cursor.remaining().min(this.buffer.len());
        let read = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut this.buffer[..len]))?;
        cursor.put_slice(&this.buffer[..read]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
