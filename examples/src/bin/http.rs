//! A web server: axum's router on hyper's connections on our loop, without another runtime.
//!
//! It listens on a free port of 127.0.0.1, prints where, and how to look into it. Attach while requests are under way: each
//! connection is a task, `/slow` waits for a timer, `/hash` for a job on a blocking thread, which `loopscope why` names. Ctrl-C
//! stops it: connections finish the request they are at, for up to five seconds.
//!
//! # `Send`
//!
//! axum wants handlers whose futures are `Send`, because most of its users run them on many threads. Here nothing leaves its
//! thread, and timers, sockets and locks of the loop are not `Send`. A handler that waits for one of these says so with
//! [`tied`], which checks what it promises; one that waits for a blocking job needs nothing, since its handle is `Send`.

#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use loopscope::hyper::{Io, Timer};
use loopscope::net::{TcpListener, TcpStream};
use loopscope::sync::Queue;
use loopscope::task::{self, tied};
use loopscope::{Runner, blocking};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tower_service::Service as _;

/// How long connections may take to finish once the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted because the process has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// What the handlers share. Of types that are `Send`, as axum asks.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    /// Requests for `/slow` under way.
    slow: AtomicU64,
}

async fn hello(State(counts): State<Arc<Counts>>) -> &'static str {
    counts.requests.fetch_add(1, Relaxed);
    "Hello from a loop that you can look into.\n"
}

/// What is counted, as JSON.
async fn state(State(counts): State<Arc<Counts>>) -> impl IntoResponse {
    let requests = counts.requests.fetch_add(1, Relaxed) + 1;
    let slow = counts.slow.load(Relaxed);
    ([(CONTENT_TYPE, "application/json")], format!("{{\"requests\":{requests},\"slow\":{slow}}}"))
}

/// Waits for a timer of the loop, whose future is not `Send`.
async fn slow(State(counts): State<Arc<Counts>>) -> &'static str {
    counts.requests.fetch_add(1, Relaxed);
    let _under_way = Slow::begin(counts);
    tied(loopscope::sleep(Duration::from_secs(1))).await;
    "That took a second.\n"
}

/// A request for `/slow`, counted until it is answered, or dropped because the client broke off.
struct Slow(Arc<Counts>);

impl Slow {
    fn begin(counts: Arc<Counts>) -> Self {
        counts.slow.fetch_add(1, Relaxed);
        Self(counts)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.slow.fetch_sub(1, Relaxed);
    }
}

/// Computes for long, on a blocking thread.
async fn hash(State(counts): State<Arc<Counts>>) -> String {
    counts.requests.fetch_add(1, Relaxed);
    match blocking::Builder::new().name("hash").spawn(fnv).await {
        Ok(hash) => format!("{hash:016x}\n"),
        Err(error) => format!("{error}\n"),
    }
}

/// FNV-1a of ten million zeros.
fn fnv() -> u64 {
    (0..10_000_000).fold(0xcbf2_9ce4_8422_2325_u64, |hash, _| hash.wrapping_mul(0x0100_0000_01b3))
}

fn router() -> Router {
    Router::new()
        .route("/", get(hello))
        .route("/state", get(state))
        .route("/slow", get(slow))
        .route("/hash", get(hash))
        .with_state(Arc::default())
}

/// Closes the queue that all connections look at, when the server's main task is cancelled.
struct Stopping(Rc<Queue<()>>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.close();
    }
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let (address, pid) = (listener.local_addr()?, std::process::id());
    println!("listening on {address}");
    println!("pid {pid}: loopscope attach {pid}");
    println!("curl http://{address}/ http://{address}/state http://{address}/slow http://{address}/hash");
    let stopping = Stopping(Rc::new(Queue::unbounded()));
    let router = router();
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                let connection = connection(stream, router.clone(), Rc::clone(&stopping.0));
                task::Builder::new().name("connection").spawn(connection).detach();
            }
            Err(_) => loopscope::sleep(PAUSE).await,
        }
    }
}

/// One client, until it goes or the server stops and the request under way is answered.
async fn connection(stream: TcpStream, router: Router, stop: Rc<Queue<()>>) {
    let service = service_fn(move |request: Request<Incoming>| router.clone().call(request));
    let serving = http1::Builder::new().timer(Timer::new()).serve_connection(Io::new(stream), service);
    let (mut serving, mut stop) = (pin!(serving), pin!(stop.get()));
    let mut is_stopping = false;
    // A client that breaks off is nobody's mistake here.
    let _ = poll_fn(|cx| {
        if !is_stopping && stop.as_mut().poll(cx).is_ready() {
            is_stopping = true;
            serving.as_mut().graceful_shutdown();
        }
        serving.as_mut().poll(cx)
    })
    .await;
}

fn main() -> ExitCode {
    loopscope_inspector::start();
    let mut runner = match Runner::builder().ctrl_c(true).build() {
        Ok(runner) => runner,
        Err(error) => {
            eprintln!("cannot make an event loop: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Ok(Err(error)) = runner.block_on(serve()) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    // Interrupted: the listener is gone, and connections have a while to finish.
    println!("stopped: {}", runner.shutdown(GRACE));
    ExitCode::SUCCESS
}
