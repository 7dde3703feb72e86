//! `watch`: a table again and again, in plain lines, for logs and screen readers.
//!
//! ```text
//!   attached ──picture──► printed ──as often as was asked──► 0
//!     ▲   │                  └──who read the output is gone──► 0
//!     │   └──lost──► said on stderr, tried again ──the process is gone──► 3
//!     └──────────answers, or another has taken its place
//! ```
//!
//! A process that was named by its number is gone when it has ended. One that was named by its program or its socket may be restarted,
//! and is given the time of `--timeout` for that. One that is there and does not answer is waited for.

use super::find::find;
use super::perform::{fail_on, print, seen};
use super::render::{self, Table};
use super::{Failure, Flags, Look, ask, check, json};
use clap::Args;
use loopscope::time::Instant;
use loopscope_inspector::client::{self, Client, Kind, Target, Watch};
use loopscope_inspector::model::{Snapshot, WallTime, words};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// An agent sends no pictures that are farther apart.
const INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// How long to wait before a process that was lost is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// What `watch` can be told.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The table to show
    pub(crate) view: Table,

    /// A PID, the name of a program, or the path of a socket
    pub(crate) target: Option<Target>,

    /// End after that many pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after that many seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(crate) seconds: Option<u64>,

    /// Print each picture as one JSON document on a line of its own
    #[arg(long, conflicts_with = "csv")]
    pub(crate) jsonl: bool,
}

/// Watches until the plan is fulfilled, or Ctrl-C is pressed.
///
/// # Errors
///
/// If what was typed makes no sense, nobody can be attached to, or the process is gone.
pub(crate) fn run(plan: Plan, flags: &Flags) -> anyhow::Result<()> {
    // One document a line is what `--json` writes anyway.
    let flags = Flags { json: flags.json || plan.jsonl, ..flags.clone() };
    check::query(plan.view, &flags)?;
    if flags.interval() > INTERVAL_MAX {
        return Err(Failure::usage("--interval: the longest interval of `watch` is 1h").into());
    }
    if plan.view == Table::Processes && plan.target.is_some() {
        return Err(
            Failure::usage("`watch ps` is about all processes: it takes no target, but a --filter").into()
        );
    }
    let mut runner = super::perform::event_loop(true)?;
    match runner.block_on(watch(plan, &flags)) {
        Err(error) if error.is_interrupted() => Ok(()),
        ended => ended?,
    }
}

async fn watch(plan: Plan, flags: &Flags) -> anyhow::Result<()> {
    let mut trouble = None;
    let printer = Printer::new(plan.view, flags, plan.count);
    let Some(seconds) = plan.seconds else {
        return pictures(plan, flags, printer, &mut trouble).await;
    };
    let watching = pictures(plan, flags, printer, &mut trouble);
    match loopscope::timeout(Duration::from_secs(seconds), watching).await {
        Ok(ended) => ended,
        Err(_) => trouble.map_or(Ok(()), |error| Err(error.into())),
    }
}

/// Prints until there are as many pictures as were asked for. `trouble` is why there is none just now.
async fn pictures(
    plan: Plan,
    flags: &Flags,
    mut printer: Printer<'_>,
    trouble: &mut Option<client::Error>,
) -> anyhow::Result<()> {
    if plan.view == Table::Processes {
        return processes(flags, printer).await;
    }
    let mut target = plan.target.unwrap_or_default();
    let mut session = Session::begin(&target, &printer, flags).await?;
    if let (Target::Only, Some(name)) = (&target, &session.client.process().name) {
        // After a restart there may be others.
        target = Target::Program(name.clone());
    }
    loop {
        match session.pictures.next().await {
            Ok(picture) => {
                if printer.print(&picture.snapshot)? {
                    return fail_on(&mut session.client, flags).await;
                }
                fail_on(&mut session.client, flags).await?;
            }
            Err(lost) if hope(&lost, &target) == Hope::Gone => return Err(lost.into()),
            Err(lost) => {
                tell(&format!("{lost}; trying again"));
                *trouble = Some(lost);
                session = again(&target, &session, &printer, flags, trouble).await?;
                *trouble = None;
            }
        }
    }
}

/// A process that answers.
struct Session {
    client: Client,
    pictures: Watch,
}

