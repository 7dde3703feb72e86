//! Making a TCP connection: the name is resolved, then one address after the other is tried.
//!
//! ```text
//!   resolving ──► trying the first address ──refused──► trying the next … ──► connected
//!                                                          └─ none is left ──► ConnectError
//! ```

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::address::{Lookup, Target};
use super::resolve::Resolve;
use super::tcp::TcpStream;
use crate::debug::log::log_here;
use crate::event_loop::wait::Wait;
use crate::time::Elapsed;

/// Why a connection could not be made: every address that was tried, with its reason. It lies inside of the [`io::Error`] that
/// `connect` gives, whose kind is that of the last attempt.
///
/// # Examples
///
/// ```
/// use loopscope::net::{ConnectError, TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// loopscope::run(async {
///     let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
///     let error = TcpStream::connect(nobody).await.unwrap_err();
///     let why: &ConnectError = error.get_ref().and_then(|why| why.downcast_ref()).unwrap();
///     assert_eq!(why.attempts().next().unwrap().0, nobody);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct ConnectError {
    name: Option<String>,
    attempts: Vec<(SocketAddr, io::Error)>,
}

impl ConnectError {
    /// What was tried, in order, and what the OS said.
    pub fn attempts(&self) -> impl Iterator<Item = (SocketAddr, &io::Error)> {
        self.attempts.iter().map(|(address, error)| (*address, error))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &*self.attempts) {
            (None, [(address, error)]) => return write!(f, "cannot connect to {address}: {error}"),
            (None, attempts) => write!(f, "cannot connect to any of {} addresses: ", attempts.len())?,
            (Some(name), _) => write!(f, "cannot connect to {name}: ")?,
        }
        for (number, (address, error)) in self.attempts.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{address}: {error}")?;
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.attempts.last().map(|(_, error)| error as _)
    }
}

/// The future of [`TcpStream::connect`].
#[derive(Debug)]
pub(crate) struct Connect {
    resolve: Option<Resolve>,
    name: Option<String>,
    /// Those that were not tried yet, the next one last.
    addresses: Vec<SocketAddr>,
    attempts: Vec<(SocketAddr, io::Error)>,
    under_way: Option<Attempt>,
    /// What our end is bound to.
    local: Option<SocketAddr>,
    made_at: &'static Location<'static>,
}

/// Who is connected to, in a log: by name and address if both are known.
struct Peer<'a>(Option<&'a str>, SocketAddr);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "{name} ({})", self.1),
            None => self.1.fmt(f),
        }
    }
}

/// Our end in a log.
struct Local(io::Result<SocketAddr>);

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(address) => address.fmt(f),
            Err(error) => write!(f, "an address unknown: {error}"),
        }
    }
}

/// A socket that is being connected.
#[derive(Debug)]
struct Attempt {
    address: SocketAddr,
    stream: TcpStream,
    wait: Wait,
}

impl Connect {
    pub(crate) fn new(lookup: io::Result<Lookup>, made_at: &'static Location<'static>) -> Self {
        let name = match &lookup {
            Ok(Lookup(Target::Named(host, port))) => Some(format!("{host}:{port}")),
            _ => None,
        };
        let resolve = Some(Resolve::new(lookup, made_at));
        Self {
            resolve,
            name,
            addresses: Vec::new(),
            attempts: Vec::new(),
            under_way: None,
            local: None,
            made_at,
        }
    }

    /// Binds our end before each attempt.
    pub(crate) fn from(mut self, local: SocketAddr) -> Self {
        self.local = Some(local);
        self
    }

    /// Who waited for it gives up: what was tried, and that the time is up for what was under way.
    pub(crate) fn gave_up(&mut self, why: Elapsed) -> io::Error {
        if let Some(mut attempt) = self.under_way.take() {
            attempt.stream.stop_connecting(&mut attempt.wait);
            self.attempts.push((attempt.address, why.into()));
            return self.failed();
        }
        let name = self.name.take().unwrap_or_default();
        io::Error::new(io::ErrorKind::TimedOut, format!("cannot resolve {name}: {why}"))
    }

    fn failed(&mut self) -> io::Error {
        let error = ConnectError { name: self.name.take(), attempts: std::mem::take(&mut self.attempts) };
        match error.attempts.last().map(|(_, error)| error.kind()) {
            Some(kind) => io::Error::new(kind, error),
            None => io::Error::new(io::ErrorKind::InvalidInput, "there is no address to connect to"),
        }
    }
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        if let Some(resolve) = &mut this.resolve {
            let addresses = ready!(Pin::new(resolve).poll(cx));
            this.resolve = None;
            this.addresses = addresses?;
            this.addresses.reverse();
        }
        loop {
            if let Some(attempt) = &mut this.under_way {
                let outcome = ready!(attempt.stream.poll_connected(cx, &mut attempt.wait, at));
                // The wait is over, and so has left the stream's queue.
                match (outcome, this.under_way.take()) {
                    (Ok(()), Some(attempt)) => {
                        log_here!(
                            Debug,
                            "connected to {} from {}",
                            Peer(this.name.as_deref(), attempt.address),
                            Local(attempt.stream.local_addr())
                        );
                        return Poll::Ready(Ok(attempt.stream));
                    }
                    (Err(error), Some(attempt)) => {
                        log_here!(Debug, "connecting to {} failed: {error}", attempt.address);
                        this.attempts.push((attempt.address, error));
                    }
                    (_, None) => {}
                }
            }
            let Some(address) = this.addresses.pop() else { return Poll::Ready(Err(this.failed())) };
            match TcpStream::start_connecting(address, this.local, this.made_at) {
                Ok(stream) => this.under_way = Some(Attempt { address, stream, wait: Wait::new() }),
                Err(error) => {
                    log_here!(Debug, "connecting to {address} failed: {error}");
                    this.attempts.push((address, error));
                }
            }
        }
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        if let Some(attempt) = &mut self.under_way {
            attempt.stream.stop_connecting(&mut attempt.wait);
        }
    }
}
