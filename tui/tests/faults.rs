//! The examples that do one thing wrong each, and what Loopscope says of them: the very warning and stack, with the right function,
//! file and line; and the tutorial about the server that hangs, command by command.
//!
//! Lines are those that end in `here: MARKER` in the example's source.

#![allow(clippy::unwrap_used, reason = "test crate")]

macro_rules! examples {
    ($($name:ident = $path:literal),+ $(,)?) => {
        $(
            #[path = $path]
            #[allow(dead_code, reason = "its main is called")]
            mod $name;
        )+

        /// The source of an example.
        fn source(name: &str) -> &'static str {
            match name {
                $(stringify!($name) => include_str!($path),)+
                _ => panic!("no example {name}"),
            }
        }

        /// Runs an example.
        fn play(name: &str, arguments: impl Iterator<Item = String>) -> std::process::ExitCode {
            match name {
                $(stringify!($name) => $name::program(arguments),)+
                _ => panic!("no example {name}"),
            }
        }
    };
}

examples! {
    slow_callback = "../../examples/src/bin/slow_callback.rs",
    blocked = "../../examples/src/bin/blocked.rs",
    deadlock = "../../examples/src/bin/deadlock.rs",
    leak = "../../examples/src/bin/leak.rs",
    never_retrieved = "../../examples/src/bin/never_retrieved.rs",
    starvation = "../../examples/src/bin/starvation.rs",
    hung_server = "../../examples/src/bin/hung_server.rs",
    logged = "../../examples/src/bin/logged.rs",
}

#[path = "support/pane.rs"]
mod pane;
#[path = "faults/screens.rs"]
mod screens;
#[path = "support/stage.rs"]
mod stage;
#[path = "support/talker.rs"]
mod talker;

use serde_json::Value;
use stage::{Stage, eventually};
use std::process::Command;
use talker::Talker;

/// Says to this test, started again as a process of its own, which example it is.
const PLAY: &str = "LOOPSCOPE_TEST_FAULT";

/// The line that ends in `here: MARKER`, from 1.
#[track_caller]
fn line_of(name: &str, marker: &str) -> u64 {
    let line = source(name).lines().position(|line| line.ends_with(&format!("// here: {marker}")));
    line.unwrap_or_else(|| panic!("no line of {name} is marked {marker:?}")) as u64 + 1
}

/// A running example.
struct Playing {
    stage: Stage,
    process: Talker,
    name: &'static str,
}

impl Playing {
    /// Starts it, in debug mode if `lints` says thresholds.
    fn start(name: &'static str, arguments: &str, lints: Option<&str>) -> Self {
        let stage = Stage::new();
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "the_example_itself", "--nocapture"]);
        // The one that does nothing wrong runs on anyway.
        let hold = if name == "logged" { "" } else { "--hold" };
        process.env(PLAY, format!("{name} {arguments} {hold}"));
        process.env("XDG_RUNTIME_DIR", &stage.directory).env_remove("LOOPSCOPE_INSPECT");
        if let Some(lints) = lints {
            process.env("LOOPSCOPE_DEBUG", "1").env("LOOPSCOPE_LINTS", lints);
        }
        let mut process = Talker::start(&mut process);
        process.line("pid ");
        Self { stage, process, name }
    }

    fn run(&self, line: &str) -> stage::Said {
        self.stage.run(&line.replace("PID", &self.process.pid().to_string()))
    }

    fn rows(&self, command: &str) -> Vec<Value> {
        let said = self.run(&format!("{command} PID --json"));
        said.json()[command].as_array().unwrap().clone()
    }

    /// Waits for the only warning of a lint.
    #[track_caller]
    fn warning(&self, lint: &str) -> Value {
        let mut found = Vec::new();
        eventually(&format!("{lint} of {}", self.name), || {
            found = self.rows("warnings");
            found.retain(|row| row["name"] == lint);
            !found.is_empty()
        });
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// That a place is the marked line of the example.
    #[track_caller]
    fn is_at(&self, place: &Value, marker: &str) {
        assert_eq!(place["line"].as_u64(), Some(line_of(self.name, marker)), "{place}");
        assert!(place["file"].as_str().unwrap().ends_with(&format!("{}.rs", self.name)), "{place}");
    }

    /// That the async stack of the task of that name has the function, at that line.
    #[track_caller]
    fn stands_at(&self, task: &str, function: &str, marker: &str) {
        let dump = self.rows("dump");
        let row = dump.iter().find(|row| row["name"] == task).unwrap_or_else(|| panic!("{task}: {dump:?}"));
        let text = row.to_string();
        let frames = row["frames"].as_array().unwrap();
        let is_it = |frame: &&Value| {
            frame["function"].as_str().unwrap().contains(&format!("{}::{function}", self.name))
        };
        let frame = frames.iter().find(is_it).unwrap_or_else(|| panic!("no {function} in {text}"));
        self.is_at(&frame["at"], marker);
    }
}

