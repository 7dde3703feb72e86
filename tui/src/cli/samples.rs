//! Synthetic pictures for the tests: every field filled, or next to nothing.

use loopscope_inspector::model::{
    Cycle, Directions, Exit, Frame, InCycle, Io, IoTotal, Job, Loop, Place, Pool, Process, ResourceKind,
    ResourceRef, Rights, Running, RuntimeKind, Severity, Site, Snapshot, Summary, Sync, Task, TaskKind,
    TaskState, Timer, TimerKind, TreeNode, Wait, WaitKind, Waiter, Waiting, WallTime, Warning,
};

/// 2026-03-01T12:00:00.25Z.
pub(crate) const NOON: WallTime = WallTime(1_772_366_400_250_000_000);

pub(crate) fn place(file: &str, line: u32) -> Place {
    Place::new(file, line, 9)
}

pub(crate) fn summary() -> Summary {
    Summary {
        count: 1_000,
        min_ns: Some(800),
        max_ns: Some(52_000_000),
        mean_ns: Some(61_000),
        p50_ns: Some(12_000),
        p90_ns: Some(90_000),
        p99_ns: Some(400_000),
        p999_ns: Some(2_000_000),
        p9999_ns: Some(52_000_000),
    }
}

pub(crate) fn process() -> Process {
    Process {
        pid: 4711,
        exe: Some("/usr/bin/shop".into()),
        name: Some("shop".into()),
        socket: Some("/run/user/1000/loopscope/4711-8123.sock".into()),
        started_at: Some(NOON.saturating_sub_ns(3_600_000_000_000)),
        uptime_ns: Some(3_600_000_000_000),
        cpu: Some(0.125),
        rss_bytes: Some(30 << 20),
        runtime: Some(RuntimeKind::Loopscope),
        version: Some("0.1.0".into()),
        debug: Some(false),
        loops: Some(2),
        tasks: Some(12_345),
        warnings: Some(3),
        blocked: Some(0),
        rights: Some(Rights { see: true, diagnose: true, control: false }),
        ..Process::default()
    }
}

/// A task that waits for a lock, with every field known.
pub(crate) fn task() -> Task {
    Task {
        id: 7,
        name: Some("worker".into()),
        kind: TaskKind::Task,
        parent: Some(1),
        loop_id: Some(0),
        state: TaskState::Idle,
        state_for_ns: Some(1_200_000_000),
        site: Some(place("src/main.rs", 40)),
        spawned_at: Some(NOON.saturating_sub_ns(5_000_000_000)),
        ended_at: Some(NOON),
        polls: 1_234,
        wakes: 1_200,
        self_wakes: 3,
        wakers: Some(1),
        busy_ns: 15_000_000,
        scheduled_ns: 250_000,
        idle_ns: 4_984_750_000,
        longest_poll_ns: Some(2_000_000),
        size_bytes: Some(512),
        blocks: Some(4),
        waiting_on: vec![Wait {
            kind: WaitKind::Lock,
            resource: Some(ResourceRef {
                id: 3,
                kind: ResourceKind::Lock,
                name: Some("db".into()),
                fd: Some(12),
                local: Some("127.0.0.1:4000".into()),
                peer: Some("10.0.0.7:5432".into()),
                ..ResourceRef::default()
            }),
            task: Some(9),
            task_name: Some("writer".into()),
            for_ns: Some(1_200_000_000),
            deadline_in_ns: Some(-5),
            at: Some(place("src/main.rs", 52)),
            made_at: Some(place("src/main.rs", 20)),
            detail: Some("of the shop".into()),
            perhaps: false,
        }],
        waiting_on_more: 2,
        warnings: vec!["slow-poll".into()],
        ..Task::default()
    }
}

