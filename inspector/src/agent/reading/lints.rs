//! The warnings of a reading.

use super::context::Context;
use super::graph::Graph;
use super::tables;
use super::tasks::{self, Walked};
use super::waits::{self, Waiting};
use super::{BadRequest, Found};
use crate::agent::sentinel::{self, Watch};
use crate::model::lints::{self, Lint, Thresholds};
use crate::model::{Cycle, Frame, Place, Severity, TaskState, WallTime, Warning, words};
use crate::wire::{Query, Request, Row};
use loopscope::time::Instant;
use loopscope::{debug, telemetry};
use std::time::SystemTime;

/// Tasks of one circle of which it is said what each waits for.
const LINES_MAX: usize = 16;

/// What is too long, as the request says, and beside that the application.
pub(super) fn thresholds(request: &Request) -> Thresholds {
    let mut thresholds = *sentinel::thresholds();
    if let Some(slow_poll_ns) = request.slow_poll_ns {
        thresholds.set_slow_poll(slow_poll_ns);
    }
    for (name, value) in &request.lints {
        // What makes no sense was refused when the request came.
        let _ = thresholds.set_by_words(name, value);
    }
    thresholds
}

/// The warnings that were asked for, and how many there are of all.
pub(super) fn warnings(
    context: &Context,
    request: &Request,
    query: &Query,
    (walked, waiting): (&Walked, &Waiting),
    watch: &mut Watch,
) -> Result<(Found, u64), BadRequest> {
    let thresholds = thresholds(request);
    let mut warnings: Vec<Warning> = (0..context.loops.len())
        .filter_map(|at| lints::blocked(&tables::bare_loop(context, at), thresholds))
        .collect();
    let cycles = waiting.graph.all_cycles();
    if thresholds.is_on(Lint::Deadlock) {
        warnings.extend(confirmed(context, cycles));
        warnings.extend(context.loops.iter().filter_map(|lp| stalled(lp.reader)));
    }
    let worst: Vec<u64> = walked.slow.iter().map(|(_, slow)| slow.worst_task).collect();
    let records = tasks::find(context, &worst);
    let name = |id: u64| waits::name(context, records.get(&id)?);
    warnings.extend(walked.slow.iter().map(|&((lp, site), slow)| {
        lints::slow_poll(slow, name(slow.worst_task).as_deref(), context.loops[lp].site_place(site))
    }));
    if thresholds.is_on(Lint::Cycle) {
        warnings.extend(notes(context, cycles, &thresholds));
    }
    warnings.extend(watch.findings(&thresholds));
    let mut warnings = lints::with_found(warnings, found(), WallTime::from(SystemTime::now()));
    // Switched off is not told, whoever found it.
    warnings.retain(|warning| warning.name.parse().map_or(true, |lint| thresholds.is_on(lint)));
    let all = warnings.iter().filter(|warning| !warning.past).count() as u64;
    Ok((tables::select(warnings, query, None, Row::Warning)?, all))
}

/// What was found in this process so far, by whomever.
fn found() -> Vec<Warning> {
    let (now, wall) = (Instant::now(), SystemTime::now());
    debug::entries().into_iter().map(|entry| row(entry, now, wall)).collect()
}

/// As a row of the table.
fn row(entry: debug::Entry, now: Instant, wall: SystemTime) -> Warning {
    let seen = |at: Instant| wall.checked_sub(now.saturating_duration_since(at)).map(WallTime::from);
    let (first_seen, last_seen, count) = (seen(entry.first), seen(entry.last), entry.count);
    let found = entry.warning;
    Warning {
        pid: None,
        name: found.lint.as_str().to_owned(),
        severity: match found.lint.severity() {
            debug::Severity::Note => Severity::Note,
            debug::Severity::Warning => Severity::Warning,
            debug::Severity::Error => Severity::Error,
        },
        task: found.task.map(loopscope::TaskId::as_u64),
        resource: found.resource,
        loop_id: found.loop_id,
        count,
        for_ns: found.duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        message: found.message,
        at: found.at.map(place),
        stack: found.stack.into_iter().map(frame).collect(),
        first_seen,
        last_seen,
        task_name: found.task_name,
        notes: found.notes,
        created: found
            .created
            .map(|stack| stack.frames().into_iter().map(frame).collect())
            .unwrap_or_default(),
        ..Warning::default()
    }
}

/// A place as the model has it.
pub(in crate::agent) fn place(at: telemetry::Place) -> Place {
    Place { file: at.file, line: at.line, column: at.column }
}

/// A frame as the model has it.
pub(in crate::agent) fn frame(frame: debug::Frame) -> Frame {
    Frame { function: frame.function, at: frame.at.map(place) }
}

