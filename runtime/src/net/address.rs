//! What can be said in place of a socket address, and how addresses are shown.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::SocketAddr as UnixAddr;

use crate::telemetry::view::Address;

/// An address and port that needs no name resolution.
pub trait ToSocketAddr {
    /// The address.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a text that is not `address:port`.
    fn to_socket_addr(&self) -> io::Result<SocketAddr>;
}

impl ToSocketAddr for SocketAddr {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        Ok(*self)
    }
}

impl ToSocketAddr for (IpAddr, u16) {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        Ok((*self).into())
    }
}

impl ToSocketAddr for (Ipv4Addr, u16) {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        Ok((*self).into())
    }
}

impl ToSocketAddr for (Ipv6Addr, u16) {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        Ok((*self).into())
    }
}

impl ToSocketAddr for str {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        self.parse().map_err(|_| {
            let text =
                format!("{self:?} is not an IP address and port, such as 127.0.0.1:8080 or [::1]:8080");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })
    }
}

impl ToSocketAddr for String {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        self.as_str().to_socket_addr()
    }
}

impl<T: ToSocketAddr + ?Sized> ToSocketAddr for &T {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        (**self).to_socket_addr()
    }
}

/// An internet address as the records have it.
pub(super) fn inet(address: io::Result<SocketAddr>) -> Option<Address> {
    address.ok().map(Address::Inet)
}

/// A Unix address as the records have it; nothing for an unnamed one.
pub(super) fn unix(address: io::Result<UnixAddr>) -> Option<Address> {
    let address = address.ok()?;
    let path = address.as_pathname().map(|path| path.to_string_lossy().into_owned());
    #[cfg(target_os = "linux")]
    let path = path.or_else(|| {
        use std::os::linux::net::SocketAddrExt;
        address.as_abstract_name().map(|name| format!("@{}", String::from_utf8_lossy(name)))
    });
    path.map(Address::Unix)
}
