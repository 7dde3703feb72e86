//! What can be wrong, by name.

use std::fmt;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Something is slow or wasteful.
    Warning,
    /// Something does not work.
    Error,
}

macro_rules! lints {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $severity:ident;)+) => {
        /// One thing that can be wrong. Names are stable; what each means and how to mend it says `loopscope explain NAME`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Lint {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Lint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name, as in `slow-poll`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),+ }
            }
        }
    };
}

lints! {
    /// A poll or callback has been under way for too long: nothing else on its loop runs.
    Blocked = "blocked", Error;
    /// Tasks wait for each other and nothing outside can wake them.
    Deadlock = "deadlock", Error;
    /// A task was never polled, nor was a future that must be.
    NeverPolled = "never-polled", Warning;
    /// An error or a panic that nobody asked for and nobody can ask for any more.
    NeverRetrieved = "never-retrieved", Error;
    /// Something failed where nobody could have received it.
    Unhandled = "unhandled", Error;
    /// A task was dropped while it waited, because its loop ended.
    DestroyedPending = "destroyed-pending", Warning;
    /// Something was dropped that wants to be closed first.
    Unclosed = "unclosed", Warning;
    /// An operation on a descriptor that must not block kept its loop waiting.
    SlowIo = "slow-io", Warning;
    /// Looking up the name of a host took long.
    SlowResolve = "slow-resolve", Note;
    /// A poll or callback took too long.
    SlowPoll = "slow-poll", Warning;
    /// A poll has been under way for so long that it will hardly ever give way.
    NeverYields = "never-yields", Error;
    /// An idle task of which nobody holds a waker.
    NoWaker = "no-waker", Error;
    /// A full queue from which nobody takes any more.
    NoConsumer = "no-consumer", Warning;
    /// A lock is held across a long wait of its holder.
    LockHeldLong = "lock-held-long", Warning;
    /// A task has been ready for long without getting its turn.
    Starved = "starved", Warning;
    /// A task wakes itself in a circle.
    SelfWake = "self-wake", Warning;
    /// Timers fire late again and again.
    LateTimer = "late-timer", Warning;
    /// Tasks of one spawn site only become more.
    Leak = "leak", Warning;
    /// Descriptors of one place only become more, or there are nearly as many as there may be.
    FdLeak = "fd-leak", Warning;
    /// The queue of a pool of blocking threads only grows.
    PoolQueue = "pool-queue", Warning;
    /// A task whose future is very large.
    LargeFuture = "large-future", Note;
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
