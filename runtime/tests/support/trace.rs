#![allow(dead_code, reason = "each test crate uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]
//! A trace of what happened, in order, to be compared whole; and loops for specs: on a paused clock, with their reports.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use loopscope::Runner;
use loopscope::runner::Builder;

/// What happened so far.
#[derive(Clone, Default)]
pub(crate) struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Something happened.
    pub(crate) fn push(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// The whole trace is this, and a new one begins.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &[&str]) {
        assert_eq!(self.0.take(), expected);
    }

    /// The whole trace, and a new one begins.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }

    /// Something that happens when this is dropped.
    pub(crate) fn on_drop(&self, what: &str) -> OnDrop {
        OnDrop(self.clone(), what.to_owned())
    }
}

/// Pushes to a trace when it is dropped.
pub(crate) struct OnDrop(Trace, String);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.push(self.1.clone());
    }
}

/// Calls a closure when it is dropped.
pub(crate) struct Defer<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A runner with a paused clock whose reports go to the trace, without task numbers and places.
pub(crate) fn paused(trace: &Trace) -> Builder {
    let trace = trace.clone();
    Runner::builder().paused(true).on_unhandled(move |unhandled| {
        let name = unhandled.name.as_deref().unwrap_or("-");
        trace.push(format!("{name}: {:?}", unhandled.kind));
    })
}

/// Runs a spec on a paused clock; afterwards the trace is this.
#[track_caller]
pub(crate) fn spec<F: Future<Output = ()>>(body: impl FnOnce(Trace) -> F, expected: &[&str]) {
    let trace = Trace::new();
    let mut runner = paused(&trace).build().unwrap();
    runner.block_on(body(trace.clone())).unwrap();
    drop(runner);
    trace.expect(expected);
}

/// Runs what is expected to panic and returns the text.
#[track_caller]
pub(crate) fn panic_of<T>(run: impl FnOnce() -> T) -> String {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
        },
    }
}
