//! TCP.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use mio::Interest;
use socket2::{Domain, Protocol, Socket, Type};

use super::address::{ToSocketAddr, ToSocketAddrs, inet};
use super::connect::Connect;
use super::resolve::{First, Resolve};
use super::split::{self, ReadHalf, WriteHalf};
use super::stream::stream;
use crate::event_loop::wait::Wait;
use crate::io::Plain;
use crate::io::evented::{Evented, Operation, Uncounted};
use crate::io::source::{Direction, SourceRef};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// Connections that wait to be accepted before the OS turns further ones away: as asyncio's default is too small for a burst,
/// this is what most kernels allow.
const BACKLOG: i32 = 1024;

/// A TCP connection.
///
/// `TCP_NODELAY` is set, as asyncio does: a small write goes out at once.
#[derive(Debug)]
pub struct TcpStream {
    evented: Evented<std::net::TcpStream>,
}

stream!(TcpStream, std::net::TcpStream);

impl TcpStream {
    /// Connects to the first of `addresses` that answers; they are tried in order. The name of a host is resolved before, on a
    /// thread of its own.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`](super::ConnectError) that names every address tried and what the OS said, with the kind of the last
    /// attempt, `ConnectionRefused` for example; what the resolver says; and `InvalidInput` for a text that can be neither an
    /// address nor a name with a port.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a loop.
    ///
    /// # Examples
    ///
    /// ```
    /// use loopscope::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// loopscope::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     client.write_all(b"hello").await?;
    ///     let mut bytes = [0; 5];
    ///     server.read_exact(&mut bytes).await?;
    ///     assert_eq!(&bytes, b"hello");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[doc(alias = "asyncio.open_connection")]
    #[doc(alias = "asyncio.loop.create_connection")]
    #[track_caller]
    pub fn connect(addresses: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        Connect::new(addresses.to_socket_addrs(), Location::caller())
    }

    pub(super) fn start_connecting(
        address: SocketAddr,
        local: Option<SocketAddr>,
        made_at: &'static Location<'static>,
    ) -> io::Result<Self> {
        let socket =
            Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        if let Some(local) = local {
            socket.bind(&local.into())?;
        }
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        let evented = Evented::new(socket.into(), ResourceKind::Tcp, interest, made_at)?;
        evented.source().set_addresses(None, Some(&crate::telemetry::view::Address::Inet(address)));
        Ok(Self { evented })
    }

    /// Polls until the connection stands; `wait` belongs to the caller's future.
    pub(super) fn poll_connected(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        at: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        let connecting = Operation { direction: Direction::Write, kind: WaitKind::Connect, asked: None };
        let connected = |io: &std::net::TcpStream| connected(io).map(Uncounted);
        ready!(self.evented.poll_with(connecting, cx, wait, (at, false), connected))?;
        self.show_addresses();
        Poll::Ready(Ok(()))
    }

    /// Takes a wait for the connection out of its queue.
    pub(super) fn stop_connecting(&self, wait: &mut Wait) {
        self.evented.source().leave(Direction::Write, wait);
    }

    /// Names the descriptor, for those who end connections that others own.
    pub(crate) fn source_ref(&self) -> SourceRef {
        self.evented.source().to_ref()
    }

    /// Takes a connection made elsewhere; it is set to non-blocking.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.loop.connect_accepted_socket")]
    #[track_caller]
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::register(stream, Location::caller())
    }

    fn register(stream: std::net::TcpStream, made_at: &'static Location<'static>) -> io::Result<Self> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let stream = Self { evented: Evented::new(stream, ResourceKind::Tcp, interest, made_at)? };
        stream.show_addresses();
        Ok(stream)
    }

    fn show_addresses(&self) {
        let (local, peer) = (inet(self.local_addr()), inet(self.peer_addr()));
        self.evented.source().set_addresses(local.as_ref(), peer.as_ref());
    }

    /// Our end's address.
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
    /// `NotConnected` when the peer is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.evented.io().peer_addr()
    }

    /// Whether small writes go out at once, which they do unless it is switched off.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.evented.io().set_nodelay(nodelay)
    }

    /// Whether small writes go out at once.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.evented.io().nodelay()
    }

    /// Reads without taking the bytes away.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        let peeking = Operation::read(None);
        Plain(self.evented.run(peeking, move |io: &'a std::net::TcpStream| io.peek(buffer).map(Uncounted)))
    }
}