#[test]
fn the_example_itself() {
    let Ok(play_what) = std::env::var(PLAY) else { return };
    let mut words = play_what.split_whitespace().map(str::to_owned);
    loopscope_inspector::start();
    let code = play(&words.next().unwrap(), words);
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
}

fn message(warning: &Value) -> &str {
    warning["message"].as_str().unwrap()
}

#[test]
fn slow_callback_is_a_slow_poll_at_the_line_that_asked_for_the_call() {
    let playing = Playing::start("slow_callback", "", None);
    let warning = playing.warning("slow-poll");
    playing.is_at(&warning["at"], "the callback");
    // It may not have come to its end yet.
    assert!(warning["for_ns"].as_u64().unwrap() >= 100_000_000, "{warning}");
    let text = playing.run("warnings PID");
    let place = format!("slow_callback.rs:{}", line_of("slow_callback", "the callback"));
    assert!(text.out.contains("slow-poll") && text.out.contains(&place), "{text:?}");
}

#[test]
fn blocked_names_the_task_while_it_holds_the_loop() {
    for (how, function) in
        [("cpu", "blocked::compute"), ("sleep", "blocked::nap"), ("lock", "blocked::count")]
    {
        let playing = Playing::start("blocked", &format!("--how {how}"), None);
        let warning = playing.warning("blocked");
        assert!(message(&warning).contains(" report, "), "{warning}");
        let report = playing.rows("tasks").into_iter().find(|task| task["name"] == "report").unwrap();
        assert_eq!((&report["id"], &report["state"]), (&warning["task"], &Value::from("running")));
        assert_eq!(warning["at"], report["site"]);
        let text = playing.run("warnings PID --fail-on blocked");
        assert_eq!(text.code, Some(5), "{text:?}");
        // What the loop's thread does right now, down to the line that does not come to its end.
        let stacks = playing.rows("stack");
        let frames = stacks.iter().flat_map(|stack| stack["frames"].as_array().unwrap());
        let mut its = frames.filter(|frame| frame["function"].as_str().unwrap().ends_with(function));
        let frame = its.next().unwrap_or_else(|| panic!("no {function} in {stacks:?}"));
        playing.is_at(&frame["at"], how);
    }
}

#[test]
fn two_locks_in_two_orders_are_a_deadlock_with_both_tasks_and_their_lines() {
    let playing = Playing::start("deadlock", "--how locks", None);
    let warning = playing.warning("deadlock");
    let words = message(&warning);
    assert!(
        words.contains(" pay and #") && words.contains(" cancel an order wait for each other"),
        "{words}"
    );
    playing.stands_at("pay", "pay", "pay waits");
    playing.stands_at("cancel an order", "cancel", "cancel waits");
    for (lock, marker) in [("accounts", "pay holds"), ("orders", "cancel holds")] {
        let rows = playing.rows("sync");
        let row = rows.iter().find(|row| row["name"] == lock).unwrap();
        playing.is_at(&row["held_at"], marker);
    }
    let why = playing.run(&format!("why PID {}", warning["task"]));
    for marker in ["pay waits", "cancel waits"] {
        let place = format!("deadlock.rs:{}", line_of("deadlock", marker));
        assert!(why.out.contains(&place), "{place}: {why:?}");
    }
}

#[test]
fn two_tasks_that_wait_for_each_others_end_are_a_deadlock() {
    let playing = Playing::start("deadlock", "--how join", None);
    let warning = playing.warning("deadlock");
    let words = message(&warning);
    assert!(words.contains(" upload and #") && words.contains(" clean up wait for each other"), "{words}");
    playing.stands_at("upload", "join", "upload waits");
    playing.stands_at("clean up", "join", "clean up waits");
}

