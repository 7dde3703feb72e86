//! Making a loop and running it.
//!
//! ```text
//!   Builder ──build──► Runner ──block_on──► main task over ──block_on──► … ──shutdown or drop──► tasks dropped, slot free
//! ```

mod error;
mod farewell;
mod hooks;
pub(crate) mod interrupt;
mod shutdown;

pub use error::RunError;
pub use farewell::before_interrupted_exit;
pub(crate) use hooks::{Hook, Hooks, WarningHook, complain};
pub use hooks::{ServedConnection, Unhandled, UnhandledKind};
pub use shutdown::{JobSurvivor, ShutdownReport, Survivor, SurvivorWait};

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::PoisonError;
use std::time::Duration;

use crate::blocking::Settings;
use crate::context::{self, InContext};
use crate::debug::log::log;
use crate::debug::{self, Mode, Warning};
use crate::event_loop::current;
use crate::event_loop::handle::Handle;
use crate::event_loop::slot::{self, Loop};
use crate::task::TaskHooks;
use crate::task::cell::Opaque;
use crate::task::hooks::Told;
use crate::task::raw::Spawning;
use crate::task::task_ref::TaskRef;
use crate::telemetry::atomic::OneWriter as _;
use crate::telemetry::loop_record::LoopInfo;
use crate::telemetry::view::TaskKind;

/// Runs a future to its end on a new loop of this thread.
///
/// When it is over, the tasks that are left are dropped, [jobs](crate::blocking) that are queued are cancelled, and those that
/// run on blocking threads are waited for, five minutes at most.
///
/// # Ctrl-C
///
/// The first SIGINT cancels `main`: its future is dropped, then the other tasks, and the process ends as an unhandled SIGINT
/// ends it, so that a shell sees it. So it does when `main` comes to its own end meanwhile. A second SIGINT ends the process at
/// once. All of this only where SIGINT has its default disposition. With several loops on several threads, the first of them
/// that is done ends the process; a [`Runner`] with [`ctrl_c`](Builder::ctrl_c) leaves that to its caller. While somebody listens
/// to SIGINT, as [`signal::ctrl_c`](crate::signal::ctrl_c) does, it is his alone.
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
    match Runner::builder().ctrl_c(true).build() {
        Ok(runner) => runner.run_to_end(main),
        Err(error) => panic!("cannot make an event loop: {error}"),
    }
}

/// How long [`run`] waits for jobs on blocking threads when `main` is over: what asyncio's runner waits for its executor.
const JOBS_WAIT_MAX: Duration = Duration::from_secs(300);

/// What a loop is made with.
#[derive(Debug, Default)]
pub struct Builder {
    name: String,
    debug: Option<Mode>,
    slow_callback: Option<Duration>,
    hidden: bool,
    paused: bool,
    ctrl_c: Option<bool>,
    blocking: Option<Settings>,
    hooks: Hooks,
    on_warning: Option<WarningHook>,
}

impl Builder {
    /// What the loop is called wherever it is shown.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Switches debug mode on, or off whatever the environment says.
    #[doc(alias = "asyncio.loop.set_debug")]
    #[must_use]
    pub fn debug(self, debug: bool) -> Self {
        self.debug_mode(if debug { Mode::On } else { Mode::Off })
    }

    /// How much debug mode does. Unless it is said, `LOOPSCOPE_DEBUG` decides, and without it the mode is off.
    #[must_use]
    pub fn debug_mode(mut self, mode: Mode) -> Self {
        self.debug = Some(mode);
        self
    }

    /// From when on debug mode calls a poll or a callback slow. Unless it is said, `LOOPSCOPE_SLOW_CALLBACK` decides, and
    /// without it 100 ms.
    #[doc(alias = "asyncio.loop.slow_callback_duration")]
    #[must_use]
    pub fn slow_callback(mut self, threshold: Duration) -> Self {
        self.slow_callback = Some(threshold);
        self
    }

