//! What a server is started with.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Server;
use super::accept::Serve;
use super::bind::{self, Options};
use super::core::{Bound, Core, Listening, OnError, Settings};
use super::error::ConnectionError;
use super::listener::Listener;
use crate::group::{GroupCore, Keeper, Outcome};
use crate::net::{Lookup, Resolve, TcpListener, TcpStream, ToSocketAddrs, UnixListener, UnixStream};
use crate::stream::{LIMIT_DEFAULT, ZeroLimit};
use crate::task;

/// Connections that wait to be accepted before the OS turns further ones away, as in asyncio.
const BACKLOG: u32 = 100;

/// What a server is started with.
///
/// # Examples
///
/// ```
/// use loopscope::net::TcpStream;
/// use loopscope::server::Builder;
///
/// # fn main() -> std::io::Result<()> {
/// loopscope::run(async {
///     let server = Builder::new()
///         .name("greeter")
///         .max_connections(1000)
///         .on_error(|error| eprintln!("{error}"))
///         .serve_tcp("127.0.0.1:0", async |stream, peer| {
///             stream.write_all(format!("hello, {peer}\n").as_bytes()).await
///         })
///         .await?;
///     let client = TcpStream::connect(server.local_addrs()[0]).await?;
///     let mut bytes = [0; 6];
///     client.read_exact(&mut bytes).await?;
///     assert_eq!(&bytes, b"hello,");
///     server.close();
///     server.wait_closed().await;
///     Ok(())
/// })
/// # }
/// ```
#[must_use = "a builder starts nothing by itself"]
pub struct Builder {
    name: Option<String>,
    backlog: u32,
    connections_max: Option<usize>,
    pub(super) limit: usize,
    start_serving: bool,
    options: Options,
    on_error: Option<OnError>,
    also_at: Vec<io::Result<Lookup>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// What asyncio's servers are started with: a backlog of 100, `SO_REUSEADDR`, any number of connections.
    pub fn new() -> Self {
        Self {
            name: None,
            backlog: BACKLOG,
            connections_max: None,
            limit: LIMIT_DEFAULT,
            start_serving: true,
            options: Options { reuse_address: true, reuse_port: false, unlink_on_close: true },
            on_error: None,
            also_at: Vec::new(),
        }
    }

    /// What the server is called wherever it is shown: its task has this name, and those of its connections this name and
    /// "client". Else it is called after its first address.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// How many connections may wait to be accepted before the OS turns further ones away; it may know a limit of its own.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// The [limit](crate::stream::StreamReader::limit) of the readers that handlers get, which is 64 KiB otherwise.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// How many connections there may be at once. Further ones wait until one ends, at first in the backlog.
    ///
    /// # Panics
    ///
    /// With 0.
    #[track_caller]
    pub fn max_connections(mut self, connections_max: usize) -> Self {
        assert!(connections_max > 0, "a server needs room for a connection");
        self.connections_max = Some(connections_max);
        self
    }

