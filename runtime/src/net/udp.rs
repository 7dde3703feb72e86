//! UDP.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as Std};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::Location;
use std::task::{Context, Poll};

use mio::Interest;

use super::address::{ToSocketAddr, ToSocketAddrs, inet};
use super::datagram::datagram;
use super::resolve::{First, Resolve};
use crate::debug::log::log_here;
use crate::io::Plain;
use crate::io::evented::{Evented, Operation, Uncounted};
use crate::telemetry::view::ResourceKind;

/// A UDP socket.
///
/// Each call sends or receives one datagram, whole or not at all. Datagrams may be lost, doubled or overtake each other on
/// the way. Sending waits only while the OS has no room for the datagram: nobody tells whether the other end keeps up.
///
/// # Examples
///
/// ```
/// use loopscope::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// loopscope::run(async {
///     let server = UdpSocket::bind("127.0.0.1:0")?;
///     let client = UdpSocket::bind("127.0.0.1:0")?;
///     client.send_to(b"hello", server.local_addr()?).await?;
///     let mut bytes = [0; 1500];
///     let (length, from) = server.recv_from(&mut bytes).await?;
///     assert_eq!((&bytes[..length], from), (&b"hello"[..], client.local_addr()?));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "asyncio.DatagramTransport")]
#[doc(alias = "asyncio.DatagramProtocol")]
pub struct UdpSocket {
    evented: Evented<Std>,
}

datagram!(UdpSocket, Std);

impl UdpSocket {
    /// A socket at `address`; port 0 lets the OS choose one.
    ///
    /// # Errors
    ///
    /// What the OS says, `AddrInUse` for example, naming the address, and `InvalidInput` for a text that is no address.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.loop.create_datagram_endpoint")]
    #[track_caller]
    pub fn bind(address: impl ToSocketAddr) -> io::Result<Self> {
        Self::bind_at(address.to_socket_addr()?, Location::caller())
    }

    fn bind_at(address: SocketAddr, made_at: &'static Location<'static>) -> io::Result<Self> {
        let bound = Std::bind(address).and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        let socket = bound.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot bind a socket to {address}: {error}"))
        })?;
        Self::register(socket, made_at)
    }

    /// A socket at the first of the addresses of a name that is ours to have; for a literal address [`bind`](Self::bind) does.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), of the last address that was tried, and what the resolver says.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, there is no socket.
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

    fn register(socket: Std, made_at: &'static Location<'static>) -> io::Result<Self> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let socket = Self { evented: Evented::new(socket, ResourceKind::Udp, interest, made_at)? };
        socket.show_addresses();
        log_here!(Info, "UDP socket made: {socket:?}");
        Ok(socket)
    }

    fn show_addresses(&self) {
        let (local, peer) = (inet(self.local_addr()), inet(self.peer_addr()));
        self.evented.source().set_addresses(local.as_ref(), peer.as_ref());
    }

    /// Makes the first of `addresses` that there is a way to the peer: [`send`](Self::send) sends to it, only what comes from it
    /// is received, and that nobody is there is reported. Nothing is sent by this, but that the name of a host is resolved
    /// before. Another call changes the peer.
    ///
    /// # Errors
    ///
    /// What the OS says of the last address, what the resolver says, and `InvalidInput` for a text that can be neither an
    /// address nor a name with a port.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the peer is the one it was.
    #[track_caller]
    pub fn connect(&self, addresses: impl ToSocketAddrs) -> impl Future<Output = io::Result<()>> {
        let make = |address: SocketAddr| {
            self.evented.io().connect(address)?;
            self.show_addresses();
            Ok(())
        };
        First { resolve: Resolve::new(addresses.to_socket_addrs(), Location::caller()), make }
    }

    /// Sends a datagram to `target`, and returns how many bytes were sent: all.
    ///
    /// # Errors
    ///
    /// What the OS says: a datagram that is larger than the socket can send (`EMSGSIZE`), no way to the target, or broadcasting
    /// that is not [allowed](Self::set_broadcast); `InvalidInput` for a text that is no address. The socket stays usable.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was sent.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    #[doc(alias = "asyncio.DatagramTransport.sendto")]
    #[doc(alias = "asyncio.loop.sock_sendto")]
    pub fn send_to<'a>(
        &'a self,
        bytes: &'a [u8],
        target: impl ToSocketAddr,
    ) -> impl Future<Output = io::Result<usize>> {
        let target = target.to_socket_addr();
        self.evented.run(Operation::write(None), move |io: &'a Std| match &target {
            Ok(target) => io.send_to(bytes, target),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        })
    }

    /// Receives a datagram and says its length and who sent it; an empty one is a datagram too.
    ///
    /// A datagram longer than `buffer` is cut; the rest is lost, and the OS does not say so.
    ///
    /// # Errors
    ///
    /// What the OS says; of a connected socket also `ConnectionRefused` when an earlier datagram found nobody. The socket stays
    /// usable.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was received.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    #[doc(alias = "asyncio.loop.sock_recvfrom")]
    pub fn recv_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + 'a {
        self.evented.run(Operation::read(None), move |io: &'a Std| io.recv_from(buffer))
    }

    /// As [`recv_from`](Self::recv_from), but leaves the datagram there to be received.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub fn peek_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + 'a {
        let peeking = Operation::read(None);
        Plain(self.evented.run(peeking, move |io: &'a Std| io.peek_from(buffer).map(Uncounted)))
    }

    /// Sends to `target` if the OS has room now.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to), and `WouldBlock`.
    pub fn try_send_to(&self, bytes: &[u8], target: impl ToSocketAddr) -> io::Result<usize> {
        let target = target.to_socket_addr()?;
        self.evented.attempt(Operation::write(None), |io| io.send_to(bytes, target))
    }

    /// Receives a datagram if there is one.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from), and `WouldBlock`.
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.evented.attempt(Operation::read(None), |io| io.recv_from(buffer))
    }

    /// [`send_to`](Self::send_to) for those who implement a trait's `poll_…`: one task at a time.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    #[track_caller]
    pub fn poll_send_to(
        &self,
        cx: &Context<'_>,
        bytes: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let at = Location::caller();
        self.evented.poll(Operation::write(None), cx, at, |io| io.send_to(bytes, target))
    }

    /// [`recv_from`](Self::recv_from) for those who implement a trait's `poll_…`: one task at a time.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    #[track_caller]
    pub fn poll_recv_from(
        &self,
        cx: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.evented.poll(Operation::read(None), cx, Location::caller(), |io| io.recv_from(buffer))
    }

    /// Our address.
    ///
    /// # Errors
    ///
    /// When the OS does not know it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.io().local_addr()
    }

    /// The peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` without a peer.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.evented.io().peer_addr()
    }
}

