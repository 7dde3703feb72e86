//! Names of hosts: resolving them, and connecting to them.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use loopscope::net::{ConnectError, TcpListener, TcpStream, UdpSocket, lookup_host};
use loopscope::{telemetry, timeout};

/// Longer than the 63 bytes that a part of a name may have: it is refused without a question to a server.
fn unknown() -> String {
    format!("{}.invalid:80", "n".repeat(64))
}

/// Addresses at which nobody listens.
fn refusing(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

#[test]
fn a_name_is_connected_to() {
    loopscope::run(async {
        let listener = TcpListener::bind_host("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (client, server) =
            loopscope::join!(TcpStream::connect(("localhost", port)), async { listener.accept().await });
        let (client, (server, _)) = (client.unwrap(), server.unwrap());
        client.write_all(b"by name").await.unwrap();
        let mut bytes = [0; 7];
        server.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"by name");
        let by_text = TcpStream::connect(format!("localhost:{port}")).await.unwrap();
        assert_eq!(by_text.peer_addr().unwrap().port(), port);
    });
}

#[test]
fn datagrams_go_to_a_name() {
    loopscope::run(async {
        let server = UdpSocket::bind_host(("localhost", 0)).await.unwrap();
        let to = server.local_addr().unwrap();
        let client = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).unwrap();
        client.connect(("localhost", to.port())).await.unwrap();
        client.send(b"by name").await.unwrap();
        assert_eq!(server.recv_from(&mut [0; 16]).await.unwrap(), (7, client.local_addr().unwrap()));
    });
}

#[test]
fn the_first_address_that_answers_is_taken_and_the_others_are_told_of_only_in_vain() {
    loopscope::run(async {
        let nobody = refusing(2);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let third = listener.local_addr().unwrap();
        let stream = TcpStream::connect(vec![nobody[0], nobody[1], third]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), third);
        let error = TcpStream::connect(&nobody[..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let why: &ConnectError = error.get_ref().unwrap().downcast_ref().unwrap();
        assert!(why.attempts().map(|(address, _)| address).eq(nobody.iter().copied()));
        let refused = "Connection refused (os error 111)";
        let [one, other] = [nobody[0], nobody[1]];
        assert_eq!(
            error.to_string(),
            format!("cannot connect to any of 2 addresses: {one}: {refused}, {other}: {refused}")
        );
        let none = TcpStream::connect(Vec::new()).await.unwrap_err();
        assert_eq!(
            (none.kind(), none.to_string().as_str()),
            (ErrorKind::InvalidInput, "there is no address to connect to")
        );
    });
}

#[test]
fn the_error_of_a_name_names_it_and_its_addresses() {
    loopscope::run(async {
        let port = refusing(1)[0].port();
        let error = TcpStream::connect(("localhost", port)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot connect to localhost:{port}: ")), "{text}");
        assert!(text.contains(&format!("127.0.0.1:{port}: Connection refused")), "{text}");
    });
}

#[test]
fn a_name_that_nobody_knows_is_an_error_with_the_name() {
    loopscope::run(async {
        for error in [
            lookup_host(unknown()).await.unwrap_err(),
            TcpStream::connect(unknown()).await.unwrap_err(),
            TcpListener::bind_host(unknown()).await.unwrap_err(),
        ] {
            assert!(error.to_string().starts_with(&format!("cannot resolve {}: ", unknown())), "{error}");
        }
        // Whether a server is asked depends on the machine; the limit holds either way.
        let limited = timeout(Duration::from_secs(2), lookup_host("nobody.invalid:80")).await;
        assert!(limited.is_err() || limited.unwrap().is_err());
    });
}

#[test]
fn malformed_names_and_literal_addresses_never_reach_a_thread() {
    loopscope::run(async {
        for text in ["example.org", "a b:80", ":80", "example.org:99999", "http://example.org:80", ""] {
            let error = lookup_host(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}: {error}");
            assert!(error.to_string().contains(" is not "), "{error}");
        }
        let literal: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(lookup_host("[::1]:80").await.unwrap(), [literal]);
        assert_eq!(lookup_host(("::1", 80)).await.unwrap(), [literal]);
        assert_eq!(lookup_host(literal).await.unwrap(), [literal]);
        let mut found = false;
        for pool in telemetry::pools() {
            pool.jobs(&mut |job| {
                let name = job.name.and_then(|name| pool.text(name)).unwrap_or_default();
                found |= name.contains("::1") || name.contains("a b");
                std::ops::ControlFlow::Continue(())
            });
        }
        assert!(!found);
    });
}

#[test]
fn a_dropped_connection_attempt_leaves_nothing() {
    loopscope::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let here = loopscope::Handle::current().reader();
        let count = || {
            let mut count = 0;
            here.resources(&mut |_| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            });
            here.waits(&mut |_| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            });
            count
        };
        let before = count();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..3 {
            drop(Box::pin(TcpStream::connect(address)).as_mut().poll(&mut cx));
            drop(Box::pin(TcpStream::connect("localhost:1")).as_mut().poll(&mut cx));
        }
        assert_eq!(count(), before);
    });
}
