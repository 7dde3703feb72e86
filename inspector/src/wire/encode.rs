//! The model becomes messages. Every string and list is cut to what the wire allows.

use super::kinds::Twin;
use super::limits::{
    BUCKETS_MAX, DETAIL_BYTES_MAX, DETAIL_MAX, IDS_MAX, INTERVAL_MAX, INTERVAL_MIN, MESSAGE_BYTES_MAX,
    NAME_BYTES_MAX, PATH_BYTES_MAX, TASK_WARNINGS_MAX, TREE_IDS_MAX, WAITING_KINDS_MAX, cut, cut_list,
};
use super::picture::{Detail, Hello, States, TableInfo};
use super::request::{Query, Request, TreeQuery};
use super::{lint_settings, proto, warning};
use crate::model::{
    Bucket, Cycle, Directions, Exit, Hist, Io, IoTotal, Loop, Place, Process, ResourceRef, Running, Site,
    Summary, Sync, Task, Timer, TreeNode, Wait, Waiter, Waiting,
};
use prost::Message as _;
use std::time::Duration;

/// The answer to a handshake.
pub fn encode_hello(hello: Hello) -> proto::HelloReply {
    let rights = hello.process.rights.unwrap_or_default();
    proto::HelloReply {
        protocol_min: hello.protocol_min,
        protocol_max: hello.protocol_max,
        protocol: hello.protocol,
        version: name(hello.process.version.clone().unwrap_or_default()),
        capabilities: hello.process.capabilities.unwrap_or_default().iter().map(Twin::to_wire).collect(),
        rights: Some(proto::Rights { see: rights.see, diagnose: rights.diagnose, control: rights.control }),
        process: Some(process(hello.process, hello.start_ticks)),
    }
}

/// A request under the protocol that was agreed on.
pub fn encode_request(request: &Request, protocol: u32) -> proto::SnapshotRequest {
    proto::SnapshotRequest {
        protocol,
        tasks: request.tasks.as_ref().map(query),
        tree: request.tree.as_ref().map(tree_query),
        sites: request.sites.as_ref().map(query),
        timers: request.timers.as_ref().map(query),
        io: request.io.as_ref().map(query),
        sync: request.sync.as_ref().map(query),
        blocking: request.blocking.as_ref().map(query),
        loops: request.loops.as_ref().map(query),
        warnings: request.warnings.as_ref().map(query),
        detail: request.detail,
        why: request.why,
        hidden: request.hidden,
        slow_poll_ns: request.slow_poll_ns,
        cycles: request.cycles,
        states: request.states,
        lints: lint_settings::encode(&request.lints),
    }
}

/// A request to be answered each interval.
pub fn encode_watch(request: &Request, protocol: u32, interval: Duration) -> proto::WatchRequest {
    let interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
    proto::WatchRequest {
        snapshot: Some(encode_request(request, protocol)),
        interval_ns: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX),
    }
}

fn query(query: &Query) -> proto::Query {
    // What is too long is sent as it is: the agent says so, where a cut filter would be a different question.
    proto::Query {
        filter: query.filter.clone(),
        sort: query.sort.clone(),
        offset: query.offset,
        limit: query.limit,
        around: query.around,
    }
}

fn tree_query(tree: &TreeQuery) -> proto::TreeQuery {
    proto::TreeQuery {
        query: Some(query(&tree.query)),
        depth: tree.depth,
        expanded: tree.expanded.iter().copied().take(TREE_IDS_MAX).collect(),
        collapsed: tree.collapsed.iter().copied().take(TREE_IDS_MAX).collect(),
        finished: tree.finished,
    }
}

pub(super) fn process(process: Process, start_ticks: Option<u64>) -> proto::Process {
    proto::Process {
        pid: process.pid,
        exe: process.exe.map(path),
        name: process.name.map(name),
        started_at_unix_ns: process.started_at.map(|at| at.0),
        start_ticks,
        uptime_ns: process.uptime_ns,
        cpu: process.cpu,
        rss_bytes: process.rss_bytes,
        debug: process.debug.unwrap_or_default(),
        loops: process.loops.unwrap_or_default(),
        tasks: process.tasks.unwrap_or_default(),
        warnings: process.warnings,
        blocked: process.blocked.unwrap_or_default(),
        debug_mode: process.debug_mode.map(Twin::to_wire),
        slow_callback_ns: process.slow_callback_ns,
        debug_left_ns: process.debug_left_ns,
        ended: process.ended.map(message),
    }
}

pub(super) fn table_info(info: TableInfo) -> proto::TableInfo {
    proto::TableInfo {
        table: info.table.to_wire(),
        total: info.total,
        shown: info.shown,
        dropped: info.dropped,
        offset: info.offset,
    }
}

