//! Asking a task to end before it is made to.
//!
//! ```text
//!   cancel_gracefully ──► asked: its token is cancelled ──over by itself──────────────► Ending::Ended
//!                              │ the grace is over, or the future of this is dropped
//!                              └──► cancelled: its future is dropped ────────────────► Ending::Dropped
//! ```
//!
//! # Invariants
//!
//! A task's own token lies in its loop's table, and its control says `TOKEN`, from the first time that anybody asks for it, the task
//! itself or who wants it to end, until the task is over. A task of which nobody asks costs a flag that is never set.

use std::collections::HashMap;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::control::{DONE, TOKEN, TaskWord};
use super::handle::{JoinError, Task};
use crate::cancel::{CancelToken, Cancelled};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::runner::UnhandledKind;
use crate::telemetry::view::TimerKind;
use crate::time::sleep::Sleep;

/// The tokens of a loop's tasks, by the task's number.
pub(crate) type Tokens = HashMap<u64, CancelToken>;

/// The running task's own token, which [`Task::cancel_gracefully`] and its siblings cancel.
///
/// A task that was asked to end before it asked for its token finds it cancelled. Children of the token may be given to whom the
/// task works with. It is the same one for the whole life of the task.
///
/// # Panics
///
/// Outside of a task.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let task = loopscope::spawn(async {
///         let token = loopscope::task::token();
///         let mut rounds = 0;
///         while !token.is_cancelled() {
///             loopscope::sleep(Duration::from_millis(1)).await;
///             rounds += 1;
///         }
///         rounds
///     });
///     loopscope::sleep(Duration::from_millis(5)).await;
///     let ending = task.cancel_gracefully(Duration::from_secs(10)).await;
///     assert!(ending.output().unwrap() >= 1);
/// });
/// ```
#[track_caller]
pub fn token() -> CancelToken {
    let lp = current::expect("loopscope::task::token");
    match lp.token_of(TaskWord(lp.running.get()), Location::caller()) {
        Some(token) => token,
        None => panic!("loopscope::task::token outside of a task: there is nobody to be asked to end"),
    }
}

/// Waits until the running task is asked to end. See [`token`].
///
/// # Cancel safety
///
/// There is nothing to lose.
///
/// # Panics
///
/// Outside of a task.
///
/// # Examples
///
/// ```
/// use loopscope::task::{Ending, cancel_requested};
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let task = loopscope::spawn(async {
///         cancel_requested().await;
///         loopscope::sleep(Duration::from_millis(1)).await; // says good-bye to its peers
///         "everything is in order"
///     });
///     let ending = task.cancel_gracefully(Duration::from_secs(10)).await;
///     assert_eq!(ending.output(), Some("everything is in order"));
///
///     let deaf = loopscope::spawn(std::future::pending::<()>());
///     assert!(matches!(deaf.cancel_gracefully(Duration::from_millis(1)).await, Ending::Dropped));
/// });
/// ```
#[doc(alias = "asyncio.CancelledError")]
#[track_caller]
pub fn cancel_requested() -> Cancelled {
    Cancelled::made(token(), Location::caller())
}

impl Loop {
    /// The token of a task that is not over.
    fn token_of(&self, word: TaskWord, made_at: &'static Location<'static>) -> Option<CancelToken> {
        let control = self.control_of(word)?;
        let flags = control.flags.get();
        if flags & DONE != 0 {
            return None;
        }
        let id = self.task_id(word)?;
        let mut tokens = self.tokens.borrow_mut();
        control.flags.set(flags | TOKEN);
        let token =
            tokens.entry(id).or_insert_with(|| CancelToken::made(Some("cancel request"), None, made_at));
        Some(token.clone())
    }

    /// Asks a task to end. One that is over has nobody to hear it.
    #[track_caller]
    pub(crate) fn ask_to_end(&self, word: TaskWord) {
        if let Some(token) = self.token_of(word, Location::caller()) {
            token.cancel();
        }
    }

    /// The task is over.
    #[cold]
    pub(super) fn forget_token(&self, id: u64) {
        let token = self.tokens.borrow_mut().remove(&id);
        drop(token); // nothing is borrowed any more
    }
}

/// How a task ended that was asked to.
#[derive(Debug)]
pub enum Ending<T> {
    /// It was over before the grace was: with its output or, if it panicked or somebody else cancelled it, without.
    Ended(Result<T, JoinError>),
    /// The grace was over first: its future was dropped.
    Dropped,
}

impl<T> Ending<T> {
    /// The output, if there is one.
    pub fn output(self) -> Option<T> {
        match self {
            Self::Ended(result) => result.ok(),
            Self::Dropped => None,
        }
    }

    /// Whether its future had to be dropped.
    pub fn is_dropped(&self) -> bool {
        matches!(self, Self::Dropped)
    }

    pub(crate) fn map<U>(self, of: impl FnOnce(T) -> Result<U, JoinError>) -> Ending<U> {
        match self {
            Self::Ended(result) => Ending::Ended(result.and_then(of)),
            Self::Dropped => Ending::Dropped,
        }
    }
}

impl<T> Task<T> {
    /// Asks the task to end, gives it `grace` to do so, and drops its future then.
    ///
    /// The task is asked by this call: its own [token](crate::task::token) is cancelled. A task that does not look at it is dropped when the
    /// grace is over; with a grace of zero it has a turn or two. Awaiting what this returns waits until the task is over and
    /// its future gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the task's, without the rest of its grace.
    ///
    /// # Panics
    ///
    /// Outside of a loop; the future, outside of the task's own.
    #[doc(alias = "asyncio.Task.cancel")]
    #[track_caller]
    pub fn cancel_gracefully(self, grace: Duration) -> CancelGracefully<T> {
        let lp = current::expect("Task::cancel_gracefully");
        // A limit of zero still needs a real deadline: a sleep of zero is a yield.
        let sleep = Sleep::new(lp.deadline_after(grace), Location::caller());
        if self.task_ref().word.loop_slot() == lp.slot && !self.is_finished() {
            lp.ask_to_end(self.task_ref().word);
        }
        CancelGracefully { task: self, sleep, dropping: false, reported: false }
    }
}

/// The future of [`Task::cancel_gracefully`].
#[must_use = "a graceful cancellation that is dropped at once drops the task: await it"]
#[derive(Debug)]
pub struct CancelGracefully<T> {
    task: Task<T>,
    sleep: Sleep,
    /// The grace is over.
    dropping: bool,
    /// A task waits for its own end, which was said.
    reported: bool,
}

impl<T> Unpin for CancelGracefully<T> {}

impl<T> Future for CancelGracefully<T> {
    type Output = Ending<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending<T>> {
        let at = Location::caller();
        let this = &mut *self;
        if this.task.poll_done(cx, at).is_ready() {
            let result = this.task.take();
            let dropped = this.dropping && result.as_ref().is_err_and(JoinError::is_cancelled);
            return Poll::Ready(if dropped { Ending::Dropped } else { Ending::Ended(result) });
        }
        let lp = current::expect("a cancellation was polled");
        let word = this.task.task_ref().word;
        if lp.running.get() == word.0 && !std::mem::replace(&mut this.reported, true) {
            lp.report(word.index(), UnhandledKind::SelfCancel);
        }
        if !this.dropping && this.sleep.poll_for(TimerKind::Timeout, cx, at).is_ready() {
            this.dropping = true;
            this.task.request_cancel();
        }
        Poll::Pending
    }
}

impl<T> Drop for CancelGracefully<T> {
    fn drop(&mut self) {
        self.task.request_cancel();
    }
}
