//! Rows of the tables that are not tasks.

use super::{SECOND, place, summary};
use loopscope_inspector::model::{
    Directions, Exit, InCycle, Io, IoTotal, ResourceKind, Site, Sync, Timer, TimerKind, WaitKind, Waiter,
    Waiting,
};

/// Sites of every kind: busy ones, one of a hundred thousand tasks, one without a name, one with a hostile one.
pub(crate) fn sites() -> Vec<Site> {
    let site = |file: &str, line, name: Option<&str>, live, spawned, busy_ns| Site {
        loop_id: Some(0),
        site: place(file, line),
        name: name.map(str::to_owned),
        live,
        spawned,
        completed: (spawned - live) / 2,
        cancelled: spawned - live - (spawned - live) / 2,
        busy_ns,
        poll: Some(summary(spawned * 3, 2_000, 900_000, 1_100_000_000)),
        scheduled: Some(summary(spawned * 3, 9_000, 4_000_000, 90_000_000)),
        ..Site::default()
    };
    let dependency = "/a/.cargo/registry/src/index.crates.io-0123456789abcdef/pool-1.2.3/src/lib.rs";
    vec![
        site("src/main.rs", 40, Some("worker"), 8, 8, 93 * SECOND),
        site("src/net/connection.rs", 112, Some("handler"), 100_000, 1_234_567, 4 * SECOND),
        Site { panicked: 3, ..site("src/jobs.rs", 7, Some("日本語の名前"), 1, 99, 12_345_678) },
        site(dependency, 7, None, 4, 5, 90_000),
        site("src/evil.rs", 66, Some("evil\x1b[2J\nname"), 0, 1, 870),
        Site { poll: None, scheduled: None, ..site("src/new.rs", 1, Some("never polled"), 1, 1, 0) },
    ]
}

/// Timers, two of them late, one of a callback.
pub(crate) fn timers() -> Vec<Timer> {
    let timer = |task, kind, deadline_in_ns, line| Timer {
        loop_id: Some(0),
        task,
        kind,
        deadline_in_ns,
        at: Some(place("src/main.rs", line)),
        ..Timer::default()
    };
    vec![
        Timer {
            task_name: Some("worker".to_owned()),
            ..timer(Some(12), TimerKind::Timeout, -3_100_000_000, 41)
        },
        timer(Some(8), TimerKind::Sleep, -1_200_000, 61),
        timer(Some(22), TimerKind::Interval, 340_000_000, 74),
        timer(None, TimerKind::CallLater, 5_000_000_000, 90),
        Timer {
            loop_id: Some(1),
            at: None,
            task_name: Some("evil\x1b[2J\nname".to_owned()),
            ..timer(Some(14), TimerKind::Sleep, 3_600_000_000_000, 0)
        },
    ]
}

/// Descriptors: a listener, connections that are waited for by nobody, one or many, child processes, a pipe, a signal, hostile
/// names.
pub(crate) fn io() -> Vec<Io> {
    let io = |fd: i32, kind, local: &str, peer: &str, bytes_read: u64, waiting: &[u64]| Io {
        id: fd as u64 + 100,
        loop_id: Some(0),
        fd: Some(fd),
        kind,
        local: Some(local.to_owned()).filter(|address| !address.is_empty()),
        peer: Some(peer.to_owned()).filter(|address| !address.is_empty()),
        interest: Directions { readable: true, writable: true },
        bytes_read,
        bytes_written: bytes_read / 3,
        reads: bytes_read / 64,
        writes: bytes_read / 128,
        would_block: bytes_read / 1_000,
        idle_for_ns: (bytes_read > 0).then_some(1_200_000_000),
        waiting: waiting.to_vec(),
        made_at: Some(place("src/net/connection.rs", 30)),
        ..Io::default()
    };
    let long = "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:65535";
    vec![
        io(9, ResourceKind::TcpListener, "0.0.0.0:8080", "", 0, &[22]),
        io(12, ResourceKind::Tcp, "10.0.0.1:41234", "10.0.0.7:5432", 1_234_567_890, &[9]),
        io(13, ResourceKind::Tcp, long, long, 4_096, &[7, 9, 14]),
        io(14, ResourceKind::Udp, "127.0.0.1:53", "", 512, &[]),
        Io { name: Some("evil\x1b[2J\nname".to_owned()), ..io(15, ResourceKind::Pipe, "", "", 0, &[]) },
        io(16, ResourceKind::Unix, "/run/a path/with spaces.sock", "(unnamed)", 77, &[13]),
        Io {
            name: Some("sh".to_owned()),
            child_pid: Some(4_711),
            waits: vec![waiting(WaitKind::Process, 1, &[(14, "supervisor")])],
            ..io(17, ResourceKind::Process, "", "", 0, &[14])
        },
        Io {
            name: Some("tar".to_owned()),
            child_pid: Some(4_712),
            exit: Some(Exit::Signal(9)),
            ..io(18, ResourceKind::Process, "", "", 0, &[])
        },
        Io {
            name: Some("stdout of sh".to_owned()),
            child_pid: Some(4_711),
            ..io(19, ResourceKind::Pipe, "", "", 640, &[])
        },
        Io { fd: None, name: Some("SIGTERM".to_owned()), ..io(20, ResourceKind::Signal, "", "", 0, &[]) },
    ]
}