pub(super) fn states(states: States) -> proto::States {
    proto::States {
        idle: states.idle,
        scheduled: states.scheduled,
        running: states.running,
        completed: states.completed,
        cancelled: states.cancelled,
        panicked: states.panicked,
    }
}

pub(super) fn task(mut task: Task) -> proto::Task {
    let more = cut_list(&mut task.waiting_on, Task::WAITS_MAX);
    task.warnings.truncate(TASK_WARNINGS_MAX);
    proto::Task {
        id: task.id,
        name: task.name.map(name),
        kind: task.kind.to_wire(),
        parent: task.parent,
        group: task.group,
        r#loop: task.loop_id.unwrap_or_default(),
        state: task.state.to_wire(),
        state_for_ns: task.state_for_ns,
        site: task.site.map(place),
        spawned_at_unix_ns: task.spawned_at.unwrap_or_default().0,
        ended_at_unix_ns: task.ended_at.map(|at| at.0),
        polls: task.polls,
        wakes: task.wakes,
        self_wakes: task.self_wakes,
        wakers: task.wakers,
        busy_ns: task.busy_ns,
        scheduled_ns: task.scheduled_ns,
        idle_ns: task.idle_ns,
        longest_poll_ns: task.longest_poll_ns.unwrap_or_default(),
        size_bytes: task.size_bytes,
        blocks: task.blocks,
        waiting_on: task.waiting_on.into_iter().map(wait).collect(),
        waiting_on_more: task.waiting_on_more.saturating_add(more),
        warnings: task.warnings.into_iter().map(name).collect(),
    }
}