/// The tasks of a small program, in the order of display.
pub(crate) fn tasks() -> Vec<Task> {
    let sleeping = Wait { kind: WaitKind::Sleep, deadline_in_ns: Some(340_000_000), ..Wait::default() };
    let group = Wait { kind: WaitKind::Group, for_ns: Some(9_000_000_000), ..Wait::default() };
    let locked = Wait {
        kind: WaitKind::Lock,
        resource: Some(ResourceRef {
            id: 3,
            kind: ResourceKind::Lock,
            name: Some("db".into()),
            ..ResourceRef::default()
        }),
        task: Some(9),
        task_name: Some("writer".into()),
        for_ns: Some(1_200_000_000),
        ..Wait::default()
    };
    let reading = Wait {
        kind: WaitKind::Read,
        resource: Some(ResourceRef {
            id: 4,
            kind: ResourceKind::Tcp,
            fd: Some(12),
            peer: Some("10.0.0.7:5432".into()),
            ..ResourceRef::default()
        }),
        for_ns: Some(12_000_000_000),
        ..Wait::default()
    };
    let row = |id, name: Option<&str>, state, waits: &[&Wait]| Task {
        id,
        name: name.map(Into::into),
        state,
        state_for_ns: Some(1_200_000_000),
        site: Some(place("src/main.rs", 40)),
        polls: 1_000 * id,
        busy_ns: 1_500_000 * id,
        longest_poll_ns: Some(2_000_000),
        loop_id: Some(0),
        waiting_on: waits.iter().map(|&wait| wait.clone()).collect(),
        ..Task::default()
    };
    vec![
        row(1, Some("main"), TaskState::Idle, &[&group]),
        Task { blocks: Some(1), ..row(9, Some("writer"), TaskState::Idle, &[&reading]) },
        Task { parent: Some(1), ..row(7, Some("worker"), TaskState::Idle, &[&locked, &sleeping]) },
        Task { warnings: vec!["blocked".into()], ..row(8, None, TaskState::Running, &[]) },
        row(10, Some("evil \x1b[2J name"), TaskState::Completed, &[]),
    ]
}

/// Two tasks of which each holds the lock that the other wants.
pub(crate) fn deadlock() -> Vec<Task> {
    let wants = |id, name: &str, lock, held_by: (u64, &str)| Task {
        id,
        name: Some(name.into()),
        waiting_on: vec![Wait {
            kind: WaitKind::Lock,
            resource: Some(ResourceRef {
                id: lock,
                kind: ResourceKind::Lock,
                name: Some(format!("lock{lock}")),
                ..ResourceRef::default()
            }),
            task: Some(held_by.0),
            task_name: Some(held_by.1.into()),
            for_ns: Some(3_000_000_000),
            at: Some(place("src/main.rs", 52)),
            ..Wait::default()
        }],
        ..Task::default()
    };
    vec![wants(7, "one", 1, (9, "other")), wants(9, "other", 2, (7, "one"))]
}

pub(crate) fn tree() -> Vec<TreeNode> {
    let shape = [(0, 3, false), (1, 1, false), (2, 0, true), (1, 0, true), (0, 0, true)];
    tasks()
        .into_iter()
        .zip(shape)
        .map(|(task, (depth, children, last))| TreeNode {
            depth,
            children,
            descendants: children,
            last,
            task,
        })
        .collect()
}

pub(crate) fn cycles() -> Vec<Cycle> {
    vec![
        Cycle { deadlock: true, tasks: vec![7, 9], behind: 2 },
        Cycle { tasks: vec![8, 10, 1], ..Cycle::default() },
    ]
}

pub(crate) fn loops() -> Vec<Loop> {
    let quiet = Loop {
        id: 0,
        name: Some("app".into()),
        thread: Some("main".into()),
        tid: Some(4711),
        uptime_ns: Some(3_600_000_000_000),
        tasks: 12_000,
        ready: 3,
        timers: Some(40),
        utilisation: Some(0.42),
        ticks: 1_000_000,
        driver_turns: Some(900_000),
        polls: Some(3_000_000),
        remote_wakes: Some(12),
        busy_ns: Some(1_500_000_000_000),
        parked_ns: Some(2_000_000_000_000),
        poll: Some(summary()),
        scheduled: Some(summary()),
        lateness: Some(summary()),
        io_wait: Some(summary()),
        ..Loop::default()
    };
    let stuck = Running {
        task: Some(8),
        for_ns: 3_200_000_000,
        name: Some("report".into()),
        site: Some(place("src/main.rs", 40)),
    };
    let running = Loop { id: 1, name: None, running: Some(stuck), tasks: 5, ..quiet.clone() };
    vec![quiet, running]
}

