//! From what was seen to the messages of tokio-console's protocol.
//!
//! The client panics on some messages and silently drops others. So every message made here
//!
//! - names a metadata that [`metadata`] introduces, and an id that is not 0;
//! - has the figures that the client takes for granted: `created_at` and `poll_stats`;
//! - has a `Location` only where there is a file;
//! - holds no time before the epoch, no negative duration, and no end before its beginning;
//! - holds no text that a terminal obeys.

use super::facts::{
    Attribute, OpCounts, OpFacts, ResourceCounts, ResourceFacts, TaskCounts, TaskFacts, Value, What,
};
use crate::model::words::{NAME_CHARS_MAX, TEXT_CHARS_MAX, escape};
use crate::model::{Place, ResourceKind, TaskKind, TaskState, WaitKind, WallTime};
use console_api::{self as api, async_ops, field, register_metadata, resources, tasks};
use prost_types::{Duration, Timestamp};

const NS: u64 = 1_000_000_000;

/// What the client calls targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Task = 1,
    Time,
    Net,
    Sync,
    Process,
}

impl Target {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Task, "loopscope::task"),
        (Self::Time, "loopscope::time"),
        (Self::Net, "loopscope::net"),
        (Self::Sync, "loopscope::sync"),
        (Self::Process, "loopscope::process"),
    ];

    fn id(self) -> api::MetaId {
        api::MetaId { id: self as u64 }
    }
}

/// What everything else refers to; it must come first.
pub(super) fn metadata() -> api::RegisterMetadata {
    let metadata = Target::ALL.map(|(target, name)| register_metadata::NewMetadata {
        id: Some(target.id()),
        metadata: Some(api::Metadata {
            name: name.to_owned(),
            target: name.to_owned(),
            module_path: name.to_owned(),
            location: None,
            kind: api::metadata::Kind::Span.into(),
            level: api::metadata::Level::Trace.into(),
            field_names: Vec::new(),
        }),
    });
    api::RegisterMetadata { metadata: metadata.into() }
}

/// A task's introduction.
pub(super) fn task(facts: &TaskFacts) -> tasks::Task {
    let text = |name, text: &str| field(Target::Task, name, Value::Text(escape_name(text)));
    let number = |name, number| field(Target::Task, name, Value::Number(number));
    let mut fields = vec![number("task.id", facts.id), text("kind", facts.kind.as_str())];
    fields.extend(facts.name.as_deref().map(|name| text("task.name", name)));
    fields.push(text("loop", &facts.event_loop));
    fields.extend(facts.parent.map(|parent| number("parent", parent)));
    fields.extend(facts.size_bytes.map(|bytes| number("size.bytes", bytes)));
    // By its name it comes last, where the client sorts it.
    fields.push(text("task.histograms", facts.histograms));
    let kind = match facts.kind {
        TaskKind::Blocking => tasks::task::Kind::Blocking,
        TaskKind::Task | TaskKind::Callback => tasks::task::Kind::Spawn,
    };
    tasks::Task {
        id: Some(api::Id { id: facts.id }),
        metadata: Some(Target::Task.id()),
        kind: kind.into(),
        fields,
        parents: Vec::new(),
        location: location(facts.site.as_ref()),
    }
}