/// What a loop says of itself if none of its tasks can ever go on.
fn stalled(reader: telemetry::LoopReader) -> Option<Warning> {
    let (warning, now) = (reader.stalled()?, Instant::now());
    let entry = debug::Entry { number: 0, warning, count: 1, first: now, last: now };
    Some(row(entry, now, SystemTime::now()))
}

/// The deadlocks of the process, of several loops too.
pub(in crate::agent) fn deadlocks() -> Vec<Warning> {
    let context = Context::new(&Request::default());
    let graph = Graph::read(&context);
    confirmed(&context, graph.all_cycles())
}

/// Those that are there at a second look too, between two looks at their tasks that find them idle and not polled meanwhile: a
/// walk over the waits takes a while, and what is put together from different moments may never have been.
fn confirmed(context: &Context, cycles: &[Cycle]) -> Vec<Warning> {
    let suspects: Vec<&Cycle> = cycles.iter().filter(|cycle| cycle.deadlock).collect();
    if suspects.is_empty() {
        return Vec::new();
    }
    let ids: Vec<u64> = suspects.iter().flat_map(|cycle| &cycle.tasks).copied().collect();
    let before = tasks::find(context, &ids);
    let again = Graph::read(context);
    let after = tasks::find(context, &ids);
    let stood_still = |id: &u64| match (before.get(id), after.get(id)) {
        (Some(before), Some(after)) => {
            tasks::state(after.view.state) == TaskState::Idle && before.view.polls == after.view.polls
        }
        _ => false,
    };
    let name = |id: u64| waits::name(context, after.get(&id)?);
    let site = |id: u64| {
        let record = after.get(&id)?;
        context.loops[record.lp].site_place(record.view.site)
    };
    let is_real = |cycle: &&&Cycle| again.all_cycles().contains(cycle) && cycle.tasks.iter().all(stood_still);
    suspects
        .iter()
        .filter(is_real)
        .filter_map(|cycle| {
            let loop_id = after.get(cycle.tasks.first()?).map(|record| context.loops[record.lp].view.id);
            let notes = lines(context, cycle, name);
            Some(Warning { loop_id, notes, ..lints::deadlock(cycle, name, site)? })
        })
        .collect()
}

/// What each task of a circle waits for, where, and where what it waits for was taken.
fn lines(context: &Context, cycle: &Cycle, name: impl Fn(u64) -> Option<String>) -> Vec<String> {
    let ids = &cycle.tasks[..cycle.tasks.len().min(LINES_MAX)];
    let mut waits = waits::of_tasks(context, ids);
    let taken = waits::taken_at(context, ids);
    let mut lines = Vec::new();
    for &id in ids {
        for mut wait in waits.remove(&id).unwrap_or_default() {
            wait.task_name = wait.task.and_then(&name);
            let mut line =
                format!("{} waits for {}", words::task(id, name(id).as_deref()), words::wait(&wait));
            if let Some(at) = &wait.at {
                line = format!("{line} at {}", words::place(at));
            }
            let resource = wait.resource.as_ref().map(|resource| resource.id);
            if let Some(at) = resource.and_then(|id| taken.get(&id)) {
                line = format!("{line}, taken at {}", words::place(at));
            }
            lines.push(line);
        }
    }
    lines
}

/// Circles that something outside can break are listed once they are there for a while, and never warned of.
fn notes(context: &Context, cycles: &[Cycle], thresholds: &Thresholds) -> Vec<Warning> {
    let open: Vec<&Cycle> = cycles.iter().filter(|cycle| !cycle.deadlock).collect();
    let ids: Vec<u64> = open.iter().flat_map(|cycle| &cycle.tasks).copied().collect();
    let records = tasks::find(context, &ids);
    let name = |id: u64| waits::name(context, records.get(&id)?);
    let waits = waits::of_tasks(context, &ids);
    // As old as the wait that closed it; a task has been in its circle for no longer than it waits for anything.
    let waited_ns = |id: &u64| waits.get(id)?.iter().filter_map(|wait| wait.for_ns).max();
    let age_ns = |cycle: &Cycle| cycle.tasks.iter().map(|id| waited_ns(id).unwrap_or(0)).min().unwrap_or(0);
    let is_old = |cycle: &&&Cycle| thresholds.is_over(Lint::Cycle, age_ns(cycle));
    let note = |cycle: &&Cycle| Some(Warning { for_ns: Some(age_ns(cycle)), ..lints::cycle(cycle, name)? });
    open.iter().filter(is_old).filter_map(note).collect()
}
