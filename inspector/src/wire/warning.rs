//! Warnings and stacks, to the wire and from it.

use super::kinds::Twin;
use super::limits::{FRAMES_MAX, NOTES_MAX, STACK_BYTES_MAX};
use super::{decode, encode, proto};
use crate::model::{Frame, Severity, WallTime, Warning};
use prost::Message as _;

pub(super) fn encode(mut warning: Warning) -> proto::Warning {
    warning.notes.truncate(NOTES_MAX);
    proto::Warning {
        name: encode::name(warning.name),
        severity: warning.severity.to_wire(),
        task: warning.task,
        resource: warning.resource,
        r#loop: warning.loop_id,
        count: warning.count,
        for_ns: warning.for_ns,
        message: encode::message(warning.message),
        at: warning.at.map(encode::place),
        stack: encode_stack(warning.stack),
        first_seen_unix_ns: warning.first_seen.map(|at| at.0),
        last_seen_unix_ns: warning.last_seen.map(|at| at.0),
        past: warning.past,
        task_name: warning.task_name.map(encode::name),
        summary: encode::message(warning.summary),
        help: encode::message(warning.help),
        notes: warning.notes.into_iter().map(encode::message).collect(),
        created: encode_stack(warning.created),
    }
}

pub(super) fn decode(mut warning: proto::Warning) -> Result<Warning, decode::DecodeError> {
    warning.notes.truncate(NOTES_MAX);
    let severity =
        Severity::from_wire(warning.severity).ok_or(decode::DecodeError::new("an unknown severity"))?;
    Ok(Warning {
        pid: None,
        name: decode::name(warning.name),
        severity,
        task: warning.task,
        resource: warning.resource,
        loop_id: warning.r#loop,
        count: warning.count,
        for_ns: warning.for_ns,
        message: decode::message(warning.message),
        at: warning.at.map(decode::place),
        stack: decode_stack(warning.stack),
        first_seen: warning.first_seen_unix_ns.map(WallTime),
        last_seen: warning.last_seen_unix_ns.map(WallTime),
        past: warning.past,
        task_name: warning.task_name.map(decode::name),
        summary: decode::message(warning.summary),
        help: decode::message(warning.help),
        notes: warning.notes.into_iter().map(decode::message).collect(),
        created: decode_stack(warning.created),
    })
}

/// The innermost frames, as many as there may be.
pub(super) fn encode_stack(stack: Vec<Frame>) -> Vec<proto::Frame> {
    let mut bytes = 0;
    let frames = stack.into_iter().take(FRAMES_MAX).map(encode_frame);
    frames
        .take_while(|frame| {
            bytes += frame.encoded_len();
            bytes <= STACK_BYTES_MAX
        })
        .collect()
}

pub(super) fn decode_stack(mut stack: Vec<proto::Frame>) -> Vec<Frame> {
    stack.truncate(FRAMES_MAX);
    stack.into_iter().map(decode_frame).collect()
}

pub(super) fn encode_frame(frame: Frame) -> proto::Frame {
    proto::Frame { function: encode::message(frame.function), at: frame.at.map(encode::place) }
}

pub(super) fn decode_frame(frame: proto::Frame) -> Frame {
    Frame { function: decode::message(frame.function), at: frame.at.map(decode::place) }
}
