//! The server's task: it accepts connections and spawns a task for each.
//!
//! ```text
//!   waits to start ──► accepts ──as many as there may be──► waits for one to end ──┐
//!                       ▲  ▲ └─no descriptors are left─► rests for a second ──┐    │
//!                       │  └──────────────────────────────────────────────────┘    │
//!                       └──────────────────────────────────────────────────────────┘
//!      closed, from anywhere ──► waits for the last connection ──► over
//! ```

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::core::{Core, Listening, State};
use super::listener::Listener;
use crate::debug::log::log;
use crate::event_loop::wait::Wait;
use crate::group::{Awaiting, GroupCore, Outcome, spawn_into};
use crate::runner::UnhandledKind;
use crate::sync::line::Waiting;
use crate::task;
use crate::task::control::TaskWord;
use crate::telemetry::view::WaitKind;
use crate::time::Sleep;

/// How long a listener rests when the process has no descriptors, or no memory, for a connection: as in asyncio.
const PAUSE: Duration = Duration::from_secs(1);

/// The future of a server's task.
pub(super) struct Serve<L: Listener, H> {
    core: Rc<Core<L>>,
    group: Rc<GroupCore>,
    handler: Rc<H>,
    /// What the connections' tasks are called.
    client_name: String,
    /// The listener that is asked first, a different one each time.
    first: usize,
    start_wait: Wait,
    places_wait: Wait,
    group_wait: Wait,
}

impl<L: Listener, H> Unpin for Serve<L, H> {}

impl<L: Listener, H> Serve<L, H> {
    pub(super) fn new(core: Rc<Core<L>>, group: Rc<GroupCore>, handler: H) -> Self {
        let client_name = format!("{} client", core.settings.name);
        let [start_wait, places_wait, group_wait] = [Wait::new(), Wait::new(), Wait::new()];
        let handler = Rc::new(handler);
        Self { core, group, handler, client_name, first: 0, start_wait, places_wait, group_wait }
    }

    /// A connection of any listener.
    fn poll_accept(&mut self, cx: &Context<'_>, at: &'static Location<'static>) -> Next<L> {
        let mut all = self.core.listening.borrow_mut();
        for turn in 0..all.len() {
            let number = (self.first + turn) % all.len();
            match poll_listener(&self.core, &mut all[number], cx, at) {
                Next::Nothing => {}
                next => {
                    self.first = number + 1;
                    return next;
                }
            }
        }
        Next::Nothing
    }

    /// As many connections as there may be: nobody waits for another one, who would only be woken in vain.
    fn stop_accepting(&self) {
        for listening in &mut *self.core.listening.borrow_mut() {
            listening.listener.stop_accepting(&mut listening.wait);
        }
    }

    fn stop_waiting(&mut self) {
        self.core.start.unpark(&mut self.start_wait);
        self.core.places.unpark(&mut self.places_wait);
        self.group.stop_waiting(&mut self.group_wait);
    }
}

/// What a look at the listeners brought.
enum Next<L: Listener> {
    Connection(L::Stream, L::Addr),
    /// Something is wrong with the listener at this address, which rests now.
    Trouble(String, io::Error),
    Nothing,
}

fn poll_listener<L: Listener>(
    core: &Core<L>,
    listening: &mut Listening<L>,
    cx: &Context<'_>,
    at: &'static Location<'static>,
) -> Next<L> {
    let place = core.settings.place;
    loop {
        if let Some(pause) = &mut listening.pause {
            if pause.poll_at(cx, at).is_pending() {
                return Next::Nothing;
            }
            listening.pause = None;
        }
        match listening.listener.poll_accept(cx, &mut listening.wait, [at, place]) {
            Poll::Pending => {
                listening.is_reported = false;
                return Next::Nothing;
            }
            Poll::Ready(Ok((stream, address))) => return Next::Connection(stream, address),
            // Each look costs some of the task's budget, so that this ends.
            Poll::Ready(Err(error)) if is_of_one_connection(&error) => {
                log!(
                    core.lp(),
                    Debug,
                    "server {:?} lost a connection before it was accepted: {error}",
                    core.settings.name
                );
            }
            Poll::Ready(Err(error)) => {
                let deadline = core.lp().deadline_after(PAUSE);
                listening.pause = Some(Sleep::new(deadline, place));
                if !std::mem::replace(&mut listening.is_reported, true) {
                    let address = listening
                        .listener
                        .address()
                        .map_or_else(|_| String::new(), |address| L::shown(&address));
                    return Next::Trouble(address, error);
                }
            }
        }
    }
}

/// Whether an error of `accept` says something of a connection that is gone by now, and nothing of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    // What accept(2) of Linux lists as errors of the network that were waiting on the new socket, and the firewall's.
    const OF_ONE: [i32; 9] = [
        libc::ECONNABORTED,
        libc::ECONNRESET,
        libc::ENETDOWN,
        libc::EPROTO,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        libc::EPERM,
    ];
    error.raw_os_error().is_some_and(|code| OF_ONE.contains(&code))
}