    /// What is told of the loop's [warnings](crate::debug), with how often each was found: the first time, and when that has
    /// doubled. Whatever thread finds one calls it, that of the watchdog while the loop is blocked. Without it they go to
    /// `tracing`, else to standard error.
    #[must_use]
    pub fn on_warning(mut self, hook: impl Fn(&Warning, u64) + Send + Sync + 'static) -> Self {
        self.on_warning = Some(WarningHook::new(hook));
        self
    }

    /// Switches debug mode on unless it is on in whatever way, and tells `hook` of its warnings before the hook that was set, if one was.
    pub(crate) fn also_warn(mut self, hook: impl Fn(&Warning, u64) + Send + Sync + 'static) -> Self {
        let mode = self.debug.or(debug::Settings::of_environment().mode);
        self.debug = mode.filter(|mode| mode.is_on()).or(Some(Mode::On));
        let before = self.on_warning.take();
        self.on_warning(move |warning, count| {
            hook(warning, count);
            if let Some(before) = &before {
                before.call(warning, count);
            }
        })
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

    /// Whether the first SIGINT (Ctrl-C) cancels the main task while [`block_on`](Runner::block_on) runs, and the second ends
    /// the process at once; off unless asked for.
    ///
    /// Only where SIGINT has its default disposition when `block_on` begins, and that is back when it returns, unless somebody
    /// listens or has listened to it with [`signal`](crate::signal): then it is his while he listens, the runner's when he does
    /// not, and nobody's between two runs. A handler that the application registers through signal-hook while it runs is called too, but no longer after that: register it
    /// before, or leave this off.
    #[must_use]
    pub fn ctrl_c(mut self, ctrl_c: bool) -> Self {
        self.ctrl_c = Some(ctrl_c);
        self
    }

    /// What `ctrl_c` is unless it was said.
    pub(crate) fn ctrl_c_by_default(mut self, ctrl_c: bool) -> Self {
        self.ctrl_c = self.ctrl_c.or(Some(ctrl_c));
        self
    }

    /// How large the pool of blocking threads may become; see [`configure`](crate::blocking::configure). The pool is the
    /// process's, so the runner that is built last counts.
    #[must_use]
    pub fn blocking(mut self, settings: Settings) -> Self {
        self.blocking = Some(settings);
        self
    }

    /// What is told of errors that nobody else can receive, each time. Without it they go where [warnings](crate::debug) go, which
    /// they are too: to [`on_warning`](Self::on_warning), else to `tracing`, else to standard error.
    #[doc(alias = "asyncio.loop.set_exception_handler")]
    #[must_use]
    pub fn on_unhandled(mut self, hook: impl Fn(&Unhandled) + 'static) -> Self {
        self.hooks.unhandled = Some(Hook::new(hook));
        self
    }

    /// What is told of every task that is spawned on the loop, when it is polled and when it is over. Tasks of a loop with
    /// hooks cost more; those of others nothing.
    #[doc(alias = "asyncio.loop.set_task_factory")]
    #[must_use]
    pub fn task_hooks(mut self, hooks: impl TaskHooks) -> Self {
        self.hooks.tasks = Some(Told::new(hooks));
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    ///
    /// When the OS refuses descriptors or address space, or 255 loops are alive in this process.
    #[track_caller]
    pub fn build(self) -> io::Result<Runner> {
        let settings = debug::Settings::of_environment();
        // Loops that serve the inspector are not what is inspected.
        let by_environment = settings.mode.filter(|_| !self.hidden).unwrap_or_default();
        let debug = slot::Debug {
            mode: self.debug.unwrap_or(by_environment),
            slow_callback: self.slow_callback.unwrap_or(settings.slow_callback),
        };
        let lp = slot::acquire(&self.name, self.hidden, debug, self.paused)?;
        *lp.on_warning.lock().unwrap_or_else(PoisonError::into_inner) = self.on_warning;
        *lp.hooks.borrow_mut() = self.hooks;
        if let Some(settings) = self.blocking {
            crate::blocking::configure(settings);
        }
        log!(
            lp,
            Debug,
            "made {} on {}",
            Named(lp),
            if cfg!(target_os = "linux") { "epoll" } else { "kqueue" }
        );
        let ctrl_c = self.ctrl_c.unwrap_or(false);
        Ok(Runner { lp, ctrl_c, closed: false, made_at: Location::caller(), _not_send: PhantomData })
    }
}

/// A loop of this thread that can run several futures one after the other.
///
/// Dropping it drops the tasks that are left, see [`shutdown`](Self::shutdown).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut runner = loopscope::Runner::builder().name("app").build()?;
/// let task = runner.block_on(async { loopscope::spawn(async { 6 * 7 }) })?;
/// assert_eq!(runner.block_on(task)??, 42);
///
/// runner.block_on(async {
///     loopscope::task::Builder::new().name("stuck").spawn(std::future::pending::<()>()).detach();
/// })?;
/// let report = runner.shutdown(Duration::from_millis(1));
/// assert_eq!(report.survivors()[0].name.as_deref(), Some("stuck"));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "asyncio.Runner")]
pub struct Runner {
    lp: &'static Loop,
    ctrl_c: bool,
    closed: bool,
    made_at: &'static Location<'static>,
    _not_send: PhantomData<*const ()>,
}

impl Runner {
    /// Starts describing a loop.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The loop as other threads see it.
    #[doc(alias = "asyncio.Runner.get_loop")]
    pub fn handle(&self) -> Handle {
        Handle::opening(self.lp)
    }

    /// Runs `main` to its end. Other tasks stay and go on at the next call.
    ///
    /// # Errors
    ///
    /// When `main` was cancelled, by Ctrl-C where the runner was built with [`ctrl_c`](Builder::ctrl_c): then its future is
    /// dropped by the time this returns. A Ctrl-C that comes too late is not lost: a `main` that returns nevertheless is
    /// answered with the error too, and its output is dropped.
    ///
    /// # Panics
    ///
    /// Inside of a loop, in the child of a fork whose parent made the runner, and with the panic of `main`.
    #[doc(alias = "asyncio.Runner.run")]
    #[doc(alias = "asyncio.loop.run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&mut self, main: F) -> Result<F::Output, RunError> {
        let place = Location::caller();
        // It sees the task-locals of whoever runs it.
        match context::capture() {
            None => self.block_on_plain(main, place),
            context => self.block_on_plain(InContext::new(context, main), place),
        }
    }

    #[track_caller]
    fn block_on_plain<F: Future>(
        &mut self,
        main: F,
        place: &'static Location<'static>,
    ) -> Result<F::Output, RunError> {
        let entered = current::enter(self.lp);
        let watch = if self.ctrl_c { interrupt::watch(self.lp) } else { None };
        let spawning =
            Spawning { place, name: Some("main"), kind: TaskKind::Task, group: None, handle: true };
        let output = run_main(self.lp, main, &spawning);
        let interrupted = watch.is_some_and(interrupt::Watch::end);
        drop(entered);
        match output {
            Some(Err(payload)) => {
                // The other tasks are still there to be looked at.
                debug::fatal::main_panicked(self.lp.record.info().id, &*payload);
                std::panic::resume_unwind(payload)
            }
            _ if interrupted => Err(RunError::interrupted()),
            Some(Ok(output)) => Ok(output),
            None => Err(RunError::cancelled()),
        }
    }

    /// Runs `main`, then ends the loop. After a Ctrl-C it does not return.
    #[track_caller]
    pub(crate) fn run_to_end<F: Future>(mut self, main: F) -> F::Output {
        let output = self.block_on(main);
        self.end(JOBS_WAIT_MAX, false);
        match output {
            Ok(output) => output,
            Err(error) if error.is_interrupted() => {
                farewell::say();
                interrupt::reraise()
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Ends the loop in order: tasks may run, and spawn, until all are over or `grace` has passed, and so may their jobs on
    /// blocking threads; then what is left is dropped, jobs that are queued are cancelled, and the report says what that was
    /// and what it waited for. Jobs that run cannot be stopped: they are in the report and run on.
    ///
    /// Destructors may still spawn; such a task is dropped before its first poll. Destructors that go on spawning, each from
    /// the drop of the one before, are followed a thousand deep; further futures are leaked, which is reported through
    /// [`on_unhandled`](Builder::on_unhandled), as is a destructor that panics. Dropping a runner is the same without grace
    /// and without report.
    ///
    /// # Panics
    ///
    /// Inside of a loop.
    ///
    /// In the child of a fork whose parent made the runner there is nothing to end, and the report is clean.
    #[doc(alias = "asyncio.Runner.close")]
    #[track_caller]
    pub fn shutdown(mut self, grace: Duration) -> ShutdownReport {
        if self.lp.forked.get() {
            return ShutdownReport::default();
        }
        let entered = current::enter(self.lp);
        let report = self.lp.wind_down(grace);
        drop(entered);
        self.end(Duration::ZERO, false);
        report
    }

    /// What is wrong with dropping the runner while so many tasks are pending, if anything.
    fn unclosed(&self, pending: u64) -> Option<String> {
        let LoopInfo { id, name, .. } = self.lp.record.info();
        let tasks = match pending {
            0 => return None,
            1 => "1 task".to_owned(),
            many => format!("{many} tasks"),
        };
        let at = self.made_at;
        Some(format!(
            "the runner of loop {id} {name:?}, made at {}:{}, was dropped with {tasks} pending: `shutdown` lets them end",
            at.file(),
            at.line()
        ))
    }

    fn end(&mut self, wait_for_jobs: Duration, is_dropped: bool) {
        if self.closed || self.lp.forked.get() {
            return; // the loop of a forked child is the parent's
        }
        self.closed = true;
        let entered = current::enter_to_close(self.lp);
        log!(self.lp, Debug, "closes {}, with {} tasks left", Named(self.lp), self.lp.live.get());
        if self.lp.debug_mode().is_on() && !std::thread::panicking() {
            let pending = self.lp.warn_of_pending();
            self.lp.warn_unclosed(self.made_at, || self.unclosed(pending).filter(|_| is_dropped));
        }
        self.lp.close();
        // Waiting for jobs is no business of the loop's any more: it is not blocked by it.
        self.lp.record.entered.put(0);
        self.lp.end_jobs(wait_for_jobs);
        drop(entered);
        slot::release(self.lp);
    }
}

#[allow(unsafe_code, reason = "runs a future that borrows from its caller")]
fn run_main<F: Future>(
    lp: &'static Loop,
    main: F,
    spawning: &Spawning<'_>,
) -> Option<Result<F::Output, crate::task::cell::Payload>> {
    // SAFETY: `run_until` only returns, or unwinds, when the task is over or was dropped by the guard below.
    let task = unsafe { lp.spawn::<F, Opaque>(main, spawning) };
    lp.main.set(task.word.0);
    let guard = MainGuard(task);
    // Asked after every batch, so by its flags alone: the handle keeps the slot.
    let control = lp.controls.get(task.word.index());
    lp.run_until(|| control.is_done());
    std::mem::forget(guard);
    lp.main.set(0);
    // SAFETY: the task was spawned with this very output type just above.
    let output = unsafe { task.take_output::<F::Output>() };
    task.drop_handle();
    output
}

/// Keeps a main future that borrows from outliving what it borrows when the loop itself panics.
struct MainGuard(TaskRef);

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
        self.end(Duration::ZERO, true);
    }
}

/// A loop in a log.
struct Named(&'static Loop);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.0.record.info();
        write!(f, "event loop {}", info.id)?;
        if info.name.is_empty() { Ok(()) } else { write!(f, " {:?}", info.name) }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("loop", &self.lp.record.info().id).finish_non_exhaustive()
    }
}

impl Loop {
    /// Tells the hook about something that is no task's.
    pub(crate) fn report_loop(&self, kind: UnhandledKind) {
        self.tell(&Unhandled::of_loop(kind));
    }

    /// Tells the hook.
    pub(crate) fn tell(&self, unhandled: &Unhandled) {
        debug::unhandled(Some(self), unhandled);
    }
}
