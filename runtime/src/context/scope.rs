//! Futures that are polled, and dropped, in a context.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use super::local::TaskLocal;
use super::table::{Values, enter};

pin_project! {
    /// A future in a context: that of whoever spawned it, or that of [`Context::scope`](super::Context::scope).
    #[must_use = "futures do nothing unless awaited"]
    pub struct InContext<F> {
        context: Option<Values>,
        // Emptied in the context, so that destructors see it too.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for InContext<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = enter(this.context.clone());
            this.future.set(None);
        }
    }
}

impl<F> InContext<F> {
    pub(crate) fn new(context: Option<Values>, future: F) -> Self {
        Self { context, future: Some(future) }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    #[track_caller]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = enter(this.context.clone());
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").finish_non_exhaustive()
    }
}

/// A callback that sees what its maker saw of task-locals, also while it is dropped without having been called.
pub(crate) fn bind(context: Values, callback: impl FnOnce() + 'static) -> impl FnOnce() + 'static {
    let mut bound = Bound { context, callback: Some(callback) };
    move || {
        if let Some(callback) = bound.callback.take() {
            let _entered = enter(Some(bound.context.clone()));
            callback();
        }
    }
}

struct Bound<F> {
    context: Values,
    callback: Option<F>,
}

impl<F> Drop for Bound<F> {
    fn drop(&mut self) {
        if let Some(callback) = self.callback.take() {
            let _entered = enter(Some(self.context.clone()));
            drop(callback);
        }
    }
}

pin_project! {
    /// A future with a value of a task-local. Made by [`TaskLocal::scope`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Scope<T, F>
    where
        T: 'static,
    {
        local: &'static TaskLocal<T>,
        // Until the first poll, which makes the context of it.
        value: Option<T>,
        context: Option<Values>,
        #[pin]
        future: Option<F>,
    }

    impl<T, F> PinnedDrop for Scope<T, F>
    where
        T: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(value) = this.value.take() {
                *this.context = Some(this.local.context(value));
            }
            let _entered = enter(this.context.clone());
            this.future.set(None);
        }
    }
}

impl<T: 'static, F: Future> Scope<T, F> {
    pub(super) fn new(local: &'static TaskLocal<T>, value: T, future: F) -> Self {
        Self { local, value: Some(value), context: None, future: Some(future) }
    }
}

impl<T: 'static, F: Future> Future for Scope<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(value) = this.value.take() {
            *this.context = Some(this.local.context(value));
        }
        let _entered = enter(this.context.clone());
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T: 'static, F> fmt::Debug for Scope<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
