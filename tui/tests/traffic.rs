//! What the tables say of an echo server under load, against what its clients counted: to the byte and to the task.
//!
//! The server is the example `echo_server` in a process of its own, the clients are Python's asyncio. Nothing is compared before the
//! clients have said that every message is answered; what the server does between the last system call and its counters is waited for.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "../../examples/src/bin/echo_server.rs"]
#[allow(dead_code, reason = "its main is called, its own tests run beside the example")]
mod echo_server;

#[path = "support/stage.rs"]
mod stage;
#[path = "support/talker.rs"]
mod talker;

use serde_json::Value;
use stage::{Stage, eventually};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::Command;
use talker::Talker;

/// Connections of each of the two kinds.
const CONNECTIONS: u64 = 100;

/// Says to this test, started again as a process of its own, that it is the server, and where to listen.
const SERVE: &str = "LOOPSCOPE_TEST_SERVE";

/// Serves until it is killed, if this is the process that [`Load::start`] started for that.
fn serve_if_asked() {
    if let Ok(addresses) = std::env::var(SERVE) {
        loopscope_inspector::start();
        let code = echo_server::run(addresses.split_whitespace().map(str::to_owned));
        panic!("the server ended: {code:?}");
    }
}

/// The server, its clients, and what they counted.
struct Load {
    stage: Stage,
    server: Talker,
    clients: Talker,
    counted: Value,
}

impl Load {
    /// Returns when every message is answered and all connections are open.
    fn start() -> Self {
        let stage = Stage::new();
        let path = stage.socket("echo");
        let mut server = Command::new(std::env::current_exe().unwrap());
        server.args(["--exact", "io_and_sites_agree_with_what_the_clients_counted", "--nocapture"]);
        server.env(SERVE, format!("--tcp 127.0.0.1:0 --unix {}", path.display()));
        server.env("XDG_RUNTIME_DIR", &stage.directory).env_remove("LOOPSCOPE_INSPECT");
        let mut server = Talker::start(&mut server);
        let address = server.line("listening on ");
        server.line("pid ");
        let (host, port) = address.rsplit_once(':').unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traffic/load.py");
        let mut clients = Command::new("python3");
        clients.args([script, host, port, path.to_str().unwrap(), &CONNECTIONS.to_string()]);
        let mut clients = Talker::start(&mut clients);
        let counted = serde_json::from_str(&format!("{{{}", clients.line("{"))).unwrap();
        Self { stage, server, clients, counted }
    }

    fn rows(&self, table: &str, array: &str, flags: &str) -> Vec<Value> {
        let line = format!("{table} {} --json {flags}", self.server.child.id());
        self.stage.run(&line).json()[array].as_array().unwrap().clone()
    }

    /// The bytes of each connection of a kind as the clients counted them.
    fn bytes(&self, kind: &str) -> Vec<u64> {
        numbers(self.counted[kind].as_array().unwrap(), "bytes")
    }

    fn close(&mut self) {
        self.clients.stdin.take().unwrap().write_all(b"close\n").unwrap();
        self.clients.line("closed");
    }
}

fn numbers(rows: &[Value], field: &str) -> Vec<u64> {
    rows.iter().map(|row| row[field].as_u64().unwrap_or_else(|| panic!("no {field} in {row}"))).collect()
}

fn sorted(mut values: Vec<u64>) -> Vec<u64> {
    values.sort_unstable();
    values
}

/// The row of `sites` of the tasks with that name.
fn site<'a>(sites: &'a [Value], name: &str) -> &'a Value {
    let mut of_name = sites.iter().filter(|site| site["name"] == name);
    let site = of_name.next().unwrap_or_else(|| panic!("no site {name} in {sites:?}"));
    assert_eq!(of_name.next(), None, "all connections of a kind are spawned at one place");
    site
}

#[track_caller]
fn check_site(sites: &[Value], name: &str, live: u64, ended: u64) {
    let site = site(sites, name);
    let counts = ["spawned", "live", "completed", "cancelled", "panicked"].map(|field| site[field].as_u64());
    assert_eq!(counts, [Some(live + ended), Some(live), Some(ended), Some(0), Some(0)], "{site}");
}

