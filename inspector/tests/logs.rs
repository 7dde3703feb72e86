//! The log layer of a process: what only shows with one subscriber for all threads.
#![cfg(feature = "logs")]
#![allow(clippy::unwrap_used, reason = "test crate")]

use loopscope_inspector::logs;
use std::fmt;
use tracing::{debug, info};
use tracing_subscriber::layer::SubscriberExt as _;

/// A value that logs while it is shown, itself even.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!(again = ?Chatty, "inside");
        f.write_str("chatty")
    }
}

#[test]
fn the_layer_of_a_process_keeps_its_lines_for_readers_on_other_threads() {
    assert!(!logs::is_installed());
    assert_eq!(logs::filter(), "off");
    let subscriber = tracing_subscriber::registry().with(logs::layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    assert!(logs::is_installed());
    assert_eq!(logs::filter(), "info,loopscope=debug");

    let say = |word: &str| {
        info!(word, "said");
        debug!(word, "said quietly");
        debug!(target: "loopscope", word, "said by the runtime");
    };
    say("first");
    std::thread::spawn(|| logs::set_filter("debug").unwrap()).join().unwrap();
    say("second");
    assert_eq!(
        logs::set_filter("info,").map(|()| logs::filter()).unwrap(),
        "info,",
        "a comma too many is no reason to refuse"
    );
    logs::reset_filter();
    assert_eq!(logs::filter(), "info,loopscope=debug");
    say("third");

    let batch = std::thread::spawn(|| logs::read(0, 100)).join().unwrap();
    let lines: Vec<String> =
        batch.lines.iter().map(|line| format!("{} {}", line.fields[0].1, line.message)).collect();
    assert_eq!(
        lines,
        [
            "first said",
            "first said by the runtime",
            "second said",
            "second said quietly",
            "second said by the runtime",
            "third said",
            "third said by the runtime",
        ]
    );
    assert_eq!((batch.next, batch.missed, batch.lost), (8, 0, 0));

    info!(value = ?Chatty, "outside");
    let batch = logs::read(batch.next, 100);
    let lines: Vec<&str> = batch.lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["outside"]);
    assert_eq!(batch.lines[0].fields, [("value".to_owned(), "chatty".to_owned())]);
    assert_eq!(batch.lost, 1, "the event inside of the event is counted");
}
