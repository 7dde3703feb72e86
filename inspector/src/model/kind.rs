//! The kinds and states of what is seen, with their names in JSON.

use super::name::named;

named! {
    /// What runs: a future, a callback, or a job on a blocking thread.
    #[derive(Default)]
    "task kind" TaskKind {
        /// A spawned future.
        #[default]
        Task = "task",
        /// A callback of `call_soon`, `call_later` or `call_at`.
        Callback = "callback",
        /// A job on a blocking thread.
        Blocking = "blocking",
    }
}

named! {
    /// Where a task stands.
    #[derive(Default)]
    "task state" TaskState {
        /// Waiting for a wake.
        #[default]
        Idle = "idle",
        /// Woken, in the run queue.
        Scheduled = "scheduled",
        /// Being polled.
        Running = "running",
        /// Its future returned.
        Completed = "completed",
        /// Its future was dropped before it returned.
        Cancelled = "cancelled",
        /// Its future panicked.
        Panicked = "panicked",
    }
}

impl TaskState {
    /// Whether the task is over.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Panicked)
    }
}

named! {
    /// What a waiting task waits for.
    #[derive(Default)]
    "kind of wait" WaitKind {
        /// A timer.
        Sleep = "sleep",
        /// The end of another task.
        Join = "join",
        /// The end of a group's tasks.
        Group = "group",
        /// A lock.
        Lock = "lock",
        /// A semaphore's permit.
        Semaphore = "semaphore",
        /// An event.
        Event = "event",
        /// A condition variable.
        Condition = "condition",
        /// A barrier.
        Barrier = "barrier",
        /// Room in a queue.
        Put = "put",
        /// An item of a queue.
        Get = "get",
        /// Room in a channel.
        Send = "send",
        /// A message of a channel.
        Recv = "recv",
        /// A descriptor's readability.
        Read = "read",
        /// A descriptor's writability.
        Write = "write",
        /// A connection to accept.
        Accept = "accept",
        /// A connection being made.
        Connect = "connect",
        /// A name being resolved.
        Resolve = "resolve",
        /// A process's exit.
        Process = "process",
        /// A signal.
        Signal = "signal",
        /// A job on a blocking thread.
        Blocking = "blocking",
        /// Its next turn.
        Yield = "yield",
        /// Something the runtime does not know.
        Foreign = "foreign",
        /// A kind that this program does not know.
        #[default]
        Unknown = "unknown",
    }
}

named! {
    /// What a resource is.
    #[derive(Default)]
    "kind of resource" ResourceKind {
        /// A `Mutex`.
        Lock = "lock",
        /// A queue.
        Queue = "queue",
        /// A channel.
        Channel = "channel",
        /// A oneshot.
        Oneshot = "oneshot",
        /// A task group.
        Group = "group",
        /// A semaphore.
        Semaphore = "semaphore",
        /// An event.
        Event = "event",
        /// A condition variable.
        Condition = "condition",
        /// A barrier.
        Barrier = "barrier",
        /// A listening TCP socket.
        TcpListener = "tcp-listener",
        /// A TCP connection.
        Tcp = "tcp",
        /// A UDP socket.
        Udp = "udp",
        /// A listening Unix socket.
        UnixListener = "unix-listener",
        /// A Unix stream.
        Unix = "unix",
        /// A Unix datagram socket.
        UnixDatagram = "unix-datagram",
        /// One end of a pipe.
        Pipe = "pipe",
        /// A child process.
        Process = "process",
        /// A signal listener.
        Signal = "signal",
        /// Any other descriptor.
        Fd = "fd",
        /// A kind that this program does not know.
        #[default]
        Unknown = "unknown",
    }
}

impl ResourceKind {
    /// Whether it is a descriptor (a row of `io`) rather than a row of `sync`.
    pub fn is_io(self) -> bool {
        matches!(
            self,
            Self::TcpListener
                | Self::Tcp
                | Self::Udp
                | Self::UnixListener
                | Self::Unix
                | Self::UnixDatagram
                | Self::Pipe
                | Self::Process
                | Self::Signal
                | Self::Fd
        )
    }
}

named! {
    /// What waiting for a resource is part of.
    #[derive(Default)]
    "part in a cycle" InCycle {
        /// A cycle that something outside can still end.
        #[default]
        Cycle = "cycle",
        /// A cycle that nothing outside can end.
        Deadlock = "deadlock",
        /// No cycle, but who holds it can never go on because of one.
        Behind = "behind-deadlock",
    }
}

named! {
    /// What a timer is for.
    #[derive(Default)]
    "kind of timer" TimerKind {
        /// `sleep` and `sleep_until`.
        #[default]
        Sleep = "sleep",
        /// `timeout` and `timeout_at`.
        Timeout = "timeout",
        /// `interval`.
        Interval = "interval",
        /// `call_later` and `call_at`.
        CallLater = "call_later",
    }
}

named! {
    /// How bad a warning is, the worst last.
    #[derive(Default)]
    "severity" Severity {
        /// Worth knowing.
        Note = "note",
        /// Something is slow or wasteful.
        #[default]
        Warning = "warning",
        /// Something does not work: a loop stands still, tasks can never go on.
        Error = "error",
    }
}

named! {
    /// The runtime of an observed process.
    #[derive(Default)]
    "runtime" RuntimeKind {
        /// Loopscope.
        #[default]
        Loopscope = "loopscope",
        /// tokio, seen through its console's wire.
        Tokio = "tokio",
    }
}
