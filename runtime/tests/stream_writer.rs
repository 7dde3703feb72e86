//! A writer over scripted destinations: what is sent when, what `drain` waits for, and that dropped writes tear nothing.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;
#[path = "support/scripted.rs"]
mod scripted;
#[path = "support/trace.rs"]
mod trace;

use std::error::Error;
use std::io::{self, ErrorKind};

use futures_util::io::AllowStdIo;
use loopscope::runner::UnhandledKind;
use loopscope::stream::{StreamWriter, WriteError};
use loopscope::{Runner, spawn, yield_now};
use records::run;
use scripted::{Destination, Takes, polled};
use trace::{Trace, paused};

/// The writer's own task has done what it can, and is gone if it was cancelled.
async fn settled() {
    for _ in 0..4 {
        yield_now().await;
    }
}

/// Names of the tasks of this loop that are not over.
fn tasks() -> Vec<String> {
    let mut names = Vec::new();
    loopscope::Handle::current().reader().tasks(&mut |task| {
        if !task.state.is_finished() {
            let reader = loopscope::Handle::current().reader();
            names.extend(task.name.and_then(|name| reader.name(name)));
        }
        std::ops::ControlFlow::Continue(())
    });
    names.retain(|name| name.starts_with("flusher"));
    names
}

#[test]
fn what_the_destination_takes_at_once_is_never_queued() {
    run(async {
        let to = Destination::default();
        let mut writer = StreamWriter::new(to.clone());
        writer.write(b"").unwrap();
        writer.write(b"one").unwrap();
        writer.write_vectored(&[b"two", b"", b"three"]).unwrap();
        writer.write_vectored(&[b"", b""]).unwrap();
        writer.write_all(b"four").await.unwrap();
        assert_eq!((to.bytes(), writer.write_buffer_size()), (b"onetwothreefour".to_vec(), 0));
        assert_eq!(to.calls(), ["write", "write", "write"]);
        assert_eq!(tasks(), [""; 0]);
        writer.close().await.unwrap();
        assert_eq!(to.calls(), ["write", "write", "write", "flush", "close"]);
    });
}

#[test]
fn what_is_written_without_drain_is_sent_by_a_task_with_a_name() {
    run(async {
        let to = Destination::of([Takes::Some(2), Takes::Later, Takes::Some(3), Takes::Later]);
        let mut writer = StreamWriter::new(to.clone()).named("the peer");
        writer.write(b"abcdef").unwrap();
        writer.write(b"ghi").unwrap();
        assert_eq!((to.bytes(), writer.write_buffer_size()), (b"ab".to_vec(), 7));
        assert_eq!(tasks(), ["flusher of the peer"]);
        settled().await;
        assert_eq!((to.bytes(), writer.write_buffer_size()), (b"abcdefghi".to_vec(), 0));
        assert_eq!(tasks(), [""; 0], "it lives only as long as something is queued");
        writer.write(b"j").unwrap();
        assert_eq!(to.bytes(), b"abcdefghij");
    });
}

