//! `loops`.

use super::value::{HistJson, PlaceJson};
use loopscope_inspector::model::{Loop, Running};
use serde::Serialize;

/// One loop.
#[derive(Debug, Serialize)]
pub(crate) struct LoopJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<i32>,
    debug: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_ns: Option<u64>,
    tasks: u64,
    ready: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    timers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    utilisation: Option<f64>,
    ticks: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_turns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_wakes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    busy_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parked_ns: Option<u64>,
    /// Null where nothing runs.
    running: Option<RunningJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll: Option<HistJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled: Option<HistJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lateness: Option<HistJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    io_wait: Option<HistJson>,
}

impl<'a> From<&'a Loop> for LoopJson<'a> {
    fn from(row: &'a Loop) -> Self {
        Self {
            pid: row.pid,
            id: row.id,
            name: row.name.as_deref(),
            thread: row.thread.as_deref(),
            tid: row.tid,
            debug: row.debug,
            uptime_ns: row.uptime_ns,
            tasks: row.tasks,
            ready: row.ready,
            timers: row.timers,
            utilisation: row.utilisation,
            ticks: row.ticks,
            driver_turns: row.driver_turns,
            polls: row.polls,
            remote_wakes: row.remote_wakes,
            busy_ns: row.busy_ns,
            parked_ns: row.parked_ns,
            running: row.running.as_ref().map(RunningJson::from),
            poll: row.poll.as_ref().map(HistJson::from),
            scheduled: row.scheduled.as_ref().map(HistJson::from),
            lateness: row.lateness.as_ref().map(HistJson::from),
            io_wait: row.io_wait.as_ref().map(HistJson::from),
        }
    }
}

/// The poll under way.
#[derive(Debug, Serialize)]
pub(crate) struct RunningJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    for_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<PlaceJson<'a>>,
}

impl<'a> From<&'a Running> for RunningJson<'a> {
    fn from(running: &'a Running) -> Self {
        Self {
            task: running.task,
            for_ns: running.for_ns,
            name: running.name.as_deref(),
            site: running.site.as_ref().map(PlaceJson::from),
        }
    }
}
