//! Every wait there is, named by every tool: the example `workshop` in a process of its own, and what the tables say of it.
//!
//! The table below is what is expected, one row a wait: the task, what it waits for, and in words. The line of the `.await` is the
//! one that ends in `here: TASK` in the example's source.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "../../examples/src/bin/workshop.rs"]
#[allow(dead_code, reason = "its main is called")]
mod workshop;

#[path = "support/stage.rs"]
mod stage;
#[path = "support/talker.rs"]
mod talker;

use serde_json::Value;
use stage::{Stage, eventually};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use talker::Talker;

/// Says to this test, started again as a process of its own, that it is the workshop.
const OPEN: &str = "LOOPSCOPE_TEST_WORKSHOP";

const SOURCE: &str = include_str!("../../examples/src/bin/workshop.rs");

/// One wait of one task.
#[derive(Clone, Copy, Debug)]
struct Wait {
    task: &'static str,
    kind: &'static str,
    /// The kind and the name of the resource; empty where it has none.
    of: (&'static str, &'static str),
    /// The task that is waited for: the holder of a lock, the task joined.
    whom: &'static str,
    /// How the words begin; `@` stands for number and name of that task.
    words: &'static str,
    /// What the line of the `.await` ends in, behind `here: `. Empty: it is not known, as it lies in the runtime or in a future that
    /// the runtime does not know.
    here: &'static str,
}

const fn wait(
    task: &'static str,
    kind: &'static str,
    of: (&'static str, &'static str),
    words: &'static str,
) -> Wait {
    Wait { task, kind, of, whom: "", words, here: task }
}

const fn for_task(whom: &'static str, wait: Wait) -> Wait {
    Wait { whom, ..wait }
}

/// A wait in a line with another marker than the task's name.
const fn at(here: &'static str, wait: Wait) -> Wait {
    Wait { here, ..wait }
}

/// Nothing that has a record.
const NONE: (&str, &str) = ("", "");

/// Every wait of every task. A line of its own for each of several waits of one task, the one that `why` follows first. A task
/// that a function of the library spawns has no name and is called the child of its parent.
const WAITS: &[Wait] = &[
    wait("main", "blocking", NONE, "blocking job #"),
    wait("holder of db", "sleep", NONE, "sleep, 59 min "),
    for_task("holder of db", wait("lock db", "lock", ("lock", "db"), "lock \"db\" held by @, ")),
    for_task(
        "philosopher 2",
        wait("philosopher 1", "lock", ("lock", "right fork"), "lock \"right fork\" held by @, "),
    ),
    for_task(
        "philosopher 1",
        wait("philosopher 2", "lock", ("lock", "left fork"), "lock \"left fork\" held by @, "),
    ),
    wait("event ready", "event", ("event", "ready"), "event \"ready\""),
    wait("condition stocked", "condition", ("condition", "stocked"), "condition \"stocked\""),
    for_task(
        "main",
        wait(
            "semaphore api",
            "semaphore",
            ("semaphore", "api"),
            "semaphore \"api\" (0 of 1 permit free) held by @, ",
        ),
    ),
    wait("barrier start", "barrier", ("barrier", "start"), "barrier \"start\" (1 of 2 arrived)"),
    wait("token shutdown", "event", ("event", "shutdown"), "event \"shutdown\""),
    wait("put full", "put", ("queue", "full"), "put \"full\", "),
    wait("get empty", "get", ("queue", "empty"), "get \"empty\""),
    wait("get urgent", "get", ("queue", "urgent"), "get \"urgent\""),
    wait("all done of undone", "event", ("queue", "undone"), "all done of \"undone\""),
    wait("send narrow", "send", ("channel", "narrow"), "send \"narrow\", "),
    wait("recv quiet", "recv", ("channel", "quiet"), "recv \"quiet\""),
    wait("recv afar", "recv", ("channel", "afar"), "recv \"afar\""),
    wait("changed config", "recv", ("channel", "config"), "recv \"config\""),
    wait("recv news", "recv", ("channel", "news"), "recv \"news\""),
    wait("recv answer", "recv", ("oneshot", "answer"), "recv \"answer\""),
    wait("promise verdict", "recv", ("oneshot", "verdict"), "recv \"verdict\""),
    wait("recv reply", "recv", ("oneshot", "reply"), "recv \"reply\""),
    wait("sleeper", "sleep", NONE, "sleep, 59 min "),
    for_task("sleeper", wait("join sleeper", "join", NONE, "join @")),
    wait("group crew", "group", ("group", "crew"), "group \"crew\""),
    wait("member of crew", "sleep", NONE, "sleep, 59 min "),
    at("one of two", wait("first of two", "sleep", NONE, "sleep, 59 min ")),
    at("one of two", wait("second of two", "sleep", NONE, "sleep, 59 min ")),
    for_task("first of two", wait("wait for two", "join", NONE, "join @")),
    for_task("second of two", wait("wait for two", "join", NONE, "join @")),
    for_task("a child of gather", wait("gather", "join", NONE, "join @")),
    wait("a child of gather", "sleep", NONE, "sleep, 59 min "),
    for_task("a child of shield", wait("shield", "join", NONE, "join @")),
    wait("a child of shield", "sleep", NONE, "sleep, 59 min "),
    at("bell", wait("bell or letter", "event", ("event", "bell"), "event \"bell\"")),
    at("letters", wait("bell or letter", "recv", ("channel", "letters"), "recv \"letters\"")),
    wait("interval", "sleep", NONE, "sleep, 59 min "),
    wait("event late in time", "event", ("event", "late"), "event \"late\""),
    wait("event late in time", "sleep", NONE, "sleep, 59 min "),
    wait("event moved in time", "event", ("event", "moved"), "event \"moved\""),
    at("the scope", wait("event moved in time", "sleep", NONE, "sleep, 59 min ")),
    wait("accept", "accept", ("tcp-listener", ""), "accept 127.0.0.1:"),
    wait("read tcp", "read", ("tcp", ""), "read 127.0.0.1:"),
    wait("read a line", "read", ("unix", ""), "read (fd "),
    wait("write unix", "write", ("unix", ""), "write (fd "),
    wait("read udp", "read", ("udp", ""), "read 127.0.0.1:"),
    at("", wait("desk", "accept", ("tcp-listener", ""), "accept 127.0.0.1:")),
    at("a connection of desk", wait("desk client", "read", ("tcp", ""), "read 127.0.0.1:")),
    wait("read a reply", "read", ("tcp", ""), "read 127.0.0.1:"),
    for_task("desk", wait("end of desk", "join", NONE, "join @")),
    wait("process cat", "process", ("process", "cat"), "process cat (pid "),
    wait("read stdout of cat", "read", ("pipe", "stdout of cat"), "read \"stdout of cat\" (pid "),
    wait("blocking job", "blocking", NONE, "blocking job #"),
    wait("signal SIGUSR1", "signal", ("signal", "SIGUSR1"), "signal SIGUSR1"),
    at("", wait("something foreign", "foreign", NONE, "something foreign, ")),
];

