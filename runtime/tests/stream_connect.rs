//! Opening connections, and how it fails: nobody there, nobody who accepts, no such name.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/scripted.rs"]
mod scripted;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::time::Duration;

use loopscope::net::{ConnectError, TcpListener, UnixConnectError};
use loopscope::stream::{Connection, open_connection, open_unix_connection};
use loopscope::{timeout, yield_now};
use records::{run_live, waits};
use scripted::polled;

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("loopscope-streams-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn a_unix_connection_is_opened_by_its_path_and_named_by_it() {
    let directory = Directory::new("echo");
    let path = directory.0.join("socket");
    run_live(async {
        let listener = StdUnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).unwrap();
            stream.write_all(&bytes[..3]).unwrap();
        });
        let (mut reader, mut writer) =
            Connection::new().limit(10).timeout(Duration::from_secs(60)).open_unix(&path).await.unwrap();
        assert_eq!(reader.limit(), 10);
        writer.write_all(b"ping").await.unwrap();
        let end = reader.read_exact(4).await.unwrap_err();
        assert_eq!(end.to_string(), format!("{} ended after 3 of 4 bytes", path.display()));
        thread.join().unwrap();
        writer.close().await.unwrap();
    });
}

#[test]
fn a_refused_connection_names_who_refused() {
    run_live(async {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = open_connection(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(
            error.to_string(),
            format!("cannot connect to {address}: Connection refused (os error 111)")
        );
        assert!(error.downcast::<ConnectError>().is_ok());
    });
}

#[test]
fn a_unix_socket_that_is_not_there_or_dead_is_named() {
    let directory = Directory::new("dead");
    let path = directory.0.join("socket");
    run_live(async {
        let error = open_unix_connection(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let shown = path.display();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to {shown}: No such file or directory (os error 2)")
        );
        assert_eq!(error.downcast::<UnixConnectError>().unwrap().path(), path);
        drop(StdUnixListener::bind(&path).unwrap());
        let error = open_unix_connection(&path).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to {shown}: Connection refused (os error 111)")
        );
        let long = directory.0.join("x".repeat(200));
        let error = open_unix_connection(&long).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot connect to {}: ", long.display())), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_name_that_cannot_be_resolved_is_named() {
    run_live(async {
        // No name has so long a part, which the resolver knows without asking anybody.
        let name = format!("{}.invalid:80", "n".repeat(64));
        let error = open_connection(&*name).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot resolve {name}: ")), "{error}");
        let error = open_connection("nothing to resolve").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("\"nothing to resolve\" is not an address or name"), "{error}");
    });
}

#[test]
fn our_end_is_bound_where_it_was_asked_for() {
    run_live(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let local = "127.0.0.2:0".parse().unwrap();
        let opening = Connection::new().local_address(local).open(listener.local_addr().unwrap());
        let (reader, writer) = opening.await.unwrap();
        assert_eq!(listener.accept().unwrap().1, reader.get_ref().local_addr().unwrap());
        assert_eq!(writer.get_ref().unwrap().local_addr().unwrap().ip(), local.ip());
        drop((reader, writer));
        let foreign = Connection::new().local_address("192.0.2.1:0".parse().unwrap());
        let address = listener.local_addr().unwrap();
        let error = foreign.open(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().starts_with(&format!("cannot connect to {address}: ")), "{error}");
    });
}

#[test]
fn a_connection_with_a_limit_of_zero_is_refused() {
    run_live(async {
        let error = Connection::new().limit(0).open("127.0.0.1:1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "the limit of a stream reader is at least 1 byte, not 0");
    });
}

#[test]
fn a_listener_that_accepts_nobody_uses_the_time_up() {
    let directory = Directory::new("full");
    let path = directory.0.join("socket");
    run_live(async {
        let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let mut there = Vec::new();
        let brief = Connection::new().timeout(Duration::from_millis(20));
        let error = loop {
            match brief.open_unix(&path).await {
                Ok(pair) => there.push(pair),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let shown = path.display();
        assert_eq!(error.to_string(), format!("cannot connect to {shown}: the time limit of 20ms is over"));
        assert!(!there.is_empty(), "there was room for some");
        // With room again it goes on by itself.
        let mut waiting = Box::pin(open_unix_connection(&path));
        assert!(polled(2, waiting.as_mut()).await.is_none());
        while there.pop().is_some() {
            drop(listener.accept().unwrap());
        }
        drop(timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap());
    });
}

#[test]
fn a_tcp_listener_that_accepts_nobody_uses_the_time_up_and_is_named() {
    run_live(async {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut there = Vec::new();
        let brief = Connection::new().timeout(Duration::from_millis(20));
        let error = loop {
            match brief.open(address).await {
                Ok(pair) => there.push(pair),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), format!("cannot connect to {address}: the time limit of 20ms is over"));
        let attempts = error.downcast::<ConnectError>().unwrap();
        assert_eq!(attempts.attempts().next().unwrap().0, address);
    });
}

#[test]
fn an_opening_that_is_dropped_closes_the_socket() {
    run_live(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(open_connection(address));
        for times in 1..4 {
            drop(polled(times, open_connection(address)).await);
            yield_now().await;
        }
        assert_eq!((waits(), records::resources()), (vec![], vec![]));
    });
}
