//! Carries out a command.

use super::fetch::{self, Source as _};
use super::find::{attach, attach_all, find};
use super::flags::ColorChoice;
use super::render::{self, Table};
use super::{
    Asyncio, Cli, Command, Failure, Flags, ask, cancel, check, config, dead, debug, explain, export, hist,
    logs, many, mistyped, processes, run, ship, stacks, watch, why,
};
use crate::app::run::{self as app, Options};
use crate::demo::Application;
use crate::theme::{self, Wishes};
use anyhow::Context as _;
use clap::Parser as _;
use loopscope_inspector::client::{Client, Kind, Target};
use loopscope_inspector::model::{Dump, Snapshot, asyncio, words};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How long the application of `demo` runs before the first picture: until somebody waits for the lock.
const SETTLE: Duration = Duration::from_millis(300);

/// Parses the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let performed = match Cli::try_parse() {
        Ok(cli) => perform(cli),
        Err(error) => {
            let arguments =
                std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
            let Some(failure) = mistyped::one_too_many(&error, arguments) else {
                // Also `--help`; if nobody reads it there is nobody to tell.
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            };
            Err(failure.into())
        }
    };
    match performed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (code, message) = super::exit::verdict(&error);
            if let Some(message) = message {
                // Standard error may be closed too.
                let _ = writeln!(io::stderr(), "{message}");
            }
            code
        }
    }
}

fn perform(Cli { command, target, print_config, config_schema, mut flags }: Cli) -> anyhow::Result<()> {
    let env = |name: &str| std::env::var(name).ok();
    // What was typed is for the process; what is configured is for this program.
    let slow = flags.slow;
    let filled = flags.fill(env, &config::load(env)?);
    for complaint in filled.complaints {
        // Standard error may be closed.
        let _ = writeln!(io::stderr(), "loopscope: {complaint}");
    }
    if print_config {
        return print(|out| config::print(out, &filled.settings, &filled.lints));
    }
    if config_schema {
        return print(|out| {
            serde_json::to_writer_pretty(&mut *out, &config::schema())?;
            writeln!(out)
        });
    }
    if let (Some(command), Some(target)) = (&command, &target) {
        if let Some(failure) = mistyped::no_command(target) {
            return Err(failure.into());
        }
        return Err(Failure::usage(format!(
            "the command comes first: loopscope {} {}",
            command.name(),
            typed(target)
        ))
        .into());
    }
    check::lints(&flags.fail_on)?;
    if !flags.fail_on.is_empty()
        && let Some(about) = command.as_ref().and_then(Command::about_no_process)
    {
        return Err(Failure::usage(format!(
            "--fail-on: `{about}` looks into no process; `loopscope warnings TARGET --fail-on …` does"
        ))
        .into());
    }
    match command {
        Some(Command::DemoApp { parent }) => crate::demo::run_app(parent),
        Some(Command::Demo { seconds }) => demo(seconds, &flags),
        Some(Command::Run(plan)) => run::run(&plan, &flags),
        Some(Command::Ps { dead: true, remove }) => dead::show(remove, &flags),
        Some(Command::Ps { dead: false, .. }) => on_a_loop(list(&flags)),
        Some(Command::Attach { target }) => live(target.unwrap_or_default(), &flags),
        Some(Command::Tree { target, asyncio: None }) => on_a_loop(show(Table::Tree, target, &flags)),
        Some(Command::Tree { target, asyncio: Some(shape) }) => on_a_loop(pending(shape, target, &flags)),
        Some(Command::Tasks { target }) => on_a_loop(show(Table::Tasks, target, &flags)),
        Some(Command::Sites { target }) => on_a_loop(show(Table::Sites, target, &flags)),
        Some(Command::Timers { target }) => on_a_loop(show(Table::Timers, target, &flags)),
        Some(Command::Io { target }) => on_a_loop(show(Table::Io, target, &flags)),
        Some(Command::Sync { target }) => on_a_loop(show(Table::Sync, target, &flags)),
        Some(Command::Blocking { target }) => on_a_loop(show(Table::Blocking, target, &flags)),
        Some(Command::Loops { target }) => on_a_loop(show(Table::Loops, target, &flags)),
        Some(Command::Warnings { target }) => on_a_loop(show(Table::Warnings, target, &flags)),
        Some(Command::Dump { target, task }) => on_a_loop(stacks::dump(target, &task, &flags)),
        Some(Command::Stack { target }) => on_a_loop(stacks::stack(target, &flags)),
        Some(Command::Logs { target, options }) => logs::run(target, &options, &flags),
        Some(Command::Debug { target, mode, lasts }) => debug::run(&target, mode.with(slow, lasts), &flags),
        Some(Command::Cancel { target, task }) => on_a_loop(cancel::run(&target, &task, &flags)),
        Some(Command::Watch(plan)) => watch::run(plan, &flags),
        Some(Command::Hist { target, sites }) => on_a_loop(hist::show(target, sites, &flags)),
        Some(Command::Export { target, options }) => export::run(target, &options, &flags),
        Some(Command::Explain { lint }) => explain::show(lint.as_deref(), &flags),
        Some(Command::Completions { shell }) => ship::completions(shell),
        Some(Command::Man { output }) => ship::man(output.as_deref()),
        Some(Command::Why { target, task }) => on_a_loop(why::show(target, &task, &flags)),
        None => match target {
            Some(target) => live(target, &flags),
            None if is_interactive(&flags) => app::run(None, &options(&flags)),
            None => on_a_loop(list(&flags)),
        },
    }
}

