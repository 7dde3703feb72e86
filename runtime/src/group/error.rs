//! Everything that failed in a group, in one error.

use std::error::Error;
use std::fmt;

use crate::runner::{Unhandled, UnhandledKind};
use crate::task::TaskId;
use crate::task::raw::Described;
use crate::telemetry::view::Place;

/// The errors and panics of a group's tasks.
///
/// Shown with all of them, each with the task's number, name and spawn place and with the sources of its error. Panics come
/// first. `{error}` is one line; `{error:#}` has a line for each failure and each source, those of nested groups indented:
///
/// ```text
/// 2 failures in a task group:
///   task #4 "page" (spawned at src/main.rs:12:15) failed: cannot load the page
///     caused by: connection refused
///   task #5 "images" (spawned at src/main.rs:13:15) failed: 1 failure in a task group:
///     task #7 (spawned at src/images.rs:40:9) panicked: no such pixel
/// ```
#[doc(alias = "ExceptionGroup")]
pub struct GroupError(Box<[ChildError]>);

impl GroupError {
    pub(super) fn new(mut failures: Vec<ChildError>) -> Self {
        // A stable sort keeps the order in which they happened among the panics and among the errors.
        failures.sort_by_key(|failure| !failure.is_panic());
        Self(failures.into_boxed_slice())
    }

    /// What failed, panics first, in the order in which it happened.
    pub fn failures(&self) -> &[ChildError] {
        &self.0
    }

    /// What failed, to take it apart.
    pub fn into_failures(self) -> Vec<ChildError> {
        self.0.into_vec()
    }

    /// Whether a task panicked.
    pub fn is_panic(&self) -> bool {
        self.0.iter().any(ChildError::is_panic)
    }

    /// Whether nothing failed, but the group was cancelled before the body of its scope returned.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_empty()
    }

    /// The first error of type `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.iter().find_map(|failure| failure.error()?.downcast_ref())
    }
}

impl GroupError {
    fn write_head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0 => f.write_str("the task group was cancelled"),
            1 => f.write_str("1 failure in a task group:"),
            count => write!(f, "{count} failures in a task group:"),
        }
    }

    /// A line for each failure and each source; `indent` is that of the line that was begun.
    fn write_lines(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        self.write_head(f)?;
        let indent = indent + INDENT;
        for failure in &self.0 {
            write!(f, "\n{:indent$}", "")?;
            failure.write_task(f)?;
            let Cause::Error(error) = &failure.cause else {
                failure.write_panic(f)?;
                continue;
            };
            f.write_str(" failed: ")?;
            let mut next: Option<&(dyn Error + 'static)> = Some(&**error);
            let mut indent = indent;
            while let Some(error) = next {
                if let Some(nested) = error.downcast_ref::<Self>() {
                    nested.write_lines(f, indent)?;
                    break; // it has shown its sources itself
                }
                write!(f, "{error}")?;
                next = error.source();
                indent += INDENT;
                if next.is_some() {
                    write!(f, "\n{:indent$}caused by: ", "")?;
                }
            }
        }
        Ok(())
    }
}

/// By how much what belongs to a line is shown below it.
const INDENT: usize = 2;

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return self.write_lines(f, 0);
        }
        self.write_head(f)?;
        if !self.0.is_empty() {
            f.write_str(" ")?;
        }
        for (number, failure) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{failure}")?;
            // The error of a nested group shows its sources itself.
            let mut source = failure.error().filter(|error| !error.is::<Self>()).and_then(Error::source);
            while let Some(error) = source {
                write!(f, ": {error}")?;
                source = error.source().filter(|_| !error.is::<Self>());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupError({self})")
    }
}

/// Has no [`source`](Error::source): there may be several, and the text shows them all.
impl Error for GroupError {}

/// One task's failure.
pub struct ChildError {
    task: Option<Described>,
    /// It was not the task itself that failed, but the body of a scope in it.
    body: bool,
    cause: Cause,
}

