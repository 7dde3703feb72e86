//! Signals of the OS, as futures and streams.
//!
//! ```text
//!   unix(kind) ──► listening ──signal──► recv() is ready ──► listening …
//!                     └─dropped──► the signal does nothing any more; its default does not come back
//! ```
//!
//! Any number of listeners, on any loop and thread, may listen to the same signal: each of them hears it. A listener hears what
//! comes after it was made, also while it does not wait. As in the OS, signals of one kind that come before a listener looks
//! are one to it; none is lost altogether. A signal handler only counts and rings those loops that listen: there is no thread
//! and no descriptor for it.
//!
//! # What becomes of the default
//!
//! The first listener of a process to a signal takes its default away, which for most signals is to end the process, and it
//! stays away when the last listener is dropped: between two `recv`s of short-lived listeners a signal must not end the
//! process. Nobody hears it then. A signal that was ignored (`nohup`) or had a handler is listened to all the same, and that handler
//! goes on being called.
//!
//! In the child of a fork nobody listens, and signals do again what they did before anybody listened, until the child makes a
//! listener of its own. A program that is started by `exec` begins with the defaults in any case.
//!
//! # Ctrl-C
//!
//! [`run`](crate::run), `#[loopscope::main]` and runners built with [`ctrl_c`](crate::runner::Builder::ctrl_c) cancel the main
//! task at the first SIGINT and end the process at the second. While anybody in the process listens to SIGINT they do not: then
//! Ctrl-C is the listeners' alone. When the last such listener is dropped, which `ctrl_c().await` does when it is over, their
//! rule holds again, so that a second Ctrl-C during a clean-up that takes too long still ends the program.

mod board;
pub(crate) mod disposition;
mod kind;

pub(crate) use board::{Board, forget_after_fork, is_listened_to, is_taken};
pub use kind::{CannotListen, Kind};

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use self::board::Listening;
use crate::event_loop::current;
use crate::event_loop::slot::{self, Loop};
use crate::event_loop::wait::Wait;
use crate::telemetry::atomic::{OneWriter, Relaxed};
use crate::telemetry::resource::Making;
use crate::telemetry::view::{ResourceKind, WaitKind};
use crate::telemetry::waiter::RENEWED;

/// Listens to a signal, from this call on.
///
/// See the [module](self) for what becomes of the signal's default. Inside of a loop the listener is shown among the loop's
/// descriptors at once, elsewhere when it is awaited for the first time.
///
/// # Errors
///
/// [`CannotListen`], inside of an error of the kind [`InvalidInput`](io::ErrorKind::InvalidInput), for a signal that cannot be caught
/// (SIGKILL, SIGSTOP), that tells of a fault (SIGSEGV, SIGFPE, SIGILL) or that does not exist; else what the OS says.
///
/// # Examples
///
/// ```
/// use loopscope::signal::{self, Kind};
///
/// loopscope::run(async {
///     let mut hangups = signal::unix(Kind::HANGUP)?;
///     loopscope::spawn(async move {
///         loop {
///             hangups.recv().await;
///             println!("reading the configuration again");
///         }
///     })
///     .detach();
///     Ok::<_, std::io::Error>(())
/// })
/// .unwrap();
///
/// let error = signal::unix(Kind::from_raw(9)).unwrap_err();
/// assert_eq!(error.to_string(), "cannot listen to SIGKILL: the OS lets nobody catch it");
/// ```
#[doc(alias = "asyncio.loop.add_signal_handler")]
#[track_caller]
pub fn unix(kind: Kind) -> io::Result<Signals> {
    Signals::new(kind, Location::caller())
}

/// Waits for the next Ctrl-C (SIGINT), listening from this call on.
///
/// Until it is over, a runner's own rule for Ctrl-C does not hold; see the [module](self).
///
/// # Errors
///
/// The future gives what the OS says if it refuses a handler.
///
/// # Cancel safety
///
/// A Ctrl-C that came is lost when the future is dropped before it is polled; make a listener with [`unix`] to keep it.
///
/// # Panics
///
/// The future panics when it has to wait outside of a loop.
///
/// # Examples
///
/// ```no_run
/// loopscope::run(async {
///     loopscope::signal::ctrl_c().await.unwrap();
///     println!("putting things in order");
/// });
/// ```
#[doc(alias = "asyncio.loop.add_signal_handler")]
#[track_caller]
pub fn ctrl_c() -> CtrlC {
    CtrlC { signals: Begun::new(Kind::INTERRUPT, Location::caller()) }
}

