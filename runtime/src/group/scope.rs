//! A body and its tasks, which end together.
//!
//! ```text
//!   body polled ──Ready(value)──► waits for the tasks ──► value, or what failed
//!        │ Ready(error): tasks cancelled ──┘
//!        └ a task failed, cancel(): body dropped, tasks cancelled ──┘
//! ```

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::child::Outcome;
use super::core::Awaiting;
use super::error::{ChildError, GroupError};
use super::{TaskGroup, Wait};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;

pin_project! {
    /// The future of [`TaskGroup::scope`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Scope<F>
    where
        F: Future,
        F::Output: Outcome,
    {
        // Dropped first: the body may hold what the tasks need.
        #[pin]
        body: Option<F>,
        value: Option<<F::Output as Outcome>::Value>,
        // Its drop frees the entry, and the group's gives the record back.
        wait: Wait,
        group: TaskGroup,
        made_at: &'static Location<'static>,
    }

    impl<F> PinnedDrop for Scope<F>
    where
        F: Future,
        F::Output: Outcome,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.group.core.stop_waiting(this.wait);
        }
    }
}

impl<F: Future<Output: Outcome>> Scope<F> {
    pub(super) fn new(body: F, group: TaskGroup, made_at: &'static Location<'static>) -> Self {
        Self { body: Some(body), value: None, wait: Wait::new(), group, made_at }
    }
}

impl<F: Future<Output: Outcome>> Future for Scope<F> {
    type Output = Result<<F::Output as Outcome>::Value, GroupError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let core = &this.group.core;
        let awaiting = Awaiting { at: Location::caller(), made_at: this.made_at };
        if !core.is_aborted()
            && let Some(body) = this.body.as_mut().as_pin_mut()
            && let Poll::Ready(outcome) = body.poll(cx)
        {
            this.body.set(None);
            match outcome.into_result() {
                Ok(value) => *this.value = Some(value),
                Err(error) => {
                    let task = current::get().and_then(Loop::describe_running);
                    core.fail(ChildError::failed(task, error).of_body());
                }
            }
        }
        // Asked again: the body may have cancelled its own group.
        if core.is_aborted() {
            this.body.set(None);
        }
        if this.body.is_some() {
            core.wait(this.wait, cx, awaiting);
            return Poll::Pending;
        }
        core.begin_closing();
        if core.poll_empty(this.wait, cx, awaiting).is_pending() {
            return Poll::Pending;
        }
        let failures = core.take_failures();
        Poll::Ready(match this.value.take() {
            Some(value) if failures.is_empty() => Ok(value),
            _ => Err(GroupError::new(failures)),
        })
    }
}

impl<F: Future<Output: Outcome>> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("group", &self.group).field("wait", &self.wait).finish_non_exhaustive()
    }
}
