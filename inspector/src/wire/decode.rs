//! Messages become the model, or are refused. Nothing that came over the wire is trusted: strings and lists are cut to
//! their bounds, numbers that cannot be are made absent, and what makes no sense is an error.
//!
//! Values may be added to the kinds of waits, of resources and of capabilities without a new protocol number, so an unknown
//! one of these is `Unknown` or left out. An unknown value of another enumeration is an error.

use super::kinds::Twin;
use super::limits::{
    BUCKETS_MAX, DEPTH_MAX, DETAIL_MAX, FILTER_BYTES_MAX, IDS_MAX, INTERVAL_MAX, INTERVAL_MIN,
    MESSAGE_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, SORT_BYTES_MAX, TASK_WARNINGS_MAX, TREE_IDS_MAX,
    WAITING_KINDS_MAX, cut, cut_list,
};
use super::picture::{Detail, Hello, States, TableInfo};
use super::request::{Query, Request, TreeQuery};
use super::{lint_settings, proto, warning};
use crate::model::{
    Bucket, Cycle, Directions, Exit, Hist, Io, IoTotal, Loop, Place, Process, ResourceKind, ResourceRef,
    Rights, Running, Site, Summary, Sync, Task, Timer, TreeNode, Wait, WaitKind, Waiter, Waiting, WallTime,
};
use std::fmt;
use std::time::Duration;

/// A message that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    what: &'static str,
}

impl DecodeError {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what }
    }

    /// An answer that ends before it is complete.
    #[cfg(feature = "client")]
    pub(crate) fn ends_early() -> Self {
        Self::new("the answer ends before it is complete")
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message makes no sense: {}", self.what)
    }
}

impl std::error::Error for DecodeError {}

/// The answer to a handshake.
///
/// # Errors
/// If it names no process or no protocol.
pub fn decode_hello(reply: proto::HelloReply) -> Result<Hello, DecodeError> {
    let raw = reply.process.ok_or(DecodeError::new("a handshake without a process"))?;
    if reply.protocol_min == 0 || reply.protocol_min > reply.protocol_max {
        return Err(DecodeError::new("a handshake without a protocol"));
    }
    let range = reply.protocol_min..=reply.protocol_max;
    if reply.protocol.is_some_and(|protocol| !range.contains(&protocol)) {
        return Err(DecodeError::new("a handshake on a protocol out of its own range"));
    }
    let start_ticks = raw.start_ticks;
    let rights = reply.rights.unwrap_or_default();
    let mut process = process(raw);
    process.version = Some(name(reply.version));
    process.rights = Some(Rights { see: rights.see, diagnose: rights.diagnose, control: rights.control });
    process.capabilities = Some(reply.capabilities.into_iter().filter_map(Twin::from_wire).collect());
    Ok(Hello {
        protocol_min: reply.protocol_min,
        protocol_max: reply.protocol_max,
        protocol: reply.protocol,
        process,
        start_ticks,
    })
}

/// A request, which may come from anybody who can open the socket.
///
/// # Errors
/// If a filter, a column or a list of ids is too long.
pub fn decode_request(request: proto::SnapshotRequest) -> Result<Request, DecodeError> {
    Ok(Request {
        tasks: request.tasks.map(query).transpose()?,
        tree: request.tree.map(tree_query).transpose()?,
        sites: request.sites.map(query).transpose()?,
        timers: request.timers.map(query).transpose()?,
        io: request.io.map(query).transpose()?,
        sync: request.sync.map(query).transpose()?,
        blocking: request.blocking.map(query).transpose()?,
        loops: request.loops.map(query).transpose()?,
        warnings: request.warnings.map(query).transpose()?,
        cycles: request.cycles,
        detail: request.detail,
        why: request.why,
        hidden: request.hidden,
        slow_poll_ns: request.slow_poll_ns,
        states: request.states,
        lints: lint_settings::decode(request.lints)?,
    })
}

/// A request to be answered each interval.
///
/// # Errors
/// As [`decode_request`], and if the interval is out of bounds or nothing is asked for.
pub fn decode_watch(watch: proto::WatchRequest) -> Result<(Request, Duration), DecodeError> {
    let interval = Duration::from_nanos(watch.interval_ns);
    if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
        return Err(DecodeError::new("an interval below 50 ms or above 1 h"));
    }
    let request = watch.snapshot.ok_or(DecodeError::new("a watch for nothing"))?;
    Ok((decode_request(request)?, interval))
}

fn query(query: proto::Query) -> Result<Query, DecodeError> {
    if query.filter.len() > FILTER_BYTES_MAX {
        return Err(DecodeError::new("a filter of more than 4,096 bytes"));
    }
    if query.sort.len() > SORT_BYTES_MAX {
        return Err(DecodeError::new("a column of more than 64 bytes"));
    }
    let proto::Query { filter, sort, offset, limit, around } = query;
    Ok(Query { filter, sort, offset, limit, around })
}

