//! What debug mode logs, besides its warnings: asyncio's lines at asyncio's levels, and nothing outside of debug mode.

#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/events.rs"]
mod events;
#[path = "support/records.rs"]
mod records;

use std::io::{Read, Write};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use events::Events;
use loopscope::io::AsyncFd;
use loopscope::net::{TcpStream, UdpSocket, UnixStream};
use loopscope::process::{Command, Pipe, Protocol, Stdio, Transport};
use loopscope::runner::Builder;
use loopscope::stream::{StreamReader, StreamWriter, open_connection};
use loopscope::{Runner, server};

/// Runs a test on a loop that is built so, with a subscriber that hears what is logged. No test here goes without one: a thread without a
/// subscriber that comes to a line first lets `tracing` forget, for all threads, that anybody wants it.
fn heard_on<F: Future>(builder: Builder, test: F) -> Events {
    let events = Events::default();
    // No threshold that a slow machine reaches: only what is logged counts here, not what is warned of, and the watchdog opens files.
    let builder = builder.slow_callback(Duration::from_secs(3_600));
    tracing::subscriber::with_default(events.subscriber(), || records::run_live_on(builder, test));
    events
}

/// What is logged while `test` runs on a loop that is built so: level and words, numbers of more than one digit as `#`.
fn logged_on<F: Future>(builder: Builder, test: F) -> Vec<String> {
    let heard = heard_on(builder, test).take();
    assert!(heard.iter().all(|event| event.target == "loopscope"));
    let lines = heard.iter().map(|event| format!("{} {}", event.level, shortened(event.field("message"))));
    lines.filter(|line| !line.contains("event loop")).collect()
}

fn logged<F: Future>(test: F) -> Vec<String> {
    logged_on(Runner::builder().debug(true), test)
}

fn shortened(words: &str) -> String {
    let mut text = String::new();
    let mut digits = String::new();
    for c in words.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        text.push_str(if digits.len() > 1 && digits != "127" { "#" } else { &digits });
        digits.clear();
        text.push(c);
    }
    text.trim_end_matches('\0').to_owned()
}

/// A server with one connection that says hello and goes.
async fn serve_one() {
    let handler = async |stream: TcpStream, _| {
        let (read, write) = stream.into_split();
        let mut writer = StreamWriter::new(write).named("client");
        assert_eq!(StreamReader::new(read).named("client").read_to_end().await.unwrap(), b"hello");
        writer.write_all(b"hello").await.unwrap();
        writer.close().await.unwrap();
    };
    let server = server::Builder::new().name("echo").serve_tcp("127.0.0.1:0", handler).await.unwrap();
    let (mut reader, mut writer) = open_connection(server.local_addrs()[0]).await.unwrap();
    writer.write_all(b"hello").await.unwrap();
    writer.shutdown().await.unwrap();
    assert_eq!(reader.read_to_end().await.unwrap(), b"hello");
    writer.close().await.unwrap();
    server.close();
    server.wait_closed().await;
}

#[test]
fn a_server_and_a_connection_are_logged_from_their_beginning_to_their_end() {
    let mut lines = logged(serve_one());
    // Which of the two ends hears first is the OS's to say.
    lines.sort();
    assert_eq!(
        lines,
        [
            "DEBUG 127.0.0.1:#: received EOF, 5 bytes are not read yet",
            "DEBUG client: received EOF, 5 bytes are not read yet",
            "DEBUG connected to 127.0.0.1:# from 127.0.0.1:#",
            "DEBUG server \"echo\" got a connection from 127.0.0.1:#: task ##",
            "DEBUG server \"echo\" is closed, with 0 connections left",
            "DEBUG server \"echo\" is done with 127.0.0.1:#",
            "INFO server \"echo\" is serving at 127.0.0.1:#",
        ]
    );
}

#[test]
fn outside_of_debug_mode_nothing_is_logged() {
    assert_eq!(logged_on(Runner::builder().debug(false), serve_one()), Vec::<String>::new());
}

#[test]
fn a_subscriber_that_panics_harms_nobody() {
    let events = Events::default();
    events.panic_at_each();
    tracing::subscriber::with_default(events.subscriber(), || {
        let builder = Runner::builder().debug(true).slow_callback(Duration::from_secs(3_600));
        records::run_live_on(builder, serve_one());
    });
    assert_eq!(events.take(), []);
}