    /// Whether an address may be had that connections of an earlier server have not let go of yet (`SO_REUSEADDR`), which is
    /// so unless it is switched off.
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.options.reuse_address = reuse;
        self
    }

    /// Whether several servers may have one address, among which the OS shares the connections out (`SO_REUSEPORT`).
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.options.reuse_port = reuse;
        self
    }

    /// With `false` the server only takes its addresses, until [`start_serving`](Server::start_serving) or
    /// [`serve_forever`](Server::serve_forever): before that, connections are refused.
    pub fn start_serving(mut self, start: bool) -> Self {
        self.start_serving = start;
        self
    }

    /// Whether the file of a Unix socket is removed when the server is closed, which is so unless it is switched off. A file that
    /// is another one by then always stays.
    pub fn unlink_on_close(mut self, unlink: bool) -> Self {
        self.options.unlink_on_close = unlink;
        self
    }

    /// Hears of connections whose handler fails, instead of the loop's
    /// [`on_unhandled`](crate::runner::Builder::on_unhandled). If it panics, that one hears of the connection after all.
    pub fn on_error(mut self, hook: impl Fn(&ConnectionError) + 'static) -> Self {
        self.on_error = Some(Rc::new(hook));
        self
    }

    /// Further addresses, for a TCP server; each may be a name that stands for several.
    pub fn also_at(mut self, addresses: impl ToSocketAddrs) -> Self {
        self.also_at.push(addresses.to_socket_addrs());
        self
    }

    /// Starts a TCP server whose handler gets each connection as it was accepted, with the peer's address.
    ///
    /// It listens at all addresses: a name that resolves to IPv4 and IPv6 gives two sockets. With port 0 each socket has a port of
    /// its own.
    ///
    /// # Errors
    ///
    /// The future fails with a [`ListenError`](super::ListenError) inside of what the OS says, `AddrInUse` for example, and with
    /// what the resolver says.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nobody listens.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a loop.
    #[track_caller]
    pub fn serve_tcp<A, H, F>(
        mut self,
        addresses: A,
        handler: H,
    ) -> impl Future<Output = io::Result<Server<TcpListener>>> + use<A, H, F>
    where
        A: ToSocketAddrs,
        H: Fn(TcpStream, SocketAddr) -> F + 'static,
        F: Future<Output: Outcome> + 'static,
    {
        let place = Location::caller();
        let mut lookups = vec![Resolve::new(addresses.to_socket_addrs(), place)];
        lookups.extend(self.also_at.drain(..).map(|lookup| Resolve::new(lookup, place)));
        let start = move |addresses: Vec<SocketAddr>| {
            let bound = bind::tcp(&addresses, self.checked()?.options)?;
            self.start(bound, handler, place)
        };
        Starting { lookups, addresses: Vec::new(), start: Some(start) }
    }

    /// Starts a server at a Unix socket, whose handler gets each connection as it was accepted, with the peer's address, which is
    /// mostly unnamed. A path that begins with a zero byte is an abstract name.
    ///
    /// A socket file that no process has any more is replaced.
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
    #[track_caller]
    pub fn serve_unix<P, H, F>(
        self,
        path: P,
        handler: H,
    ) -> impl Future<Output = io::Result<Server<UnixListener>>> + use<P, H, F>
    where
        P: AsRef<Path>,
        H: Fn(UnixStream, std::os::unix::net::SocketAddr) -> F + 'static,
        F: Future<Output: Outcome> + 'static,
    {
        let place = Location::caller();
        let path = path.as_ref().to_owned();
        let start = move |_| {
            let bound = bind::unix(&path, self.checked()?.options)?;
            self.start(vec![bound], handler, place)
        };
        Starting { lookups: Vec::new(), addresses: Vec::new(), start: Some(start) }
    }

    /// Starts a server with listeners made elsewhere, which listen already. The options of sockets, the backlog and further
    /// addresses mean nothing here, and the file of a Unix socket stays.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn serve<L, H, F>(self, listeners: impl IntoIterator<Item = L>, handler: H) -> Server<L>
    where
        L: Listener,
        H: Fn(L::Stream, L::Addr) -> F + 'static,
        F: Future<Output: Outcome> + 'static,
    {
        let listeners = listeners.into_iter();
        let listening: Vec<_> = listeners.map(|listener| Listening::new(listener, None)).collect();
        let start = self.start_serving;
        let settings = self.settings::<L>(&[], &listening, Location::caller());
        let core = Rc::new(Core::new(settings, Vec::new(), listening));
        if start {
            core.begin_serving();
        }
        launch(core, handler)
    }

    /// What can be wrong with it is found before anything is bound.
    fn checked(&self) -> Result<&Self, ZeroLimit> {
        if self.limit == 0 { Err(ZeroLimit) } else { Ok(self) }
    }

    /// Starts a server with sockets that are bound.
    fn start<L, H, F>(
        self,
        bound: Vec<Bound>,
        handler: H,
        place: &'static Location<'static>,
    ) -> io::Result<Server<L>>
    where
        L: Listener,
        H: Fn(L::Stream, L::Addr) -> F + 'static,
        F: Future<Output: Outcome> + 'static,
    {
        let start = self.start_serving;
        let core = Rc::new(Core::new(self.settings::<L>(&bound, &[], place), bound, Vec::new()));
        if start {
            core.start_serving()?;
        }
        Ok(launch(core, handler))
    }

    fn settings<L: Listener>(
        self,
        bound: &[Bound],
        listening: &[Listening<L>],
        place: &'static Location<'static>,
    ) -> Settings {
        let name = self.name.unwrap_or_else(|| {
            let mut addresses = bound.iter().map(|bound| L::address_of(&bound.socket));
            let mut others = listening.iter().map(|listening| listening.listener.address());
            match addresses.next().or_else(|| others.next()) {
                Some(Ok(first)) => format!("server {}", L::shown(&first)),
                _ => "server".to_owned(),
            }
        });
        Settings {
            name,
            backlog: i32::try_from(self.backlog).unwrap_or(i32::MAX),
            connections_max: self.connections_max,
            on_error: self.on_error,
            place,
        }
    }
}

/// Spawns the server's task.
fn launch<L, H, F>(core: Rc<Core<L>>, handler: H) -> Server<L>
where
    L: Listener,
    H: Fn(L::Stream, L::Addr) -> F + 'static,
    F: Future<Output: Outcome> + 'static,
{
    let Settings { name, place, .. } = &core.settings;
    let keeper: Rc<dyn Keeper> = Rc::<Core<L>>::clone(&core);
    let group = Rc::new(GroupCore::kept(&format!("{name} clients"), place, keeper));
    let serve = Serve::new(Rc::clone(&core), Rc::clone(&group), handler);
    let task = task::Builder::new().name(name).at(place).spawn(serve);
    group.give_to(task.id().as_u64());
    core.served_by(task.task_ref());
    task.detach();
    Server::new(core)
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("backlog", &self.backlog)
            .field("limit", &self.limit)
            .field("max_connections", &self.connections_max)
            .field("start_serving", &self.start_serving)
            .field("options", &self.options)
            .field("also_at", &self.also_at)
            .finish_non_exhaustive()
    }
}

/// Resolves addresses one after the other, then starts a server.
struct Starting<S> {
    /// Those that are not answered yet, the next one first.
    lookups: Vec<Resolve>,
    addresses: Vec<SocketAddr>,
    start: Option<S>,
}

impl<S> Unpin for Starting<S> {}

impl<T, S: FnOnce(Vec<SocketAddr>) -> io::Result<T>> Future for Starting<S> {
    type Output = io::Result<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some(lookup) = this.lookups.first_mut() {
            let addresses = ready!(Pin::new(lookup).poll(cx))?;
            this.lookups.remove(0);
            this.addresses.extend(addresses);
        }
        let Some(start) = this.start.take() else { panic!("a server was started twice") };
        Poll::Ready(start(std::mem::take(&mut this.addresses)))
    }
}
