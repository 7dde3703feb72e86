//! Groups of tasks that end together.
//!
//! ```text
//!   TaskGroup::new ──spawn, spawn …──► open ──close().await──► closing ──last child gone──► Ok, or every error in one
//!                                       │  a child fails, or cancel(), or the grace of         ▲
//!                                       │  cancel_gracefully() is over                         │
//!                                       ├──────────────► shutting down: children cancelled ────┘
//!                                       └──dropped─────► children cancelled, nobody waits
//! ```
//!
//! The rules are asyncio's. The first child that fails, by an `Err` or a panic, cancels its siblings; a child that is cancelled
//! is none that failed; all that failed are told in one [`GroupError`], panics first. What asyncio does with a count of
//! cancellations needs none here: a group owns what it cancels.

mod child;
mod core;
mod error;
mod graceful;
mod scope;

pub(crate) use self::child::spawn as spawn_into;
pub(crate) use self::core::{Awaiting, GroupCore, Keeper};
pub use child::{CancelChild, CancelChildGracefully, Child, Outcome};
pub use error::{ChildError, GroupError};
pub use graceful::{CloseGracefully, GroupEnding};
pub use scope::Scope;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::event_loop::wait::Wait;
use crate::task::Builder;

/// Tasks that end together: none outlives the group, and when one fails the others are cancelled.
///
/// Children return `()` or any `Result` whose error a `Box<dyn Error + Send + Sync>` can be made of; their errors are
/// collected. [`close`](Self::close) waits until all are gone. Dropping the group without that cancels them: they are dropped at
/// their next turns, before they run again. What fails when nobody can be told is reported through
/// [`on_unhandled`](crate::runner::Builder::on_unhandled).
///
/// The tasks of a group are shown as children of the task that made the group, whoever spawned them.
///
/// See [`scope`](Self::scope) for a body that is dropped when a child fails.
///
/// # Examples
///
/// ```
/// use loopscope::TaskGroup;
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let group = TaskGroup::new();
///     let page = group.spawn(async { Ok::<_, std::io::Error>("a page") });
///     group.spawn_named("logger", async { println!("working") });
///     group.close().await.unwrap();
///     assert_eq!(page.await.unwrap(), "a page");
///
///     let group = TaskGroup::new();
///     group.spawn(async { Err::<(), _>("the disk is full") });
///     group.spawn(loopscope::sleep(Duration::from_secs(3600)));
///     let error = group.close().await.unwrap_err();
///     assert!(error.to_string().ends_with("the disk is full"));
/// });
/// ```
#[doc(alias = "asyncio.TaskGroup")]
#[must_use = "a group that is dropped cancels its tasks: close().await it"]
pub struct TaskGroup {
    core: Rc<GroupCore>,
}

impl TaskGroup {
    /// An empty group.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it needs a loop, and takes its caller's place")]
    pub fn new() -> Self {
        Self { core: Rc::new(GroupCore::new(None, Location::caller())) }
    }

    /// An empty group with a name, under which it is shown; 128 bytes of it are kept.
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn named(name: &str) -> Self {
        Self { core: Rc::new(GroupCore::new(Some(name), Location::caller())) }
    }

