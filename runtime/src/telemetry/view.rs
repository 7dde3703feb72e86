//! What a reader gets: plain values copied out of the records of one loop.
//!
//! Everything here is a copy; nothing borrows from a loop and nothing is allocated per task, so that a million tasks can be
//! walked. Instants are [`Instant`]s of the OS's monotonic clock, durations are nanoseconds in fields that end in `_ns`.
//! Names and places are small indices, resolved by [`LoopReader::name`] and [`LoopReader::place`] only when they are shown.
//!
//! [`Instant`]: crate::time::Instant
//! [`LoopReader::name`]: super::LoopReader::name
//! [`LoopReader::place`]: super::LoopReader::place

use crate::time::Instant;
use std::net::SocketAddr;
use std::panic::Location;
use std::process::ExitStatus;

/// What runs: a future, a callback, or a job on a blocking thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TaskKind {
    /// A spawned future.
    Task,
    /// A callback of `call_soon`, `call_later` or `call_at`.
    Callback,
    /// A job on a blocking thread.
    Blocking,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TaskState {
    /// Waiting for a wake.
    Idle,
    /// Woken, in the run queue.
    Scheduled,
    /// Being polled right now.
    Running,
    /// Its future returned.
    Completed,
    /// Its future was dropped before it returned.
    Cancelled,
    /// Its future panicked.
    Panicked,
}

impl TaskState {
    /// Whether the task is over.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Panicked)
    }
}

/// What a waiting task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WaitKind {
    /// A timer.
    Sleep,
    /// The end of another task.
    Join,
    /// The end of a group's tasks.
    Group,
    /// A lock.
    Lock,
    /// A semaphore's permit.
    Semaphore,
    /// An event.
    Event,
    /// A condition variable.
    Condition,
    /// A barrier.
    Barrier,
    /// Room in a queue.
    Put,
    /// An item of a queue.
    Get,
    /// Room in a channel.
    Send,
    /// A message of a channel.
    Recv,
    /// A descriptor's readability.
    Read,
    /// A descriptor's writability.
    Write,
    /// A connection to accept.
    Accept,
    /// A connection being made.
    Connect,
    /// A name being resolved.
    Resolve,
    /// A process's exit.
    Process,
    /// A signal.
    Signal,
    /// A job on a blocking thread.
    Blocking,
    /// Its next turn.
    Yield,
    /// Something this runtime does not know.
    Foreign,
    /// An entry of a kind this reader does not know.
    Unknown,
}

/// An index into a loop's table of places (`file:line:column`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceIndex(pub u32);

/// An index into a loop's table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameIndex(pub u32);

/// An index into a loop's table of spawn sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteIndex(pub u32);

/// An index into a loop's table of I/O totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IoTotalIndex(pub u32);

/// The number of a resource (lock, queue, descriptor), never reused in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub u64);

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file as the compiler named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl From<&'static Location<'static>> for Place {
    fn from(at: &'static Location<'static>) -> Self {
        Self { file: at.file().to_owned(), line: at.line(), column: at.column() }
    }
}

/// One task, live or recently finished.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TaskView {
    /// Never reused in a process.
    pub id: u64,
    /// What runs.
    pub kind: TaskKind,
    /// Where it stands.
    pub state: TaskState,
    /// The id of the task that spawned it.
    pub parent: Option<u64>,
    /// Where it was spawned.
    pub site: SiteIndex,
    /// The name it was given.
    pub name: Option<NameIndex>,
    /// When it was spawned.
    pub spawned_at: Instant,
    /// When it ended, if it did.
    pub ended_at: Option<Instant>,
    /// When `state` began.
    pub state_since: Instant,
    /// How often its future was polled.
    pub polls: u64,
    /// Wakes that made it scheduled.
    pub wakes: u64,
    /// Wakes that came from its own poll.
    pub self_wakes: u64,
    /// Time in `poll`, the poll under way not included.
    pub busy_ns: u64,
    /// Time between a wake and the poll it led to.
    pub scheduled_ns: u64,
    /// The longest single poll so far.
    pub longest_poll_ns: u64,
    /// Size of the future in bytes.
    pub size_bytes: u32,
    /// How many wakers of it are kept somewhere, in wait entries or elsewhere. Known only of tasks that were spawned in debug
    /// mode; an idle task with none will never be woken.
    pub wakers: Option<u64>,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TimerKind {
    /// `sleep` and `sleep_until`, and whatever else sleeps for its own reasons.
    #[default]
    Sleep,
    /// `timeout` and `timeout_at`.
    Timeout,
    /// `interval`.
    Interval,
    /// `call_later` and `call_at`.
    CallLater,
}

