//! `run -- CMD`, with this test's own program as the one that is run: a test of it that is none, told what to do by its environment.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test crate")]

#[path = "support/stage.rs"]
mod stage;

use stage::{Said, Stage, eventually};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Says what the application is to do.
const MODE: &str = "LOOPSCOPE_RUN_TEST_MODE";

/// The application. Without the variable it is a test that has nothing to do.
#[test]
fn application() {
    let Ok(mode) = std::env::var(MODE) else { return };
    if mode == "handler" {
        // Says that it was asked, and how it takes it.
        let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGUSR1]).unwrap();
        std::thread::spawn(move || {
            signals.forever().next();
            std::process::exit(42);
        });
    }
    loopscope_inspector::start();
    std::thread::spawn(move || {
        loopscope::run(async move {
            loop {
                match mode.as_str() {
                    "slow" => block(),
                    "talking" => println!("tick"),
                    _ => {}
                }
                loopscope::sleep(Duration::from_millis(20)).await;
            }
        });
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    if std::env::var_os("LOOPSCOPE_RUN_TEST_STAY").is_some() {
        loop {
            std::thread::park();
        }
    }
    std::process::exit(0);
}

#[expect(clippy::disallowed_methods, reason = "a poll that takes too long")]
fn block() {
    std::thread::sleep(Duration::from_millis(150));
}

/// The application as a command line.
fn application_line() -> String {
    let program = std::env::current_exe().unwrap();
    format!("{} application --exact --nocapture", program.display())
}

/// The same with all signals at their defaults: a shell starts what runs in its background deaf to SIGINT.
fn attentive(command: &Command) -> Command {
    let mut attentive = Command::new("env");
    attentive.arg("--default-signal=HUP,INT,QUIT").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => attentive.env(name, value),
            None => attentive.env_remove(name),
        };
    }
    attentive
}

/// `run`, under way.
struct Run {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stage: Stage,
}

impl Run {
    fn start(flags: &str, line: &str, mode: &str) -> Self {
        let stage = Stage::new();
        let mut command = attentive(&stage.command(&format!("run --interval 50ms {flags} -- {line}")));
        Self::of(command.env(MODE, mode), stage)
    }

    /// The application itself.
    fn application(flags: &str, mode: &str) -> Self {
        Self::start(flags, &application_line(), mode)
    }

    fn of(command: &mut Command, stage: Stage) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, lines, stage }
    }

    /// Reads until a line has that in it.
    #[track_caller]
    fn until(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("nobody says {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(pid).status().unwrap().success());
    }

    /// Waits for its end.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), err)
    }
}

#[test]
fn the_exit_code_is_passed_on() {
    let stage = Stage::new();
    let said = |script: &str| {
        let mut command = stage.command("run -- sh -c");
        Said::from(command.arg(script).output().unwrap())
    };
    let seven = said("echo out; echo err >&2; exit 7");
    assert_eq!((seven.code, seven.out.as_str()), (Some(7), "out\n"), "{seven:?}");
    assert!(seven.err.starts_with("err\n"), "{seven:?}");
    assert!(seven.err.contains("has ended before it could be looked into: exit code 7"), "{seven:?}");
    assert_eq!(said("true").code, Some(0));
    assert_eq!(said("kill -KILL $$").code, Some(128 + 9));
    assert_eq!(said("kill -TERM $$").code, Some(128 + 15));
}