#[test]
fn a_queue_whose_reader_has_left_has_no_consumer() {
    let playing = Playing::start("deadlock", "--how queue", Some("no-consumer=500ms"));
    let warning = playing.warning("no-consumer");
    assert!(message(&warning).contains("\"orders\""), "{warning}");
    playing.stands_at("waiter", "take_orders", "waiter waits");
}

#[test]
fn what_only_grows_is_told_with_the_line_that_makes_it() {
    for (what, lint) in [("tasks", "leak"), ("descriptors", "fd-leak")] {
        let playing = Playing::start("leak", &format!("--what {what}"), Some("leak=5,fd-leak=5,window=4s"));
        playing.is_at(&playing.warning(lint)["at"], what);
    }
}

#[test]
fn an_error_that_nobody_asks_for_is_told_with_its_words_and_the_line_that_spawned_it() {
    let playing = Playing::start("never_retrieved", "", None);
    let warning = playing.warning("never-retrieved");
    playing.is_at(&warning["at"], "the task");
    assert!(
        message(&warning).contains("\"load settings\"") && message(&warning).contains("NotFound"),
        "{warning}"
    );
}

#[test]
fn starvation_names_who_does_not_get_its_turn() {
    let playing = Playing::start("starvation", "", None);
    let warning = playing.warning("starved");
    assert!(message(&warning).contains("has been ready to run for "), "{warning}");
    let lines = ["clock", "worker"].map(|marker| line_of("starvation", marker));
    assert!(lines.contains(&warning["at"]["line"].as_u64().unwrap()), "{warning}");
}

/// Text as far as it does not change from run to run: without numbers but those of lines, and without the width of columns.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_digit() && !steady.ends_with(".rs:") {
            while chars.next_if(|c| c.is_ascii_digit() || *c == '.').is_some() {}
            steady.push('N');
        } else if c.is_ascii_digit() {
            steady.push(c);
            while let Some(more) = chars.next_if(char::is_ascii_digit) {
                steady.push(more);
            }
        } else {
            steady.push(c);
        }
    }
    let words: Vec<&str> = steady.split_whitespace().collect();
    let line = words.join(" ").replace("N ms", "N s").replace("N min N s", "N s");
    // Known only after a while.
    line.replace(" CPU ", " ").replace("N % ", "")
}

/// The commands of the tutorial, each with the lines that it shows.
fn commands(tutorial: &str) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    let mut is_console = false;
    for line in tutorial.lines() {
        match line.strip_prefix("$ ") {
            _ if line.starts_with("```") => is_console = line == "```console",
            Some(command) if is_console => commands.push((command.to_owned(), Vec::new())),
            None if is_console => commands.last_mut().unwrap().1.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

#[test]
fn the_tutorial_shows_what_its_commands_say() {
    let tutorial = include_str!("../../docs/tutorial-hang.md");
    let (ours, tokios) = tutorial.split_once("## A lock of another library").unwrap();
    for (lock, part) in [("ours", ours), ("tokio", tokios)] {
        let playing = Playing::start("hung_server", &format!("--lock {lock}"), None);
        eventually("it hangs", || {
            let waits = playing.rows("tasks");
            let connections = waits.iter().filter(|task| task["name"] == "connection").count();
            connections == 3
                && (lock == "tokio" || playing.run("warnings PID").out.contains("2 tasks wait for it"))
        });
        let commands = commands(part);
        let looking: Vec<_> =
            commands.iter().filter(|(command, _)| command.starts_with("loopscope ")).collect();
        assert!((1..=3).contains(&looking.len()), "in at most three commands");
        for (command, shown) in looking {
            let command = command.trim_start_matches("loopscope ");
            let command = command.trim_end_matches(|c: char| c.is_ascii_digit());
            let said = playing.run(&format!("{command}{}", if command.ends_with(' ') { "PID" } else { "" }));
            assert_eq!(said.code, Some(0), "{said:?}");
            let this = std::env::current_exe().unwrap();
            let program = this.file_name().unwrap().to_str().unwrap();
            let said =
                said.out.replace("tui/tests/../../", "").replace("faults::hung_server::", "hung_server::");
            let said: Vec<String> = said.replace(program, "hung_server").lines().map(steady).collect();
            let mut rest = said.iter();
            for line in shown.iter().filter(|line| *line != "…").map(|line| steady(line)) {
                assert!(rest.any(|said| *said == line), "{line:?} is missing, in this order, in {said:#?}");
            }
        }
    }
}
