//! TCP, UDP and Unix sockets.
//!
//! Every operation tries the system call first and waits only if it would block. Streams implement futures-io's `AsyncRead`
//! and `AsyncWrite`, for the stream and for a shared reference to it, and have methods of their own for `&self`.

mod address;
mod connect;
mod datagram;
mod resolve;
mod split;
mod stream;
mod tcp;
mod udp;
mod unix;
mod unix_connect;
mod unix_datagram;

pub(crate) use connect::Connect;
pub(crate) use unix_connect::UnixConnect;

pub use address::{Lookup, ToSocketAddr, ToSocketAddrs};
pub(crate) use address::{of_path, shown_path, shown_unix};
pub use connect::ConnectError;
pub(crate) use resolve::Resolve;
pub use resolve::lookup_host;
pub use split::{ReadHalf, WriteHalf};
pub use tcp::{Incoming, TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{PeerCredentials, UnixListener, UnixStream};
pub use unix_connect::UnixConnectError;
pub use unix_datagram::UnixDatagram;
