//! The table of timers: those that are kept are few, those that are looked at may be a million.

use super::context::Context;
use super::tasks::KEPT_MAX;
use super::waits::Names;
use super::{BadRequest, Found};
use crate::model::query::{self, Column, Filter, Sort, TimerColumn, Top, Value};
use crate::model::{Place, Timer, TimerKind};
use crate::wire::limits::ROWS_MAX;
use crate::wire::{Query, Row};
use loopscope::telemetry::{self, PlaceIndex};
use loopscope::time::Instant;

/// A pending timer as its wait entry says it; the rest is looked up where somebody asks for it.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// The place of its loop among those of the reading.
    lp: usize,
    task: u64,
    kind: TimerKind,
    deadline: Instant,
    at: Option<PlaceIndex>,
}

/// A timer as filters and sorting see it.
#[derive(Debug)]
struct Seen<'a> {
    pending: Pending,
    context: &'a Context,
    names: &'a Names,
}

impl Seen<'_> {
    fn place(&self) -> Option<Place> {
        self.context.loops[self.pending.lp].place(self.pending.at)
    }
}

impl query::Row for Seen<'_> {
    const COLUMNS: &'static [Column] = <Timer as query::Row>::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match TimerColumn::ALL[column] {
            TimerColumn::Task => Value::Number(self.pending.task),
            TimerColumn::TaskName => {
                self.names.get(self.pending.task).map_or(Value::Absent, |name| Value::Text(name.into()))
            }
            TimerColumn::Kind => Value::text(self.pending.kind.as_str()),
            TimerColumn::Loop => Value::Number(self.context.loops[self.pending.lp].view.id),
            TimerColumn::DeadlineIn => Value::Signed(self.context.until(self.pending.deadline)),
            TimerColumn::At => {
                self.place().map_or(Value::Absent, |place| Value::Text(place.to_string().into()))
            }
        }
    }
}

pub(super) fn timers(context: &Context, query: &Query) -> Result<Found, BadRequest> {
    let filter = Filter::parse::<Seen<'_>>(&query.filter)?;
    let order = if query.sort.is_empty() { "deadline_in" } else { query.sort.as_str() };
    let sort = Sort::parse::<Seen<'_>>(order)?;
    let limit = query.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let keep = if limit == 0 { 0 } else { query.offset.saturating_add(limit) };
    if keep > KEPT_MAX {
        return Err(BadRequest::TooDeep);
    }
    let is_name = |column: usize| TimerColumn::ALL[column] == TimerColumn::TaskName;
    let of_all =
        is_name(sort.column()) || (0..TimerColumn::ALL.len()).any(|at| is_name(at) && filter.looks_at(at));
    let (names, dropped) = if of_all { names_of_all(context) } else { (Names::default(), 0) };
    context.move_on();
    let mut top = Top::new(Some(sort), usize::try_from(keep).unwrap_or(0));
    each(context, |pending| {
        let seen = Seen { pending, context, names: &names };
        if filter.matches(&seen) {
            top.offer(&seen, || pending);
        }
    });
    let total = top.total();
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let kept: Vec<Pending> = top.into_rows().into_iter().skip(skip).collect();
    let names = if of_all { names } else { Names::read(context, &tasks_of(&kept)) };
    context.move_on();
    let rows = kept.into_iter().map(|pending| {
        let seen = Seen { pending, context, names: &names };
        Row::Timer(Timer {
            pid: None,
            loop_id: Some(context.loops[pending.lp].view.id),
            task: Some(pending.task),
            task_name: names.get(pending.task),
            kind: pending.kind,
            deadline_in_ns: context.until(pending.deadline),
            at: seen.place(),
        })
    });
    Ok(Found { rows: rows.collect(), total, dropped })
}

/// Walks the pending timers of all loops.
fn each(context: &Context, mut each: impl FnMut(Pending)) {
    context.waits(|lp, wait| {
        if let (Some(deadline), Some(kind)) = (wait.deadline, wait.timer) {
            each(Pending {
                lp,
                task: wait.task,
                kind: timer_kind(kind),
                deadline,
                at: wait.at.or(wait.made_at),
            });
        }
    });
}

/// The names of all tasks with a timer, as many as can be held, and how many were left out.
fn names_of_all(context: &Context) -> (Names, u64) {
    let (mut tasks, mut more) = (Vec::new(), 0);
    each(context, |pending| {
        if (tasks.len() as u64) < KEPT_MAX {
            tasks.push(pending.task);
        } else {
            more += 1;
        }
    });
    (Names::read(context, &tasks), more)
}

fn tasks_of(pending: &[Pending]) -> Vec<u64> {
    pending.iter().map(|pending| pending.task).collect()
}

fn timer_kind(kind: telemetry::TimerKind) -> TimerKind {
    match kind {
        telemetry::TimerKind::Timeout => TimerKind::Timeout,
        telemetry::TimerKind::Interval => TimerKind::Interval,
        telemetry::TimerKind::CallLater => TimerKind::CallLater,
        // Also of a kind that a newer runtime may have.
        _ => TimerKind::Sleep,
    }
}