/// Whether a connection that was being made stands.
fn connected(stream: &std::net::TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        // Writability was reported early, or not yet: both ends know nothing of each other.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}

/// A listening TCP socket.
#[derive(Debug)]
#[doc(alias = "asyncio.loop.create_server")]
pub struct TcpListener {
    evented: Evented<std::net::TcpListener>,
}

impl TcpListener {
    /// Listens at `address`, with `SO_REUSEADDR`; port 0 lets the OS choose one.
    ///
    /// # Errors
    ///
    /// What the OS says, `AddrInUse` for example, naming the address.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn bind(address: impl ToSocketAddr) -> io::Result<Self> {
        Self::bind_at(address.to_socket_addr()?, Location::caller())
    }

    /// Listens at the first of the addresses of a name that is ours to have; for a literal address [`bind`](Self::bind) does.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), of the last address that was tried, and what the resolver says.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nobody listens.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a loop.
    #[track_caller]
    pub fn bind_host(addresses: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        let made_at = Location::caller();
        let resolve = Resolve::new(addresses.to_socket_addrs(), made_at);
        First { resolve, make: move |address| Self::bind_at(address, made_at) }
    }

    fn bind_at(address: SocketAddr, made_at: &'static Location<'static>) -> io::Result<Self> {
        let listener = listen(address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {address}: {error}")))?;
        Self::register(listener, made_at)
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
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::register(listener, Location::caller())
    }

    pub(crate) fn register(
        listener: std::net::TcpListener,
        made_at: &'static Location<'static>,
    ) -> io::Result<Self> {
        let evented = Evented::new(listener, ResourceKind::TcpListener, Interest::READABLE, made_at)?;
        evented.source().set_addresses(inet(evented.io().local_addr()).as_ref(), None);
        Ok(Self { evented })
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// What the OS says. A peer that went away before it was accepted is no error; too many open files (`EMFILE`) is.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, no connection was accepted.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + '_ {
        let made_at = Location::caller();
        let accepting = Operation { direction: Direction::Read, kind: WaitKind::Accept, asked: None };
        Plain(self.evented.run(accepting, move |listener: &std::net::TcpListener| {
            let (stream, peer) = accept(listener)?;
            Ok(Uncounted((TcpStream::register(stream, made_at)?, peer)))
        }))
    }

    /// Polls for a connection, which is shown as made at `made_at`; `wait` belongs to the caller's future.
    pub(crate) fn poll_accept(
        &self,
        cx: &Context<'_>,
        wait: &mut Wait,
        [at, made_at]: [&'static Location<'static>; 2],
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepting = Operation { direction: Direction::Read, kind: WaitKind::Accept, asked: None };
        let accepted = self.evented.poll_with(accepting, cx, wait, (at, false), |listener| {
            let (stream, peer) = accept(listener)?;
            Ok(Uncounted((TcpStream::register(stream, made_at)?, peer)))
        });
        accepted.map_ok(|outcome| outcome.0)
    }

    /// Takes a wait for a connection out of its queue.
    pub(crate) fn stop_accepting(&self, wait: &mut Wait) {
        self.evented.source().leave(Direction::Read, wait);
    }

    /// The connections, one after the other, as a stream that never ends.
    #[track_caller]
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self, made_at: Location::caller() }
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

/// The connections of a listener. Made by [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
    made_at: &'static Location<'static>,
}

impl futures_core::Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepting = Operation { direction: Direction::Read, kind: WaitKind::Accept, asked: None };
        let made_at = self.made_at;
        let accepted = self.listener.evented.poll(accepting, cx, Location::caller(), |listener| {
            TcpStream::register(accept(listener)?.0, made_at).map(Uncounted)
        });
        accepted.map_ok(|outcome| outcome.0).map(Some)
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // As asyncio: an IPv6 listener does not take the IPv4 port along.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts a connection that is non-blocking and close-on-exec from its first moment.
fn accept(listener: &std::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    use rustix::net::SocketFlags;
    loop {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match rustix::net::acceptfrom_with(listener, flags) {
            Ok((fd, peer)) => {
                let stream = std::net::TcpStream::from(fd);
                stream.set_nodelay(true)?;
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                let peer = peer.map_or_else(|| stream.peer_addr(), Ok)?;
                return Ok((stream, peer));
            }
            // The peer went away while it waited.
            Err(rustix::io::Errno::CONNABORTED) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.evented.io().as_fd()
    }
}
