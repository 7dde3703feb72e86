//! The larger examples as a person runs them: as processes of their own, stopped with Ctrl-C.

#![allow(clippy::unwrap_used, reason = "test crate")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A running example.
struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .env("LOOPSCOPE_INSPECT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The next line, without what it begins with.
    fn line(&mut self, start: &str) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        let rest = line.trim_end().strip_prefix(start);
        rest.unwrap_or_else(|| panic!("{line:?} instead of {start:?}")).to_owned()
    }

    /// The line that says how to look into it.
    fn says_how_to_attach(&mut self) {
        let pid = self.child.id();
        assert_eq!(self.line(""), format!("pid {pid}: loopscope attach {pid}"));
    }

    /// Presses Ctrl-C: it ends as a program ends that does nothing about that.
    fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let status: ExitStatus = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(2), "{status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of `… 12 WORD …`, the number.
fn number_before(line: &str, word: &str) -> u32 {
    let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let at = words.windows(2).position(|pair| pair[1] == word).unwrap_or_else(|| panic!("{line}"));
    words[at].parse().unwrap()
}

#[test]
fn the_workshop_says_what_each_of_its_tasks_waits_for_and_closes() {
    let out = Command::new(env!("CARGO_BIN_EXE_workshop")).env("LOOPSCOPE_INSPECT", "0").output().unwrap();
    assert!(out.status.success(), "{out:?}");
    let out = String::from_utf8(out.stdout).unwrap();
    for (task, wait) in [
        ("lock db", "Lock \"db\" in line "),
        ("barrier start", "Barrier \"start\" in line "),
        ("process cat", "Process \"cat\" in line "),
        ("signal SIGUSR1", "Signal \"SIGUSR1\" in line "),
    ] {
        let said = out.lines().find_map(|line| line.strip_prefix(task)).unwrap_or_else(|| panic!("{out}"));
        assert!(said.trim_start().starts_with(wait), "{task}: {said:?}");
    }
}

#[test]
fn the_echo_of_streams_brings_each_message_back_and_reports_its_end() {
    let out =
        Command::new(env!("CARGO_BIN_EXE_streams_echo")).env("LOOPSCOPE_INSPECT", "0").output().unwrap();
    assert!(out.status.success(), "{out:?}");
    let out = String::from_utf8(out.stdout).unwrap();
    assert!(out.starts_with("serving on "), "{out}");
    for message in ["Hello World!", "How are you?", "Good-bye."] {
        assert!(out.contains(&format!("\nsend: {message:?}\n")), "{out}");
        assert!(out.contains(&format!("\nreceived: {message:?}\n")), "{out}");
    }
    let silent = "\nthe last client received: \"I stay.\"\nthen 0 bytes and the end\nconnections: ";
    assert!(out.contains(silent), "{out}");
    assert!(out.ends_with(" ended, 1 were closed, 0 aborted, 0 failed\n"), "{out}");
}

#[test]
fn timers_tells_each_second_until_it_is_interrupted() {
    let mut timers = Program::start(env!("CARGO_BIN_EXE_timers"), &[]);
    timers.says_how_to_attach();
    timers.line("ticks of each interval");
    assert!(timers.line("   1 s  burst ").contains("delay "));
    timers.interrupt();
}

#[test]
fn the_crawler_finds_every_page_and_counts_as_the_site_does() {
    let mut crawler = Program::start(env!("CARGO_BIN_EXE_crawler"), &["--pages", "60", "--workers", "20"]);
    crawler.line("the site is at http://127.0.0.1:");
    crawler.says_how_to_attach();
    for round in 1..=2 {
        let report = crawler.line(&format!("round {round}: "));
        // Of 60 pages three never come; how many others are late, and so come at another try, is the machine's affair.
        assert_eq!(
            number_before(&report, "pages") + number_before(&report[report.find(';').unwrap()..], "pages"),
            60
        );
        let (crawlers, sites) = report.rsplit_once(';').unwrap();
        assert_eq!(number_before(sites, "requests"), number_before(crawlers, "requests"), "{report}");
        assert!(number_before(crawlers, "requests") >= 60, "{report}");
    }
    crawler.interrupt();
}

#[test]
fn a_crawler_with_a_number_of_rounds_ends_by_itself() {
    let mut crawler = Program::start(env!("CARGO_BIN_EXE_crawler"), &["--pages", "3", "--rounds", "1"]);
    crawler.line("the site is at ");
    crawler.says_how_to_attach();
    assert!(crawler.line("round 1: 3 pages ").contains("0 pages given up"));
    assert!(crawler.child.wait().unwrap().success());
}

