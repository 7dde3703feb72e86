#![allow(unsafe_code, reason = "asks the OS who is at the other end")]
//! Unix sockets.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use mio::Interest;

use super::address::{shown_path, unix};
use super::split::{self, ReadHalf, WriteHalf};
use super::stream::stream;
use super::unix_connect::UnixConnect;
use crate::event_loop::wait::Wait;
use crate::io::Plain;
use crate::io::evented::{Evented, Operation, Uncounted};
use crate::io::source::{Direction, SourceRef};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// A Unix stream socket.
#[derive(Debug)]
pub struct UnixStream {
    evented: Evented<std::os::unix::net::UnixStream>,
}

stream!(UnixStream, std::os::unix::net::UnixStream);

/// Who is at the other end of a Unix socket, as the kernel noted it when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// The process, or 0 where it is in a pid namespace we cannot see.
    pub pid: i32,
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl UnixStream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    ///
    /// What the OS says, in a [`UnixConnectError`](super::UnixConnectError) that names the socket: `NotFound`, or
    /// `ConnectionRefused` when nobody listens there any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.open_unix_connection")]
    #[doc(alias = "asyncio.loop.create_unix_connection")]
    #[track_caller]
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<Self>> + use<P> {
        UnixConnect::new(path.as_ref(), Location::caller())
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Takes a stream made elsewhere; it is set to non-blocking.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::register(stream, Location::caller())
    }

    pub(super) fn register(
        stream: std::os::unix::net::UnixStream,
        made_at: &'static Location<'static>,
    ) -> io::Result<Self> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let evented = Evented::new(stream, ResourceKind::Unix, interest, made_at)?;
        let (local, peer) = (unix(evented.io().local_addr()), unix(evented.io().peer_addr()));
        evented.source().set_addresses(local.as_ref(), peer.as_ref());
        Ok(Self { evented })
    }

    /// Names the descriptor, for those who end connections that others own.
    pub(crate) fn source_ref(&self) -> SourceRef {
        self.evented.source().to_ref()
    }

    /// Our end's address; mostly unnamed.
    ///
    /// # Errors
    ///
    /// When the OS does not know it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.io().local_addr()
    }

    /// The other end's address.
    ///
    /// # Errors
    ///
    /// When the OS does not know it.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.evented.io().peer_addr()
    }

    /// Who is at the other end.
    ///
    /// # Errors
    ///
    /// When the OS does not know it.
    pub fn peer_cred(&self) -> io::Result<PeerCredentials> {
        // Not through rustix, whose credentials have no room for the 0 of a process that cannot be seen from here.
        let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut bytes = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
        // SAFETY: the kernel writes at most `bytes` bytes, which is what there is room for; any bytes are valid credentials.
        let failed = unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut credentials).cast(),
                &raw mut bytes,
            )
        };
        if failed != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(PeerCredentials { pid: credentials.pid, uid: credentials.uid, gid: credentials.gid })
    }
}

/// A listening Unix socket. Dropping it leaves the file where it is.
#[derive(Debug)]
#[doc(alias = "asyncio.loop.create_unix_server")]
pub struct UnixListener {
    evented: Evented<std::os::unix::net::UnixListener>,
}

impl UnixListener {
    /// Listens at `path`, where nothing may be yet.
    ///
    /// # Errors
    ///
    /// What the OS says, `AddrInUse` for example, naming the path.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let listener = std::os::unix::net::UnixListener::bind(path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen at {}: {error}", shown_path(path)))
        })?;
        Self::from_std(listener)
    }

    /// Takes a listener made elsewhere; it is set to non-blocking.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::register(listener, Location::caller())
    }

    pub(crate) fn register(
        listener: std::os::unix::net::UnixListener,
        made_at: &'static Location<'static>,
    ) -> io::Result<Self> {
        let evented = Evented::new(listener, ResourceKind::UnixListener, Interest::READABLE, made_at)?;
        evented.source().set_addresses(unix(evented.io().local_addr()).as_ref(), None);
        Ok(Self { evented })
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// What the OS says; too many open files (`EMFILE`) for example.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, no connection was accepted.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + '_ {
        let made_at = Location::caller();
        let accepting = Operation { direction: Direction::Read, kind: WaitKind::Accept, asked: None };
        Plain(self.evented.run(accepting, move |listener| accept(listener, made_at)))
    }

    /// Polls for a connection, which is shown as made at `made_at`; `wait` belongs to the caller's future.
    pub(crate) fn poll_accept(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        [at, made_at]: [&'static Location<'static>; 2],
    ) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accepting = Operation { direction: Direction::Read, kind: WaitKind::Accept, asked: None };
        let accepted =
            self.evented.poll_with(accepting, cx, wait, (at, false), |listener| accept(listener, made_at));
        accepted.map_ok(|outcome| outcome.0)
    }

    /// Takes a wait for a connection out of its queue.
    pub(crate) fn stop_accepting(&self, wait: &mut Wait) {
        self.evented.source().leave(Direction::Read, wait);
    }

    /// The address it listens at.
    ///
    /// # Errors
    ///
    /// When the OS does not know it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.io().local_addr()
    }
}

fn accept(
    listener: &std::os::unix::net::UnixListener,
    made_at: &'static Location<'static>,
) -> io::Result<Uncounted<(UnixStream, SocketAddr)>> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok(Uncounted((UnixStream::register(stream, made_at)?, peer)))
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.evented.io().as_fd()
    }
}
