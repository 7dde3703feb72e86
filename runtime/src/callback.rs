#![allow(unsafe_code, reason = "hands futures that are 'static to the loop")]
//! Callbacks: plain closures that the loop calls soon, or at a moment.
//!
//! A callback is a small task of kind [`Callback`](crate::telemetry::TaskKind::Callback): it stands in the same run queue, has
//! an id, a record and a spawn site, and one that waits for its moment shows a timer like any sleeping task.
//!
//! ```text
//!   call_soon ─────────────────────────────► run queue ──► called once ──► completed, or panicked: reported
//!   call_later, call_at ──► timer ──fires──► run queue
//!                             └──────── cancel ─────┴────► closure dropped, not called
//! ```

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::context::{self, bind};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::task::TaskId;
use crate::task::cell::Opaque;
use crate::task::raw::Spawning;
use crate::task::task_ref::TaskRef;
use crate::telemetry::view::{TaskKind, TimerKind};
use crate::time::Instant;
use crate::time::sleep::Sleep;

/// Calls `callback` in the next batch, after everything that is ready now.
///
/// It sees the [task-locals](crate::task_local) of whoever hands it over. Callbacks are called in the order they were handed over, each exactly once, on this thread. From another thread use
/// [`Handle::post`](crate::Handle::post). A panic is reported through
/// [`on_unhandled`](crate::runner::Builder::on_unhandled).
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// loopscope::run(async {
///     loopscope::call_soon(|| println!("second"));
///     println!("first");
///     loopscope::yield_now().await;
/// });
/// ```
#[doc(alias = "asyncio.loop.call_soon")]
#[track_caller]
pub fn call_soon(callback: impl FnOnce() + 'static) -> Callback {
    let lp = current::expect("loopscope::call_soon");
    let place = Location::caller();
    soon_in(lp, context::capture(), callback, place)
}

/// Calls `callback` when `delay` has passed, never before. A delay of zero is [`call_soon`].
///
/// The resolution is 0.26 ms, rounded up. Equal deadlines are called in the order they were handed over.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.loop.call_later")]
#[track_caller]
pub fn call_later(delay: Duration, callback: impl FnOnce() + 'static) -> Callback {
    let lp = current::expect("loopscope::call_later");
    let place = Location::caller();
    match context::capture() {
        None => later(lp, delay, callback, place),
        Some(context) => later(lp, delay, bind(context, callback), place),
    }
}

/// Calls `callback` at `deadline`, never before; at the next turn of the loop if it has passed.
///
/// # Panics
///
/// Outside of a loop.
#[doc(alias = "asyncio.loop.call_at")]
#[track_caller]
pub fn call_at(deadline: Instant, callback: impl FnOnce() + 'static) -> Callback {
    let lp = current::expect("loopscope::call_at");
    // Zero is no deadline but a sleep's word for "one turn".
    let (deadline, place) = (deadline.as_nanos().max(1), Location::caller());
    match context::capture() {
        None => at(lp, deadline, callback, place),
        Some(context) => at(lp, deadline, bind(context, callback), place),
    }
}

/// Calls `callback` soon, with the task-locals of `context`, on a loop that lives on this thread.
pub(crate) fn soon_in(
    lp: &'static Loop,
    context: Option<context::Values>,
    callback: impl FnOnce() + 'static,
    place: &'static Location<'static>,
) -> Callback {
    match context {
        None => soon(lp, callback, place),
        Some(context) => soon(lp, bind(context, callback), place),
    }
}

fn later(
    lp: &'static Loop,
    delay: Duration,
    callback: impl FnOnce() + 'static,
    place: &'static Location<'static>,
) -> Callback {
    if delay.is_zero() {
        return soon(lp, callback, place);
    }
    at(lp, lp.deadline_after(delay), callback, place)
}

fn soon(lp: &'static Loop, callback: impl FnOnce() + 'static, place: &'static Location<'static>) -> Callback {
    let call = Call { timer: None, callback: Some(callback) };
    // SAFETY: the closure is 'static, and so is its output.
    let task = unsafe { lp.spawn::<_, Opaque>(call, &spawning(place)) };
    Callback { task, deadline: None, _not_send: PhantomData }
}

fn at(
    lp: &'static Loop,
    deadline: u64,
    callback: impl FnOnce() + 'static,
    place: &'static Location<'static>,
) -> Callback {
    let mut timer = Sleep::new(deadline, place);
    // Armed here and not at a first poll, so that the order of these calls is the order of equal deadlines.
    let entry = timer.arm_early(TimerKind::CallLater, lp);
    let call = Call { timer: Some(timer), callback: Some(callback) };
    // SAFETY: the closure is 'static, and so is its output.
    let task = unsafe { lp.spawn_waiting::<_, Opaque>(call, &spawning(place), entry) };
    Callback { task, deadline: Some(Instant::from_nanos(deadline)), _not_send: PhantomData }
}

fn spawning(place: &'static Location<'static>) -> Spawning<'static> {
    Spawning { place, name: None, kind: TaskKind::Callback, group: None, handle: false }
}

/// The handle of a callback. Dropping it does not cancel.
#[doc(alias = "asyncio.Handle")]
#[doc(alias = "asyncio.TimerHandle")]
pub struct Callback {
    task: TaskRef,
    deadline: Option<Instant>,
    _not_send: PhantomData<*const ()>,
}

impl Callback {
    /// Sees to it that the closure is not called, if that has not begun; it is dropped at its turn. Returns whether that was
    /// in time.
    #[doc(alias = "asyncio.Handle.cancel")]
    #[expect(clippy::must_use_candidate, reason = "most callers do not care")]
    pub fn cancel(&self) -> bool {
        self.task.cancel()
    }

    /// Whether it was called or dropped.
    pub fn is_finished(&self) -> bool {
        self.task.is_done()
    }

    /// Its number among the tasks.
    pub fn id(&self) -> TaskId {
        TaskId::from_raw(self.task.id)
    }

    /// When it is due, unless that is "soon".
    #[doc(alias = "asyncio.TimerHandle.when")]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("id", &self.id())
            .field("deadline", &self.deadline)
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// The future of a callback.
struct Call<F> {
    timer: Option<Sleep>,
    callback: Option<F>,
}

impl<F> Unpin for Call<F> {}

impl<F: FnOnce()> Future for Call<F> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer {
            ready!(timer.poll_for(TimerKind::CallLater, cx, timer.made_at()));
        }
        if let Some(callback) = self.callback.take() {
            callback();
        }
        Poll::Ready(())
    }
}
