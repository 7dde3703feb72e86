//! What was found: warnings with and without a stack, of tasks, loops and the process, one of a kind that is not known.

use super::{SECOND, place};
use loopscope_inspector::model::{Frame, Place, Severity, Warning};

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
            ..warning(
                "blocked",
                error,
                (Some(12), Some(0)),
                1,
                "loop 0 blocked 3.2 s in task 12 worker, src/main.rs:40",
            )
        },
        Warning {
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