/// A target as it was typed.
fn typed(target: &Target) -> String {
    match target {
        Target::Only => String::new(),
        Target::Pid(pid) => pid.to_string(),
        Target::Program(text) | Target::Console(text) => words::escape(text, words::TEXT_CHARS_MAX).into(),
        Target::Socket(path) => words::escape(&path.to_string_lossy(), words::TEXT_CHARS_MAX).into(),
    }
}

/// Runs a command that prints and ends, on a loop of its own.
pub(super) fn on_a_loop<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    event_loop(false)?.block_on(command)?
}

/// The loop of a command, which no picture of this process shows. `ctrl_c` says whether Ctrl-C is how the command ends.
pub(super) fn event_loop(ctrl_c: bool) -> anyhow::Result<loopscope::Runner> {
    let builder = loopscope::Runner::builder().name("loopscope").hidden(true).ctrl_c(ctrl_c);
    builder.build().context("making an event loop")
}

/// Whether the live picture can be drawn and is wanted.
pub(super) fn is_interactive(flags: &Flags) -> bool {
    let formatted = flags.json || flags.csv;
    if formatted || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return false;
    }
    let dumb = theme::is_dumb(|name| std::env::var(name).ok());
    if dumb {
        // Standard error may be closed.
        let _ = writeln!(
            io::stderr(),
            "loopscope: TERM names no terminal that the live picture can be drawn on; this is what a pipe gets"
        );
    }
    !dumb
}

/// The flags as the live picture takes them.
pub(super) fn options(flags: &Flags) -> Options {
    let color = match flags.color.unwrap_or_default() {
        ColorChoice::Always => Some(true),
        ColorChoice::Never => Some(false),
        ColorChoice::Auto => None,
    };
    Options {
        looks: Wishes { color, palette: flags.theme, ascii: flags.ascii },
        interval: flags.interval(),
        timeout: flags.timeout(),
        judging: flags.request(),
        mouse: !flags.no_mouse,
        started: None,
    }
}

/// `attach`: the live picture on a terminal, else one picture in words.
fn live(target: Target, flags: &Flags) -> anyhow::Result<()> {
    if is_interactive(flags) {
        // What can be told at once is told in one line with an exit code, not on a screen of its own.
        find(&target)?;
        return app::run(Some(target), &options(flags));
    }
    on_a_loop(show(Table::Tree, Some(target), flags))
}

/// A command that prints one table.
async fn show(table: Table, target: Option<Target>, flags: &Flags) -> anyhow::Result<()> {
    let look = flags.look();
    check::query(table, flags)?;
    let mut client = attach(&target.unwrap_or_default(), flags).await?;
    if table == Table::Tasks && ask::wanted(look).is_none_or(|wanted| wanted > ask::DEPTH_MAX) {
        let head = client.picture(&ask::task_count(flags)).await?.snapshot;
        if head.total > ask::DEPTH_MAX {
            let mut out = BufWriter::new(io::stdout().lock());
            many::write(&mut out, &mut client, &head, flags, look).await?;
            return fail_on(&mut client, flags).await;
        }
    }
    let snapshot = fetch::table(&mut client, table, flags, look).await?;
    print(|out| render::write(out, table, &snapshot, flags, look))?;
    fail_on(&mut client, flags).await
}