fn tree_query(tree: proto::TreeQuery) -> Result<TreeQuery, DecodeError> {
    if tree.expanded.len() > TREE_IDS_MAX || tree.collapsed.len() > TREE_IDS_MAX {
        return Err(DecodeError::new("more than 4,096 opened or closed tasks"));
    }
    Ok(TreeQuery {
        query: tree.query.map(query).transpose()?.unwrap_or_default(),
        depth: tree.depth,
        expanded: tree.expanded,
        collapsed: tree.collapsed,
        finished: tree.finished,
    })
}

pub(super) fn process(process: proto::Process) -> Process {
    Process {
        pid: process.pid,
        exe: process.exe.map(path),
        name: process.name.map(name),
        user: None,
        socket: None,
        started_at: process.started_at_unix_ns.map(WallTime),
        uptime_ns: process.uptime_ns,
        // One core is 1.0; a machine with more than a million of them is a mistake.
        cpu: process.cpu.and_then(|cpu| number(cpu, 1e6)),
        rss_bytes: process.rss_bytes,
        runtime: Some(crate::model::RuntimeKind::Loopscope),
        version: None,
        debug: Some(process.debug),
        loops: Some(process.loops),
        tasks: Some(process.tasks),
        warnings: process.warnings,
        blocked: Some(process.blocked),
        debug_mode: process.debug_mode.and_then(Twin::from_wire),
        slow_callback_ns: process.slow_callback_ns,
        debug_left_ns: process.debug_left_ns,
        ended: process.ended.map(message),
        rights: None,
        capabilities: None,
    }
}

/// `None` for a table that this build does not know.
pub(super) fn table_info(info: proto::TableInfo) -> Option<TableInfo> {
    let table = Twin::from_wire(info.table)?;
    let proto::TableInfo { total, shown, dropped, offset, .. } = info;
    Some(TableInfo { table, total, shown, dropped, offset })
}

pub(super) fn states(states: proto::States) -> States {
    States {
        idle: states.idle,
        scheduled: states.scheduled,
        running: states.running,
        completed: states.completed,
        cancelled: states.cancelled,
        panicked: states.panicked,
    }
}

