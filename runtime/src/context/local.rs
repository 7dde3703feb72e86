//! One task-local: its key, and how its value is read.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use super::scope::Scope;
use super::table::{Key, Value, Values, capture, enter};

/// Declares task-locals: `static`s of type [`TaskLocal`](crate::context::TaskLocal).
///
/// # Examples
///
/// ```
/// loopscope::task_local! {
///     /// The request that is being answered.
///     static REQUEST: String;
/// }
///
/// async fn log(text: &str) -> String {
///     REQUEST.with(|request| format!("{request}: {text}"))
/// }
///
/// loopscope::run(REQUEST.scope("GET /".to_owned(), async {
///     // What is spawned sees it too, and so does `to_thread`.
///     let task = loopscope::spawn(async { log("begun").await });
///     assert_eq!(task.await.unwrap(), "GET /: begun");
///     assert_eq!(loopscope::to_thread(|| REQUEST.get()).await, "GET /");
/// }));
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$meta:meta])* $visibility:vis static $name:ident: $type:ty);+ $(;)?) => {
        $(
            $(#[$meta])*
            $visibility static $name: $crate::context::TaskLocal<$type> = {
                #[allow(unused_imports, reason = "for types that stay on their thread")]
                use $crate::context::__private::ThreadBound as _;
                $crate::context::TaskLocal::__new(<$crate::context::__private::Probe<$type>>::WRAP)
            };
        )+
    };
}

/// A value that a task and everything it spawns can see. Declared with [`task_local!`](crate::task_local).
///
/// There is no `set`: a value holds for a future ([`scope`](Self::scope)) or a call ([`sync_scope`](Self::sync_scope)), and the
/// one outside of it is back afterwards, so that nothing has to be reset. What is spawned inside, with
/// [`spawn`](crate::spawn), [`call_soon`](crate::call_soon) and its siblings or into a [`TaskGroup`](crate::TaskGroup), keeps the
/// value for as long as it lives. To change a value in place, put a `Cell` into it: then all who share it see the change.
///
/// A scope's value is dropped when the scope and everything that was spawned in it is gone, in the order in which the last of
/// them goes, and outside of the scope. Futures are dropped inside of theirs, so that destructors still see the values.
///
/// Values of types that are `Send + Sync` go with [`to_thread`](crate::to_thread); others are not set there.
#[doc(alias = "contextvars.ContextVar")]
pub struct TaskLocal<T: 'static> {
    wrap: fn(T) -> Value,
    _value: PhantomData<fn() -> T>,
}

/// A task-local has no value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSet(());

impl fmt::Display for NotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task-local has no value here")
    }
}

impl Error for NotSet {}

impl<T: 'static> TaskLocal<T> {
    #[doc(hidden)]
    pub const fn __new(wrap: fn(T) -> Value) -> Self {
        Self { wrap, _value: PhantomData }
    }

    fn key(&'static self) -> Key {
        std::ptr::from_ref(self) as usize
    }

    fn bound(&'static self, value: T) -> Values {
        Values::with(capture().as_ref(), self.key(), (self.wrap)(value))
    }

    /// Runs a future with the value. Of other task-locals it sees what the task has that polls it first.
    ///
    /// # Cancel safety
    ///
    /// The scope has nothing to lose of its own; what it wraps is dropped inside of it.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> Scope<T, F> {
        Scope::new(self, value, future)
    }

    /// Calls a closure with the value, inside of a task or elsewhere.
    #[doc(alias = "contextvars.ContextVar.set")]
    pub fn sync_scope<R>(&'static self, value: T, closure: impl FnOnce() -> R) -> R {
        let _entered = enter(Some(self.bound(value)));
        closure()
    }

    /// Reads the value. The closure may use this and any other task-local again.
    ///
    /// # Panics
    ///
    /// When it has none here.
    #[track_caller]
    pub fn with<R>(&'static self, read: impl FnOnce(&T) -> R) -> R {
        match self.try_with(read) {
            Ok(result) => result,
            Err(error) => panic!("{error}: run this inside of its `scope`"),
        }
    }

    /// Reads the value, if there is one.
    ///
    /// # Errors
    ///
    /// When it has none here.
    pub fn try_with<R>(&'static self, read: impl FnOnce(&T) -> R) -> Result<R, NotSet> {
        let value = capture().and_then(|context| context.find(self.key())).ok_or(NotSet(()))?;
        value.get::<T>().map(read).ok_or(NotSet(()))
    }

    /// A copy of the value.
    ///
    /// # Panics
    ///
    /// When it has none here.
    #[doc(alias = "contextvars.ContextVar.get")]
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    pub(super) fn context(&'static self, value: T) -> Values {
        self.bound(value)
    }
}

impl<T: 'static> fmt::Debug for TaskLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocal").finish_non_exhaustive()
    }
}