/// The line that ends in `here: MARKER`, from 1.
#[track_caller]
fn line_of(marker: &str) -> Option<u64> {
    let line = SOURCE.lines().position(|line| line.ends_with(&format!("// here: {marker}")));
    assert!(line.is_some() || marker.is_empty(), "no line of the example is marked {marker:?}");
    line.filter(|_| !marker.is_empty()).map(|line| line as u64 + 1)
}

/// The workshop, in which everybody waits.
struct Open {
    stage: Stage,
    process: Talker,
    /// The name of each task.
    names: BTreeMap<u64, String>,
}

impl Open {
    fn start() -> Self {
        let stage = Stage::new();
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "every_wait_is_named_by_every_tool", "--nocapture"]);
        process.env(OPEN, "1");
        process.env("XDG_RUNTIME_DIR", &stage.directory).env_remove("LOOPSCOPE_INSPECT");
        let mut process = Talker::start(&mut process);
        process.line("pid ");
        let mut open = Self { stage, process, names: BTreeMap::new() };
        eventually("main waits for its standard input", || {
            let main = open.rows("tasks", "tasks", "--filter name=main");
            main.len() == 1 && main[0]["waiting_on"][0]["kind"] == "blocking"
        });
        let tasks = open.rows("tasks", "tasks", "--filter kind=task");
        let named = |task: &Value| Some((id(task), task["name"].as_str()?.to_owned()));
        open.names = tasks.iter().filter_map(named).collect();
        let child = |task: &Value| (id(task), format!("a child of {}", open.name(&task["parent"])));
        let children = tasks.iter().filter(|task| task["name"].is_null()).map(child).collect::<Vec<_>>();
        open.names.extend(children);
        open
    }

    fn run(&self, command: &str, flags: &str) -> stage::Said {
        self.stage.run(&format!("{command} {} {flags}", self.process.child.id()))
    }

    fn rows(&self, command: &str, array: &str, flags: &str) -> Vec<Value> {
        self.run(command, &format!("--json {flags}")).json()[array].as_array().unwrap().clone()
    }

    fn text(&self, command: &str, flags: &str) -> String {
        let said = self.run(command, flags);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out
    }

    /// The only task of that name.
    fn task(&self, name: &str) -> u64 {
        let mut found = self.names.iter().filter(|(_, of)| *of == name);
        let (id, _) = found.next().unwrap_or_else(|| panic!("no task {name:?} among {:?}", self.names));
        assert_eq!(found.next(), None, "each name is of one task");
        *id
    }

    fn name(&self, id: &Value) -> &str {
        id.as_u64().and_then(|id| self.names.get(&id)).map_or("", String::as_str)
    }

    /// How the words of a wait begin.
    fn words(&self, wait: &Wait) -> String {
        if wait.whom.is_empty() {
            return wait.words.to_owned();
        }
        wait.words.replace('@', &self.shown(wait.whom))
    }

    /// A task as the tools show it.
    fn shown(&self, name: &str) -> String {
        let number = format!("#{}", self.task(name));
        if name.starts_with("a child of ") { number } else { format!("{number} {name}") }
    }
}

