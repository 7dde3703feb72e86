//! The columns of every table.

use super::{Column, ColumnKind, Row, Value};
use crate::model::words;
use crate::model::{
    InCycle, Io, Job, LogLevel, LogLine, Loop, Place, ResourceKind, Severity, Site, Summary, Sync, Task,
    TaskKind, TaskState, Timer, TimerKind, Waiting, Warning,
};
use std::borrow::Cow;

/// Declares the columns of a table: an enumeration for whoever has rows of their own, and the table itself.
macro_rules! columns {
    ($(#[$meta:meta])* $ty:ident { $( $member:ident = $name:literal: $kind:expr ),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $ty {
            $( #[doc = concat!("`", $name, "`")] $member ),+
        }

        impl $ty {
            /// Every column, by its number.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];

            /// Every column's name and kind, by its number.
            pub const COLUMNS: &'static [Column] = &[$(Column { name: $name, kind: $kind }),+];
        }
    };
}

use ColumnKind::{Address, Bytes, Duration, Flag, Id, Number, OneOf, Share, Text, Time, Words};

columns! {
    /// The columns of `tasks`.
    TaskColumn {
        Id = "id": Id,
        Name = "name": Text,
        Kind = "kind": OneOf(TaskKind::NAMES),
        Parent = "parent": Id,
        Loop = "loop": Id,
        State = "state": OneOf(TaskState::NAMES),
        StateFor = "state_for": Duration,
        Site = "site": ColumnKind::Place,
        SpawnedAt = "spawned_at": Time,
        EndedAt = "ended_at": Time,
        Polls = "polls": Number,
        Wakes = "wakes": Number,
        SelfWakes = "self_wakes": Number,
        Wakers = "wakers": Number,
        Busy = "busy": Duration,
        Scheduled = "scheduled": Duration,
        Idle = "idle": Duration,
        LongestPoll = "longest_poll": Duration,
        SizeBytes = "size_bytes": Bytes,
        Blocks = "blocks": Number,
        WaitingOn = "waiting_on": Words,
        Warnings = "warnings": Text,
    }
}

columns! {
    /// The columns of `sites`.
    SiteColumn {
        Site = "site": ColumnKind::Place,
        Name = "name": Text,
        Loop = "loop": Id,
        Live = "live": Number,
        Spawned = "spawned": Number,
        Completed = "completed": Number,
        Cancelled = "cancelled": Number,
        Panicked = "panicked": Number,
        Busy = "busy": Duration,
        PollP50 = "poll.p50": Duration,
        PollP99 = "poll.p99": Duration,
        PollMax = "poll.max": Duration,
        ScheduledP50 = "scheduled.p50": Duration,
        ScheduledP99 = "scheduled.p99": Duration,
        ScheduledMax = "scheduled.max": Duration,
    }
}

columns! {
    /// The columns of `timers`.
    TimerColumn {
        Task = "task": Id,
        TaskName = "task_name": Text,
        Kind = "kind": OneOf(TimerKind::NAMES),
        Loop = "loop": Id,
        DeadlineIn = "deadline_in": Duration,
        At = "at": ColumnKind::Place,
    }
}

columns! {
    /// The columns of `io`.
    IoColumn {
        Id = "id": Id,
        Fd = "fd": Number,
        Kind = "kind": OneOf(ResourceKind::NAMES),
        Loop = "loop": Id,
        Name = "name": Text,
        Local = "local": Address,
        Peer = "peer": Address,
        Interest = "interest": Words,
        Readiness = "readiness": Words,
        BytesRead = "bytes_read": Bytes,
        BytesWritten = "bytes_written": Bytes,
        Reads = "reads": Number,
        Writes = "writes": Number,
        WouldBlock = "would_block": Number,
        IdleFor = "idle_for": Duration,
        Waiting = "waiting": Id,
        ReadinessDelayP50 = "readiness_delay.p50": Duration,
        ReadinessDelayP99 = "readiness_delay.p99": Duration,
        ReadinessDelayMax = "readiness_delay.max": Duration,
        MadeAt = "made_at": ColumnKind::Place,
        ChildPid = "child_pid": Number,
        Exit = "exit": Text,
        Waits = "waits": Words,
    }
}

columns! {
    /// The columns of `sync`.
    SyncColumn {
        Id = "id": Id,
        Kind = "kind": OneOf(ResourceKind::NAMES),
        Loop = "loop": Id,
        Name = "name": Text,
        MadeAt = "made_at": ColumnKind::Place,
        MadeBy = "made_by": Id,
        Holder = "holder": Id,
        HolderName = "holder_name": Text,
        HeldFor = "held_for": Duration,
        HeldAt = "held_at": ColumnKind::Place,
        Waiters = "waiters": Id,
        Waits = "waits": Words,
        Len = "len": Number,
        Limit = "limit": Number,
        Cycle = "cycle": OneOf(InCycle::NAMES),
    }
}

columns! {
    /// The columns of `loops`.
    LoopColumn {
        Id = "id": Id,
        Name = "name": Text,
        Thread = "thread": Text,
        Tid = "tid": Number,
        Tasks = "tasks": Number,
        Ready = "ready": Number,
        Timers = "timers": Number,
        Utilisation = "utilisation": Share,
        Ticks = "ticks": Number,
        Polls = "polls": Number,
        Busy = "busy": Duration,
        Running = "running": Id,
        RunningFor = "running.for": Duration,
        Debug = "debug": Flag,
        PollP99 = "poll.p99": Duration,
        ScheduledP99 = "scheduled.p99": Duration,
        LatenessP99 = "lateness.p99": Duration,
    }
}

columns! {
    /// The columns of `blocking`.
    JobColumn {
        Id = "id": Id,
        Name = "name": Text,
        Pool = "pool": Text,
        State = "state": OneOf(TaskState::NAMES),
        Site = "site": ColumnKind::Place,
        Parent = "parent": Id,
        ParentLoop = "parent_loop": Id,
        Tid = "tid": Number,
        QueuedFor = "queued_for": Duration,
        RunningFor = "running_for": Duration,
        QueuedAt = "queued_at": Time,
        EndedAt = "ended_at": Time,
    }
}

columns! {
    /// The columns of `warnings`.
    WarningColumn {
        Name = "name": Text,
        Severity = "severity": OneOf(Severity::NAMES),
        Task = "task": Id,
        Resource = "resource": Id,
        Loop = "loop": Id,
        Count = "count": Number,
        For = "for": Duration,
        Message = "message": Text,
        At = "at": ColumnKind::Place,
    }
}

columns! {
    /// The columns of `logs`.
    LogColumn {
        Number = "number": Number,
        Level = "level": OneOf(LogLevel::NAMES),
        Target = "target": Text,
        Message = "message": Text,
        Task = "task": Id,
        Loop = "loop": Id,
        Span = "span": Text,
        Field = "field": Text,
        At = "at": ColumnKind::Place,
    }
}

impl Row for Task {
    const COLUMNS: &'static [Column] = TaskColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match TaskColumn::ALL[column] {
            TaskColumn::Id => Value::Number(self.id),
            TaskColumn::Name => Value::maybe_text(self.name.as_deref()),
            TaskColumn::Kind => Value::text(self.kind.as_str()),
            TaskColumn::Parent => Value::maybe(self.parent),
            TaskColumn::Loop => Value::maybe(self.loop_id),
            TaskColumn::State => Value::text(self.state.as_str()),
            TaskColumn::StateFor => Value::maybe(self.state_for_ns),
            TaskColumn::Site => place(self.site.as_ref()),
            TaskColumn::SpawnedAt => Value::maybe(self.spawned_at.map(|time| time.0)),
            TaskColumn::EndedAt => Value::maybe(self.ended_at.map(|time| time.0)),
            TaskColumn::Polls => Value::Number(self.polls),
            TaskColumn::Wakes => Value::Number(self.wakes),
            TaskColumn::SelfWakes => Value::Number(self.self_wakes),
            TaskColumn::Wakers => Value::maybe(self.wakers),
            TaskColumn::Busy => Value::Number(self.busy_ns),
            TaskColumn::Scheduled => Value::Number(self.scheduled_ns),
            TaskColumn::Idle => Value::Number(self.idle_ns),
            TaskColumn::LongestPoll => Value::maybe(self.longest_poll_ns),
            TaskColumn::SizeBytes => Value::maybe(self.size_bytes),
            TaskColumn::Blocks => Value::maybe(self.blocks),
            TaskColumn::WaitingOn => Value::Many(
                self.waiting_on.iter().map(|wait| Value::Text(Cow::Owned(words::wait(wait)))).collect(),
            ),
            TaskColumn::Warnings => Value::Many(self.warnings.iter().map(|name| Value::text(name)).collect()),
        }
    }
}

