//! Futures that are a mistake unless somebody polls them.

use std::any::type_name;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Lint, Settings, Warning, report};
use crate::event_loop::current;
use crate::event_loop::slot::Loop;

pin_project! {
    /// The future of [`must_poll`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct MustPoll<F> {
        #[pin]
        future: F,
        watch: Watch,
    }
}

#[derive(Debug)]
struct Watch {
    made_at: &'static Location<'static>,
    type_name: &'static str,
    is_polled: bool,
}

/// A future that tells, in debug mode, when it was dropped without having been polled: asyncio's "coroutine … was never awaited".
///
/// Not every future is wrapped so: `select!`, `timeout` and their like drop futures before their first poll by right. It is for
/// functions whose caller means the effect and may well forget the `.await`, where `#[must_use]` does not see it: behind a `let`, in
/// a struct, in a list.
///
/// # Cancel safety
///
/// As the future's own.
///
/// # Examples
///
/// ```
/// use loopscope::debug::must_poll;
///
/// /// Nothing is written unless this is awaited.
/// #[track_caller]
/// fn save(name: &str) -> impl Future<Output = usize> + use<> {
///     let name = name.to_owned();
///     must_poll(async move { name.len() })
/// }
///
/// loopscope::run(async {
///     assert_eq!(save("orders").await, 6);
/// });
/// ```
#[track_caller]
pub fn must_poll<F: Future>(future: F) -> MustPoll<F> {
    let watch = Watch { made_at: Location::caller(), type_name: type_name::<F>(), is_polled: false };
    MustPoll { future, watch }
}

impl<F: Future> Future for MustPoll<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.watch.is_polled = true;
        this.future.poll(cx)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_polled && !std::thread::panicking() {
            self.report();
        }
    }
}

impl Watch {
    #[cold]
    fn report(&self) {
        let lp = current::get();
        let is_on = match lp {
            Some(lp) => lp.debug_mode().is_on(),
            None => Settings::of_environment().mode.is_some_and(super::Mode::is_on),
        };
        if !is_on {
            return;
        }
        let by = lp.and_then(Loop::describe_running);
        let (at, of) = (self.made_at, self.type_name);
        let message =
            format!("a future, made at {}:{}, was dropped without being polled: {of}", at.file(), at.line());
        report(&Warning {
            loop_id: lp.map(|lp| lp.record.info().id),
            task: by.as_ref().map(|by| by.id),
            task_name: by.and_then(|by| by.name),
            at: Some(at.into()),
            ..Warning::new(Lint::NeverPolled, message)
        });
    }
}
