//! Servers whose handlers get a reader and a writer.

use std::future::Future;
use std::io;
use std::path::Path;

use super::Server;
use super::builder::Builder;
use super::listener::peer_of;
use crate::group::Outcome;
use crate::net::{ReadHalf, TcpListener, TcpStream, ToSocketAddrs, UnixListener, UnixStream, WriteHalf};
use crate::stream::{StreamReader, StreamWriter, ZeroLimit};

/// Starts a TCP server at all of `addresses`, whose handler gets a reader and a writer of each connection.
///
/// It listens when the future is done; [`Builder`] has the options. The connection is closed when both halves are dropped. What was
/// written is sent by then if [`close`](StreamWriter::close) was awaited; a handler that returns early loses what does not fit
/// the OS's buffer, which is reported.
///
/// # Errors
///
/// The future fails with a [`ListenError`](super::ListenError) inside of what the OS says, `AddrInUse` for example, and with what
/// the resolver says.
///
/// # Cancel safety
///
/// When the future is dropped, nobody listens.
///
/// # Panics
///
/// When it is polled outside of a loop.
///
/// # Examples
///
/// ```
/// use loopscope::server::start_server;
/// use loopscope::stream::open_connection;
///
/// # fn main() -> std::io::Result<()> {
/// loopscope::run(async {
///     let server = start_server("localhost:0", async |mut reader, mut writer| -> std::io::Result<()> {
///         let line = reader.read_line().await?;
///         writer.write_all(&line).await?;
///         writer.close().await?;
///         Ok(())
///     })
///     .await?;
///     let (mut reader, mut writer) = open_connection(server.local_addrs()[0]).await?;
///     writer.write_all(b"hello\n").await?;
///     assert_eq!(reader.read_to_end().await?, b"hello\n");
///     server.shutdown(std::time::Duration::from_secs(1)).await;
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "asyncio.start_server")]
#[track_caller]
pub fn start_server<A, H, F>(
    addresses: A,
    handler: H,
) -> impl Future<Output = io::Result<Server<TcpListener>>> + use<A, H, F>
where
    A: ToSocketAddrs,
    H: Fn(StreamReader<ReadHalf<TcpStream>>, StreamWriter<WriteHalf<TcpStream>>) -> F + 'static,
    F: Future<Output: Outcome> + 'static,
{
    Builder::new().start_server(addresses, handler)
}

/// Starts a server at a Unix socket, whose handler gets a reader and a writer of each connection. A path that begins with a zero
/// byte is an abstract name.
///
/// A socket file that no process has any more is replaced, and the server's own is removed when it is closed; [`Builder`] has the
/// options.
///
/// # Errors
///
/// The future fails with a [`ListenError`](super::ListenError) inside of what the OS says; `AddrInUse` when a process has a
/// socket there, or there is a file that is no socket.
///
/// # Cancel safety
///
/// It does not wait. When the future is dropped before, nobody listens.
///
/// # Panics
///
/// When it is polled outside of a loop.
#[doc(alias = "asyncio.start_unix_server")]
#[track_caller]
pub fn start_unix_server<P, H, F>(
    path: P,
    handler: H,
) -> impl Future<Output = io::Result<Server<UnixListener>>> + use<P, H, F>
where
    P: AsRef<Path>,
    H: Fn(StreamReader<ReadHalf<UnixStream>>, StreamWriter<WriteHalf<UnixStream>>) -> F + 'static,
    F: Future<Output: Outcome> + 'static,
{
    Builder::new().start_unix_server(path, handler)
}

impl Builder {
    /// See [`start_server`].
    ///
    /// # Errors
    ///
    /// As there, and `InvalidInput` for readers with a limit of 0.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nobody listens.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a loop.
    #[doc(alias = "asyncio.start_server")]
    #[track_caller]
    pub fn start_server<A, H, F>(
        self,
        addresses: A,
        handler: H,
    ) -> impl Future<Output = io::Result<Server<TcpListener>>> + use<A, H, F>
    where
        A: ToSocketAddrs,
        H: Fn(StreamReader<ReadHalf<TcpStream>>, StreamWriter<WriteHalf<TcpStream>>) -> F + 'static,
        F: Future<Output: Outcome> + 'static,
    {
        let limit = self.limit;
        self.serve_tcp(addresses, move |stream: TcpStream, peer| {
            let (read, write) = stream.into_split();
            handler(reader(read, limit).of_peer(Some(peer)), StreamWriter::new(write).of_peer(Some(peer)))
        })
    }

    /// See [`start_unix_server`].
    ///
    /// # Errors
    ///
    /// As there, and `InvalidInput` for readers with a limit of 0.
    ///
    /// # Cancel safety
    ///
    /// It does not wait. When the future is dropped before, nobody listens.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a loop.
    #[doc(alias = "asyncio.start_unix_server")]
    #[track_caller]
    pub fn start_unix_server<P, H, F>(
        self,
        path: P,
        handler: H,
    ) -> impl Future<Output = io::Result<Server<UnixListener>>> + use<P, H, F>
    where
        P: AsRef<Path>,
        H: Fn(StreamReader<ReadHalf<UnixStream>>, StreamWriter<WriteHalf<UnixStream>>) -> F + 'static,
        F: Future<Output: Outcome> + 'static,
    {
        let limit = self.limit;
        self.serve_unix(path, move |stream: UnixStream, _| {
            let peer = peer_of(&stream).to_string();
            let (read, write) = stream.into_split();
            handler(reader(read, limit).named(&peer), StreamWriter::new(write).named(&peer))
        })
    }
}

fn reader<R>(io: R, limit: usize) -> StreamReader<R> {
    StreamReader::with_limit(io, limit)
        .unwrap_or_else(|ZeroLimit| unreachable!("the server was started with a limit"))
}
