//! Making a loop and running it.
//!
//! ```text
//!   Builder ──build──► Runner ──block_on──► main task over ──block_on──► … ──shutdown or drop──► tasks dropped, slot free
//! ```

mod hooks;

pub(crate) use hooks::{Hook, Hooks};
pub use hooks::{Unhandled, UnhandledKind};

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;

use crate::event_loop::current;
use crate::event_loop::handle::Handle;
use crate::event_loop::slot::{self, Loop};
use crate::task::cell::Opaque;
use crate::task::raw::Spawning;
use crate::telemetry::view::TaskKind;

/// Runs a future to its end on a new loop of this thread.
///
/// When it is over, the tasks that are left are dropped.
///
/// # Panics
///
/// Inside of another loop; when the OS refuses a loop its descriptors; and with the panic of `main`.
///
/// # Examples
///
/// ```
/// let answer = loopscope::run(async {
///     loopscope::sleep(std::time::Duration::from_millis(1)).await;
///     42
/// });
/// assert_eq!(answer, 42);
/// ```
#[doc(alias = "asyncio.run")]
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    match Runner::builder().build() {
        Ok(mut runner) => runner.block_on(main),
        Err(error) => panic!("cannot make an event loop: {error}"),
    }
}

/// What a loop is made with.
#[derive(Debug, Default)]
pub struct Builder {
    name: String,
    debug: bool,
    hidden: bool,
    paused: bool,
    hooks: Hooks,
}

impl Builder {
    /// What the loop is called wherever it is shown.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Switches debug mode on.
    #[must_use]
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// Leaves the loop out of pictures unless it is asked for: for loops that serve inspection.
    #[must_use]
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// For tests: time stands still while anything can run, and jumps to the next deadline when nothing can.
    #[must_use]
    pub fn paused(mut self, paused: bool) -> Self {
        self.paused = paused;
        self
    }

    /// What is told of errors that nobody else can receive. The default writes them to standard error.
    #[doc(alias = "asyncio.loop.set_exception_handler")]
    #[must_use]
    pub fn on_unhandled(mut self, hook: impl Fn(&Unhandled) + 'static) -> Self {
        self.hooks.unhandled = Hook::new(hook);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    ///
    /// When the OS refuses descriptors or address space, or 255 loops are alive in this process.
    pub fn build(self) -> io::Result<Runner> {
        let lp = slot::acquire(&self.name, self.hidden, self.debug, self.paused)?;
        *lp.hooks.borrow_mut() = self.hooks;
        Ok(Runner { lp, _not_send: PhantomData })
    }
}

/// A loop of this thread that can run several futures one after the other.
#[doc(alias = "asyncio.Runner")]
pub struct Runner {
    lp: &'static Loop,
    _not_send: PhantomData<*const ()>,
}

impl Runner {
    /// Starts describing a loop.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The loop as other threads see it.
    pub fn handle(&self) -> Handle {
        Handle::of(self.lp)
    }

    /// Runs `main` to its end. Other tasks stay and go on at the next call.
    ///
    /// # Panics
    ///
    /// Inside of a loop, and with the panic of `main`.
    #[doc(alias = "asyncio.Runner.run")]
    #[doc(alias = "asyncio.loop.run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&mut self, main: F) -> F::Output {
        let entered = current::enter(self.lp);
        let spawning = Spawning {
            place: Location::caller(),
            name: Some("main"),
            kind: TaskKind::Task,
            group: None,
            handle: true,
        };
        run_main(self.lp, main, &spawning, entered)
    }
}

#[allow(unsafe_code, reason = "runs a future that borrows from its caller")]
fn run_main<F: Future>(
    lp: &'static Loop,
    main: F,
    spawning: &Spawning<'_>,
    entered: current::Entered,
) -> F::Output {
    // SAFETY: `run_until` only returns, or unwinds, when the task is over or was dropped by the guard below.
    let task = unsafe { lp.spawn::<F, Opaque>(main, spawning) };
    let guard = MainGuard(task);
    lp.run_until(|| task.is_done());
    std::mem::forget(guard);
    // SAFETY: the task was spawned with this very output type just above.
    let output = unsafe { task.take_output::<F::Output>() };
    task.drop_handle();
    drop(entered);
    match output {
        Some(Ok(output)) => output,
        Some(Err(payload)) => std::panic::resume_unwind(payload),
        None => panic!("the main task was cancelled"),
    }
}

/// Keeps a main future that borrows from outliving what it borrows when the loop itself panics.
struct MainGuard(crate::task::raw::TaskRef);

impl Drop for MainGuard {
    fn drop(&mut self) {
        // The loop cannot go on, and the future must not be left behind: there is no safe way out.
        if !self.0.is_done() && !self.0.lp().is_some_and(|lp| lp.forked.get()) {
            std::process::abort();
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.lp.forked.get() {
            return; // the loop is the parent's
        }
        let entered = current::enter_to_close(self.lp);
        self.lp.close();
        drop(entered);
        slot::release(self.lp);
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("loop", &self.lp.record.info().id).finish_non_exhaustive()
    }
}

impl Loop {
    /// Drops every task that is left, those that destructors spawn too.
    fn close(&'static self) {
        self.closing.set(true);
        while self.live.get() > 0 {
            for word in self.live_tasks() {
                self.cancel(word);
            }
            let live = self.live.get();
            self.run_until(|| self.live.get() < live || self.ready.len() == 0);
        }
        while let Some(index) = self.ready.pop(&self.controls) {
            self.run_task(index);
        }
        self.forget_history();
    }

    /// Tells the hook about something that is no task's.
    pub(crate) fn report_loop(&self, kind: UnhandledKind) {
        let hook = self.hooks.borrow().unhandled.clone();
        hook.call(&Unhandled::new(None, None, None, kind));
    }
}