#[test]
fn the_marks_are_those_of_asyncio_and_follow_its_rules() {
    run(async {
        let mut writer = StreamWriter::new(Destination::default());
        assert_eq!(writer.write_buffer_limits(), (64 * 1024, 16 * 1024));
        for (high, low, limits) in [
            (Some(100), None, (100, 25)),
            (None, Some(10), (40, 10)),
            (Some(7), Some(7), (7, 7)),
            (Some(0), None, (0, 0)),
            (None, None, (65536, 16384)),
        ] {
            writer.set_write_buffer_limits(high, low).unwrap();
            assert_eq!(writer.write_buffer_limits(), limits);
        }
        let error = writer.set_write_buffer_limits(Some(1), Some(2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the low-water mark of a stream writer (2) is not above the high one (1)"
        );
        assert_eq!(writer.write_buffer_limits(), (65536, 16384));
    });
}

#[test]
fn drain_waits_above_the_high_mark_until_the_low_one() {
    run(async {
        let to = Destination::blocked();
        let mut writer = StreamWriter::new(to.clone());
        writer.set_write_buffer_limits(Some(10), Some(4)).unwrap();
        writer.write(&[1; 10]).unwrap();
        assert!(!writer.is_above_high_water());
        assert!(polled(1, writer.drain()).await.is_some(), "ten are not above ten");
        writer.write(&[2]).unwrap();
        assert!(writer.is_above_high_water());
        assert!(polled(3, writer.drain()).await.is_none());
        to.open([Takes::Some(6), Takes::Later]);
        to.block();
        assert!(polled(3, writer.drain()).await.is_none(), "five are above four");
        assert!(writer.is_above_high_water());
        to.open([Takes::Some(1)]);
        to.block();
        polled(1, writer.drain()).await.unwrap().unwrap();
        assert_eq!(writer.write_buffer_size(), 4);
        assert!(!writer.is_above_high_water());
        writer.write(&[3; 6]).unwrap();
        assert!(polled(1, writer.drain()).await.is_some(), "it counts anew");
        to.open([]);
        settled().await;
        assert_eq!(to.bytes(), [&[1; 10][..], &[2], &[3; 6]].concat());
    });
}

#[test]
fn a_lower_mark_makes_drain_wait_for_what_is_queued_already() {
    run(async {
        let to = Destination::blocked();
        let mut writer = StreamWriter::new(to.clone());
        writer.write(&[0; 100]).unwrap();
        assert!(polled(1, writer.drain()).await.is_some());
        writer.set_write_buffer_limits(Some(99), None).unwrap();
        assert!(polled(1, writer.drain()).await.is_none());
        writer.set_write_buffer_limits(None, Some(100)).unwrap();
        assert!(polled(1, writer.drain()).await.is_some());
        writer.abort();
        settled().await;
    });
}

#[test]
fn a_drain_that_is_dropped_leaves_the_rest_to_the_flusher() {
    run(async {
        let to = Destination::blocked();
        let mut writer = StreamWriter::new(to.clone());
        writer.set_write_buffer_limits(Some(0), None).unwrap();
        writer.write(b"abc").unwrap();
        drop(writer.drain());
        assert!(polled(2, writer.drain()).await.is_none());
        assert!(polled(2, writer.flush()).await.is_none());
        to.open([]);
        settled().await;
        assert_eq!(to.bytes(), b"abc");
        assert!(polled(1, writer.drain()).await.is_some());
    });
}

#[test]
fn a_write_that_is_dropped_is_all_sent_or_not_at_all() {
    run(async {
        let to = Destination::blocked();
        let mut writer = StreamWriter::new(to.clone());
        drop(writer.write_all(b"never"));
        assert!(polled(2, writer.write_all(b"one ")).await.is_none());
        assert_eq!(writer.write_buffer_size(), 4);
        assert!(polled(2, writer.write_all(b"two ")).await.is_none(), "it stands behind");
        to.open([Takes::Some(5), Takes::Some(1)]);
        to.block();
        assert!(polled(2, writer.write_all(b"three")).await.is_none());
        assert_eq!(to.bytes(), b"one tw");
        to.open([]);
        settled().await;
        assert_eq!(to.bytes(), b"one two three");
    });
}

#[test]
fn shutdown_sends_the_rest_and_the_end_and_close_lets_go() {
    run(async {
        let to = Destination::of([Takes::Some(1), Takes::Later]);
        let mut writer = StreamWriter::new(to.clone()).named("the peer");
        writer.write(b"abc").unwrap();
        assert!(!writer.is_closing());
        writer.shutdown().await.unwrap();
        assert!(writer.is_closing());
        assert_eq!((to.bytes(), to.calls()), (b"abc".to_vec(), vec!["write", "write", "flush", "close"]));
        for outcome in [writer.write(b"d"), writer.write_vectored(&[b"d"]), writer.write_all(b"d").await] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, WriteError::Closed(_)));
            assert_eq!(error.to_string(), "cannot write to the peer: this end was closed");
            assert_eq!(io::Error::from(error).kind(), ErrorKind::BrokenPipe);
        }
        writer.shutdown().await.unwrap();
        writer.drain().await.unwrap();
        assert!(writer.get_ref().is_some());
        writer.close().await.unwrap();
        writer.close().await.unwrap();
        writer.shutdown().await.unwrap();
        assert!(writer.get_ref().is_none());
        assert!(matches!(writer.drain().await, Err(WriteError::Closed(_))));
        assert_eq!(to.calls(), ["write", "write", "flush", "close"], "the end is sent once");
    });
}

