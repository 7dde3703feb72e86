//! What is wrong with a filter, a sort or a limit is said before anybody is attached to: with the place, and what may have been meant.
//!
//! Process 1 has no agent: whoever tried to attach to it would end with 3, not with 2.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/stage.rs"]
mod stage;

use stage::{Said, Stage};

/// A command, what follows its `--filter`, the column of the caret, and the words of the message.
const FILTERS: &[(&str, &str, usize, &[&str])] = &[
    // A column that there is not: what may have been meant, else all that there are.
    ("tasks", "stat=idle", 0, &["no column `stat`", "`state`"]),
    ("tasks", "name=x stat=idle", 7, &["no column `stat`", "`state`"]),
    ("tasks", "peer=10.0.0.7", 0, &["no column `peer`", "The columns are id, name, kind, "]),
    ("tree", "wating_on=lock", 0, &["`waiting_on`"]),
    ("sites", "poll.p98>1ms", 0, &["no column `poll.p98`", "`poll.p99`"]),
    ("sites", "live>1 spwaned>3", 7, &["`spawned`"]),
    ("timers", "deadline<1s", 0, &["`deadline_in`"]),
    ("io", "kind=tcp bytes_red>1KiB", 9, &["`bytes_read`"]),
    ("sync", "holder=7 or heldfor>1s", 12, &["`held_for`"]),
    ("blocking", "running>1s", 0, &["`running_for`"]),
    ("loops", "utilization>50%", 0, &["`utilisation`"]),
    ("warnings", "sevrity=error", 0, &["`severity`"]),
    ("watch io", "bytes_red>1KiB", 0, &["`bytes_read`"]),
    ("watch sites", "nmae=x", 0, &["`name`"]),
    // A value that the column cannot have.
    ("tasks", "state=idel", 6, &["`idel`", "idle scheduled running", "`idle`"]),
    ("io", "kind=tpc", 5, &["`tpc`", "`tcp`"]),
    ("timers", "kind=sleeps", 5, &["`sleeps`", "`sleep`"]),
    ("blocking", "state=queued", 6, &["`queued`", "scheduled"]),
    ("tasks", "id=seven", 3, &["`seven`"]),
    ("sync", "holder=writer", 7, &["`writer`"]),
    // Units: a duration needs one, and no other than its own.
    ("tasks", "busy>10", 5, &["`10` is not a duration with its unit", "`10ms`"]),
    ("tasks", "busy>10 name=x", 5, &["`10ms`"]),
    ("tasks", "busy>10KiB", 5, &["`10KiB` is not a duration"]),
    ("timers", "deadline_in<0.5", 12, &["`0.5` is not a duration"]),
    ("io", "idle_for>3parsec", 9, &["`3parsec`"]),
    ("io", "bytes_read>3s", 11, &["`3s` is not a number of bytes"]),
    ("sites", "spawned>3s", 8, &["`3s` is not a number"]),
    ("loops", "utilisation>fast", 12, &["`fast` is not a share"]),
    // Grammar.
    ("tasks", "busy>", 5, &["missing"]),
    ("tasks", "busy>>3ms", 5, &["`>3ms`"]),
    ("tasks", "=3", 0, &["needs a column"]),
    ("tasks", "state=idle or", 11, &["`or`"]),
    ("io", "name~(", 5, &["regular expression"]),
    ("io", "peer>3", 4, &["`peer` is not greater or less"]),
    ("warnings", "name=x \"open", 7, &["not closed"]),
    // The caret stands where the mistake is seen, not where it is stored.
    ("tasks", "name=日本 stat=idle", 10, &["`state`"]),
    ("tasks", "name=\u{1b}[2J stat=idle", 10, &["`state`", "name=?[2J stat=idle"]),
];

fn run(command: &str, flags: &[&str]) -> Said {
    let mut line = Stage::new().command(&format!("{command} 1"));
    Said::from(line.args(flags).output().unwrap())
}

/// Checks the two lines with the text and the caret.
#[track_caller]
fn check_caret(said: &Said, flag: &str, text: &str, column: usize) {
    let shown: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let lines: Vec<&str> = said.err.lines().collect();
    assert!(lines[0].starts_with(&format!("loopscope: {flag}: ")), "{text}: {said:?}");
    assert_eq!(lines[1], format!("    {shown}"), "{said:?}");
    assert_eq!(lines[2], format!("    {:column$}^", ""), "{said:?}");
}

#[test]
fn every_mistake_in_a_filter_is_pointed_at() {
    for &(command, filter, column, words) in FILTERS {
        let said = run(command, &["--filter", filter]);
        said.refused(2, words);
        check_caret(&said, "--filter", filter, column);
    }
}

#[test]
fn every_table_knows_what_it_can_be_sorted_by() {
    let tables = ["tasks", "sites", "timers", "io", "sync", "blocking", "loops", "warnings"];
    for command in tables.into_iter().chain(["watch tasks"]) {
        for (sort, column) in [("nonsense", 0), ("-nonsense", 1)] {
            let said = run(command, &["--sort", sort]);
            said.refused(2, &["there is no column `nonsense`", "The columns are "]);
            check_caret(&said, "--sort", sort, column);
        }
    }
    run("io", &["--sort=-byts_read"]).refused(2, &["did you mean `bytes_read`?"]);
    run("tree", &["--sort", "busy"]).refused(2, &["`loopscope tasks` can be sorted"]);
    run("tasks", &["--sort", ""]).refused(2, &["there is no column"]);
}

#[test]
fn a_limit_is_a_number_of_rows() {
    for limit in ["x", "-1", "1.5", "", "99999999999999999999999"] {
        run("io", &["--limit", limit]).refused(2, &["--limit", "expected a number of rows"]);
    }
    run("io", &["--limit"]).refused(2, &["--limit"]);
}

#[test]
fn what_makes_sense_is_not_refused() {
    for (command, filter, sort) in [
        ("tasks", "state=idle name~^work busy>10ms or blocks>3", "-busy_ns"),
        ("sites", "panicked>0 or poll.p99>10ms or scheduled_max_ns>1s", "-poll_p99_ns"),
        ("timers", "deadline_in<0s kind!=call_later task_name~x", "-deadline_in_ns"),
        ("io", "kind=tcp peer=10.0.0.7 bytes_read>1KiB idle_for>1min", "readiness_delay.p99"),
        ("sync", "held_for>1s holder=#7 waiters=9", "-waiters"),
        ("blocking", "state=running running_for>1s pool=resolve", "-queued_for"),
        ("loops", "utilisation>50% running.for>1s", "-lateness_p99"),
    ] {
        // It has come as far as looking for an agent.
        run(command, &["--filter", filter, "--sort", sort, "--limit", "0"]).refused(3, &["no agent"]);
    }
}
