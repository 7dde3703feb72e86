//! `timers`.

use super::value::PlaceJson;
use loopscope_inspector::model::Timer;
use serde::Serialize;

/// One pending timer.
#[derive(Debug, Serialize)]
pub(crate) struct TimerJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<&'a str>,
    kind: &'static str,
    deadline_in_ns: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<PlaceJson<'a>>,
}

impl<'a> From<&'a Timer> for TimerJson<'a> {
    fn from(row: &'a Timer) -> Self {
        Self {
            pid: row.pid,
            loop_id: row.loop_id,
            task: row.task,
            task_name: row.task_name.as_deref(),
            kind: row.kind.as_str(),
            deadline_in_ns: row.deadline_in_ns,
            at: row.at.as_ref().map(PlaceJson::from),
        }
    }
}
