//! A web server that hangs: a handler waits for a lock, which another handler holds while it waits for somebody who does not
//! answer.
//!
//! ```text
//! hung_server [--lock ours|tokio] [--seconds N | --hold]
//!
//!   GET /hits ──► waits for the lock ──► GET /report holds it ──► waits for the price service, which never answers
//! ```
//!
//! It asks itself for both pages as soon as it listens, so that it hangs at once. How to find the line that is to blame is told in
//! `docs/tutorial-hang.md`, for a lock of Loopscope, which says who holds it, and for one of tokio, of which Loopscope knows nothing.

#![allow(clippy::print_stdout, reason = "it tells where it listens")]

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use loopscope::hyper::{Io, Timer};
use loopscope::net::{TcpListener, TcpStream};
use loopscope::sync::Mutex;
use loopscope::task::{self, tied};
use loopscope::time::{sleep, timeout};
use loopscope_examples::fault::{Fault, Options};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service as _;

const FAULT: Fault = Fault {
    program: "hung_server",
    wrong: "a handler keeps a lock while it waits for another server, which does not answer; every other request waits for the lock.",
    kinds: Some((
        "--lock",
        &[
            ("ours", "the lock is loopscope::sync::Mutex, which says who holds it"),
            ("tokio", "it is tokio::sync::Mutex, of which Loopscope knows nothing"),
        ],
    )),
    look: &[
        ("loopscope ps", "the server, its number, and that it has tasks"),
        ("loopscope warnings PID", "what is wrong at a glance"),
        (
            "loopscope why PID TASK",
            "from a request that hangs to the one that holds the lock, and what that one waits for",
        ),
        ("loopscope dump PID", "each request's .await, with function and line, also at a lock of tokio"),
    ],
};

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn main() -> ExitCode {
    loopscope_inspector::start();
    program(std::env::args().skip(1))
}

/// The program without its agent.
pub(crate) fn program(arguments: impl Iterator<Item = String>) -> ExitCode {
    let options = match FAULT.begin(arguments) {
        Ok(options) => options,
        Err(stop) => return stop.tell(),
    };
    match loopscope::run(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(Options { kind, stay }: Options) -> io::Result<()> {
    // Connections to it come about, since the OS takes them, but nobody ever reads what they ask.
    let price_service = std::net::TcpListener::bind(NOWHERE)?;
    let prices = price_service.local_addr()?;
    let listener = TcpListener::bind(NOWHERE)?;
    let address = listener.local_addr()?;
    let router = if kind == "ours" { with_our_lock(prices) } else { with_tokios_lock(prices) };
    let accept = task::Builder::new().name("accept").spawn(accept(listener, router));
    println!("curl http://{address}/hits");
    let mut visitors = Vec::new();
    for page in ["/report", "/hits", "/hits"] {
        let visit = visit(address, page);
        visitors.push(task::Builder::new().name(&format!("visitor of {page}")).spawn(visit));
        sleep(Duration::from_millis(50)).await;
    }
    // It hangs.
    let _ = timeout(stay, accept).await;
    Ok(())
}

/// Asks for a page and waits for the answer.
async fn visit(address: SocketAddr, page: &str) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {page} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = vec![0; 1024];
    let bytes = stream.read(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer[..bytes]).into_owned())
}

async fn accept(listener: TcpListener, router: Router) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| router.clone().call(request));
        let connection = async move {
            let serving =
                http1::Builder::new().timer(Timer::new()).serve_connection(Io::new(stream), service);
            // A client that breaks off is nobody's mistake here.
            let _ = serving.await;
        };
        task::Builder::new().name("connection").spawn(connection).detach();
    }
}

/// Asks the price service, and waits for as long as it takes.
async fn ask_for_prices(prices: SocketAddr) -> io::Result<u64> {
    let stream = TcpStream::connect(prices).await?;
    stream.write_all(b"what does bread cost?\n").await?;
    let mut answer = [0; 64];
    let bytes = stream.read(&mut answer).await?; // here: the question
    Ok(bytes as u64)
}

/// How often somebody was here.
#[derive(Debug, Default)]
struct Statistics {
    hits: u64,
}

thread_local! {
    /// Handlers are to be `Send`, and what is of one loop is not; so it is found by its thread.
    static STATISTICS: Rc<Mutex<Statistics>> = Rc::new(Mutex::new(Statistics::default()).named("statistics"));
}

fn with_our_lock(prices: SocketAddr) -> Router {
    Router::new()
        .route("/hits", get(|| tied(hits_by_our_lock())))
        .route("/report", get(move || tied(report_by_our_lock(prices))))
}

async fn hits_by_our_lock() -> String {
    let statistics = STATISTICS.with(Rc::clone);
    let mut statistics = statistics.lock().await; // here: ours waits
    statistics.hits += 1;
    format!("{} hits\n", statistics.hits)
}

async fn report_by_our_lock(prices: SocketAddr) -> String {
    let statistics = STATISTICS.with(Rc::clone);
    let statistics = statistics.lock().await; // here: ours is taken
    let price = ask_for_prices(prices).await.unwrap_or_default(); // here: ours is kept
    format!("{} hits, at {price} each\n", statistics.hits)
}

/// What tokio's handlers share.
#[derive(Debug)]
struct Shared {
    statistics: tokio::sync::Mutex<Statistics>,
    prices: SocketAddr,
}

fn with_tokios_lock(prices: SocketAddr) -> Router {
    let statistics = tokio::sync::Mutex::new(Statistics::default());
    Router::new()
        .route("/hits", get(hits_by_tokios_lock))
        .route("/report", get(report_by_tokios_lock))
        .with_state(Arc::new(Shared { statistics, prices }))
}

async fn hits_by_tokios_lock(State(shared): State<Arc<Shared>>) -> String {
    let mut statistics = shared.statistics.lock().await; // here: tokio's waits
    statistics.hits += 1;
    format!("{} hits\n", statistics.hits)
}

async fn report_by_tokios_lock(State(shared): State<Arc<Shared>>) -> String {
    let statistics = shared.statistics.lock().await; // here: tokio's is taken
    let asking = tied(ask_for_prices(shared.prices));
    let price = asking.await.unwrap_or_default(); // here: tokio's is kept
    format!("{} hits, at {price} each\n", statistics.hits)
}
