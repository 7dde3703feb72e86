//! Streams with buffers over sockets: waits with the lines they are awaited on, resets, half-open ends.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/scripted.rs"]
mod scripted;

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use loopscope::net::{ReadHalf, TcpListener, UnixStream, WriteHalf};
use loopscope::stream::{ReadError, StreamReader, StreamWriter, WriteError, open_connection};
use loopscope::telemetry::WaitKind;
use loopscope::{spawn, timeout};
use records::{here, run_live, waits};
use scripted::polled;

type Reader = StreamReader<ReadHalf<UnixStream>>;
type Writer = StreamWriter<WriteHalf<UnixStream>>;

/// A connection within the process: a reader and a writer of one end, the other end for the standard library.
fn pair() -> (Reader, Writer, std::os::unix::net::UnixStream) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let (read, write) = UnixStream::from_std(ours).unwrap().into_split();
    (StreamReader::new(read), StreamWriter::new(write), theirs)
}

/// Until a condition holds: the OS tells a loop of what happened elsewhere a little later.
async fn until(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            loopscope::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(60), waiting).await.unwrap();
}

/// More than the OS keeps for a socket.
fn much() -> Vec<u8> {
    (0..4_000_000_u32).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect()
}

#[test]
fn lines_go_to_a_server_and_back() {
    run_live(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (reader, writer) = stream.into_split();
            let mut reader = StreamReader::new(reader);
            let mut writer = StreamWriter::new(writer);
            let mut lines = Vec::new();
            let mut each = reader.lines();
            while let Some(line) = each.next_line().await.unwrap() {
                writer.write(line.to_uppercase().as_bytes()).unwrap();
                writer.write(b"\n").unwrap();
                writer.drain().await.unwrap();
                lines.push(line);
            }
            writer.close().await.unwrap();
            lines
        });
        let (mut reader, mut writer) = open_connection(address).await.unwrap();
        assert_eq!(reader.get_ref().peer_addr().unwrap(), address);
        assert!(reader.get_ref().nodelay().unwrap());
        writer.write_vectored(&[b"one\n", b"", b"two\n"]).unwrap();
        assert_eq!(reader.read_line().await.unwrap(), b"ONE\n");
        assert_eq!(reader.read_line().await.unwrap(), b"TWO\n");
        writer.write_all(b"three").await.unwrap();
        writer.shutdown().await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), b"THREE\n", "one end is shut, the other is open");
        assert!(reader.at_eof());
        writer.close().await.unwrap();
        assert_eq!(server.await.unwrap(), ["one", "two", "three"]);
    });
}

#[test]
fn each_way_to_read_waits_on_the_socket_with_its_own_line() {
    run_live(async {
        let (mut reader, _writer, mut theirs) = pair();
        let (sender, receiver) = loopscope::sync::oneshot::channel();
        let task = spawn(async move {
            let mut lines = Vec::new();
            let mut bytes = [0; 2];
            lines.push(here() + 1);
            reader.read_line().await.unwrap();
            lines.push(here() + 1);
            reader.read_until("\n").await.unwrap();
            lines.push(here() + 1);
            reader.read_exact(2).await.unwrap();
            lines.push(here() + 1);
            reader.read_exact_into(&mut bytes).await.unwrap();
            lines.push(here() + 1);
            reader.read(&mut bytes).await.unwrap();
            lines.push(here() + 1);
            reader.read_some(2).await.unwrap();
            lines.push(here() + 1);
            reader.fill_buf().await.unwrap();
            reader.consume(2);
            lines.push(here() + 1);
            reader.skip_until(b'\n').await.unwrap();
            lines.push(here() + 1);
            reader.lines().next_line().await.unwrap();
            let mut stream = reader.lines();
            lines.push(here() + 1);
            let next = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_next(cx));
            next.await.unwrap().unwrap();
            lines.push(here() + 1);
            reader.read_to_end().await.unwrap();
            sender.send(lines).unwrap();
        });
        let socket = records::resources().into_iter().next().unwrap().id;
        let mut seen = Vec::new();
        for _ in 0..11 {
            until(|| waits().iter().any(|wait| wait.kind == WaitKind::Read)).await;
            let wait = waits().into_iter().find(|wait| wait.kind == WaitKind::Read).unwrap();
            assert_eq!((wait.task, wait.resource), (task.id().as_u64(), Some(socket)));
            seen.push(wait.at);
            if seen.len() == 11 {
                theirs.shutdown(std::net::Shutdown::Both).unwrap();
            } else {
                theirs.write_all(b"x\n").unwrap();
            }
            // The next one waits only when the loop has told this one.
            until(|| {
                waits().iter().all(|wait| wait.kind != WaitKind::Read || wait.at != *seen.last().unwrap())
            })
            .await;
        }
        assert_eq!(receiver.await.unwrap(), seen);
        task.await.unwrap();
    });
}