/// A task's figures.
pub(super) fn task_stats(counts: &TaskCounts) -> tasks::Stats {
    let created_at = counts.spawned_at;
    let since = counts.state_since.max(created_at);
    // One without a known end would be said to live.
    let ended_at = counts.state.is_finished().then(|| counts.ended_at.unwrap_or(since).max(created_at));
    let was_polled = counts.polls > 0;
    // The client derives the state: running if a poll began after the last one ended, else scheduled if it was woken after the
    // last poll began, else idle.
    let (last_wake, poll_started, poll_ended) = match counts.state {
        TaskState::Scheduled => {
            let before = WallTime(since.as_unix_ns().saturating_sub(1));
            let polled = was_polled.then(|| before.min(created_at));
            (Some(since), polled, polled)
        }
        TaskState::Running => {
            let before = WallTime(since.as_unix_ns().saturating_sub(1));
            ((counts.wakes > 0).then_some(since), Some(since), (counts.polls > 1).then_some(before))
        }
        _ => {
            let polled = was_polled.then_some(ended_at.unwrap_or(since));
            (polled.filter(|_| counts.wakes > 0), polled, polled)
        }
    };
    tasks::Stats {
        created_at: Some(timestamp(created_at)),
        dropped_at: ended_at.map(timestamp),
        wakes: counts.wakes,
        // Not counted. The client takes 0 wakers of a live task for a mistake in the program.
        waker_clones: 1,
        waker_drops: u64::from(ended_at.is_some()),
        last_wake: last_wake.map(timestamp),
        poll_stats: Some(api::PollStats {
            polls: counts.polls,
            first_poll: None,
            last_poll_started: poll_started.map(timestamp),
            last_poll_ended: poll_ended.map(timestamp),
            busy_time: Some(duration(counts.busy_ns)),
        }),
        self_wakes: counts.self_wakes.min(counts.wakes),
        scheduled_time: Some(duration(counts.scheduled_ns)),
    }
}

/// A resource's introduction.
pub(super) fn resource(facts: &ResourceFacts) -> resources::Resource {
    use resources::resource::{Kind, kind};
    let (target, concrete_type, kind) = describe(facts.what);
    let kind = match facts.what {
        What::Timer => kind::Kind::Known(kind::Known::Timer.into()),
        _ => kind::Kind::Other(kind.to_owned()),
    };
    resources::Resource {
        id: Some(api::Id { id: facts.id }),
        metadata: Some(target.id()),
        concrete_type: concrete_type.to_owned(),
        kind: Some(Kind { kind: Some(kind) }),
        location: location(facts.made_at.as_ref()),
        parent_resource_id: None,
        is_internal: false,
    }
}

/// A resource's figures.
pub(super) fn resource_stats(what: What, counts: ResourceCounts) -> resources::Stats {
    let (target, ..) = describe(what);
    resources::Stats {
        created_at: Some(timestamp(counts.shown_since)),
        dropped_at: counts.gone_at.map(|at| timestamp(at.max(counts.shown_since))),
        attributes: counts.attributes.into_iter().map(|it| attribute(target, it)).collect(),
    }
}

/// The introduction of a wait.
pub(super) fn op(facts: OpFacts) -> async_ops::AsyncOp {
    async_ops::AsyncOp {
        id: Some(api::Id { id: facts.id }),
        metadata: Some(Target::Task.id()),
        source: facts.kind.as_str().to_owned(),
        parent_async_op_id: None,
        resource_id: Some(api::Id { id: facts.resource }),
    }
}

/// The figures of a wait.
pub(super) fn op_stats(counts: OpCounts) -> async_ops::Stats {
    let since = timestamp(counts.since);
    async_ops::Stats {
        created_at: Some(since),
        dropped_at: counts.gone_at.map(|at| timestamp(at.max(counts.since))),
        task_id: Some(api::Id { id: counts.task }),
        // It was polled at least once, at which it began to wait; further polls are not counted by wait.
        poll_stats: Some(api::PollStats {
            polls: 1,
            first_poll: Some(since),
            last_poll_started: Some(since),
            last_poll_ended: Some(since),
            busy_time: Some(duration(0)),
        }),
        attributes: counts.attributes.into_iter().map(|it| attribute(Target::Task, it)).collect(),
    }
}

