//! A connection as the stock client makes one: gRPC over HTTP/2 over the Unix socket; here by hyper on our own loop.

use console_api::instrument::instrument_client::InstrumentClient;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use loopscope::hyper::{Executor, Io};
use loopscope::net::UnixStream;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
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
            http2::handshake::<_, _, Body>(Executor::new(), Io::new(stream)).await.unwrap();
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
