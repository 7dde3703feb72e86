//! `run -- CMD`: starts a program, looks into it, and ends as it ends.
//!
//! ```text
//!   started ──its agent answers──► looked at ──q, or it has ended──► left alone ──it ends──► its exit code
//!      │                               ▲                                ▲
//!      └──no agent within --timeout──► said, and waited for on ─────────┘
//! ```
//!
//! Whatever becomes of the looking, this stays the program's parent: signals are passed on to it, and how it ends is how this ends.
//!
//! # Who has the terminal
//!
//! The program is in a process group of its own, so what is typed (Ctrl-C) arrives once: here, and is passed on. Under the live
//! picture the program reads an empty input and its output is kept ([`output`]); until its agent answers, and after the picture was
//! left, the output goes straight through. Without a terminal it keeps its own input and output, except that with `--json` and
//! `--csv` standard output is for the documents and the program writes to standard error.

mod child;
mod output;
mod signals;

use super::exit::{Passed, is_closed_pipe};
use super::fetch;
use super::find::attach;
use super::flags::Flags;
use super::perform::{self, is_interactive, on_a_loop, options, print, say};
use super::render::{self, Table};
use super::{Failure, Look, check};
use crate::app::ending;
use crate::app::run::{self as app, Options, Terminated};
use child::{Launched, Streams};
use clap::Args;
use loopscope_inspector::client::{self, Client, Found, Target};
use loopscope_inspector::model::words;
use std::ffi::OsString;
use std::time::Duration;

/// Time from one look for the agent to the next, and after a while.
const LOOK: Duration = Duration::from_millis(10);
const LATER_LOOK: Duration = Duration::from_millis(200);

/// How long an end may take from the first sign of it.
const GRACE: Duration = Duration::from_secs(1);

/// What `run` can be told.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Also switch debug mode on
    #[arg(long)]
    debug: bool,

    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Starts the program, looks into it and waits for its end.
///
/// # Errors
///
/// If it cannot be started; and [`Passed`], which is no error of ours, if it ended with anything but success.
pub(crate) fn run(plan: &Plan, flags: &Flags) -> anyhow::Result<()> {
    check::query(Table::Tree, flags)?;
    let live = is_interactive(flags);
    let streams = match live {
        true => Streams::Kept,
        false if flags.json || flags.csv => Streams::BesideDocuments,
        false => Streams::Own,
    };
    let launched = Launched::start(&plan.command, plan.debug, streams)?;
    let looked = if live { draw(&launched, flags) } else { on_a_loop(list(&launched, flags)) };
    if let Err(error) = &looked
        && !error.is::<Terminated>()
        && !error.is::<Failure>()
        && !is_closed_pipe(error)
    {
        // The program goes on, whether or not it can be looked into.
        say(&format!("{error:#}"));
    }
    let status = launched.wait()?;
    match Passed::of(status) {
        Some(passed) => Err(passed.into()),
        None => looked.or_else(|error| if error.is::<Failure>() { Err(error) } else { Ok(()) }),
    }
}

/// The live picture.
fn draw(launched: &Launched, flags: &Flags) -> anyhow::Result<()> {
    let Some(found) = on_a_loop(agent_of(launched, flags, true))? else { return Ok(()) };
    let Some(pid) = found.pid else { return Ok(()) };
    launched.keep_output();
    let options = Options { started: Some(launched.started()), ..options(flags) };
    let drawn = app::run(Some(Target::Pid(pid)), &options);
    launched.let_output_through();
    if launched.status().is_none() && drawn.is_ok() {
        say(&format!("{} goes on; Ctrl-C ends it", launched.who()));
    }
    drawn
}

/// The pictures one after the other, until the program has ended.
async fn list(launched: &Launched, flags: &Flags) -> anyhow::Result<()> {
    let mut hit = Ok(());
    let mut first = true;
    while let Some(found) = agent_of(launched, flags, std::mem::take(&mut first)).await? {
        let looked = loopscope::select! {
            () = launched.ended() => return hit,
            looked = look(&found, flags, &mut hit) => looked,
        };
        match looked {
            Err(error) => match error.downcast_ref::<client::Error>() {
                // What it was started by may go on.
                Some(over) if over.is_over() => {}
                Some(_) => {
                    // It closes its connections some instants before it is seen to have ended.
                    loopscope::select! {
                        () = launched.ended() => return hit,
                        () = loopscope::sleep(GRACE) => say(&format!("{error:#}; trying again")),
                    }
                }
                None => return Err(error),
            },
            Ok(()) => return hit,
        }
        loopscope::select! {
            () = launched.ended() => return hit,
            () = loopscope::sleep(flags.interval()) => {}
        }
    }
    hit
}

async fn look(found: &Found, flags: &Flags, hit: &mut anyhow::Result<()>) -> anyhow::Result<()> {
    let mut client = Client::connect(found, flags.timeout()).await?;
    loop {
        picture(&mut client, flags).await?;
        match perform::fail_on(&mut client, flags).await {
            Err(error) if error.is::<Failure>() => *hit = Err(error),
            other => other?,
        }
        loopscope::sleep(flags.interval()).await;
    }
}

/// One picture: the tree, and the warnings. Also what `demo` prints.
pub(super) async fn picture(client: &mut Client, flags: &Flags) -> anyhow::Result<()> {
    let look: Look = flags.look();
    let tree = fetch::table(client, Table::Tree, flags, look).await?;
    let warnings = fetch::table(client, Table::Warnings, &flags.without_query(), look).await?;
    let words = !flags.json && !flags.csv;
    print(|out| {
        for (table, snapshot) in [(Table::Tree, &tree), (Table::Warnings, &warnings)] {
            render::write(out, table, snapshot, flags, look)?;
            if words {
                writeln!(out)?;
            }
        }
        Ok(())
    })
}

/// The pictures of `demo`, so many of them.
pub(super) async fn pictures(target: &Target, flags: &Flags, count: u128) -> anyhow::Result<()> {
    let mut client = attach(target, flags).await?;
    for number in 0..count {
        if number > 0 {
            loopscope::sleep(flags.interval()).await;
        }
        picture(&mut client, flags).await?;
    }
    perform::fail_on(&mut client, flags).await
}

/// Waits for the agent, in the program or in one that it has started; `None` if it has ended before. The first time it is said what
/// is waited for.
async fn agent_of(launched: &Launched, flags: &Flags, first: bool) -> anyhow::Result<Option<Found>> {
    let start = loopscope::time::Instant::now();
    let mut told = !first;
    loop {
        if let Some(status) = launched.status() {
            if first {
                let how = ending::words(status);
                say(&format!("{} has ended before it could be looked into: {how}", launched.who()));
            }
            return Ok(None);
        }
        if let Some(found) = client::find_in_group(launched.pid()) {
            return Ok(Some(found));
        }
        if start.elapsed() > flags.timeout() && !told {
            told = true;
            let patience = words::duration(u64::try_from(flags.timeout().as_nanos()).unwrap_or(u64::MAX));
            let why = client::find(&Target::Pid(launched.pid())).err().map(|error| error.to_string());
            say(&format!(
                "{} has opened no inspector socket in {patience}; it goes on, and is looked into as soon as it has one.\n{}",
                launched.who(),
                why.unwrap_or_default()
            ));
        }
        let pause = if told { LATER_LOOK } else { LOOK };
        loopscope::select! {
            () = launched.ended() => {}
            () = loopscope::sleep(pause) => {}
        }
    }
}