/// Target, type and kind.
fn describe(what: What) -> (Target, &'static str, &'static str) {
    let kind = match what {
        What::Timer => return (Target::Time, "Sleep", "Timer"),
        What::Task => return (Target::Task, "Task", "Task"),
        What::Other(kind) => return describe_other(kind),
        What::Recorded(kind) => kind,
    };
    match kind {
        ResourceKind::Lock => (Target::Sync, "Mutex", "Lock"),
        ResourceKind::Queue => (Target::Sync, "Queue", "Queue"),
        ResourceKind::Channel => (Target::Sync, "Channel", "Channel"),
        ResourceKind::Oneshot => (Target::Sync, "Oneshot", "Channel"),
        ResourceKind::Group => (Target::Task, "TaskGroup", "Group"),
        ResourceKind::Semaphore => (Target::Sync, "Semaphore", "Semaphore"),
        ResourceKind::Event => (Target::Sync, "Event", "Event"),
        ResourceKind::Condition => (Target::Sync, "Condition", "Condition"),
        ResourceKind::Barrier => (Target::Sync, "Barrier", "Barrier"),
        ResourceKind::TcpListener => (Target::Net, "TcpListener", "Listener"),
        ResourceKind::Tcp => (Target::Net, "TcpStream", "Socket"),
        ResourceKind::Udp => (Target::Net, "UdpSocket", "Socket"),
        ResourceKind::UnixListener => (Target::Net, "UnixListener", "Listener"),
        ResourceKind::Unix => (Target::Net, "UnixStream", "Socket"),
        ResourceKind::UnixDatagram => (Target::Net, "UnixDatagram", "Socket"),
        ResourceKind::Pipe => (Target::Process, "Pipe", "Pipe"),
        ResourceKind::Process => (Target::Process, "Child", "Process"),
        ResourceKind::Signal => (Target::Process, "Signal", "Signal"),
        ResourceKind::Fd => (Target::Net, "AsyncFd", "Descriptor"),
        ResourceKind::Unknown => (Target::Task, "unknown", "unknown"),
    }
}

fn describe_other(kind: WaitKind) -> (Target, &'static str, &'static str) {
    match kind {
        WaitKind::Resolve => (Target::Net, "Resolver", "Resolve"),
        WaitKind::Blocking => (Target::Task, "Job", "Blocking"),
        WaitKind::Process => (Target::Process, "Child", "Process"),
        WaitKind::Signal => (Target::Process, "Signal", "Signal"),
        WaitKind::Foreign => (Target::Task, "foreign", "Foreign"),
        other => (Target::Sync, other.as_str(), "Other"),
    }
}

fn attribute(target: Target, attribute: Attribute) -> api::Attribute {
    let Attribute { name, value, unit } = attribute;
    let value = match value {
        Value::Text(text) => Value::Text(escape(&text, TEXT_CHARS_MAX).into_owned()),
        value => value,
    };
    api::Attribute { field: Some(field(target, name, value)), unit: unit.map(str::to_owned) }
}

fn field(target: Target, name: &str, value: Value) -> api::Field {
    let value = match value {
        Value::Number(number) => field::Value::U64Val(number),
        Value::Text(text) => field::Value::StrVal(text),
        Value::Flag(flag) => field::Value::BoolVal(flag),
    };
    api::Field {
        name: Some(field::Name::StrName(name.to_owned())),
        value: Some(value),
        metadata_id: Some(target.id()),
    }
}

fn escape_name(name: &str) -> String {
    escape(name, NAME_CHARS_MAX).into_owned()
}

fn location(place: Option<&Place>) -> Option<api::Location> {
    let place = place.filter(|place| !place.file.is_empty())?;
    Some(api::Location {
        file: Some(escape(&place.file, TEXT_CHARS_MAX).into_owned()),
        module_path: None,
        line: Some(place.line),
        column: (place.column > 0).then_some(place.column),
    })
}

/// A moment.
pub(super) fn timestamp(at: WallTime) -> Timestamp {
    let (seconds, nanos) = split(at.as_unix_ns());
    Timestamp { seconds, nanos }
}

fn duration(ns: u64) -> Duration {
    let (seconds, nanos) = split(ns);
    Duration { seconds, nanos }
}

/// Seconds and nanoseconds; 64 bits of nanoseconds are at most 18,446,744,073 seconds.
fn split(ns: u64) -> (i64, i32) {
    (i64::try_from(ns / NS).unwrap_or(i64::MAX), i32::try_from(ns % NS).unwrap_or(0))
}

#[cfg(test)]
mod tests;
