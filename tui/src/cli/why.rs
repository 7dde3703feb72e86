//! `why`: the chain from a task to the root of its wait.

use super::fetch::Source;
use super::find::attach;
use super::flags::Flags;
use super::perform::{fail_on, print};
use super::{Exit, Failure, Look, json};
use loopscope_inspector::client::Target;
use loopscope_inspector::model::why::{self, Chain, SeenTasks};
use loopscope_inspector::model::{Snapshot, Task, WaitGraph, words};
use loopscope_inspector::wire::{Query, Request};
use std::io::{self, Write};

/// Tasks of one name that are listed where one was meant.
const LISTED_MAX: u64 = 10;

/// Shows the chain of a task.
pub(crate) async fn show(target: Option<Target>, task: &str, flags: &Flags) -> anyhow::Result<()> {
    if flags.csv || flags.filter.is_some() || flags.sort.is_some() {
        return Err(Failure::usage("`why` is about one task: it takes no --csv, --filter or --sort").into());
    }
    let mut client = attach(&target.unwrap_or_default(), flags).await?;
    let id = task_id(&mut client, task).await?;
    let request = Request { why: Some(id), ..Request::default() };
    let picture = client.picture(&request).await?;
    let chain = chain(&picture.chain, id).ok_or_else(|| unknown(&format!("#{id}")))?;
    let look = flags.look();
    print(|out| {
        if flags.json { json::write_why(out, &picture.snapshot, &chain) } else { write(out, &chain, look) }
    })?;
    fail_on(&mut client, flags).await
}

/// The number of a task that was named by it, or by its name.
///
/// # Errors
///
/// If none or several bear the name.
pub(super) async fn task_id(source: &mut impl Source, task: &str) -> anyhow::Result<u64> {
    match task.strip_prefix('#').unwrap_or(task).parse() {
        Ok(id) => Ok(id),
        Err(_) => by_name(source, task).await,
    }
}

/// The numbers of several.
///
/// # Errors
///
/// As [`task_id`].
pub(super) async fn task_ids(source: &mut impl Source, tasks: &[String]) -> anyhow::Result<Vec<u64>> {
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task_id(source, task).await?);
    }
    Ok(ids)
}

pub(super) fn unknown(task: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        format!(
            "there is no task {task}; it may have ended a while ago. `loopscope tasks` lists those that there are"
        ),
    )
}

/// The number of the one task that bears a name.
async fn by_name(source: &mut impl Source, name: &str) -> anyhow::Result<u64> {
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    let query = Query::all().filter(format!("name=\"{quoted}\"")).limit(LISTED_MAX);
    let Snapshot { tasks, total, .. } =
        source.picture(&Request { tasks: Some(query), ..Request::default() }).await?.snapshot;
    let tasks = tasks.unwrap_or_default();
    let shown = words::escape(name, words::NAME_CHARS_MAX);
    match tasks.as_slice() {
        [] => Err(unknown(&format!("`{shown}`")).into()),
        [task] => Ok(task.id),
        several => {
            let mut message =
                format!("{} tasks are called `{shown}`; say which by its number:", words::count(total));
            for task in several {
                message = format!("{message}\n  {}  {}", words::task(task.id, None), words::doing(task));
            }
            let rest = total.saturating_sub(LISTED_MAX);
            if rest > 0 {
                message = format!("{message}\n  … {} more", words::count(rest));
            }
            Err(Failure::usage(message).into())
        }
    }
}

/// The chain through the tasks that the agent sent along.
fn chain(tasks: &[Task], id: u64) -> Option<Chain> {
    let graph = WaitGraph::of_tasks(tasks, &[]);
    why::chain(&SeenTasks::new(tasks, &graph), id)
}

/// The chain in a sentence, and below it with the places.
fn write(out: &mut dyn Write, chain: &Chain, look: Look) -> io::Result<()> {
    let plain = |text: String| if look.ascii { words::ascii(&text).into_owned() } else { text };
    writeln!(out, "{}", plain(chain.sentence()))?;
    writeln!(out)?;
    for line in chain.lines() {
        writeln!(out, "{}", plain(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;

    fn text(tasks: &[Task], id: u64, look: Look) -> String {
        let mut out = Vec::new();
        write(&mut out, &chain(tasks, id).unwrap(), look).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_chain_leads_from_the_lock_to_the_socket_its_holder_reads_from() {
        insta::assert_snapshot!(text(&samples::tasks(), 7, Look::default()));
    }

    #[test]
    fn a_deadlock_is_called_one_and_ascii_is_ascii() {
        let mut tasks = samples::deadlock();
        let text = text(&tasks, 7, Look { ascii: true, ..Look::default() });
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(text);
        tasks.clear();
        assert_eq!(chain(&tasks, 7), None);
    }

    #[test]
    fn as_json() {
        let mut out = Vec::new();
        let snapshot = samples::snapshot();
        json::write_why(&mut out, &snapshot, &chain(&samples::tasks(), 7).unwrap()).unwrap();
        json::write_why(&mut out, &snapshot, &chain(&samples::deadlock(), 7).unwrap()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
