//! What a look at the loops brought, put into words while it is sent.

use super::convert;
use super::facts::{Attribute, OpCounts, OpFacts, ResourceCounts, ResourceFacts, TaskCounts, TaskFacts};
use super::jobs;
use super::packer::{Item, Packer};
use super::told::{Change, Made, News, OpTold, ResourceFigures, ResourceTold, counts};
use crate::agent::reading::{tables, tasks, waits};
use crate::model::{ResourceKind, TaskState, WallTime};
use console_api::instrument::Update;
use console_api::resources;
use loopscope::telemetry::{ResourceView, TaskView, WaitView};

const MS: u64 = 1_000_000;

/// A turn that is being sent.
#[derive(Debug)]
pub(super) struct Turn {
    news: News,
    is_begun: bool,
}

impl Turn {
    /// Of what was brought.
    pub(super) fn new(news: News) -> Self {
        Self { news, is_begun: false }
    }

    /// The next update; every turn has at least one, so that the client's clock goes on.
    pub(super) fn next_update(&mut self) -> Option<Update> {
        if self.is_begun && self.news.changes.is_empty() {
            return None;
        }
        let mut packer = Packer::new(self.news.context.wall(self.news.context.now()));
        if !std::mem::replace(&mut self.is_begun, true) {
            packer.with_dropped(self.news.dropped);
            if self.news.with_metadata {
                packer.with_metadata();
            }
        }
        while !packer.is_full()
            && let Some(change) = self.news.changes.pop_front()
        {
            packer.push(self.item(change));
        }
        Some(packer.finish())
    }

    fn item(&self, change: Change) -> Item {
        let now = self.news.context.wall(self.news.context.now());
        match change {
            Change::Task { is_new, lp, view } => {
                let task = is_new.then(|| convert::task(&self.task(lp, &view)));
                Item::Task(task, view.id, convert::task_stats(&counts(&self.news.context, &view)))
            }
            Change::Job { is_new, pool, view } => {
                let job = is_new.then(|| convert::task(&jobs::facts(&self.news.context, pool, &view)));
                Item::Task(job, view.id, convert::task_stats(&jobs::counts(&self.news.context, &view)))
            }
            Change::TaskGone(number, told) => {
                let over = TaskCounts { state: TaskState::Completed, ended_at: Some(now), ..told };
                Item::Task(None, number, convert::task_stats(&over))
            }
            Change::Resource { made, number, told } => {
                let resource = made.map(|Made { lp, at }| {
                    let made_at = self.news.context.loops[lp].place(at);
                    convert::resource(&ResourceFacts { id: number, what: told.figures.what(), made_at })
                });
                Item::Resource(resource, number, self.resource_stats(&told, None))
            }
            Change::ResourceGone(number, told) => {
                Item::Resource(None, number, self.resource_stats(&told, Some(now)))
            }
            Change::Op { is_new, number: id, resource, lp, wait } => {
                let facts = OpFacts { id, kind: waits::kind(wait.kind), resource };
                let op = is_new.then(|| convert::op(facts));
                let counts = OpCounts {
                    task: wait.task,
                    since: self.news.context.wall(wait.since),
                    gone_at: None,
                    attributes: self.op_attributes(lp, &wait),
                };
                Item::Op(op, id, convert::op_stats(counts))
            }
            Change::OpGone(number, told) => {
                let OpTold { task, since, .. } = told;
                let counts = OpCounts { task, since, gone_at: Some(now), attributes: Vec::new() };
                Item::Op(None, number, convert::op_stats(counts))
            }
        }
    }

    fn task(&self, lp: usize, view: &TaskView) -> TaskFacts {
        let lp = &self.news.context.loops[lp];
        let kind = tasks::kind(view.kind);
        let event_loop = if lp.view.name.is_empty() { lp.view.id.to_string() } else { lp.view.name.clone() };
        TaskFacts {
            id: view.id,
            name: lp.name(view.name),
            kind,
            parent: view.parent,
            event_loop,
            histograms: "of its spawn place",
            site: lp.site_place(view.site),
            size_bytes: (view.size_bytes > 0).then_some(u64::from(view.size_bytes)),
        }
    }

