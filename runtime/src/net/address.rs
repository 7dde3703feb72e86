//! What can be said in place of a socket address, with or without a name to be resolved, and how addresses are shown.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;

use socket2::SockAddr;

use crate::telemetry::view::Address;

/// An address and port that needs no name resolution; [`ToSocketAddrs`] also takes names.
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

/// Addresses to try one after the other, or the name of a host and a port.
///
/// | what | example |
/// |---|---|
/// | an address and port | `SocketAddr`, `(IpAddr, u16)`, `"127.0.0.1:80"`, `"[::1]:80"` |
/// | several | `&[SocketAddr]`, `Vec<SocketAddr>` |
/// | a name and port | `"example.org:80"`, `("example.org", 80)` |
///
/// What is an address already is never looked up.
pub trait ToSocketAddrs {
    /// What was said.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a text that can be neither an address nor a name with a port.
    fn to_socket_addrs(&self) -> io::Result<Lookup>;
}

/// What [`ToSocketAddrs`] gives: addresses, or a name that stands for some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup(pub(super) Target);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Known(Vec<SocketAddr>),
    Named(String, u16),
}

/// The longest name there can be.
const NAME_BYTES_MAX: usize = 253;

impl Lookup {
    /// Addresses in the order in which they are to be tried.
    pub fn known(addresses: impl Into<Vec<SocketAddr>>) -> Self {
        Self(Target::Known(addresses.into()))
    }

    /// A port of a host, which may also be said by its address.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a text that cannot be the name of a host.
    pub fn host(host: &str, port: u16) -> io::Result<Self> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if let Ok(ip) = bare.unwrap_or(host).parse::<IpAddr>() {
            return Ok(Self::known([SocketAddr::new(ip, port)]));
        }
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/@:[]".contains(c);
        if host.is_empty() || host.len() > NAME_BYTES_MAX || host.contains(is_odd) {
            return Err(invalid(format!("{host:?} is not the name of a host")));
        }
        Ok(Self(Target::Named(host.to_owned(), port)))
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl ToSocketAddrs for SocketAddr {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        Ok(Lookup::known([*self]))
    }
}

impl ToSocketAddrs for (IpAddr, u16) {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        Ok(Lookup::known([(*self).into()]))
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        Ok(Lookup::known([(*self).into()]))
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        Ok(Lookup::known([(*self).into()]))
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        Lookup::host(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        Lookup::host(&self.0, self.1)
    }
}

impl ToSocketAddrs for str {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return Ok(Lookup::known([address]));
        }
        let parts = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        // Without brackets nobody can tell where an IPv6 address ends.
        let is_clear = |host: &str| host.starts_with('[') || !host.contains(':');
        let Some((host, port)) = parts.filter(|(host, _)| is_clear(host)) else {
            let example = "such as 127.0.0.1:8080, [::1]:8080 or example.org:8080";
            return Err(invalid(format!("{self:?} is not an address or name and a port, {example}")));
        };
        Lookup::host(host, port)
    }
}

impl ToSocketAddrs for String {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        self.as_str().to_socket_addrs()
    }
}

impl ToSocketAddrs for [SocketAddr] {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        Ok(Lookup::known(self))
    }
}

impl ToSocketAddrs for Vec<SocketAddr> {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        self.as_slice().to_socket_addrs()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addrs(&self) -> io::Result<Lookup> {
        (**self).to_socket_addrs()
    }
}

/// An internet address as the records have it.
pub(super) fn inet(address: io::Result<SocketAddr>) -> Option<Address> {
    address.ok().map(Address::Inet)
}

/// A Unix address as the records have it; nothing for an unnamed one.
pub(super) fn unix(address: io::Result<UnixAddr>) -> Option<Address> {
    shown_unix(&address.ok()?).map(Address::Unix)
}

/// A Unix address as it is shown: a path, or an abstract name behind an `@`; nothing for an unnamed one.
pub(crate) fn shown_unix(address: &UnixAddr) -> Option<String> {
    let path = address.as_pathname().map(|path| path.to_string_lossy().into_owned());
    #[cfg(target_os = "linux")]
    let path = path.or_else(|| {
        use std::os::linux::net::SocketAddrExt;
        address.as_abstract_name().map(|name| format!("@{}", String::from_utf8_lossy(name)))
    });
    path
}

/// The address of a path, or of an abstract name, which begins with a zero byte.
///
/// # Errors
///
/// `InvalidInput` for a path that is too long, empty or has a zero byte: the OS would take the part before that, or any name.
pub(crate) fn of_path(path: &Path) -> io::Result<SockAddr> {
    let refused = |why: &'static str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    match path.as_os_str().as_bytes() {
        [] => refused("the path is empty"),
        [first, rest @ ..] if *first != 0 && rest.contains(&0) => refused("the path contains a zero byte"),
        _ => SockAddr::unix(path),
    }
}

/// A path as errors show it: an abstract name behind an `@`.
pub(crate) fn shown_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.is_empty() {
        return "\"\"".to_owned();
    }
    let text = text.strip_prefix('\0').map_or_else(|| text.to_string(), |name| format!("@{name}"));
    text.replace('\0', "\\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(what: impl ToSocketAddrs) -> String {
        match what.to_socket_addrs() {
            Ok(Lookup(Target::Known(addresses))) => format!("{addresses:?}"),
            Ok(Lookup(Target::Named(name, port))) => format!("{name} port {port}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_an_address_is_no_name() {
        assert_eq!(said("127.0.0.1:80"), "[127.0.0.1:80]");
        assert_eq!(said("[::1]:80"), "[[::1]:80]");
        assert_eq!(said(("::1", 80)), "[[::1]:80]");
        assert_eq!(said(("[::1]", 80)), "[[::1]:80]");
        assert_eq!(said((String::from("10.0.0.1"), 1)), "[10.0.0.1:1]");
        assert_eq!(said([SocketAddr::from(([1, 2, 3, 4], 5))].as_slice()), "[1.2.3.4:5]");
        assert_eq!(said(Vec::new()), "[]");
    }

    #[test]
    fn a_name_needs_a_port() {
        assert_eq!(said("example.org:80"), "example.org port 80");
        assert_eq!(said(String::from("_dns.local:0")), "_dns.local port 0");
        for text in ["example.org", "example.org:", "example.org:http", "example.org:65536", "::1:80", ""] {
            let message = format!(
                "{text:?} is not an address or name and a port, such as 127.0.0.1:8080, [::1]:8080 or example.org:8080"
            );
            assert_eq!(said(text), message);
        }
    }

    #[test]
    fn a_text_that_cannot_be_a_name_is_refused() {
        let long = "a".repeat(254);
        for name in ["", "a b", "a\0b", "http://example.org", "::1:2:", "user@host", &long] {
            assert_eq!(said((name, 80)), format!("{name:?} is not the name of a host"));
        }
    }
}