#[test]
fn each_way_to_write_waits_on_the_socket_with_its_own_line() {
    run_live(async {
        for way in 0..5 {
            let (_reader, mut writer, mut theirs) = pair();
            let (sender, receiver) = loopscope::sync::oneshot::channel();
            let task = spawn(async move {
                let much = much();
                let line = match way {
                    0 => {
                        sender.send(here() + 1).unwrap();
                        writer.write_all(&much).await
                    }
                    way => {
                        writer.write(&much).unwrap();
                        match way {
                            1 => {
                                sender.send(here() + 1).unwrap();
                                writer.drain().await
                            }
                            2 => {
                                sender.send(here() + 1).unwrap();
                                writer.flush().await
                            }
                            3 => {
                                sender.send(here() + 1).unwrap();
                                writer.shutdown().await
                            }
                            _ => {
                                sender.send(here() + 1).unwrap();
                                writer.close().await
                            }
                        }
                    }
                };
                line.unwrap();
                writer.close().await.unwrap();
            });
            let line = receiver.await.unwrap();
            until(|| waits().iter().any(|wait| wait.kind == WaitKind::Write && wait.at == line)).await;
            let all = waits();
            let writing: Vec<_> = all.iter().filter(|wait| wait.kind == WaitKind::Write).collect();
            assert_eq!(writing.len(), 1, "one task sends, not two: {all:?}");
            assert_eq!(writing[0].task, task.id().as_u64());
            assert!(records::resources().iter().any(|resource| Some(resource.id) == writing[0].resource));
            let thread = std::thread::spawn(move || {
                let mut bytes = Vec::new();
                theirs.read_to_end(&mut bytes).unwrap();
                bytes
            });
            task.await.unwrap();
            assert!(thread.join().unwrap() == much());
        }
    });
}

#[test]
fn a_read_that_is_dropped_is_no_longer_shown() {
    run_live(async {
        let (mut reader, _writer, mut theirs) = pair();
        for way in 0..5 {
            let mut bytes = [0; 4];
            match way {
                0 => drop(polled(1, reader.read_line()).await),
                1 => drop(polled(2, reader.read(&mut bytes)).await),
                2 => drop(polled(1, reader.fill_buf()).await),
                3 => drop(polled(2, reader.lines().next_line()).await),
                _ => drop(timeout(Duration::from_nanos(1), reader.read_exact(3)).await.unwrap_err()),
            }
            assert_eq!(waits(), [], "way {way}");
        }
        theirs.write_all(b"bytes\n").unwrap();
        assert_eq!(reader.read_line().await.unwrap(), b"bytes\n");
    });
}

#[test]
fn a_wait_that_another_future_took_over_stays() {
    run_live(async {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let socket = UnixStream::from_std(ours).unwrap();
        let mut one = StreamReader::new(&socket);
        let mut two = StreamReader::new(&socket);
        let mut first = Box::pin(one.read_line());
        assert!(polled(1, first.as_mut()).await.is_none());
        let mut second = Box::pin(two.read_line());
        assert!(polled(1, second.as_mut()).await.is_none());
        drop(first);
        assert_eq!(waits().len(), 1);
        theirs.write_all(b"line\n").unwrap();
        assert_eq!(timeout(Duration::from_secs(60), second).await.unwrap().unwrap(), b"line\n");
    });
}

#[test]
fn what_is_written_without_drain_arrives_while_the_writer_waits_for_an_answer() {
    run_live(async {
        let (mut reader, mut writer, mut theirs) = pair();
        writer.write(&much()).unwrap();
        assert!(writer.is_above_high_water());
        let thread = std::thread::spawn(move || {
            let mut bytes = vec![0; 4_000_000];
            theirs.read_exact(&mut bytes).unwrap();
            theirs.write_all(b"thanks\n").unwrap();
            bytes
        });
        assert_eq!(reader.read_line().await.unwrap(), b"thanks\n");
        assert!(thread.join().unwrap() == much());
        assert_eq!(writer.write_buffer_size(), 0);
    });
}