/// Options of the socket, each as the OS has it.
impl UdpSocket {
    /// Allows sending to broadcast addresses.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn set_broadcast(&self, allowed: bool) -> io::Result<()> {
        self.evented.io().set_broadcast(allowed)
    }

    /// Whether sending to broadcast addresses is allowed.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.evented.io().broadcast()
    }

    /// Sets how many routers a datagram may pass.
    ///
    /// # Errors
    ///
    /// When the OS refuses, 0 for example.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.evented.io().set_ttl(ttl)
    }

    /// How many routers a datagram may pass.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn ttl(&self) -> io::Result<u32> {
        self.evented.io().ttl()
    }

    /// Receives what is sent to a group, by the interface with that address; 0.0.0.0 lets the OS choose one.
    ///
    /// # Errors
    ///
    /// When the OS refuses: `address` is no group, or there is no such interface.
    pub fn join_multicast_v4(&self, address: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.evented.io().join_multicast_v4(&address, &interface)
    }

    /// Leaves a group that was joined.
    ///
    /// # Errors
    ///
    /// When the OS refuses: it was not joined.
    pub fn leave_multicast_v4(&self, address: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.evented.io().leave_multicast_v4(&address, &interface)
    }

    /// Receives what is sent to a group, by the interface with that number; 0 lets the OS choose one.
    ///
    /// # Errors
    ///
    /// When the OS refuses: `address` is no group, or there is no such interface.
    pub fn join_multicast_v6(&self, address: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.evented.io().join_multicast_v6(&address, interface)
    }

    /// Leaves a group that was joined.
    ///
    /// # Errors
    ///
    /// When the OS refuses: it was not joined.
    pub fn leave_multicast_v6(&self, address: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.evented.io().leave_multicast_v6(&address, interface)
    }

    /// Whether what is sent to a group also comes to the members on this machine.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn set_multicast_loop_v4(&self, looped: bool) -> io::Result<()> {
        self.evented.io().set_multicast_loop_v4(looped)
    }

    /// Sets how many routers a datagram to a group may pass; 1 unless it is set.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.evented.io().set_multicast_ttl_v4(ttl)
    }

    /// Whether what is sent to a group also comes to the members on this machine.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    pub fn set_multicast_loop_v6(&self, looped: bool) -> io::Result<()> {
        self.evented.io().set_multicast_loop_v6(looped)
    }
}
