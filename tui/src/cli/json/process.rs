//! `processes`: what can be attached to.

use super::value::rfc3339;
use loopscope_inspector::model::{Process, Rights, RuntimeKind};
use serde::Serialize;

/// One process.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessJson<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loops: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rights: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'a str>,
}

impl<'a> From<&'a Process> for ProcessJson<'a> {
    fn from(process: &'a Process) -> Self {
        Self {
            pid: process.pid,
            exe: process.exe.as_deref(),
            name: process.name.as_deref(),
            user: process.user.as_deref(),
            socket: process.socket.as_deref(),
            started_at: process.started_at.map(rfc3339),
            uptime_ns: process.uptime_ns,
            cpu: process.cpu,
            rss_bytes: process.rss_bytes,
            runtime: process.runtime.map(RuntimeKind::as_str),
            version: process.version.as_deref(),
            debug: process.debug,
            loops: process.loops,
            tasks: process.tasks,
            warnings: process.warnings,
            blocked: process.blocked,
            rights: process.rights.map(Rights::names),
            ended: process.ended.as_deref(),
        }
    }
}
