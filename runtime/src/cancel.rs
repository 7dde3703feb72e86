//! Asking for an end, where dropping is too abrupt: tokens that tasks look at when it suits them.
//!
//! ```text
//!   CancelToken::new ──child──► child ──child──► grandchild
//!        │ cancel                 │                  │
//!        └────────────────────────┴──────────────────┴──► cancelled for good: everybody who waits is woken
//! ```
//!
//! Dropping a future, which is how tasks are cancelled, cannot be refused and runs destructors only. Whoever must clean up
//! with `.await` looks at a token instead, and whoever asks gives it time: [`Task::cancel_gracefully`](crate::Task::cancel_gracefully)
//! asks the task's [own token](crate::task::token), waits for a while, and drops it then.
//!
//! Cancelling goes down the tree, never up. A token is level-triggered: once cancelled it stays so, and every later wait for it is
//! over at once.
//!
//! # Who may touch what
//!
//! A token belongs to its thread. A [`RemoteCancel`] has a number and a flag; its closure looks the token up by that number when
//! it runs on the loop's thread.

mod remote;
mod until;

pub use remote::RemoteCancel;
pub use until::RunUntilCancelled;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::event_loop::current;
use crate::event_loop::slot::Loop;
use crate::event_loop::wait::{Wait, WaitQueue};
use crate::sync::line::{Line, Waiting};
use crate::telemetry::view::{ResourceKind, WaitKind};

/// Children in the list before it is looked through for those that are gone.
const SWEEP_MIN: usize = 16;

/// A request to end that any number of tasks of one thread can make and look at; cheap to clone.
///
/// # Examples
///
/// ```
/// use loopscope::CancelToken;
/// use std::time::Duration;
///
/// loopscope::run(async {
///     let token = CancelToken::new().named("shutdown");
///     let worker = token.child();
///     let task = loopscope::spawn(async move {
///         while worker.run_until_cancelled(loopscope::sleep(Duration::from_millis(1))).await.is_some() {}
///         loopscope::sleep(Duration::from_millis(1)).await; // time to put things in order
///         "in order"
///     });
///     token.cancel();
///     assert_eq!(task.await.unwrap(), "in order");
/// });
/// ```
#[derive(Clone)]
pub struct CancelToken {
    core: Rc<Core>,
}

/// One token.
struct Core {
    line: Line,
    queue: WaitQueue,
    cancelled: Cell<bool>,
    /// Kept alive, so that what is above it reaches what is below.
    parent: Option<Rc<Core>>,
    children: RefCell<Vec<Weak<Core>>>,
    /// At this length those that are gone are thrown out.
    sweep_at: Cell<usize>,
    remote: OnceCell<Arc<remote::Shared>>,
}

impl CancelToken {
    /// A token that is not cancelled.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it takes its caller's place")]
    pub fn new() -> Self {
        Self::made(None, None, Location::caller())
    }

    pub(crate) fn made(
        name: Option<&str>,
        parent: Option<&Self>,
        made_at: &'static Location<'static>,
    ) -> Self {
        let made_by = current::get().map_or(0, Loop::running_id);
        let mut line = Line::new(ResourceKind::Event, made_at, made_by);
        if let Some(name) = name {
            line.set_name(name);
        }
        let core = Rc::new(Core {
            line,
            queue: WaitQueue::new(),
            cancelled: Cell::new(parent.is_some_and(Self::is_cancelled)),
            parent: parent.map(|parent| Rc::clone(&parent.core)),
            children: RefCell::default(),
            sweep_at: Cell::new(SWEEP_MIN),
            remote: OnceCell::new(),
        });
        if let Some(parent) = parent.filter(|parent| !parent.is_cancelled()) {
            parent.core.adopt(&core);
        }
        Self { core }
    }

    /// What the token is called wherever it is shown; 128 bytes of it are kept.
    ///
    /// # Panics
    ///
    /// When the token has been cloned or has children: name it first.
    #[must_use]
    #[track_caller]
    pub fn named(mut self, name: &str) -> Self {
        match Rc::get_mut(&mut self.core) {
            Some(core) => core.line.set_name(name),
            None => panic!("a token is named {name:?} that is in use already: name it before it is cloned"),
        }
        self
    }

    /// A token that is cancelled with this one, and also by itself without it. Of a cancelled token it is a cancelled one.
    #[must_use]
    #[track_caller]
    pub fn child(&self) -> Self {
        Self::made(None, Some(self), Location::caller())
    }