/// `ps`.
async fn list(flags: &Flags) -> anyhow::Result<()> {
    check::query(Table::Processes, flags)?;
    let look = flags.look();
    let snapshot = seen(flags, look).await?;
    print(|out| render::write(out, Table::Processes, &snapshot, flags, look))
}

/// The processes that can be attached to now, those of them that the flags ask for.
pub(super) async fn seen(flags: &Flags, look: super::Look) -> anyhow::Result<Snapshot> {
    let mut snapshot = attach_all(flags).await;
    processes::choose(&mut snapshot, flags, look)?;
    if !rustix::process::geteuid().is_root() && !flags.json && !flags.csv {
        // Who is not root sees only their own; a column of one name would say nothing.
        snapshot.processes.iter_mut().for_each(|process| process.user = None);
    }
    Ok(snapshot)
}

/// `tree --asyncio`.
async fn pending(shape: Asyncio, target: Option<Target>, flags: &Flags) -> anyhow::Result<()> {
    if flags.json || flags.csv {
        return Err(Failure::usage("--asyncio is a form of its own, without --json and --csv").into());
    }
    check::query(Table::Tasks, flags)?;
    let mut client = attach(&target.unwrap_or_default(), flags).await?;
    // The shape is the whole process's; rows that a limit cut off would take their subtrees along.
    let everything = super::Look::default();
    let tasks = fetch::table(&mut client, Table::Tasks, flags, everything).await?.tasks.unwrap_or_default();
    let dump = frames(&mut client).await?;
    let text = match shape {
        Asyncio::Ps => {
            let loops = fetch::table(&mut client, Table::Loops, &flags.without_query(), everything).await?;
            asyncio::ps(&tasks, &loops.loops.unwrap_or_default(), dump.as_ref())
        }
        Asyncio::Pstree => asyncio::pstree(&tasks, dump.as_ref())?,
    };
    let text = if flags.ascii { words::ascii(&text) } else { text.into() };
    print(|out| out.write_all(text.as_bytes()))?;
    fail_on(&mut client, flags).await
}

/// The frames of all tasks; `None`, and a word about it, where the process does not let us have them: places have to do then.
async fn frames(client: &mut Client) -> anyhow::Result<Option<Dump>> {
    match client.dump(&[]).await {
        Ok(dump) => Ok(Some(dump)),
        Err(error)
            if matches!(error.kind(), Kind::Refused { .. } | Kind::Lacking { .. } | Kind::Busy { .. }) =>
        {
            say(&format!("without functions: {error}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// `demo`: the live picture on a terminal, else the tree and the warnings again and again.
fn demo(seconds: u64, flags: &Flags) -> anyhow::Result<()> {
    check::query(Table::Tree, flags)?;
    let application = Application::start()?;
    let target = Target::Pid(application.pid());
    if is_interactive(flags) {
        let options = Options { started: Some(application.started()), ..options(flags) };
        return app::run(Some(target), &options);
    }
    let count = Duration::from_secs(seconds).as_nanos().div_ceil(flags.interval().as_nanos());
    on_a_loop(async {
        loopscope::time::sleep(SETTLE).await;
        run::pictures(&target, flags, count).await
    })
}

/// Says something on stderr, which may be closed.
pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "loopscope: {message}");
}

/// Writes to stdout, all of it or an error.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out).and_then(|()| out.flush()).context("writing the output")
}

/// What `--fail-on` makes of the warnings that hold.
pub(super) async fn fail_on(source: &mut impl fetch::Source, flags: &Flags) -> anyhow::Result<()> {
    if flags.fail_on.is_empty() {
        return Ok(());
    }
    let Snapshot { warnings, .. } = source.picture(&ask::fail_on(flags)).await?.snapshot;
    check::fail_on(&warnings.unwrap_or_default(), &flags.fail_on)?;
    Ok(())
}
