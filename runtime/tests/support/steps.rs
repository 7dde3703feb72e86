//! Futures by hand: polled when the test says so, and dropped at each step of their lives.

#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::records;

/// Polls a future once, as its task would.
pub(crate) fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Makes and polls a future that must have to wait.
#[track_caller]
pub(crate) fn waiting<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(&mut future).is_pending(), "it need not wait");
    future
}

/// Polls a future that must be done.
#[track_caller]
pub(crate) fn done<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> F::Output {
    match poll(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it still waits"),
    }
}

/// When a future is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    NeverPolled,
    Pending,
    /// What it waits for happened, and it had no turn since.
    Notified,
    /// It had that turn too.
    Done,
}

pub(crate) type Waits<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Plays a scene once for each step: a future that has to wait is made, comes as far as the step says, and is dropped. Then
/// `check` looks at what is left; the records must be empty after that.
pub(crate) fn dropped_at_each_step<S>(
    scene: impl Fn() -> S,
    wait: impl for<'a> Fn(&'a S) -> Waits<'a>,
    wake: impl Fn(&S),
    check: impl Fn(&S, Step),
) {
    for step in [Step::NeverPolled, Step::Pending, Step::Notified, Step::Done] {
        records::run(async {
            let scene = scene();
            let mut future = wait(&scene);
            if step != Step::NeverPolled {
                assert!(poll(&mut future).is_pending(), "the future of the scene must wait");
            }
            if matches!(step, Step::Notified | Step::Done) {
                wake(&scene);
            }
            if step == Step::Done {
                done(&mut future);
            }
            drop(future);
            check(&scene, step);
        });
    }
}
