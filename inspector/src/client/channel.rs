//! What a client's calls go through: a connection to an agent, or a file that answers as an agent would.

use super::archive::Archive;
use crate::wire::proto::inspect_server::InspectServer;
use hyper::client::conn::http2;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;

/// Where calls go, as tonic wants it.
#[derive(Clone)]
pub(super) enum Channel {
    /// To an agent.
    Connection(http2::SendRequest<Body>),
    /// To what a process left.
    File(InspectServer<Archive>),
}

impl Channel {
    /// What a process left answers.
    pub(super) fn of_archive(archive: Archive) -> Self {
        Self::File(InspectServer::new(archive))
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection(_) => "Connection",
            Self::File(_) => "File",
        })
    }
}

impl tower_service::Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Connection(sender) => sender.poll_ready(cx),
            Self::File(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match self {
            Self::Connection(sender) => {
                let answer = sender.send_request(request);
                Box::pin(async move { Ok(answer.await?.map(Body::new)) })
            }
            Self::File(server) => {
                let answer = tower_service::Service::call(server, request);
                Box::pin(async move { Ok(answer.await.unwrap_or_else(|never| match never {})) })
            }
        }
    }
}