#[test]
fn the_loop_itself_is_logged() {
    // Its descriptors are counted by nobody.
    let _alone = records::alone();
    let events = Events::default();
    tracing::subscriber::with_default(events.subscriber(), || {
        let mut runner = Runner::builder().name("app").debug(true).build().unwrap();
        runner.block_on(async {}).unwrap();
        drop(runner);
    });
    let lines: Vec<String> = events.take().iter().map(|event| shortened(event.field("message"))).collect();
    let [made, closed] = &lines[..] else { panic!("{lines:?}") };
    assert!(made.starts_with("made event loop ") && made.ends_with(" \"app\" on epoll"), "{made}");
    assert!(
        closed.starts_with("closes event loop ") && closed.ends_with(" \"app\", with 0 tasks left"),
        "{closed}"
    );
}

#[test]
fn a_connection_that_cannot_be_made_is_logged_with_each_attempt() {
    let lines = logged(async {
        let nobody = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        TcpStream::connect(nobody).await.unwrap_err()
    });
    assert_eq!(lines, ["DEBUG connecting to 127.0.0.1:# failed: Connection refused (os error #)"]);
}

#[test]
fn flow_control_is_logged_when_it_changes() {
    let lines = logged(async {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut writer = StreamWriter::new(one).named("slow reader");
        writer.write(&vec![0; 4 << 20]).unwrap();
        writer.write(b"and more, which changes nothing").unwrap();
        let reading = loopscope::spawn(async move {
            let mut reader = StreamReader::new(&mut other);
            reader.read_to_end().await.unwrap().len()
        });
        writer.drain().await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(reading.await.unwrap(), (4 << 20) + 31);
    });
    let lines: Vec<_> = lines.iter().filter_map(|line| line.split(", ").next()).collect();
    assert_eq!(
        lines,
        [
            "DEBUG slow reader: pauses writing",
            "DEBUG slow reader: resumes writing",
            "DEBUG the stream: received EOF",
        ]
    );
}

#[test]
fn a_failure_of_a_stream_is_logged_with_what_is_lost() {
    let lines = logged(async {
        let (one, other) = UnixStream::pair().unwrap();
        drop(other);
        let mut writer = StreamWriter::new(one).named("gone");
        drop(writer.write(b"hello").unwrap_err());
        drop(writer.close().await);
    });
    assert_eq!(lines, ["DEBUG gone: writing failed for good, 0 bytes are lost: Broken pipe (os error #)"]);
}

#[test]
fn a_datagram_socket_and_a_pipe_are_logged() {
    let lines = logged(async {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let pipe = loopscope::io::pipe().unwrap();
        drop((socket, pipe));
    });
    let kinds: Vec<&str> =
        lines.iter().map(|line| line.split_once(':').map_or(line.as_str(), |(kind, _)| kind)).collect();
    assert_eq!(
        kinds,
        ["INFO UDP socket made", "DEBUG pipe to read from is watched", "DEBUG pipe to write to is watched"]
    );
}

#[test]
fn a_child_is_logged_from_its_start_to_its_end() {
    let lines = logged(async {
        let mut command = Command::new("sh");
        command
            .args(["-c", "cat; exit 3"])
            .env("SECRET", "hush")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let output = command.spawn().unwrap().communicate(b"hello").await.unwrap();
        assert_eq!((&*output.stdout, output.status.code()), (&b"hello"[..], Some(3)));
    });
    let (mut pipes, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.contains("pipe to"));
    pipes.sort();
    pipes.dedup_by_key(|line| line.split(':').next().map(str::to_owned));
    assert_eq!(pipes.len(), 2, "{pipes:?} {lines:?}");
    assert!(!lines.iter().any(|line| line.contains("hush")), "{lines:?}");
    assert_eq!(
        lines[..3],
        [
            "DEBUG executing \"sh\" with [\"-c\", \"cat; exit 3\"], stdin=<pipe> stdout=<pipe> stderr=<inherited>",
            "INFO sh runs as pid #",
            "DEBUG stdin of a process is closed, 5 of 5 bytes were fed",
        ]
    );
    let mut end = lines[3..].to_vec();
    end.sort();
    assert_eq!(
        end,
        [
            "DEBUG an output of a process was closed by peer after 5 bytes",
            "INFO sh (pid #) has ended: exited with code 3",
        ]
    );
}

#[test]
fn a_child_that_is_killed_by_its_drop_is_logged_as_a_warning() {
    let lines = logged(async {
        let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
        let wait = child.wait();
        drop(child);
        wait.await.unwrap();
    });
    assert_eq!(lines[2], "WARN sleep (pid #) is dropped while it runs, and killed");
    assert!(lines.last().unwrap().starts_with("INFO sleep (pid #) has ended: "), "{lines:?}");
}