fn wait(wait: Wait) -> proto::Wait {
    proto::Wait {
        kind: wait.kind.to_wire(),
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

fn resource_ref(resource: ResourceRef) -> proto::ResourceRef {
    proto::ResourceRef {
        id: resource.id,
        kind: resource.kind.to_wire(),
        name: resource.name.map(name),
        fd: resource.fd,
        local: resource.local.map(path),
        peer: resource.peer.map(path),
        len: resource.len,
        limit: resource.limit,
        pid: resource.child_pid,
    }
}

pub(super) fn tree_node(node: TreeNode) -> proto::TreeNode {
    proto::TreeNode {
        depth: node.depth,
        children: node.children,
        descendants: node.descendants,
        last: node.last,
        task: Some(task(node.task)),
    }
}

pub(super) fn site(site: Site) -> proto::Site {
    proto::Site {
        r#loop: site.loop_id.unwrap_or_default(),
        site: Some(place(site.site)),
        name: site.name.map(name),
        live: site.live,
        spawned: site.spawned,
        completed: site.completed,
        cancelled: site.cancelled,
        panicked: site.panicked,
        busy_ns: site.busy_ns,
        poll: site.poll.map(summary),
        scheduled: site.scheduled.map(summary),
    }
}

pub(super) fn summary(summary: Summary) -> proto::Summary {
    proto::Summary {
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

pub(super) fn timer(timer: Timer) -> proto::Timer {
    proto::Timer {
        r#loop: timer.loop_id.unwrap_or_default(),
        task: timer.task,
        kind: timer.kind.to_wire(),
        deadline_in_ns: timer.deadline_in_ns,
        at: timer.at.map(place),
        task_name: timer.task_name.map(name),
    }
}

pub(super) fn io(mut io: Io) -> proto::Io {
    io.waiting.truncate(IDS_MAX);
    io.waits.truncate(WAITING_KINDS_MAX);
    proto::Io {
        id: io.id,
        r#loop: io.loop_id.unwrap_or_default(),
        fd: io.fd,
        kind: io.kind.to_wire(),
        name: io.name.map(name),
        local: io.local.map(path),
        peer: io.peer.map(path),
        interest: Some(directions(io.interest)),
        readiness: Some(directions(io.readiness)),
        bytes_read: io.bytes_read,
        bytes_written: io.bytes_written,
        reads: io.reads,
        writes: io.writes,
        would_block: io.would_block,
        idle_for_ns: io.idle_for_ns,
        waiting: io.waiting,
        readiness_delay: io.readiness_delay.map(summary),
        made_at: io.made_at.map(place),
        pid: io.child_pid,
        exit: io.exit.map(exit),
        waits: io.waits.into_iter().map(waiting).collect(),
    }
}

fn exit(exit: Exit) -> proto::Exit {
    match exit {
        Exit::Code(code) => proto::Exit { code: Some(code), signal: None },
        Exit::Signal(signal) => proto::Exit { code: None, signal: Some(signal) },
    }
}

pub(super) fn io_total(total: IoTotal) -> proto::IoTotal {
    proto::IoTotal {
        r#loop: total.loop_id.unwrap_or_default(),
        kind: total.kind.to_wire(),
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

fn directions(directions: Directions) -> proto::Directions {
    proto::Directions { readable: directions.readable, writable: directions.writable }
}

pub(super) fn sync(mut sync: Sync) -> proto::Sync {
    sync.waiters.truncate(IDS_MAX);
    sync.waits.truncate(WAITING_KINDS_MAX);
    proto::Sync {
        id: sync.id,
        r#loop: sync.loop_id.unwrap_or_default(),
        kind: sync.kind.to_wire(),
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
        cycle: sync.cycle.map(Twin::to_wire),
        waits: sync.waits.into_iter().map(waiting).collect(),
    }
}

fn waiting(mut waiting: Waiting) -> proto::Waiting {
    waiting.first.truncate(Waiting::FIRST_MAX);
    let first = waiting.first.into_iter().map(|waiter: Waiter| proto::Waiter {
        task: waiter.task,
        name: waiter.name.map(name),
        for_ns: waiter.for_ns,
        at: waiter.at.map(place),
    });
    proto::Waiting { kind: waiting.kind.to_wire(), count: waiting.count, first: first.collect() }
}

pub(super) fn event_loop(it: Loop) -> proto::Loop {
    proto::Loop {
        id: it.id,
        name: it.name.map(name),
        thread: it.thread.map(name),
        tid: it.tid,
        hidden: it.hidden,
        debug: it.debug,
        uptime_ns: it.uptime_ns.unwrap_or_default(),
        tasks: it.tasks,
        ready: it.ready,
        timers: it.timers.unwrap_or_default(),
        utilisation: it.utilisation,
        ticks: it.ticks,
        driver_turns: it.driver_turns.unwrap_or_default(),
        polls: it.polls.unwrap_or_default(),
        remote_wakes: it.remote_wakes.unwrap_or_default(),
        busy_ns: it.busy_ns.unwrap_or_default(),
        parked_ns: it.parked_ns.unwrap_or_default(),
        running: it.running.map(running),
        poll: it.poll.map(summary),
        scheduled: it.scheduled.map(summary),
        lateness: it.lateness.map(summary),
        io_wait: it.io_wait.map(summary),
        debug_mode: it.debug_mode.map(Twin::to_wire),
        slow_callback_ns: it.slow_callback_ns,
    }
}

fn running(running: Running) -> proto::Running {
    proto::Running {
        task: running.task,
        for_ns: running.for_ns,
        name: running.name.map(name),
        site: running.site.map(place),
    }
}

pub(super) fn cycle(mut cycle: Cycle) -> proto::Cycle {
    cycle.tasks.truncate(IDS_MAX);
    proto::Cycle { deadlock: cycle.deadlock, tasks: cycle.tasks, behind: cycle.behind }
}

pub(super) fn detail(mut detail: Detail) -> proto::Detail {
    detail.ancestors.truncate(DETAIL_MAX);
    let mut out = proto::Detail {
        task: Some(task(detail.task)),
        waits: detail.waits.into_iter().map(wait).collect(),
        waits_more: detail.waits_more,
        site: detail.site.map(site),
        poll: detail.poll.as_ref().map(histogram),
        scheduled: detail.scheduled.as_ref().map(histogram),
        children: detail.children.into_iter().map(task).collect(),
        children_more: detail.children_more,
        ancestors: detail.ancestors.into_iter().map(task).collect(),
        waiters: detail.waiters.into_iter().map(task).collect(),
        waiters_more: detail.waiters_more,
        created: warning::encode_stack(detail.created),
    };
    let mut max = DETAIL_MAX;
    cut_detail(&mut out, max);
    while max > 0 && out.encoded_len() > DETAIL_BYTES_MAX {
        max /= 2;
        cut_detail(&mut out, max);
    }
    out
}

fn cut_detail(detail: &mut proto::Detail, max: usize) {
    detail.waits_more += cut_list(&mut detail.waits, max);
    detail.children_more += cut_list(&mut detail.children, max);
    detail.waiters_more += cut_list(&mut detail.waiters, max);
    detail.ancestors.truncate(max);
}

fn histogram(histogram: &Hist) -> proto::Histogram {
    let mut buckets = histogram.buckets().to_vec();
    while buckets.len() > BUCKETS_MAX {
        buckets = buckets.chunks(2).map(merged).collect();
    }
    proto::Histogram { buckets: buckets.into_iter().map(bucket).collect() }
}

pub(super) fn bucket(it: Bucket) -> proto::Bucket {
    proto::Bucket { low_ns: it.low_ns, high_ns: it.high_ns, count: it.count }
}

fn merged(pair: &[Bucket]) -> Bucket {
    let (first, last) = (pair[0], pair[pair.len() - 1]);
    let count = pair.iter().fold(0, |sum: u64, bucket| sum.saturating_add(bucket.count));
    Bucket { low_ns: first.low_ns, high_ns: last.high_ns, count }
}

pub(super) fn place(mut place: Place) -> proto::Place {
    cut(&mut place.file, PATH_BYTES_MAX);
    proto::Place { file: place.file, line: place.line, column: place.column }
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
