//! One warning.

use std::fmt;
use std::time::Duration;

use super::creation::CreationStack;
use super::lint::Lint;
use crate::task::TaskId;
use crate::telemetry::Place;

/// One frame of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's name, demangled; where it is not known the module and the address in it, as in `libc.so.6+0x2a1c0`.
    pub function: String,
    /// Where it is, if that is known.
    pub at: Option<Place>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match &self.at {
            Some(Place { file, line, .. }) => write!(f, " {file}:{line}"),
            None => Ok(()),
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What kind of thing.
    pub lint: Lint,
    /// The number of the loop it is about.
    pub loop_id: Option<u64>,
    /// The task, callback or job.
    pub task: Option<TaskId>,
    /// Its name.
    pub task_name: Option<String>,
    /// The id of the resource it is about, as the inspector shows it.
    pub resource: Option<u64>,
    /// Where: the spawn site of the task or the place where the resource was made.
    pub at: Option<Place>,
    /// For how long, or how long it took.
    pub duration: Option<Duration>,
    /// What is wrong, in words, without the name of the lint.
    pub message: String,
    /// The stack, innermost first; empty where there is none.
    pub stack: Vec<Frame>,
    /// More, a line each: of a deadlock, what each task waits for.
    pub notes: Vec<String>,
    /// The stack by which the task was made, in the mode [`Stacks`](super::Mode::Stacks) and where one was kept.
    pub created: Option<CreationStack>,
}

impl Warning {
    /// A warning with nothing but its words.
    pub fn new(lint: Lint, message: impl Into<String>) -> Self {
        Self {
            lint,
            loop_id: None,
            task: None,
            task_name: None,
            resource: None,
            at: None,
            duration: None,
            message: message.into(),
            stack: Vec::new(),
            notes: Vec::new(),
            created: None,
        }
    }

    /// The same about the task of this number, for the inspector, which knows tasks by number.
    #[doc(hidden)]
    #[must_use]
    pub fn about_task(mut self, id: Option<u64>) -> Self {
        self.task = id.map(TaskId::from_raw);
        self
    }
}

/// As it is written to a log: the words, the lint, then a line for each frame and each note, and for each frame of the stack by which
/// its task was made.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.lint)?;
        for frame in &self.stack {
            write!(f, "\n    {frame}")?;
        }
        for note in &self.notes {
            write!(f, "\n    {note}")?;
        }
        let Some(created) = &self.created else { return Ok(()) };
        f.write_str("\n  its task was made by")?;
        created.frames().iter().try_for_each(|frame| write!(f, "\n    {frame}"))
    }
}