pub(crate) fn warnings() -> Vec<Warning> {
    vec![
        Warning {
            name: "blocked".into(),
            severity: Severity::Error,
            task: Some(8),
            loop_id: Some(1),
            count: 1,
            for_ns: Some(3_200_000_000),
            message: "loop 1 has been in one poll for 3.2 s".into(),
            at: Some(place("src/main.rs", 40)),
            stack: vec![Frame { function: "shop::report".into(), at: Some(place("src/report.rs", 12)) }],
            ..Warning::default()
        },
        Warning {
            name: "slow-poll".into(),
            severity: Severity::Warning,
            task: Some(7),
            resource: Some(3),
            loop_id: Some(0),
            count: 1_234,
            for_ns: Some(150_000_000),
            message: "a poll took 150 ms".into(),
            ..Warning::default()
        },
    ]
}

/// A name that a program might bear to drive the terminal of whoever looks at it.
const HOSTILE: &str = "evil \x1b[2J, \"name\"\n";

/// A site with every field known, and one with next to nothing.
pub(crate) fn sites() -> Vec<Site> {
    let known = Site {
        loop_id: Some(0),
        site: place("src/main.rs", 40),
        name: Some("worker".into()),
        live: 3,
        spawned: 12_345,
        completed: 12_340,
        cancelled: 1,
        panicked: 1,
        busy_ns: 1_500_000_000,
        poll: Some(summary()),
        scheduled: Some(summary()),
        ..Site::default()
    };
    vec![known, Site { site: place("src/lib.rs", 7), name: Some(HOSTILE.into()), ..Site::default() }]
}

pub(crate) fn timers() -> Vec<Timer> {
    let timer = |task, name: Option<&str>, kind, deadline_in_ns| Timer {
        loop_id: Some(0),
        task,
        task_name: name.map(Into::into),
        kind,
        deadline_in_ns,
        at: Some(place("src/main.rs", 52)),
        ..Timer::default()
    };
    vec![
        timer(Some(7), Some("worker"), TimerKind::Sleep, -2_500_000),
        timer(Some(8), Some(HOSTILE), TimerKind::Timeout, 340_000_000),
        timer(Some(9), None, TimerKind::Interval, 61_000_000_000),
        Timer { kind: TimerKind::CallLater, ..Timer::default() },
    ]
}

pub(crate) fn io() -> Vec<Io> {
    let connection = Io {
        id: 4,
        loop_id: Some(0),
        fd: Some(12),
        kind: ResourceKind::Tcp,
        name: Some("db".into()),
        local: Some("127.0.0.1:4000".into()),
        peer: Some("10.0.0.7:5432".into()),
        interest: Directions { readable: true, writable: true },
        readiness: Directions { readable: false, writable: true },
        bytes_read: 12_345_678,
        bytes_written: 512,
        reads: 1_234,
        writes: 2,
        would_block: 1_200,
        idle_for_ns: Some(12_000_000_000),
        waiting: vec![9],
        waits: vec![waiting(WaitKind::Read, 1, &[(9, Some("writer"))])],
        readiness_delay: Some(summary()),
        made_at: Some(place("src/main.rs", 20)),
        ..Io::default()
    };
    let hostile = Io {
        id: 5,
        fd: Some(13),
        kind: ResourceKind::Unix,
        local: Some(format!("/tmp/{HOSTILE}")),
        waiting: vec![1, 2, 3, 4, 5, 6],
        ..Io::default()
    };
    let child = Io {
        id: 6,
        fd: Some(14),
        kind: ResourceKind::Process,
        name: Some("sh".into()),
        child_pid: Some(4_711),
        ..Io::default()
    };
    let ended = Io { id: 7, exit: Some(Exit::Signal(9)), ..child.clone() };
    let signal = Io { id: 8, kind: ResourceKind::Signal, name: Some("SIGTERM".into()), ..Io::default() };
    vec![connection, hostile, child, ended, signal]
}

/// Tasks that wait for the same thing of a resource, since 1.2 s.
fn waiting(kind: WaitKind, count: u64, first: &[(u64, Option<&str>)]) -> Waiting {
    let waiter = |&(task, name): &(u64, Option<&str>)| Waiter {
        task,
        name: name.map(str::to_owned),
        for_ns: Some(1_200_000_000),
        at: Some(place("src/main.rs", 61)),
    };
    Waiting { kind, count, first: first.iter().map(waiter).collect() }
}

