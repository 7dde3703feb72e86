//! What was found: warnings with and without a stack, of tasks, loops and the process, one of a kind that is not known.

use super::{SECOND, TAKEN, place};
use LogLevel::{Debug, Error, Info, Trace, Warn};
use loopscope_inspector::model::{
    Branch, Dump, Frame, LogLevel, LogLine, Logs, NativeStack, Place, Reached, Severity, TaskStack, WallTime,
    Warning,
};
use std::sync::Arc;

/// The stack of a loop that sleeps in a task of the application, the innermost first.
pub(crate) fn stack() -> Vec<Frame> {
    let frame = |function: &str, at: Option<Place>| Frame { function: function.to_owned(), at };
    let at = |file: &str, line| Some(Place { file: file.to_owned(), line, column: 0 });
    let std = |path: &str, line| at(&format!("/rustc/0123456789abcdef/library/std/src/{path}"), line);
    vec![
        frame("clock_nanosleep", None),
        frame("std::sys::thread::unix::Thread::sleep", std("sys/thread/unix.rs", 580)),
        frame("std::thread::sleep", std("thread/functions.rs", 298)),
        frame("demo::billing::charge", at("src/billing.rs", 31)),
        frame("demo::worker::{{closure}}", at("src/main.rs", 44)),
        frame(
            "<loopscope::task::raw::Cell<F> as loopscope::task::raw::Erased>::poll::<demo::worker::{{closure}}>",
            at(
                "/a/.cargo/registry/src/index.crates.io-0123456789abcdef/loopscope-0.1.0/src/task/raw.rs",
                212,
            ),
        ),
        frame("evil\x1b[2J\nname", None),
    ]
}

/// Warnings as an agent lists them, the worst first.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn warnings() -> Vec<Warning> {
    let warning = |name: &str, severity, about: (Option<u64>, Option<u64>), count, message: &str| Warning {
        name: name.to_owned(),
        severity,
        task: about.0,
        loop_id: about.1,
        count,
        message: message.to_owned(),
        ..Warning::default()
    };
    let (error, notice) = (Severity::Error, Severity::Warning);
    vec![
        Warning {
            for_ns: Some(3_200_000_000),
            at: Some(place("src/main.rs", 40)),
            stack: stack(),
            task_name: Some("worker".to_owned()),
            first_seen: Some(TAKEN.saturating_sub_ns(3_200_000_000)),
            last_seen: Some(TAKEN),
            ..warning(
                "blocked",
                error,
                (Some(12), Some(0)),
                1,
                "loop 0 blocked 3.2 s in task 12 worker, src/main.rs:40",
            )
        },
        Warning {
            task_name: Some("right".to_owned()),
            first_seen: Some(TAKEN.saturating_sub_ns(61 * SECOND)),
            notes: vec![
                "#13 right waits for lock \"fork\" at src/db.rs:71, held by #14 left, taken at src/db.rs:70"
                    .to_owned(),
                "#14 left waits for lock \"knife\" at src/db.rs:81, held by #13 right, taken at src/db.rs:80"
                    .to_owned(),
            ],
            at: Some(place("src/db.rs", 70)),
            ..warning(
                "deadlock",
                error,
                (Some(13), None),
                2,
                "#13 right and #14 left wait for each other and nothing can wake them; behind them 17 more tasks",
            )
        },
        Warning {
            for_ns: Some(1_100_000_000),
            at: Some(place("src/main.rs", 40)),
            ..warning(
                "slow-poll",
                notice,
                (Some(12), Some(0)),
                41,
                "a poll of #12 worker took 1.1 s, spawned at src/main.rs:40",
            )
        },
        Warning {
            for_ns: Some(120_000_000),
            past: true,
            first_seen: Some(TAKEN.saturating_sub_ns(3_723 * SECOND)),
            last_seen: Some(TAKEN.saturating_sub_ns(12 * SECOND)),
            at: Some(place("src/net/connection.rs", 112)),
            ..warning(
                "slow-poll",
                notice,
                (Some(31), Some(1)),
                17,
                "a poll of #31 took 120 ms; 17 tasks had slow ones, spawned at src/net/connection.rs:112",
            )
        },
        warning("clock-jumped", notice, (None, None), 1, "the wall clock went back by 1 h"),
        Warning {
            for_ns: Some(90 * SECOND),
            ..warning(
                "of a newer version\x1b[2J",
                Severity::Note,
                (None, Some(1)),
                1_234_567,
                "evil\x1b[2J\nname",
            )
        },
    ]
}

