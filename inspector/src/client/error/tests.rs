//! Exit codes and messages.

use super::*;
use std::time::Duration;

#[test]
fn every_kind_has_its_exit_code() {
    let code = |kind| Error::new(kind).exit_code();
    assert_eq!(code(Kind::Ambiguous { name: None, candidates: Vec::new() }), 2);
    assert_eq!(code(Kind::Unsupported { target: String::new() }), 2);
    assert_eq!(code(Kind::NoAgent { pid: 1 }), 3);
    assert_eq!(code(Kind::Silent { timeout: Duration::from_secs(5) }), 3);
    assert_eq!(code(Kind::Refused { right: Right::See, detail: String::new() }), 4);
}

#[test]
fn a_process_without_an_agent_gets_the_lines_to_add() {
    let text = Error::new(Kind::NoAgent { pid: 7 }).to_string();
    assert!(text.starts_with("process 7 has no agent linked."));
    assert!(text.contains("loopscope-inspector = \"0.1\"") && text.contains("loopscope_inspector::start();"));
}

#[test]
fn several_candidates_are_listed_with_user_and_uptime() {
    let candidate = |pid, name: &str, seconds| Candidate {
        pid,
        name: Some(name.into()),
        uid: Some(0),
        uptime: Some(Duration::from_secs(seconds)),
    };
    let candidates = vec![candidate(7, "app", 65), candidate(4711, "\x1b[2J", 3)];
    let text = Error::new(Kind::Ambiguous { name: Some("app".into()), candidates }).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "several processes are called app; name one by its number:");
    assert_eq!(lines[1], "       PID  USER             UPTIME  PROGRAM");
    assert_eq!(lines[2], "         7  root          1 min 5 s  app");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn of_several_that_cannot_be_attached_to_each_reason_is_given_and_the_lines_once() {
    let reasons =
        vec![(7, Kind::NoAgent { pid: 7 }), (8, Kind::Zombie { pid: 8 }), (9, Kind::NoAgent { pid: 9 })];
    let text = Error::new(Kind::NoneOfThem { name: "app".into(), reasons }).to_string();
    assert!(text.starts_with(
        "none of the 3 processes called app can be attached to:\n  process 7 has no agent linked.\n  process 8 has ended"
    ));
    assert_eq!(text.matches("loopscope_inspector::start();").count(), 1);
}

#[test]
fn a_missing_right_is_named_with_the_way_to_get_it() {
    let error =
        |right, detail: &str| Error::new(Kind::Refused { right, detail: detail.into() }).about("7 (app)");
    assert_eq!(
        error(Right::Control, "").to_string(),
        "7 (app) does not grant the right to control; nobody has it unless the process was started with \
         LOOPSCOPE_CONTROL=1, or its code grants it (Agent::builder().control(true)): start it so"
    );
    assert!(
        error(Right::Diagnose, "not you").to_string().ends_with("start it without that. It says: not you")
    );
    assert!(error(Right::See, "").to_string().contains("try sudo"));
}

#[test]
fn what_the_other_end_says_cannot_drive_the_terminal() {
    let text = Error::new(Kind::BadRequest { detail: "\x1b[2J".into() }).to_string();
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn a_silent_process_is_named() {
    let error = Error::new(Kind::Silent { timeout: Duration::from_secs(5) }).about("7 (app)");
    assert_eq!(error.to_string(), "7 (app) has been silent for 5s");
}

#[test]
fn versions_are_both_named() {
    let error = Error::new(Kind::AgentTooNew { theirs: 3, ours: 1 }).about("7 (app)");
    assert_eq!(
        error.to_string(),
        "7 (app) speaks protocol 3 at least, this program 1 at most; use a newer loopscope"
    );
}