impl Row for Site {
    const COLUMNS: &'static [Column] = SiteColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match SiteColumn::ALL[column] {
            SiteColumn::Site => place(Some(&self.site)),
            SiteColumn::Name => Value::maybe_text(self.name.as_deref()),
            SiteColumn::Loop => Value::maybe(self.loop_id),
            SiteColumn::Live => Value::Number(self.live),
            SiteColumn::Spawned => Value::Number(self.spawned),
            SiteColumn::Completed => Value::Number(self.completed),
            SiteColumn::Cancelled => Value::Number(self.cancelled),
            SiteColumn::Panicked => Value::Number(self.panicked),
            SiteColumn::Busy => Value::Number(self.busy_ns),
            SiteColumn::PollP50 => summary(self.poll.as_ref(), |poll| poll.p50_ns),
            SiteColumn::PollP99 => summary(self.poll.as_ref(), |poll| poll.p99_ns),
            SiteColumn::PollMax => summary(self.poll.as_ref(), |poll| poll.max_ns),
            SiteColumn::ScheduledP50 => summary(self.scheduled.as_ref(), |scheduled| scheduled.p50_ns),
            SiteColumn::ScheduledP99 => summary(self.scheduled.as_ref(), |scheduled| scheduled.p99_ns),
            SiteColumn::ScheduledMax => summary(self.scheduled.as_ref(), |scheduled| scheduled.max_ns),
        }
    }
}

