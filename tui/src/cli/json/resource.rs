//! `io` and `sync`.

use super::value::{HistJson, PlaceJson};
use loopscope_inspector::model::{Exit, InCycle, Io, IoTotal, Sync, Waiter, Waiting};
use serde::Serialize;

/// One descriptor.
#[derive(Debug, Serialize)]
pub(crate) struct IoJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    id: u64,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<i32>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    interest: &'static str,
    readiness: &'static str,
    bytes_read: u64,
    bytes_written: u64,
    reads: u64,
    writes: u64,
    would_block: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_for_ns: Option<u64>,
    waiting: &'a [u64],
    waits: Vec<WaitingJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness_delay: Option<HistJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_at: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<ExitJson>,
}

/// How a process ended: `code`, or `signal` with its name if it has one.
#[derive(Debug, Serialize)]
struct ExitJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_name: Option<&'static str>,
}

impl From<Exit> for ExitJson {
    fn from(exit: Exit) -> Self {
        let (code, signal) = match exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        Self { code, signal, signal_name: exit.signal_name() }
    }
}

/// Those who wait for the same thing of a resource.
#[derive(Debug, Serialize)]
struct WaitingJson<'a> {
    kind: &'static str,
    count: u64,
    first: Vec<WaiterJson<'a>>,
}

#[derive(Debug, Serialize)]
struct WaiterJson<'a> {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<PlaceJson<'a>>,
}

impl<'a> From<&'a Waiting> for WaitingJson<'a> {
    fn from(waiting: &'a Waiting) -> Self {
        let waiter = |waiter: &'a Waiter| WaiterJson {
            id: waiter.task,
            name: waiter.name.as_deref(),
            for_ns: waiter.for_ns,
            at: waiter.at.as_ref().map(PlaceJson::from),
        };
        let first = waiting.first.iter().map(waiter).collect();
        Self { kind: waiting.kind.as_str(), count: waiting.count, first }
    }
}

impl<'a> From<&'a Io> for IoJson<'a> {
    fn from(row: &'a Io) -> Self {
        Self {
            pid: row.pid,
            id: row.id,
            loop_id: row.loop_id,
            fd: row.fd,
            kind: row.kind.as_str(),
            name: row.name.as_deref(),
            local: row.local.as_deref(),
            peer: row.peer.as_deref(),
            interest: row.interest.as_str(),
            readiness: row.readiness.as_str(),
            bytes_read: row.bytes_read,
            bytes_written: row.bytes_written,
            reads: row.reads,
            writes: row.writes,
            would_block: row.would_block,
            idle_for_ns: row.idle_for_ns,
            waiting: &row.waiting,
            waits: row.waits.iter().map(WaitingJson::from).collect(),
            readiness_delay: row.readiness_delay.as_ref().map(HistJson::from),
            made_at: row.made_at.as_ref().map(PlaceJson::from),
            child_pid: row.child_pid,
            exit: row.exit.map(ExitJson::from),
        }
    }
}

/// All descriptors of one kind made at one place, closed ones included.
#[derive(Debug, Serialize)]
pub(crate) struct IoTotalJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_at: Option<PlaceJson<'a>>,
    open: u64,
    opened: u64,
    closed: u64,
    bytes_read: u64,
    bytes_written: u64,
    reads: u64,
    writes: u64,
    would_block: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness_delay: Option<HistJson>,
}

impl<'a> From<&'a IoTotal> for IoTotalJson<'a> {
    fn from(row: &'a IoTotal) -> Self {
        Self {
            pid: row.pid,
            loop_id: row.loop_id,
            kind: row.kind.as_str(),
            made_at: row.made_at.as_ref().map(PlaceJson::from),
            open: row.open,
            opened: row.opened,
            closed: row.closed,
            bytes_read: row.bytes_read,
            bytes_written: row.bytes_written,
            reads: row.reads,
            writes: row.writes,
            would_block: row.would_block,
            readiness_delay: row.readiness_delay.as_ref().map(HistJson::from),
        }
    }
}

/// One lock, queue, channel or the like.
#[derive(Debug, Serialize)]
pub(crate) struct SyncJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    id: u64,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_at: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_by: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_for_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_at: Option<PlaceJson<'a>>,
    waiters: &'a [u64],
    waits: Vec<WaitingJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle: Option<&'static str>,
}

impl<'a> From<&'a Sync> for SyncJson<'a> {
    fn from(row: &'a Sync) -> Self {
        Self {
            pid: row.pid,
            id: row.id,
            loop_id: row.loop_id,
            kind: row.kind.as_str(),
            name: row.name.as_deref(),
            made_at: row.made_at.as_ref().map(PlaceJson::from),
            made_by: row.made_by,
            holder: row.holder,
            holder_name: row.holder_name.as_deref(),
            held_for_ns: row.held_for_ns,
            held_at: row.held_at.as_ref().map(PlaceJson::from),
            waiters: &row.waiters,
            waits: row.waits.iter().map(WaitingJson::from).collect(),
            len: row.len,
            limit: row.limit,
            cycle: row.cycle.map(InCycle::as_str),
        }
    }
}