/// A member of a chat.
struct Member {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Member {
    fn join(address: &str, name: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut member = Self { stream, lines };
        assert_eq!(member.hears(), "* your name?");
        member.says(name);
        member
    }

    fn says(&mut self, line: &str) {
        writeln!(self.stream, "{line}").unwrap();
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }
}

fn chat(bots: &str) -> (Program, String) {
    let mut chat = Program::start(env!("CARGO_BIN_EXE_chat"), &["--bots", bots]);
    let address = chat.line("listening on ");
    chat.says_how_to_attach();
    (chat, address)
}

#[test]
fn what_one_says_the_others_hear() {
    let (chat, address) = chat("0");
    let mut ada = Member::join(&address, "Ada");
    ada.says("/who");
    assert_eq!(ada.hears(), "* 1 here: Ada");
    let mut bob = Member::join(&address, "Bob");
    assert_eq!(ada.hears(), "* Bob is here");
    bob.says("hello\x1b[2J");
    assert_eq!(ada.hears(), "Bob: hello[2J");
    ada.says("/dance");
    assert_eq!(ada.hears(), "* there are /who and /quit");
    bob.says("/quit");
    assert_eq!(ada.hears(), "* Bob is gone");
    assert_eq!(bob.hears(), "");
    chat.interrupt();
}

#[test]
fn who_reads_slowly_is_told_how_much_it_missed_and_makes_nobody_wait() {
    const LINES: usize = 20_000;
    let (chat, address) = chat("0");
    let mut slow = Member::join(&address, "Slow");
    slow.says("/who");
    assert_eq!(slow.hears(), "* 1 here: Slow");
    let mut fast = Member::join(&address, "Fast");
    assert_eq!(slow.hears(), "* Fast is here");
    let filling = "x".repeat(100);
    for number in 0..LINES {
        fast.says(&format!("{number} {filling}"));
    }
    // Answered when all of that was taken, although `slow` has read nothing of it.
    fast.says("/who");
    assert_eq!(fast.hears(), "* 2 here: Slow, Fast");
    let (mut heard, mut missed, mut again) = (0, 0, 0);
    let last = loop {
        // Another line, since only then there is something to tell with it what was missed.
        again += 1;
        fast.says(&format!("again {again}"));
        let line = slow.hears();
        if let Some(number) = line.strip_prefix("* you read too slowly and missed ") {
            missed += number.strip_suffix(" lines").unwrap().parse::<usize>().unwrap();
            continue;
        }
        heard += 1;
        if let Some(number) = line.strip_prefix("Fast: again ") {
            break number.parse::<usize>().unwrap();
        }
    };
    // What was said before that line was heard or was told to be missed, to the line.
    assert_eq!(heard + missed, LINES + last);
    assert!(missed > LINES / 2, "{heard} heard, {missed} missed");
    chat.interrupt();
}

#[test]
fn bots_keep_a_chat_going() {
    let (chat, address) = chat("3");
    let mut ada = Member::join(&address, "Ada");
    ada.stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    while !ada.hears().starts_with("bot 1: ") {}
    while !ada.hears().starts_with("bot 2: ") {}
    chat.interrupt();
}

#[test]
fn subprocess_shows_what_its_children_say_as_they_say_it() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_subprocess"), &[]);
    assert!(program.line("").starts_with("[\"ls /zzz\" exited with code "));
    program.line("[stderr] ls: cannot access '/zzz'");
    assert_eq!(program.line("today is ").len(), "2026-11-22".len());
    for tick in 1..=5 {
        assert_eq!(program.line("counter: "), format!("tick {tick}"));
    }
    assert_eq!(program.line("counter "), "exited with code 0");
    assert_eq!(program.line("sorted: "), "apple, fig, pear");
    assert_eq!(program.line("the deaf one was "), "killed by SIGKILL");
    assert_eq!(program.line(""), "cannot start no-such-program: there is no such program");
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn wrong_usage_is_2() {
    for program in [env!("CARGO_BIN_EXE_chat"), env!("CARGO_BIN_EXE_crawler"), env!("CARGO_BIN_EXE_timers")] {
        let output = Command::new(program).arg("now").env("LOOPSCOPE_INSPECT", "0").output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with("unknown argument now\nusage: "), "{text}");
    }
}

#[test]
fn the_kitchen_that_logs_says_how_to_attach_and_ends_with_ctrl_c() {
    let mut kitchen = Program::start(env!("CARGO_BIN_EXE_logged"), &[]);
    kitchen.says_how_to_attach();
    kitchen.interrupt();
}