impl Session {
    async fn begin(target: &Target, printer: &Printer<'_>, flags: &Flags) -> anyhow::Result<Self> {
        let mut client = Client::connect(&find(target)?, flags.timeout()).await?;
        let request = ask::page(printer.table, flags, printer.look, 0);
        let pictures = client.watch(&request, flags.interval()).await?;
        Ok(Self { client, pictures })
    }
}

/// Tries until the process answers again, or another one has taken its place.
async fn again(
    target: &Target,
    before: &Session,
    printer: &Printer<'_>,
    flags: &Flags,
    trouble: &mut Option<client::Error>,
) -> anyhow::Result<Session> {
    let since = Instant::now();
    loop {
        let error = match Session::begin(target, printer, flags).await {
            Ok(session) => {
                let (old, new) = (before.client.process(), session.client.process());
                let is_same =
                    old.pid == new.pid && before.client.start_ticks() == session.client.start_ticks();
                if is_same {
                    tell(&format!("{} answers again", who(new.pid, new.name.as_deref())));
                } else if let (Target::Pid(_), Some(lost)) = (target, trouble.take()) {
                    // Another process bears the number now.
                    return Err(lost.into());
                } else {
                    tell(&format!("{} has taken its place", who(new.pid, new.name.as_deref())));
                }
                return Ok(session);
            }
            Err(error) => error.downcast::<client::Error>()?,
        };
        let has_time = since.elapsed() < flags.timeout();
        match hope(&error, target) {
            Hope::ItIsThere => {}
            Hope::Restart if has_time => {}
            Hope::Restart | Hope::Gone => return Err(error.into()),
        }
        *trouble = Some(error);
        loopscope::time::sleep(PAUSE).await;
    }
}

/// What is to be hoped for after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hope {
    /// The process is there and may answer again.
    ItIsThere,
    /// It is gone or about to go, and may be restarted.
    Restart,
    /// None.
    Gone,
}

fn hope(error: &client::Error, target: &Target) -> Hope {
    match error.kind() {
        Kind::Stopped { .. } | Kind::Silent { .. } | Kind::Busy { .. } => Hope::ItIsThere,
        Kind::Ended | Kind::Zombie { .. } | Kind::NoSuchProcess { .. }
            if matches!(target, Target::Pid(_)) =>
        {
            Hope::Gone
        }
        Kind::Ended
        | Kind::Zombie { .. }
        | Kind::NoSuchProcess { .. }
        | Kind::NoSuchProgram { .. }
        | Kind::NothingToAttach
        | Kind::NoAgent { .. }
        | Kind::NoSocket { .. }
        | Kind::Closed { .. } => Hope::Restart,
        _ => Hope::Gone,
    }
}

fn who(pid: u32, name: Option<&str>) -> String {
    let name = name.map(|name| words::escape(name, words::NAME_CHARS_MAX));
    name.map_or_else(|| pid.to_string(), |name| format!("{pid} ({name})"))
}

/// Says something that is no picture.
fn tell(what: &str) {
    let time = to_milliseconds(WallTime::from(SystemTime::now()));
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "loopscope: {} {what}", json::rfc3339(time));
}

/// `watch ps`, which asks everybody anew each time.
async fn processes(flags: &Flags, mut printer: Printer<'_>) -> anyhow::Result<()> {
    let mut next = Instant::now();
    loop {
        let snapshot = seen(flags, printer.look).await?;
        if printer.print(&snapshot)? {
            return Ok(());
        }
        next = (next + flags.interval()).max(Instant::now());
        loopscope::time::sleep_until(next).await;
    }
}

/// Puts pictures on stdout, one after the other.
#[derive(Debug)]
struct Printer<'a> {
    table: Table,
    flags: &'a Flags,
    look: Look,
    /// Pictures left to print, where there is an end.
    left: Option<u64>,
    is_first: bool,
}

impl<'a> Printer<'a> {
    fn new(table: Table, flags: &'a Flags, count: Option<u64>) -> Self {
        // In a log and for a screen reader colours are noise, whatever stdout is.
        let look = Look { color: flags.wants_color(), ..flags.look() };
        Self { table, flags, look, left: count, is_first: true }
    }

