//! What can go wrong with a server, one type a cause.

use std::error::Error;
use std::fmt;
use std::io;

use super::listener::Peer;
use crate::group::ChildError;
use crate::runner::{ServedConnection, Unhandled};

/// A connection whose handler failed, by an `Err` or a panic. It is closed; the others go on.
#[derive(Debug)]
pub struct ConnectionError {
    server: String,
    peer: Peer,
    failure: ChildError,
}

impl ConnectionError {
    pub(super) fn new(server: String, peer: Peer, failure: ChildError) -> Self {
        Self { server, peer, failure }
    }

    /// The server's name.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Who was at the other end.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The task, and what it failed with.
    pub fn failure(&self) -> &ChildError {
        &self.failure
    }

    pub(super) fn into_unhandled(self) -> Unhandled {
        let connection = ServedConnection { server: self.server, peer: self.peer.to_string() };
        Unhandled { connection: Some(connection), ..self.failure.into_unhandled() }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, peer, failure } = self;
        write!(f, "server {server:?}, connection of {peer}: {failure}")
    }
}

impl Error for ConnectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure.error()
    }
}

/// Why nobody can listen at an address; it lies inside of an [`io::Error`] of the same kind.
#[derive(Debug)]
pub struct ListenError {
    at: String,
    error: io::Error,
}

impl ListenError {
    pub(super) fn new(at: String, error: io::Error) -> Self {
        Self { at, error }
    }

    /// The address, as it is shown: `127.0.0.1:80`, a path, or an abstract name behind an `@`.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// What the OS said.
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen at {}: {}", self.at, self.error)
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<ListenError> for io::Error {
    fn from(error: ListenError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Why a server does not serve.
#[derive(Debug)]
pub struct ServeError(Kind);

#[derive(Debug)]
enum Kind {
    Closed(String),
    Awaited(String),
    Listen(ListenError),
}

impl ServeError {
    pub(super) fn closed(server: &str) -> Self {
        Self(Kind::Closed(server.to_owned()))
    }

    pub(super) fn awaited(server: &str) -> Self {
        Self(Kind::Awaited(server.to_owned()))
    }

    pub(super) fn listen(error: ListenError) -> Self {
        Self(Kind::Listen(error))
    }

    /// Whether it was closed before.
    pub fn is_closed(&self) -> bool {
        matches!(self.0, Kind::Closed(_))
    }

    /// Whether somebody else awaits its `serve_forever`.
    pub fn is_awaited(&self) -> bool {
        matches!(self.0, Kind::Awaited(_))
    }

    /// The address at which nobody can listen, and why.
    pub fn listen_error(&self) -> Option<&ListenError> {
        match &self.0 {
            Kind::Listen(error) => Some(error),
            Kind::Closed(_) | Kind::Awaited(_) => None,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Closed(server) => write!(f, "server {server:?} is closed"),
            Kind::Awaited(server) => {
                write!(f, "serve_forever of server {server:?} is awaited already")
            }
            Kind::Listen(error) => error.fmt(f),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Listen(error) => error.source(),
            Kind::Closed(_) | Kind::Awaited(_) => None,
        }
    }
}

impl From<ServeError> for io::Error {
    fn from(error: ServeError) -> Self {
        match error.0 {
            Kind::Listen(error) => error.into(),
            Kind::Closed(_) => Self::new(io::ErrorKind::NotConnected, error),
            Kind::Awaited(_) => Self::new(io::ErrorKind::AlreadyExists, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_listen_somewhere_is_told_where() {
        let error = ListenError::new("127.0.0.1:80".into(), io::Error::from_raw_os_error(libc::EACCES));
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(error.to_string(), "cannot listen at 127.0.0.1:80: Permission denied (os error 13)");
        let inner = error.get_ref().and_then(|error| error.downcast_ref::<ListenError>()).unwrap();
        assert_eq!(inner.at(), "127.0.0.1:80");
    }
}
