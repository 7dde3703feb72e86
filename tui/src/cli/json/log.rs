//! `logs`: the application's own log lines.

use super::value::PlaceJson;
use super::{Head, rfc3339, write_array, write_unclosed};
use loopscope_inspector::model::{LogLine, Logs, Place, Snapshot};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct LineJson<'a> {
    number: u64,
    time: String,
    level: &'static str,
    target: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    spans: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    loop_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<PlaceJson<'a>>,
}

fn line<'a>(line: &'a LogLine, at: Option<&'a Place>) -> LineJson<'a> {
    LineJson {
        number: line.number,
        time: rfc3339(line.at),
        level: line.level.as_str(),
        target: &line.target,
        message: &line.message,
        fields: line.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        spans: &line.spans,
        task: line.task,
        loop_id: line.loop_id,
        at: at.map(PlaceJson::from),
    }
}

fn place(line: &LogLine) -> Option<Place> {
    Some(Place::new(line.file.clone()?, line.line?, 0))
}

/// Writes the document of `logs`.
pub(crate) fn write_logs(out: &mut dyn Write, logs: &Logs) -> io::Result<()> {
    let shown = u64::try_from(logs.lines.len()).unwrap_or(u64::MAX);
    let head = Snapshot {
        taken_at: logs.taken_at.unwrap_or_default(),
        processes: logs.process.iter().cloned().collect(),
        total: shown,
        shown,
        dropped: logs.lost,
        ..Snapshot::default()
    };
    write_unclosed(out, &Head::new(&head))?;
    if let Some(filter) = &logs.filter {
        write!(out, ",\"log_filter\":{}", serde_json::to_string(filter)?)?;
    }
    let places: Vec<Option<Place>> = logs.lines.iter().map(|line| place(line)).collect();
    write_array(out, "logs", logs.lines.iter().zip(&places).map(|(it, at)| line(it, at.as_ref())))?;
    writeln!(out, "}}")
}

/// Writes one line as a document of its own, as when the log is followed.
pub(crate) fn write_log_line(out: &mut dyn Write, it: &LogLine) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &line(it, place(it).as_ref()))?;
    writeln!(out)
}
