//! What is seen of the loops, as plain values, before it becomes messages.

use crate::model::{Place, ResourceKind, TaskKind, TaskState, WaitKind, WallTime};

/// A task, as it is introduced. Nothing of this changes later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskFacts {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) kind: TaskKind,
    pub(super) parent: Option<u64>,
    /// The name of its loop, or its number.
    pub(super) event_loop: String,
    /// Whose the histograms of its page are.
    pub(super) histograms: &'static str,
    pub(super) site: Option<Place>,
    pub(super) size_bytes: Option<u64>,
}

/// The figures of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskCounts {
    pub(super) state: TaskState,
    pub(super) state_since: WallTime,
    pub(super) spawned_at: WallTime,
    pub(super) ended_at: Option<WallTime>,
    pub(super) polls: u64,
    pub(super) wakes: u64,
    pub(super) self_wakes: u64,
    /// Without the poll under way, which the client adds by itself.
    pub(super) busy_ns: u64,
    /// Without the wait in the run queue under way, which the client adds by itself.
    pub(super) scheduled_ns: u64,
}

/// What a task may wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResourceFacts {
    pub(super) id: u64,
    pub(super) what: What,
    pub(super) made_at: Option<Place>,
}

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// Something that has a record.
    Recorded(ResourceKind),
    /// A timer, for as long as a task waits for it.
    Timer,
    /// A task, for as long as another waits for its end.
    Task,
    /// Anything else that a task waits for.
    Other(WaitKind),
}

/// One figure or word of a resource or an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) unit: Option<&'static str>,
}

/// What an attribute says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    Flag(bool),
}

impl Attribute {
    pub(super) fn number(name: &'static str, number: u64) -> Self {
        Self { name, value: Value::Number(number), unit: None }
    }

    pub(super) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, value: Value::Text(text.into()), unit: None }
    }

    pub(super) fn flag(name: &'static str) -> Self {
        Self { name, value: Value::Flag(true), unit: None }
    }

    pub(super) fn unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

/// The figures of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ResourceCounts {
    pub(super) shown_since: WallTime,
    pub(super) gone_at: Option<WallTime>,
    pub(super) attributes: Vec<Attribute>,
}

/// A wait, as it is introduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpFacts {
    pub(super) id: u64,
    pub(super) kind: WaitKind,
    pub(super) resource: u64,
}

/// The figures of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpCounts {
    pub(super) task: u64,
    pub(super) since: WallTime,
    pub(super) gone_at: Option<WallTime>,
    pub(super) attributes: Vec<Attribute>,
}
