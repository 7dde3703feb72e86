//! Connecting to a Unix socket.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::address::{of_path, shown_path};
use super::unix::UnixStream;
use crate::debug::log::log_here;
use crate::telemetry::view::TimerKind;
use crate::time::Sleep;

/// How long to wait before the next attempt when the listener's backlog is full: the OS does not tell when it no longer is.
const AGAIN: Duration = Duration::from_millis(1);

/// Why a Unix socket could not be connected to. It lies inside of the [`io::Error`] that `connect` gives, which has the same kind.
#[derive(Debug)]
pub struct UnixConnectError {
    path: PathBuf,
    error: io::Error,
}

impl UnixConnectError {
    /// The socket.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for UnixConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}: {}", shown_path(&self.path), self.error)
    }
}

impl Error for UnixConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// The future of [`UnixStream::connect`].
#[derive(Debug)]
pub(crate) struct UnixConnect {
    path: PathBuf,
    /// Made at the first poll.
    socket: Option<Socket>,
    again: Option<Sleep>,
    made_at: &'static Location<'static>,
}

impl UnixConnect {
    pub(crate) fn new(path: &Path, made_at: &'static Location<'static>) -> Self {
        Self { path: path.to_owned(), socket: None, again: None, made_at }
    }

    /// The path, for who gives up.
    pub(crate) fn failed(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), UnixConnectError { path: self.path.clone(), error })
    }

    #[track_caller]
    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        let address = of_path(&self.path)?;
        loop {
            if let Some(again) = &mut self.again {
                ready!(again.poll_for(TimerKind::Sleep, cx, Location::caller()));
                self.again = None;
            }
            let socket = match self.socket.take() {
                Some(socket) => socket,
                None => Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?,
            };
            match socket.connect(&address) {
                Ok(()) => return Poll::Ready(UnixStream::register(socket.into(), self.made_at)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.socket = Some(socket);
                    self.again = Some(crate::time::sleep(AGAIN));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Future for UnixConnect {
    type Output = io::Result<UnixStream>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let connected = ready!(self.poll_connected(cx));
        if connected.is_ok() {
            log_here!(Debug, "connected to {}", shown_path(&self.path));
        }
        Poll::Ready(connected.map_err(|error| self.failed(error)))
    }
}