/// Waits for the next request to end the program, Ctrl-C (SIGINT) or SIGTERM, and says which it was; listening from this call on.
///
/// Until it is over, a runner's own rule for Ctrl-C does not hold; see the [module](self).
///
/// # Errors
///
/// The future gives what the OS says if it refuses a handler.
///
/// # Cancel safety
///
/// A signal that came is lost when the future is dropped before it is polled; make listeners with [`unix`] to keep it.
///
/// # Panics
///
/// The future panics when it has to wait outside of a loop.
#[track_caller]
pub fn shutdown_signal() -> ShutdownSignal {
    let place = Location::caller();
    ShutdownSignal {
        interrupt: Begun::new(Kind::INTERRUPT, place),
        terminate: Begun::new(Kind::TERMINATE, place),
    }
}

/// A listener to one signal: a stream of its arrivals that never ends. Made by [`unix`].
#[doc(alias = "asyncio.loop.remove_signal_handler")]
#[must_use = "the signal does nothing any more: wait for it"]
pub struct Signals {
    kind: Kind,
    /// How often the signal had come when this listener looked last.
    seen: u64,
    wait: Wait,
    bound: Option<Bound>,
    made_at: &'static Location<'static>,
    listening: Listening,
}

/// A listener's place on a loop: the loop rings for it, and shows it.
struct Bound {
    lp: &'static Loop,
    life: u64,
    /// The record's index plus one.
    resource: u32,
}

impl Bound {
    fn new(lp: &'static Loop, kind: Kind, made_at: &'static Location<'static>) -> Self {
        let making = Making {
            kind: ResourceKind::Signal,
            id: slot::next_resource_id(),
            name: lp.names.word(&kind.to_string()),
            made_at: lp.places.word(made_at),
            made_by: lp.running_id(),
            fd: -1,
        };
        let resource = lp.resources.alloc(&making).map_or(0, |resource| resource + 1);
        lp.signals.enter();
        Self { lp, life: lp.life.load(Relaxed), resource }
    }

    /// Whether the loop it was made on still lives.
    fn is_of_this_life(&self) -> bool {
        self.lp.life.load(Relaxed) == self.life
    }

    fn is_on(&self, lp: &Loop) -> bool {
        std::ptr::eq(self.lp, lp) && self.is_of_this_life()
    }

    /// Counts an arrival that somebody took.
    fn took(&self) {
        if let (true, Some(resource)) = (self.is_of_this_life(), self.resource.checked_sub(1)) {
            let record = self.lp.resources.get(resource);
            record.reads.add(1);
            record.used(self.lp.now.get());
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.is_of_this_life() {
            self.lp.signals.leave();
            if let Some(resource) = self.resource.checked_sub(1) {
                self.lp.resources.free(resource);
            }
        }
    }
}

/// The places of a wait, and whether it is polled through a trait.
#[derive(Clone, Copy)]
struct Awaited {
    at: &'static Location<'static>,
    made_at: &'static Location<'static>,
    renewed: bool,
}

impl Signals {
    fn new(kind: Kind, made_at: &'static Location<'static>) -> io::Result<Self> {
        CannotListen::check(kind).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        current::watch_forks();
        // Before the handler stands: a runner is to leave a Ctrl-C to us that comes right then.
        let listening = Listening::new(kind.as_raw());
        let seen = board::count(kind.as_raw());
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen to {kind}: {error}"));
        disposition::lock().listen(kind.as_raw()).map_err(named)?;
        let bound = current::get().map(|lp| Bound::new(lp, kind, made_at));
        Ok(Self { kind, seen, wait: Wait::new(), bound, made_at, listening })
    }

    /// What it listens to.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Waits until the signal has come since the last time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what came is told to the next one.
    ///
    /// # Panics
    ///
    /// The future panics when it has to wait outside of a loop, and in the child of a fork whose parent made the listener.
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_> {
        self.stop_waiting();
        Recv { signals: self, made_at: Location::caller() }
    }

