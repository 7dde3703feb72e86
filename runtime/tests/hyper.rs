//! hyper on a loop: HTTP/1 and HTTP/2, server and client, time limits, and whose line its tasks are shown with.

#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, reason = "test crate")]

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::panic::Location;
use std::time::Duration;

use bytes::Bytes;
use futures_util::AsyncReadExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use loopscope::hyper::{Executor, Io, Timer};
use loopscope::net::{UnixListener, UnixStream};
use loopscope::{Handle, Runner, sleep, spawn, yield_now};

/// Two ends of one connection.
async fn pair() -> (UnixStream, UnixStream) {
    let path = std::env::temp_dir().join(format!(
        "ls-hyper-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let listener = UnixListener::bind(&path).unwrap();
    let near = UnixStream::connect(&path).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    (near, far)
}

async fn shout(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    sleep(Duration::from_millis(1)).await;
    Ok(Response::new(Full::new(body.to_ascii_uppercase().into())))
}

fn request(body: &'static str) -> Request<Full<Bytes>> {
    Request::builder().uri("http://test/").body(Full::new(body.into())).unwrap()
}

async fn text(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[test]
fn http1_carries_requests_and_answers() {
    loopscope::run(async {
        let (near, far) = pair().await;
        let serving = server::conn::http1::Builder::new()
            .timer(Timer::new())
            .serve_connection(Io::new(far), service_fn(shout));
        let serving = spawn(serving);
        let (mut sender, connection) = client::conn::http1::handshake(Io::new(near)).await.unwrap();
        let connection = spawn(connection);
        for (sent, heard) in [("hello", "HELLO"), ("again", "AGAIN")] {
            sender.ready().await.unwrap();
            assert_eq!(text(sender.send_request(request(sent)).await.unwrap()).await, heard);
        }
        drop(sender);
        connection.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

/// Name and line of every task of this loop.
fn tasks() -> Vec<(Option<String>, u32)> {
    let reader = Handle::current().reader();
    let sites = reader.sites();
    let mut tasks = Vec::new();
    reader.tasks(&mut |task| {
        let place =
            sites.iter().find(|site| site.index == task.site).and_then(|site| reader.place(site.place));
        tasks.push((task.name.and_then(|name| reader.name(name)), place.map_or(0, |place| place.line)));
        ControlFlow::Continue(())
    });
    tasks
}

#[test]
fn http2_runs_its_tasks_under_the_line_and_name_of_the_executor() {
    loopscope::run(async {
        let (near, far) = pair().await;
        let (executor, line) = (Executor::new().name("stream"), Location::caller().line());
        let serving =
            server::conn::http2::Builder::new(executor).serve_connection(Io::new(far), service_fn(shout));
        let serving = spawn(serving);
        let (sender, connection) =
            client::conn::http2::handshake(Executor::new(), Io::new(near)).await.unwrap();
        let connection = spawn(connection);
        let asked = ["one", "two", "three"].map(|body| {
            let mut sender = sender.clone();
            spawn(async move { text(sender.send_request(request(body)).await.unwrap()).await })
        });
        for (asked, heard) in asked.into_iter().zip(["ONE", "TWO", "THREE"]) {
            assert_eq!(asked.await.unwrap(), heard);
        }
        let streams = tasks().into_iter().filter(|task| *task == (Some("stream".to_owned()), line));
        assert_eq!(streams.count(), 3, "{:?}", tasks());
        drop(sender);
        connection.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_client_that_sends_no_head_in_time_is_sent_away() {
    let mut runner = Runner::builder().build().unwrap();
    runner
        .block_on(async {
            let (mut near, far) = pair().await;
            let limit = Duration::from_millis(1);
            let serving = server::conn::http1::Builder::new()
                .timer(Timer::new())
                .header_read_timeout(limit)
                .serve_connection(Io::new(far), service_fn(shout));
            let serving = spawn(serving);
            near.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            let mut answer = Vec::new();
            near.read_to_end(&mut answer).await.unwrap();
            assert!(serving.await.unwrap().unwrap_err().is_timeout());
            yield_now().await;
        })
        .unwrap();
}

const fn is_send_and_sync<T: Send + Sync>() {}
const _: () = is_send_and_sync::<Executor>();
const _: () = is_send_and_sync::<Timer>();
