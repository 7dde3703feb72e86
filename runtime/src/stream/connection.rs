//! Connecting, and making a reader and a writer of a connection.
//!
//! ```text
//!   open_connection ──► the name is resolved ──► each address is tried ──► reader and writer of the connection's halves
//! ```

use std::future::{Future, Pending};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::error::ZeroLimit;
use super::reader::{LIMIT_DEFAULT, StreamReader};
use super::writer::StreamWriter;
use crate::net::{
    Connect, ReadHalf, TcpStream, ToSocketAddrs, UnixConnect, UnixStream, WriteHalf, shown_path,
};
use crate::time::{Elapsed, Timeout, timeout};

/// A reader and a writer of one TCP connection.
pub type TcpPair = (StreamReader<ReadHalf<TcpStream>>, StreamWriter<WriteHalf<TcpStream>>);

/// A reader and a writer of one Unix stream.
pub type UnixPair = (StreamReader<ReadHalf<UnixStream>>, StreamWriter<WriteHalf<UnixStream>>);

/// Connects to the first of `addresses` that answers and gives a reader and a writer of the connection.
///
/// `TCP_NODELAY` is set. [`Connection`] has the options.
///
/// # Errors
///
/// As [`TcpStream::connect`]: the message names what was tried and what the OS said.
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
/// use loopscope::net::TcpListener;
/// use loopscope::stream::open_connection;
///
/// # fn main() -> std::io::Result<()> {
/// loopscope::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let (mut reader, mut writer) = open_connection(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///     writer.write_all(b"hello\n").await?;
///     let mut bytes = [0; 6];
///     server.read_exact(&mut bytes).await?;
///     server.write_all(&bytes).await?;
///     assert_eq!(reader.read_line().await?, b"hello\n");
///     writer.close().await?;
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "asyncio.open_connection")]
#[track_caller]
pub fn open_connection<A: ToSocketAddrs>(addresses: A) -> impl Future<Output = io::Result<TcpPair>> + use<A> {
    Connection::new().open(addresses)
}

/// Connects to the Unix socket at `path` and gives a reader and a writer of the connection.
///
/// # Errors
///
/// As [`UnixStream::connect`].
///
/// # Cancel safety
///
/// Dropping the future closes the socket.
///
/// # Panics
///
/// When it is polled outside of a loop.
#[doc(alias = "asyncio.open_unix_connection")]
#[track_caller]
pub fn open_unix_connection<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixPair>> + use<P> {
    Connection::new().open_unix(path)
}

/// What a connection is opened with.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// use loopscope::stream::Connection;
///
/// loopscope::run(async {
///     // Nobody listens there, which is known at once.
///     let opening = Connection::new().limit(1024).timeout(Duration::from_secs(5)).open("127.0.0.1:1");
///     let error = opening.await.unwrap_err();
///     assert!(error.to_string().starts_with("cannot connect to 127.0.0.1:1: "));
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    limit: usize,
    local: Option<SocketAddr>,
    timeout: Option<Duration>,
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl Connection {
    /// A reader's limit of 64 KiB, an address of our own that the OS chooses, and as much time as it takes.
    pub const fn new() -> Self {
        Self { limit: LIMIT_DEFAULT, local: None, timeout: None }
    }

    /// The [limit](StreamReader::limit) of the reader. 0 makes opening fail.
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The address of our end; port 0 lets the OS choose one. Unix sockets have none.
    #[must_use]
    pub const fn local_address(mut self, local: SocketAddr) -> Self {
        self.local = Some(local);
        self
    }

    /// How long it may take, names and all attempts included.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// See [`open_connection`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`]; `TimedOut` when the time is up; `InvalidInput` for a limit of 0.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a loop, or made there with a timeout.
    #[doc(alias = "asyncio.open_connection")]
    #[track_caller]
    pub fn open<A: ToSocketAddrs>(self, addresses: A) -> impl Future<Output = io::Result<TcpPair>> + use<A> {
        let connect = Connect::new(addresses.to_socket_addrs(), Location::caller());
        let connect = match self.local {
            Some(local) => connect.from(local),
            None => connect,
        };
        self.opening(connect, Connect::gave_up, |stream: TcpStream, limit| {
            let peer = stream.peer_addr().ok();
            let (read, write) = stream.into_split();
            let reader = StreamReader::with_limit(read, limit)?.of_peer(peer);
            Ok((reader, StreamWriter::new(write).of_peer(peer)))
        })
    }

    /// See [`open_unix_connection`].
    ///
    /// # Errors
    ///
    /// As [`UnixStream::connect`]; `TimedOut` when the time is up; `InvalidInput` for a limit of 0.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a loop, or made there with a timeout.
    #[doc(alias = "asyncio.open_unix_connection")]
    #[track_caller]
    pub fn open_unix<P: AsRef<Path>>(self, path: P) -> impl Future<Output = io::Result<UnixPair>> + use<P> {
        let path = path.as_ref().to_owned();
        let connect = UnixConnect::new(&path, Location::caller());
        let gave_up = |connect: &mut UnixConnect, why: Elapsed| connect.failed(why.into());
        self.opening(connect, gave_up, move |stream: UnixStream, limit| {
            let name = shown_path(&path);
            let (read, write) = stream.into_split();
            let reader = StreamReader::with_limit(read, limit)?.named(&name);
            Ok((reader, StreamWriter::new(write).named(&name)))
        })
    }

    fn opening<F, G, M>(self, connect: F, gave_up: G, make: M) -> Opening<F, G, M> {
        let limit = if self.limit == 0 { Err(ZeroLimit) } else { Ok(self.limit) };
        let timeout = self.timeout.map(|limit| timeout(limit, std::future::pending()));
        Opening { connect, gave_up, make, limit, timeout }
    }
}

/// The future of [`Connection::open`] and [`Connection::open_unix`].
#[must_use = "futures do nothing unless awaited"]
struct Opening<F, G, M> {
    connect: F,
    gave_up: G,
    make: M,
    limit: Result<usize, ZeroLimit>,
    timeout: Option<Timeout<Pending<()>>>,
}

impl<F: Unpin, G, M> Unpin for Opening<F, G, M> {}

impl<F, G, M, S, P> Future for Opening<F, G, M>
where
    F: Future<Output = io::Result<S>> + Unpin,
    G: FnMut(&mut F, Elapsed) -> io::Error,
    M: FnMut(S, usize) -> Result<P, ZeroLimit>,
{
    type Output = io::Result<P>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let limit = this.limit?;
        if let Poll::Ready(connected) = Pin::new(&mut this.connect).poll(cx) {
            return Poll::Ready((this.make)(connected?, limit).map_err(io::Error::from));
        }
        let Some(timeout) = &mut this.timeout else { return Poll::Pending };
        match ready!(Pin::new(timeout).poll(cx)) {
            Ok(()) => Poll::Pending,
            Err(elapsed) => Poll::Ready(Err((this.gave_up)(&mut this.connect, elapsed))),
        }
    }
}
