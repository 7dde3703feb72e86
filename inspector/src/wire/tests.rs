//! Whatever is sent arrives, and whatever arrives does no harm.

mod diagnosing;
mod resources;

use super::limits::{
    IDS_MAX, NAME_BYTES_MAX, PART_BYTES_MAX, PART_BYTES_TARGET, PATH_BYTES_MAX, ROWS_MAX, TASK_WARNINGS_MAX,
    WAITING_KINDS_MAX,
};
use super::*;
use crate::model::{
    Bucket, Cycle, Hist, IoTotal, Job, Loop, Place, Pool, Process, ResourceKind, ResourceRef, Running,
    RuntimeKind, Site, Summary, Task, TaskKind, TaskState, Timer, TreeNode, Wait, WaitKind, Waiting,
    WallTime, Warning,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;
use std::time::Duration;

fn place() -> impl Strategy<Value = Place> {
    ("[a-zé\\x1b/]{0,12}", any::<u32>(), any::<u32>()).prop_map(|(file, line, column)| Place {
        file,
        line,
        column,
    })
}

fn wait() -> impl Strategy<Value = Wait> {
    let fill = (of(any::<u64>()), of(any::<u64>()), of(any::<u32>()));
    let resource = (any::<u64>(), select(ResourceKind::ALL), of(".{0,8}"), of(any::<i32>()), fill).prop_map(
        |(id, kind, name, fd, (len, limit, child_pid))| {
            let local = name.clone();
            ResourceRef { id, kind, local, peer: None, name, fd, len, limit, child_pid }
        },
    );
    (select(WaitKind::ALL), of(resource), of(any::<u64>()), of(any::<i64>()), of(place()), any::<bool>())
        .prop_map(|(kind, resource, task, deadline_in_ns, at, perhaps)| Wait {
            kind,
            resource,
            task,
            deadline_in_ns,
            at,
            perhaps,
            ..Wait::default()
        })
}

prop_compose! {
    fn task()(
        (id, parent, loop_id) in (any::<u64>(), of(any::<u64>()), any::<u64>()),
        (kind, state) in (select(TaskKind::ALL), select(TaskState::ALL)),
        name in of(".{0,16}"),
        site in of(place()),
        (polls, busy_ns, blocks) in (any::<u64>(), any::<u64>(), of(any::<u64>())),
        waiting_on in vec(wait(), 0..4),
        warnings in vec("[a-z-]{1,12}".prop_map(String::from), 0..3),
    ) -> Task {
        Task {
            id, name, kind, parent, state, site, polls, busy_ns, blocks, waiting_on, warnings,
            loop_id: Some(loop_id),
            spawned_at: Some(WallTime(busy_ns)),
            longest_poll_ns: Some(polls),
            ..Task::default()
        }
    }
}

fn summary() -> impl Strategy<Value = Summary> {
    any::<u64>().prop_map(|count| Summary { count, p50_ns: Some(count), ..Summary::default() })
}

fn io_total() -> impl Strategy<Value = IoTotal> {
    (any::<u64>(), select(ResourceKind::ALL), of(place()), of(summary())).prop_map(
        |(opened, kind, made_at, readiness_delay)| IoTotal {
            loop_id: Some(opened / 2),
            kind,
            made_at,
            open: opened / 3,
            opened,
            closed: opened / 4,
            bytes_read: opened / 5,
            bytes_written: opened / 6,
            reads: opened / 7,
            writes: opened / 8,
            would_block: opened / 9,
            readiness_delay,
            ..IoTotal::default()
        },
    )
}

fn job() -> impl Strategy<Value = Job> {
    (any::<u64>(), select(TaskState::ALL), of(place()), of(any::<i32>()), of(".{0,16}")).prop_map(
        |(id, state, site, tid, name)| Job {
            id,
            name,
            pool: "blocking".into(),
            state,
            site,
            parent: Some(id / 2),
            parent_loop: Some(id / 3),
            tid,
            queued_for_ns: id / 4,
            running_for_ns: Some(id / 5),
            queued_at: WallTime(id / 6),
            ended_at: Some(WallTime(id / 7)),
            ..Job::default()
        },
    )
}

fn pool() -> impl Strategy<Value = Pool> {
    (any::<u64>(), of(any::<u64>()), of(summary())).prop_map(|(threads, queue_max, waited)| Pool {
        name: "resolve".into(),
        threads,
        idle: threads / 2,
        threads_max: threads / 3,
        queued: threads / 4,
        running: threads / 5,
        completed: threads / 6,
        panicked: threads / 7,
        cancelled: threads / 8,
        refused: threads / 9,
        queue_max,
        ran: waited,
        waited,
        ..Pool::default()
    })
}

fn row() -> impl Strategy<Value = Row> {
    let site = (place(), any::<u64>(), of(summary())).prop_map(|(site, live, poll)| Site {
        site,
        live,
        poll,
        loop_id: Some(3),
        ..Site::default()
    });
    let event_loop = (any::<u64>(), of(0.0..=1.0), of(any::<u64>()), of(summary())).prop_map(
        |(id, utilisation, task, poll)| Loop {
            id,
            utilisation,
            poll,
            running: task.map(|task| Running { task: Some(task), for_ns: id, ..Running::default() }),
            uptime_ns: Some(0),
            timers: Some(0),
            driver_turns: Some(0),
            polls: Some(0),
            remote_wakes: Some(0),
            busy_ns: Some(0),
            parked_ns: Some(0),
            ..Loop::default()
        },
    );
    let warning = (".{0,16}", of(any::<u64>())).prop_map(|(message, task)| Warning {
        task,
        message,
        ..Warning::default()
    });
    prop_oneof![
        task().prop_map(Row::Task),
        task().prop_map(Row::Chain),
        (task(), 0..3_u64).prop_map(|(task, children)| Row::Tree(TreeNode {
            children,
            task,
            ..TreeNode::default()
        })),
        site.prop_map(Row::Site),
        event_loop.prop_map(|it| Row::Loop(Box::new(it))),
        resources::io().prop_map(Row::Io),
        io_total().prop_map(Row::IoTotal),
        resources::sync().prop_map(Row::Sync),
        job().prop_map(|it| Row::Job(Box::new(it))),
        pool().prop_map(|it| Row::Pool(Box::new(it))),
        warning.prop_map(Row::Warning),
        any::<i64>().prop_map(|deadline_in_ns| Row::Timer(Timer {
            deadline_in_ns,
            loop_id: Some(1),
            ..Timer::default()
        })),
        vec(any::<u64>(), 0..5).prop_map(|tasks| Row::Cycle(Cycle { deadlock: true, tasks, behind: 2 })),
    ]
}

const TABLES: [Table; 9] = [
    Table::Tasks,
    Table::Tree,
    Table::Sites,
    Table::Timers,
    Table::Io,
    Table::Sync,
    Table::Loops,
    Table::Warnings,
    Table::Blocking,
];

fn heading() -> Heading {
    let tables = TABLES.map(|table| TableInfo { table, total: 0, shown: 0, dropped: 7, offset: 0 });
    Heading {
        taken_at: WallTime(5),
        process: Process { pid: 7, name: Some("app".into()), ..Process::default() },
        tables: tables.to_vec(),
        cycles: true,
        states: Some(States { idle: 3, ..States::default() }),
        ..Heading::default()
    }
}

fn parts(rows: &[Row]) -> Vec<proto::Part> {
    let mut packer = Parts::new(1, heading());
    let mut parts: Vec<_> = rows.iter().filter_map(|row| packer.push(row.clone())).collect();
    parts.push(packer.finish());
    parts
}

/// The picture that these rows make, by hand.
fn expected(rows: &[Row]) -> Picture {
    let mut picture = Picture { states: heading().states, ..Picture::default() };
    let snapshot = &mut picture.snapshot;
    snapshot.taken_at = WallTime(5);
    snapshot.processes = vec![Process {
        runtime: Some(RuntimeKind::Loopscope),
        debug: Some(false),
        loops: Some(0),
        tasks: Some(0),
        blocked: Some(0),
        ..heading().process
    }];
    for row in rows.iter().cloned() {
        match row {
            Row::Task(it) => snapshot.tasks.get_or_insert_default().push(it),
            Row::Tree(it) => snapshot.tree.get_or_insert_default().push(it),
            Row::Site(it) => snapshot.sites.get_or_insert_default().push(it),
            Row::Timer(it) => snapshot.timers.get_or_insert_default().push(it),
            Row::Io(it) => snapshot.io.get_or_insert_default().push(it),
            Row::IoTotal(it) => snapshot.io_totals.get_or_insert_default().push(it),
            Row::Sync(it) => snapshot.sync.get_or_insert_default().push(it),
            Row::Job(it) => snapshot.blocking.get_or_insert_default().push(*it),
            Row::Pool(it) => snapshot.pools.get_or_insert_default().push(*it),
            Row::Loop(it) => snapshot.loops.get_or_insert_default().push(*it),
            Row::Warning(it) => snapshot.warnings.get_or_insert_default().push(it),
            Row::Cycle(it) => snapshot.cycles.get_or_insert_default().push(it),
            Row::Chain(it) => picture.chain.push(it),
            Row::Detail(it) => picture.detail = Some(it),
        }
    }
    let lens = [
        snapshot.tasks.get_or_insert_default().len(),
        snapshot.tree.get_or_insert_default().len(),
        snapshot.sites.get_or_insert_default().len(),
        snapshot.timers.get_or_insert_default().len(),
        snapshot.io.get_or_insert_default().len(),
        snapshot.sync.get_or_insert_default().len(),
        snapshot.loops.get_or_insert_default().len(),
        snapshot.warnings.get_or_insert_default().len(),
        snapshot.blocking.get_or_insert_default().len(),
    ];
    snapshot.cycles.get_or_insert_default();
    snapshot.io_totals.get_or_insert_default();
    snapshot.pools.get_or_insert_default();
    for (table, len) in TABLES.into_iter().zip(lens) {
        let shown = len as u64;
        picture.tables.push(TableInfo { table, total: shown, shown, dropped: 7, offset: 0 });
    }
    (snapshot.total, snapshot.shown, snapshot.dropped) = (lens[0] as u64, lens[0] as u64, 7);
    picture
}

/// What a client does with the bytes of one message.
fn receive(assembly: &mut Assembly, bytes: &[u8]) -> Result<Option<Picture>, ()> {
    let part = proto::Part::decode(bytes).map_err(|_| ())?;
    assembly.add(part).map_err(|_| ())
}

fn is_bounded(picture: &Picture) -> bool {
    let snapshot = &picture.snapshot;
    let tasks = snapshot.tasks.iter().flatten().chain(&picture.chain);
    tasks.clone().all(|task| {
        task.name.as_ref().is_none_or(|name| name.len() <= NAME_BYTES_MAX)
            && task.site.as_ref().is_none_or(|site| site.file.len() <= PATH_BYTES_MAX)
            && task.waiting_on.len() <= Task::WAITS_MAX
            && task.warnings.len() <= TASK_WARNINGS_MAX
    }) && snapshot.sync.iter().flatten().all(|sync| {
        sync.waiters.len() <= IDS_MAX
            && sync.waits.len() <= WAITING_KINDS_MAX
            && sync.waits.iter().all(|waiting| waiting.first.len() <= Waiting::FIRST_MAX)
    })
}

proptest! {
    #[test]
    fn a_picture_arrives_as_it_was_sent(rows in vec(row(), 0..40)) {
        let mut assembly = Assembly::new();
        let mut parts = parts(&rows);
        let last = parts.pop().unwrap();
        for part in parts {
            prop_assert_eq!(assembly.add(part), Ok(None));
        }
        prop_assert_eq!(assembly.add(last), Ok(Some(expected(&rows))));
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(messages in vec(vec(any::<u8>(), 0..200), 0..4)) {
        let mut assembly = Assembly::new();
        for message in messages {
            let _ = receive(&mut assembly, &message);
            let _ = proto::HelloReply::decode(&*message).map(decode_hello);
            let _ = proto::SnapshotRequest::decode(&*message).map(decode_request);
            let _ = proto::WatchRequest::decode(&*message).map(decode_watch);
        }
    }

    #[test]
    fn a_picture_that_was_tampered_with_does_no_harm(
        rows in vec(row(), 1..10),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut assembly = Assembly::new();
        for part in parts(&rows) {
            let mut bytes = part.encode_to_vec();
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            if let Ok(Some(picture)) = receive(&mut assembly, &bytes) {
                prop_assert!(is_bounded(&picture));
            }
            let _ = receive(&mut assembly, &bytes[..cut.index(bytes.len())]);
        }
    }

    #[test]
    fn a_request_arrives_as_it_was_sent(
        filter in ".{0,40}",
        sort in "-?[a-z_]{0,12}",
        (offset, limit, around) in (any::<u64>(), of(any::<u64>()), of(any::<u64>())),
        (expanded, depth) in (vec(any::<u64>(), 0..5), of(any::<u32>())),
        (cycles, states, hidden, finished) in any::<(bool, bool, bool, bool)>(),
        (detail, why) in (of(any::<u64>()), of(any::<u64>())),
    ) {
        let query = Query { filter, sort, offset, limit, around };
        let request = Request {
            tree: Some(TreeQuery { query: query.clone(), depth, expanded: expanded.clone(), collapsed: expanded, finished }),
            tasks: Some(query), cycles, states, hidden, detail, why,
            loops: Some(Query::all()),
            ..Request::default()
        };
        let interval = Duration::from_millis(70);
        let bytes = encode_watch(&request, 1, interval).encode_to_vec();
        let back = decode_watch(proto::WatchRequest::decode(&*bytes).unwrap());
        prop_assert_eq!(back, Ok((request, interval)));
    }
}

#[test]
fn no_part_is_larger_than_it_may_be() {
    let task = Task {
        name: Some("n".repeat(1000)),
        site: Some(Place::new("f".repeat(5000), 1, 1)),
        waiting_on: vec![Wait { at: Some(Place::new("f".repeat(5000), 1, 1)), ..Wait::default() }; 20],
        ..Task::default()
    };
    let buckets =
        (0..20_000).map(|i| Bucket { low_ns: i << 40, high_ns: i << 40, count: u64::MAX }).collect();
    let detail = Detail {
        task: task.clone(),
        waits: task.waiting_on.clone(),
        children: vec![task.clone(); 300],
        waiters: vec![task.clone(); 300],
        ancestors: vec![task.clone(); 300],
        poll: Some(Hist::from_buckets(buckets)),
        ..Detail::default()
    };
    let rows = [Row::Task(task.clone()), Row::Detail(Box::new(detail)), Row::Task(task)];
    let parts = parts(&rows);
    assert!(parts.iter().all(|part| part.encoded_len() <= PART_BYTES_MAX));

    let mut assembly = Assembly::new();
    let picture = parts.into_iter().find_map(|part| assembly.add(part).unwrap()).unwrap();
    assert!(is_bounded(&picture));
    let detail = picture.detail.unwrap();
    assert_eq!(detail.children.len() as u64 + detail.children_more, 300);
    assert_eq!(detail.waits.len() as u64 + detail.waits_more, 20);
    // Merged buckets lose no count, which saturates here.
    assert!(detail.poll.unwrap().buckets().iter().all(|bucket| bucket.count == u64::MAX));
}

#[test]
fn small_rows_share_a_part_and_parts_keep_to_their_size() {
    let rows: Vec<_> = (0..50_000).map(|id| Row::Task(Task { id, ..Task::default() })).collect();
    let parts = parts(&rows);
    assert!(parts.len() > 1);
    assert!(parts.iter().all(|part| part.encoded_len() <= PART_BYTES_TARGET));
    // Only the last one may be nearly empty.
    assert!(parts[..parts.len() - 1].iter().all(|part| part.encoded_len() > PART_BYTES_TARGET / 2));
}

/// One part with this table, for messages that no agent of ours would send.
fn lone(part: proto::Part) -> Result<Option<Picture>, DecodeError> {
    let tables = (1..=8).map(|table| proto::TableInfo { table, ..proto::TableInfo::default() }).collect();
    let header =
        proto::Header { process: Some(proto::Process::default()), tables, ..proto::Header::default() };
    Assembly::new().add(proto::Part { header: Some(header), last: true, ..part })
}

fn raw_task() -> proto::Task {
    proto::Task { kind: 1, state: 1, ..proto::Task::default() }
}

fn check_refused(part: proto::Part, why: &str) {
    let error = lone(part).unwrap_err();
    assert_eq!(error.to_string(), format!("the message makes no sense: {why}"));
}

#[test]
fn messages_that_make_no_sense_are_refused() {
    let unknown = proto::Task { state: 99, ..raw_task() };
    check_refused(proto::Part { tasks: vec![unknown], ..Default::default() }, "an unknown state of a task");
    let no_task = proto::TreeNode::default();
    check_refused(
        proto::Part { tree: vec![no_task], ..Default::default() },
        "a row of the tree without a task",
    );
    let at = |depth| proto::TreeNode { depth, task: Some(raw_task()), ..Default::default() };
    check_refused(
        proto::Part { tree: vec![at(1), at(3)], ..Default::default() },
        "a tree that leaves out a level",
    );
    check_refused(
        proto::Part { sites: vec![proto::Site::default()], ..Default::default() },
        "a spawn site that is nowhere",
    );
    let bucket = |low_ns, high_ns| proto::Bucket { low_ns, high_ns, count: 1 };
    let histogram = proto::Histogram { buckets: vec![bucket(5, 9), bucket(9, 10)] };
    let detail = proto::Detail { task: Some(raw_task()), poll: Some(histogram), ..Default::default() };
    check_refused(
        proto::Part { detail: Some(detail), ..Default::default() },
        "a histogram whose buckets overlap or are out of order",
    );
}

#[test]
fn parts_out_of_order_are_refused() {
    let mut assembly = Assembly::new();
    assert!(assembly.add(proto::Part::default()).is_err());

    let first = || parts(&[]).remove(0);
    let open = || proto::Part { last: false, ..first() };
    assert_eq!(assembly.add(open()), Ok(None));
    assert!(assembly.add(open()).is_err());

    let mut assembly = Assembly::new();
    assert_eq!(assembly.add(open()), Ok(None));
    assert!(assembly.add(proto::Part { picture: 2, ..proto::Part::default() }).is_err());
}

#[test]
fn an_endless_picture_is_given_up() {
    let mut assembly = Assembly::new();
    assert_eq!(assembly.add(proto::Part { last: false, ..parts(&[]).remove(0) }), Ok(None));
    let part = proto::Part { picture: 1, tasks: vec![raw_task(); 10_000], ..proto::Part::default() };
    let taken = (0..1000).take_while(|_| assembly.add(part.clone()).is_ok()).count();
    assert_eq!(taken as u64, 2 * ROWS_MAX / 10_000);
}

#[test]
fn numbers_that_cannot_be_are_absent_or_clamped() {
    let loops = [f64::NAN, f64::INFINITY, -1.0, 7.0]
        .map(|part| proto::Loop { utilisation: Some(part), ..proto::Loop::default() });
    let picture = lone(proto::Part { loops: loops.to_vec(), ..Default::default() }).unwrap().unwrap();
    let parts: Vec<_> = picture.snapshot.loops.unwrap().iter().map(|it| it.utilisation).collect();
    assert_eq!(parts, [None, None, Some(0.0), Some(1.0)]);
}

#[test]
fn an_unknown_wait_is_unknown_and_not_an_error() {
    let wait = proto::Wait { kind: 77, ..proto::Wait::default() };
    let task = proto::Task { waiting_on: vec![wait], ..raw_task() };
    let picture = lone(proto::Part { tasks: vec![task], ..Default::default() }).unwrap().unwrap();
    assert_eq!(picture.snapshot.tasks.unwrap()[0].waiting_on[0].kind, WaitKind::Unknown);
}

#[test]
fn requests_out_of_bounds_are_refused() {
    let request = |filter: &str| proto::SnapshotRequest {
        tasks: Some(proto::Query { filter: filter.into(), ..Default::default() }),
        ..Default::default()
    };
    assert!(decode_request(request("x")).is_ok());
    assert!(decode_request(request(&"x".repeat(5000))).is_err());
    let watch = |interval_ns| proto::WatchRequest { snapshot: Some(request("")), interval_ns };
    assert!(decode_watch(watch(50_000_000)).is_ok());
    assert!(decode_watch(watch(49_999_999)).is_err());
    assert!(decode_watch(watch(u64::MAX)).is_err());
    assert!(decode_watch(proto::WatchRequest { snapshot: None, interval_ns: 1 << 30 }).is_err());
    let tree = proto::TreeQuery { expanded: vec![1; 5000], ..Default::default() };
    assert!(decode_request(proto::SnapshotRequest { tree: Some(tree), ..Default::default() }).is_err());
}

#[test]
fn a_handshake_arrives_as_it_was_sent() {
    let process = Process {
        pid: 12,
        exe: Some("/bin/app".into()),
        name: Some("app".into()),
        started_at: Some(WallTime(1)),
        runtime: Some(RuntimeKind::Loopscope),
        version: Some("0.1.0".into()),
        debug: Some(true),
        loops: Some(1),
        tasks: Some(2),
        blocked: Some(0),
        rights: Some(crate::model::Rights { see: true, ..Default::default() }),
        capabilities: Some([crate::model::Capability::Tasks].into_iter().collect()),
        ..Process::default()
    };
    let hello = Hello { protocol_min: 1, protocol_max: 3, protocol: Some(2), process, start_ticks: Some(99) };
    assert_eq!(decode_hello(encode_hello(hello.clone())), Ok(hello.clone()));

    let bad = |hello: Hello| decode_hello(encode_hello(hello)).is_err();
    assert!(bad(Hello { protocol_min: 0, ..hello.clone() }));
    assert!(bad(Hello { protocol_max: 0, ..hello.clone() }));
    assert!(bad(Hello { protocol: Some(4), ..hello }));
}