    fn resource_stats(&self, told: &ResourceTold, gone_at: Option<WallTime>) -> resources::Stats {
        let attributes = match &told.figures {
            ResourceFigures::Recorded { event_loop, view, waiters } => {
                let mut attributes = self.attributes(*event_loop, view);
                if gone_at.is_none() {
                    attributes.extend(passing_attributes(view, *waiters));
                }
                attributes
            }
            ResourceFigures::Timer { duration_ns } => {
                vec![Attribute::number("duration", duration_ns / MS).unit("ms")]
            }
            ResourceFigures::Task(task) | ResourceFigures::Job { id: task, .. } => {
                vec![Attribute::number("task", *task)]
            }
            ResourceFigures::Other(_) => Vec::new(),
        };
        let counts = ResourceCounts { shown_since: told.shown_since, gone_at, attributes };
        convert::resource_stats(told.figures.what(), counts)
    }

    /// What holds of a resource also when it is gone.
    fn attributes(&self, event_loop: u64, view: &ResourceView) -> Vec<Attribute> {
        let lp = self.news.context.loops.iter().find(|lp| lp.view.id == event_loop);
        let name = lp.and_then(|lp| lp.name(view.name)).map(|name| Attribute::text("name", name));
        let mut attributes: Vec<Attribute> = name.into_iter().collect();
        let kind = waits::resource_kind(view.kind);
        let moves_bytes = !matches!(
            kind,
            ResourceKind::TcpListener
                | ResourceKind::UnixListener
                | ResourceKind::Process
                | ResourceKind::Signal
        );
        if let Some(io) = &view.io {
            attributes.extend(u64::try_from(io.fd).ok().map(|fd| Attribute::number("fd", fd)));
            attributes.extend(io.local.as_ref().map(|it| Attribute::text("local", waits::address(it))));
            attributes.extend(io.peer.as_ref().map(|it| Attribute::text("peer", waits::address(it))));
            attributes.extend(io.pid.map(|pid| Attribute::number("pid", pid.into())));
            let exit = io.exit.and_then(tables::exit);
            attributes.extend(exit.map(|exit| Attribute::text("exit", exit.to_string())));
        }
        if let Some(io) = view.io.as_ref().filter(|_| moves_bytes) {
            attributes.push(Attribute::number("bytes_read", io.bytes_read).unit("B"));
            attributes.push(Attribute::number("bytes_written", io.bytes_written).unit("B"));
            attributes.push(Attribute::number("reads", io.reads));
            attributes.push(Attribute::number("writes", io.writes));
        }
        attributes.extend(view.limit.map(|limit| Attribute::number("limit", limit)));
        attributes
    }

    fn op_attributes(&self, lp: usize, wait: &WaitView) -> Vec<Attribute> {
        let place = |name, index| {
            let place = self.news.context.loops[lp].place(index)?;
            Some(Attribute::text(name, place.to_string()))
        };
        let mut attributes: Vec<Attribute> = place("at", wait.at).into_iter().collect();
        if wait.made_at != wait.at {
            attributes.extend(place("made_at", wait.made_at));
        }
        if wait.perhaps {
            attributes.push(Attribute::flag("perhaps"));
        }
        attributes
    }
}

/// What holds of a resource at a moment.
fn passing_attributes(view: &ResourceView, waiters: u32) -> impl Iterator<Item = Attribute> {
    let len = view.len.map(|len| Attribute::number("len", len));
    let holder = view.holder.map(|holder| Attribute::number("holder", holder));
    let waiters = (waiters > 0).then(|| Attribute::number("waiters", waiters.into()));
    [len, holder, waiters].into_iter().flatten()
}