/// One thing that one task waits for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WaitView {
    /// The waiting task's id.
    pub task: u64,
    /// What for.
    pub kind: WaitKind,
    /// The task waited for, of a join.
    pub target_task: Option<u64>,
    /// The job on a blocking thread waited for, also of a name being resolved; see [`pools`](super::pools).
    pub target_job: Option<u64>,
    /// The resource waited for.
    pub resource: Option<ResourceId>,
    /// When a timer ends; absent of one that only ends if it is given a deadline.
    pub deadline: Option<Instant>,
    /// What that timer is for.
    pub timer: Option<TimerKind>,
    /// The place of the `.await`.
    pub at: Option<PlaceIndex>,
    /// Where the awaited future was made.
    pub made_at: Option<PlaceIndex>,
    /// Since when.
    pub since: Instant,
    /// The task was polled again without renewing this entry, so that it may be stale.
    pub perhaps: bool,
}

/// One spawn site: every task spawned there, living or dead, counted exactly.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SiteView {
    /// Its index in the loop.
    pub index: SiteIndex,
    /// Where.
    pub place: PlaceIndex,
    /// The name of the first named task spawned there.
    pub name: Option<NameIndex>,
    /// Tasks spawned so far.
    pub spawned: u64,
    /// Tasks that returned.
    pub completed: u64,
    /// Tasks dropped before they returned.
    pub cancelled: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Time in `poll` of all of them.
    pub busy_ns: u64,
}

impl SiteView {
    /// Tasks of this site alive now.
    pub fn live(&self) -> u64 {
        self.spawned.saturating_sub(self.completed + self.cancelled + self.panicked)
    }
}

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ResourceKind {
    /// A `Mutex`.
    Lock,
    /// A bounded or unbounded queue.
    Queue,
    /// A channel.
    Channel,
    /// A oneshot.
    Oneshot,
    /// A task group.
    Group,
    /// A semaphore.
    Semaphore,
    /// An event.
    Event,
    /// A condition variable.
    Condition,
    /// A barrier.
    Barrier,
    /// A listening TCP socket.
    TcpListener,
    /// A TCP connection.
    Tcp,
    /// A UDP socket.
    Udp,
    /// A listening Unix socket.
    UnixListener,
    /// A Unix stream.
    Unix,
    /// A Unix datagram socket.
    UnixDatagram,
    /// One end of a pipe.
    Pipe,
    /// A child process.
    Process,
    /// A signal listener.
    Signal,
    /// Any other descriptor.
    Fd,
    /// A kind this reader does not know.
    Unknown,
}

/// An address of a socket as a reader can know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// Internet.
    Inet(SocketAddr),
    /// A path, truncated to what the record holds.
    Unix(String),
}

/// Who took an item out of a queue or channel last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taker {
    /// Nobody ever did.
    Nobody,
    /// A task that was over when somebody began to wait for the queue.
    Over,
    /// This task, which may be over by now.
    Task(u64),
}

/// One lock, queue, socket or other thing that tasks wait for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResourceView {
    /// Never reused in a process.
    pub id: ResourceId,
    /// What it is.
    pub kind: ResourceKind,
    /// The name it was given.
    pub name: Option<NameIndex>,
    /// Where it was made.
    pub made_at: Option<PlaceIndex>,
    /// The task that made it.
    pub made_by: Option<u64>,
    /// The id of the task that holds it (locks).
    pub holder: Option<u64>,
    /// Since when it is held.
    pub held_since: Option<Instant>,
    /// Where it was taken.
    pub held_at: Option<PlaceIndex>,
    /// Items in it (queues, channels), free permits (semaphores), tasks that arrived (barriers).
    pub len: Option<u64>,
    /// Who took the last item before somebody began to wait for room in it (queues, channels), where that is known.
    pub taker: Option<Taker>,
    /// Items it can hold (queues, channels; absent if unbounded), permits at most (semaphores), tasks it waits for (barriers).
    pub limit: Option<u64>,
    /// The descriptor.
    pub io: Option<IoView>,
}

/// The descriptor side of a resource.
#[expect(clippy::struct_excessive_bools, reason = "interest and readiness, a bit a direction")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IoView {
    /// The descriptor's number.
    pub fd: i32,
    /// The local address.
    pub local: Option<Address>,
    /// The peer's address.
    pub peer: Option<Address>,
    /// What the loop asked for.
    pub interest_readable: bool,
    /// What the loop asked for.
    pub interest_writable: bool,
    /// What the OS said last, as cached.
    pub ready_readable: bool,
    /// What the OS said last, as cached.
    pub ready_writable: bool,
    /// Bytes read since it was made.
    pub bytes_read: u64,
    /// Bytes written since it was made.
    pub bytes_written: u64,
    /// Read calls that moved bytes or ended the stream.
    pub reads: u64,
    /// Write calls that moved bytes.
    pub writes: u64,
    /// Calls that found the descriptor not ready.
    pub would_block: u64,
    /// When it was last read or written.
    pub last_used: Option<Instant>,
    /// The child process that it is, or that a pipe leads to.
    pub pid: Option<u32>,
    /// How that process ended, once that is known.
    pub exit: Option<ExitStatus>,
}

