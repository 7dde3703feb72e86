//! `debug`: debug mode of a running process, for as long as this runs or for a time.

use super::find::attach;
use super::flags::{Flags, Look};
use super::perform::{event_loop, print, say};
use super::tables::warning_ink;
use super::{Failure, json};
use crate::times::parse_duration;
use clap::ValueEnum;
use loopscope_inspector::client::{Client, Target};
use loopscope_inspector::model::{DebugMode, DebugState, Warning, words};
use loopscope_inspector::wire::{Query, Request, SetDebug, limits};
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

/// What debug mode is switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wish {
    /// Warnings, the watchdog, checks
    On,
    /// Back to what it was, or off
    Off,
    /// And the stacks by which tasks were made
    Stacks,
}

impl Wish {
    /// What the process is asked for.
    pub(super) fn with(self, slow_callback: Option<Duration>, lasts: Option<Duration>) -> SetDebug {
        let mode = match self {
            Self::On => DebugMode::On,
            Self::Off => DebugMode::Off,
            Self::Stacks => DebugMode::Stacks,
        };
        SetDebug { mode, slow_callback, lasts }
    }
}

/// Reads for how long.
pub(crate) fn parse_lease(text: &str) -> Result<Duration, String> {
    let lasts = parse_duration(text)?;
    if (limits::LEASE_MIN..=limits::LEASE_MAX).contains(&lasts) {
        Ok(lasts)
    } else {
        Err("it must be from 1s to 24h".to_owned())
    }
}

/// Switches it, and stays if that is what keeps it switched.
///
/// # Errors
///
/// If the right is missing, another client has switched it, or the process does not answer or ends.
pub(super) fn run(target: &Target, wish: SetDebug, flags: &Flags) -> anyhow::Result<()> {
    if flags.csv || flags.filter.is_some() || flags.sort.is_some() {
        return Err(Failure::usage("`debug` prints words or --json; it takes no --filter or --sort").into());
    }
    match event_loop(true)?.block_on(switch(target, wish, flags)) {
        Err(error) if error.is_interrupted() => Ok(()),
        ended => ended?,
    }
}

async fn switch(target: &Target, wish: SetDebug, flags: &Flags) -> anyhow::Result<()> {
    let mut client = attach(target, flags).await?;
    let state = client.set_debug(wish).await?;
    let process = client.process().clone();
    print(|out| {
        if flags.json {
            json::write_debug(out, process, &state, wish.lasts)
        } else {
            writeln!(out, "{}", told(&state, wish.lasts))
        }
    })?;
    if !state.undone_at_leave {
        return Ok(());
    }
    if !flags.json {
        say("this lasts until you press Ctrl-C; with --for 10m it would last that long without you");
    }
    follow(&mut client, flags).await
}

/// What came of it, in a line.
fn told(state: &DebugState, lasts: Option<Duration>) -> String {
    let mut text = format!("debug mode is {} in {}", state.mode, words::counted(state.loops, "loop"));
    if let Some(slow) = state.slow_callback_ns.filter(|_| state.mode.is_on()) {
        text = format!("{text}, a poll is slow from {} on", words::duration(slow));
    }
    if let Some(lasts) = lasts {
        let lasts = u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX);
        text = format!("{text}; it is as before in {}", words::duration(lasts));
    }
    text
}

/// Prints warnings as they come, until the process ends or Ctrl-C is pressed.
async fn follow(client: &mut Client, flags: &Flags) -> anyhow::Result<()> {
    let request = Request { warnings: Some(Query::all()), ..flags.request() };
    let mut pictures = client.watch(&request, flags.interval()).await?;
    let (mut known, look) = (Known::default(), Look { color: flags.wants_color(), ..flags.look() });
    loop {
        let snapshot = pictures.next().await?.snapshot;
        if flags.json {
            continue;
        }
        let warnings = snapshot.warnings.unwrap_or_default();
        let time = json::rfc3339(snapshot.taken_at);
        print(|out| {
            let mut fresh = warnings.iter().filter(|warning| known.is_news(warning));
            fresh.try_for_each(|warning| write(out, &time, warning, look))
        })?;
    }
}

/// What was printed, and how often it had been found then.
#[derive(Debug, Default)]
struct Known(HashMap<(String, Option<u64>, Option<u64>, String), u64>);

impl Known {
    /// Whether a warning is new, or was found twice as often as when it was printed last. What is over is no news.
    fn is_news(&mut self, warning: &Warning) -> bool {
        if warning.past {
            return false;
        }
        let about = warning.at.as_ref().map_or_else(|| format!("{:?}", warning.task), ToString::to_string);
        let key = (warning.name.clone(), warning.loop_id, warning.resource, about);
        let told = self.0.entry(key).or_default();
        let is_news = *told == 0 || warning.count >= told.saturating_mul(2);
        if is_news {
            *told = warning.count.max(1);
        }
        is_news
    }
}

fn write(out: &mut dyn Write, time: &str, warning: &Warning, look: Look) -> io::Result<()> {
    let message = words::escape(&warning.message, words::TEXT_CHARS_MAX);
    let name = words::escape(&warning.name, words::NAME_CHARS_MAX);
    let line = format!("{time}  {name}: {message}");
    let line = if look.ascii { words::ascii(&line).into_owned() } else { line };
    writeln!(out, "{}", warning_ink(warning).paint(&line, look.color))?;
    for frame in &warning.stack {
        writeln!(out, "    {}", super::stacks::frame(frame, look))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopscope_inspector::model::Place;

    #[test]
    fn what_came_of_it_is_one_line() {
        let state =
            |mode| DebugState { mode, slow_callback_ns: Some(50_000_000), loops: 2, undone_at_leave: true };
        assert_eq!(
            told(&state(DebugMode::On), None),
            "debug mode is on in 2 loops, a poll is slow from 50 ms on"
        );
        assert_eq!(
            told(&state(DebugMode::Stacks), Some(Duration::from_secs(600))),
            "debug mode is stacks in 2 loops, a poll is slow from 50 ms on; it is as before in 10 min 0 s"
        );
        assert_eq!(told(&state(DebugMode::Off), None), "debug mode is off in 2 loops");
    }

    #[test]
    fn a_warning_is_news_once_and_when_it_was_found_twice_as_often() {
        let warning = |count, line| Warning {
            name: "slow-poll".into(),
            at: Some(Place::new("src/main.rs", line, 1)),
            count,
            ..Warning::default()
        };
        let mut known = Known::default();
        let news: Vec<bool> = [(1, 4), (1, 4), (2, 4), (3, 4), (4, 4), (1, 5)]
            .map(|(count, line)| known.is_news(&warning(count, line)))
            .into();
        assert_eq!(news, [true, false, true, false, true, true]);
        assert!(!known.is_news(&Warning { past: true, ..warning(1, 6) }));
    }

    #[test]
    fn a_time_that_is_too_short_or_too_long_is_wrong_usage() {
        assert_eq!(parse_lease("10m"), Ok(Duration::from_secs(600)));
        assert!(parse_lease("10ms").is_err() && parse_lease("25h").is_err() && parse_lease("soon").is_err());
    }
}
