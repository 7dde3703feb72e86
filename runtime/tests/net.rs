//! Sockets against each other and against the standard library.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::ops::ControlFlow;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use loopscope::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use loopscope::spawn;
use loopscope::telemetry::{self, ResourceKind, WaitKind};

#[test]
fn bytes_go_both_ways_and_the_end_is_seen() {
    loopscope::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            (&stream).read_to_end(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let client = TcpStream::connect(address).await.unwrap();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let (reader, writer) = client.into_split();
        let expected = sent.clone();
        let reading = spawn(async move {
            let mut reader = reader;
            let mut got = Vec::new();
            reader.read_to_end(&mut got).await.unwrap();
            got
        });
        let mut writer = writer;
        AsyncWriteExt::write_all(&mut writer, &sent).await.unwrap();
        drop(writer);
        assert!(reading.await.unwrap() == expected);
        server.await.unwrap();
    });
}

#[test]
fn data_and_the_end_in_one_edge_are_both_read() {
    loopscope::run(async {
        for _ in 0..200 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let thread = std::thread::spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.write_all(b"bye").unwrap();
            });
            let (stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            (&stream).read_to_end(&mut bytes).await.unwrap();
            assert_eq!(bytes, b"bye");
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    loopscope::run(async {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with(&format!("cannot connect to {address}: ")), "{error}");
        let error = TcpListener::bind("localhost:80").unwrap_err();
        assert!(error.to_string().contains("\"localhost:80\" is not an IP address"), "{error}");
    });
}

#[test]
fn unix_sockets_know_their_peer() {
    let directory = std::env::temp_dir().join(format!("loopscope-net-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    loopscope::run(async {
        let listener = UnixListener::bind(&path).unwrap();
        let thread = {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
                stream.write_all(b"hello").unwrap();
                let mut reply = String::new();
                stream.read_to_string(&mut reply).unwrap();
                reply
            })
        };
        let (stream, _) = listener.accept().await.unwrap();
        assert_eq!(stream.peer_cred().unwrap().pid, std::process::id().cast_signed());
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        drop(stream);
        assert_eq!(thread.join().unwrap(), "hello");
        let again = UnixListener::bind(&path).unwrap_err();
        assert!(again.to_string().contains("socket"), "{again}");
    });
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_reader_is_seen_waiting_with_its_place_and_the_bytes_are_counted() {
    loopscope::run(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let line = line!() + 4;
        let reader = spawn(async move {
            let mut bytes = [0; 4];
            ours.read_exact(&mut bytes).await.unwrap();
            ours.read_exact(&mut bytes).await.unwrap_err();
            ours
        });
        theirs.write_all(b"ping").await.unwrap();
        loopscope::yield_now().await;
        loopscope::sleep(std::time::Duration::from_millis(1)).await;
        let loops = telemetry::loops();
        let here = loopscope::Handle::current().reader();
        assert!(loops.iter().any(|reader| reader.id() == here.id()));
        let mut waits = Vec::new();
        here.waits(&mut |wait| {
            waits.push(*wait);
            ControlFlow::Continue(())
        });
        let wait = waits.iter().find(|wait| wait.kind == WaitKind::Read).unwrap();
        assert_eq!(wait.task, reader.id().as_u64());
        assert_eq!(here.place(wait.at.unwrap()).unwrap().line, line);
        let mut found = None;
        here.resources(&mut |resource| {
            if Some(resource.id) == wait.resource {
                found = Some(resource.clone());
            }
            ControlFlow::Continue(())
        });
        let resource = found.unwrap();
        assert_eq!(resource.kind, ResourceKind::Unix);
        assert_eq!(resource.io.unwrap().bytes_read, 4);
        drop(theirs);
        reader.await.unwrap();
    });
}

#[test]
fn a_leaf_that_is_spawned_directly_has_no_await_but_a_place_where_it_was_made() {
    loopscope::run(async {
        let line = line!() + 1;
        let task = spawn(loopscope::sleep(std::time::Duration::from_secs(60)));
        loopscope::yield_now().await;
        let here = loopscope::Handle::current().reader();
        let mut found = None;
        here.waits(&mut |wait| {
            found = (wait.task == task.id().as_u64()).then_some(*wait).or(found);
            ControlFlow::Continue(())
        });
        let wait = found.unwrap();
        assert_eq!((wait.at, here.place(wait.made_at.unwrap()).unwrap().line), (None, line));
        task.cancel().await;
    });
}

#[test]
fn a_descriptor_that_outlives_its_loop_leaves_the_next_one_alone() {
    use loopscope::io::AsyncFd;
    use std::sync::Arc;
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let ours = Arc::new(ours);
    let stale = loopscope::run(async { AsyncFd::new(Arc::clone(&ours)).unwrap() });
    // The next loop of this thread has the same slot, unless another test was faster.
    loopscope::run(async {
        let fresh = AsyncFd::new(Arc::clone(&ours)).unwrap();
        (&theirs).write_all(b"x").unwrap();
        stale.clear_readable();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::pin::pin!(fresh.readable()).poll(&mut cx).is_ready());
        drop(stale);
        fresh.readable().await;
    });
}
