//! Puts what is to be told into updates that the client takes.

use super::convert;
use crate::model::WallTime;
use console_api::instrument::Update;
use console_api::{async_ops, resources, tasks};
use prost::Message as _;

/// An update has about so many bytes at most. The client takes 4 MiB and draws after each; here one lies ready a stream.
pub(super) const UPDATE_BYTES_TARGET: usize = 512 << 10;

/// One entity: its introduction, if the client does not know it, and its figures.
#[derive(Debug)]
pub(super) enum Item {
    Task(Option<tasks::Task>, u64, tasks::Stats),
    Resource(Option<resources::Resource>, u64, resources::Stats),
    Op(Option<async_ops::AsyncOp>, u64, async_ops::Stats),
}

/// How many of each kind the client is not told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) tasks: u64,
    pub(super) resources: u64,
    pub(super) ops: u64,
}

/// An update that is being filled.
#[derive(Debug)]
pub(super) struct Packer {
    update: Update,
    tasks: tasks::TaskUpdate,
    resources: resources::ResourceUpdate,
    ops: async_ops::AsyncOpUpdate,
    bytes: usize,
}

impl Packer {
    /// An empty one of the moment `now`, by which the client measures all times.
    pub(super) fn new(now: WallTime) -> Self {
        Self {
            update: Update { now: Some(convert::timestamp(now)), ..Update::default() },
            tasks: tasks::TaskUpdate::default(),
            resources: resources::ResourceUpdate::default(),
            ops: async_ops::AsyncOpUpdate::default(),
            bytes: 0,
        }
    }

    /// Lets the metadata travel along.
    pub(super) fn with_metadata(&mut self) {
        self.update.new_metadata = Some(convert::metadata());
    }

    /// Lets it say what is missing.
    pub(super) fn with_dropped(&mut self, dropped: Dropped) {
        self.tasks.dropped_events = dropped.tasks;
        self.resources.dropped_events = dropped.resources;
        self.ops.dropped_events = dropped.ops;
    }

    /// Whether it should be sent.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= UPDATE_BYTES_TARGET
    }

    /// Adds one entity. Its two parts are never torn apart.
    pub(super) fn push(&mut self, item: Item) {
        /// Tags, lengths and keys around an entity.
        const AROUND: usize = 40;
        self.bytes += AROUND;
        match item {
            Item::Task(task, id, stats) => {
                self.bytes += stats.encoded_len() + task.as_ref().map_or(0, prost::Message::encoded_len);
                self.tasks.new_tasks.extend(task);
                self.tasks.stats_update.insert(id, stats);
            }
            Item::Resource(resource, id, stats) => {
                self.bytes += stats.encoded_len() + resource.as_ref().map_or(0, prost::Message::encoded_len);
                self.resources.new_resources.extend(resource);
                self.resources.stats_update.insert(id, stats);
            }
            Item::Op(op, id, stats) => {
                self.bytes += stats.encoded_len() + op.as_ref().map_or(0, prost::Message::encoded_len);
                self.ops.new_async_ops.extend(op);
                self.ops.stats_update.insert(id, stats);
            }
        }
    }

    /// The update.
    pub(super) fn finish(self) -> Update {
        Update {
            task_update: Some(self.tasks),
            resource_update: Some(self.resources),
            async_op_update: Some(self.ops),
            ..self.update
        }
    }
}
