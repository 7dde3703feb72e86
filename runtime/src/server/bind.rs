//! Sockets for the addresses of a server, bound but not listening yet.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use super::core::Bound;
use super::error::ListenError;
use super::socket_file::{SocketFile, make_room};
use crate::debug::log::log_here;
use crate::net::{of_path, shown_path};

/// How sockets are bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) reuse_address: bool,
    pub(super) reuse_port: bool,
    pub(super) unlink_on_close: bool,
}

/// A socket for each of the addresses, each of which is bound once.
///
/// An address of a kind that this machine does not have is left out, if there is another one: names resolve to IPv6 where
/// nothing speaks it.
///
/// # Errors
///
/// For the first address at which nobody can listen, or the last one if there is no other; the sockets bound before are closed.
pub(super) fn tcp(addresses: &[SocketAddr], options: Options) -> io::Result<Vec<Bound>> {
    let mut bound = Vec::new();
    let mut left_out = None;
    for (number, address) in addresses.iter().enumerate() {
        if addresses[..number].contains(address) {
            continue;
        }
        match tcp_socket(*address, options) {
            Ok(socket) => bound.push(Bound { socket, file: None }),
            Err(error) if is_missing_here(&error) => {
                log_here!(Warn, "cannot listen at {address}, which is left out: {error}");
                left_out = Some(ListenError::new(address.to_string(), error));
            }
            Err(error) => return Err(ListenError::new(address.to_string(), error).into()),
        }
    }
    match left_out {
        _ if !bound.is_empty() => Ok(bound),
        Some(error) => Err(error.into()),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address to listen at")),
    }
}

fn tcp_socket(address: SocketAddr, options: Options) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(options.reuse_address)?;
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // One socket a family, so that both can have the same port.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Whether the machine has no such address at all.
fn is_missing_here(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT))
}

/// A socket at a path, or at an abstract name that begins with a zero byte.
///
/// # Errors
///
/// `AddrInUse` when a process has a socket there, or there is a file that is no socket.
pub(super) fn unix(path: &Path, options: Options) -> io::Result<Bound> {
    let failed = |error| io::Error::from(ListenError::new(shown_path(path), error));
    let address = of_path(path).map_err(failed)?;
    make_room(&address).map_err(failed)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).map_err(failed)?;
    socket.bind(&address).map_err(failed)?;
    let file = if options.unlink_on_close { SocketFile::of(&address) } else { None };
    Ok(Bound { socket, file })
}
