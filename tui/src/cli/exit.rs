//! How the program ends: the exit codes, and the error that carries one.

use crate::app::run::Terminated;
use loopscope_inspector::client;
use loopscope_inspector::model::asyncio::CycleError;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

/// The exit codes of our own errors, a contract with scripts. 3 (nothing to attach to, or no answer) and 4 (a right is missing) are
/// the client's to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something went wrong that is none of the others.
    Failed = 1,
    /// Wrong usage, or several processes match.
    Usage = 2,
    /// `--fail-on`, and one was found.
    Found = 5,
    /// The program that `run` was given cannot be executed; shells have the same number.
    NotExecutable = 126,
    /// There is no such program.
    NotFound = 127,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that knows its exit code. The message is for a person and says what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// An error with an exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Wrong usage, or an ambiguous target.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The program that `run` started has ended, and not with 0: its exit code is ours, and there is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed(u8);

impl Passed {
    /// The exit code, or 128 and the number of the signal, as shells have it; `None` for success.
    pub(crate) fn of(status: ExitStatus) -> Option<Self> {
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
        (code != 0).then(|| Self(u8::try_from(code).unwrap_or(u8::MAX)))
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the program ended with {}", self.0)
    }
}

impl std::error::Error for Passed {}

/// What an error means for the exit code, and what is said about it on stderr (nothing where a pipe was closed).
pub(crate) fn verdict(error: &anyhow::Error) -> (ExitCode, Option<String>) {
    if is_closed_pipe(error) {
        return (ExitCode::SUCCESS, None);
    }
    if let Some(Terminated(signal)) = error.downcast_ref::<Terminated>() {
        // As the shell would say it if the signal had been left to do its work.
        return (u8::try_from(128 + signal).unwrap_or(u8::MAX).into(), None);
    }
    if let Some(Passed(code)) = error.downcast_ref::<Passed>() {
        return ((*code).into(), None);
    }
    if let Some(error) = error.downcast_ref::<CycleError>() {
        // Word for word what Python says, since somebody may look for it.
        return (Exit::Failed.into(), Some(error.to_string()));
    }
    let code = if let Some(error) = error.downcast_ref::<client::Error>() {
        ExitCode::from(error.exit_code())
    } else {
        error.downcast_ref::<Failure>().map_or(Exit::Failed, |failure| failure.exit).into()
    };
    (code, Some(format!("loopscope: {error:#}")))
}

/// Whether whoever read our output went away (`loopscope tasks | head`): no error, the reader had enough.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::BrokenPipe;
        }
        cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind)
            == Some(io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_closed_pipe_ends_silently_with_0() {
        let error: Result<(), _> = Err(io::Error::from(io::ErrorKind::BrokenPipe));
        let (code, message) = verdict(&error.context("writing the table").unwrap_err());
        assert_eq!((format!("{code:?}"), message), (format!("{:?}", ExitCode::SUCCESS), None));
    }

    #[test]
    fn a_signal_is_told_by_the_code_that_a_shell_gives_it() {
        let (code, message) = verdict(&Terminated(15).into());
        assert_eq!((format!("{code:?}"), message), (format!("{:?}", ExitCode::from(143)), None));
    }

    #[test]
    fn a_program_passes_its_code_or_its_signal_on() {
        let passed = |raw| Passed::of(ExitStatus::from_raw(raw));
        assert_eq!(passed(0), None);
        assert_eq!(passed(3 << 8), Some(Passed(3)));
        assert_eq!(passed(15), Some(Passed(143)));
        let (code, message) = verdict(&Passed(3).into());
        assert_eq!((format!("{code:?}"), message), (format!("{:?}", ExitCode::from(3)), None));
    }

    #[test]
    fn a_failure_keeps_its_code_under_context() {
        let error = anyhow::Error::new(Failure::usage("two flags too many")).context("reading the flags");
        let (code, message) = verdict(&error);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)));
        assert_eq!(message.as_deref(), Some("loopscope: reading the flags: two flags too many"));
    }

    #[test]
    fn the_client_says_what_nobody_there_means() {
        let error = client::find(&client::Target::Socket("./no/such.sock".into())).unwrap_err();
        let (code, message) = verdict(&error.into());
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
        assert!(message.unwrap().contains("no/such.sock"));
    }

    #[test]
    fn anything_else_is_1() {
        let (code, message) = verdict(&anyhow::anyhow!("the disk is full"));
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        assert_eq!(message.as_deref(), Some("loopscope: the disk is full"));
    }
}
