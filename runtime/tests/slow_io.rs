//! Operations and names that take long, as debug mode warns of them. Apart from tests that count descriptors: the watchdog opens files.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loopscope::Runner;
use loopscope::debug::Lint;
use loopscope::io::AsyncFd;

/// The warnings of a loop in debug mode with such a threshold.
fn warned<F: Future>(slow: Duration, test: F) -> Vec<(Lint, String)> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&found);
    let builder = Runner::builder().debug(true).slow_callback(slow).on_warning(move |warning, _| {
        keep.lock().unwrap().push((warning.lint, warning.message.clone()));
    });
    builder.build().unwrap().block_on(test).unwrap();
    found.lock().unwrap().clone()
}

#[test]
fn a_name_that_takes_long_is_a_note() {
    // Whatever a resolver takes is longer than this.
    let found = warned(Duration::from_nanos(1), async {
        loopscope::net::lookup_host(("localhost", 80)).await.unwrap()
    });
    let notes: Vec<_> = found.iter().filter(|(lint, _)| *lint == Lint::SlowResolve).collect();
    assert_eq!(notes.len(), 1, "{found:?}");
    assert!(notes[0].1.starts_with("getting the addresses of localhost:80 took "), "{notes:?}");
}

#[test]
fn an_operation_that_blocks_is_named_with_its_descriptor() {
    let mut fd = 0;
    let found = warned(Duration::from_millis(20), async {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let reader = AsyncFd::new(reader).unwrap();
        fd = reader.get_ref().as_raw_fd();
        let slow = |mut pipe: &std::io::PipeReader| {
            #[expect(clippy::disallowed_methods, reason = "it is what the test is about")]
            std::thread::sleep(Duration::from_millis(25));
            pipe.read(&mut [0])
        };
        assert_eq!(reader.read_with(slow).await.unwrap(), 1);
    });
    let slow: Vec<_> = found.iter().filter(|(lint, _)| *lint == Lint::SlowIo).collect();
    assert_eq!(slow.len(), 1, "{found:?}");
    assert!(slow[0].1.starts_with(&format!("reading from fd {fd} kept #")), "{slow:?}");
    assert!(
        found.iter().any(|(lint, _)| *lint == Lint::SlowPoll),
        "the poll it was in is slow too: {found:?}"
    );
}
