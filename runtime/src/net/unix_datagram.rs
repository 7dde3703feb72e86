//! Unix datagram sockets.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixDatagram as Std};
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mio::Interest;
use rustix::event::{PollFd, PollFlags, Timespec};

use super::address::unix;
use super::datagram::datagram;
use crate::debug::log::log_here;
use crate::event_loop::current;
use crate::io::evented::{Evented, Operation, Outcome};
use crate::telemetry::view::ResourceKind;
use crate::time::Sleep;

/// How long to wait for a receiver of which the OS does not tell when it has room again.
const RETRY_AFTER: Duration = Duration::from_millis(1);

/// A Unix datagram socket.
///
/// Each call sends or receives one datagram, whole or not at all. On one machine datagrams are neither lost nor doubled, and
/// they stay in order: whoever sends faster than the other end receives has to wait.
///
/// # Examples
///
/// ```
/// use loopscope::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// loopscope::run(async {
///     let (one, other) = UnixDatagram::pair()?;
///     one.send(b"hello").await?;
///     one.send(b"").await?;
///     let mut bytes = [0; 16];
///     assert_eq!(other.recv(&mut bytes).await?, 5);
///     assert_eq!(other.recv(&mut bytes).await?, 0);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "asyncio.DatagramTransport")]
pub struct UnixDatagram {
    evented: Evented<Std>,
}

datagram!(UnixDatagram, Std);

impl UnixDatagram {
    /// A socket at `path`, where nothing may be yet. Dropping it leaves the file where it is.
    ///
    /// # Errors
    ///
    /// What the OS says, `AddrInUse` for example, naming the path.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[doc(alias = "asyncio.loop.create_datagram_endpoint")]
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let socket = Std::bind(path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot bind a socket to {}: {error}", path.display()))
        })?;
        Self::from_std(socket)
    }

    /// A socket without an address: it can send, and receive from the peer it is connected to.
    ///
    /// # Errors
    ///
    /// When the OS refuses.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn unbound() -> io::Result<Self> {
        Self::from_std(Std::unbound()?)
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
        let (one, other) = Std::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    fn register(socket: Std, made_at: &'static Location<'static>) -> io::Result<Self> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let socket = Self { evented: Evented::new(socket, ResourceKind::UnixDatagram, interest, made_at)? };
        socket.show_addresses();
        log_here!(Info, "Unix datagram socket made: {socket:?}");
        Ok(socket)
    }

    fn show_addresses(&self) {
        let (local, peer) = (unix(self.local_addr()), unix(self.peer_addr()));
        self.evented.source().set_addresses(local.as_ref(), peer.as_ref());
    }

    /// Makes the socket at `path` the peer: [`send`](Self::send) sends to it, and only what comes from it is received.
    ///
    /// # Errors
    ///
    /// What the OS says: `NotFound`, or `ConnectionRefused` when nobody has that socket open any more.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.evented.io().connect(path)?;
        self.show_addresses();
        Ok(())
    }

    /// As [`connect`](Self::connect), to an address of any kind, an abstract one for example.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.evented.io().connect_addr(address)?;
        self.show_addresses();
        Ok(())
    }

    /// Sends a datagram to the socket at `path`, and returns how many bytes were sent: all. Waits while the receiver has no
    /// room for it.
    ///
    /// # Errors
    ///
    /// What the OS says: `NotFound`, `ConnectionRefused` when nobody has that socket open any more, or a datagram that is larger
    /// than the socket can send (`EMSGSIZE`). The socket stays usable.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was sent.
    ///
    /// # Panics
    ///
    /// On another loop than the one it was made on.
    #[doc(alias = "asyncio.loop.sock_sendto")]
    #[track_caller]
    pub fn send_to<'a>(
        &'a self,
        bytes: &'a [u8],
        path: impl AsRef<Path> + 'a,
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        self.sending(Location::caller(), move |io: &'a Std| io.send_to(bytes, path.as_ref()))
    }

    /// As [`send_to`](Self::send_to), to an address of any kind, an abstract one for example.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing was sent.
    #[track_caller]
    pub fn send_to_addr<'a>(
        &'a self,
        bytes: &'a [u8],
        address: &'a SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        self.sending(Location::caller(), move |io: &'a Std| io.send_to_addr(bytes, address))
    }

    fn sending<'a>(
        &'a self,
        made_at: &'static Location<'static>,
        mut call: impl FnMut(&'a Std) -> io::Result<usize> + 'a,
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        let run = self.evented.run(Operation::write(None), move |io: &'a Std| match call(io) {
            // Not this socket is full but the one of the receiver, and the OS does not tell when that has room.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_writable(io) => Ok(Sent(None)),
            sent => sent.map(|bytes| Sent(Some(bytes))),
        });
        Sending { run, pause: None, made_at }
    }

    /// Receives a datagram and says its length and who sent it; an empty one is a datagram too.
    ///
    /// A datagram longer than `buffer` is cut; the rest is lost, and the OS does not say so.
    ///
    /// # Errors
    ///
    /// What the OS says.
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

    /// Sends to the socket at `path` if it has room now.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to), and `WouldBlock`.
    pub fn try_send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.evented.attempt(Operation::write(None), |io| io.send_to(bytes, &path))
    }

    /// Receives a datagram if there is one.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from), and `WouldBlock`.
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.evented.attempt(Operation::read(None), |io| io.recv_from(buffer))
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

    /// Shuts down one direction or both, at once.
    ///
    /// # Errors
    ///
    /// `NotConnected` without a peer.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.evented.io().shutdown(how)
    }

    /// Our address; unnamed if the socket was not bound.
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

/// Whether the OS would report the socket as writable, however its last attempt ended.
fn is_writable(socket: &Std) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = rustix::event::poll(&mut fds, Some(&now));
    polled.is_ok_and(|count| count > 0)
}

/// What an attempt to send came to: the bytes, or nothing because the receiver has no room.
struct Sent(Option<usize>);

impl Outcome for Sent {
    fn bytes(&self) -> Option<usize> {
        self.0
    }
}

/// The future of [`UnixDatagram::send_to`].
struct Sending<F> {
    run: F,
    pause: Option<Sleep>,
    made_at: &'static Location<'static>,
}

impl<F: Future<Output = io::Result<Sent>> + Unpin> Future for Sending<F> {
    type Output = io::Result<usize>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let Self { run, pause, made_at } = &mut *self;
        loop {
            if let Some(pausing) = pause {
                ready!(pausing.poll_at(cx, at));
                *pause = None;
            }
            if let Sent(Some(bytes)) = ready!(Pin::new(&mut *run).poll(cx))? {
                return Poll::Ready(Ok(bytes));
            }
            let deadline = current::expect("a datagram was sent").deadline_after(RETRY_AFTER);
            *pause = Some(Sleep::new(deadline, made_at));
        }
    }
}
