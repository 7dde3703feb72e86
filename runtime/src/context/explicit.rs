//! A context in the hand: to run something elsewhere with the task-locals of here, or without any.

use std::fmt;
use std::future::Future;

use super::scope::InContext;
use super::table::{self, capture, enter};

/// What a task sees of [task-locals](crate::task_local), as a value; cheap to clone.
///
/// What is spawned, or handed over as a callback, takes the context along in which that is done, so this is for the other
/// cases: a task for somebody else's request, a callback that is to see what its caller saw, a future that is to see nothing.
/// Unlike Python's, a context is never changed; [`TaskLocal::sync_scope`](super::TaskLocal::sync_scope) around
/// [`Context::current`] makes one with another value.
///
/// # Examples
///
/// ```
/// use loopscope::context::Context;
///
/// loopscope::task_local! {
///     static REQUEST: u32;
/// }
///
/// loopscope::run(async {
///     let context = REQUEST.sync_scope(7, Context::current);
///     // A task in that context, a callback, a call and a future.
///     let task = loopscope::task::Builder::new().context(&context).spawn(async { REQUEST.get() });
///     assert_eq!(task.await.unwrap(), 7);
///     context.run(|| loopscope::call_soon(|| assert_eq!(REQUEST.get(), 7)));
///     assert_eq!(context.run(|| REQUEST.get()), 7);
///     assert_eq!(context.scope(async { REQUEST.get() }).await, 7);
///     // And one that sees nothing of where it comes from.
///     let alone = REQUEST.sync_scope(8, || Context::new().run(|| REQUEST.try_with(|_| ())));
///     assert!(alone.is_err());
/// });
/// ```
#[derive(Clone, Default)]
#[doc(alias = "contextvars.Context")]
pub struct Context(Option<table::Values>);

impl Context {
    /// One without any values.
    pub const fn new() -> Self {
        Self(None)
    }

    /// That of the running task, of the callback or of the thread.
    #[doc(alias = "contextvars.copy_context")]
    #[doc(alias = "asyncio.Task.get_context")]
    pub fn current() -> Self {
        Self(capture())
    }

    /// Calls a closure in the context: what it spawns or hands over as a callback goes on in it.
    #[doc(alias = "contextvars.Context.run")]
    pub fn run<R>(&self, closure: impl FnOnce() -> R) -> R {
        let _entered = enter(self.0.clone());
        closure()
    }

    /// Runs a future in the context; it is dropped in it too. `runner.block_on(context.scope(main))` does so with a main task.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`.
    pub fn scope<F: Future>(&self, future: F) -> InContext<F> {
        InContext::new(self.0.clone(), future)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.as_ref().map_or(0, table::Values::len);
        f.debug_struct("Context").field("len", &len).finish_non_exhaustive()
    }
}
