//! What nobody else will hear of: panics and errors without a receiver.

use std::fmt;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crate::debug::Warning;
use crate::task::TaskId;
use crate::task::hooks::Told;
use crate::telemetry::{Place, TaskKind};

/// Something went wrong and nobody can receive it.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[doc(alias = "asyncio.loop.call_exception_handler")]
pub struct Unhandled {
    /// The task, callback or job it happened in.
    pub task: Option<TaskId>,
    /// Whether it is a task, a callback or a job on a blocking thread.
    pub task_kind: Option<TaskKind>,
    /// The task's name.
    pub name: Option<String>,
    /// Where the task was spawned, or the promise made.
    pub spawned_at: Option<Place>,
    /// The connection that the task handled for a [server](crate::server).
    pub connection: Option<ServedConnection>,
    /// What happened.
    pub kind: UnhandledKind,
}

/// A connection of a [server](crate::server).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedConnection {
    /// The server's name.
    pub server: String,
    /// Who is at the other end.
    pub peer: String,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledKind {
    /// A panic, with its text, of a task whose handle is gone or of a posted callback.
    Panic(String),
    /// An `Err`, as `Debug` shows it, of a task spawned with `spawn_fallible` whose handle is gone.
    Error(String),
    /// A destructor panicked: of a cancelled future, or of an output that nobody took.
    PanicInDrop(String),
    /// A waker of another library panicked when the loop called it.
    PanicInWaker(String),
    /// A hook that is told of tasks panicked.
    PanicInHook(String),
    /// A task awaited its own cancellation, which ends it there.
    SelfCancel,
    /// A task awaits itself, which ends only when it is cancelled.
    SelfJoin,
    /// While the loop was closing, destructors went on spawning tasks; this many futures were leaked.
    LeakedAtClose(u64),
    /// The loop ended while this many of its jobs were still running on blocking threads.
    JobsAtClose(u64),
    /// The error, as `Debug` shows it, of a promise that nobody asked for its result; `name` and `spawned_at` are of the promise.
    NeverRetrieved(String),
    /// A stream writer was dropped with bytes that were written and could not be sent.
    BytesLost {
        /// How many.
        bytes: usize,
        /// To whom.
        to: String,
    },
    /// A server cannot accept connections at one of its addresses, mostly because the process has no descriptors left; it
    /// rests before it tries again. Said once, until nobody waits there any more.
    AcceptPaused(String),
}

impl Unhandled {
    pub(crate) fn of_loop(kind: UnhandledKind) -> Self {
        Self { task: None, task_kind: None, name: None, spawned_at: None, connection: None, kind }
    }

    pub(crate) fn of_promise(
        name: Option<&str>,
        made_at: &'static Location<'static>,
        kind: UnhandledKind,
    ) -> Self {
        let (file, line, column) = (made_at.file().to_owned(), made_at.line(), made_at.column());
        let place = Place { file, line, column };
        Self { name: name.map(str::to_owned), spawned_at: Some(place), ..Self::of_loop(kind) }
    }

    pub(crate) fn of_task(
        (task, task_kind): (TaskId, TaskKind),
        name: Option<String>,
        spawned_at: Option<Place>,
        kind: UnhandledKind,
    ) -> Self {
        Self { task: Some(task), task_kind: Some(task_kind), name, spawned_at, connection: None, kind }
    }
}