/// Tells its transport to pause and to go on, and writes more than is queued without a word.
struct Talks;

impl Protocol for Talks {
    fn connection_made(&mut self, transport: &Transport) {
        transport.pause_reading(Pipe::Stdout);
        transport.pause_reading(Pipe::Stdout);
        transport.resume_reading(Pipe::Stdout);
        transport.write(&vec![b'x'; 100_000]).unwrap();
        transport.write_eof();
    }
}

#[test]
fn a_childs_transport_is_logged_with_its_flow_control() {
    let lines = logged(async {
        let mut command = Command::new("cat");
        let (_, task) = command.stderr(Stdio::null()).spawn_with_protocol(Talks).unwrap();
        let _: Talks = task.await.unwrap();
    });
    let flow = lines.iter().filter(|line| line.contains("pauses") || line.contains("resumes"));
    // How many bytes are queued by then is the OS's to say.
    let flow: Vec<_> = flow.filter_map(|line| line.split(", ").next()).collect();
    assert_eq!(
        flow,
        [
            "DEBUG pauses reading stdout of a process",
            "DEBUG resumes reading stdout of a process",
            "DEBUG cat (pid #): pauses writing",
            "DEBUG cat (pid #): resumes writing",
        ]
    );
    let mut closed: Vec<_> = lines.iter().filter(|line| line.contains("is closed")).collect();
    closed.sort();
    assert_eq!(closed, ["INFO cat (pid #): stdin is closed", "INFO cat (pid #): stdout is closed"]);
}

#[test]
fn an_address_that_a_server_leaves_out_is_a_warning() {
    let lines = logged(async {
        let handler = async |_: TcpStream, _| {};
        // Of the addresses that documents may use nobody has one.
        let server = server::Builder::new().name("two").also_at("192.0.2.1:0");
        let server = server.serve_tcp("127.0.0.1:0", handler).await.unwrap();
        server.close();
        server.wait_closed().await;
    });
    assert!(lines[0].starts_with("WARN cannot listen at #.0.2.1:0, which is left out: "), "{lines:?}");
    assert_eq!(lines[1], "INFO server \"two\" is serving at 127.0.0.1:#");
}

#[test]
fn a_name_is_logged_with_how_long_it_took_and_what_it_is() {
    let lines = logged(async { loopscope::net::lookup_host(("localhost", 80)).await.unwrap() });
    assert_eq!(lines[0], "DEBUG getting the addresses of localhost:#");
    assert!(lines[1].starts_with("DEBUG getting the addresses of localhost:# took "), "{}", lines[1]);
    assert!(lines[1].contains("127.0.0.1") || lines[1].contains("::1"), "{}", lines[1]);
    assert_eq!(lines.len(), 2);
}

#[test]
fn sockets_are_set_to_non_blocking_and_refused_in_debug_mode_when_somebody_sets_them_back() {
    let is_blocking = |stream: &StdStream| {
        let flags = open_flags(stream);
        flags & 0o4000 == 0
    };
    let test = async |is_debug: bool| {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let std = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"xx").unwrap();
        let other_handle = std.try_clone().unwrap();
        assert!(is_blocking(&other_handle));
        let stream = TcpStream::from_std(std).unwrap();
        assert!(!is_blocking(&other_handle), "whatever it was, it does not block now");
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
        other_handle.set_nonblocking(false).unwrap();
        let read = stream.read(&mut [0]).await;
        if is_debug {
            let error = read.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with("the socket must be non-blocking: fd "), "{error}");
        } else {
            assert_eq!(read.unwrap(), 1);
        }
    };
    heard_on(Runner::builder().debug(true), test(true));
    heard_on(Runner::builder().debug(false), test(false));
}

#[test]
fn a_blocking_socket_behind_an_async_fd_is_refused_too() {
    heard_on(Runner::builder().debug(true), async {
        let (one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
        other.write_all(b"x").unwrap();
        let socket = AsyncFd::new(one).unwrap();
        socket.get_ref().set_nonblocking(false).unwrap();
        let error = socket.read_with(|mut socket| socket.read(&mut [0])).await.unwrap_err();
        assert!(error.to_string().starts_with("the socket must be non-blocking: fd "), "{error}");
    });
}

/// The flags of an open file, as `/proc` tells them: octal.
fn open_flags(fd: &impl AsRawFd) -> u32 {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    u32::from_str_radix(flags.trim(), 8).unwrap()
}