fn id(row: &Value) -> u64 {
    row["id"].as_u64().unwrap()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// The names of the tasks that have waits in the table above.
fn waiting() -> BTreeSet<&'static str> {
    WAITS.iter().map(|wait| wait.task).collect()
}

fn waits_of(task: &str) -> Vec<&'static Wait> {
    WAITS.iter().filter(|wait| wait.task == task).collect()
}

/// What JSON says of one wait: kind, resource, whom, and that the line is the right one.
#[track_caller]
fn check_wait(open: &Open, seen: &Value, wait: &Wait) {
    let of = (text(seen, "resource_kind"), text(seen, "resource_name"));
    assert_eq!((text(seen, "kind"), of), (wait.kind, wait.of), "{}: {seen}", wait.task);
    if wait.kind != "blocking" {
        assert_eq!(open.name(&seen["task"]), wait.whom, "{}: {seen}", wait.task);
    }
    assert_eq!(seen["at"]["line"].as_u64(), line_of(wait.here), "{}: {seen}", wait.task);
    assert!(wait.here.is_empty() || text(&seen["at"], "file").ends_with("workshop.rs"), "{seen}");
    assert_eq!(seen["perhaps"], false, "{seen}");
}

fn check_tasks(open: &Open) {
    let tasks = open.rows("tasks", "tasks", "--filter kind=task");
    let seen: BTreeSet<&str> = tasks.iter().map(|task| open.name(&task["id"])).collect();
    assert_eq!(seen, waiting(), "each task has its row, and each row its task");
    for task in &tasks {
        let name = open.name(&task["id"]);
        assert_eq!(task["state"], "idle", "{name}");
        let waits = waits_of(name);
        let on = task["waiting_on"].as_array().unwrap();
        assert_eq!(on.len(), waits.len(), "{name}: {on:?}");
        for wait in waits {
            let is_it = |seen: &&Value| {
                seen["kind"] == wait.kind && (wait.whom.is_empty() || open.name(&seen["task"]) == wait.whom)
            };
            check_wait(open, on.iter().find(is_it).unwrap_or(&Value::Null), wait);
        }
    }
}

fn check_tree(open: &Open) {
    let tree = open.text("tree", "");
    for name in waiting() {
        // In place of a name there is the place where it was spawned.
        let start = open.shown(name);
        let mut rows = tree.lines().map(|line| line.trim_start_matches(['├', '└', '│', '─', ' ']));
        let line = rows.find_map(|row| row.strip_prefix(&start)?.split_once("  "));
        let line = line.map(|(_, words)| words);
        let line = line.unwrap_or_else(|| panic!("{start:?} is missing in {tree}"));
        let mut rest = line;
        for wait in waits_of(name) {
            let words = open.words(wait);
            let at = rest.find(&words).unwrap_or_else(|| panic!("{name}: {words:?} is missing in {line:?}"));
            assert!(rest == line && at == 0 || rest[..at].ends_with("; "), "{name}: {line:?}");
            rest = &rest[at..];
        }
    }
    let [a, b] = ["philosopher 1", "philosopher 2"].map(|name| open.shown(name));
    assert!(tree.contains(&format!("deadlock: nothing can end it: {a} → {b} → {a}")), "{tree}");
}