    /// Whether the signal has come since the last time, which is told once.
    pub fn try_recv(&mut self) -> bool {
        let came = self.take();
        if came {
            self.stop_waiting();
        }
        came
    }

    fn take(&mut self) -> bool {
        let now = board::count(self.kind.as_raw());
        let came = std::mem::replace(&mut self.seen, now) != now;
        if came {
            board::take(self.kind.as_raw(), now);
        }
        if let (true, Some(bound)) = (came, &self.bound) {
            bound.took();
        }
        came
    }

    #[track_caller]
    fn poll(&mut self, cx: &Context<'_>, awaited: Awaited) -> Poll<()> {
        assert!(
            !self.listening.is_parents(),
            "a listener to {} belongs to the parent process: the child of a fork must make its own",
            self.kind
        );
        if self.take() {
            self.stop_waiting();
            return Poll::Ready(());
        }
        let lp = current::expect("waiting for a signal");
        if !self.bound.as_ref().is_some_and(|bound| bound.is_on(lp)) {
            self.stop_waiting();
            self.bound = Some(Bound::new(lp, self.kind, self.made_at));
            // Asked again now that this loop is rung for us.
            if self.take() {
                return Poll::Ready(());
            }
        }
        let Awaited { at, made_at, renewed } = awaited;
        let resource = self.bound.as_ref().map_or(0, |bound| bound.resource);
        let mut parking = lp.parking(WaitKind::Signal, resource, at, made_at);
        if renewed {
            parking.flags = RENEWED;
            parking.payload |= lp.running_polls() << 32;
        }
        if self.wait.is_notified() {
            self.stop_waiting();
        }
        if self.wait.park(lp, cx.waker(), &parking) {
            lp.signals.wait(self.kind.as_raw(), self.seen, self.wait.ticket());
        }
        Poll::Pending
    }

    fn stop_waiting(&mut self) {
        if let Some((lp, _)) = self.wait.place() {
            lp.signals.stop_waiting(self.wait.ticket());
        }
        self.wait.clear();
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.stop_waiting();
    }
}

impl Stream for Signals {
    type Item = ();

    /// # Panics
    ///
    /// As awaiting [`recv`](Signals::recv).
    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let at = Location::caller();
        let awaited = Awaited { at, made_at: self.made_at, renewed: true };
        self.poll(cx, awaited).map(Some)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("kind", &self.kind).field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// The future of [`Signals::recv`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Recv<'a> {
    signals: &'a mut Signals,
    made_at: &'static Location<'static>,
}

impl Future for Recv<'_> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let awaited = Awaited { at: Location::caller(), made_at: self.made_at, renewed: false };
        self.signals.poll(cx, awaited)
    }
}

impl Drop for Recv<'_> {
    fn drop(&mut self) {
        self.signals.stop_waiting();
    }
}

/// A listener, or why there is none.
#[derive(Debug)]
struct Begun(Result<Signals, Option<io::Error>>);

impl Begun {
    fn new(kind: Kind, made_at: &'static Location<'static>) -> Self {
        Self(Signals::new(kind, made_at).map_err(Some))
    }

    #[track_caller]
    fn poll(&mut self, cx: &Context<'_>, at: &'static Location<'static>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Ok(signals) => {
                let awaited = Awaited { at, made_at: signals.made_at, renewed: false };
                signals.poll(cx, awaited).map(Ok)
            }
            Err(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending, // polled again after it was over
            },
        }
    }
}

/// The future of [`ctrl_c`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct CtrlC {
    signals: Begun,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        self.signals.poll(cx, at)
    }
}

/// The future of [`shutdown_signal`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct ShutdownSignal {
    interrupt: Begun,
    terminate: Begun,
}

impl Future for ShutdownSignal {
    type Output = io::Result<Kind>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = Location::caller();
        if let Poll::Ready(came) = self.interrupt.poll(cx, at) {
            return Poll::Ready(came.map(|()| Kind::INTERRUPT));
        }
        self.terminate.poll(cx, at).map(|came| came.map(|()| Kind::TERMINATE))
    }
}
