//! What a server's handle, its task and its connections share.
//!
//! ```text
//!   BOUND ──start_serving──► SERVING ──close──► CLOSED ──last connection and the server's task gone──► over
//!     └───────────────────close──────────────────►┘
//! ```
//!
//! # Invariants
//!
//! Sockets that listen, or will, are here and nowhere else, so that closing closes them at once. A connection is in the list
//! from the moment it is spawned until its task is over, and is counted once, by how it ended. No code of others runs while
//! something here is borrowed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;

use rustix::net::Shutdown;
use socket2::Socket;

use super::error::{ConnectionError, ListenError, ServeError};
use super::listener::{Listener, Peer};
use super::socket_file::SocketFile;
use crate::debug::log::log;
use crate::event_loop::current;
use crate::event_loop::slot::{Closing, Loop};
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::group::{ChildError, Keeper};
use crate::io::source::SourceRef;
use crate::sync::line::Line;
use crate::task::TaskId;
use crate::task::cell::drop_quietly;
use crate::task::task_ref::TaskRef;
use crate::telemetry::atomic::Relaxed;
use crate::telemetry::view::ResourceKind;
use crate::time::Sleep;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has addresses but takes no connections yet.
    Bound,
    Serving,
    Closed,
}

/// A socket that does not listen yet.
pub(super) struct Bound {
    pub(super) socket: Socket,
    pub(super) file: Option<SocketFile>,
}

/// A socket that listens.
pub(super) struct Listening<L: Listener> {
    /// Dropped first: as long as the socket is open, its inode is nobody else's.
    _file: Option<SocketFile>,
    pub(super) listener: L,
    /// The server's task, waiting for a connection.
    pub(super) wait: Wait,
    /// Until when it rests, because nothing could be accepted.
    pub(super) pause: Option<Sleep>,
    /// That was reported, and those who waited then are not all accepted yet.
    pub(super) is_reported: bool,
}

impl<L: Listener> Listening<L> {
    pub(super) fn new(listener: L, file: Option<SocketFile>) -> Self {
        Self { _file: file, listener, wait: Wait::new(), pause: None, is_reported: false }
    }
}

impl<L: Listener> Drop for Listening<L> {
    fn drop(&mut self) {
        self.listener.stop_accepting(&mut self.wait);
    }
}

/// A connection, from outside.
#[derive(Debug)]
struct Connection {
    task: TaskRef,
    source: SourceRef,
    peer: Peer,
    /// Its peer was made to look as if it had said all.
    is_closing: bool,
    has_failed: bool,
}

/// How connections ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) ended: u64,
    pub(super) closed: u64,
    pub(super) aborted: u64,
    pub(super) failed: u64,
}

/// What an application is told of connections that fail.
pub(super) type OnError = Rc<dyn Fn(&ConnectionError)>;

/// What a server was built with.
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) backlog: i32,
    pub(super) connections_max: Option<usize>,
    pub(super) on_error: Option<OnError>,
    /// Where the server was started.
    pub(super) place: &'static Location<'static>,
}

/// One server.
pub(super) struct Core<L: Listener> {
    pub(super) settings: Settings,
    lp: &'static Loop,
    life: u64,
    state: Cell<State>,
    bound: RefCell<Vec<Bound>>,
    pub(super) listening: RefCell<Vec<Listening<L>>>,
    connections: RefCell<BTreeMap<TaskId, Connection>>,
    counts: Cell<Counts>,
    /// What the server's task waits for before it serves.
    pub(super) start: Line,
    /// What it waits for when there are as many connections as there may be.
    pub(super) places: Line,
    task: Cell<Option<TaskRef>>,
    /// The server's task is gone.
    is_task_over: Cell<bool>,
    /// Somebody awaits `serve_forever`.
    is_awaited: Cell<bool>,
    /// Who waits for the end.
    waiters: WaitQueue,
}

impl<L: Listener> Core<L> {
    #[track_caller]
    pub(super) fn new(settings: Settings, bound: Vec<Bound>, listening: Vec<Listening<L>>) -> Self {
        let lp = current::expect("starting a server");
        let owner = lp.running_id();
        let mut start = Line::new(ResourceKind::Event, settings.place, owner);
        start.set_name(&format!("{} serves", settings.name));
        let mut places = Line::new(ResourceKind::Semaphore, settings.place, owner);
        places.set_name(&format!("{} connections", settings.name));
        places.set_limit(settings.connections_max);
        Self {
            settings,
            lp,
            life: lp.life.load(Relaxed),
            state: Cell::new(State::Bound),
            bound: RefCell::new(bound),
            listening: RefCell::new(listening),
            connections: RefCell::default(),
            counts: Cell::default(),
            start,
            places,
            task: Cell::new(None),
            is_task_over: Cell::new(false),
            is_awaited: Cell::new(false),
            waiters: WaitQueue::new(),
        }
    }

