//! `blocking`, and the pools beside it.

use super::value::{HistJson, PlaceJson, rfc3339};
use loopscope_inspector::model::{Job, Pool};
use serde::Serialize;

/// One job.
#[derive(Debug, Serialize)]
pub(crate) struct JobJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    pool: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    /// Null for a job that no task made.
    parent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_loop: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<i32>,
    queued_for_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    running_for_ns: Option<u64>,
    queued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

impl<'a> From<&'a Job> for JobJson<'a> {
    fn from(row: &'a Job) -> Self {
        Self {
            pid: row.pid,
            id: row.id,
            name: row.name.as_deref(),
            pool: &row.pool,
            state: row.state.as_str(),
            site: row.site.as_ref().map(PlaceJson::from),
            parent: row.parent,
            parent_loop: row.parent_loop,
            tid: row.tid,
            queued_for_ns: row.queued_for_ns,
            running_for_ns: row.running_for_ns,
            queued_at: rfc3339(row.queued_at),
            ended_at: row.ended_at.map(rfc3339),
        }
    }
}

/// One pool of threads.
#[derive(Debug, Serialize)]
pub(crate) struct PoolJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    name: &'a str,
    threads: u64,
    idle: u64,
    threads_max: u64,
    queued: u64,
    running: u64,
    completed: u64,
    panicked: u64,
    cancelled: u64,
    refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited: Option<HistJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ran: Option<HistJson>,
}

impl<'a> From<&'a Pool> for PoolJson<'a> {
    fn from(row: &'a Pool) -> Self {
        Self {
            pid: row.pid,
            name: &row.name,
            threads: row.threads,
            idle: row.idle,
            threads_max: row.threads_max,
            queued: row.queued,
            running: row.running,
            completed: row.completed,
            panicked: row.panicked,
            cancelled: row.cancelled,
            refused: row.refused,
            queue_max: row.queue_max,
            waited: row.waited.as_ref().map(HistJson::from),
            ran: row.ran.as_ref().map(HistJson::from),
        }
    }
}
