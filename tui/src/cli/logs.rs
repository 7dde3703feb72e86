//! `logs`: the application's own log, with the task each line came from.

use super::cells::Ink;
use super::find::attach;
use super::flags::{Flags, Look};
use super::perform::{event_loop, print, say};
use super::{Failure, debug, json, why};
use clap::Args;
use loopscope_inspector::client::Target;
use loopscope_inspector::model::{LogLevel, LogLine, Logs, words};
use loopscope_inspector::wire::{LogsRequest, SetLogFilter};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// Lines that are shown on a terminal unless told otherwise.
const TAIL_ON_TERMINAL: u64 = 50;

/// What `logs` can be told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Go on with the lines that come, until Ctrl-C
    #[arg(long, short)]
    follow: bool,

    /// Only lines of this task, by its number or its name
    #[arg(long, value_name = "TASK")]
    task: Option<String>,

    /// Only lines of this level and worse ones: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    level: Option<LogLevel>,

    /// Begin with the last N lines [default: 50 on a terminal, else all that are kept]
    #[arg(long, value_name = "N")]
    tail: Option<u64>,

    /// Change which events are kept, as `info,app::db=debug`; `default` is the application's own filter
    #[arg(long, value_name = "FILTER")]
    set: Option<String>,

    /// With --set: leave it so for that long, as 10m
    #[arg(long = "for", value_name = "TIME", value_parser = debug::parse_lease, requires = "set")]
    lasts: Option<Duration>,
}

fn parse_level(text: &str) -> Result<LogLevel, String> {
    text.to_lowercase().parse().map_err(|_| format!("expected one of {}", LogLevel::NAMES.join(", ")))
}

/// Shows the log.
///
/// # Errors
///
/// If the application keeps none, nobody answers, or --set makes no sense or is refused.
pub(super) fn run(target: Option<Target>, options: &Options, flags: &Flags) -> anyhow::Result<()> {
    if flags.csv || flags.filter.is_some() || flags.sort.is_some() {
        let message = "`logs` prints lines or --json; --task and --level choose, in place of --csv, --filter and --sort";
        return Err(Failure::usage(message).into());
    }
    match event_loop(true)?.block_on(show(target.unwrap_or_default(), options, flags)) {
        Err(error) if error.is_interrupted() => Ok(()),
        ended => ended?,
    }
}

async fn show(target: Target, options: &Options, flags: &Flags) -> anyhow::Result<()> {
    let mut client = attach(&target, flags).await?;
    if let Some(filter) = &options.set {
        let filter = (filter != "default").then(|| filter.clone());
        let (filter, undone_at_leave) =
            client.set_log_filter(SetLogFilter { filter, lasts: options.lasts }).await?;
        let filter = words::escape(&filter, words::TEXT_CHARS_MAX).into_owned();
        match options.lasts {
            Some(lasts) => say(&format!("the filter is `{filter}` for {lasts:?}")),
            None if !undone_at_leave => say(&format!("the filter is `{filter}`, the application's own")),
            None if options.follow => say(&format!("the filter is `{filter}` until this ends")),
            None => {
                return Err(Failure::usage(
                    "--set lasts until this ends, which is at once: add --follow, or --for 10m",
                )
                .into());
            }
        }
    }
    let task = match &options.task {
        Some(task) => Some(why::task_id(&mut client, task).await?),
        None => None,
    };
    let look = Look { color: flags.wants_color() && flags.look().color, ..flags.look() };
    let tail = options.tail.or_else(|| look.limit.map(|_| TAIL_ON_TERMINAL));
    let request = LogsRequest { after: None, tail, follow: options.follow, task, level: options.level };
    let mut lines = client.logs(request).await?;
    let mut whole = Logs::default();
    while let Some(logs) = lines.next().await? {
        if flags.json && !options.follow {
            whole.lines.extend(logs.lines);
            whole.process = whole.process.or(logs.process);
            whole.taken_at = whole.taken_at.or(logs.taken_at);
            whole.filter = whole.filter.or(logs.filter);
            whole.lost += logs.lost;
            continue;
        }
        print(|out| write(out, &logs, flags, look))?;
    }
    if flags.json && !options.follow {
        print(|out| json::write_logs(out, &whole))?;
    }
    super::perform::fail_on(&mut client, flags).await
}

fn write(out: &mut dyn Write, logs: &Logs, flags: &Flags, look: Look) -> io::Result<()> {
    if logs.missed > 0 && !flags.json {
        let missed =
            format!("{} came and went before they could be read", words::counted(logs.missed, "line"));
        writeln!(out, "{}", Ink::Error.paint(&missed, look.color))?;
    }
    for line in &logs.lines {
        if flags.json { json::write_log_line(out, line)? } else { write_line(out, line, look)? }
    }
    Ok(())
}

fn write_line(out: &mut dyn Write, line: &Arc<LogLine>, look: Look) -> io::Result<()> {
    let text = |text: &str| words::escape(text, words::TEXT_CHARS_MAX).into_owned();
    let mut shown = format!("{}  {:5}  ", json::rfc3339(line.at), line.level.as_str());
    if let Some(task) = line.task {
        shown = format!("{shown}#{task}  ");
    }
    shown = format!("{shown}{}", text(&line.target));
    for span in &line.spans {
        shown = format!("{shown}:{}", text(span));
    }
    shown = format!("{shown}: {}", text(&line.message));
    for (name, value) in &line.fields {
        shown = format!("{shown} {}={}", text(name), text(value));
    }
    let ink = match line.level {
        LogLevel::Error => Ink::Error,
        LogLevel::Warn => Ink::Warning,
        LogLevel::Info => Ink::Plain,
        LogLevel::Debug | LogLevel::Trace => Ink::Faint,
    };
    let shown = if look.ascii { words::ascii(&shown).into_owned() } else { shown };
    writeln!(out, "{}", ink.paint(&shown, look.color))
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope_inspector::model::{Process, WallTime};

    fn logs() -> Logs {
        let line = LogLine {
            number: 8,
            at: WallTime(1_772_366_400_250_000_000),
            level: LogLevel::Warn,
            target: "app::db".into(),
            message: "slow\u{1b}[2J answer".into(),
            fields: vec![("rows".into(), "7".into())],
            spans: vec!["request".into()],
            task: Some(12),
            loop_id: Some(0),
            file: Some("src/db.rs".into()),
            line: Some(9),
        };
        let other =
            LogLine { number: 9, level: LogLevel::Info, message: "listening".into(), ..LogLine::default() };
        let process = Some(Process { pid: 4711, ..Process::default() });
        let lines = vec![Arc::new(line), Arc::new(other)];
        let taken_at = Some(WallTime(1_772_366_400_250_000_000));
        Logs { process, taken_at, lines, filter: Some("info".into()), missed: 3, lost: 5 }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_its_time_level_task_and_spans_and_nothing_a_terminal_obeys() {
        insta::assert_snapshot!(text(|out| write(out, &logs(), &Flags::default(), Look::default())));
    }

    #[test]
    fn logs_as_json_are_one_document_or_one_a_line() {
        let whole = text(|out| json::write_logs(out, &logs()));
        let flags = Flags { json: true, ..Flags::default() };
        let lines = text(|out| write(out, &logs(), &flags, Look::default()));
        insta::assert_snapshot!(format!("{whole}{lines}"));
    }

    #[test]
    fn a_level_is_known_by_its_name() {
        assert_eq!(parse_level("WARN"), Ok(LogLevel::Warn));
        assert_eq!(parse_level("loud"), Err("expected one of error, warn, info, debug, trace".into()));
    }
}