    /// Prints a picture; whether it was the last one.
    fn print(&mut self, snapshot: &Snapshot) -> anyhow::Result<bool> {
        print(|out| self.write(out, snapshot))?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(self.left == Some(0))
    }

    fn write(&mut self, out: &mut dyn Write, snapshot: &Snapshot) -> io::Result<()> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        if self.flags.json {
            return render::write(out, self.table, snapshot, self.flags, self.look);
        }
        if self.flags.csv {
            return self.write_csv(out, snapshot, is_first);
        }
        if !is_first {
            writeln!(out)?;
        }
        let mut line = json::rfc3339(to_milliseconds(snapshot.taken_at));
        if let (false, Some(process)) = (self.table == Table::Processes, snapshot.processes.first()) {
            line = format!("{line}  {}", who(process.pid, process.name.as_deref()));
        }
        let line = if self.look.ascii { words::ascii(&line).into_owned() } else { line };
        writeln!(out, "{line}")?;
        render::write(out, self.table, snapshot, self.flags, self.look)
    }

    /// One table of all pictures: the names of the columns once, and before each row when it was so.
    fn write_csv(&self, out: &mut dyn Write, snapshot: &Snapshot, is_first: bool) -> io::Result<()> {
        let mut table = Vec::new();
        render::write(&mut table, self.table, snapshot, self.flags, self.look)?;
        let time = json::rfc3339(snapshot.taken_at);
        // A row is one line: control characters are spelt out.
        for (index, line) in table.split_inclusive(|&byte| byte == b'\n').enumerate() {
            match (index, is_first) {
                (0, true) => out.write_all(b"taken_at,")?,
                (0, false) => continue,
                _ => write!(out, "{time},")?,
            }
            out.write_all(line)?;
        }
        Ok(())
    }
}

/// As exact as a log needs it.
fn to_milliseconds(time: WallTime) -> WallTime {
    const MILLISECOND_NS: u64 = 1_000_000;
    WallTime(time.as_unix_ns() / MILLISECOND_NS * MILLISECOND_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;

    fn two_pictures(table: Table, flags: &Flags) -> String {
        let mut printer = Printer { look: Look::default(), ..Printer::new(table, flags, Some(2)) };
        let later = Snapshot {
            taken_at: WallTime(samples::NOON.as_unix_ns() + 1_000_000_007),
            tasks: Some(Vec::new()),
            loops: Some(samples::loops().split_off(1)),
            total: 1,
            shown: 1,
            ..samples::snapshot()
        };
        let mut out = Vec::new();
        printer.write(&mut out, &samples::snapshot()).unwrap();
        printer.write(&mut out, &later).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pictures_in_words_have_a_line_with_the_time_and_a_blank_one_between() {
        insta::assert_snapshot!(two_pictures(Table::Loops, &Flags::default()));
    }

    #[test]
    fn csv_has_its_heading_once_and_the_time_in_every_row() {
        let flags = Flags { csv: true, ..Flags::default() };
        insta::assert_snapshot!(two_pictures(Table::Timers, &flags));
    }

    #[test]
    fn json_is_one_document_a_line() {
        let flags = Flags { json: true, ..Flags::default() };
        for table in Table::ALL {
            let text = two_pictures(table, &flags);
            let documents: Vec<serde_json::Value> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let times: Vec<&str> =
                documents.iter().map(|document| document["taken_at"].as_str().unwrap()).collect();
            assert_eq!(times, ["2026-03-01T12:00:00.25Z", "2026-03-01T12:00:01.250000007Z"], "{table:?}");
        }
    }

    #[test]
    fn the_last_picture_is_known() {
        let flags = Flags::default();
        assert_eq!(Printer::new(Table::Tasks, &flags, None).left, None);
        let printer = Printer::new(Table::Tasks, &flags, Some(2));
        assert_eq!(printer.left, Some(2));
    }

    #[test]
    fn nothing_is_coloured_unless_it_was_asked_for() {
        let always = Flags { color: Some(super::super::flags::ColorChoice::Always), ..Flags::default() };
        assert!(Printer::new(Table::Tasks, &always, None).look.color);
        assert!(!Printer::new(Table::Tasks, &Flags::default(), None).look.color);
    }
}
