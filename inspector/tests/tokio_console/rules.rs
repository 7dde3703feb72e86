//! The stock client's picture of a process, and everything that it takes for granted.
//!
//! The client drops what breaks a rule, or panics. [`Seen::take`] asserts every rule on every update and keeps what the client
//! would keep.

use console_api::async_ops::{self, AsyncOp};
use console_api::instrument::Update;
use console_api::resources::{self, Resource};
use console_api::tasks::{self, Task};
use console_api::{Attribute, Field, Id, Location, MetaId, PollStats, field};
use prost::Message as _;
use prost_types::{Duration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

/// What tonic decodes unless told otherwise.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// What a client knows.
#[derive(Default)]
pub(crate) struct Seen {
    metadata: HashSet<u64>,
    pub(crate) tasks: HashMap<u64, (Task, tasks::Stats)>,
    pub(crate) resources: HashMap<u64, (Resource, resources::Stats)>,
    pub(crate) ops: HashMap<u64, (AsyncOp, async_ops::Stats)>,
    pub(crate) now: Option<SystemTime>,
    pub(crate) updates: u64,
    pub(crate) tasks_dropped: u64,
    /// The size of the largest update.
    pub(crate) bytes_max: usize,
}

impl Seen {
    /// Takes an update as the client does. Returns how many tasks and figures of tasks it held.
    pub(crate) fn take(&mut self, update: Update) -> usize {
        self.bytes_max = self.bytes_max.max(update.encoded_len());
        assert!(self.bytes_max < MESSAGE_BYTES_MAX, "{} bytes", self.bytes_max);
        let now = moment(update.now.expect("nothing is drawn without a time"));
        assert!(self.now.is_none_or(|before| before <= now));
        self.now = Some(now);
        self.updates += 1;
        for new in update.new_metadata.into_iter().flat_map(|new| new.metadata) {
            assert!(!new.metadata.unwrap().target.is_empty());
            self.metadata.insert(new.id.unwrap().id);
        }
        let tasks = update.task_update.map_or(0, |update| self.take_tasks(update));
        if let Some(update) = update.resource_update {
            self.take_resources(update);
        }
        if let Some(update) = update.async_op_update {
            self.take_ops(update);
        }
        tasks
    }

    fn take_tasks(&mut self, update: tasks::TaskUpdate) -> usize {
        let count = update.stats_update.len();
        let mut stats = update.stats_update;
        for stats in stats.values() {
            let created_at = moment(stats.created_at.expect("the client panics without"));
            let dropped_at = stats.dropped_at.map(moment);
            assert!(dropped_at.is_none_or(|at| at >= created_at));
            stats.last_wake.map(moment);
            not_negative(stats.scheduled_time.as_ref().unwrap());
            check_polls(stats.poll_stats.as_ref().expect("the client panics without"));
            let wakers = stats.waker_clones - stats.waker_drops;
            assert_eq!(wakers, u64::from(dropped_at.is_none()), "the client would warn of a lost waker");
            assert!(stats.self_wakes <= stats.wakes);
        }
        for task in update.new_tasks {
            let id = self.introduced(task.id, task.metadata);
            check_location(task.location.as_ref());
            for field in &task.fields {
                self.check_field(field);
            }
            assert_eq!(word(&task.fields, "task.id"), Some(id.to_string()));
            let stats = stats.remove(&id).expect("without figures in the same update the client drops it");
            self.tasks.insert(id, (task, stats));
        }
        for (id, stats) in stats {
            self.tasks.get_mut(&id).expect("figures of a task that was never introduced").1 = stats;
        }
        self.tasks_dropped += update.dropped_events;
        count
    }

    fn take_resources(&mut self, update: resources::ResourceUpdate) {
        let mut stats = update.stats_update;
        for stats in stats.values() {
            let created_at = moment(stats.created_at.expect("the client panics without"));
            assert!(stats.dropped_at.map(moment).is_none_or(|at| at >= created_at));
            self.check_attributes(&stats.attributes);
        }
        for resource in update.new_resources {
            let id = self.introduced(resource.id, resource.metadata);
            check_location(resource.location.as_ref());
            let kind = resource.kind.as_ref().expect("the client drops it without");
            assert!(kind.kind.is_some(), "the client panics on an empty kind");
            let stats = stats.remove(&id).expect("without figures in the same update the client drops it");
            self.resources.insert(id, (resource, stats));
        }
        for (id, stats) in stats {
            self.resources.get_mut(&id).expect("figures of a resource that was never introduced").1 = stats;
        }
    }

    fn take_ops(&mut self, update: async_ops::AsyncOpUpdate) {
        let mut stats = update.stats_update;
        for stats in stats.values() {
            let created_at = moment(stats.created_at.expect("the client panics without"));
            assert!(stats.dropped_at.map(moment).is_none_or(|at| at >= created_at));
            check_polls(stats.poll_stats.as_ref().expect("the client panics without"));
            assert_ne!(stats.task_id.unwrap().id, 0);
            self.check_attributes(&stats.attributes);
        }
        for op in update.new_async_ops {
            let id = self.introduced(op.id, op.metadata);
            let resource = op.resource_id.expect("the client drops it without").id;
            assert!(self.resources.contains_key(&resource), "an op on a resource that nobody knows");
            let stats = stats.remove(&id).expect("without figures in the same update the client drops it");
            self.ops.insert(id, (op, stats));
        }
        for (id, stats) in stats {
            self.ops.get_mut(&id).expect("figures of an op that was never introduced").1 = stats;
        }
    }

    fn introduced(&self, id: Option<Id>, metadata: Option<MetaId>) -> u64 {
        let metadata = metadata.expect("the client drops it without").id;
        assert!(self.metadata.contains(&metadata), "the client drops what has an unknown metadata");
        let id = id.expect("the client drops it without").id;
        assert_ne!(id, 0);
        id
    }

    fn check_field(&self, field: &Field) {
        assert!(matches!(&field.name, Some(field::Name::StrName(name)) if !name.is_empty()));
        assert!(field.value.is_some());
        assert!(self.metadata.contains(&field.metadata_id.unwrap().id));
    }

    fn check_attributes(&self, attributes: &[Attribute]) {
        for attribute in attributes {
            self.check_field(attribute.field.as_ref().unwrap());
        }
    }

    /// A live task by its name.
    pub(crate) fn task(&self, name: &str) -> Option<&(Task, tasks::Stats)> {
        self.tasks.values().find(|(task, stats)| {
            stats.dropped_at.is_none() && word(&task.fields, "task.name").as_deref() == Some(name)
        })
    }

    /// The number of a live task.
    pub(crate) fn id(&self, name: &str) -> Option<u64> {
        Some(self.task(name)?.0.id?.id)
    }

    /// A live resource by its attribute `name`.
    pub(crate) fn resource(&self, name: &str) -> Option<&(Resource, resources::Stats)> {
        self.resources.values().find(|(_, stats)| {
            stats.dropped_at.is_none() && said(&stats.attributes, "name").as_deref() == Some(name)
        })
    }

    /// What a task waits for now: each wait's word, and the resource.
    pub(crate) fn waits(&self, task: u64) -> Vec<(&str, &(Resource, resources::Stats))> {
        let of_task = |stats: &async_ops::Stats| stats.task_id.is_some_and(|id| id.id == task);
        let live = self.ops.values().filter(|(_, stats)| stats.dropped_at.is_none() && of_task(stats));
        live.map(|(op, _)| (op.source.as_str(), &self.resources[&op.resource_id.unwrap().id])).collect()
    }
}

/// The text of a field.
pub(crate) fn word(fields: &[Field], name: &str) -> Option<String> {
    let field = fields.iter().find(|it| it.name == Some(field::Name::StrName(name.to_owned())))?;
    Some(match field.value.as_ref()? {
        field::Value::StrVal(text) | field::Value::DebugVal(text) => text.clone(),
        field::Value::U64Val(number) => number.to_string(),
        field::Value::I64Val(number) => number.to_string(),
        field::Value::BoolVal(flag) => flag.to_string(),
    })
}

/// The text of an attribute.
pub(crate) fn said(attributes: &[Attribute], name: &str) -> Option<String> {
    let fields: Vec<Field> = attributes.iter().filter_map(|attribute| attribute.field.clone()).collect();
    word(&fields, name)
}

fn check_polls(polls: &PollStats) {
    for at in [polls.first_poll, polls.last_poll_started, polls.last_poll_ended].into_iter().flatten() {
        moment(at);
    }
    not_negative(polls.busy_time.as_ref().unwrap());
}

fn not_negative(time: &Duration) {
    assert!(time.seconds >= 0 && time.nanos >= 0, "the client panics on {time:?}");
}

fn moment(at: Timestamp) -> SystemTime {
    at.try_into().expect("the client panics on it")
}

fn check_location(location: Option<&Location>) {
    let is_empty = location.is_some_and(|it| it.file.as_ref().is_none_or(String::is_empty));
    assert!(!is_empty, "the client panics when its page is opened");
}