/// Everything there is to say of 200 open connections.
fn while_they_are_open(load: &Load) {
    let io = load.rows("io", "io", "");
    let of_kind = |kind: &str| io.iter().filter(|row| row["kind"] == kind).cloned().collect::<Vec<Value>>();
    let (tcp, unix) = (of_kind("tcp"), of_kind("unix"));

    // Each TCP connection is known by the address of its client.
    let expected: BTreeMap<String, u64> = load.counted["tcp"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["local"].as_str().unwrap().to_owned(), row["bytes"].as_u64().unwrap()))
        .collect();
    assert_eq!(expected.len() as u64, CONNECTIONS);
    for field in ["bytes_read", "bytes_written"] {
        let seen: BTreeMap<String, u64> = tcp
            .iter()
            .map(|row| (row["peer"].as_str().unwrap().to_owned(), row[field].as_u64().unwrap()))
            .collect();
        assert_eq!(seen, expected, "{field} of the TCP connections");
        assert_eq!(sorted(numbers(&unix, field)), sorted(load.bytes("unix")), "{field} of the Unix ones");
    }
    // How a message is split is up to the kernel, but a call moves no more than one.
    for (kind, rows) in [("tcp", &tcp), ("unix", &unix)] {
        let messages: u64 = numbers(load.counted[kind].as_array().unwrap(), "messages").iter().sum();
        for field in ["reads", "writes"] {
            let calls: u64 = numbers(rows, field).iter().sum();
            assert!(calls >= messages, "{calls} {field} for {messages} messages over {kind}");
        }
    }
    check_totals(load, CONNECTIONS, 0);

    let sites = load.rows("sites", "sites", "");
    check_site(&sites, "echo", CONNECTIONS, 0);
    check_site(&sites, "echo unix", CONNECTIONS, 0);
    // One task a connection, and no connection without its task.
    let tasks: BTreeSet<u64> =
        numbers(&load.rows("tasks", "tasks", "--filter name~^echo"), "id").into_iter().collect();
    let waiting: BTreeSet<u64> = tcp
        .iter()
        .chain(&unix)
        .map(|row| match row["waiting"].as_array().map(Vec::as_slice) {
            Some([task]) => task.as_u64().unwrap(),
            _ => panic!("not one task waits: {row}"),
        })
        .collect();
    assert_eq!(waiting, tasks);
    assert_eq!(tasks.len() as u64, 2 * CONNECTIONS);
}

/// Everything there is to say of them when they are gone.
fn after_they_closed(load: &Load) {
    let io = load.rows("io", "io", "");
    let kinds: Vec<&str> = io.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tcp-listener", "unix-listener"]);
    check_totals(load, 0, CONNECTIONS);
    let sites = load.rows("sites", "sites", "");
    check_site(&sites, "echo", 0, CONNECTIONS);
    check_site(&sites, "echo unix", 0, CONNECTIONS);
}

/// The sums over all connections of a kind, which must not forget what is closed.
fn check_totals(load: &Load, open: u64, closed: u64) {
    let totals = load.rows("io", "io_totals", "");
    for kind in ["tcp", "unix"] {
        let of_kind: Vec<&Value> = totals.iter().filter(|row| row["kind"] == kind).collect();
        let [row] = of_kind.as_slice() else { panic!("one place accepts {kind}: {totals:?}") };
        let bytes = load.bytes(kind).iter().sum();
        let fields = ["open", "opened", "closed", "bytes_read", "bytes_written"];
        let seen = fields.map(|field| row[field].as_u64().unwrap());
        assert_eq!(seen, [open, open + closed, closed, bytes, bytes], "{row}");
    }
}

#[test]
fn io_and_sites_agree_with_what_the_clients_counted() {
    serve_if_asked();
    let mut load = Load::start();
    let everything = load.bytes("tcp").iter().chain(&load.bytes("unix")).sum::<u64>();
    assert!(everything > 1_000_000, "{everything} bytes would prove little");

    // The last write of a connection is counted when its task goes on to wait for more.
    eventually("every connection waits for more", || {
        let waiting = load.rows("tasks", "tasks", "--filter name~^echo");
        waiting.len() as u64 == 2 * CONNECTIONS
            && waiting.iter().all(|task| task["state"] == "idle" && task["waiting_on"][0]["kind"] == "read")
    });
    while_they_are_open(&load);

    load.close();
    eventually("every connection is gone, and every task", || {
        let sites = load.rows("sites", "sites", "");
        load.rows("io", "io", "").len() == 2
            && ["echo", "echo unix"].iter().all(|name| site(&sites, name)["live"] == 0)
    });
    after_they_closed(&load);
}
