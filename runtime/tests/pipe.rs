//! Pipes between tasks, and between tasks and threads.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/polls.rs"]
mod polls;
#[path = "support/records.rs"]
mod records;

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read as _, Write as _};
use std::os::fd::AsRawFd;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use loopscope::io::{PipeReader, PipeWriter, pipe};
use loopscope::telemetry::WaitKind;
use loopscope::{spawn, yield_now};
use polls::poll_once;

#[test]
fn bytes_and_the_end_come_in_order() {
    records::run_live(async {
        let (reader, writer) = pipe().unwrap();
        writer.write_all(b"one").await.unwrap();
        assert_eq!(writer.write_vectored(&[IoSlice::new(b"tw"), IoSlice::new(b"o")]).await.unwrap(), 3);
        drop(writer);
        let (mut first, mut rest) = ([0; 2], [0; 8]);
        let count =
            reader.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut rest)]).await;
        assert_eq!((count.unwrap(), &first, &rest[..4]), (6, b"on", &b"etwo"[..]));
        assert_eq!(reader.read(&mut rest).await.unwrap(), 0);
        assert_eq!(reader.read_exact(&mut rest).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn a_writer_waits_while_the_pipe_is_full_and_every_byte_arrives() {
    records::run_live(async {
        let (mut reader, writer) = pipe().unwrap();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
        let bytes = sent.clone();
        let writing = spawn(async move { writer.write_all(&bytes).await });
        yield_now().await;
        let waits: Vec<_> = records::waits().iter().map(|wait| wait.kind).collect();
        assert_eq!(waits, [WaitKind::Write]);
        let mut got = Vec::new();
        reader.read_to_end(&mut got).await.unwrap();
        assert!(got == sent, "{} bytes", got.len());
        writing.await.unwrap().unwrap();
    });
}

#[test]
fn a_thread_and_a_task_take_turns() {
    records::run_live(async {
        let (ours, theirs) = std::io::pipe().unwrap();
        let (back, forth) = std::io::pipe().unwrap();
        let thread = std::thread::spawn(move || {
            let (mut from, mut to, mut byte) = (back, theirs, [0]);
            while from.read(&mut byte).unwrap() == 1 {
                to.write_all(&[byte[0] + 1]).unwrap();
            }
        });
        let (reader, writer) = (PipeReader::from_fd(ours).unwrap(), PipeWriter::from_fd(forth).unwrap());
        for sent in 0..100_u8 {
            writer.write_all(&[sent]).await.unwrap();
            let mut byte = [0];
            reader.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, [sent + 1]);
        }
        drop(writer);
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
        thread.join().unwrap();
    });
}

#[test]
fn a_write_that_nobody_reads_is_a_broken_pipe_and_can_be_waited_for() {
    records::run_live(async {
        let (reader, writer) = pipe().unwrap();
        let mut broken = Box::pin(writer.broken());
        assert!(poll_once(&mut broken).is_pending());
        let waiting = async {
            broken.await;
            writer.write(b"x").await.unwrap_err().kind()
        };
        let dropping = async {
            yield_now().await;
            drop(reader);
        };
        let (kind, ()) = loopscope::join!(waiting, dropping);
        assert_eq!(kind, ErrorKind::BrokenPipe);
        writer.broken().await;
    });
}

#[test]
fn closing_through_the_trait_is_the_end_for_the_reader_and_an_error_for_the_writer() {
    records::run_live(async {
        let (reader, mut writer) = pipe().unwrap();
        AsyncWriteExt::write_all(&mut writer, b"last").await.unwrap();
        AsyncWriteExt::close(&mut writer).await.unwrap();
        AsyncWriteExt::close(&mut writer).await.unwrap();
        let mut bytes = [0; 8];
        assert_eq!(AsyncReadExt::read(&mut &reader, &mut bytes).await.unwrap(), 4);
        assert_eq!(AsyncReadExt::read(&mut &reader, &mut bytes).await.unwrap(), 0);
        let error = PipeWriter::write(&writer, b"more").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::BrokenPipe, "this end of the pipe is closed")
        );
        assert_eq!(PipeWriter::write_all(&writer, b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        writer.writable().await;
        writer.broken().await;
        assert_eq!(writer.into_fd().unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_read_can_be_dropped_at_each_step_and_no_byte_is_lost() {
    records::run_live(async {
        let (reader, writer) = pipe().unwrap();
        let (mut one, mut two, mut three) = ([0; 1], [0; 1], [0; 8]);
        drop(reader.read(&mut one));
        let mut pending = Box::pin(reader.read(&mut one));
        assert!(poll_once(&mut pending).is_pending());
        let mut notified = Box::pin(reader.read(&mut two));
        assert!(poll_once(&mut notified).is_pending());
        drop(pending);
        writer.write_all(b"bytes").await.unwrap();
        reader.readable().await;
        drop(notified);
        assert_eq!(reader.read(&mut three).await.unwrap(), 5);
        assert_eq!(&three[..5], b"bytes");
    });
}

#[test]
fn a_write_can_be_dropped_at_each_step_and_writes_all_or_nothing_of_a_call() {
    records::run_live(async {
        let (reader, writer) = pipe().unwrap();
        let full = vec![1; 1 << 20];
        let mut written = writer.write(&full).await.unwrap();
        drop(writer.write(&full));
        let mut pending = Box::pin(writer.write(&full));
        let mut notified = Box::pin(writer.write(&full));
        assert!(poll_once(&mut pending).is_pending() && poll_once(&mut notified).is_pending());
        drop(pending);
        let mut got = vec![0; 1 << 20];
        let mut read = reader.read(&mut got).await.unwrap();
        writer.writable().await;
        drop(notified);
        written += writer.write(b"end").await.unwrap();
        drop(writer);
        while let count @ 1.. = reader.read(&mut got).await.unwrap() {
            read += count;
        }
        assert_eq!(read, written);
    });
}

#[test]
fn a_file_is_no_pipe() {
    records::run_live(async {
        let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let start = format!("cannot watch descriptor {} as a pipe: ", file.as_raw_fd());
        let copy = file.try_clone().unwrap();
        let error = PipeReader::from_fd(file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().starts_with(&start), "{error}");
        assert_eq!(PipeWriter::from_fd(copy).unwrap_err().kind(), ErrorKind::PermissionDenied);
    });
}
