//! Asking the tasks of a group to end before they are made to.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::TaskGroup;
use super::core::Awaiting;
use super::error::GroupError;
use crate::event_loop::current;
use crate::event_loop::wait::Wait;
use crate::runner::Survivor;
use crate::telemetry::view::TimerKind;
use crate::time::sleep::Sleep;

/// How the tasks of a group ended that were asked to.
#[derive(Clone, Debug, Default)]
pub struct GroupEnding {
    dropped: Vec<Survivor>,
}

impl GroupEnding {
    /// Whether every task came to its own end.
    pub fn is_clean(&self) -> bool {
        self.dropped.is_empty()
    }

    /// The tasks that had to be dropped, and what they waited for then.
    pub fn dropped(&self) -> &[Survivor] {
        &self.dropped
    }
}

impl TaskGroup {
    /// Asks the tasks of the group to end, gives them `grace` to do so, and drops then what is left.
    ///
    /// They are asked by this call: each task's own [token](crate::task::token) is cancelled, and so is that of tasks that are
    /// spawned from here on, which is still allowed. A task that fails meanwhile cancels the others at once, as ever.
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
    /// Outside of the loop the group was made on; so does the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use loopscope::TaskGroup;
    /// use std::time::Duration;
    ///
    /// loopscope::run(async {
    ///     let group = TaskGroup::new();
    ///     group.spawn_named("polite", async { loopscope::task::cancel_requested().await });
    ///     group.spawn_named("deaf", std::future::pending::<()>());
    ///     let ending = group.cancel_gracefully(Duration::from_millis(1)).await.unwrap();
    ///     assert_eq!(ending.dropped().len(), 1);
    ///     assert_eq!(ending.dropped()[0].name.as_deref(), Some("deaf"));
    /// });
    /// ```
    #[track_caller]
    pub fn cancel_gracefully(self, grace: Duration) -> CloseGracefully {
        let lp = current::expect("TaskGroup::cancel_gracefully");
        let made_at = Location::caller();
        let sleep = Sleep::new(lp.deadline_after(grace), made_at);
        self.core.ask_children();
        CloseGracefully { group: self, wait: Wait::new(), sleep, ending: None, made_at }
    }
}

/// The future of [`TaskGroup::cancel_gracefully`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct CloseGracefully {
    group: TaskGroup,
    wait: Wait,
    sleep: Sleep,
    /// Once the grace is over.
    ending: Option<GroupEnding>,
    made_at: &'static Location<'static>,
}

impl Future for CloseGracefully {
    type Output = Result<GroupEnding, GroupError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        let this = &mut *self;
        let core = &this.group.core;
        let awaiting = Awaiting { at, made_at: this.made_at };
        core.begin_closing();
        while core.poll_empty(&mut this.wait, cx, awaiting).is_pending() {
            if this.ending.is_some() || this.sleep.poll_for(TimerKind::Timeout, cx, at).is_pending() {
                return Poll::Pending;
            }
            // A group that is shutting down already drops them for its own reasons.
            let dropped = if core.is_aborted() { Vec::new() } else { core.survivors() };
            this.ending = Some(GroupEnding { dropped });
            // That tells the waiter, which goes on waiting for the last to be gone.
            core.abort();
        }
        Poll::Ready(match core.take_failures() {
            failures if failures.is_empty() => Ok(this.ending.take().unwrap_or_default()),
            failures => Err(GroupError::new(failures)),
        })
    }
}

impl Drop for CloseGracefully {
    fn drop(&mut self) {
        self.group.core.stop_waiting(&mut self.wait);
    }
}
