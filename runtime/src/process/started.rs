//! The futures of a command that is started and waited for in one.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::child::{Child, WaitExit};
use super::communicate::{Communicate, Output};
use super::error::{OutputError, SpawnError, StatusError};
use super::status::ExitStatus;

/// What is left to do: wait for a child that was started, or say why it was not.
#[derive(Debug)]
enum Started<F> {
    Waiting(F),
    Failed(Option<SpawnError>),
}

/// The future of [`Command::status`](super::Command::status).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(super) struct StatusOf {
    started: Started<(WaitExit, Child)>,
}

impl StatusOf {
    pub(super) fn new(child: Result<Child, SpawnError>) -> Self {
        let started = match child {
            Ok(child) => Started::Waiting((child.wait(), child)),
            Err(error) => Started::Failed(Some(error)),
        };
        Self { started }
    }
}

impl Future for StatusOf {
    type Output = Result<ExitStatus, StatusError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        match &mut self.started {
            Started::Waiting((wait, _)) => wait.poll_at(cx, at).map_err(StatusError::Wait),
            Started::Failed(error) => Poll::Ready(Err(StatusError::Spawn(taken(error)))),
        }
    }
}

/// The future of [`Command::output`](super::Command::output).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(super) struct OutputOf {
    started: Started<Communicate<Child>>,
}

impl OutputOf {
    #[track_caller]
    pub(super) fn new(child: Result<Child, SpawnError>) -> Self {
        let started = match child {
            Ok(child) => Started::Waiting(child.wait_with_output()),
            Err(error) => Started::Failed(Some(error)),
        };
        Self { started }
    }
}

impl Future for OutputOf {
    type Output = Result<Output, OutputError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.started {
            Started::Waiting(talking) => Pin::new(talking).poll(cx).map_err(OutputError::Communicate),
            Started::Failed(error) => Poll::Ready(Err(OutputError::Spawn(taken(error)))),
        }
    }
}

#[track_caller]
fn taken(error: &mut Option<SpawnError>) -> SpawnError {
    match error.take() {
        Some(error) => error,
        None => panic!("a future was polled after it was over"),
    }
}