impl Row for Timer {
    const COLUMNS: &'static [Column] = TimerColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match TimerColumn::ALL[column] {
            TimerColumn::Task => Value::maybe(self.task),
            TimerColumn::TaskName => Value::maybe_text(self.task_name.as_deref()),
            TimerColumn::Kind => Value::text(self.kind.as_str()),
            TimerColumn::Loop => Value::maybe(self.loop_id),
            TimerColumn::DeadlineIn => Value::Signed(self.deadline_in_ns),
            TimerColumn::At => place(self.at.as_ref()),
        }
    }
}

impl Row for Io {
    const COLUMNS: &'static [Column] = IoColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match IoColumn::ALL[column] {
            IoColumn::Id => Value::Number(self.id),
            IoColumn::Fd => self.fd.map_or(Value::Absent, |fd| Value::Signed(fd.into())),
            IoColumn::Kind => Value::text(self.kind.as_str()),
            IoColumn::Loop => Value::maybe(self.loop_id),
            IoColumn::Name => Value::maybe_text(self.name.as_deref()),
            IoColumn::Local => Value::maybe_text(self.local.as_deref()),
            IoColumn::Peer => Value::maybe_text(self.peer.as_deref()),
            IoColumn::Interest => Value::text(self.interest.as_str()),
            IoColumn::Readiness => Value::text(self.readiness.as_str()),
            IoColumn::BytesRead => Value::Number(self.bytes_read),
            IoColumn::BytesWritten => Value::Number(self.bytes_written),
            IoColumn::Reads => Value::Number(self.reads),
            IoColumn::Writes => Value::Number(self.writes),
            IoColumn::WouldBlock => Value::Number(self.would_block),
            IoColumn::IdleFor => Value::maybe(self.idle_for_ns),
            IoColumn::Waiting => ids(&self.waiting),
            IoColumn::ReadinessDelayP50 => summary(self.readiness_delay.as_ref(), |delay| delay.p50_ns),
            IoColumn::ReadinessDelayP99 => summary(self.readiness_delay.as_ref(), |delay| delay.p99_ns),
            IoColumn::ReadinessDelayMax => summary(self.readiness_delay.as_ref(), |delay| delay.max_ns),
            IoColumn::MadeAt => place(self.made_at.as_ref()),
            IoColumn::Waits => waits(&self.waits),
            IoColumn::ChildPid => Value::maybe(self.child_pid.map(u64::from)),
            IoColumn::Exit => {
                self.exit.map_or(Value::Absent, |exit| Value::Text(Cow::Owned(exit.to_string())))
            }
        }
    }
}

impl Row for Sync {
    const COLUMNS: &'static [Column] = SyncColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match SyncColumn::ALL[column] {
            SyncColumn::Id => Value::Number(self.id),
            SyncColumn::Kind => Value::text(self.kind.as_str()),
            SyncColumn::Loop => Value::maybe(self.loop_id),
            SyncColumn::MadeBy => Value::maybe(self.made_by),
            SyncColumn::HolderName => Value::maybe_text(self.holder_name.as_deref()),
            SyncColumn::Name => Value::maybe_text(self.name.as_deref()),
            SyncColumn::MadeAt => place(self.made_at.as_ref()),
            SyncColumn::Holder => Value::maybe(self.holder),
            SyncColumn::HeldFor => Value::maybe(self.held_for_ns),
            SyncColumn::HeldAt => place(self.held_at.as_ref()),
            SyncColumn::Waiters => ids(&self.waiters),
            SyncColumn::Waits => waits(&self.waits),
            SyncColumn::Len => Value::maybe(self.len),
            SyncColumn::Limit => Value::maybe(self.limit),
            SyncColumn::Cycle => Value::maybe_text(self.cycle.map(InCycle::as_str)),
        }
    }
}

