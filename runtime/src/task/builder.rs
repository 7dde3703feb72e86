#![allow(unsafe_code, reason = "hands futures that are 'static to the loop")]
//! Spawning.

use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use super::cell::{Describe, Fallible, Opaque};
use super::handle::{self, Task, TaskId};
use super::hooks::{Hooked, SpawnedTask};
use super::raw::Spawning;
use super::task_ref::TaskRef;
use crate::context::{self, Context, InContext};
use crate::event_loop::current;
use crate::group::GroupCore;
use crate::telemetry::view::TaskKind;

/// Runs a future as a task of its own on this thread's loop.
///
/// It sees the [task-locals](crate::task_local) of its maker. It gets its first turn in the next batch. The future may be `!Send`: it never leaves this thread, so `Rc` and `RefCell` are
/// fine between awaits. The loop owns the task until it is over; dropping the handle detaches it.
///
/// A panic of the task reaches whoever awaits the handle; when nobody can any more, it is reported through
/// [`on_unhandled`](crate::runner::Builder::on_unhandled) at once.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let task = loopscope::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
#[doc(alias = "asyncio.create_task")]
#[doc(alias = "asyncio.ensure_future")]
#[track_caller]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Builder::new().spawn(future)
}

/// [`spawn`]s a future whose `Err` must not be lost: when nobody can receive it any more, it is reported through
/// [`on_unhandled`](crate::runner::Builder::on_unhandled), like a panic.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.create_task")]
#[track_caller]
pub fn spawn_fallible<F, T, E>(future: F) -> Task<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: std::fmt::Debug + 'static,
{
    Builder::new().spawn_fallible(future)
}

/// [`spawn`]s a future and polls it once before this returns, inside of the poll of the caller: a future that need not wait
/// is done then, and its task never stands in a queue. One that waits goes on as a task like any other.
///
/// During that first poll [`current`](crate::current) is the new task, task-locals are as its maker sees them, and the time it
/// takes is its own; what it spends of the budget for one turn is spent by its maker too. A panic in it is caught as always, and
/// reaches who awaits the handle. What the future does it does before the next line of its maker: asyncio's documentation says
/// the same of its eager tasks, that the order of things changes.
///
/// A future that is spawned from inside of 64 such polls, or while the loop ends, has its first turn in the next batch.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// use loopscope::task::spawn_eager;
///
/// loopscope::run(async {
///     let cached = spawn_eager(async { 42 });
///     assert!(cached.is_finished());
///     assert_eq!(cached.await.unwrap(), 42);
/// });
/// ```
#[doc(alias = "asyncio.eager_task_factory")]
#[doc(alias = "asyncio.create_eager_task_factory")]
#[track_caller]
pub fn spawn_eager<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Builder::new().eager().spawn(future)
}

/// What a task is spawned with.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     let task = loopscope::task::Builder::new().name("adder").spawn(async { 1 + 1 });
///     assert_eq!(task.await.unwrap(), 2);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Builder<'a> {
    name: Option<&'a str>,
    kind: TaskKind,
    group: Option<&'a Rc<GroupCore>>,
    place: Option<&'static Location<'static>>,
    eager: bool,
    context: Option<&'a Context>,
}

impl Default for Builder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Builder<'a> {
    /// A task without a name.
    pub const fn new() -> Self {
        Self { name: None, kind: TaskKind::Task, group: None, place: None, eager: false, context: None }
    }

    /// What the task is called wherever it is shown; 128 bytes of it are kept.
    #[must_use]
    pub const fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// The place the task is shown with, for those who spawn for somebody else; else it is the caller's.
    #[must_use]
    pub const fn at(mut self, place: &'static Location<'static>) -> Self {
        self.place = Some(place);
        self
    }

    /// Polls the future once before the call that spawns it returns: see [`spawn_eager`].
    #[must_use]
    pub const fn eager(mut self) -> Self {
        self.eager = true;
        self
    }

    /// Takes [`eager`](Self::eager) back.
    pub(crate) const fn not_eager(mut self) -> Self {
        self.eager = false;
        self
    }

    /// The [task-locals](crate::task_local) it sees; else those of its maker.
    #[doc(alias = "asyncio.create_task")]
    #[must_use]
    pub const fn context(mut self, context: &'a Context) -> Self {
        self.context = Some(context);
        self
    }

    /// The group it belongs to.
    pub(crate) const fn group(mut self, group: &'a Rc<GroupCore>) -> Self {
        self.group = Some(group);
        self
    }

    /// See [`spawn`].
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_described::<F, Opaque>(future, Location::caller())
    }

    /// See [`spawn_fallible`].
    ///
    /// # Panics
    ///
    /// Outside of a loop.
    #[track_caller]
    pub fn spawn_fallible<F, T, E>(self, future: F) -> Task<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
        E: std::fmt::Debug + 'static,
    {
        self.spawn_described::<F, Fallible>(future, Location::caller())
    }

    #[inline]
    pub(crate) fn spawn_described<F, D>(self, future: F, place: &'static Location<'static>) -> Task<F::Output>
    where
        F: Future + 'static,
        D: Describe<F::Output>,
    {
        if let Some(context) = self.context {
            let builder = Self { context: None, ..self };
            return context.run(|| builder.spawn_described::<F, D>(future, place));
        }
        if context::spawns_are_plain() {
            self.spawn_plain::<F, D>(future, place, |_| {})
        } else {
            self.spawn_with_more::<F, D>(future, place)
        }
    }

    /// The task sees what its maker sees of task-locals, and the loop's hooks are told of it.
    #[cold]
    #[inline(never)]
    fn spawn_with_more<F, D>(self, future: F, place: &'static Location<'static>) -> Task<F::Output>
    where
        F: Future + 'static,
        D: Describe<F::Output>,
    {
        let future = InContext::new(context::capture(), future);
        let lp = current::expect("loopscope::spawn");
        let hooks = lp.hooks.borrow().tasks.clone();
        let Some(hooks) = hooks else { return self.spawn_plain::<_, D>(future, place, |_| {}) };
        let (future, id) = Hooked::new(hooks.clone(), future);
        let by = handle::current();
        self.spawn_plain::<_, D>(future, place, |task| {
            id.set(task.id);
            let spawned_at = self.place.unwrap_or(place);
            hooks.spawned(&SpawnedTask { id: TaskId::from_raw(task.id), name: self.name, spawned_at, by });
        })
    }

    #[inline]
    fn spawn_plain<F, D>(
        self,
        future: F,
        place: &'static Location<'static>,
        tell: impl FnOnce(TaskRef),
    ) -> Task<F::Output>
    where
        F: Future + 'static,
        D: Describe<F::Output>,
    {
        let lp = current::expect("loopscope::spawn");
        let place = self.place.unwrap_or(place);
        let group = self.group.cloned();
        let spawning = Spawning { place, name: self.name, kind: self.kind, group, handle: true };
        // Told of the task before it is polled: one that is eager may be over when it was.
        let made = |task| {
            if let Some(group) = self.group {
                group.adopt(task);
            }
            tell(task);
        };
        if self.eager {
            // SAFETY: the future is 'static, and so is its output.
            return Task::new(unsafe { lp.spawn_eager::<F, D>(future, &spawning, made) });
        }
        // SAFETY: the future is 'static, and so is its output.
        let task = unsafe { lp.spawn::<F, D>(future, &spawning) };
        made(task);
        Task::new(task)
    }
}
