//! What becomes of an application's events.

use super::*;
use crate::model::{LogLevel, LogLine};
use std::fmt;
use tracing::{Level, debug, info, trace, warn};
use tracing_subscriber::layer::SubscriberExt as _;

/// Another place for lines, so that tests do not see each other's.
fn new_logs(filter: &str) -> &'static Logs {
    let logs: &'static Logs = Box::leak(Box::new(Logs::new()));
    logs.filter.set_base(filter).unwrap();
    logs
}

/// What is kept of what `body` logs.
fn kept(filter: &str, body: impl FnOnce(&'static Logs)) -> Vec<LogLine> {
    let logs = new_logs(filter);
    let subscriber = tracing_subscriber::registry().with(Keep::filtered(logs));
    tracing::subscriber::with_default(subscriber, || body(logs));
    logs.ring.read(0, 1_000).lines.iter().map(|line| LogLine::clone(line)).collect()
}

fn messages(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.message.as_str()).collect()
}

#[test]
fn an_event_is_kept_whole_with_the_spans_it_was_logged_in() {
    let begun = WallTime::from(SystemTime::now());
    let lines = kept("trace", |_| {
        let _outer = tracing::info_span!("request", id = 7).entered();
        let _inner = tracing::span!(Level::DEBUG, "query").entered();
        warn!(target: "db", rows = 3, sql = "select", error = ?Some(1), "slow {}", "query");
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.at >= begun);
    let expected = LogLine {
        number: 1,
        at: line.at,
        level: LogLevel::Warn,
        target: "db".to_owned(),
        message: "slow query".to_owned(),
        fields: [("rows", "3"), ("sql", "select"), ("error", "Some(1)")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        spans: vec!["request".to_owned(), "query".to_owned()],
        task: None,
        loop_id: None,
        file: Some(file!().to_owned()),
        line: line.line,
    };
    assert_eq!(*line, expected);
}

#[test]
fn an_event_of_a_task_names_it_and_its_loop() {
    let lines = kept("info", |_| {
        loopscope::run(async {
            info!("main");
            loopscope::spawn(async { info!("{}", loopscope::current().unwrap().as_u64()) }).await.unwrap();
        });
        info!("after");
    });
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1].task.unwrap().to_string(), lines[1].message);
    assert!(lines[0].task.is_some() && lines[0].task != lines[1].task);
    assert!(lines[0].loop_id.is_some() && lines[0].loop_id == lines[1].loop_id);
    assert_eq!((lines[2].task, lines[2].loop_id), (None, None));
}

#[test]
fn what_loops_that_serve_inspection_log_is_left_out_but_for_what_they_say_to_the_application() {
    let lines = kept("trace", |_| {
        let mut runner = loopscope::Runner::builder().hidden(true).build().unwrap();
        runner
            .block_on(async {
                warn!(target: "h2", "frame");
                warn!(target: "loopscope", "pid 7 of uid 0 asked for a dump");
            })
            .unwrap();
    });
    assert_eq!(messages(&lines), ["pid 7 of uid 0 asked for a dump"]);
    assert_eq!((lines[0].task, lines[0].loop_id), (None, None));
}

#[test]
fn the_filter_is_changed_while_the_program_runs_and_taken_back() {
    let lines = kept("warn", |logs| {
        let say = |word| {
            trace!("trace {word}");
            info!("info {word}");
            warn!("warn {word}");
        };
        say("first");
        logs.filter.set("trace").unwrap();
        say("open");
        logs.filter.set("off").unwrap();
        say("off");
        logs.filter.reset();
        say("reset");
    });
    assert_eq!(messages(&lines), ["warn first", "trace open", "info open", "warn open", "warn reset"]);
}

#[test]
fn other_layers_neither_lose_nor_gain_by_the_filter() {
    let (logs, other) = (new_logs("off"), new_logs("info"));
    let subscriber = tracing_subscriber::registry().with(Keep::filtered(logs)).with(Keep::filtered(other));
    tracing::subscriber::with_default(subscriber, || {
        for filter in ["off", "trace", "error"] {
            logs.filter.set(filter).unwrap();
            debug!("debug {filter}");
            info!("info {filter}");
        }
    });
    let read = |logs: &Logs| {
        logs.ring.read(0, 100).lines.iter().map(|line| line.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(read(logs), ["debug trace", "info trace"]);
    assert_eq!(read(other), ["info off", "info trace", "info error"]);
}

#[test]
fn a_layer_is_installed_from_when_it_is_part_of_a_subscriber_until_that_is_gone() {
    let logs = new_logs("info");
    let installed = || logs.layers.load(Relaxed);
    let layer = Keep::filtered::<tracing_subscriber::Registry>(logs);
    assert_eq!(installed(), 0);
    let subscriber = tracing_subscriber::registry().with(layer);
    assert_eq!(installed(), 1);
    drop(subscriber);
    assert_eq!(installed(), 0);
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a ")?;
        panic!("this Debug panics, as the test wants it")
    }
}

#[test]
fn a_debug_that_panics_spoils_its_own_field_and_nothing_else() {
    let lines = kept("info", |_| info!(before = 1, bad = ?Panics, after = 2, "text"));
    let fields: Vec<_> = lines[0].fields.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(messages(&lines), ["text"]);
    assert_eq!(fields, ["1", "half a  (and then its Debug panicked)", "2"]);
}

/// A value that writes for ever, unless it is told to stop.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("é and so on ")?;
        }
    }
}

#[test]
fn what_is_too_long_is_cut_as_it_is_written() {
    let lines = kept("info", |_| info!(field = ?Endless, "{:?} {}", Endless, "x".repeat(1 << 20)));
    assert!((4_090..4_100).contains(&lines[0].message.len()), "{}", lines[0].message.len());
    assert!((1_020..1_030).contains(&lines[0].fields[0].1.len()), "{}", lines[0].fields[0].1.len());
    assert!(lines[0].message.ends_with('…') && lines[0].fields[0].1.ends_with('…'));
}

#[test]
fn an_error_is_written_with_what_it_came_from() {
    #[derive(Debug)]
    struct Outer(std::io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot load")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let lines = kept("info", |_| {
        let error = Outer(std::io::Error::other("disk on fire"));
        let error: &dyn std::error::Error = &error;
        warn!(error, "failed");
    });
    assert_eq!(lines[0].fields, [("error".to_owned(), "cannot load: disk on fire".to_owned())]);
}

#[test]
fn threads_that_log_at_once_lose_nothing() {
    let logs = new_logs("info");
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(Keep::filtered(logs)));
    let mut seen = Vec::new();
    let mut from = 1;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|thread| {
                let dispatch = dispatch.clone();
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for number in 0..500 {
                            info!("{thread} {number}");
                        }
                    });
                })
            })
            .collect();
        // Read along until all is said, then what is left.
        loop {
            let is_over = writers.iter().all(std::thread::ScopedJoinHandle::is_finished);
            let batch = logs.ring.read(from, 100);
            assert_eq!((batch.missed, batch.lost), (0, 0));
            from = batch.next;
            seen.extend(batch.lines.iter().map(|line| line.message.clone()));
            if is_over && batch.lines.is_empty() {
                break;
            }
        }
    });
    for thread in 0..4 {
        let own: Vec<_> = seen.iter().filter(|text| text.starts_with(&format!("{thread} "))).collect();
        let expected: Vec<_> = (0..500).map(|number| format!("{thread} {number}")).collect();
        assert!(own.iter().copied().eq(&expected), "in order, and all of them");
    }
}
