//! What a server can accept connections from, and who is at their other ends.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::panic::Location;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::Socket;

use crate::event_loop::wait::Wait;
use crate::io::source::SourceRef;
use crate::net::{PeerCredentials, TcpListener, TcpStream, UnixListener, UnixStream};

/// What a server accepts connections from: a [`TcpListener`] or a [`UnixListener`].
#[expect(private_bounds, reason = "these two only")]
pub trait Listener: Accept<Self::Stream, Self::Addr> + 'static {
    /// A connection.
    type Stream: 'static;
    /// An address, ours or a peer's.
    type Addr: fmt::Debug + 'static;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Addr = SocketAddr;
}

impl Listener for UnixListener {
    type Stream = UnixStream;
    type Addr = UnixAddr;
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// Its address.
    Inet(SocketAddr),
    /// The process, since a client's Unix socket is rarely named.
    Unix(PeerCredentials),
    /// The OS did not say.
    Unknown,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(PeerCredentials { pid, uid, .. }) => write!(f, "process {pid} of user {uid}"),
            Self::Unknown => f.write_str("an unknown peer"),
        }
    }
}

/// A connection and the address of its other end, as the OS gave it.
pub(super) type Accepted<S, A> = Poll<io::Result<(S, A)>>;

/// What a server needs of a listener; `S` are its connections and `A` its addresses.
pub(super) trait Accept<S, A>: AsFd + Sized {
    /// Begins to listen with a socket that has an address.
    fn listen(socket: Socket, made_at: &'static Location<'static>) -> io::Result<Self>;

    /// The address of a socket that does not listen yet.
    fn address_of(socket: &Socket) -> io::Result<A>;

    fn address(&self) -> io::Result<A>;

    /// How an address of ours is named in a message.
    fn shown(address: &A) -> String;

    fn poll_accept(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        places: [&'static Location<'static>; 2],
    ) -> Accepted<S, A>;

    fn stop_accepting(&self, wait: &mut Wait);

    fn peer(stream: &S, address: &A) -> Peer;

    fn source_ref(stream: &S) -> SourceRef;

    /// Tells the other end that the connection is broken off, as far as its kind can tell that.
    fn reset(connection: SourceRef);
}

impl Accept<TcpStream, SocketAddr> for TcpListener {
    fn listen(socket: Socket, made_at: &'static Location<'static>) -> io::Result<Self> {
        Self::register(socket.into(), made_at)
    }

    fn address_of(socket: &Socket) -> io::Result<SocketAddr> {
        socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn shown(address: &SocketAddr) -> String {
        address.to_string()
    }

    fn poll_accept(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        places: [&'static Location<'static>; 2],
    ) -> Accepted<TcpStream, SocketAddr> {
        self.poll_accept(cx, wait, places)
    }

    fn stop_accepting(&self, wait: &mut Wait) {
        self.stop_accepting(wait);
    }

    fn peer(_: &TcpStream, address: &SocketAddr) -> Peer {
        Peer::Inet(*address)
    }

    fn source_ref(stream: &TcpStream) -> SourceRef {
        stream.source_ref()
    }

    fn reset(connection: SourceRef) {
        connection.with_fd(|fd| {
            // Disconnecting resets at once on Linux. Elsewhere closing without lingering does, unless the end was said before;
            // a connection that the peer has reset needs neither.
            drop(socket2::SockRef::from(&fd).set_linger(Some(Duration::ZERO)));
            #[cfg(target_os = "linux")]
            let _ = rustix::net::connect_unspec(fd);
        });
    }
}

impl Accept<UnixStream, UnixAddr> for UnixListener {
    fn listen(socket: Socket, made_at: &'static Location<'static>) -> io::Result<Self> {
        Self::register(socket.into(), made_at)
    }

    fn address_of(socket: &Socket) -> io::Result<UnixAddr> {
        let address = socket.local_addr()?;
        #[cfg(target_os = "linux")]
        if let Some(name) = address.as_abstract_namespace() {
            use std::os::linux::net::SocketAddrExt;
            return UnixAddr::from_abstract_name(name);
        }
        address.as_unix().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn address(&self) -> io::Result<UnixAddr> {
        self.local_addr()
    }

    fn shown(address: &UnixAddr) -> String {
        match crate::net::shown_unix(address) {
            Some(path) => path,
            None => "an unnamed socket".to_owned(),
        }
    }

    fn poll_accept(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        places: [&'static Location<'static>; 2],
    ) -> Accepted<UnixStream, UnixAddr> {
        self.poll_accept(cx, wait, places)
    }

    fn stop_accepting(&self, wait: &mut Wait) {
        self.stop_accepting(wait);
    }

    fn peer(stream: &UnixStream, _: &UnixAddr) -> Peer {
        peer_of(stream)
    }

    fn source_ref(stream: &UnixStream) -> SourceRef {
        stream.source_ref()
    }

    fn reset(_: SourceRef) {
        // A Unix socket tells its peer of a reset by itself, when it is closed before everything was read.
    }
}

/// Who is at the other end of a Unix socket.
pub(super) fn peer_of(stream: &UnixStream) -> Peer {
    stream.peer_cred().map_or(Peer::Unknown, Peer::Unix)
}
