//! `warnings`.

use super::value::{FrameJson, PlaceJson, rfc3339};
use loopscope_inspector::model::Warning;
use serde::Serialize;

/// One warning.
#[derive(Debug, Serialize)]
pub(crate) struct WarningJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    name: &'a str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<u64>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ns: Option<u64>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<PlaceJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stack: Vec<FrameJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<&'a str>,
    /// Whether it was found and does not hold now.
    past: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    /// Who made the task, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    created: Vec<FrameJson<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    help: &'a str,
}

impl<'a> From<&'a Warning> for WarningJson<'a> {
    fn from(warning: &'a Warning) -> Self {
        Self {
            pid: warning.pid,
            name: &warning.name,
            severity: warning.severity.as_str(),
            task: warning.task,
            resource: warning.resource,
            loop_id: warning.loop_id,
            count: warning.count,
            for_ns: warning.for_ns,
            message: &warning.message,
            at: warning.at.as_ref().map(PlaceJson::from),
            stack: warning.stack.iter().map(FrameJson::from).collect(),
            task_name: warning.task_name.as_deref(),
            past: warning.past,
            first_seen: warning.first_seen.map(rfc3339),
            last_seen: warning.last_seen.map(rfc3339),
            notes: &warning.notes,
            created: warning.created.iter().map(FrameJson::from).collect(),
            summary: &warning.summary,
            help: &warning.help,
        }
    }
}
