//! A time limit around a body that can be moved while it runs.
//!
//! ```text
//!   timeout_scope ──► active ──body is ready──► finished
//!                       │ ▲ └──deadline──► expired, the body is dropped
//!                       └─┘ reschedule: by the body, or by whoever has the Deadline
//! ```
//!
//! # Invariants
//!
//! The body is polled before the deadline is looked at: one that is ready wins. A deadline that has passed when it is set ends the body at its
//! first wait, without a turn of the wheel. The deadline's entry stays linked in the wheel while it is moved, so that its
//! waker is kept; one that was taken away leaves an entry that stands in no wheel, for as long as anybody could bring it back.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::sleep::{NEVER, Sleep};
use super::{Elapsed, Instant};
use crate::event_loop::current;
use crate::telemetry::view::TimerKind;

/// Runs a body that has at most `limit`, or no limit with `None`, and can move its own deadline.
///
/// The limit counts from this call. At the deadline the body is dropped where it stands and the scope gives [`Elapsed`]. A body that is ready at its first poll wins
/// even over a limit of zero; a limit of zero, and a deadline that has passed when it is set, ends it at its first wait.
///
/// Scopes nest. Each gives its own `Elapsed` and no other's: one of an inner scope, or any other error of the body, lies
/// inside of this one's `Ok`.
///
/// # Unlike asyncio
///
/// There `timeout` throws `CancelledError` into the block, which may clean up with `await`, or even refuse; here the body's future is
/// dropped: its destructors run, nothing after its `.await` does, and the limit cannot be exceeded. Whoever must clean up with `.await` gives a task
/// [time to](crate::time::timeout_graceful). No count of cancellations is kept, since the scope owns what it drops.
///
/// # Errors
///
/// [`Elapsed`] when the deadline came first.
///
/// # Cancel safety
///
/// As cancel safe as the body.
///
/// # Panics
///
/// Outside of a loop.
///
/// # Examples
///
/// ```
/// use loopscope::time::{Instant, timeout_scope};
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let answer = timeout_scope(Duration::from_millis(1), async |scope| {
///         // The connection stands: from here on there is more time.
///         scope.reschedule(Instant::now() + Duration::from_secs(10)).unwrap();
///         loopscope::sleep(Duration::from_millis(5)).await;
///         "answer"
///     })
///     .await;
///     assert_eq!(answer, Ok("answer"));
///
///     let late = timeout_scope(Duration::from_millis(1), async |_| std::future::pending::<()>().await);
///     assert_eq!(late.await.unwrap_err().limit(), Some(Duration::from_millis(1)));
/// });
/// ```
#[doc(alias = "asyncio.timeout")]
#[doc(alias = "asyncio.Timeout")]
#[track_caller]
pub fn timeout_scope<B, F>(limit: impl Into<Option<Duration>>, body: B) -> TimeoutScope<F>
where
    B: FnOnce(Deadline) -> F,
    F: Future,
{
    let lp = current::expect("loopscope::time::timeout_scope");
    let limit = limit.into();
    let deadline = match limit {
        None => NEVER,
        // A limit of zero is over now; any other one is not over early.
        Some(Duration::ZERO) => lp.time_ns().max(1),
        Some(limit) => lp.deadline_after(limit),
    };
    TimeoutScope::new(deadline, limit, body, Location::caller())
}

/// Runs a body that has time until `deadline`, or no limit with `None`, and can move its deadline. See [`timeout_scope`].
///
/// # Errors
///
/// [`Elapsed`] when the deadline came first.
///
/// # Cancel safety
///
/// As cancel safe as the body.
#[doc(alias = "asyncio.timeout_at")]
#[track_caller]
pub fn timeout_scope_at<B, F>(deadline: impl Into<Option<Instant>>, body: B) -> TimeoutScope<F>
where
    B: FnOnce(Deadline) -> F,
    F: Future,
{
    TimeoutScope::new(nanos_of(deadline.into()), None, body, Location::caller())
}

/// Zero is no deadline but a sleep's word for "one turn".
fn nanos_of(deadline: Option<Instant>) -> u64 {
    deadline.map_or(NEVER, |deadline| deadline.as_nanos().max(1))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    Expired,
    Finished,
}

/// What a scope and its handles share.
struct Core {
    sleep: RefCell<Sleep>,
    state: Cell<State>,
    /// The limit it was made with, until the deadline is moved.
    limit: Cell<Option<Duration>>,
    /// The deadline was set since it was looked at, and so may have passed already.
    is_new: Cell<bool>,
}

/// The deadline of a [`timeout_scope`], for its body and for whoever else may move it; cheap to clone.
#[derive(Clone)]
#[doc(alias = "asyncio.Timeout")]
pub struct Deadline {
    core: Rc<Core>,
}

impl Deadline {
    /// When the scope expires; `None` if it has no limit.
    #[doc(alias = "asyncio.Timeout.when")]
    pub fn when(&self) -> Option<Instant> {
        let nanos = self.core.sleep.borrow().deadline().as_nanos();
        (nanos != NEVER).then(|| Instant::from_nanos(nanos))
    }

    /// Moves the deadline, or takes it away with `None`. One that has passed ends the body at its next wait.
    ///
    /// # Errors
    ///
    /// [`NotActive`] when the scope is over; it says how.
    #[doc(alias = "asyncio.Timeout.reschedule")]
    pub fn reschedule(&self, deadline: impl Into<Option<Instant>>) -> Result<(), NotActive> {
        match self.core.state.get() {
            State::Active => {}
            State::Expired => return Err(NotActive { expired: true }),
            State::Finished => return Err(NotActive { expired: false }),
        }
        self.core.limit.set(None);
        self.core.is_new.set(true);
        let due = self.core.sleep.borrow_mut().move_to(nanos_of(deadline.into()));
        // Only now: a waker of another library may look at the deadline.
        if let Some((lp, waker)) = due {
            lp.wake_quietly(waker);
        }
        Ok(())
    }

    /// Whether the deadline came first, and the body was dropped for it.
    #[doc(alias = "asyncio.Timeout.expired")]
    pub fn expired(&self) -> bool {
        self.core.state.get() == State::Expired
    }

    /// Whether the body still runs, so that the deadline can be moved.
    pub fn is_active(&self) -> bool {
        self.core.state.get() == State::Active
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("state", &self.core.state.get())
            .field("when", &self.when())
            .finish_non_exhaustive()
    }
}

/// The deadline cannot be moved any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotActive {
    expired: bool,
}

impl NotActive {
    /// Whether the deadline came first; else the body was ready, or dropped.
    pub fn is_expired(&self) -> bool {
        self.expired
    }
}

impl fmt::Display for NotActive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.expired { "has expired" } else { "is finished" };
        write!(f, "cannot move the deadline of a timeout scope that {state}")
    }
}