    pub(super) fn state(&self) -> State {
        self.state.get()
    }

    /// Whether nothing of it is left.
    pub(super) fn is_over(&self) -> bool {
        let is_empty = self.connections.borrow().is_empty();
        !self.is_alive() || (self.state.get() == State::Closed && self.is_task_over.get() && is_empty)
    }

    /// Whether the loop it was made on still runs.
    fn is_alive(&self) -> bool {
        self.lp.life.load(Relaxed) == self.life
    }

    pub(super) fn lp(&self) -> &'static Loop {
        self.lp
    }

    /// The loop, which must be the current one.
    #[track_caller]
    pub(super) fn expect_loop(&self, what: &str) -> &'static Loop {
        let lp = current::expect(what);
        assert!(
            std::ptr::eq(lp, self.lp) && self.is_alive(),
            "{what} on another event loop than the one it was started on"
        );
        lp
    }

    /// Says which task serves.
    pub(super) fn served_by(&self, task: TaskRef) {
        self.task.set(Some(task));
    }

    pub(super) fn task(&self) -> Option<TaskRef> {
        self.task.get()
    }

    /// Gives the server's task a turn, to see what has changed.
    fn poke(&self) {
        if let Some(task) = self.task.get()
            && self.is_alive()
        {
            self.lp.wake_local(task.word);
        }
    }

    pub(super) fn start_serving(&self) -> Result<(), ServeError> {
        match self.state.get() {
            State::Serving => return Ok(()),
            State::Closed => return Err(ServeError::closed(&self.settings.name)),
            State::Bound => {}
        }
        self.expect_loop("starting to serve");
        while let Some(bound) = self.take_bound() {
            match self.listen(bound) {
                Ok(listening) => self.listening.borrow_mut().push(listening),
                Err(error) => {
                    // Half of its addresses would be worse than none.
                    self.close();
                    return Err(ServeError::listen(error));
                }
            }
        }
        self.begin_serving();
        Ok(())
    }

    /// All sockets listen.
    pub(super) fn begin_serving(&self) {
        self.state.set(State::Serving);
        log!(self.lp, Info, "server {:?} is serving at {}", self.settings.name, self.shown_addresses());
        self.poke();
    }

    /// The next socket that does not listen yet, first come first served.
    fn take_bound(&self) -> Option<Bound> {
        let mut bound = self.bound.borrow_mut();
        (!bound.is_empty()).then(|| bound.remove(0))
    }

    fn listen(&self, bound: Bound) -> Result<Listening<L>, ListenError> {
        let Bound { socket, file } = bound;
        let at = L::address_of(&socket).map_or_else(|_| "a socket".to_owned(), |address| L::shown(&address));
        let listener = socket
            .listen(self.settings.backlog)
            .and_then(|()| L::listen(socket, self.settings.place))
            .map_err(|error| ListenError::new(at, error))?;
        Ok(Listening::new(listener, file))
    }

    /// Takes no more connections; those that are go on.
    pub(super) fn close(&self) {
        if self.state.replace(State::Closed) == State::Closed {
            return;
        }
        log!(
            self.lp,
            Debug,
            "server {:?} is closed, with {} connections left",
            self.settings.name,
            self.len()
        );
        drop(self.bound.take());
        drop(self.listening.take());
        self.poke();
        self.wake_if_over();
    }

    /// Lets the readers of all connections see an end, and asks their tasks to come to theirs.
    pub(super) fn close_clients(&self) {
        let mut asked = Vec::new();
        for connection in self.connections.borrow_mut().values_mut() {
            connection.is_closing = true;
            // It fails where the peer is gone already.
            let _ = connection.source.with_fd(|fd| rustix::net::shutdown(fd, Shutdown::Read));
            asked.push(connection.task.word);
        }
        if self.is_alive() {
            // Wakers of others may run any code.
            for task in asked {
                self.lp.ask_to_end(task);
            }
        }
    }

    /// Breaks all connections off.
    pub(super) fn abort_clients(&self) {
        for connection in self.connections.borrow().values() {
            L::reset(connection.source);
            connection.task.cancel();
        }
    }

    /// Tells, in debug mode, of a server that is dropped while it serves.
    pub(super) fn warn_if_open(&self) {
        if !self.is_alive() || self.state.get() != State::Serving {
            return;
        }
        let (name, at) = (&self.settings.name, self.settings.place);
        self.lp.warn_unclosed(at, || {
            let connections = match self.len() {
                1 => "1 connection".to_owned(),
                many => format!("{many} connections"),
            };
            Some(format!(
                "server {name:?}, started at {}:{}, was dropped while it served, and {connections} broke off: `shutdown` ends it \
                 in order, `detach` lets it run on",
                at.file(),
                at.line()
            ))
        });
    }

    /// Everything ends, and nobody waits for that.
    pub(super) fn abort(&self) {
        self.close();
        self.abort_clients();
        if let Some(task) = self.task.get() {
            task.cancel();
        }
    }

    /// The server's task is gone.
    pub(super) fn task_is_over(&self) {
        self.is_task_over.set(true);
        self.close();
        // It goes last by itself. Cancelled, it leaves connections that nobody else would ever end; a loop that ends drops them.
        if self.is_alive() && self.lp.closing.get() == Closing::No {
            self.abort_clients();
        }
        self.wake_if_over();
    }

    fn wake_if_over(&self) {
        if self.is_alive() && self.is_over() {
            self.waiters.notify_all(self.lp);
        }
    }

    pub(super) fn waiters(&self) -> &WaitQueue {
        &self.waiters
    }

    /// Begins to be awaited for ever. Returns whether nobody did that before.
    pub(super) fn begin_awaiting(&self) -> bool {
        !self.is_awaited.replace(true)
    }

    pub(super) fn end_awaiting(&self) {
        self.is_awaited.set(false);
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Whether there are as many connections as there may be.
    pub(super) fn is_full(&self) -> bool {
        self.settings.connections_max.is_some_and(|max| self.len() >= max)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// The tasks of all connections, with their peers.
    pub(super) fn tasks(&self) -> BTreeMap<u64, Peer> {
        self.connections.borrow().iter().map(|(task, connection)| (task.as_u64(), connection.peer)).collect()
    }

    /// A connection is spawned.
    pub(super) fn adopt(&self, task: TaskRef, source: SourceRef, peer: Peer) {
        let connection = Connection { task, source, peer, is_closing: false, has_failed: false };
        self.connections.borrow_mut().insert(TaskId::from_raw(task.id), connection);
    }

    /// The addresses of all sockets.
    pub(super) fn addresses(&self) -> Vec<io::Result<L::Addr>> {
        let listening = self.listening.borrow();
        let bound = self.bound.borrow();
        let bound = bound.iter().map(|bound| L::address_of(&bound.socket));
        listening.iter().map(|listening| listening.listener.address()).chain(bound).collect()
    }

    /// Uses the sockets' descriptors, which are lent one after the other.
    pub(super) fn each_socket<R>(&self, mut each: impl FnMut(std::os::fd::BorrowedFd<'_>) -> R) -> Vec<R> {
        use std::os::fd::AsFd;
        let listening = self.listening.borrow();
        let bound = self.bound.borrow();
        let mut all: Vec<R> = listening.iter().map(|listening| each(listening.listener.as_fd())).collect();
        all.extend(bound.iter().map(|bound| each(bound.socket.as_fd())));
        all
    }
}

impl<L: Listener> Core<L> {
    fn shown_addresses(&self) -> String {
        let addresses = self.addresses();
        let shown: Vec<String> = addresses.iter().flatten().map(|address| L::shown(address)).collect();
        shown.join(", ")
    }
}

impl<L: Listener> Keeper for Core<L> {
    fn failed(&self, failure: ChildError) {
        let mut peer = Peer::Unknown;
        if let Some(task) = failure.task()
            && let Some(connection) = self.connections.borrow_mut().get_mut(&task)
        {
            connection.has_failed = true;
            peer = connection.peer;
        }
        let error = ConnectionError::new(self.settings.name.clone(), peer, failure);
        if let Some(hook) = &self.settings.on_error {
            match catch_unwind(AssertUnwindSafe(|| hook(&error))) {
                Ok(()) => return,
                // What the hook did not take, the loop's takes.
                Err(payload) => drop_quietly(payload),
            }
        }
        if self.is_alive() {
            self.lp.tell(&error.into_unhandled());
        }
    }

    fn ended(&self, task: TaskId, cancelled: bool) {
        let was_full = self.is_full();
        let Some(connection) = self.connections.borrow_mut().remove(&task) else { return };
        log!(self.lp, Debug, "server {:?} is done with {}", self.settings.name, connection.peer);
        let mut counts = self.counts.get();
        *match connection {
            Connection { has_failed: true, .. } => &mut counts.failed,
            _ if cancelled => &mut counts.aborted,
            Connection { is_closing: true, .. } => &mut counts.closed,
            Connection { .. } => &mut counts.ended,
        } += 1;
        self.counts.set(counts);
        if was_full {
            self.poke();
        }
        self.wake_if_over();
    }
}

impl<L: Listener> fmt::Debug for Core<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.shown_addresses();
        f.debug_struct("Server")
            .field("name", &self.settings.name)
            .field("state", &self.state.get())
            .field("addresses", &addresses)
            .field("connections", &self.len())
            .finish_non_exhaustive()
    }
}
