//! The native stack of a loop's thread, taken from outside and without stopping it: where a loop is stuck, down to the line.
//!
//! ```text
//!   who asks                                     the loop's thread
//!   what does the OS say it does?
//!   signal, under the word that its end takes ─► handler: copies registers and stack, goes on
//!   unwinds the copy ◄─────────────────────────  (microseconds)
//!   names functions, files and lines
//! ```
//!
//! Nothing of this needs frame pointers. A call in tail position leaves no frame. Taking a stack can make a system call return
//! `EINTR` where the OS does not restart it (`nanosleep`, `poll`, `epoll_wait`), which std and this library go on from; so it is
//! done once a stall and on request, never in a circle.

#[cfg(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod native;
#[cfg(not(all(feature = "stacks", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "stack/without.rs"]
mod native;
#[cfg_attr(not(feature = "stacks"), expect(dead_code, reason = "only the types are left"))]
mod thread;

use std::error::Error;
use std::fmt;
use std::io;

pub(crate) use native::{Target, forget_after_fork, warm_up};
pub use thread::{Activity, ThreadState};

use super::Frame;
use crate::telemetry::LoopReader;
use crate::time::Instant;

/// The stack of a loop's thread at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NativeStack {
    /// The number of the loop.
    pub loop_id: u64,
    /// When it was taken.
    pub at: Instant,
    /// What the thread was doing, by the OS, just before.
    pub thread: ThreadState,
    /// Innermost first, functions that were inlined included.
    pub frames: Vec<Frame>,
    /// Why the last frame is not the thread's first, if it is not.
    pub cut: Option<Cut>,
    /// How many of the frames have the name of their module and an address in place of a function, as those of stripped programs.
    pub unnamed: usize,
}

/// Why a stack ends before the thread's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// It is longer than what is copied of it.
    DeepStack,
    /// It has more frames than are shown.
    ManyFrames,
    /// The thread runs on a stack that is not its own: a signal handler's, or one of a library that switches stacks.
    ForeignStack,
    /// The code there does not say how its frames are left: generated code, or assembly.
    NoUnwindTable,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeepStack => "the stack is deeper than the 256 KiB that are copied of it",
            Self::ManyFrames => "there are more than 512 frames",
            Self::ForeignStack => "the thread runs on a stack that is not its own, as in a signal handler",
            Self::NoUnwindTable => "the code there does not say how to go on",
        })
    }
}

/// Why there is no stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackError {
    /// The loop has ended.
    Ended,
    /// It was the loop's own thread that asked.
    OwnThread,
    /// The thread does not take the signal: it has masked it.
    Masked(Box<ThreadState>),
    /// The thread has not answered in time: it has got no processor, is stopped, or waits where no signal reaches it.
    NoAnswer(Box<ThreadState>),
    /// The application handles or ignores every real-time signal there is.
    SignalsTaken,
    /// Another part of the process has put its own handler in the place of ours.
    HandlerReplaced {
        /// The signal.
        signal: i32,
    },
    /// The OS, or a filter in front of it, refuses.
    Refused {
        /// The system call.
        operation: &'static str,
        /// How.
        kind: io::ErrorKind,
    },
    /// This build cannot do it.
    Unsupported(&'static str),
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot take the stack of the loop's thread: ")?;
        match self {
            Self::Ended => f.write_str("the event loop has ended"),
            Self::OwnThread => f.write_str("it is the thread that asks; ask from another one"),
            Self::Masked(thread) => write!(f, "it does not take the signal for that; {thread}"),
            Self::NoAnswer(thread) => write!(f, "it has not answered; {thread}"),
            Self::SignalsTaken => {
                f.write_str("the application uses all real-time signals, and one is needed")
            }
            Self::HandlerReplaced { signal } => write!(
                f,
                "another part of the process handles signal {signal} now, which had been free when it was chosen"
            ),
            Self::Refused { operation, kind } => write!(f, "{operation} is refused: {kind}"),
            Self::Unsupported(why) => f.write_str(why),
        }
    }
}

impl Error for StackError {}

impl StackError {
    /// What the OS says the thread does, where that is all there is.
    pub fn thread(&self) -> Option<&ThreadState> {
        match self {
            Self::Masked(thread) | Self::NoAnswer(thread) => Some(thread),
            _ => None,
        }
    }
}

/// Takes the stack of a loop's thread, whatever that is doing: computing, sleeping in a system call, waiting for a lock.
///
/// From any thread but the loop's own, and not from another loop, since it takes milliseconds, and at the first time some
/// hundreds of them: the debug information of the program is read then.
///
/// # Errors
///
/// See [`StackError`]; where the OS says what the thread is doing, the error has it.
pub fn native_stack(reader: &LoopReader) -> Result<NativeStack, StackError> {
    native::native_stack(reader)
}
