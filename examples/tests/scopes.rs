//! The examples about signals, limits and threads as a person runs them: as processes of their own.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// What a program prints that ends by itself, line for line.
fn lines_of(path: &str) -> Vec<String> {
    let output = Command::new(path).env("LOOPSCOPE_INSPECT", "0").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn signals_sends_them_to_itself_and_ends_in_order() {
    let lines = lines_of(env!("CARGO_BIN_EXE_signals"));
    assert!(lines[0].starts_with("pid "), "{lines:?}");
    assert!(lines[4].starts_with("the worker did its last job, of "), "{lines:?}");
    let others: Vec<_> = [1, 2, 3, 5, 6].map(|at| lines[at].as_str()).into();
    let expected = [
        "SIGHUP: reading the configuration again",
        "SIGHUP: reading the configuration again",
        "SIGTERM: ending in order",
        "dropped: deaf",
        "bye",
    ];
    assert_eq!(others, expected);
    assert_eq!(lines.len(), 7);
}

#[test]
fn signals_that_waits_hears_those_of_others() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_signals"))
        .arg("--wait")
        .env("LOOPSCOPE_INSPECT", "0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let send = |signal: &str| assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("pid "));
    // The first line is printed before anybody listens; the first SIGHUP must not come earlier than that.
    while !std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap().lines().any(listens) {
        std::thread::yield_now();
    }
    send("-HUP");
    assert_eq!(lines.next().unwrap(), "SIGHUP: reading the configuration again");
    send("-INT");
    assert_eq!(lines.next().unwrap(), "SIGINT: ending in order");
    assert_eq!(lines.last().unwrap(), "bye");
    assert!(child.wait().unwrap().success());
}

/// Whether a line of `/proc/PID/status` says that SIGHUP, SIGINT and SIGTERM are caught.
fn listens(line: &str) -> bool {
    let Some(mask) = line.strip_prefix("SigCgt:") else { return false };
    let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
    [1, 2, 15].into_iter().all(|signal| mask & (1 << (signal - 1)) != 0)
}

#[test]
fn timeout_group_tells_what_came_in_time_and_what_failed() {
    let lines = lines_of(env!("CARGO_BIN_EXE_timeout_group"));
    assert!(lines[0].starts_with("all in time: news, mail, map after "));
    assert_eq!(lines[1], "  that is everything");
    assert!(lines[2].starts_with("one too slow: news, mail after "), "{lines:?}");
    assert_eq!(lines[3], "  the others took too long: the deadline has passed");
    assert!(lines[4].starts_with("one refused: news after "), "{lines:?}");
    assert_eq!(lines[5], "  1 failure in a task group:");
    assert!(lines[6].starts_with("    task #") && lines[6].contains(" \"shop\" (spawned at "), "{lines:?}");
    assert!(lines[6].ends_with(") failed: cannot fetch the page"), "{lines:?}");
    assert_eq!(lines[7], "      caused by: connection refused");
    assert_eq!(lines.len(), 8);
}

#[test]
fn blocking_goes_on_ticking_while_a_thread_is_blocked() {
    let lines = lines_of(env!("CARGO_BIN_EXE_blocking"));
    assert_eq!(lines[..3], ["started main", "start of the blocking work", "the blocking work is complete"]);
    assert!(lines[3].starts_with("finished main after ") && lines[3].ends_with("ticked 8 times meanwhile"));
    let mut done: Vec<_> = lines[4..8].to_vec();
    done.sort();
    assert_eq!(done, ["done for Ada", "done for Barbara", "done for Frances", "done for Grace"]);
    assert!(lines[8].starts_with("four at once took "));
    assert_eq!(lines.len(), 9);
}
