//! Takes connections, decides who may come in, and lets none of them cost too much.

#[cfg(feature = "tokio-console")]
use super::console;
use super::peer::{Peer, Visitor};
use super::sentinel;
use super::service::{Inspector, Shared};
use crate::model::Rights;
use crate::wire::limits::REQUEST_BYTES_MAX;
use crate::wire::proto::inspect_server::InspectServer;
use crate::wire::rt::Stream;
use futures_channel::oneshot;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use loopscope::hyper::Executor;
use loopscope::net::{UnixListener, UnixStream};
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service as _;

/// What a client and all of them together may take.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Clients that are served at a time.
    pub(super) clients_max: usize,
    /// Further clients that are told so; the rest is disconnected without a word.
    pub(super) refusals_max: usize,
    /// How long a client may take nothing of what is sent.
    pub(super) write_patience: Duration,
    /// How long a client may take to ask something.
    pub(super) first_request: Duration,
    /// How long a client may stay without asking anything.
    pub(super) idle: Duration,
    /// Requests of one client at a time.
    pub(super) requests_max: u32,
    /// Streams of one client that are not over, those included that it has left and that have not seen it yet.
    pub(super) streams_max: u64,
    /// What they may do beyond looking.
    pub(super) rights: Rights,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients_max: 64,
            refusals_max: 16,
            write_patience: Duration::from_secs(10),
            first_request: Duration::from_secs(5),
            idle: Duration::from_secs(600),
            requests_max: 8,
            streams_max: 64,
            rights: Rights { see: true, diagnose: true, control: false },
        }
    }
}

/// Counts connections; one less when it is dropped.
struct Seat(Rc<Cell<usize>>);

impl Seat {
    fn take(taken: &Rc<Cell<usize>>, max: usize) -> Option<Self> {
        (taken.get() < max).then(|| {
            taken.set(taken.get() + 1);
            Self(taken.clone())
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Whether a user may look: the process's own, and root, who could read its memory anyway.
fn is_welcome(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

/// What the services of all connections share.
#[derive(Clone)]
struct Services {
    shared: Arc<Shared>,
    #[cfg(feature = "tokio-console")]
    consoles: console::Seats,
}

/// Serves until `stopped`.
pub(super) async fn serve(
    listener: std::os::unix::net::UnixListener,
    limits: Limits,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return super::warn(&format!("the inspector cannot listen: {error}")),
    };
    let uid = rustix::process::geteuid().as_raw();
    let services = Services {
        shared: Arc::new(Shared::new()),
        #[cfg(feature = "tokio-console")]
        consoles: console::Seats::default(),
    };
    loopscope::task::Builder::new().name("sentinel").spawn(sentinel::run(services.shared.clone())).detach();
    let (clients, refusals) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let limits = Rc::new(limits);
    let mut connections = 0..;
    loop {
        let accepted = loopscope::select! {
            // If the handle was dropped, this branch is out and the agent stays.
            Ok(()) = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, most likely; they may come back, and asking at once would only burn time.
            loopscope::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Some(peer) = stream.peer_cred().ok().filter(|peer| is_welcome(peer.uid, uid)) else {
            continue;
        };
        let seat = Seat::take(&clients, limits.clients_max);
        let is_refused = seat.is_none();
        let Some(seat) = seat.or_else(|| Seat::take(&refusals, limits.refusals_max)) else { continue };
        let visitor =
            Visitor { number: connections.next().unwrap_or(u64::MAX), pid: peer.pid, uid: peer.uid };
        let serving = serve_connection(stream, services.clone(), is_refused, limits.clone(), (seat, visitor));
        loopscope::task::Builder::new().name(&format!("client {}", peer.pid)).spawn(serving).detach();
    }
}

async fn serve_connection(
    stream: UnixStream,
    services: Services,
    is_refused: bool,
    limits: Rc<Limits>,
    (seat, visitor): (Seat, Visitor),
) {
    // Whatever ends the connection, and be it a panic, what it changed goes with it.
    let _leaving = services.shared.visit(visitor.clone());
    let (peer, mut hopeless) = Peer::new(&limits, is_refused, visitor);
    let activity = peer.activity().clone();
    let server = InspectServer::new(Inspector::new(&services.shared, &peer))
        .max_decoding_message_size(REQUEST_BYTES_MAX);
    // Whoever asks decides by the path which of the two answers.
    #[cfg(feature = "tokio-console")]
    let console = console::server(&services.shared, &peer, &services.consoles);
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        #[cfg(feature = "tokio-console")]
        if request.uri().path().starts_with(console::PATH) {
            return console.clone().call(request);
        }
        server.clone().call(request)
    });
    let mut http = http2::Builder::new(Executor::new().name("http/2"));
    http.max_concurrent_streams(limits.requests_max)
        .initial_stream_window_size(64 << 10)
        .initial_connection_window_size(128 << 10)
        .max_send_buf_size(64 << 10)
        .max_header_list_size(8 << 10);
    let mut serving = pin!(http.serve_connection(Stream::new(stream, limits.write_patience), service));
    let since_asked = async {
        loop {
            let patience =
                if activity.requests() == 0 || is_refused { limits.first_request } else { limits.idle };
            let mark = activity.mark();
            loopscope::sleep(patience).await;
            if activity.is_idle_since(mark) {
                return;
            }
        }
    };
    // Whatever ends it, the client sees its connection close; there is nobody else to tell.
    loopscope::select! {
        _ = &mut serving => {}
        () = since_asked => {}
        _ = &mut hopeless => {}
    }
    drop(seat);
}

#[cfg(all(test, feature = "client"))]
mod tests;