impl Unhandled {
    fn is_of_promise(&self) -> bool {
        matches!(self.kind, UnhandledKind::NeverRetrieved(_))
    }
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.task, self.task_kind) {
            (Some(task), Some(TaskKind::Callback)) => write!(f, "callback {task}")?,
            (Some(task), Some(TaskKind::Blocking)) => write!(f, "blocking job {task}")?,
            (Some(task), _) => write!(f, "task {task}")?,
            (None, _)
                if matches!(
                    self.kind,
                    UnhandledKind::LeakedAtClose(_)
                        | UnhandledKind::PanicInWaker(_)
                        | UnhandledKind::PanicInHook(_)
                        | UnhandledKind::JobsAtClose(_)
                ) =>
            {
                f.write_str("the event loop")?;
            }
            (None, _) if matches!(self.kind, UnhandledKind::BytesLost { .. }) => f.write_str("somebody")?,
            (None, _) if self.is_of_promise() => f.write_str("the promise")?,
            (None, _) => f.write_str("a posted callback")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(Place { file, line, column }) = &self.spawned_at {
            let verb = if self.is_of_promise() { "made" } else { "spawned" };
            write!(f, " ({verb} at {file}:{line}:{column})")?;
        }
        if let Some(ServedConnection { server, peer }) = &self.connection {
            write!(f, " of server {server:?} for {peer}")?;
            match &self.kind {
                UnhandledKind::Panic(text) => return write!(f, " panicked: {text}"),
                UnhandledKind::Error(text) => return write!(f, " failed: {text}"),
                _ => {}
            }
        }
        match &self.kind {
            UnhandledKind::AcceptPaused(text) => write!(f, " {text}"),
            UnhandledKind::Panic(text) => write!(f, " panicked and nobody awaits it: {text}"),
            UnhandledKind::Error(text) => write!(f, " failed and nobody awaits it: {text}"),
            UnhandledKind::NeverRetrieved(text) => {
                write!(f, " failed and nobody asked for its result: {text}")
            }
            UnhandledKind::PanicInDrop(text) => write!(f, " panicked in a destructor: {text}"),
            UnhandledKind::PanicInWaker(text) => write!(f, " called a waker that panicked: {text}"),
            UnhandledKind::PanicInHook(text) => write!(f, " told a hook of a task, which panicked: {text}"),
            UnhandledKind::SelfJoin => f.write_str(" awaits itself, which only a cancellation can end"),
            UnhandledKind::SelfCancel => f.write_str(" awaited its own cancellation and ends there"),
            UnhandledKind::BytesLost { bytes, to } => {
                write!(f, " dropped a stream writer with {bytes} bytes for {to} that were not sent")
            }
            UnhandledKind::JobsAtClose(count) => {
                write!(f, " ended while {count} of its jobs were still running on blocking threads")
            }
            UnhandledKind::LeakedAtClose(count) => {
                write!(f, " leaked {count} futures that destructors went on spawning while it closed")
            }
        }
    }
}

/// Says something on standard error, if anybody reads that: `eprintln!` would panic, where a panic ends a loop or a thread.
pub(crate) fn complain(words: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "loopscope: {words}");
}

/// A hook that may be called while it is being replaced.
#[derive(Clone)]
pub(crate) struct Hook(Rc<dyn Fn(&Unhandled)>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(&Unhandled) + 'static) -> Self {
        Self(Rc::new(hook))
    }

    /// Calls it; when it panics, the error goes to standard error.
    pub(crate) fn call(&self, unhandled: &Unhandled) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.0)(unhandled))) {
            crate::task::cell::drop_quietly(payload);
            complain(format_args!("{unhandled} (and the hook for this panicked)"));
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// A hook for warnings, which any thread may find.
#[derive(Clone)]
pub(crate) struct WarningHook(Arc<OnWarning>);

type OnWarning = dyn Fn(&Warning, u64) + Send + Sync;

impl WarningHook {
    pub(crate) fn new(hook: impl Fn(&Warning, u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Calls it; when it panics, the warning goes to standard error.
    pub(crate) fn call(&self, warning: &Warning, count: u64) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.0)(warning, count))) {
            crate::task::cell::drop_quietly(payload);
            complain(format_args!("{warning} (and the hook for this panicked)"));
        }
    }
}

impl fmt::Debug for WarningHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WarningHook")
    }
}

/// What an application is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    /// Who is told of errors that nobody else can receive, if not `tracing` or standard error.
    pub(crate) unhandled: Option<Hook>,
    /// Who is told of every task, if anybody.
    pub(crate) tasks: Option<Told>,
}
