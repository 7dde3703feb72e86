//! Jobs on blocking threads: the table of them, and what a task's wait says of one.

use super::context::Context;
use super::ids::{IdMap, IdSet};
use super::tables::{hist, select};
use super::{BadRequest, Found, tasks};
use crate::model::{Job, Place, Pool, TaskState, words};
use crate::wire::{Query, Row};
use loopscope::telemetry::{self, JobView, PoolHistogramKind, PoolReader};
use std::ops::ControlFlow;

/// Jobs that one reading looks at; there may be a million in a queue.
const JOBS_MAX: usize = 100_000;

/// The rows of `blocking`.
pub(super) fn blocking(context: &Context, query: &Query) -> Result<Found, BadRequest> {
    let (mut rows, mut more) = (Vec::new(), 0);
    let pools = telemetry::pools();
    context.move_on();
    for pool in &pools {
        pool.jobs(&mut |job| {
            if rows.len() < JOBS_MAX {
                rows.push(row(context, *pool, job));
            } else {
                more += 1;
            }
            ControlFlow::Continue(())
        });
    }
    let mut found = select(rows, query, Some("id"), |job| Row::Job(Box::new(job)))?;
    found.dropped = more;
    Ok(found)
}

/// Whether a number is that of a job.
pub(in crate::agent) fn is_job(id: u64) -> bool {
    telemetry::pools().iter().any(|pool| {
        let mut found = false;
        pool.jobs(&mut |job| {
            found = job.id == id;
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    })
}

/// The pools, whatever is asked of the jobs.
pub(super) fn pools() -> impl Iterator<Item = Row> {
    telemetry::pools().into_iter().map(|pool| {
        let view = pool.view();
        let summary = |kind| Some(hist(&pool.histogram(kind)).summary());
        Row::Pool(Box::new(Pool {
            pid: None,
            name: view.name.to_owned(),
            threads: view.threads,
            idle: view.idle,
            threads_max: view.threads_max,
            queued: view.queued,
            running: view.running,
            completed: view.completed,
            panicked: view.panicked,
            cancelled: view.cancelled,
            refused: view.refused,
            queue_max: Some(view.queue_max),
            waited: summary(PoolHistogramKind::Waited),
            ran: summary(PoolHistogramKind::Ran),
        }))
    })
}

fn row(context: &Context, pool: PoolReader, job: &JobView) -> Job {
    let (now, from) = (context.now(), job.queued_at);
    let until = |end: Option<loopscope::time::Instant>, from: loopscope::time::Instant| {
        end.unwrap_or(now).as_nanos().saturating_sub(from.as_nanos())
    };
    Job {
        pid: None,
        id: job.id,
        name: job.name.and_then(|name| pool.text(name)),
        pool: pool.name().to_owned(),
        state: tasks::state(job.state),
        site: job.place.and_then(|place| pool.place(place)).map(|place| Place {
            file: place.file,
            line: place.line,
            column: place.column,
        }),
        parent: job.parent,
        parent_loop: job.parent_loop,
        tid: job.tid,
        queued_for_ns: until(job.started_at.or(job.ended_at), from),
        running_for_ns: job.started_at.map(|at| until(job.ended_at, at)),
        queued_at: context.wall(job.queued_at),
        ended_at: job.ended_at.map(|at| context.wall(at)),
    }
}

/// Some jobs, by id.
#[derive(Debug, Default)]
pub(super) struct Jobs(IdMap<Job>);

impl Jobs {
    pub(super) fn read(context: &Context, mut wanted: IdSet) -> Self {
        let mut found = IdMap::default();
        if wanted.is_empty() {
            return Self(found);
        }
        for pool in telemetry::pools() {
            pool.jobs(&mut |job| {
                if wanted.remove(&job.id) {
                    found.insert(job.id, row(context, pool, job));
                }
                if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        Self(found)
    }

    /// What a wait says of a job: `job #12 hash, running 1.2 s on thread 4711 (src/x.rs:5)`; of a name being resolved, the
    /// name.
    pub(super) fn detail(&self, id: u64, kind: telemetry::WaitKind) -> String {
        let Some(job) = self.0.get(&id) else { return format!("job #{id}") };
        if kind == telemetry::WaitKind::Resolve
            && let Some(name) = &job.name
        {
            return name.clone();
        }
        words(job)
    }
}

fn words(job: &Job) -> String {
    let mut text = format!("job {}", words::task(job.id, job.name.as_deref()));
    match (job.state, job.running_for_ns) {
        (TaskState::Scheduled, _) => {
            text = format!("{text}, queued {}", words::duration(job.queued_for_ns));
        }
        (TaskState::Running, Some(ns)) => text = format!("{text}, running {}", words::duration(ns)),
        (state, _) => text = format!("{text}, {}", state.as_str()),
    }
    if let (TaskState::Running, Some(tid)) = (job.state, job.tid) {
        text = format!("{text} on thread {tid}");
    }
    match &job.site {
        Some(site) => format!("{text} ({})", words::place(site)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: TaskState) -> Job {
        let site = Place { file: "src/x.rs".into(), line: 5, column: 9 };
        Job {
            id: 12,
            name: Some("hash".into()),
            state,
            site: Some(site),
            queued_for_ns: 3_000_000,
            ..Job::default()
        }
    }

    #[test]
    fn a_job_in_words() {
        let running = Job { tid: Some(4711), running_for_ns: Some(1_200_000_000), ..job(TaskState::Running) };
        assert_eq!(words(&running), "job #12 hash, running 1.2 s on thread 4711 (src/x.rs:5)");
        assert_eq!(words(&job(TaskState::Scheduled)), "job #12 hash, queued 3.0 ms (src/x.rs:5)");
        let ended = Job { name: None, site: None, ..job(TaskState::Panicked) };
        assert_eq!(words(&ended), "job #12, panicked");
    }

    #[test]
    fn a_name_being_resolved_says_the_name() {
        let mut jobs = Jobs::default();
        jobs.0.insert(3, Job { id: 3, name: Some("example.org:80".into()), ..job(TaskState::Running) });
        assert_eq!(jobs.detail(3, telemetry::WaitKind::Resolve), "example.org:80");
        assert_eq!(jobs.detail(4, telemetry::WaitKind::Blocking), "job #4");
    }
}
