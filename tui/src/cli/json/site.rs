//! `sites`.

use super::value::{HistJson, PlaceJson};
use loopscope_inspector::model::Site;
use serde::Serialize;

/// One spawn site.
#[derive(Debug, Serialize)]
pub(crate) struct SiteJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    site: PlaceJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    live: u64,
    spawned: u64,
    completed: u64,
    cancelled: u64,
    panicked: u64,
    busy_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll: Option<HistJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled: Option<HistJson>,
}

impl<'a> From<&'a Site> for SiteJson<'a> {
    fn from(row: &'a Site) -> Self {
        Self {
            pid: row.pid,
            loop_id: row.loop_id,
            site: PlaceJson::from(&row.site),
            name: row.name.as_deref(),
            live: row.live,
            spawned: row.spawned,
            completed: row.completed,
            cancelled: row.cancelled,
            panicked: row.panicked,
            busy_ns: row.busy_ns,
            poll: row.poll.as_ref().map(HistJson::from),
            scheduled: row.scheduled.as_ref().map(HistJson::from),
        }
    }
}