pub(super) fn task(mut task: proto::Task) -> Result<Task, DecodeError> {
    let more = cut_list(&mut task.waiting_on, Task::WAITS_MAX);
    task.warnings.truncate(TASK_WARNINGS_MAX);
    Ok(Task {
        pid: None,
        id: task.id,
        name: task.name.map(name),
        kind: Twin::from_wire(task.kind).ok_or(DecodeError::new("an unknown kind of task"))?,
        parent: task.parent,
        group: task.group,
        loop_id: Some(task.r#loop),
        state: Twin::from_wire(task.state).ok_or(DecodeError::new("an unknown state of a task"))?,
        state_for_ns: task.state_for_ns,
        site: task.site.map(place),
        spawned_at: Some(WallTime(task.spawned_at_unix_ns)),
        ended_at: task.ended_at_unix_ns.map(WallTime),
        polls: task.polls,
        wakes: task.wakes,
        self_wakes: task.self_wakes,
        wakers: task.wakers,
        busy_ns: task.busy_ns,
        scheduled_ns: task.scheduled_ns,
        idle_ns: task.idle_ns,
        longest_poll_ns: Some(task.longest_poll_ns),
        size_bytes: task.size_bytes,
        blocks: task.blocks,
        waiting_on: task.waiting_on.into_iter().map(wait).collect(),
        waiting_on_more: task.waiting_on_more.saturating_add(more),
        warnings: task.warnings.into_iter().map(name).collect(),
    })
}

fn wait(wait: proto::Wait) -> Wait {
    Wait {
        kind: Twin::from_wire(wait.kind).unwrap_or(WaitKind::Unknown),
        resource: wait.resource.map(resource_ref),
        task: wait.task,
        task_name: wait.task_name.map(name),
        for_ns: wait.for_ns,
        deadline_in_ns: wait.deadline_in_ns,
        at: wait.at.map(place),
        made_at: wait.made_at.map(place),
        detail: wait.detail.map(message),
        perhaps: wait.perhaps,
    }
}

fn resource_ref(resource: proto::ResourceRef) -> ResourceRef {
    ResourceRef {
        id: resource.id,
        kind: resource_kind(resource.kind),
        name: resource.name.map(name),
        fd: resource.fd,
        local: resource.local.map(path),
        peer: resource.peer.map(path),
        len: resource.len,
        limit: resource.limit,
        child_pid: resource.pid,
    }
}

fn resource_kind(number: i32) -> ResourceKind {
    Twin::from_wire(number).unwrap_or(ResourceKind::Unknown)
}

pub(super) fn tree_node(node: proto::TreeNode) -> Result<TreeNode, DecodeError> {
    Ok(TreeNode {
        depth: node.depth.min(DEPTH_MAX),
        children: node.children,
        descendants: node.descendants,
        last: node.last,
        task: task(node.task.ok_or(DecodeError::new("a row of the tree without a task"))?)?,
    })
}

pub(super) fn site(site: proto::Site) -> Result<Site, DecodeError> {
    Ok(Site {
        pid: None,
        loop_id: Some(site.r#loop),
        site: place(site.site.ok_or(DecodeError::new("a spawn site that is nowhere"))?),
        name: site.name.map(name),
        live: site.live,
        spawned: site.spawned,
        completed: site.completed,
        cancelled: site.cancelled,
        panicked: site.panicked,
        busy_ns: site.busy_ns,
        poll: site.poll.map(summary),
        scheduled: site.scheduled.map(summary),
    })
}

pub(super) fn summary(summary: proto::Summary) -> Summary {
    Summary {
        count: summary.count,
        min_ns: summary.min_ns,
        max_ns: summary.max_ns,
        mean_ns: summary.mean_ns,
        p50_ns: summary.p50_ns,
        p90_ns: summary.p90_ns,
        p99_ns: summary.p99_ns,
        p999_ns: summary.p999_ns,
        p9999_ns: summary.p9999_ns,
    }
}

pub(super) fn timer(timer: proto::Timer) -> Result<Timer, DecodeError> {
    Ok(Timer {
        pid: None,
        loop_id: Some(timer.r#loop),
        task: timer.task,
        task_name: timer.task_name.map(name),
        kind: Twin::from_wire(timer.kind).ok_or(DecodeError::new("an unknown kind of timer"))?,
        deadline_in_ns: timer.deadline_in_ns,
        at: timer.at.map(place),
    })
}

pub(super) fn io(mut io: proto::Io) -> Io {
    io.waiting.truncate(IDS_MAX);
    io.waits.truncate(WAITING_KINDS_MAX);
    Io {
        pid: None,
        id: io.id,
        loop_id: Some(io.r#loop),
        fd: io.fd,
        kind: resource_kind(io.kind),
        name: io.name.map(name),
        local: io.local.map(path),
        peer: io.peer.map(path),
        interest: directions(io.interest),
        readiness: directions(io.readiness),
        bytes_read: io.bytes_read,
        bytes_written: io.bytes_written,
        reads: io.reads,
        writes: io.writes,
        would_block: io.would_block,
        idle_for_ns: io.idle_for_ns,
        waiting: io.waiting,
        readiness_delay: io.readiness_delay.map(summary),
        made_at: io.made_at.map(place),
        child_pid: io.pid,
        exit: io.exit.and_then(exit),
        waits: io.waits.into_iter().map(waiting).collect(),
    }
}

/// `None` for an end that this build does not know.
fn exit(exit: proto::Exit) -> Option<Exit> {
    exit.code.map(Exit::Code).or_else(|| exit.signal.map(Exit::Signal))
}

pub(super) fn io_total(total: proto::IoTotal) -> IoTotal {
    IoTotal {
        pid: None,
        loop_id: Some(total.r#loop),
        kind: resource_kind(total.kind),
        made_at: total.made_at.map(place),
        open: total.open,
        opened: total.opened,
        closed: total.closed,
        bytes_read: total.bytes_read,
        bytes_written: total.bytes_written,
        reads: total.reads,
        writes: total.writes,
        would_block: total.would_block,
        readiness_delay: total.readiness_delay.map(summary),
    }
}

fn directions(directions: Option<proto::Directions>) -> Directions {
    let directions = directions.unwrap_or_default();
    Directions { readable: directions.readable, writable: directions.writable }
}

pub(super) fn sync(mut sync: proto::Sync) -> Sync {
    sync.waiters.truncate(IDS_MAX);
    sync.waits.truncate(WAITING_KINDS_MAX);
    Sync {
        pid: None,
        id: sync.id,
        loop_id: Some(sync.r#loop),
        kind: resource_kind(sync.kind),
        name: sync.name.map(name),
        made_at: sync.made_at.map(place),
        made_by: sync.made_by,
        holder: sync.holder,
        holder_name: sync.holder_name.map(name),
        held_for_ns: sync.held_for_ns,
        held_at: sync.held_at.map(place),
        waiters: sync.waiters,
        len: sync.len,
        limit: sync.limit,
        cycle: sync.cycle.and_then(Twin::from_wire),
        waits: sync.waits.into_iter().map(waiting).collect(),
    }
}

fn waiting(mut waiting: proto::Waiting) -> Waiting {
    waiting.first.truncate(Waiting::FIRST_MAX);
    let first = waiting.first.into_iter().map(|waiter| Waiter {
        task: waiter.task,
        name: waiter.name.map(name),
        for_ns: waiter.for_ns,
        at: waiter.at.map(place),
    });
    Waiting {
        kind: Twin::from_wire(waiting.kind).unwrap_or(WaitKind::Unknown),
        count: waiting.count,
        first: first.collect(),
    }
}

pub(super) fn event_loop(it: proto::Loop) -> Loop {
    Loop {
        pid: None,
        id: it.id,
        name: it.name.map(name),
        thread: it.thread.map(name),
        tid: it.tid,
        hidden: it.hidden,
        debug: it.debug,
        uptime_ns: Some(it.uptime_ns),
        tasks: it.tasks,
        ready: it.ready,
        timers: Some(it.timers),
        utilisation: it.utilisation.and_then(|part| number(part, 1.0)),
        ticks: it.ticks,
        driver_turns: Some(it.driver_turns),
        polls: Some(it.polls),
        remote_wakes: Some(it.remote_wakes),
        busy_ns: Some(it.busy_ns),
        parked_ns: Some(it.parked_ns),
        running: it.running.map(running),
        poll: it.poll.map(summary),
        scheduled: it.scheduled.map(summary),
        lateness: it.lateness.map(summary),
        io_wait: it.io_wait.map(summary),
        debug_mode: it.debug_mode.and_then(Twin::from_wire),
        slow_callback_ns: it.slow_callback_ns,
    }
}

fn running(running: proto::Running) -> Running {
    Running {
        task: running.task,
        for_ns: running.for_ns,
        name: running.name.map(name),
        site: running.site.map(place),
    }
}

pub(super) fn cycle(mut cycle: proto::Cycle) -> Cycle {
    cycle.tasks.truncate(IDS_MAX);
    Cycle { deadlock: cycle.deadlock, tasks: cycle.tasks, behind: cycle.behind }
}

pub(super) fn detail(mut detail: proto::Detail) -> Result<Detail, DecodeError> {
    detail.ancestors.truncate(DETAIL_MAX);
    let waits_more = detail.waits_more.saturating_add(cut_list(&mut detail.waits, DETAIL_MAX));
    let children_more = detail.children_more.saturating_add(cut_list(&mut detail.children, DETAIL_MAX));
    let waiters_more = detail.waiters_more.saturating_add(cut_list(&mut detail.waiters, DETAIL_MAX));
    Ok(Detail {
        task: task(detail.task.ok_or(DecodeError::new("details of no task"))?)?,
        waits: detail.waits.into_iter().map(wait).collect(),
        waits_more,
        site: detail.site.map(site).transpose()?,
        poll: detail.poll.map(histogram).transpose()?,
        scheduled: detail.scheduled.map(histogram).transpose()?,
        children: detail.children.into_iter().map(task).collect::<Result<_, _>>()?,
        children_more,
        ancestors: detail.ancestors.into_iter().map(task).collect::<Result<_, _>>()?,
        waiters: detail.waiters.into_iter().map(task).collect::<Result<_, _>>()?,
        waiters_more,
        created: warning::decode_stack(detail.created),
    })
}

fn histogram(histogram: proto::Histogram) -> Result<Hist, DecodeError> {
    let buckets = histogram.buckets;
    if buckets.len() > BUCKETS_MAX {
        return Err(DecodeError::new("a histogram of more than 3,000 buckets"));
    }
    if buckets.iter().any(|bucket| bucket.low_ns > bucket.high_ns)
        || buckets.windows(2).any(|pair| pair[1].low_ns <= pair[0].high_ns)
    {
        return Err(DecodeError::new("a histogram whose buckets overlap or are out of order"));
    }
    Ok(Hist::from_buckets(buckets.into_iter().map(bucket).collect()))
}

pub(super) fn bucket(it: proto::Bucket) -> Bucket {
    Bucket { low_ns: it.low_ns, high_ns: it.high_ns, count: it.count }
}

pub(super) fn place(mut place: proto::Place) -> Place {
    cut(&mut place.file, PATH_BYTES_MAX);
    Place { file: place.file, line: place.line, column: place.column }
}

pub(super) fn name(mut name: String) -> String {
    cut(&mut name, NAME_BYTES_MAX);
    name
}

pub(super) fn path(mut path: String) -> String {
    cut(&mut path, PATH_BYTES_MAX);
    path
}

pub(super) fn message(mut message: String) -> String {
    cut(&mut message, MESSAGE_BYTES_MAX);
    message
}

/// A finite number from 0 to `max`.
fn number(value: f64, max: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(0.0, max))
}