#[test]
fn the_flusher_is_seen_writing_to_the_socket() {
    run_live(async {
        let (_reader, writer, mut theirs) = pair();
        let mut writer = writer.named("the peer");
        let line = here() + 1;
        writer.write(&much()).unwrap();
        let handle = loopscope::Handle::current();
        let mut found = None;
        handle.reader().tasks(&mut |task| {
            let name = task.name.and_then(|name| handle.reader().name(name)).unwrap_or_default();
            if name == "flusher of the peer" {
                found = Some(task.id);
            }
            std::ops::ControlFlow::Continue(())
        });
        until(|| waits().iter().any(|wait| Some(wait.task) == found)).await;
        let wait = waits().into_iter().find(|wait| Some(wait.task) == found).unwrap();
        let socket = records::resource();
        assert_eq!((wait.kind, wait.resource), (WaitKind::Write, Some(socket.id)));
        let task = found.and_then(|id| loopscope::all_tasks().into_iter().find(|task| task.as_u64() == id));
        assert!(task.is_some());
        assert_eq!(spawned_at("flusher of the peer"), line, "it was the write that spawned it");
        let thread = std::thread::spawn(move || theirs.read_to_end(&mut Vec::new()).unwrap());
        writer.close().await.unwrap();
        assert_eq!(thread.join().unwrap(), 4_000_000);
    });
}

/// The line of the spawn of the task of this name.
fn spawned_at(name: &str) -> u32 {
    let reader = loopscope::Handle::current().reader();
    let mut site = None;
    reader.tasks(&mut |task| {
        if task.name.and_then(|name| reader.name(name)).as_deref() == Some(name) {
            site = Some(task.site);
        }
        std::ops::ControlFlow::Continue(())
    });
    let site = reader.sites().into_iter().find(|view| Some(view.index) == site).unwrap();
    reader.place(site.place).unwrap().line
}

/// A TCP connection whose other end is the standard library's.
async fn tcp() -> (loopscope::stream::TcpPair, std::net::TcpStream, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pair = open_connection(address).await.unwrap();
    (pair, listener.accept().unwrap().0, address)
}