#[test]
fn what_cannot_be_started_is_127_or_126_as_in_a_shell() {
    let stage = Stage::new();
    stage.run("run -- no-such-program").refused(127, &["no-such-program cannot be started"]);
    stage.run("run -- ./no/such/program").refused(127, &["there is no such program"]);
    stage.run("run -- /etc/passwd").refused(126, &["/etc/passwd cannot be executed", "ermission denied"]);
    let script = stage.socket("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    stage.run(&format!("run -- {}", script.display())).refused(126, &["its interpreter is missing"]);
    stage.run("run").refused(2, &["<CMD>"]);
    stage.run("run --debug --").refused(2, &["<CMD>"]);
}

#[test]
fn the_agent_and_debug_mode_are_switched_on_by_the_environment() {
    let stage = Stage::new();
    let said = |flags: &str, inspect: Option<&str>| {
        let mut command = stage.command(&format!("run {flags} sh -c"));
        if let Some(value) = inspect {
            command.env("LOOPSCOPE_INSPECT", value);
        }
        Said::from(command.arg("echo \"$LOOPSCOPE_INSPECT,$LOOPSCOPE_DEBUG\"").output().unwrap()).out
    };
    assert_eq!(said("--", None), "1,\n");
    assert_eq!(said("--debug --", Some("0")), "1,1\n");
    assert_eq!(said("--debug", Some("/some/path")), "/some/path,1\n");
}

#[test]
fn without_a_terminal_pictures_come_until_the_program_ends() {
    let run = Run::application("", "quiet");
    for _ in 0..3 {
        run.until("#1 main");
        run.until("no warnings");
    }
    let (code, err) = run.end();
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

#[test]
fn signals_are_passed_on() {
    for (name, number) in [("HUP", 1), ("INT", 2), ("QUIT", 3), ("TERM", 15), ("USR2", 12)] {
        let mut run = Run::application("", "quiet");
        run.until("#1 main");
        run.signal(name);
        eventually("it has ended", || run.child.try_wait().unwrap().is_some());
        assert_eq!(run.end().0, Some(128 + number), "{name}");
    }
}

#[test]
fn ctrl_c_takes_the_socket_along_and_a_kill_leaves_it() {
    let sockets_after = |name: &str| {
        let mut run = Run::application("", "quiet");
        let directory = run.stage.directory.join("loopscope");
        run.until("#1 main");
        let count = || std::fs::read_dir(&directory).unwrap().count();
        assert_eq!(count(), 1);
        let program = child_of(run.child.id()).to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(program).status().unwrap().success());
        eventually("it has ended", || run.child.try_wait().unwrap().is_some());
        count()
    };
    assert_eq!(sockets_after("INT"), 0);
    assert_eq!(sockets_after("KILL"), 1);
}

#[test]
fn how_the_program_takes_a_signal_is_its_own_affair() {
    let mut run = Run::application("", "handler");
    run.until("#1 main");
    run.signal("USR1");
    eventually("it has ended", || run.child.try_wait().unwrap().is_some());
    assert_eq!(run.end().0, Some(42));
}

#[test]
fn a_stopped_run_stops_the_program_and_both_go_on() {
    let run = Run::application("", "quiet");
    run.until("#1 main");
    let program = child_of(run.child.id());
    run.signal("TSTP");
    for pid in [run.child.id(), program] {
        eventually("both are stopped", || state(pid) == Some('T'));
    }
    run.signal("CONT");
    for pid in [run.child.id(), program] {
        eventually("both go on", || state(pid) != Some('T'));
    }
    assert_eq!(run.end().0, Some(0));
}

fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn state(pid: u32) -> Option<char> {
    stat(pid)?[0].chars().next()
}

fn child_of(pid: u32) -> u32 {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|&other| stat(other).is_some_and(|stat| stat[1] == pid.to_string())).unwrap()
}