pub(crate) fn io_totals() -> Vec<IoTotal> {
    let connections = IoTotal {
        loop_id: Some(0),
        kind: ResourceKind::Tcp,
        made_at: Some(place("src/main.rs", 20)),
        open: 1,
        opened: 1_001,
        closed: 1_000,
        bytes_read: 98_765_432,
        bytes_written: 123_456,
        reads: 9_876,
        writes: 1_003,
        would_block: 9_000,
        readiness_delay: Some(summary()),
        ..IoTotal::default()
    };
    let elsewhere = IoTotal { made_at: Some(place(HOSTILE, 1)), opened: 2, closed: 2, ..IoTotal::default() };
    vec![connections, elsewhere]
}

pub(crate) fn sync() -> Vec<Sync> {
    let lock = Sync {
        id: 3,
        loop_id: Some(0),
        kind: ResourceKind::Lock,
        name: Some("db".into()),
        made_at: Some(place("src/main.rs", 20)),
        made_by: Some(1),
        holder: Some(9),
        holder_name: Some("writer".into()),
        held_for_ns: Some(1_200_000_000),
        held_at: Some(place("src/main.rs", 52)),
        waiters: vec![7],
        waits: vec![waiting(WaitKind::Lock, 1, &[(7, None)])],
        cycle: Some(InCycle::Deadlock),
        ..Sync::default()
    };
    let queue = Sync {
        id: 6,
        kind: ResourceKind::Queue,
        name: Some(HOSTILE.into()),
        waiters: vec![10, 11],
        len: Some(1_000),
        limit: Some(1_000),
        waits: vec![
            waiting(WaitKind::Put, 1, &[(10, Some("producer"))]),
            waiting(WaitKind::Event, 1, &[(11, Some(HOSTILE))]),
        ],
        ..Sync::default()
    };
    let permits = Sync {
        id: 9,
        kind: ResourceKind::Semaphore,
        name: Some("api".into()),
        waiters: (20..26).collect(),
        waits: vec![waiting(
            WaitKind::Semaphore,
            6,
            &[(20, None), (21, None), (22, None), (23, None), (24, None)],
        )],
        len: Some(0),
        limit: Some(3),
        ..Sync::default()
    };
    vec![lock, queue, permits]
}

pub(crate) fn jobs() -> Vec<Job> {
    let running = Job {
        id: 31,
        name: Some("thumbnail".into()),
        pool: "blocking".into(),
        state: TaskState::Running,
        site: Some(place("src/main.rs", 77)),
        parent: Some(7),
        parent_loop: Some(0),
        tid: Some(4720),
        queued_for_ns: 25_000,
        running_for_ns: Some(1_200_000_000),
        queued_at: NOON.saturating_sub_ns(1_200_025_000),
        ..Job::default()
    };
    let queued = Job {
        id: 32,
        name: Some(HOSTILE.into()),
        pool: "resolve".into(),
        state: TaskState::Scheduled,
        queued_for_ns: 800_000,
        queued_at: NOON,
        ..Job::default()
    };
    let ended =
        Job { id: 30, name: None, state: TaskState::Completed, ended_at: Some(NOON), ..running.clone() };
    vec![running, queued, ended]
}

pub(crate) fn pools() -> Vec<Pool> {
    vec![Pool {
        name: "blocking".into(),
        threads: 4,
        idle: 3,
        threads_max: 64,
        queued: 0,
        running: 1,
        completed: 12_345,
        panicked: 1,
        cancelled: 2,
        refused: 3,
        queue_max: Some(10_000),
        waited: Some(summary()),
        ran: Some(summary()),
        ..Pool::default()
    }]
}

/// A picture with everything in it.
pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        sites: Some(sites()),
        timers: Some(timers()),
        io: Some(io()),
        io_totals: Some(io_totals()),
        sync: Some(sync()),
        blocking: Some(jobs()),
        pools: Some(pools()),
        ..of_tasks_and_loops()
    }
}

fn of_tasks_and_loops() -> Snapshot {
    Snapshot {
        taken_at: NOON,
        processes: vec![process()],
        total: 5,
        shown: 5,
        dropped: 0,
        tasks: Some(tasks()),
        tree: Some(tree()),
        cycles: Some(cycles()),
        loops: Some(loops()),
        warnings: Some(warnings()),
        ..Snapshot::default()
    }
}
