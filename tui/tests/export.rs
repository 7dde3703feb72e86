//! What `export` writes, against what the load did and what HdrHistogram's own reader makes of it; and every way in which writing fails.
//!
//! The application is this test started again as a process of its own. Its clients send a known number of messages, and it spawns a
//! task for each, which gives way a known number of times.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test crate")]

#[path = "support/stage.rs"]
mod stage;

use serde_json::Value;
use stage::{Said, Stage, eventually};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CONNECTIONS: u64 = 10;
const MESSAGES: u64 = 50;
const YIELDS: u64 = 3;

/// Says to this test, started again as a process of its own, that it is the application.
const SERVE: &str = "LOOPSCOPE_TEST_SERVE";

/// The interpreter that has HdrHistogram's package, if it is another than the usual one.
const PYTHON: &str = "LOOPSCOPE_TEST_PYTHON";

/// Is the application until it is killed, if this is the process that was started for that.
fn serve_if_asked() {
    if std::env::var_os(SERVE).is_some() {
        loopscope_inspector::start();
        loopscope::run(serve()).unwrap();
    }
}

async fn serve() -> std::io::Result<()> {
    let listener = loopscope::net::TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = async move {
            let mut message = [0];
            while stream.read_exact(&mut message).await.is_ok() {
                let work = loopscope::task::Builder::new().name("work").spawn(async {
                    for _ in 0..YIELDS {
                        loopscope::yield_now().await;
                    }
                });
                work.await.unwrap();
                stream.write_all(&message).await.unwrap();
            }
            loopscope::sleep(Duration::from_millis(1)).await;
        };
        loopscope::task::Builder::new().name("connection").spawn(connection).detach();
    }
}

/// The application and where its sockets are.
struct Application {
    stage: Stage,
    child: Child,
    address: String,
}

impl Application {
    /// `test` is the name of the test that calls this.
    fn start(test: &str) -> Self {
        let stage = Stage::new();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(SERVE, "1").stdout(Stdio::piped());
        command.env("XDG_RUNTIME_DIR", &stage.directory).env_remove("LOOPSCOPE_INSPECT");
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended before it listened");
            // The test harness may have begun the line.
            if let Some((_, address)) = line.trim_end().split_once("listening on ") {
                break address.to_owned();
            }
        };
        Self { stage, child, address }
    }

    /// Sends the messages of all connections, one after the other on each, and returns when everything is over.
    fn load(&self) {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let mut stream = TcpStream::connect(&self.address).unwrap();
                std::thread::spawn(move || {
                    for message in 0..MESSAGES {
                        let message = [u8::try_from(message).unwrap()];
                        stream.write_all(&message).unwrap();
                        let mut answer = [0];
                        stream.read_exact(&mut answer).unwrap();
                        assert_eq!(answer, message);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        eventually("every task is over", || {
            let sites = self.run("sites PID --json").json();
            let ended = |name: &str| {
                sites["sites"].as_array().unwrap().iter().find(|site| site["name"] == name)?["completed"]
                    .as_u64()
            };
            ended("work") == Some(CONNECTIONS * MESSAGES) && ended("connection") == Some(CONNECTIONS)
        });
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.stage.command(&line.replace("PID", &self.child.id().to_string()));
        command.current_dir(&self.stage.directory);
        command
    }

    fn run(&self, line: &str) -> Said {
        Said::from(self.command(line).output().unwrap())
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.stage.directory.join(name)).unwrap()
    }

    /// What else lies where files are written: no half of one.
    fn drafts(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.stage.directory).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".part")).collect()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The histograms of a document by name.
fn by_name(document: &Value) -> BTreeMap<String, Value> {
    let rows = document["histograms"].as_array().unwrap();
    rows.iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row.clone())).collect()
}

/// The name of the histogram of a kind at the spawn site of the tasks of that name.
fn name_at(application: &Application, kind: &str, task: &str) -> String {
    let sites = application.run(&format!("sites PID --json --filter name={task}")).json();
    let site = &sites["sites"][0]["site"];
    format!("{kind}.{}:{}", site["file"].as_str().unwrap(), site["line"])
}