#[test]
fn a_close_that_is_dropped_is_finished_behind_its_back() {
    run(async {
        let to = Destination::blocked();
        let mut writer = StreamWriter::new(to.clone());
        writer.write(b"abc").unwrap();
        drop(writer.close());
        assert!(!writer.is_closing(), "it was never polled");
        assert!(polled(2, writer.close()).await.is_none());
        assert!(writer.is_closing());
        assert!(matches!(writer.write(b"d"), Err(WriteError::Closed(_))));
        to.open([Takes::Some(1), Takes::Later]);
        settled().await;
        assert_eq!((to.bytes(), to.calls()), (b"abc".to_vec(), vec!["write", "write", "flush", "close"]));
        assert!(writer.get_ref().is_some());
        writer.close().await.unwrap();
        assert!(writer.get_ref().is_none());
    });
}

#[test]
fn a_lost_connection_is_told_by_every_operation_that_follows() {
    run(async {
        let failing =
            || Destination::of([Takes::Some(1), Takes::Later, Takes::Fails(ErrorKind::ConnectionReset)]);
        let mut writer = StreamWriter::new(failing()).named("the peer");
        writer.write(b"abc").unwrap();
        settled().await;
        assert_eq!(writer.failure().unwrap().kind(), ErrorKind::ConnectionReset);
        let check = |outcome: Result<(), WriteError>| {
            let error = outcome.unwrap_err();
            assert_eq!(error.to_string(), "cannot write to the peer: connection reset");
            assert!(error.source().unwrap().is::<io::Error>());
        };
        check(writer.drain().await);
        check(writer.write(b"d"));
        check(writer.write_all(b"d").await);
        check(writer.flush().await);
        check(writer.shutdown().await);
        check(writer.close().await);
        writer.close().await.unwrap();
        let mut writer = StreamWriter::new(failing()).named("the peer");
        check(writer.write_all(b"abc").await);
        check(writer.close().await);
    });
}

#[test]
fn a_destination_that_takes_nothing_is_an_error() {
    run(async {
        let mut writer = StreamWriter::new(Destination::of([Takes::Some(0)])).named("the peer");
        let error = writer.write_all(b"abc").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    });
}

#[test]
fn an_interrupted_call_is_repeated() {
    run(async {
        let interrupted = Takes::Fails(ErrorKind::Interrupted);
        let to = Destination::of([interrupted.clone(), Takes::Some(1), interrupted.clone(), interrupted]);
        let mut writer = StreamWriter::new(to.clone());
        writer.write(b"abc").unwrap();
        writer.flush().await.unwrap();
        assert_eq!(to.bytes(), b"abc");
        settled().await;
    });
}

#[test]
fn what_was_not_sent_goes_along() {
    run(async {
        let to = Destination::of([Takes::Some(1)]);
        to.block();
        let mut writer = StreamWriter::new(to.clone());
        writer.write(b"abc").unwrap();
        let (destination, unsent) = writer.into_parts();
        assert_eq!(unsent, b"bc");
        to.open([]);
        StreamWriter::new(destination.unwrap()).write(&unsent).unwrap();
        assert_eq!(to.bytes(), b"abc");
        settled().await;
    });
}

#[test]
fn a_full_disk_is_told_with_its_name() {
    run(async {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut writer = StreamWriter::new(AllowStdIo::new(full)).named("/dev/full");
        let error = writer.write_all(b"abc").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "cannot write to /dev/full: No space left on device (os error 28)");
        assert_eq!(writer.close().await.unwrap_err().kind(), ErrorKind::StorageFull);
    });
}

/// What the hook hears of a writer.
fn reported(body: impl FnOnce() + 'static) -> Vec<String> {
    let heard = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let sink = std::rc::Rc::clone(&heard);
    let hook = move |unhandled: &loopscope::runner::Unhandled| {
        assert!(matches!(unhandled.kind, UnhandledKind::BytesLost { .. }));
        let name = unhandled.name.clone().unwrap_or_default();
        let text = unhandled.to_string();
        let (_, what) = text.split_once(" dropped ").unwrap();
        sink.borrow_mut().push(format!("{name:?} dropped {what}"));
    };
    let mut runner = Runner::builder().paused(true).on_unhandled(hook).build().unwrap();
    runner
        .block_on(async {
            let task = loopscope::task::Builder::new().name("careless").spawn(async move { body() });
            task.await.unwrap();
            settled().await;
        })
        .unwrap();
    drop(runner);
    heard.take()
}

