//! Log lines, to the wire and from it.

use super::decode::{self, DecodeError};
use super::diagnose::decode_lease;
use super::kinds::Twin;
use super::limits::{
    FILTER_BYTES_MAX, LOG_FIELDS_MAX, LOG_MESSAGE_BYTES_MAX, LOG_PART_LINES_MAX, LOG_SPANS_MAX,
    PART_BYTES_TARGET, cut,
};
use super::{encode, proto};
use crate::model::{LogLevel, LogLine, Logs, Process, WallTime};
use prost::Message as _;
use std::sync::Arc;
use std::time::Duration;

/// Which log lines are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogsRequest {
    /// Only lines with a greater number; `None` for the last `tail`.
    pub after: Option<u64>,
    /// Lines that are there already, at most; `None` for all that are kept.
    pub tail: Option<u64>,
    /// Go on with those that come.
    pub follow: bool,
    /// Only those of this task.
    pub task: Option<u64>,
    /// Only those of this level and worse ones.
    pub level: Option<LogLevel>,
}

impl LogsRequest {
    /// Whether a line is one of those.
    pub fn matches(&self, line: &LogLine) -> bool {
        self.task.is_none_or(|task| line.task == Some(task))
            && self.level.is_none_or(|level| line.level <= level)
            && self.after.is_none_or(|after| line.number > after)
    }
}

/// What is asked of the filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetLogFilter {
    /// The filter; `None` for the application's own.
    pub filter: Option<String>,
    /// For how long, whether or not the client stays; `None` for as long as it is there.
    pub lasts: Option<Duration>,
}

/// A request under the protocol that was agreed on.
pub fn encode_logs_request(request: LogsRequest, protocol: u32) -> proto::LogsRequest {
    let LogsRequest { after, tail, follow, task, level } = request;
    proto::LogsRequest { protocol, after, tail, follow, task, level: level.map(Twin::to_wire) }
}

/// A request for log lines.
///
/// # Errors
/// If the level is unknown.
pub fn decode_logs_request(request: proto::LogsRequest) -> Result<LogsRequest, DecodeError> {
    let level =
        request.level.map(|level| LogLevel::from_wire(level).ok_or(DecodeError::new("an unknown level")));
    Ok(LogsRequest {
        after: request.after,
        tail: request.tail,
        follow: request.follow,
        task: request.task,
        level: level.transpose()?,
    })
}

/// A request under the protocol that was agreed on.
pub fn encode_set_log_filter(request: SetLogFilter, protocol: u32) -> proto::SetLogFilterRequest {
    let for_ns = request.lasts.map(|lasts| u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX));
    proto::SetLogFilterRequest { protocol, filter: request.filter, for_ns }
}

/// A request to change the filter.
///
/// # Errors
/// If it is too long, or the time is out of bounds.
pub fn decode_set_log_filter(request: proto::SetLogFilterRequest) -> Result<SetLogFilter, DecodeError> {
    if request.filter.as_ref().is_some_and(|filter| filter.len() > FILTER_BYTES_MAX) {
        return Err(DecodeError::new("a filter of more than 4,096 bytes"));
    }
    Ok(SetLogFilter { filter: request.filter, lasts: decode_lease(request.for_ns)? })
}

/// What a log begins with.
pub fn encode_logs_header(
    taken_at: WallTime,
    process: Process,
    start_ticks: Option<u64>,
    filter: String,
    lost: u64,
) -> proto::LogsHeader {
    proto::LogsHeader {
        taken_at_unix_ns: taken_at.0,
        process: Some(encode::process(process, start_ticks)),
        filter: bounded(filter, FILTER_BYTES_MAX),
        lost,
    }
}

/// Packs lines into parts, of which there is at least one.
pub fn encode_lines<'a>(
    header: Option<proto::LogsHeader>,
    missed: u64,
    lines: impl IntoIterator<Item = &'a LogLine>,
) -> Vec<proto::LogsPart> {
    let mut part = proto::LogsPart { header, missed, lines: Vec::new() };
    let mut bytes = part.encoded_len();
    let mut parts = Vec::new();
    for line in lines.into_iter().map(encode_line) {
        let more = line.encoded_len() + 8;
        if !part.lines.is_empty()
            && (bytes + more > PART_BYTES_TARGET || part.lines.len() == LOG_PART_LINES_MAX)
        {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += more;
        part.lines.push(line);
    }
    parts.push(part);
    parts
}

fn encode_line(line: &LogLine) -> proto::LogLine {
    let field = |(name, value): &(String, String)| proto::LogField {
        name: encode::name(name.clone()),
        value: encode::message(value.clone()),
    };
    proto::LogLine {
        number: line.number,
        at_unix_ns: line.at.0,
        level: line.level.to_wire(),
        target: encode::name(line.target.clone()),
        message: bounded(line.message.clone(), LOG_MESSAGE_BYTES_MAX),
        fields: line.fields.iter().take(LOG_FIELDS_MAX).map(field).collect(),
        spans: line.spans.iter().take(LOG_SPANS_MAX).cloned().map(encode::name).collect(),
        task: line.task,
        r#loop: line.loop_id,
        file: line.file.clone().map(encode::path),
        line: line.line,
    }
}

/// One part of a log.
///
/// # Errors
/// If it has more lines than a part may have, or a line is of an unknown level.
pub fn decode_logs(part: proto::LogsPart) -> Result<Logs, DecodeError> {
    if part.lines.len() > LOG_PART_LINES_MAX {
        return Err(DecodeError::new("more than 1,000 lines at once"));
    }
    let lines = part.lines.into_iter().map(|line| decode_line(line).map(Arc::new));
    let mut logs = Logs { lines: lines.collect::<Result<_, _>>()?, missed: part.missed, ..Logs::default() };
    if let Some(header) = part.header {
        logs.process = header.process.map(decode::process);
        logs.filter = Some(bounded(header.filter, FILTER_BYTES_MAX));
        logs.taken_at = Some(WallTime(header.taken_at_unix_ns));
        logs.lost = header.lost;
    }
    Ok(logs)
}

fn decode_line(line: proto::LogLine) -> Result<LogLine, DecodeError> {
    let field = |field: proto::LogField| (decode::name(field.name), decode::message(field.value));
    Ok(LogLine {
        number: line.number,
        at: WallTime(line.at_unix_ns),
        level: Twin::from_wire(line.level).ok_or(DecodeError::new("a log line of an unknown level"))?,
        target: decode::name(line.target),
        message: bounded(line.message, LOG_MESSAGE_BYTES_MAX),
        fields: line.fields.into_iter().take(LOG_FIELDS_MAX).map(field).collect(),
        spans: line.spans.into_iter().take(LOG_SPANS_MAX).map(decode::name).collect(),
        task: line.task,
        loop_id: line.r#loop,
        file: line.file.map(decode::path),
        line: line.line,
    })
}

/// The filter that holds after a change, and whether it is undone when this client leaves.
pub fn decode_log_filter(reply: proto::SetLogFilterReply) -> (String, bool) {
    (bounded(reply.filter, FILTER_BYTES_MAX), reply.undone_at_leave)
}

fn bounded(mut text: String, bytes_max: usize) -> String {
    cut(&mut text, bytes_max);
    text
}