/// Everything since the start, when nothing happens any more: two readings of it are the same.
fn settled(application: &Application) -> Value {
    let mut before = Value::Null;
    let mut now = Value::Null;
    eventually("two readings are the same", || {
        before = std::mem::take(&mut now);
        now = application.run("export PID --format json").json();
        before["histograms"] == now["histograms"]
    });
    now
}

#[test]
fn every_count_is_that_of_the_load() {
    serve_if_asked();
    let application = Application::start("every_count_is_that_of_the_load");
    application.load();
    let document = settled(&application);
    assert_eq!((&document["schema"], &document["dropped"]), (&1.into(), &0.into()));
    let rows = by_name(&document);
    let count = |name: &str| rows[name]["count"].as_u64().unwrap();

    // Each message is a task, polled once more than it gives way.
    let work = CONNECTIONS * MESSAGES;
    assert_eq!(count(&name_at(&application, "poll", "work")), work * (YIELDS + 1));
    assert_eq!(count(&name_at(&application, "scheduled", "work")), work * (YIELDS + 1));
    // Each connection slept once, and nothing else did.
    assert_eq!(count("lateness.loop0"), CONNECTIONS);
    let site = application.run("sites PID --json --filter name=work").json()["sites"][0].clone();
    assert_eq!(rows[&name_at(&application, "poll", "work")]["sum_ns"], site["busy_ns"]);

    for (name, row) in &rows {
        let buckets = row["buckets"].as_array().unwrap();
        let sum = |at: usize| {
            buckets
                .iter()
                .map(|bucket| bucket[at].as_u64().unwrap() * bucket[2].as_u64().unwrap())
                .sum::<u64>()
        };
        let counts: u64 = buckets.iter().map(|bucket| bucket[2].as_u64().unwrap()).sum();
        assert_eq!(row["count"], counts, "{name}");
        if let Some(exact) = row["sum_ns"].as_u64() {
            assert!((sum(0)..=sum(1)).contains(&exact), "{name}: {exact} ns");
        }
    }
    // A loop is the sum of its sites.
    for kind in ["poll", "scheduled"] {
        let of_sites = rows.values().filter(|row| row["kind"] == kind && !row["site"].is_null());
        let sum: u64 = of_sites.map(|row| row["count"].as_u64().unwrap()).sum();
        assert_eq!(count(&format!("{kind}.loop0")), sum);
    }
}

/// What HdrHistogram's Python package reads from a log; `None`, with a message, where it is not installed.
fn read_by_python(log: &Path) -> Option<Vec<Value>> {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", "import hdrh"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        eprintln!(
            "skipped: {python} has no package hdrhistogram; `pip install hdrhistogram`, or name another in {PYTHON}"
        );
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/export/read.py");
    let output = Command::new(python).arg(script).arg(log).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn hdr_histograms_own_reader_finds_every_count_of_the_log() {
    serve_if_asked();
    let application = Application::start("hdr_histograms_own_reader_finds_every_count_of_the_log");
    application.load();
    let mut documents = [Value::Null, Value::Null];
    let mut hgrm = String::new();
    // The loop may wake once more, to give memory back.
    eventually("nothing happens while all forms are written", || {
        documents[0] = application.run("export PID --format json").json();
        assert_eq!(application.run("export PID --format hlog --force -o all.hlog").code, Some(0));
        hgrm = application.run("export PID --format hgrm").out;
        documents[1] = application.run("export PID --format json").json();
        documents[0]["histograms"] == documents[1]["histograms"]
    });
    let rows = by_name(&documents[0]);
    let Some(read) = read_by_python(&application.stage.directory.join("all.hlog")) else { return };
    let tags: Vec<&str> = read.iter().map(|interval| interval["tag"].as_str().unwrap()).collect();
    assert_eq!(tags.len(), rows.len(), "{tags:?}");
    assert!(tags.contains(&name_at(&application, "poll", "work").as_str()), "{tags:?}");
    for interval in &read {
        let row = &rows[interval["tag"].as_str().unwrap()];
        assert_eq!(interval["count"], row["count"], "{interval}");
        assert_eq!(interval["buckets"], row["buckets"], "{interval}");
    }
    check_tables(&hgrm, &read);
}

