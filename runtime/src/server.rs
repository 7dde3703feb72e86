//! Servers: sockets that listen, and a task for each connection.
//!
//! ```text
//!   main ── start_server ──► server's task: accepts ──spawns──► client, client, client …: a group
//!     │                          ▲                                  │ fails: reported, the others go on
//!     └── Server: close, close_clients, abort_clients, shutdown ────┘
//! ```
//!
//! The tasks of connections are children of the server's task, which is a child of the one that started the server. All have the
//! place where that was done.
//!
//! | | connections that are | connections to come |
//! |---|---|---|
//! | [`close`](Server::close) | go on | refused |
//! | [`close_clients`](Server::close_clients) | read to their end, and are asked to come to theirs | go on being taken, unless it is closed too |
//! | [`abort_clients`](Server::abort_clients) | are dropped and reset | go on being taken, unless it is closed too |
//! | [`shutdown`](Server::shutdown) | all of this in turn, by a deadline | refused |
//! | dropping the [`Server`] | are dropped and reset | refused |

mod accept;
mod bind;
mod builder;
mod core;
mod ends;
mod error;
mod listener;
mod shutdown;
mod socket_file;
mod streams;

pub use builder::Builder;
pub use ends::{ServeForever, WaitClosed};
pub use error::{ConnectionError, ListenError, ServeError};
pub use listener::{Listener, Peer};
pub use shutdown::{Aborted, Shutdown, ShutdownReport};
pub use streams::{start_server, start_unix_server};

use std::fmt;
use std::future::Future;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use self::core::{Core, State};
use crate::group::Outcome;
use crate::net::TcpListener;

/// A server with a listener made elsewhere, whose handler gets each connection as it was accepted, with its peer's address. See
/// [`Builder::serve`].
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// use loopscope::net::{UnixListener, UnixStream};
/// use loopscope::server::serve;
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("loopscope-serve-{}", std::process::id()));
/// loopscope::run(async {
///     let server = serve(UnixListener::bind(&path)?, async |stream, _peer| stream.write_all(b"hello").await);
///     # std::fs::remove_file(&path)?;
///     server.shutdown(std::time::Duration::from_secs(1)).await;
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn serve<L, H, F>(listener: L, handler: H) -> Server<L>
where
    L: Listener,
    H: Fn(L::Stream, L::Addr) -> F + 'static,
    F: Future<Output: Outcome> + 'static,
{
    Builder::new().serve([listener], handler)
}

/// A server that was started: it accepts connections and runs a task for each of them, until it is told otherwise.
///
/// A handler that returns an `Err`, or panics, ends its own connection and no other; what happened is told to the
/// [builder](Builder::on_error)'s hook or the loop's [`on_unhandled`](crate::runner::Builder::on_unhandled), with the server, the
/// peer and the task. A connection counts as one until its task is over.
///
/// Dropping the server aborts it: nobody listens any more at once, and the tasks of its connections are dropped at their next
/// turns. [`detach`](Self::detach) lets it run on for as long as its loop does.
#[doc(alias = "asyncio.Server")]
#[doc(alias = "asyncio.base_events.Server")]
#[must_use = "a server that is dropped is aborted"]
pub struct Server<L: Listener = TcpListener> {
    core: Rc<Core<L>>,
    /// What dropping the handle does to it.
    aborts: bool,
}

impl<L: Listener> Server<L> {
    fn new(core: Rc<Core<L>>) -> Self {
        Self { core, aborts: true }
    }

    /// Its name, under which its task is shown.
    pub fn name(&self) -> &str {
        &self.core.settings.name
    }

    /// The addresses of its sockets, with the ports that the OS chose; none once it is closed. A socket whose address the OS does
    /// not know is left out.
    pub fn local_addrs(&self) -> Vec<L::Addr> {
        self.core.addresses().into_iter().flatten().collect()
    }

