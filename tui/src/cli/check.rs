//! What can be found wrong with a command line before anybody is attached to.

use super::cells::width;
use super::export::HistogramRow;
use super::flags::Flags;
use super::processes::ProcessRow;
use super::render::Table;
use super::{Exit, Failure};
use loopscope_inspector::model::query::{Column, Filter, QueryError, Row, Sort};
use loopscope_inspector::model::spelling::closest;
use loopscope_inspector::model::{Io, Job, Lint, Loop, Severity, Site, Sync, Task, Timer, Warning, words};

/// Checks `--filter` and `--sort` against the columns of a table.
///
/// # Errors
///
/// If one of them makes no sense; the message points at the place.
pub(crate) fn query(table: Table, flags: &Flags) -> Result<(), Failure> {
    match table {
        Table::Processes => of::<ProcessRow>(flags),
        Table::Tree if flags.sort.as_deref().is_some_and(|sort| sort != "id") => {
            Err(Failure::usage("--sort: a tree is in the order of spawning; `loopscope tasks` can be sorted"))
        }
        Table::Tasks | Table::Tree => of::<Task>(flags),
        Table::Sites => of::<Site>(flags),
        Table::Timers => of::<Timer>(flags),
        Table::Io => of::<Io>(flags),
        Table::Sync => of::<Sync>(flags),
        Table::Blocking => of::<Job>(flags),
        Table::Loops => of::<Loop>(flags),
        Table::Warnings => of::<Warning>(flags),
    }
}

/// Checks `--filter` and `--sort` against the columns of histograms.
///
/// # Errors
///
/// As [`query`].
pub(crate) fn histograms(flags: &Flags) -> Result<(), Failure> {
    of::<HistogramRow>(flags)
}

fn of<R: Row>(flags: &Flags) -> Result<(), Failure> {
    let columns = R::COLUMNS;
    if let Some(text) = &flags.filter {
        Filter::parse::<R>(text).map_err(|error| point("--filter", text, &error, columns))?;
    }
    if let Some(text) = &flags.sort {
        Sort::parse::<R>(text).map_err(|error| point("--sort", text, &error, columns))?;
    }
    Ok(())
}

/// The mistake with a caret below it, and the columns where one was named that there is not.
fn point(flag: &str, text: &str, error: &QueryError, columns: &[Column]) -> Failure {
    let shown = error.caret(text);
    let line = shown.lines().next().unwrap_or_default();
    // Some characters take two columns of a terminal.
    let characters = text.get(..error.position()).map_or(0, |before| before.chars().count());
    let column = width(&line.chars().take(characters).collect::<String>());
    let mut message = format!("{flag}: {error}\n    {line}\n    {:column$}^", "");
    if error.is_no_column() {
        let columns: Vec<&str> = columns.iter().map(|column| column.name).collect();
        message = format!("{message}\nThe columns are {}.", columns.join(", "));
    }
    Failure::usage(message)
}

/// What `--fail-on` calls every warning and error.
pub(crate) const ANY: &str = "any";

/// Checks the names that `--fail-on` was given: of lints, of severities, or `any`.
///
/// # Errors
///
/// If one of them is neither.
pub(crate) fn lints(wanted: &[String]) -> Result<(), Failure> {
    let known =
        || Lint::ALL.iter().map(|lint| lint.as_str()).chain(Severity::NAMES.iter().copied()).chain([ANY]);
    for name in wanted {
        if known().any(|known| known == name) {
            continue;
        }
        let shown = words::escape(name, words::NAME_CHARS_MAX);
        let hint = closest(name, known()).map_or_else(
            || format!("They are {}.", known().collect::<Vec<_>>().join(", ")),
            |near| format!("Did you mean `{near}`?"),
        );
        return Err(Failure::usage(format!("--fail-on: there is no warning `{shown}`. {hint}")));
    }
    Ok(())
}

