//! Jobs and pools, to the wire and from it.

use super::kinds::Twin;
use super::{decode, encode, proto};
use crate::model::{Job, Pool, TaskState, WallTime};

pub(super) fn encode_job(job: Job) -> proto::Job {
    proto::Job {
        id: job.id,
        name: job.name.map(encode::name),
        pool: encode::name(job.pool),
        state: job.state.to_wire(),
        site: job.site.map(encode::place),
        parent: job.parent,
        parent_loop: job.parent_loop,
        tid: job.tid,
        queued_for_ns: job.queued_for_ns,
        running_for_ns: job.running_for_ns,
        queued_at_unix_ns: job.queued_at.0,
        ended_at_unix_ns: job.ended_at.map(|at| at.0),
    }
}

pub(super) fn decode_job(job: proto::Job) -> Result<Job, decode::DecodeError> {
    let state =
        TaskState::from_wire(job.state).ok_or(decode::DecodeError::new("a job in an unknown state"))?;
    Ok(Job {
        pid: None,
        id: job.id,
        name: job.name.map(decode::name),
        pool: decode::name(job.pool),
        state,
        site: job.site.map(decode::place),
        parent: job.parent,
        parent_loop: job.parent_loop,
        tid: job.tid,
        queued_for_ns: job.queued_for_ns,
        running_for_ns: job.running_for_ns,
        queued_at: WallTime(job.queued_at_unix_ns),
        ended_at: job.ended_at_unix_ns.map(WallTime),
    })
}

pub(super) fn encode_pool(pool: Pool) -> proto::Pool {
    proto::Pool {
        name: encode::name(pool.name),
        threads: pool.threads,
        idle: pool.idle,
        threads_max: pool.threads_max,
        queued: pool.queued,
        running: pool.running,
        completed: pool.completed,
        panicked: pool.panicked,
        queue_max: pool.queue_max,
        waited: pool.waited.map(encode::summary),
        ran: pool.ran.map(encode::summary),
        cancelled: pool.cancelled,
        refused: pool.refused,
    }
}

pub(super) fn decode_pool(pool: proto::Pool) -> Pool {
    Pool {
        pid: None,
        name: decode::name(pool.name),
        threads: pool.threads,
        idle: pool.idle,
        threads_max: pool.threads_max,
        queued: pool.queued,
        running: pool.running,
        completed: pool.completed,
        panicked: pool.panicked,
        cancelled: pool.cancelled,
        refused: pool.refused,
        queue_max: pool.queue_max,
        waited: pool.waited.map(decode::summary),
        ran: pool.ran.map(decode::summary),
    }
}