    /// Cancels it and all tokens below, and wakes everybody who waits for that. Cancelling twice is cancelling once.
    pub fn cancel(&self) {
        // Everybody is taken out before any code of another library runs, which may wait again.
        let mut foreign = Vec::new();
        let mut told = None;
        let mut left = VecDeque::from([Rc::clone(&self.core)]);
        while let Some(core) = left.pop_front() {
            if core.cancelled.replace(true) {
                continue;
            }
            if let Some(remote) = core.remote.get() {
                remote.set_cancelled();
            }
            left.extend(core.children.take().iter().filter_map(Weak::upgrade));
            if let Some(lp) = core.line.lp() {
                core.queue.notify_all_but(lp, &mut foreign);
                told = Some(lp);
            }
        }
        if let Some(lp) = told {
            for waker in foreign {
                lp.wake_quietly(waker);
            }
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.core.cancelled.get()
    }

    /// Waits until it is cancelled; at once if it is.
    ///
    /// # Cancel safety
    ///
    /// There is nothing to lose.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[track_caller]
    pub fn cancelled(&self) -> Cancelled {
        Cancelled { token: self.clone(), wait: Wait::new(), made_at: Location::caller() }
    }

    /// Runs a future until the token is cancelled, and gives its output, or `None` if it had to be dropped for that. A future of
    /// a token that is cancelled already is not polled; else one that is ready wins.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, or on another loop than those who wait already.
    #[track_caller]
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> RunUntilCancelled<F> {
        RunUntilCancelled::new(self.cancelled(), future)
    }

    /// Cancels the token when the guard is dropped.
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }

    /// A handle by which other threads cancel the token.
    ///
    /// # Panics
    ///
    /// Outside of a loop: the request has to come in somewhere.
    #[track_caller]
    pub fn remote(&self) -> RemoteCancel {
        remote::remote(&self.core)
    }
}

impl Core {
    fn adopt(&self, child: &Rc<Self>) {
        let mut children = self.children.borrow_mut();
        if children.len() >= self.sweep_at.get() {
            children.retain(|child| child.strong_count() > 0);
            self.sweep_at.set(SWEEP_MIN.max(2 * children.len()));
        }
        children.push(Rc::downgrade(child));
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(remote) = self.remote.get() {
            remote.forget();
        }
        // One after the other, since a chain may be longer than the stack is deep.
        let mut parent = self.parent.take();
        while let Some(mut above) = parent.and_then(Rc::into_inner) {
            parent = above.parent.take();
        }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut token = f.debug_struct("CancelToken");
        if let Some(name) = self.core.line.name() {
            token.field("name", &name);
        }
        token
            .field("cancelled", &self.is_cancelled())
            .field("waiters", &self.core.line.waiting())
            .finish_non_exhaustive()
    }
}

/// The future of [`CancelToken::cancelled`], and of [`task::cancel_requested`](crate::task::cancel_requested).
#[must_use = "futures do nothing unless awaited"]
pub struct Cancelled {
    token: CancelToken,
    wait: Wait,
    made_at: &'static Location<'static>,
}

impl Cancelled {
    pub(crate) fn made(token: CancelToken, made_at: &'static Location<'static>) -> Self {
        Self { token, wait: Wait::new(), made_at }
    }

    fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    #[track_caller]
    fn poll_at(&mut self, cx: &Context<'_>, at: &'static Location<'static>) -> Poll<()> {
        let core = &self.token.core;
        if core.cancelled.get() {
            core.line.leave(&core.queue, &mut self.wait);
            return Poll::Ready(());
        }
        let waiting = Waiting { kind: WaitKind::Event, renewed: false, at, made_at: self.made_at };
        core.line.wait("waiting for a cancellation", &core.queue, &mut self.wait, cx, &waiting);
        Poll::Pending
    }
}

impl Future for Cancelled {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = Location::caller();
        if self.is_cancelled() && !current::get().is_none_or(|lp| lp.spend_budget(cx)) {
            return Poll::Pending; // with another turn: who asks again and again must let others run
        }
        self.poll_at(cx, at)
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        let core = &self.token.core;
        core.line.leave(&core.queue, &mut self.wait);
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled")
            .field("token", &self.token)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// Cancels a token when it is dropped. Made by [`CancelToken::drop_guard`].
#[must_use = "a guard that is dropped at once cancels at once"]
#[derive(Debug)]
pub struct DropGuard {
    token: Option<CancelToken>,
}

impl DropGuard {
    /// Gives the token back, which is then not cancelled.
    ///
    /// # Panics
    ///
    /// Never: a guard has its token until it is disarmed.
    pub fn disarm(mut self) -> CancelToken {
        match self.token.take() {
            Some(token) => token,
            None => unreachable!("a guard has its token until it is disarmed"),
        }
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            token.cancel();
        }
    }
}