/// All descriptors of one kind made at one place in one loop, closed ones included.
///
/// Each counter is exact when it is read; they are read one after the other, so that a read under way may be in `bytes_read`
/// and not yet in `reads`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct IoTotalView {
    /// Its index in the loop.
    pub index: IoTotalIndex,
    /// What they are; `Unknown` of the one total that takes all places beyond the first four thousand.
    pub kind: ResourceKind,
    /// Where they were made.
    pub made_at: Option<PlaceIndex>,
    /// Descriptors made so far.
    pub opened: u64,
    /// Descriptors closed.
    pub closed: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Read calls that moved bytes or ended the stream.
    pub reads: u64,
    /// Write calls that moved bytes.
    pub writes: u64,
    /// Calls that found the descriptor not ready.
    pub would_block: u64,
}

impl IoTotalView {
    /// Descriptors open now.
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }
}

/// The poll under way in a loop.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RunningView {
    /// The task, or `None` where the loop itself or an unknown task runs.
    pub task: Option<u64>,
    /// Since when.
    pub since: Instant,
}

/// One loop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoopView {
    /// Its number, counted from 0 in the process, never reused.
    pub id: u64,
    /// The name it was given.
    pub name: String,
    /// The name of its thread.
    pub thread: String,
    /// The OS's number of its thread.
    pub tid: i32,
    /// Whether it serves the inspector itself and is left out unless asked for.
    pub hidden: bool,
    /// Whether debug mode is on.
    pub debug: bool,
    /// When it was made.
    pub started_at: Instant,
    /// Live tasks.
    pub tasks: u64,
    /// Tasks and callbacks in the run queue.
    pub ready: u64,
    /// Live timers.
    pub timers: u64,
    /// Turns of the loop.
    pub ticks: u64,
    /// Times the OS was asked for events.
    pub driver_turns: u64,
    /// Polls of all tasks.
    pub polls: u64,
    /// Wakes that came from other threads.
    pub remote_wakes: u64,
    /// Time in polls and callbacks.
    pub busy_ns: u64,
    /// Time asleep in the OS.
    pub parked_ns: u64,
    /// Whether it is asleep in the OS now, and since when.
    pub parked_since: Option<Instant>,
    /// The poll under way.
    pub running: Option<RunningView>,
}

/// Which histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HistogramKind {
    /// How long a poll took; by site.
    Poll,
    /// How long a task stood in the run queue; by site.
    Scheduled,
    /// How late timers fired; by loop.
    Lateness,
    /// How long the loop slept in the OS; by loop.
    IoWait,
}

/// A histogram copied out: log-linear with 128 steps an octave, the layout of HdrHistogram with two significant digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histogram {
    /// Non-empty buckets in ascending order.
    pub buckets: Vec<Bucket>,
}

/// One bucket: `count` values from `low_ns` up to and including `high_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// Smallest value of the bucket.
    pub low_ns: u64,
    /// Greatest value of the bucket.
    pub high_ns: u64,
    /// Values recorded in it.
    pub count: u64,
}

impl Bucket {
    /// A bucket, for those who merge or make histograms themselves.
    pub fn new(low_ns: u64, high_ns: u64, count: u64) -> Self {
        Self { low_ns, high_ns, count }
    }
}

/// One job on a blocking thread: queued, running or recently ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobView {
    /// From the same counter as the ids of tasks, never reused in a process.
    pub id: u64,
    /// `Scheduled` while it is queued, then `Running`, then how it ended.
    pub state: TaskState,
    /// The name it was given.
    pub name: Option<NameIndex>,
    /// Where it was made.
    pub place: Option<PlaceIndex>,
    /// The task that made it.
    pub parent: Option<u64>,
    /// The loop it was made on.
    pub parent_loop: Option<u64>,
    /// The OS's number of its thread, once it has one.
    pub tid: Option<i32>,
    /// When it was made.
    pub queued_at: Instant,
    /// When a thread took it.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
}

/// One pool of blocking threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolView {
    /// What it is called.
    pub name: &'static str,
    /// Threads now.
    pub threads: u64,
    /// Threads that wait for a job.
    pub idle: u64,
    /// Threads at most.
    pub threads_max: u64,
    /// Jobs that may be queued at most; further ones are refused.
    pub queue_max: u64,
    /// Jobs queued now.
    pub queued: u64,
    /// Jobs running now.
    pub running: u64,
    /// Jobs that returned.
    pub completed: u64,
    /// Jobs taken out of the queue before they ran.
    pub cancelled: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs that found no room or no thread.
    pub refused: u64,
}

/// Which histogram of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PoolHistogramKind {
    /// How long jobs stood in the queue.
    Waited,
    /// How long they ran.
    Ran,
}