/// Sums of two places, one of which made nothing but one descriptor.
pub(crate) fn io_totals() -> Vec<IoTotal> {
    vec![
        IoTotal {
            loop_id: Some(0),
            kind: ResourceKind::Tcp,
            made_at: Some(place("src/net/connection.rs", 30)),
            open: 3,
            opened: 1_234_567,
            closed: 1_234_564,
            bytes_read: 9_876_543_210,
            bytes_written: 3_333_333_333,
            reads: 98_765_432,
            writes: 12_345_678,
            would_block: 4_444,
            readiness_delay: Some(summary(98_765_432, 12_000, 900_000, 130_000_000)),
            ..IoTotal::default()
        },
        IoTotal {
            loop_id: Some(0),
            kind: ResourceKind::TcpListener,
            made_at: Some(place("src/main.rs", 20)),
            open: 1,
            opened: 1,
            ..IoTotal::default()
        },
    ]
}

/// A lock that others wait for, full and empty ones of each kind that can be full, a deadlock, a hostile name.
pub(crate) fn sync() -> Vec<Sync> {
    let sync = |id, kind, name: &str, waits: &[Waiting]| Sync {
        id,
        loop_id: Some(0),
        kind,
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        made_at: Some(place("src/main.rs", 20)),
        made_by: Some(1),
        waiters: waits.iter().flat_map(|waiting| &waiting.first).map(|waiter| waiter.task).collect(),
        waits: waits.to_vec(),
        ..Sync::default()
    };
    let held = |by: u64, name: &str, line| Sync {
        holder: Some(by),
        holder_name: Some(name.to_owned()),
        held_for_ns: Some(1_200_000_000),
        held_at: Some(place("src/db.rs", line)),
        ..Sync::default()
    };
    let lock = |held: Sync, id, name, waits: &[Waiting]| Sync {
        holder: held.holder,
        holder_name: held.holder_name,
        held_for_ns: held.held_for_ns,
        held_at: held.held_at,
        ..sync(id, ResourceKind::Lock, name, waits)
    };
    let queue =
        [waiting(WaitKind::Put, 12, &[(15, "producer")]), waiting(WaitKind::Event, 1, &[(1, "main")])];
    let permits = sync(8, ResourceKind::Semaphore, "api", &[waiting(WaitKind::Semaphore, 1, &[(14, "")])]);
    let barrier = sync(9, ResourceKind::Barrier, "start", &[waiting(WaitKind::Barrier, 1, &[(13, "")])]);
    vec![
        lock(
            held(9, "writer", 61),
            5,
            "db",
            &[waiting(WaitKind::Lock, 3, &[(7, "reader"), (8, ""), (13, "")])],
        ),
        Sync {
            cycle: Some(InCycle::Deadlock),
            ..lock(held(14, "left", 70), 10, "fork", &[waiting(WaitKind::Lock, 1, &[(13, "right")])])
        },
        Sync { len: Some(16), limit: Some(16), ..sync(6, ResourceKind::Queue, "jobs", &queue) },
        Sync { len: Some(0), limit: Some(3), ..permits },
        Sync { len: Some(2), limit: Some(5), ..barrier },
        Sync { len: Some(1_234), ..sync(7, ResourceKind::Channel, "", &[]) },
        Sync {
            cycle: Some(InCycle::Behind),
            ..sync(
                11,
                ResourceKind::Group,
                "evil\x1b[2J\nname",
                &[waiting(WaitKind::Group, 1, &[(1, "main")])],
            )
        },
    ]
}

/// Tasks that wait for the same thing of a resource, the first of them since 12 s.
fn waiting(kind: WaitKind, count: u64, first: &[(u64, &str)]) -> Waiting {
    let waiter = |&(task, name): &(u64, &str)| Waiter {
        task,
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        for_ns: Some(12 * SECOND),
        at: Some(place("src/worker.rs", 44)),
    };
    Waiting { kind, count, first: first.iter().map(waiter).collect() }
}