fn check_why(open: &Open) {
    for name in waiting() {
        let (task, waits) = (open.task(name), waits_of(name));
        let why = open.run("why", &format!("{task} --json")).json();
        let step = &why["why"][0];
        assert_eq!((open.name(&step["task"]), step["task"].as_u64()), (name, Some(task)));
        check_wait(open, &step["waiting_on"], waits[0]);
        let also = step["also"].as_array().unwrap();
        assert_eq!(also.len(), waits.len() - 1, "{step}");
        for (seen, wait) in also.iter().zip(&waits[1..]) {
            check_wait(open, seen, wait);
        }
        // Whom it waits for comes next, and with a sleep, a socket or the like it ends.
        let next = match (waits[0].whom, waits[0].kind) {
            ("", "group") => "member of crew",
            (whom, _) => whom,
        };
        assert_eq!(open.name(&why["why"][1]["task"]), next, "{why}");
        let deadlock = name.starts_with("philosopher");
        assert_eq!(why["end"]["kind"], if deadlock { "circle" } else { "outside" }, "{why}");
        assert_eq!(why["end"]["deadlock"], deadlock, "{why}");

        let words = open.text("why", &task.to_string());
        let known = line_of(waits[0].here);
        let place = known.map(|line| format!("workshop.rs:{line}")).unwrap_or_default();
        let start = format!("  waits for {}", open.words(waits[0]));
        let line = words.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("{start:?} is missing in {words}"));
        assert!(line.contains(&place), "{line:?}");
        for wait in &waits[1..] {
            assert!(words.contains(&format!("\n  and for {}", open.words(wait))), "{words}");
        }
    }
}

/// The waiters that a row names, as (kind of wait, task).
fn waiters(open: &Open, row: &Value) -> BTreeSet<(String, String)> {
    let by_kind = row["waits"].as_array().unwrap();
    let one = |kind: &Value, waiter: &Value| {
        let name = open.name(&waiter["id"]);
        assert_eq!(text(waiter, "name"), name, "{row}");
        (kind.as_str().unwrap().to_owned(), name.to_owned())
    };
    by_kind
        .iter()
        .flat_map(|waiting| {
            let first = waiting["first"].as_array().unwrap();
            assert_eq!(waiting["count"].as_u64(), Some(first.len() as u64), "{row}");
            first.iter().map(|waiter| one(&waiting["kind"], waiter)).collect::<Vec<_>>()
        })
        .collect()
}

/// The resources that tasks wait for are rows of their table, with exactly these waiters; `io` has the descriptors.
fn check_resources(open: &Open, command: &str, is_of: impl Fn(&str) -> bool) -> Vec<Value> {
    let rows = open.rows(command, command, "");
    for wait in WAITS.iter().filter(|wait| wait.of != NONE && is_of(wait.of.0)) {
        let (kind, name) = wait.of;
        let is_it = |row: &&Value| {
            text(row, "kind") == kind
                && text(row, "name") == name
                && waiters(open, row) == [(wait.kind.to_owned(), wait.task.to_owned())].into()
        };
        let row = rows.iter().find(is_it).unwrap_or_else(|| panic!("no row for {wait:?} in {rows:#?}"));
        assert_eq!(row["waits"][0]["first"][0]["at"]["line"].as_u64(), line_of(wait.here), "{row}");
        assert!(row["made_at"]["line"].is_u64(), "{row}");
    }
    rows
}

fn check_sync(open: &Open) {
    let is_io = ["tcp-listener", "tcp", "udp", "unix", "pipe", "process", "signal"];
    let rows = check_resources(open, "sync", |kind| !is_io.contains(&kind));
    let expected = WAITS.iter().filter(|wait| wait.of != NONE && !is_io.contains(&wait.of.0)).count();
    assert_eq!(rows.len(), expected, "each has one waiter: {rows:#?}");
    let row = |name: &str| rows.iter().find(|row| text(row, "name") == name).unwrap();
    for (name, holder, cycle) in [
        ("db", "holder of db", ""),
        ("api", "main", ""),
        ("left fork", "philosopher 1", "deadlock"),
        ("right fork", "philosopher 2", "deadlock"),
    ] {
        let row = row(name);
        assert_eq!((open.name(&row["holder"]), text(row, "holder_name")), (holder, holder));
        assert_eq!(text(row, "cycle"), cycle, "{row}");
        assert!(row["held_for_ns"].is_u64() && row["held_at"]["line"].is_u64(), "{row}");
    }
    let taken = row("db")["held_at"]["line"].as_u64();
    let lock = SOURCE.lines().position(|line| line.contains("let _guard = held.lock().await")).unwrap();
    assert_eq!(taken, Some(lock as u64 + 1));
    for (name, len, limit) in [
        ("full", Some(1), Some(1)),
        ("empty", Some(0), None),
        ("undone", Some(1), None),
        ("narrow", Some(1), Some(1)),
        ("afar", Some(0), Some(8)),
        ("start", Some(1), Some(2)),
        ("api", Some(0), Some(1)),
        ("crew", Some(1), None),
        ("ready", None, None),
        ("db", None, None),
    ] {
        assert_eq!((row(name)["len"].as_u64(), row(name)["limit"].as_u64()), (len, limit), "{name}");
    }
    for words in ["1 of 2 arrived", "put #", "all done #", "1 of 1 item", "DEADLOCK", "1 of 1 message"] {
        assert!(open.text("sync", "").contains(words), "{words}");
    }
    let stuck = open.rows("sync", "sync", "--filter cycle=deadlock --sort name");
    let names: Vec<&str> = stuck.iter().map(|row| text(row, "name")).collect();
    assert_eq!(names, ["left fork", "right fork"]);
    assert_eq!(open.rows("sync", "sync", "--filter waits=put").len(), 1);
}