impl Row for Loop {
    const COLUMNS: &'static [Column] = LoopColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match LoopColumn::ALL[column] {
            LoopColumn::Id => Value::Number(self.id),
            LoopColumn::Name => Value::maybe_text(self.name.as_deref()),
            LoopColumn::Thread => Value::maybe_text(self.thread.as_deref()),
            LoopColumn::Tid => self.tid.map_or(Value::Absent, |tid| Value::Signed(tid.into())),
            LoopColumn::Tasks => Value::Number(self.tasks),
            LoopColumn::Ready => Value::Number(self.ready),
            LoopColumn::Timers => Value::maybe(self.timers),
            LoopColumn::Utilisation => self.utilisation.map_or(Value::Absent, Value::Share),
            LoopColumn::Ticks => Value::Number(self.ticks),
            LoopColumn::Polls => Value::maybe(self.polls),
            LoopColumn::Busy => Value::maybe(self.busy_ns),
            LoopColumn::Running => Value::maybe(self.running.as_ref().and_then(|running| running.task)),
            LoopColumn::RunningFor => Value::maybe(self.running.as_ref().map(|running| running.for_ns)),
            LoopColumn::Debug => Value::Flag(self.debug),
            LoopColumn::PollP99 => summary(self.poll.as_ref(), |poll| poll.p99_ns),
            LoopColumn::ScheduledP99 => summary(self.scheduled.as_ref(), |scheduled| scheduled.p99_ns),
            LoopColumn::LatenessP99 => summary(self.lateness.as_ref(), |lateness| lateness.p99_ns),
        }
    }
}

impl Row for Job {
    const COLUMNS: &'static [Column] = JobColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match JobColumn::ALL[column] {
            JobColumn::Id => Value::Number(self.id),
            JobColumn::Name => Value::maybe_text(self.name.as_deref()),
            JobColumn::Pool => Value::text(&self.pool),
            JobColumn::State => Value::text(self.state.as_str()),
            JobColumn::Site => place(self.site.as_ref()),
            JobColumn::Parent => Value::maybe(self.parent),
            JobColumn::ParentLoop => Value::maybe(self.parent_loop),
            JobColumn::Tid => self.tid.map_or(Value::Absent, |tid| Value::Signed(tid.into())),
            JobColumn::QueuedFor => Value::Number(self.queued_for_ns),
            JobColumn::RunningFor => Value::maybe(self.running_for_ns),
            JobColumn::QueuedAt => Value::Number(self.queued_at.0),
            JobColumn::EndedAt => Value::maybe(self.ended_at.map(|time| time.0)),
        }
    }
}

impl Row for Warning {
    const COLUMNS: &'static [Column] = WarningColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match WarningColumn::ALL[column] {
            WarningColumn::Name => Value::text(&self.name),
            WarningColumn::Severity => Value::text(self.severity.as_str()),
            WarningColumn::Task => Value::maybe(self.task),
            WarningColumn::Resource => Value::maybe(self.resource),
            WarningColumn::Loop => Value::maybe(self.loop_id),
            WarningColumn::Count => Value::Number(self.count),
            WarningColumn::For => Value::maybe(self.for_ns),
            WarningColumn::Message => Value::text(&self.message),
            WarningColumn::At => place(self.at.as_ref()),
        }
    }
}

impl Row for LogLine {
    const COLUMNS: &'static [Column] = LogColumn::COLUMNS;

    fn value(&self, column: usize) -> Value<'_> {
        match LogColumn::ALL[column] {
            LogColumn::Number => Value::Number(self.number),
            LogColumn::Level => Value::text(self.level.as_str()),
            LogColumn::Target => Value::text(&self.target),
            LogColumn::Message => Value::text(&self.message),
            LogColumn::Task => Value::maybe(self.task),
            LogColumn::Loop => Value::maybe(self.loop_id),
            LogColumn::Span => Value::Many(self.spans.iter().map(|span| Value::text(span)).collect()),
            LogColumn::Field => Value::Many(
                self.fields
                    .iter()
                    .map(|(name, value)| Value::Text(Cow::Owned(format!("{name}={value}"))))
                    .collect(),
            ),
            LogColumn::At => match (&self.file, self.line) {
                (Some(file), Some(line)) => Value::Text(Cow::Owned(format!("{file}:{line}"))),
                (Some(file), None) => Value::text(file),
                (None, _) => Value::Absent,
            },
        }
    }
}

fn place(place: Option<&Place>) -> Value<'_> {
    place.map_or(Value::Absent, |place| Value::Text(Cow::Owned(place.to_string())))
}

fn waits(waits: &[Waiting]) -> Value<'_> {
    Value::Many(waits.iter().map(|waiting| Value::text(waiting.kind.as_str())).collect())
}

fn ids(ids: &[u64]) -> Value<'_> {
    Value::Many(ids.iter().copied().map(Value::Number).collect())
}

fn summary(summary: Option<&Summary>, field: impl FnOnce(&Summary) -> Option<u64>) -> Value<'_> {
    Value::maybe(summary.and_then(field))
}