/// Compares `hgrm` with what Python read: totals line by line, heading, mean and deviation word for word.
fn check_tables(hgrm: &str, read: &[Value]) {
    let sections: Vec<&str> = hgrm.split("#[Histogram ").skip(1).collect();
    assert_eq!(sections.len(), read.len());
    for (section, interval) in sections.iter().zip(read) {
        let (heading, table) = section.split_once('\n').unwrap();
        assert!(
            heading.starts_with(&format!("{}, in nanoseconds, from ", interval["tag"].as_str().unwrap())),
            "{heading}"
        );
        for line in interval["table"].as_array().unwrap() {
            assert!(
                table.lines().any(|ours| ours == line.as_str().unwrap()),
                "{line} is missing in {section}"
            );
        }
        let below = |value: u64| -> u64 {
            let buckets = interval["buckets"].as_array().unwrap().iter();
            let below = buckets.filter(|bucket| bucket[1].as_u64().unwrap() <= value);
            below.map(|bucket| bucket[2].as_u64().unwrap()).sum()
        };
        let mut lines = 0;
        for line in table.lines().skip(2).take_while(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let value = cells[0].strip_suffix(".00").unwrap().parse().unwrap();
            assert_eq!(cells[2], below(value).to_string(), "{line} in {section}");
            lines += 1;
        }
        assert!(lines > 0, "{section}");
    }
}

#[test]
fn intervals_add_up_to_what_happened_between_them() {
    serve_if_asked();
    let application = Application::start("intervals_add_up_to_what_happened_between_them");
    let before = by_name(&settled(&application));
    let mut export = application
        .command("export PID --format json --interval 50ms --seconds 86400")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(export.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut intervals: Vec<Value> = vec![serde_json::from_str(&lines.next().unwrap()).unwrap()];
    application.load();
    let after = by_name(&settled(&application));
    let work = name_at(&application, "poll", "work");
    let mut polls = 0;
    while polls < CONNECTIONS * MESSAGES * (YIELDS + 1) {
        let interval: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        assert_eq!(
            interval["since"],
            intervals.last().unwrap()["taken_at"],
            "an interval begins where the last one ended"
        );
        polls += by_name(&interval).get(&work).map_or(0, |row| row["count"].as_u64().unwrap());
        intervals.push(interval);
    }
    export.kill().unwrap();
    export.wait().unwrap();
    assert_eq!(polls, after[&work]["count"].as_u64().unwrap());
    assert!(!before.contains_key(&work));
    let sum: u64 =
        intervals.iter().filter_map(|interval| by_name(interval).get(&work)?["sum_ns"].as_u64()).sum();
    assert_eq!(sum, after[&work]["sum_ns"].as_u64().unwrap());
}

#[test]
fn a_process_that_ends_leaves_what_was_read_and_3() {
    serve_if_asked();
    let mut application = Application::start("a_process_that_ends_leaves_what_was_read_and_3");
    let mut export = application.command("export PID --format json --interval 50ms -o kept.json");
    let export = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("two intervals are written", || {
        let written = |name: &String| application.file(name).lines().count();
        application.drafts().first().is_some_and(|name| written(name) >= 2)
    });
    application.child.kill().unwrap();
    application.child.wait().unwrap();
    let said = Said::from(export.wait_with_output().unwrap());
    said.refused(3, &["what was read until then is kept", "has ended"]);
    let kept = application.file("kept.json");
    assert!(kept.lines().count() >= 2, "{kept}");
    for line in kept.lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["schema"], 1);
    }
    assert_eq!(application.drafts(), Vec::<String>::new());
}

#[test]
fn a_warning_that_is_found_is_5_and_the_export_is_kept() {
    serve_if_asked();
    let application = Application::start("a_warning_that_is_found_is_5_and_the_export_is_kept");
    // Every poll takes a nanosecond.
    let said = application.run("export PID --format json -o kept.json --slow 0.001us --fail-on slow-poll");
    said.refused(5, &["found: slow-poll"]);
    assert!(application.file("kept.json").starts_with("{\"schema\":1,"));
}

#[test]
fn ctrl_c_before_anything_was_read_leaves_nothing() {
    serve_if_asked();
    let application = Application::start("ctrl_c_before_anything_was_read_leaves_nothing");
    let mut export = application.command("export PID --format hlog --interval 1h -o none.hlog");
    let export = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it has begun", || !application.drafts().is_empty());
    // The draft is made before Ctrl-C is listened to; a first look at the process comes after both.
    eventually("it listens to Ctrl-C", || catches_interrupts(export.id()));
    assert!(Command::new("kill").arg("-INT").arg(export.id().to_string()).status().unwrap().success());
    let said = Said::from(export.wait_with_output().unwrap());
    said.refused(1, &["interrupted before anything was read"]);
    assert!(!application.stage.directory.join("none.hlog").exists());
    assert_eq!(application.drafts(), Vec::<String>::new());
}