    /// Runs a future as a task of the group.
    ///
    /// A group that is shutting down takes no more: the task it gives is a cancelled one, whose future is dropped unpolled.
    ///
    /// # Panics
    ///
    /// Outside of the loop the group was made on.
    #[doc(alias = "asyncio.TaskGroup.create_task")]
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Child<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        child::spawn(&self.core, Builder::new(), future, Location::caller())
    }

    /// [`spawn`](Self::spawn)s a task with a name, under which it is shown; 128 bytes of it are kept.
    ///
    /// # Panics
    ///
    /// Outside of the loop the group was made on.
    #[doc(alias = "asyncio.TaskGroup.create_task")]
    #[track_caller]
    pub fn spawn_named<F>(&self, name: &str, future: F) -> Child<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        child::spawn(&self.core, Builder::new().name(name), future, Location::caller())
    }

    /// [`spawn`](Self::spawn)s a task and polls it once before this returns; see [`spawn_eager`](crate::task::spawn_eager). One
    /// that fails there and then cancels its siblings, but the caller goes on to its next `.await`.
    ///
    /// # Panics
    ///
    /// Outside of the loop the group was made on.
    #[doc(alias = "asyncio.TaskGroup.create_task")]
    #[track_caller]
    pub fn spawn_eager<F>(&self, future: F) -> Child<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        child::spawn(&self.core, Builder::new().eager(), future, Location::caller())
    }

    /// A handle by which the group's own tasks, and others, can spawn into it and cancel it.
    pub fn handle(&self) -> GroupHandle {
        GroupHandle { core: Rc::clone(&self.core) }
    }

    /// Cancels the tasks of the group; that is no error. Cancelling twice is cancelling once.
    #[doc(alias = "asyncio.TaskGroup.cancel")]
    pub fn cancel(&self) {
        self.core.abort();
    }

    /// Tasks that are not over.
    pub fn len(&self) -> usize {
        self.core.live()
    }

    /// Whether every task is over.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes no more tasks, because one failed or it was cancelled.
    pub fn is_shutting_down(&self) -> bool {
        self.core.is_aborted()
    }

    /// Waits until every task of the group is over and gone. As long as one is left, more may be spawned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the group, which cancels its tasks.
    ///
    /// # Errors
    ///
    /// [`GroupError`] with everything that failed.
    ///
    /// # Panics
    ///
    /// The future panics outside of the loop the group was made on.
    #[doc(alias = "asyncio.TaskGroup.__aexit__")]
    #[doc(alias = "join")]
    #[doc(alias = "wait")]
    #[track_caller]
    pub fn close(self) -> Close {
        Close { group: self, wait: Wait::new(), made_at: Location::caller() }
    }

    /// Runs a body that spawns into a group of its own, and waits until the body and every task are over.
    ///
    /// When a task fails, or the group is cancelled, the body is dropped where it stands and the other tasks are cancelled; when
    /// the body fails the tasks are cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body and cancels the tasks.
    ///
    /// # Errors
    ///
    /// [`GroupError`] with everything that failed, the body's error included; one that
    /// [`is_cancelled`](GroupError::is_cancelled) when nothing did but the body was dropped.
    ///
    /// # Panics
    ///
    /// Outside of a loop, and with the panic of the body, which cancels the tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// use loopscope::TaskGroup;
    ///
    /// loopscope::run(async {
    ///     let sum = TaskGroup::scope(async |group| {
    ///         let one = group.spawn(async { Ok::<_, std::io::Error>(1) });
    ///         let two = group.spawn(async { Ok::<_, std::io::Error>(2) });
    ///         Ok::<_, loopscope::JoinError>(one.await? + two.await?)
    ///     })
    ///     .await;
    ///     assert_eq!(sum.unwrap(), 3);
    /// });
    /// ```
    #[track_caller]
    pub fn scope<B, F>(body: B) -> Scope<F>
    where
        B: FnOnce(GroupHandle) -> F,
        F: Future,
        F::Output: Outcome,
    {
        let made_at = Location::caller();
        let group = Self { core: Rc::new(GroupCore::new(None, made_at)) };
        let body = body(group.handle());
        Scope::new(body, group, made_at)
    }
}

impl Drop for TaskGroup {
    fn drop(&mut self) {
        self.core.abandon();
    }
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskGroup").field(&self.core).finish()
    }
}

/// Spawns into a [`TaskGroup`] and cancels it, for as long as the group lives; cheap to clone.
#[derive(Clone)]
pub struct GroupHandle {
    core: Rc<GroupCore>,
}

impl GroupHandle {
    /// See [`TaskGroup::spawn`]. A group that is finished gives a cancelled task too.
    ///
    /// # Panics
    ///
    /// Outside of the loop the group was made on.
    #[doc(alias = "asyncio.TaskGroup.create_task")]
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Child<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        child::spawn(&self.core, Builder::new(), future, Location::caller())
    }

    /// See [`TaskGroup::spawn_named`]. A group that is finished gives a cancelled task too.
    ///
    /// # Panics
    ///
    /// Outside of the loop the group was made on.
    #[doc(alias = "asyncio.TaskGroup.create_task")]
    #[track_caller]
    pub fn spawn_named<F>(&self, name: &str, future: F) -> Child<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        child::spawn(&self.core, Builder::new().name(name), future, Location::caller())
    }

    /// See [`TaskGroup::spawn_eager`]. A group that is finished gives a cancelled task too, which is not polled.
    ///
    /// # Panics
    ///
    /// Outside of the loop the group was made on.
    #[doc(alias = "asyncio.TaskGroup.create_task")]
    #[track_caller]
    pub fn spawn_eager<F>(&self, future: F) -> Child<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        child::spawn(&self.core, Builder::new().eager(), future, Location::caller())
    }

    /// See [`TaskGroup::cancel`].
    pub fn cancel(&self) {
        self.core.abort();
    }

    /// Tasks that are not over.
    pub fn len(&self) -> usize {
        self.core.live()
    }

    /// Whether every task is over.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes no more tasks: one failed, or it was cancelled, or is finished or dropped.
    pub fn is_closed(&self) -> bool {
        self.core.refuses()
    }
}

impl fmt::Debug for GroupHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GroupHandle").field(&self.core).finish()
    }
}

/// The future of [`TaskGroup::close`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Close {
    group: TaskGroup,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl Future for Close {
    type Output = Result<(), GroupError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let awaiting = Awaiting { at: Location::caller(), made_at: self.made_at };
        let this = &mut *self;
        let core = &this.group.core;
        core.begin_closing();
        if core.poll_empty(&mut this.wait, cx, awaiting).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(match core.take_failures() {
            failures if failures.is_empty() => Ok(()),
            failures => Err(GroupError::new(failures)),
        })
    }
}

impl Drop for Close {
    fn drop(&mut self) {
        self.group.core.stop_waiting(&mut self.wait);
    }
}