enum Cause {
    Error(Box<dyn Error + Send + Sync>),
    Panic(String),
    PanicInDrop(String),
}

impl ChildError {
    pub(super) fn failed(task: Option<Described>, error: Box<dyn Error + Send + Sync>) -> Self {
        Self { task, body: false, cause: Cause::Error(error) }
    }

    pub(super) fn of_body(self) -> Self {
        Self { body: true, ..self }
    }

    pub(super) fn panicked(task: Described, text: String) -> Self {
        Self { task: Some(task), body: false, cause: Cause::Panic(text) }
    }

    pub(super) fn panicked_in_drop(task: Described, text: String) -> Self {
        Self { task: Some(task), body: false, cause: Cause::PanicInDrop(text) }
    }

    /// The task; of the body of a scope, the one it runs in.
    pub fn task(&self) -> Option<TaskId> {
        self.task.as_ref().map(|task| task.id)
    }

    /// The task's name.
    pub fn name(&self) -> Option<&str> {
        self.task.as_ref()?.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> Option<&Place> {
        self.task.as_ref()?.spawned_at.as_ref()
    }

    /// Whether it is the body of a scope that failed, and not a task of the group.
    pub fn is_body(&self) -> bool {
        self.body
    }

    /// Whether the task panicked, also if it did so while it was cancelled.
    pub fn is_panic(&self) -> bool {
        !matches!(self.cause, Cause::Error(_))
    }

    /// The error it returned; `None` of a panic.
    pub fn error(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Error(error) => Some(&**error),
            Cause::Panic(_) | Cause::PanicInDrop(_) => None,
        }
    }

    /// The text it panicked with; `None` of an error.
    pub fn panic_text(&self) -> Option<&str> {
        match &self.cause {
            Cause::Error(_) => None,
            Cause::Panic(text) | Cause::PanicInDrop(text) => Some(text),
        }
    }

    /// The error it returned.
    ///
    /// # Errors
    ///
    /// The failure itself when it is a panic.
    pub fn try_into_error(self) -> Result<Box<dyn Error + Send + Sync>, Self> {
        match self.cause {
            Cause::Error(error) => Ok(error),
            Cause::Panic(_) | Cause::PanicInDrop(_) => Err(self),
        }
    }

    pub(crate) fn into_unhandled(self) -> Unhandled {
        let what = match self.cause {
            Cause::Error(error) => UnhandledKind::Error(format!("{error:?}")),
            Cause::Panic(text) => UnhandledKind::Panic(text),
            Cause::PanicInDrop(text) => UnhandledKind::PanicInDrop(text),
        };
        match self.task {
            Some(Described { id, kind, name, spawned_at }) => {
                Unhandled::of_task((id, kind), name, spawned_at, what)
            }
            None => Unhandled::of_loop(what),
        }
    }
}

impl ChildError {
    fn write_task(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(task) = self.task.as_ref().filter(|_| !self.body) else {
            return f.write_str(if self.body { "the body" } else { "a task" });
        };
        write!(f, "task {}", task.id)?;
        if let Some(name) = &task.name {
            write!(f, " {name:?}")?;
        }
        match &task.spawned_at {
            Some(Place { file, line, column }) => write!(f, " (spawned at {file}:{line}:{column})"),
            None => Ok(()),
        }
    }

    fn write_panic(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Error(_) => Ok(()),
            Cause::Panic(text) => write!(f, " panicked: {text}"),
            Cause::PanicInDrop(text) => write!(f, " panicked while it was cancelled: {text}"),
        }
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_task(f)?;
        match &self.cause {
            Cause::Error(error) => write!(f, " failed: {error}"),
            Cause::Panic(_) | Cause::PanicInDrop(_) => self.write_panic(f),
        }
    }
}

impl fmt::Debug for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildError({self})")
    }
}

impl Error for ChildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error()?.source()
    }
}