impl<L, H, F> Serve<L, H>
where
    L: Listener,
    H: Fn(L::Stream, L::Addr) -> F + 'static,
    F: Future<Output: Outcome> + 'static,
{
    fn spawn(&self, stream: L::Stream, address: L::Addr) {
        let (peer, source) = (L::peer(&stream, &address), L::source_ref(&stream));
        let handler = Rc::clone(&self.handler);
        let handling = Handling::New { accepted: Some((handler, stream, address)) };
        let builder = task::Builder::new().name(&self.client_name);
        let task = spawn_into(&self.group, builder, handling, self.core.settings.place);
        let id = task.task_ref().id;
        log!(
            self.core.lp(),
            Debug,
            "server {:?} got a connection from {peer}: task #{id}",
            self.core.settings.name
        );
        self.core.adopt(task.task_ref(), source, peer);
    }
}

impl<L, H, F> Future for Serve<L, H>
where
    L: Listener,
    H: Fn(L::Stream, L::Addr) -> F + 'static,
    F: Future<Output: Outcome> + 'static,
{
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        let this = &mut *self;
        let made_at = this.core.settings.place;
        let waiting = |kind| Waiting { kind, renewed: false, at, made_at };
        loop {
            match this.core.state() {
                State::Bound => {
                    let waiting = waiting(WaitKind::Event);
                    this.core.start.park("serving", &mut this.start_wait, cx, &waiting);
                    return Poll::Pending;
                }
                State::Serving if this.core.is_full() => {
                    this.core.start.unpark(&mut this.start_wait);
                    this.stop_accepting();
                    let waiting = waiting(WaitKind::Semaphore);
                    this.core.places.park("serving", &mut this.places_wait, cx, &waiting);
                    this.core.places.record().inspect(|record| record.filled(0));
                    return Poll::Pending;
                }
                State::Serving => {
                    this.stop_waiting();
                    match this.poll_accept(cx, at) {
                        Next::Connection(stream, address) => this.spawn(stream, address),
                        Next::Trouble(address, error) => report(&this.core, &address, &error),
                        Next::Nothing => return Poll::Pending,
                    }
                }
                State::Closed => {
                    this.core.start.unpark(&mut this.start_wait);
                    this.core.places.unpark(&mut this.places_wait);
                    return this.group.poll_empty(&mut this.group_wait, cx, Awaiting { at, made_at });
                }
            }
        }
    }
}

/// Tells of a listener that rests, once until nobody is left who waits for it.
fn report<L: Listener>(core: &Core<L>, address: &str, error: &io::Error) {
    let lp = core.lp();
    let task = TaskWord(lp.running.get());
    let seconds = PAUSE.as_secs();
    let text = format!("cannot accept connections at {address}: {error}; it tries again every {seconds} s");
    lp.report(task.index(), UnhandledKind::AcceptPaused(text));
}

impl<L: Listener, H> Drop for Serve<L, H> {
    fn drop(&mut self) {
        self.stop_waiting();
        self.core.task_is_over();
    }
}

pin_project! {
    /// The future of a connection's task: the handler is called in it, so that what it does there is the connection's.
    #[project = HandlingProjection]
    enum Handling<S, A, H, F> {
        New { accepted: Option<(Rc<H>, S, A)> },
        Running { #[pin] future: F },
    }
}

impl<S, A, H, F> Future for Handling<S, A, H, F>
where
    H: Fn(S, A) -> F,
    F: Future,
{
    type Output = F::Output;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let HandlingProjection::New { accepted } = self.as_mut().project()
            && let Some((handler, stream, address)) = accepted.take()
        {
            let future = handler(stream, address);
            self.set(Self::Running { future });
        }
        match self.project() {
            HandlingProjection::Running { future } => future.poll(cx),
            HandlingProjection::New { .. } => panic!("a connection was polled after its handler panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::is_of_one_connection;
    use crate::net::TcpStream;
    use crate::server::Builder;

    #[test]
    fn a_server_whose_task_is_cancelled_from_outside_is_closed_and_comes_to_its_end() {
        crate::run(async {
            let handler = async |stream: TcpStream, _| {
                std::future::pending::<()>().await;
                drop(stream);
            };
            let server = Builder::new().serve_tcp("127.0.0.1:0", handler).await.unwrap();
            let client = TcpStream::connect(server.local_addrs()[0]).await.unwrap();
            while server.connections() == 0 {
                crate::yield_now().await;
            }
            server.core.task().unwrap().cancel();
            crate::timeout(Duration::from_secs(30), server.wait_closed()).await.unwrap();
            assert_eq!((server.is_serving(), server.connections()), (false, 0));
            assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        });
    }

    #[test]
    fn what_is_wrong_with_one_connection_does_not_make_a_listener_rest() {
        let code = io::Error::from_raw_os_error;
        for one in [libc::ECONNABORTED, libc::EPROTO, libc::EHOSTUNREACH, libc::EPERM] {
            assert!(is_of_one_connection(&code(one)), "{}", code(one));
        }
        for all in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EINVAL, libc::EBADF] {
            assert!(!is_of_one_connection(&code(all)), "{}", code(all));
        }
        assert!(!is_of_one_connection(&io::ErrorKind::Other.into()));
    }
}
