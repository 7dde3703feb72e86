//! The table of values that a thread's running task sees.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

thread_local! {
    /// What a task that is spawned now needs beyond its future: a byte that needs no destructor and so costs one load to read.
    static NEEDS: Cell<u8> = const { Cell::new(0) };
    static CURRENT: Cell<Option<Values>> = const { Cell::new(None) };
}

/// [`CURRENT`] holds something.
const CONTEXT: u8 = 1;
/// The thread's loop has hooks that are told of its tasks.
const HOOKS: u8 = 2;

/// A value of a task-local, as its type allows.
#[derive(Clone)]
pub enum Value {
    /// Of a type that is `Send + Sync`.
    Shared(Arc<dyn Any + Send + Sync>),
    /// Of a type that stays on its thread.
    Local(Rc<dyn Any>),
}

/// Finds out for a type whether its values may go to other threads: the inherent constant is there only where they may, and
/// goes before that of the trait.
pub struct Probe<T>(PhantomData<T>);

/// The constant for types that stay on their thread.
pub trait ThreadBound {
    /// What the values are of.
    type Of: 'static;
    /// Wraps a value.
    const WRAP: fn(Self::Of) -> Value;
}

impl<T: 'static> ThreadBound for Probe<T> {
    type Of = T;
    const WRAP: fn(T) -> Value = |value| Value::Local(Rc::new(value));
}

impl<T: Send + Sync + 'static> Probe<T> {
    /// Wraps a value.
    pub const WRAP: fn(T) -> Value = |value| Value::Shared(Arc::new(value));
}

impl<T> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared",
            Self::Local(_) => "Local",
        })
    }
}

impl Value {
    /// The value, if it is of that type.
    pub(super) fn get<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Shared(value) => value.downcast_ref(),
            Self::Local(value) => value.downcast_ref(),
        }
    }
}

/// A task-local's name among all: the address of its `static`.
pub(super) type Key = usize;

/// Values by key; cheap to clone, never changed.
#[derive(Clone)]
pub(crate) struct Values(Rc<[(Key, Value)]>);

impl Values {
    pub(super) fn find(&self, key: Key) -> Option<Value> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The context with one value put in.
    pub(super) fn with(outer: Option<&Self>, key: Key, value: Value) -> Self {
        let others = outer.into_iter().flat_map(|outer| outer.0.iter()).filter(|(known, _)| *known != key);
        Self(others.cloned().chain(std::iter::once((key, value))).collect())
    }
}

/// Whether the thread has a context.
#[inline]
fn is_set() -> bool {
    NEEDS.get() & CONTEXT != 0
}

/// Whether a task that is spawned now is its future and nothing else: no context goes with it, and no hook is told.
#[inline]
pub(crate) fn spawns_are_plain() -> bool {
    NEEDS.get() == 0
}

/// Says whether the thread's loop has hooks. Returns whether the one before had.
pub(crate) fn heed_hooks(has_hooks: bool) -> bool {
    let needs = NEEDS.get();
    NEEDS.set(if has_hooks { needs | HOOKS } else { needs & !HOOKS });
    needs & HOOKS != 0
}

/// The thread's context.
#[inline]
pub(crate) fn capture() -> Option<Values> {
    if is_set() { clone_current() } else { None }
}

#[cold]
#[inline(never)]
fn clone_current() -> Option<Values> {
    // During the thread's destruction there is none.
    CURRENT
        .try_with(|current| {
            let context = current.take();
            current.set(context.clone());
            context
        })
        .ok()
        .flatten()
}

fn replace(context: Option<Values>) -> Option<Values> {
    let is_some = context.is_some();
    let outer = CURRENT.try_with(|current| current.replace(context)).ok().flatten();
    // Where the thread is being destroyed the context was dropped, and nobody asks again.
    let needs = NEEDS.get();
    NEEDS.set(if is_some { needs | CONTEXT } else { needs & !CONTEXT });
    outer
}

/// Puts the outer context back when it is dropped.
#[must_use]
pub(crate) struct Entered {
    outer: Option<Values>,
}

/// Makes a context the thread's until the guard is dropped; `None` for a while without any.
#[inline]
pub(crate) fn enter(context: Option<Values>) -> Entered {
    if context.is_none() && !is_set() {
        return Entered { outer: None };
    }
    Entered { outer: replace(context) }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if self.outer.is_some() || is_set() {
            // The values that go may run code, which then finds the outer context.
            drop(replace(self.outer.take()));
        }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered")
    }
}

/// A context on its way to another thread: what of it may go there.
pub(crate) struct Portable(Vec<(Key, Arc<dyn Any + Send + Sync>)>);

/// What of the thread's context may go to other threads, if anything.
pub(crate) fn portable() -> Option<Portable> {
    let context = capture()?;
    let shared = context.0.iter().filter_map(|(key, value)| match value {
        Value::Shared(value) => Some((*key, Arc::clone(value))),
        Value::Local(_) => None,
    });
    Some(Portable(shared.collect())).filter(|portable| !portable.0.is_empty())
}

impl Portable {
    /// Runs a closure in the context, on the thread it was taken to.
    pub(crate) fn run<T>(self, closure: impl FnOnce() -> T) -> T {
        let values = self.0.into_iter().map(|(key, value)| (key, Value::Shared(value)));
        let _entered = enter(Some(Values(values.collect())));
        closure()
    }
}
