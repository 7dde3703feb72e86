//! The program as scripts see it: output, messages and exit codes of the real binary.
//!
//! Nothing here looks at a clock to judge. Where something takes time (a process starts, a process goes), the test waits for it, with
//! a bound that only a broken program reaches.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/stage.rs"]
mod stage;

use stage::{Said, Stage, eventually};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `demo` whose application others can look into.
struct Demo {
    parent: Child,
    stage: Stage,
    pid: u32,
}

impl Demo {
    fn start() -> Self {
        let stage = Stage::new();
        let mut parent = stage.command("demo --seconds 3600").stdout(Stdio::piped()).spawn().unwrap();
        // The first line is printed when the application is up; nobody reads the rest, which a pipe holds for a while.
        let mut first = String::new();
        BufReader::new(parent.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        let processes = stage.run("ps --json").json();
        // Other users of this machine may run something too.
        let ours = processes["processes"].as_array().unwrap().iter().find(|process| {
            process["socket"].as_str().is_some_and(|socket| Path::new(socket).starts_with(&stage.directory))
        });
        let pid = ours
            .and_then(|process| process["pid"].as_u64())
            .unwrap_or_else(|| panic!("{first:?} {processes}"));
        Self { parent, stage, pid: u32::try_from(pid).unwrap() }
    }

    fn run(&self, line: &str) -> Said {
        self.stage.run(&line.replace("PID", &self.pid.to_string()))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

/// A number that no process has.
fn dead_pid() -> u32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn wrong_usage_is_2_and_suggests() {
    let stage = Stage::new();
    stage.run("tasks --jsn").refused(2, &["--json"]);
    stage.run("tasks --json --csv").refused(2, &["cannot be used with"]);
    stage.run("tasks --fail-on blocekd").refused(2, &["blocked"]);
    for line in ["ps --fail-on blocked", "explain --fail-on blocked", "watch ps --count 1 --fail-on blocked"]
    {
        stage.run(line).refused(2, &["--fail-on", "looks into no process", "loopscope warnings TARGET"]);
    }
    stage.run("4711 tasks").refused(2, &["loopscope tasks 4711"]);
    stage.run("tsaks").refused(2, &["no command and no process `tsaks`", "loopscope tasks"]);
    stage.run("tsaks 4711").refused(2, &["there is no command `tsaks`", "loopscope tasks"]);
    stage.run("wacth tasks 4711").refused(2, &["there is no command `wacth`", "loopscope watch"]);
}

#[test]
fn help_and_version_are_0() {
    let stage = Stage::new();
    for line in ["--help", "help", "tasks --help", "--version"] {
        let said = stage.run(line);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{line}");
        assert!(said.out.contains("loopscope"), "{line}");
    }
}

#[test]
fn nothing_to_attach_to_is_3() {
    let stage = Stage::new();
    stage.run(&format!("tasks {}", dead_pid())).refused(3, &["there is no process"]);
    stage.run("tasks no-such-program").refused(3, &["no-such-program"]);
    stage.run("tasks ./no/such.sock").refused(3, &["no/such.sock"]);
    stage.run(&format!("why {} 7", dead_pid())).refused(3, &["there is no process"]);
}

#[test]
fn a_process_without_an_agent_is_3_and_is_told_which_lines_to_add() {
    let mut child = Command::new("sleep").arg("3600").spawn().unwrap();
    let said = Stage::new().run(&format!("tasks {}", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    said.refused(3, &["loopscope_inspector::start()", "Cargo.toml"]);
}

#[test]
fn a_socket_that_nobody_listens_at_is_3() {
    let stage = Stage::new();
    let path = stage.socket("left.sock");
    drop(UnixListener::bind(&path).unwrap());
    stage.run(&format!("tasks {}", path.display())).refused(3, &["left.sock"]);
    let file = stage.socket("file.sock");
    std::fs::write(&file, "no socket").unwrap();
    stage.run(&format!("tasks {}", file.display())).refused(3, &["file.sock"]);
}

/// Runs `tasks` against a socket at which somebody else answers.
fn against(answer: impl Fn(std::os::unix::net::UnixStream) + Send + 'static) -> Said {
    let stage = Stage::new();
    let path = stage.socket("foreign.sock");
    let listener = UnixListener::bind(&path).unwrap();
    // Ends with the test's process: it waits for a connection that may never come.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream);
        }
    });
    stage.run(&format!("tasks {} --timeout 500ms", path.display()))
}

#[test]
fn a_socket_of_something_else_is_3() {
    against(drop).refused(3, &["closed"]);
    let http = against(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    http.refused(3, &[]);
    // Which of the two is noticed first is up to the kernel.
    let reasons = ["not an inspector socket", "closed the connection"];
    assert!(reasons.iter().any(|reason| http.err.contains(reason)), "{http:?}");
}

#[test]
fn a_socket_that_answers_with_garbage_is_3() {
    against(|mut stream| {
        let garbage: Vec<u8> =
            (0..1_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        let _ = stream.write_all(&garbage);
    })
    .refused(3, &["not an inspector socket"]);
}

#[test]
fn a_socket_that_says_nothing_is_3_after_the_timeout() {
    against(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    })
    .refused(3, &["silent for 500ms"]);
}

#[test]
fn ps_of_nothing_says_so() {
    let said = Stage::new().run("ps --filter name=no-such-program");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "no processes\n"), "{said:?}");
}

#[test]
fn demo_without_a_terminal_prints_and_ends_with_0() {
    let stage = Stage::new();
    let said = stage.run("demo --seconds 1 --interval 100ms");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let left: Vec<_> = std::fs::read_dir(stage.directory.join("loopscope")).unwrap().collect();
    assert!(left.is_empty(), "the application takes its socket along: {left:?}");
    // A tree of at least three levels, with waits in words.
    assert!(said.out.contains("\n│   └── ") || said.out.contains("\n│   ├── "), "{}", said.out);
    assert!(said.out.contains("lock \"db\" held by #"), "{}", said.out);
}

#[test]
fn every_command_answers_in_every_form() {
    let demo = Demo::start();
    let commands = [
        "ps",
        "tasks PID",
        "tree PID",
        "sites PID",
        "timers PID",
        "io PID",
        "sync PID",
        "blocking PID",
        "loops PID",
        "warnings PID",
    ];
    for command in commands {
        let words = demo.run(command);
        assert_eq!((words.code, words.err.as_str()), (Some(0), ""), "{command}: {words:?}");
        assert!(words.out.lines().count() >= 1, "{command}: {words:?}");
        let csv = demo.run(&format!("{command} --csv"));
        assert_eq!(csv.code, Some(0), "{command}: {csv:?}");
        let json = demo.run(&format!("{command} --json")).json();
        assert_eq!(json["schema"], 1);
        let name = command.split(' ').next().unwrap();
        let rows = if name == "ps" { &json["processes"] } else { &json[name] };
        assert!(rows.is_array(), "{command}: {json}");
    }
    let tasks = demo.run("tasks PID --json").json();
    assert_eq!(tasks["total"], tasks["shown"]);
    assert!(tasks["tasks"].as_array().unwrap().len() > 10, "{tasks}");
    let limited = demo.run("tasks PID --limit 2 --sort=-id --json").json();
    assert_eq!(limited["tasks"].as_array().unwrap().len(), 2);
    assert_eq!(limited["shown"], 2);
    assert!(limited["tasks"][0]["id"].as_u64() > limited["tasks"][1]["id"].as_u64());
}

#[test]
fn filters_choose_and_mistakes_are_pointed_at() {
    let demo = Demo::start();
    let workers = demo.run("tasks PID --filter name=worker --json").json();
    let workers = workers["tasks"].as_array().unwrap();
    assert!(!workers.is_empty());
    assert!(workers.iter().all(|task| task["name"] == "worker"), "{workers:?}");
    demo.run("tasks PID --filter stat=idle").refused(2, &["stat=idle", "^", "state"]);
    demo.run("tasks PID --filter busy>>").refused(2, &["busy>>", "^"]);
    demo.run("tasks PID --sort bsy").refused(2, &["busy"]);
    demo.run("tree PID --csv --json").refused(2, &[]);
}

#[test]
fn why_follows_the_lock_to_the_database() {
    let demo = Demo::start();
    let chain = std::cell::RefCell::new(String::new());
    eventually("somebody waits for the lock", || {
        let tasks = demo.run("tasks PID --json").json();
        let waiting =
            tasks["tasks"].as_array().unwrap().iter().find(|task| {
                task["waiting_on"].as_array().unwrap().iter().any(|wait| wait["kind"] == "lock")
            });
        let Some(waiting) = waiting else { return false };
        let said = demo.run(&format!("why PID {}", waiting["id"]));
        let found = said.code == Some(0) && said.out.contains("lock db") && said.out.contains("→ read ");
        chain.replace(said.out);
        found
    });
    assert!(chain.borrow().contains(" → "), "{}", chain.borrow());
    demo.run("why PID 4000000000").refused(1, &["#4000000000"]);
}

#[test]
fn asyncios_two_shapes() {
    let demo = Demo::start();
    let ps = demo.run("tree PID --asyncio=ps");
    assert_eq!(ps.code, Some(0), "{ps:?}");
    assert!(
        ps.out.starts_with("tid        task id              task name            coroutine stack "),
        "{}",
        ps.out
    );
    let pstree = demo.run("tree PID --asyncio=pstree");
    assert_eq!(pstree.code, Some(0), "{pstree:?}");
    assert!(pstree.out.contains("└── (T) "), "{}", pstree.out);
}

#[test]
fn fail_on_is_5_if_found_and_0_if_not() {
    let demo = Demo::start();
    eventually("the slow callback was slow", || {
        let said = demo.run("warnings PID --fail-on slow-poll");
        assert!(matches!(said.code, Some(0 | 5)), "{said:?}");
        said.code == Some(5)
    });
    let said = demo.run("warnings PID --fail-on slow-poll --json --limit 0");
    assert_eq!(said.code, Some(5), "the limit hides rows, not what holds: {said:?}");
}

#[test]
fn a_closed_pipe_ends_silently_with_0() {
    let demo = Demo::start();
    for line in ["tasks", "tree --json", "tasks --csv", "demo --seconds 3600 --interval 50ms", "--help"] {
        let line =
            if line.starts_with(['d', '-']) { line.to_owned() } else { format!("{line} {}", demo.pid) };
        let mut child =
            demo.stage.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let said = Said::from(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{line}: {said:?}");
    }
}

#[test]
fn a_stopped_process_is_3_and_is_called_stopped() {
    let demo = Demo::start();
    signal(demo.pid, "STOP");
    let said = demo.run("tasks PID --timeout 500ms");
    signal(demo.pid, "CONT");
    said.refused(3, &["stopped"]);
    assert_eq!(demo.run("tasks PID").code, Some(0), "it goes on as if nothing had been");
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap().success());
}

#[test]
fn the_application_of_demo_ends_with_its_parent() {
    let mut demo = Demo::start();
    let proc = PathBuf::from(format!("/proc/{}", demo.pid));
    assert!(proc.exists());
    // Not asked, not warned: killed.
    demo.parent.kill().unwrap();
    demo.parent.wait().unwrap();
    eventually("the application has ended", || !is_alive(&proc));
}

/// Whether a process is there and no zombie: who adopts orphans may be slow to collect them.
fn is_alive(proc: &Path) -> bool {
    let stat = std::fs::read_to_string(proc.join("stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn flags_beat_the_environment() {
    let stage = Stage::new();
    let nonsense =
        |line: &str| Said::from(stage.command(line).env("LOOPSCOPE_TIMEOUT", "0s").output().unwrap());
    let filled = nonsense("ps --timeout 1s --filter name=no-such-program");
    assert_eq!((filled.code, filled.err.as_str()), (Some(0), ""), "{filled:?}");
    let told = nonsense("ps --filter name=no-such-program");
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.err.starts_with("loopscope: LOOPSCOPE_TIMEOUT=0s is ignored: "), "{told:?}");
}