/// Whether a process has a handler for SIGINT, as the kernel shows it.
fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits >> 1 & 1 == 1)
}

#[test]
fn ctrl_c_ends_an_export_that_has_no_end() {
    serve_if_asked();
    let application = Application::start("ctrl_c_ends_an_export_that_has_no_end");
    let mut export = application.command("export PID --format hlog --interval 50ms -o kept.hlog");
    let export = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("an interval is written", || {
        application.drafts().first().is_some_and(|name| !application.file(name).is_empty())
    });
    let killed = Command::new("kill").arg("-INT").arg(export.id().to_string()).status().unwrap();
    assert!(killed.success());
    let said = Said::from(export.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(application.file("kept.hlog").starts_with("#[Histogram log format version 1.2]\n"));
    assert_eq!(application.drafts(), Vec::<String>::new());
}

#[test]
fn every_way_in_which_writing_fails_is_told() {
    serve_if_asked();
    let application = Application::start("every_way_in_which_writing_fails_is_told");
    let directory = &application.stage.directory;
    std::fs::write(directory.join("there.json"), "precious").unwrap();
    application.run("export PID --format json -o there.json").refused(1, &["there.json exists", "--force"]);
    assert_eq!(application.file("there.json"), "precious");
    application
        .run("export PID --format json -o none/new.json")
        .refused(1, &["cannot write none/new.json", "there is no directory none"]);
    application.run("export PID --format json -o .").refused(1, &[". is a directory"]);
    application
        .run("export PID --format json -o /dev/full")
        .refused(1, &["writing /dev/full", "No space left"]);
    // Nobody may make a file there, not even root.
    application.run("export PID --format json -o /sys/new.json").refused(1, &["cannot write /sys/new.json"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let said = Said::from(application.command("export PID --format json").stdout(full).output().unwrap());
    said.refused(1, &["writing the output", "No space left"]);
    // A failure after the file was begun leaves the old one and no half.
    let gone = application.run("export no-such-program --format json --force -o there.json");
    gone.refused(3, &["no-such-program"]);
    assert_eq!(application.file("there.json"), "precious");
    assert_eq!(application.drafts(), Vec::<String>::new());
    let written = application.run("export PID --format json --force -o there.json");
    assert_eq!((written.code, written.out.as_str()), (Some(0), ""), "{written:?}");
    assert!(application.file("there.json").starts_with("{\"schema\":1,"));
    assert_eq!(application.drafts(), Vec::<String>::new());
}

#[test]
fn wrong_usage_is_2_and_a_closed_pipe_0() {
    serve_if_asked();
    let application = Application::start("wrong_usage_is_2_and_a_closed_pipe_0");
    application.run("export PID").refused(2, &["--format", "hlog, hgrm or json"]);
    application.run("export PID --format prometheus").refused(2, &["prometheus", "hlog, hgrm, json"]);
    application.run("export PID --format hlog --json").refused(2, &["--format"]);
    application.run("export PID --format hlog --count 3").refused(2, &["--interval"]);
    application.run("export PID --format json --filter knd=poll").refused(2, &["knd=poll", "^", "kind"]);
    let chosen = application.run("export PID --format json --filter kind=poll --sort=name --limit 1").json();
    assert_eq!(chosen["histograms"].as_array().unwrap().len(), 1);
    assert_eq!((&chosen["histograms"][0]["name"], &chosen["shown"]), (&"poll.loop0".into(), &1.into()));
    for line in ["export PID --format hgrm", "export PID --format json --interval 50ms"] {
        let mut child =
            application.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let said = Said::from(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{line}: {said:?}");
    }
    let from_environment =
        application.command("export PID --format json").env("LOOPSCOPE_INTERVAL", "2s").output().unwrap();
    let document = Said::from(from_environment).json();
    assert!(document["histograms"].is_array(), "how often pictures come is not asked for intervals");
}
