#![allow(clippy::unwrap_used, reason = "test crate")]
//! What is told of connections whose handlers fail.

#[path = "support/records.rs"]
mod records;
#[path = "support/serving.rs"]
mod serving;
#[path = "support/trace.rs"]
mod trace;

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use loopscope::net::TcpStream;
use loopscope::runner::{Unhandled, UnhandledKind};
use loopscope::server::{Builder, Peer};
use loopscope::telemetry::Place;
use serving::{connect, rest};
use trace::Trace;

/// What a hook says of a connection, without numbers and ports.
fn told(unhandled: &Unhandled) -> String {
    let Unhandled { name, spawned_at, connection, kind, .. } = unhandled;
    let place = spawned_at.as_ref().map(|Place { file, .. }| file.as_str());
    let server = connection.as_ref().map(|connection| connection.server.as_str());
    format!("{server:?} {name:?} {place:?} {kind:?}")
}

#[test]
fn a_handler_that_fails_ends_its_own_connection_only_and_is_told_with_server_and_peer() {
    let trace = Trace::new();
    let said = trace.clone();
    let builder = loopscope::Runner::builder().on_unhandled(move |unhandled| {
        said.push(told(unhandled));
        let peer = &unhandled.connection.as_ref().unwrap().peer;
        let start = format!("task {} \"moody client\" (spawned at ", unhandled.task.unwrap());
        let text = unhandled.to_string();
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains(&format!(") of server \"moody\" for {peer} ")), "{text}");
    });
    records::run_live_on(builder, async {
        let server = Builder::new().name("moody").serve_tcp("127.0.0.1:0", moody).await.unwrap();
        let good = connect(&server).await;
        for mood in [b'e', b'p'] {
            let client = connect(&server).await;
            client.write_all(&[mood]).await.unwrap();
            assert_eq!(rest(&client).await.unwrap(), b"");
        }
        good.write_all(b".").await.unwrap();
        assert_eq!(rest(&good).await.unwrap(), b"fine");
        server.close();
        server.wait_closed().await;
    });
    let file = "Some(\"moody\") Some(\"moody client\") Some(\"runtime/tests/server_failures.rs\")";
    trace.expect(&[
        &format!("{file} Error(\"\\\"it is in a bad mood\\\"\")"),
        &format!("{file} Panic(\"it panicked\")"),
    ]);
}

/// Fails, panics, or answers, as it is told.
async fn moody(stream: TcpStream, _: SocketAddr) -> Result<(), String> {
    let mut mood = [0];
    stream.read_exact(&mut mood).await.map_err(|error| error.to_string())?;
    match mood[0] {
        b'e' => Err("it is in a bad mood".into()),
        b'p' => panic!("it panicked"),
        _ => stream.write_all(b"fine").await.map_err(|error| error.to_string()),
    }
}

#[test]
fn a_hook_hears_of_errors_first_and_the_loop_of_what_it_does_not_take() {
    let trace = Trace::new();
    let said = trace.clone();
    let builder = loopscope::Runner::builder().on_unhandled(move |unhandled| said.push(told(unhandled)));
    let said = trace.clone();
    records::run_live_on(builder, async move {
        let server = Builder::new()
            .name("moody")
            .on_error(move |error| {
                let Peer::Inet(peer) = error.peer() else { panic!("{error}") };
                assert!(peer.ip().is_loopback());
                said.push(format!(
                    "{}: {:?}",
                    error.server(),
                    error.failure().error().map(ToString::to_string)
                ));
                assert!(!error.failure().is_panic(), "not taken");
            })
            .serve_tcp("127.0.0.1:0", moody)
            .await
            .unwrap();
        for mood in [b'e', b'p'] {
            let client = connect(&server).await;
            client.write_all(&[mood]).await.unwrap();
            assert_eq!(rest(&client).await.unwrap(), b"");
        }
        server.close();
        server.wait_closed().await;
    });
    trace.expect(&[
        "moody: Some(\"it is in a bad mood\")",
        "moody: None",
        "Some(\"moody\") Some(\"moody client\") Some(\"runtime/tests/server_failures.rs\") Panic(\"it panicked\")",
    ]);
}

#[test]
fn a_handler_that_panics_before_its_future_ends_its_connection_only() {
    let trace = Trace::new();
    let said = trace.clone();
    let builder = loopscope::Runner::builder()
        .on_unhandled(move |unhandled| said.push(format!("{:?}", unhandled.kind)));
    records::run_live_on(builder, async {
        let server = Builder::new()
            .serve_tcp("127.0.0.1:0", |_, _| -> std::future::Ready<()> { panic!("no future") })
            .await
            .unwrap();
        for _ in 0..2 {
            let client = connect(&server).await;
            assert_eq!(rest(&client).await.unwrap(), b"");
        }
        server.close();
        server.wait_closed().await;
    });
    trace.expect(&["Panic(\"no future\")", "Panic(\"no future\")"]);
}

#[test]
fn a_destructor_that_panics_when_a_client_is_aborted_is_told() {
    let trace = Trace::new();
    let said = trace.clone();
    let builder = loopscope::Runner::builder()
        .on_unhandled(move |unhandled| said.push(format!("{:?}", unhandled.kind)));
    records::run_live_on(builder, async {
        let server = Builder::new()
            .serve_tcp("127.0.0.1:0", async |stream: TcpStream, _| {
                let _bad = trace::Defer(|| panic!("bad destructor"));
                stream.write_all(b"x").await.unwrap();
                pending::<()>().await;
            })
            .await
            .unwrap();
        let client = connect(&server).await;
        client.read_exact(&mut [0]).await.unwrap();
        let report = server.shutdown(Duration::ZERO).await;
        assert_eq!((report.failed(), report.aborted()), (1, 0), "{report}");
    });
    trace.expect(&[&format!("{:?}", UnhandledKind::PanicInDrop("bad destructor".into()))]);
}