fn check_io(open: &Open) {
    let is_io = ["tcp-listener", "tcp", "udp", "unix", "pipe", "process", "signal"];
    let rows = check_resources(open, "io", |kind| is_io.contains(&kind));
    let named = |kind: &str, name: &str| {
        rows.iter().find(|row| row["kind"] == kind && row["name"] == name).unwrap().clone()
    };
    let child = named("process", "cat");
    assert!(child["child_pid"].is_u64() && child["fd"].is_u64() && child["exit"].is_null(), "{child}");
    let ended = named("process", "false");
    assert_eq!(
        (&ended["exit"], ended["child_pid"].is_u64()),
        (&serde_json::json!({"code": 1}), true),
        "{ended}"
    );
    for end in ["stdin of cat", "stdout of cat"] {
        assert_eq!(named("pipe", end)["child_pid"], child["child_pid"], "whose pipe it is");
    }
    assert!(named("signal", "SIGUSR1")["fd"].is_null(), "listeners have no descriptor of their own");
    let text = open.text("io", "");
    for words in ["running", "exit 1", "read #", "write #", "accept #", "stdin of cat", "SIGUSR1"] {
        assert!(text.contains(words), "{words:?} is missing in {text}");
    }
}

fn check_timers_and_jobs(open: &Open) {
    let timers = open.rows("timers", "timers", "");
    let (callbacks, of_tasks): (Vec<&Value>, Vec<&Value>) =
        timers.iter().partition(|timer| timer["kind"] == "call_later");
    assert_eq!(callbacks.len(), 1, "{timers:?}");
    let sleeps: Vec<&Wait> = WAITS.iter().filter(|wait| wait.kind == "sleep").collect();
    assert_eq!(of_tasks.len(), sleeps.len(), "{timers:?}");
    for wait in sleeps {
        let of_task = of_tasks.iter().find(|timer| open.name(&timer["task"]) == wait.task);
        let timer = of_task.unwrap_or_else(|| panic!("no timer of {} in {timers:?}", wait.task));
        let kind = match wait.task {
            "interval" => "interval",
            task if task.ends_with(" in time") => "timeout",
            _ => "sleep",
        };
        assert_eq!(
            (text(timer, "kind"), timer["at"]["line"].as_u64()),
            (kind, line_of(wait.here)),
            "{timer}"
        );
    }

    let jobs = open.rows("blocking", "blocking", "");
    let seen: BTreeSet<(&str, &str, &str)> =
        jobs.iter().map(|job| (text(job, "name"), text(job, "state"), open.name(&job["parent"]))).collect();
    assert_eq!(seen, [("", "running", "main"), ("job", "running", "blocking job")].into());
    for job in &jobs {
        let waiter = open.name(&job["parent"]);
        let why = open.text("why", &open.task(waiter).to_string());
        assert!(why.contains(&format!("blocking job #{}", id(job))), "{why}");
    }
}

#[test]
fn every_wait_is_named_by_every_tool() {
    if std::env::var_os(OPEN).is_some() {
        loopscope_inspector::start();
        let code = workshop::run(std::iter::once("--hold".to_owned()));
        assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
        return;
    }
    let mut open = Open::start();
    check_tasks(&open);
    check_tree(&open);
    check_why(&open);
    check_sync(&open);
    check_io(&open);
    check_timers_and_jobs(&open);
    // It ends by itself when its standard input is closed, with everything that still waits in it.
    drop(open.process.stdin.take());
    assert!(open.process.child.wait().unwrap().success());
}