#[test]
fn a_program_without_an_agent_goes_on_and_is_told_the_lines_to_add() {
    let mut run = Run::start("--timeout 100ms", "cat", "");
    let mut told = String::new();
    let mut err = BufReader::new(run.child.stderr.take().unwrap());
    while !told.contains("loopscope_inspector::start();") {
        assert_ne!(err.read_line(&mut told).unwrap(), 0, "{told}");
    }
    assert!(told.contains("has opened no inspector socket in 100 ms; it goes on"), "{told}");
    let mut stdin = run.stdin.take().unwrap();
    stdin.write_all(b"still here\n").unwrap();
    run.until("still here");
    drop(stdin);
    assert_eq!(run.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_program_behind_a_wrapper_is_found_and_the_wrapper_decides_how_it_ends() {
    let stage = Stage::new();
    let mut command = stage.command("run --interval 50ms -- sh -c");
    command.arg(format!("{}; exit 9", application_line())).env(MODE, "quiet");
    let run = Run::of(&mut command, stage);
    run.until("#1 main");
    assert_eq!(run.end().0, Some(9));
}

#[test]
fn documents_have_standard_output_for_themselves() {
    let run = Run::application("--json", "talking");
    for _ in 0..4 {
        // The tree and the warnings, in turn.
        let line = run.until("");
        let document: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(document["tree"].is_array() || document["warnings"].is_array(), "{line}");
    }
    let (code, err) = run.end();
    assert_eq!(code, Some(0));
    assert!(err.contains("tick\n"), "{err}");
}

#[test]
fn what_fail_on_finds_is_5_unless_the_program_fails_itself() {
    let run = Run::application("--fail-on slow-poll", "slow");
    eventually("the slow poll was seen", || run.until("").contains("slow-poll"));
    // The picture that shows it may be older than the question that decides.
    run.until("#1 main");
    run.until("#1 main");
    let (code, err) = run.end();
    assert_eq!((code, err.as_str()), (Some(5), "loopscope: found: slow-poll\n"));
}

#[test]
fn on_a_terminal_the_output_waits_until_the_picture_is_left() {
    /// Enters and leaves the picture.
    const ENTER: &str = "\x1b[?1049h";
    const LEAVE: &str = "\x1b[?1049l";
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: there is no `script` here, which makes a terminal");
        return;
    }
    let stage = Stage::new();
    let program: PathBuf = env!("CARGO_BIN_EXE_loopscope").into();
    let line = format!("stty rows 24 cols 80; exec {} run -- {}", program.display(), application_line());
    let mut command = attentive(&stage.command(""));
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = Command::new("env");
    command.args(["--default-signal=HUP,INT,QUIT", "script"]);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // The application's own input is empty under the picture, and that is not to end it.
    command
        .args(["-qec", &line, "/dev/null"])
        .env(MODE, "talking")
        .env("LOOPSCOPE_RUN_TEST_STAY", "1")
        .env("TERM", "xterm-256color")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = Ending(command.spawn().unwrap());
    let child = &mut child.0;
    let mut stdin = child.stdin.take().unwrap();
    let screen = Screen::of(child.stdout.take().unwrap());
    screen.until(ENTER);
    assert!(!screen.until("live").contains("tick"));
    stdin.write_all(b"q").unwrap();
    assert!(!screen.until(LEAVE).contains("tick"));
    screen.until("goes on; Ctrl-C ends it");
    screen.until("tick");
    stdin.write_all(b"\x03").unwrap();
    eventually("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(128 + 2), "Ctrl-C was for the program, and it ended of it");
}

/// A child that does not outlive a test that fails; what it started loses its terminal.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a terminal is sent.
struct Screen {
    pieces: Receiver<Vec<u8>>,
    rest: std::cell::RefCell<String>,
}

impl Screen {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { pieces, rest: std::cell::RefCell::default() }
    }

    /// What comes up to these words; the rest is kept.
    #[track_caller]
    fn until(&self, words: &str) -> String {
        let mut rest = self.rest.borrow_mut();
        loop {
            if let Some(at) = rest.find(words) {
                let later = rest.split_off(at + words.len());
                return std::mem::replace(&mut rest, later);
            }
            match self.pieces.recv_timeout(Duration::from_secs(60)) {
                Ok(piece) => rest.push_str(&String::from_utf8_lossy(&piece)),
                Err(error) => panic!("{words:?} is missing in {rest:?}: {error}"),
            }
        }
    }
}
