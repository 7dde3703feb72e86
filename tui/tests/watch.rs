//! `watch` as a log sees it: pictures, what is said between them, and how it ends.
//!
//! Nothing here depends on how long anything takes: each step waits for the line that says that the one before is done.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/stage.rs"]
mod stage;
#[path = "support/talker.rs"]
mod talker;

use serde_json::Value;
use stage::{Said, Stage};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStderr, Stdio};
use talker::Talker;

/// The application of `demo`, with its socket at a place of the test's choice.
fn application(stage: &Stage) -> Talker {
    let mut command = stage.command(&format!("demo-app --parent {}", std::process::id()));
    command.env("LOOPSCOPE_INSPECT", stage.socket("app.sock"));
    let mut application = Talker::start(&mut command);
    application.line("ready");
    application
}

/// A watch under way, and what it says on stderr.
struct Watching {
    watch: Talker,
    said: BufReader<ChildStderr>,
}

impl Watching {
    /// Returns when the first picture came.
    fn start(stage: &Stage, line: &str) -> Self {
        let mut command = stage.command(&format!("watch {line} --interval 50ms"));
        let mut watch = Talker::start(command.stderr(Stdio::piped()));
        let said = BufReader::new(watch.child.stderr.take().unwrap());
        watch.line("");
        Self { watch, said }
    }

    /// Waits for a line on stderr with these words.
    #[track_caller]
    fn says(&mut self, words: &str) {
        loop {
            let mut line = String::new();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended before it said {words:?}");
            assert!(line.starts_with("loopscope: 2"), "with the time: {line}");
            if line.contains(words) {
                return;
            }
        }
    }

    /// How it ends, and what else it says.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        let mut pictures = Vec::new();
        self.watch.lines.read_to_end(&mut pictures).unwrap();
        self.said.read_to_string(&mut rest).unwrap();
        (self.watch.end(), rest)
    }
}

#[test]
fn every_view_comes_again_and_again_as_one_document_a_line() {
    let stage = Stage::new();
    let application = application(&stage);
    for view in ["tasks", "tree", "sites", "timers", "io", "sync", "blocking", "loops", "warnings"] {
        let said =
            stage.run(&format!("watch {view} {} --jsonl --count 3 --interval 50ms", application.pid()));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{view}: {said:?}");
        let pictures: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(pictures.len(), 3, "{view}");
        assert!(pictures.iter().all(|picture| picture[view].is_array()), "{view}: {}", pictures[0]);
        let times: Vec<&str> = pictures.iter().map(|picture| picture["taken_at"].as_str().unwrap()).collect();
        assert!(times[0] < times[1] && times[1] < times[2], "{view}: {times:?}");
    }
    let processes = stage.run("watch ps --jsonl --count 2 --interval 50ms");
    assert_eq!(processes.code, Some(0), "{processes:?}");
    assert_eq!(processes.out.lines().count(), 2, "{processes:?}");
}

#[test]
fn words_have_a_time_and_csv_has_one_heading() {
    let stage = Stage::new();
    let application = application(&stage);
    let pid = application.pid();
    let words = stage.run(&format!("watch loops {pid} --count 2 --interval 50ms"));
    let pictures: Vec<&str> = words.out.split("\n\n").collect();
    assert_eq!(pictures.len(), 2, "{words:?}");
    for picture in pictures {
        let (first, rest) = picture.split_once('\n').unwrap();
        assert!(first.starts_with('2') && first.ends_with(&format!("Z  {pid} (loopscope)")), "{first}");
        assert!(rest.starts_with("LOOP "), "{rest}");
    }
    let csv = stage.run(&format!("watch loops {pid} --count 3 --interval 50ms --csv --limit 1"));
    let starts: Vec<&str> = csv.out.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((starts[0], starts.len()), ("taken_at", 4), "{csv:?}");
    assert!(starts[1..].iter().all(|start| start.starts_with('2')), "{csv:?}");
}

#[test]
fn mistakes_are_2_before_anybody_is_attached_to() {
    let stage = Stage::new();
    stage.run("watch task 1").refused(2, &["'task'", "'tasks'"]);
    stage.run("watch tasks 1 --filter stat=idle").refused(2, &["stat=idle\n", "^", "`state`"]);
    stage.run("watch tasks 1 --sort bsy").refused(2, &["`busy`"]);
    stage.run("watch tasks 1 --count 0").refused(2, &["--count"]);
    stage.run("watch tasks 1 --jsonl --csv").refused(2, &["cannot be used with"]);
    stage.run("watch tasks 1 --interval 2h").refused(2, &["1h"]);
    stage.run("watch ps 1").refused(2, &["no target"]);
}

#[test]
fn it_ends_with_0_on_ctrl_c_and_when_the_time_is_up_and_when_nobody_reads_it() {
    let stage = Stage::new();
    let application = application(&stage);
    let pid = application.pid();
    let watching = Watching::start(&stage, &format!("tasks {pid}"));
    watching.watch.signal("INT");
    assert_eq!(watching.end(), (Some(0), String::new()));
    let said = stage.run(&format!("watch tasks {pid} --seconds 1 --interval 50ms"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let mut command = stage.command(&format!("watch tasks {pid} --interval 50ms"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn it_ends_with_3_when_the_process_has_gone() {
    let stage = Stage::new();
    let mut application = application(&stage);
    let pid = application.pid();
    let watching = Watching::start(&stage, &format!("tasks {pid}"));
    application.signal("KILL");
    application.end();
    let (code, said) = watching.end();
    assert_eq!(code, Some(3), "{said}");
    let last = said.lines().last().unwrap();
    // Until its parent has noticed it is a zombie.
    let reasons =
        [format!("{pid} (loopscope) has ended"), format!("{pid} has ended"), format!("no process {pid}")];
    assert!(reasons.iter().any(|reason| last.contains(reason)), "{said}");
}

#[test]
fn a_process_that_is_stopped_is_waited_for() {
    let stage = Stage::new();
    let application = application(&stage);
    let mut watching = Watching::start(&stage, &format!("tasks {} --timeout 500ms", application.pid()));
    application.signal("STOP");
    watching.says("is stopped and cannot answer");
    application.signal("CONT");
    watching.says("answers again");
    watching.watch.line("");
    watching.watch.signal("INT");
    assert_eq!(watching.end().0, Some(0));
}

#[test]
fn a_restarted_process_is_found_again_by_its_socket_and_given_up_when_none_comes() {
    let stage = Stage::new();
    let mut first = application(&stage);
    let mut watching =
        Watching::start(&stage, &format!("tasks {} --timeout 60s", stage.socket("app.sock").display()));
    first.signal("KILL");
    first.end();
    watching.says("trying again");
    let second = application(&stage);
    watching.says(&format!("{} (loopscope) has taken its place", second.pid()));
    watching.watch.line(&format!("{} (loopscope)", second.pid()));
    drop(second);
    watching.watch.signal("INT");
    assert_eq!(watching.end().0, Some(0));
    let said = stage.run(&format!("watch tasks {} --timeout 100ms", stage.socket("app.sock").display()));
    said.refused(3, &["app.sock"]);
}

#[test]
fn fail_on_ends_it_with_5_when_one_is_found() {
    let stage = Stage::new();
    let application = application(&stage);
    let said = stage.run(&format!("watch loops {} --fail-on slow-poll --interval 50ms", application.pid()));
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains("found: slow-poll"), "{said:?}");
}