#[test]
fn bytes_that_are_lost_when_a_writer_is_dropped_are_reported() {
    let lost = reported(|| {
        let to = Destination::of([Takes::Some(1), Takes::Some(3)]);
        to.block();
        let mut writer = StreamWriter::new(to.clone()).named("the peer");
        writer.write(b"abcdefghi").unwrap();
        drop(writer);
        assert_eq!(to.bytes(), b"abcd", "it is tried once more");
    });
    assert_eq!(lost, [r#""careless" dropped a stream writer with 5 bytes for the peer that were not sent"#]);
    let lost = reported(|| {
        let to = Destination::of([Takes::Some(1)]);
        let mut writer = StreamWriter::new(to.clone());
        writer.write(b"abcdefghi").unwrap();
        drop(writer);
        assert_eq!(to.bytes(), b"abcdefghi");
    });
    assert_eq!(lost, [""; 0]);
}

#[test]
fn who_gives_up_or_was_told_hears_nothing_more() {
    let aborted = reported(|| {
        let mut writer = StreamWriter::new(Destination::blocked());
        writer.write(b"abc").unwrap();
        writer.abort();
        assert!(writer.is_closing());
        assert_eq!(writer.write_buffer_size(), 0);
    });
    assert_eq!(aborted, [""; 0]);
    let failing = || {
        let mut writer = StreamWriter::new(Destination::of([
            Takes::Some(1),
            Takes::Later,
            Takes::Fails(ErrorKind::ConnectionReset),
        ]));
        writer.write(b"abc").unwrap();
        writer
    };
    let told = reported(move || {
        let mut writer = failing();
        spawn(async move {
            settled().await;
            writer.drain().await.unwrap_err();
        })
        .detach();
    });
    assert_eq!(told, [""; 0]);
    let untold = reported(move || {
        let writer = failing();
        spawn(async move {
            settled().await;
            assert!(writer.failure().is_some());
        })
        .detach();
    });
    assert_eq!(untold.len(), 1);
    assert!(untold[0].ends_with("with 2 bytes for the stream that were not sent"), "{untold:?}");
}

#[test]
fn a_writer_that_outlives_its_loop_reports_and_touches_nothing() {
    let trace = Trace::new();
    let to = Destination::blocked();
    let mut runner = paused(&trace).build().unwrap();
    let mut writer = StreamWriter::new(to.clone());
    assert!(runner.block_on(async { polled(1, writer.write_all(b"abc")).await }).unwrap().is_none());
    drop(runner);
    to.open([]);
    drop(writer);
    assert_eq!(to.bytes(), b"");
    trace.expect(&[]);
}

#[test]
fn a_future_that_is_dropped_outside_of_its_loop_leaves_the_rest_to_what_follows() {
    let trace = Trace::new();
    let to = Destination::blocked();
    let mut runner = paused(&trace).build().unwrap();
    let mut writer = StreamWriter::new(to.clone());
    let mut writing = Box::pin(writer.write_all(b"abc"));
    assert!(runner.block_on(async { polled(1, &mut writing).await }).unwrap().is_none());
    drop(writing);
    assert_eq!(writer.write_buffer_size(), 3);
    let mut flushing = Box::pin(writer.flush());
    assert!(runner.block_on(async { polled(1, &mut flushing).await }).unwrap().is_none());
    drop(flushing);
    to.open([]);
    runner.block_on(async { writer.write_all(b"def").await.unwrap() }).unwrap();
    assert_eq!(to.bytes(), b"abcdef");
    to.block();
    let mut writing = Box::pin(writer.write_all(b"ghi"));
    assert!(runner.block_on(async { polled(1, &mut writing).await }).unwrap().is_none());
    drop(runner);
    drop(writing);
    assert_eq!(writer.write_buffer_size(), 3);
    trace.expect(&[]);
}

#[test]
fn it_says_what_state_it_is_in() {
    run(async {
        let mut writer = StreamWriter::new(Destination::blocked()).named("the peer");
        writer.write(b"abc").unwrap();
        let shown = format!("{writer:?}");
        let expected =
            r#"StreamWriter { peer: Named("the peer"), stage: Open, queued: 3, failed: None, .. }"#;
        assert_eq!(shown, expected);
        writer.abort();
        settled().await;
    });
}
