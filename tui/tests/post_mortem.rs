//! What a process leaves when it comes to a bad end, opened by the commands as if it were there.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/stage.rs"]
mod stage;
#[path = "support/talker.rs"]
mod talker;

use loopscope::sync::Mutex;
use loopscope::task;
use serde_json::Value;
use stage::Stage;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;
use talker::Talker;

/// Says to this test, started again as a process of its own, how it is to end.
const HOW: &str = "LOOPSCOPE_TEST_END";

const SOURCE: &str = include_str!("post_mortem.rs");

/// The line that ends in `here: MARKER`, from 1.
fn line_of(marker: &str) -> usize {
    SOURCE.lines().position(|line| line.ends_with(&format!("// here: {marker}"))).unwrap() + 1
}

/// A task that sleeps with a lock, one that waits for the lock, and the end.
fn application(how: &str) {
    loopscope_inspector::start();
    loopscope::run(async {
        let lock = Rc::new(Mutex::new(()).named("ledger"));
        let held = Rc::clone(&lock);
        task::Builder::new()
            .name("writer")
            .spawn(async move {
                let _guard = held.lock().await;
                loopscope::sleep(Duration::from_secs(3600)).await; // here: writer
            })
            .detach();
        loopscope::yield_now().await;
        task::Builder::new()
            .name("reader")
            .spawn(async move {
                drop(lock.lock().await); // here: reader
            })
            .detach();
        loopscope::sleep(Duration::from_millis(5)).await;
        match how {
            "panic" => panic!("no bread"), // here: panic
            _ => std::process::abort(),
        }
    });
}

/// Lets it end that way, and gives the only file that it left.
fn left(stage: &Stage, test: &str, how: &str) -> (u32, PathBuf) {
    let directory = stage.directory.join("left");
    std::fs::create_dir(&directory).unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", test, "--nocapture"]).env(HOW, how);
    process.env("XDG_RUNTIME_DIR", &stage.directory).env("LOOPSCOPE_POST_MORTEM", &directory);
    process.env_remove("LOOPSCOPE_INSPECT").env("RUST_BACKTRACE", "0");
    let mut process = Talker::start(&mut process);
    let pid = process.pid();
    assert_ne!(process.end(), Some(0));
    let files: Vec<PathBuf> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    (pid, files.into_iter().next().unwrap())
}

/// The rows of a command's table.
fn rows(stage: &Stage, command: &str, file: &str) -> Vec<Value> {
    let said = stage.run(&format!("{command} {file} --json"));
    said.json()[command].as_array().unwrap().clone()
}

#[test]
fn a_panic_of_the_main_task_leaves_a_file_that_every_command_opens() {
    if let Ok(how) = std::env::var(HOW) {
        return application(&how);
    }
    let stage = Stage::new();
    let (pid, path) =
        left(&stage, "a_panic_of_the_main_task_leaves_a_file_that_every_command_opens", "panic");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("post_mortem-") && name.contains(&format!("-{pid}-")), "{name}");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let file = path.to_str().unwrap();

    let tasks = rows(&stage, "tasks", file);
    let task = |name: &str| tasks.iter().find(|task| task["name"] == name).unwrap();
    assert_eq!(task("main")["state"], "panicked");
    let (writer, reader) = (task("writer"), task("reader"));
    assert_eq!(writer["waiting_on"][0]["kind"], "sleep");
    assert_eq!(writer["waiting_on"][0]["at"]["line"], line_of("writer"));
    assert_eq!(reader["waiting_on"][0]["kind"], "lock");
    assert_eq!(reader["waiting_on"][0]["at"]["line"], line_of("reader"));
    assert_eq!(reader["waiting_on"][0]["task"], writer["id"]);

    let ended = rows(&stage, "warnings", file);
    let message = ended.iter().find(|row| row["name"] == "ended").unwrap()["message"].as_str().unwrap();
    let place = format!("tests/post_mortem.rs:{}: no bread", line_of("panic"));
    assert!(message.starts_with("the process came to its end: the main task panicked at "), "{message}");
    assert!(message.ends_with(&place), "{message}");

    let why = stage.run(&format!("why {file} {}", reader["id"]));
    assert_eq!(why.code, Some(0), "{why:?}");
    let chain = format!("lock \"ledger\" held by #{} writer", writer["id"]);
    assert!(why.out.contains(&chain) && why.out.contains("sleep"), "{why:?}");
    let tree = stage.run(&format!("tree {file}"));
    assert!(tree.out.contains("reader") && tree.out.contains(&chain), "{tree:?}");
    for command in ["sites", "timers", "io", "sync", "blocking", "loops", "hist", "watch tasks --count 2"] {
        let said = stage.run(&format!("{command} {file}"));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{command}: {said:?}");
        assert_ne!(said.out, "", "{command}");
    }
    let stacks = rows(&stage, "stack", file);
    assert_eq!(stacks.len(), 1, "{stacks:?}");
    let frames = stacks[0]["frames"].as_array().unwrap();
    let has = |part: &str| frames.iter().any(|frame| frame["function"].as_str().unwrap().contains(part));
    assert!(has("post_mortem::application"), "{frames:?}");
    let said = stage.run(&format!("stack {file}"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let process = &stage.run(&format!("loops {file} --json")).json()["processes"][0];
    assert!(process["ended"].as_str().unwrap().ends_with(&place), "{process}");
    for command in [format!("debug {file} on"), format!("cancel {file} 1")] {
        let said = stage.run(&command);
        assert_ne!(said.code, Some(0), "{command}: {said:?}");
        assert_eq!(said.out, "", "{command}");
    }
}

#[test]
fn a_fatal_signal_leaves_a_file_too() {
    if let Ok(how) = std::env::var(HOW) {
        return application(&how);
    }
    let stage = Stage::new();
    let (_, path) = left(&stage, "a_fatal_signal_leaves_a_file_too", "abort");
    let file = path.to_str().unwrap();
    let main = rows(&stage, "tasks", file).into_iter().find(|task| task["name"] == "main").unwrap();
    assert_eq!(main["state"], "running", "in the middle of the poll that aborts");
    let ended = rows(&stage, "warnings", file).into_iter().find(|row| row["name"] == "ended").unwrap();
    assert!(
        ended["message"].as_str().unwrap().starts_with("the process came to its end: SIGABRT in thread ")
    );
    let stacks = rows(&stage, "stack", file);
    assert!(stacks[0]["note"].as_str().unwrap().starts_with("this thread got the signal"), "{stacks:?}");
}

#[test]
fn a_file_that_is_none_or_was_cut_off_is_refused_with_the_reason() {
    let stage = Stage::new();
    let check = |name: &str, bytes: &[u8], words: &str| {
        let path = stage.directory.join(name);
        std::fs::write(&path, bytes).unwrap();
        let said = stage.run(&format!("tree {}", path.display()));
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
        assert!(said.err.contains(words), "{said:?}");
    };
    check("notes", b"bread, milk", "neither a socket nor a post mortem of Loopscope");
    check("empty", b"", "neither a socket nor a post mortem of Loopscope");
    check("short", b"loopscope post mortem 1\n\x02\xff\0\0\0half", "cut off");
    check("newer", b"loopscope post mortem 9\n", "of version 9, and this program reads version 1");
}