/// The stacks of two loops: one that is stuck, and one of which nothing could be captured.
pub(crate) fn stacks() -> Vec<NativeStack> {
    vec![
        NativeStack {
            loop_id: 1,
            thread: Some("io".to_owned()),
            tid: Some(4_243),
            note: Some("the signal is masked; the thread is in the system call epoll_wait".to_owned()),
            ..NativeStack::default()
        },
        NativeStack {
            loop_id: 0,
            thread: Some("main".to_owned()),
            tid: Some(4_242),
            task: Some(12),
            task_name: Some("worker".to_owned()),
            site: Some(place("src/main.rs", 40)),
            running_for_ns: Some(3_200_000_000),
            frames: stack(),
            truncated: true,
            note: None,
        },
    ]
}

/// The async stack of a task that waits in a `select!` in a timeout, with a branch that another library's future ends.
pub(crate) fn dump(task: u64) -> Dump {
    let frame = |function: &str, line| Frame {
        function: function.to_owned(),
        at: Some(Place { file: "src/main.rs".to_owned(), line, column: 0 }),
    };
    let branch = |parent, frames: &[(&str, u32)], reached| Branch {
        parent,
        frames: frames.iter().map(|(function, line)| frame(function, *line)).collect(),
        reached,
        times: if parent.is_some() { 3 } else { 1 },
    };
    let branches = vec![
        branch(
            None,
            &[("demo::worker::{{closure}}", 40), ("demo::session::{{closure}}", 88)],
            Reached::Combinator,
        ),
        branch(Some(0), &[("demo::db::query::{{closure}}", 61)], Reached::Leaf),
        branch(Some(0), &[("demo::cache::get::{{closure}}", 93)], Reached::Foreign),
    ];
    let stack = TaskStack { task, branches, ..TaskStack::default() };
    Dump {
        stacks: vec![stack],
        total: 1,
        slices: 1,
        longest_pause_ns: Some(41_000),
        took_ns: 900_000,
        ..Dump::default()
    }
}

/// Log lines of every level, of tasks and of none, a long one, a hostile one.
pub(crate) fn log_lines() -> Vec<Arc<LogLine>> {
    let line = |number: u64, level, task, target: &str, message: &str, fields: &[(&str, &str)]| {
        Arc::new(LogLine {
            number,
            at: WallTime(TAKEN.0 + number * 1_234_567_890),
            level,
            target: target.to_owned(),
            message: message.to_owned(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            task,
            loop_id: Some(0),
            file: Some("src/net/connection.rs".to_owned()),
            line: Some(100 + number as u32),
            spans: if number.is_multiple_of(2) {
                vec!["request".to_owned(), "query".to_owned()]
            } else {
                Vec::new()
            },
        })
    };
    let long = "a line that is far longer than any terminal is wide, as people write them who print a whole request, with all \
                that was in it, and then some more, so that its end is seen in the panel below";
    vec![
        line(1, Info, None, "demo", "listening", &[("address", "0.0.0.0:8080")]),
        line(2, Debug, Some(7), "demo::db", "query", &[("rows", "17"), ("took", "1.2ms")]),
        line(3, Warn, Some(12), "demo::billing", "the card was refused, trying again", &[("attempt", "2")]),
        line(4, Trace, Some(9), "demo::db::pool", "idle", &[]),
        line(5, Error, Some(14), "evil\x1b[2J", "evil\x1b[2J\nname", &[("evil\n", "\x1b[2J")]),
        line(6, Info, Some(7), "demo::net::connection", long, &[("peer", "10.0.0.7:5432")]),
    ]
}

/// Those lines as an answer.
pub(crate) fn logs(lines: usize) -> Logs {
    let mut all = log_lines();
    all.truncate(lines);
    Logs { lines: all, filter: Some("info,demo::db=trace".to_owned()), ..Logs::default() }
}
