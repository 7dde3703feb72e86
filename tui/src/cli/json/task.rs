//! `tasks`, and the rows of `tree`.

use super::value::{PlaceJson, rfc3339};
use loopscope_inspector::model::{Task, Wait};
use serde::Serialize;

/// One task.
#[derive(Debug, Serialize)]
pub(crate) struct TaskJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    kind: &'static str,
    /// Null for a root, which is known to have none.
    parent: Option<u64>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_for_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spawned_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    polls: u64,
    wakes: u64,
    self_wakes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    wakers: Option<u64>,
    busy_ns: u64,
    scheduled_ns: u64,
    idle_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_poll_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<u64>,
    waiting_on: Vec<WaitJson<'a>>,
    waiting_on_more: u64,
    warnings: &'a [String],
}

impl<'a> From<&'a Task> for TaskJson<'a> {
    fn from(task: &'a Task) -> Self {
        Self {
            pid: task.pid,
            id: task.id,
            name: task.name.as_deref(),
            kind: task.kind.as_str(),
            parent: task.parent,
            loop_id: task.loop_id,
            state: task.state.as_str(),
            state_for_ns: task.state_for_ns,
            site: task.site.as_ref().map(PlaceJson::from),
            spawned_at: task.spawned_at.map(rfc3339),
            ended_at: task.ended_at.map(rfc3339),
            polls: task.polls,
            wakes: task.wakes,
            self_wakes: task.self_wakes,
            wakers: task.wakers,
            busy_ns: task.busy_ns,
            scheduled_ns: task.scheduled_ns,
            idle_ns: task.idle_ns,
            longest_poll_ns: task.longest_poll_ns,
            size_bytes: task.size_bytes,
            blocks: task.blocks,
            waiting_on: task.waiting_on.iter().map(WaitJson::from).collect(),
            waiting_on_more: task.waiting_on_more,
            warnings: &task.warnings,
        }
    }
}

/// One thing that a task waits for.
#[derive(Debug, Serialize)]
pub(crate) struct WaitJson<'a> {
    kind: &'static str,
    /// The id of its row in `io` or `sync`; what it is follows, so that one document is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    /// Of a semaphore the free permits and all of them, of a barrier those who arrived and those it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_in_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_at: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    perhaps: bool,
}

impl<'a> From<&'a Wait> for WaitJson<'a> {
    fn from(wait: &'a Wait) -> Self {
        let resource = wait.resource.as_ref();
        Self {
            kind: wait.kind.as_str(),
            resource: resource.map(|resource| resource.id),
            resource_kind: resource.map(|resource| resource.kind.as_str()),
            resource_name: resource.and_then(|resource| resource.name.as_deref()),
            fd: resource.and_then(|resource| resource.fd),
            local: resource.and_then(|resource| resource.local.as_deref()),
            peer: resource.and_then(|resource| resource.peer.as_deref()),
            len: resource.and_then(|resource| resource.len),
            limit: resource.and_then(|resource| resource.limit),
            child_pid: resource.and_then(|resource| resource.child_pid),
            task: wait.task,
            for_ns: wait.for_ns,
            deadline_in_ns: wait.deadline_in_ns,
            at: wait.at.as_ref().map(PlaceJson::from),
            made_at: wait.made_at.as_ref().map(PlaceJson::from),
            detail: wait.detail.as_deref(),
            perhaps: wait.perhaps,
        }
    }
}