/// Ends a connection so that the other end hears of a reset.
fn reset(stream: std::net::TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn a_reset_in_the_middle_of_a_line_leaves_the_half_line() {
    run_live(async {
        let ((mut reader, mut writer), mut theirs, address) = tcp().await;
        theirs.write_all(b"whole\nhalf").unwrap();
        assert_eq!(reader.read_line().await.unwrap(), b"whole\n");
        while reader.buffer().len() < 4 {
            assert!(timeout(Duration::from_millis(1), reader.read_line()).await.is_err());
        }
        reset(theirs);
        for _ in 0..2 {
            let error = reader.read_line().await.unwrap_err();
            let expected = format!("cannot read from {address}: Connection reset by peer (os error 104)");
            assert_eq!(error.to_string(), expected);
            assert_eq!(
                error.source().unwrap().downcast_ref::<io::Error>().unwrap().raw_os_error(),
                Some(104)
            );
        }
        assert_eq!(reader.buffer(), b"half");
        assert_eq!(reader.read_some(10).await.unwrap(), b"half");
        assert_eq!(reader.read_to_end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let error = writer.write_all(b"x").await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
        assert!(error.to_string().starts_with(&format!("cannot write to {address}: ")), "{error}");
        assert!(writer.close().await.is_err());
    });
}

#[test]
fn a_peer_that_resets_while_we_drain_is_told_by_drain() {
    run_live(async {
        let ((_reader, mut writer), theirs, address) = tcp().await;
        writer.write(&much()).unwrap();
        assert!(polled(2, writer.drain()).await.is_none());
        reset(theirs);
        let error = writer.drain().await.unwrap_err();
        assert!(matches!(error, WriteError::Failed(_)));
        assert_eq!(
            error.to_string(),
            format!("cannot write to {address}: Connection reset by peer (os error 104)")
        );
        assert_eq!(writer.drain().await.unwrap_err().kind(), ErrorKind::ConnectionReset, "and again");
        assert_eq!(writer.write(b"more").unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(writer.write_buffer_size(), 0);
    });
}

#[test]
fn a_half_open_connection_is_written_to_after_its_end_was_read() {
    run_live(async {
        let ((mut reader, mut writer), mut theirs, _) = tcp().await;
        theirs.write_all(b"ab").unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let Err(ReadError::Incomplete(end)) = reader.read_exact(3).await else { panic!("it is whole") };
        assert_eq!((end.partial, end.expected), (b"ab".to_vec(), Some(3)));
        assert!(reader.at_eof());
        writer.write_all(b"still here").await.unwrap();
        writer.close().await.unwrap();
        writer.close().await.unwrap();
        assert!(matches!(writer.write(b"x"), Err(WriteError::Closed(_))));
        let mut rest = String::new();
        theirs.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "still here");
    });
}

#[test]
fn closing_does_not_wait_for_what_nobody_reads() {
    run_live(async {
        let ((reader, mut writer), mut theirs, _) = tcp().await;
        theirs.write_all(b"unread").unwrap();
        writer.close().await.unwrap();
        drop((reader, writer));
        let ended = theirs.read(&mut [0; 1]);
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    });
}

#[test]
fn the_halves_make_one_stream_again() {
    run_live(async {
        let (mut reader, writer, mut theirs) = pair();
        theirs.write_all(b"one\ntwo").unwrap();
        reader.read_line().await.unwrap();
        let (read, buffered) = reader.into_parts();
        let (write, unsent) = writer.into_parts();
        let stream = write.unwrap().reunite(read).unwrap();
        assert_eq!((buffered, unsent), (b"two".to_vec(), Vec::new()));
        stream.write_all(b"whole again").await.unwrap();
        drop(stream);
        let mut bytes = String::new();
        theirs.read_to_string(&mut bytes).unwrap();
        assert_eq!(bytes, "whole again");
    });
}

#[test]
fn a_pipe_is_read_to_its_end() {
    run_live(async {
        let (read, write) = loopscope::io::pipe().unwrap();
        let mut reader = StreamReader::with_limit(read, 1).unwrap();
        let mut writer = StreamWriter::new(write);
        writer.write_all(b"data").await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), b"data");
        assert!(reader.at_eof());
    });
}

/// Calls of the OS on the sockets of this loop: reads, writes, and those that found nothing to do.
fn calls() -> (u64, u64, u64) {
    let mut calls = (0, 0, 0);
    loopscope::Handle::current().reader().resources(&mut |resource| {
        let io = resource.io.as_ref().unwrap();
        calls = (calls.0 + io.reads, calls.1 + io.writes, calls.2 + io.would_block);
        std::ops::ControlFlow::Continue(())
    });
    calls
}

#[test]
fn an_echo_costs_one_read_and_one_write_a_message_at_each_end() {
    run_live(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = spawn(async move {
            let (read, write) = theirs.into_split();
            let (mut reader, mut writer) = (StreamReader::new(read), StreamWriter::new(write));
            let mut message = [0; 64];
            while reader.read_exact_into(&mut message).await.is_ok() {
                writer.write_all(&message).await.unwrap();
            }
        });
        let (read, write) = ours.into_split();
        let (mut reader, mut writer) = (StreamReader::new(read), StreamWriter::new(write));
        let mut line = String::new();
        let message = format!("{}\n", "x".repeat(63));
        for _ in 0..1000 {
            writer.write(message.as_bytes()).unwrap();
            writer.drain().await.unwrap();
            line.clear();
            assert_eq!(reader.read_line_into(&mut line).await.unwrap(), 64);
        }
        let (received, sent, idle) = calls();
        assert_eq!((received, sent), (2000, 2000));
        // Each end tries once before it is told anything.
        assert!(idle <= 10, "{idle} calls found nothing to do");
        writer.close().await.unwrap();
        server.await.unwrap();
    });
}

#[test]
fn a_writer_that_is_taken_apart_leaves_no_wait() {
    run_live(async {
        let (_reader, mut writer, _theirs) = pair();
        writer.write(&much()).unwrap();
        until(|| waits().iter().any(|wait| wait.kind == WaitKind::Write)).await;
        let (write, unsent) = writer.into_parts();
        assert!(!unsent.is_empty());
        loopscope::yield_now().await;
        loopscope::yield_now().await;
        assert_eq!(waits(), []);
        drop(write);
    });
}
