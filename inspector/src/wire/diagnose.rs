//! Debug mode, native stacks and cancelling, to the wire and from it.

use super::decode::{self, DecodeError};
use super::kinds::Twin;
use super::limits::{ASKED_TASKS_MAX, LEASE_MAX, LEASE_MIN, SLOW_MAX, SLOW_MIN, STACKS_MAX};
use super::{encode, proto, warning};
use crate::model::{Cancelled, DebugMode, DebugState, NativeStack};
use std::time::Duration;

/// What is asked of debug mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetDebug {
    /// How much it shall do.
    pub mode: DebugMode,
    /// From when on a poll is slow; `None` leaves it.
    pub slow_callback: Option<Duration>,
    /// For how long, whether or not the client stays; `None` for as long as it is there.
    pub lasts: Option<Duration>,
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long something asked for shall last.
pub(super) fn decode_lease(for_ns: Option<u64>) -> Result<Option<Duration>, DecodeError> {
    let lasts = for_ns.map(Duration::from_nanos);
    if lasts.is_some_and(|lasts| !(LEASE_MIN..=LEASE_MAX).contains(&lasts)) {
        return Err(DecodeError::new("a time below 1 s or above 24 h"));
    }
    Ok(lasts)
}

/// A request under the protocol that was agreed on.
pub fn encode_set_debug(request: SetDebug, protocol: u32) -> proto::SetDebugRequest {
    proto::SetDebugRequest {
        protocol,
        mode: request.mode.to_wire(),
        slow_callback_ns: request.slow_callback.map(ns),
        for_ns: request.lasts.map(ns),
    }
}

/// A request to switch debug mode.
///
/// # Errors
/// If it names no mode, or a time is out of bounds.
pub fn decode_set_debug(request: proto::SetDebugRequest) -> Result<SetDebug, DecodeError> {
    let slow_callback = request.slow_callback_ns.map(Duration::from_nanos);
    if slow_callback.is_some_and(|slow| !(SLOW_MIN..=SLOW_MAX).contains(&slow)) {
        return Err(DecodeError::new("a threshold below 1 us or above 1 h"));
    }
    Ok(SetDebug {
        mode: Twin::from_wire(request.mode).ok_or(DecodeError::new("an unknown debug mode"))?,
        slow_callback,
        lasts: decode_lease(request.for_ns)?,
    })
}

/// What came of it.
pub fn encode_debug_state(state: DebugState) -> proto::SetDebugReply {
    proto::SetDebugReply {
        mode: state.mode.to_wire(),
        slow_callback_ns: state.slow_callback_ns,
        loops: state.loops,
        undone_at_leave: state.undone_at_leave,
    }
}

/// What came of it.
///
/// # Errors
/// If it names no mode.
pub fn decode_debug_state(reply: proto::SetDebugReply) -> Result<DebugState, DecodeError> {
    Ok(DebugState {
        mode: Twin::from_wire(reply.mode).ok_or(DecodeError::new("an unknown debug mode"))?,
        slow_callback_ns: reply.slow_callback_ns,
        loops: reply.loops,
        undone_at_leave: reply.undone_at_leave,
    })
}

/// The loops whose stacks are asked for; none stands for all.
///
/// # Errors
/// If there are too many.
pub fn decode_stack_request(request: proto::StackRequest) -> Result<Vec<u64>, DecodeError> {
    if request.loops.len() > STACKS_MAX {
        return Err(DecodeError::new("more than 256 loops"));
    }
    Ok(request.loops)
}

/// The stacks of loops.
pub fn encode_stacks(stacks: Vec<NativeStack>) -> proto::StackReply {
    proto::StackReply { stacks: stacks.into_iter().take(STACKS_MAX).map(encode_stack).collect() }
}

fn encode_stack(stack: NativeStack) -> proto::NativeStack {
    let frames = stack.frames.len();
    let mut out = proto::NativeStack {
        r#loop: stack.loop_id,
        thread: stack.thread.map(encode::name),
        tid: stack.tid,
        task: stack.task,
        task_name: stack.task_name.map(encode::name),
        running_for_ns: stack.running_for_ns,
        frames: warning::encode_stack(stack.frames),
        truncated: stack.truncated,
        note: stack.note.map(encode::message),
        site: stack.site.map(encode::place),
    };
    out.truncated |= out.frames.len() < frames;
    out
}

/// The stacks of loops.
pub fn decode_stacks(mut reply: proto::StackReply) -> Vec<NativeStack> {
    reply.stacks.truncate(STACKS_MAX);
    reply.stacks.into_iter().map(decode_stack).collect()
}

fn decode_stack(stack: proto::NativeStack) -> NativeStack {
    let frames = stack.frames.len();
    let mut out = NativeStack {
        loop_id: stack.r#loop,
        thread: stack.thread.map(decode::name),
        tid: stack.tid,
        task: stack.task,
        task_name: stack.task_name.map(decode::name),
        site: stack.site.map(decode::place),
        running_for_ns: stack.running_for_ns,
        frames: warning::decode_stack(stack.frames),
        truncated: stack.truncated,
        note: stack.note.map(decode::message),
    };
    out.truncated |= out.frames.len() < frames;
    out
}

/// The tasks that shall end.
///
/// # Errors
/// If there are none or too many.
pub fn decode_cancel(request: proto::CancelRequest) -> Result<Vec<u64>, DecodeError> {
    if request.tasks.is_empty() || request.tasks.len() > ASKED_TASKS_MAX {
        return Err(DecodeError::new("no task to cancel, or more than 1,024"));
    }
    Ok(request.tasks)
}

/// What came of it.
pub fn encode_cancelled(tasks: &[Cancelled]) -> proto::CancelReply {
    let encode = |it: &Cancelled| proto::Cancelled { task: it.task, outcome: it.outcome.to_wire() };
    proto::CancelReply { tasks: tasks.iter().map(encode).collect() }
}

/// What came of it.
///
/// # Errors
/// If an outcome is unknown.
pub fn decode_cancelled(mut reply: proto::CancelReply) -> Result<Vec<Cancelled>, DecodeError> {
    reply.tasks.truncate(ASKED_TASKS_MAX);
    let decode = |it: proto::Cancelled| {
        let outcome = Twin::from_wire(it.outcome).ok_or(DecodeError::new("an unknown outcome"))?;
        Ok(Cancelled { task: it.task, outcome })
    };
    reply.tasks.into_iter().map(decode).collect()
}