    /// The numbers of its sockets' descriptors, which are open until it is closed.
    #[doc(alias = "asyncio.Server.sockets")]
    pub fn sockets(&self) -> Vec<RawFd> {
        self.core.each_socket(|socket| socket.as_raw_fd())
    }

    /// Whether it accepts connections.
    #[doc(alias = "asyncio.Server.is_serving")]
    pub fn is_serving(&self) -> bool {
        self.core.state() == State::Serving
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.core.len()
    }

    /// Begins to accept connections, if it was built with `start_serving(false)`; twice is once.
    ///
    /// # Errors
    ///
    /// When it is closed; and when nobody can listen at one of its addresses, which closes it.
    ///
    /// # Panics
    ///
    /// Outside of its loop.
    #[doc(alias = "asyncio.Server.start_serving")]
    pub fn start_serving(&self) -> Result<(), ServeError> {
        self.core.start_serving()
    }

    /// Accepts connections until the server is closed from elsewhere and its last connection is over.
    ///
    /// # Errors
    ///
    /// As [`start_serving`](Self::start_serving), and when somebody else awaits this already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the server, as cancelling does in asyncio. Connections go on: await
    /// [`wait_closed`](Self::wait_closed) or [`shutdown`](Self::shutdown) for their end.
    ///
    /// # Panics
    ///
    /// The future panics outside of the server's loop.
    #[doc(alias = "asyncio.Server.serve_forever")]
    #[track_caller]
    pub fn serve_forever(&self) -> ServeForever<'_, L> {
        ServeForever::new(&self.core, Location::caller())
    }

    /// Takes no more connections: its sockets are closed at once. Those that are go on. Twice is once.
    ///
    /// The file of a Unix socket is removed, unless it is another one by now.
    #[doc(alias = "asyncio.Server.close")]
    pub fn close(&self) {
        self.core.close();
    }

    /// Lets all connections come to their end: their readers get what has arrived and then an end, as if the peer had said all,
    /// so that a handler that reads until then finishes and what it still writes goes out. A handler that waits for something
    /// else hears of it through its task's [token](crate::task::token).
    #[doc(alias = "asyncio.Server.close_clients")]
    pub fn close_clients(&self) {
        self.core.close_clients();
    }

    /// Breaks all connections off: TCP peers see a reset, and the tasks are dropped at their next turns.
    #[doc(alias = "asyncio.Server.abort_clients")]
    pub fn abort_clients(&self) {
        self.core.abort_clients();
    }

    /// Waits until the server is closed and its last connection is over, in either order, also if it is not closed yet.
    ///
    /// A handler that awaits it waits for itself.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    ///
    /// # Panics
    ///
    /// The future panics outside of the server's loop.
    #[doc(alias = "asyncio.Server.wait_closed")]
    #[track_caller]
    pub fn wait_closed(&self) -> WaitClosed<'_, L> {
        WaitClosed::new(&self.core, Location::caller())
    }

    /// Ends the server within `grace`: takes no more connections, waits, closes clients after half of the time (see
    /// [`Shutdown::close_after`]), aborts those that are left at its end, and says what became of all of them.
    ///
    /// It returns as soon as no connection is left. Without any grace all are aborted.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the server stays closed and the rest is not done: connections go on.
    ///
    /// # Panics
    ///
    /// The future panics outside of the server's loop.
    #[track_caller]
    pub fn shutdown(&self, grace: Duration) -> Shutdown<'_, L> {
        Shutdown::new(&self.core, grace, Location::caller())
    }

    /// Lets the server run for as long as its loop does.
    pub fn detach(mut self) {
        self.aborts = false;
        if let Some(task) = self.core.task() {
            task.leave_to_loop();
        }
    }
}

impl<L: Listener> Drop for Server<L> {
    fn drop(&mut self) {
        if self.aborts {
            self.core.warn_if_open();
            self.core.abort();
        }
    }
}

impl<L: Listener> fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
