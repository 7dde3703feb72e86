//! What nobody else will hear of: panics and errors without a receiver.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::task::TaskId;
use crate::telemetry::Place;

/// Something went wrong and nobody can receive it.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[doc(alias = "asyncio.loop.call_exception_handler")]
pub struct Unhandled {
    /// The task it happened in.
    pub task: Option<TaskId>,
    /// The task's name.
    pub name: Option<String>,
    /// Where the task was spawned.
    pub spawned_at: Option<Place>,
    /// What happened.
    pub kind: UnhandledKind,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledKind {
    /// A panic, with its text, of a task whose handle is gone or of a posted callback.
    Panic(String),
    /// An `Err`, as `Debug` shows it, of a task spawned with `spawn_fallible` whose handle is gone.
    Error(String),
    /// A destructor of a cancelled future panicked.
    PanicInDrop(String),
    /// A task awaited its own cancellation, which ends it there.
    SelfCancel,
}

impl Unhandled {
    pub(crate) fn new(
        task: Option<TaskId>,
        name: Option<String>,
        spawned_at: Option<Place>,
        kind: UnhandledKind,
    ) -> Self {
        Self { task, name, spawned_at, kind }
    }
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "task {task}")?,
            None => f.write_str("a posted callback")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(Place { file, line, column }) = &self.spawned_at {
            write!(f, " (spawned at {file}:{line}:{column})")?;
        }
        match &self.kind {
            UnhandledKind::Panic(text) => write!(f, " panicked and nobody awaits it: {text}"),
            UnhandledKind::Error(text) => write!(f, " failed and nobody awaits it: {text}"),
            UnhandledKind::PanicInDrop(text) => write!(f, " panicked while it was cancelled: {text}"),
            UnhandledKind::SelfCancel => f.write_str(" awaited its own cancellation and ends there"),
        }
    }
}

/// A hook that may be called while it is being replaced.
#[derive(Clone)]
pub(crate) struct Hook(Rc<dyn Fn(&Unhandled)>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(&Unhandled) + 'static) -> Self {
        Self(Rc::new(hook))
    }

    /// Calls it; a hook that panics falls back to the default.
    pub(crate) fn call(&self, unhandled: &Unhandled) {
        if catch_unwind(AssertUnwindSafe(|| (self.0)(unhandled))).is_err() {
            eprintln!("loopscope: {unhandled} (and the hook for this panicked)");
        }
    }
}

impl Default for Hook {
    fn default() -> Self {
        Self::new(|unhandled| eprintln!("loopscope: {unhandled}"))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// What an application is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    pub(crate) unhandled: Hook,
}
