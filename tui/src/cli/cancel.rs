//! `cancel`: tasks are asked to end.

use super::find::attach;
use super::flags::Flags;
use super::perform::print;
use super::{Exit, Failure, json, why};
use loopscope_inspector::client::Target;
use loopscope_inspector::model::{CancelOutcome, Cancelled};
use std::io::{self, Write};

/// Cancels tasks and says what came of it.
///
/// # Errors
///
/// If the right is missing, nobody answers, or not one of the tasks was there to be cancelled.
pub(super) async fn run(target: &Target, tasks: &[String], flags: &Flags) -> anyhow::Result<()> {
    if flags.filter.is_some() || flags.sort.is_some() {
        return Err(Failure::usage(
            "`cancel` is about the tasks that it names: it takes no --filter or --sort",
        )
        .into());
    }
    let mut client = attach(target, flags).await?;
    let tasks = why::task_ids(&mut client, tasks).await?;
    let cancelled = client.cancel(&tasks).await?;
    let process = client.process().clone();
    print(|out| {
        if flags.json || flags.csv {
            json::write_cancelled(out, process, &cancelled, flags.csv)
        } else {
            write(out, &cancelled)
        }
    })?;
    let is_on_its_way = |it: &Cancelled| matches!(it.outcome, CancelOutcome::Asked | CancelOutcome::Later);
    if cancelled.iter().any(is_on_its_way) {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "nothing was cancelled").into())
}

fn write(out: &mut dyn Write, cancelled: &[Cancelled]) -> io::Result<()> {
    for Cancelled { task, outcome } in cancelled {
        writeln!(out, "#{task}  {}", words_of(*outcome))?;
    }
    Ok(())
}

fn words_of(outcome: CancelOutcome) -> &'static str {
    match outcome {
        CancelOutcome::Asked => "cancelled",
        CancelOutcome::Later => "will be cancelled as soon as its loop, which is busy, hears of it",
        CancelOutcome::Over => "was over already",
        CancelOutcome::Gone => "is not there; it may have ended a while ago",
        CancelOutcome::Refused => "cannot be cancelled: it is a blocking job, or one of the inspector's own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_has_its_line() {
        let outcomes = CancelOutcome::ALL.iter().zip(7..);
        let cancelled: Vec<Cancelled> =
            outcomes.map(|(&outcome, task)| Cancelled { task, outcome }).collect();
        let mut out = Vec::new();
        write(&mut out, &cancelled).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "#7  cancelled\n#8  was over already\n#9  is not there; it may have ended a while ago\n\
             #10  will be cancelled as soon as its loop, which is busy, hears of it\n\
             #11  cannot be cancelled: it is a blocking job, or one of the inspector's own\n"
        );
    }
}