impl Error for NotActive {}

pin_project! {
    /// The future of [`timeout_scope`] and [`timeout_scope_at`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct TimeoutScope<F> {
        #[pin]
        body: Option<F>,
        core: Rc<Core>,
    }

    impl<F> PinnedDrop for TimeoutScope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.core.state.get() == State::Active {
                this.core.state.set(State::Finished);
            }
            this.body.set(None);
            // Whoever has the deadline keeps no timer alive.
            this.core.sleep.borrow_mut().disarm();
        }
    }
}

impl<F> TimeoutScope<F> {
    fn new<B: FnOnce(Deadline) -> F>(
        deadline: u64,
        limit: Option<Duration>,
        body: B,
        made_at: &'static Location<'static>,
    ) -> Self {
        let core = Rc::new(Core {
            sleep: RefCell::new(Sleep::new(deadline, made_at)),
            state: Cell::new(State::Active),
            limit: Cell::new(limit),
            is_new: Cell::new(true),
        });
        let body = body(Deadline { core: Rc::clone(&core) });
        Self { body: Some(body), core }
    }

    /// The deadline, for whoever else may move it.
    pub fn deadline(&self) -> Deadline {
        Deadline { core: Rc::clone(&self.core) }
    }
}

impl Core {
    /// Whether the deadline has come; else the running task is told when it does.
    #[track_caller]
    fn poll_deadline(self: &Rc<Self>, cx: &Context<'_>, at: &'static Location<'static>) -> Poll<()> {
        let mut sleep = self.sleep.borrow_mut();
        let nanos = sleep.deadline().as_nanos();
        if nanos == NEVER && Rc::strong_count(self) == 1 {
            sleep.disarm(); // nobody can set one any more
            return Poll::Pending;
        }
        let is_past = || nanos <= current::expect("a timeout scope was polled").time_ns();
        if self.is_new.replace(false) && nanos != NEVER && is_past() {
            return Poll::Ready(());
        }
        sleep.poll_for(TimerKind::Timeout, cx, at)
    }
}

impl<F: Future> Future for TimeoutScope<F> {
    type Output = Result<F::Output, Elapsed>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Pending };
        let output = body.poll(cx);
        let core = this.core;
        let result = match output {
            Poll::Ready(output) => {
                core.state.set(State::Finished);
                Ok(output)
            }
            Poll::Pending if core.poll_deadline(cx, at).is_pending() => return Poll::Pending,
            Poll::Pending => {
                core.state.set(State::Expired);
                Err(Elapsed::of(core.limit.get()))
            }
        };
        core.sleep.borrow_mut().disarm();
        // Destructors in the body find a scope that is over.
        this.body.set(None);
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for TimeoutScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutScope").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}