/// What `--fail-on` says of the warnings that hold.
///
/// # Errors
///
/// If one of those asked for was found; the message names them.
pub(crate) fn fail_on(found: &[Warning], wanted: &[String]) -> Result<(), Failure> {
    let mut hits: Vec<&str> = Vec::new();
    for warning in found.iter().filter(|warning| wanted.iter().any(|wanted| is_meant(warning, wanted))) {
        if !hits.contains(&warning.name.as_str()) {
            hits.push(&warning.name);
        }
    }
    if hits.is_empty() {
        return Ok(());
    }
    let hits = words::escape(&hits.join(", "), words::TEXT_CHARS_MAX).into_owned();
    Err(Failure::new(Exit::Found, format!("found: {hits}")))
}

/// Whether a warning is among those that one word of `--fail-on` stands for: a severity stands for the worse ones too. What is
/// over is not found.
fn is_meant(warning: &Warning, wanted: &str) -> bool {
    let least = if wanted == ANY { Some(Severity::Warning) } else { wanted.parse().ok() };
    !warning.past && least.map_or(warning.name == wanted, |least| warning.severity >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(filter: &str, sort: &str) -> Flags {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Flags { filter: some(filter), sort: some(sort), ..Flags::default() }
    }

    fn message(table: Table, filter: &str, sort: &str) -> String {
        query(table, &flags(filter, sort)).unwrap_err().to_string()
    }

    #[test]
    fn what_makes_sense_passes() {
        for (table, filter, sort) in [
            (Table::Tasks, "state=idle name~^work busy>10ms or blocks>3", "-busy"),
            (Table::Tree, "writer", "id"),
            (Table::Loops, "tasks>10", "-utilisation"),
            (Table::Warnings, "name=blocked", "-count"),
            (Table::Processes, "name=shop tasks>10", "-cpu"),
            (Table::Tasks, "", ""),
        ] {
            assert!(query(table, &flags(filter, sort)).is_ok(), "{filter} {sort}");
        }
    }

    #[test]
    fn a_mistake_is_pointed_at_with_a_caret() {
        let message = message(Table::Tasks, "name=x stat=idle", "");
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines[1..3], ["    name=x stat=idle", "           ^"], "{message}");
        assert!(lines[3].starts_with("The columns are id, name, "), "{message}");
        assert!(lines[0].contains("`state`"), "{message}");
    }

    #[test]
    fn a_tree_has_an_order_of_its_own() {
        assert!(message(Table::Tree, "", "-busy").contains("`loopscope tasks`"));
    }

    #[test]
    fn an_unknown_column_lists_the_columns() {
        let message = message(Table::Loops, "", "-utilization");
        assert!(message.contains("`utilisation`") && message.contains("The columns are "), "{message}");
    }

    #[test]
    fn only_known_lints_can_be_asked_for() {
        assert!(lints(&["blocked".into(), "slow-poll".into(), "any".into(), "error".into()]).is_ok());
        let message = lints(&["blokced".into()]).unwrap_err().to_string();
        assert!(message.ends_with("Did you mean `blocked`?"), "{message}");
        let message = lints(&["everything".into()]).unwrap_err().to_string();
        assert!(message.contains("They are ") && message.contains("slow-poll"), "{message}");
    }

    #[test]
    fn fail_on_finds_what_was_asked_for() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let found =
            |name: &str, severity, past| Warning { name: name.into(), severity, past, ..Warning::default() };
        let found = [
            found("blocked", Severity::Error, false),
            found("slow-poll", Severity::Warning, false),
            found("cycle", Severity::Note, false),
            found("leak", Severity::Error, true),
        ];
        let asked = |wanted: &[&str]| fail_on(&found, &names(wanted)).map_err(|failure| failure.to_string());
        assert_eq!(asked(&[]), Ok(()));
        assert_eq!(asked(&["deadlock"]), Ok(()));
        assert_eq!(asked(&["deadlock", "blocked"]), Err("found: blocked".into()));
        assert_eq!(asked(&["leak"]), Ok(()), "it is over");
        assert_eq!(asked(&["any"]), Err("found: blocked, slow-poll".into()));
        assert_eq!(asked(&["error"]), Err("found: blocked".into()));
        assert_eq!(asked(&["note"]), Err("found: blocked, slow-poll, cycle".into()));
    }
}
