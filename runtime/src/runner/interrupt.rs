#![allow(unsafe_code, reason = "signal dispositions")]
//! Ctrl-C in two phases: the first SIGINT cancels the main tasks, the second ends the process at once.
//!
//! ```text
//!   block_on ──watch──► ARMED ──first SIGINT──► INTERRUPTED ──► main is cancelled ──end──► Err(interrupted)
//!                         │                         └──second SIGINT──► default disposition, raised again: the process ends
//!                         └──end──► OFF, and after the last watch the default disposition is back
//! ```
//!
//! # Who may touch what
//!
//! The signal handler only reads the table of loops, exchanges their `interrupt` words and writes their eventfds, or restores
//! the default disposition and raises: all of it is async-signal-safe. Everything else happens under [`INSTALLED`].
//!
//! # What is not ours
//!
//! A disposition that is not the default when the first watch begins (ignored by `nohup`, or somebody's handler) is left
//! alone, and then nothing is watched. One that somebody else set meanwhile is not undone at the end.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::AtomicU8;
use std::sync::{Mutex, MutexGuard, PoisonError};

use signal_hook_registry::SigId;

use crate::event_loop::slot::{self, Loop};
use crate::telemetry::atomic::{AcqRel, Relaxed};

/// Nobody watches for this loop.
const OFF: u8 = 0;
/// A SIGINT cancels this loop's main task.
const ARMED: u8 = 1;
/// It came.
const INTERRUPTED: u8 = 2;

/// A loop's word: what a SIGINT finds and leaves.
#[derive(Debug, Default)]
pub(crate) struct Interrupt(AtomicU8);

impl Interrupt {
    /// Whether a SIGINT came since the watch began.
    #[inline]
    pub(crate) fn came(&self) -> bool {
        self.0.load(Relaxed) == INTERRUPTED
    }
}

/// What is installed process-wide.
pub(crate) struct Installed {
    watches: usize,
    /// Our action among the registry's; it stays registered in the child of a fork.
    action: Option<SigId>,
    /// The registry's own handler. The registry installs it once in a process, so that it must be put back by hand after the
    /// default disposition was restored.
    handler: Option<libc::sigaction>,
}

static INSTALLED: Mutex<Installed> = Mutex::new(Installed { watches: 0, action: None, handler: None });

fn installed() -> MutexGuard<'static, Installed> {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A SIGINT cancels the main task of a loop while this lives.
#[derive(Debug)]
pub(crate) struct Watch(&'static Loop);

/// Starts watching, unless SIGINT has a disposition that is neither the default nor ours.
pub(super) fn watch(lp: &'static Loop) -> Option<Watch> {
    let mut installed = installed();
    // Armed first: a signal that comes as soon as the handler stands must find somebody.
    lp.interrupt.0.store(ARMED, Relaxed);
    if installed.watches == 0 && !install(&mut installed) {
        lp.interrupt.0.store(OFF, Relaxed);
        return None;
    }
    installed.watches += 1;
    Some(Watch(lp))
}

impl Watch {
    /// Ends the watch. Returns whether a SIGINT came, however late.
    pub(super) fn end(self) -> bool {
        ManuallyDrop::new(self).stop()
    }

    fn stop(&self) -> bool {
        if self.0.forked.get() {
            return false; // it was the parent's, and the child's default is back since the fork
        }
        let mut installed = installed();
        installed.watches -= 1;
        if installed.watches == 0 {
            restore(&installed);
            if let Some(action) = installed.action.take() {
                // Waits for handlers that are running on other threads.
                signal_hook_registry::unregister(action);
            }
        }
        // Read when no handler can run for us any more, so that none is lost.
        self.0.interrupt.0.swap(OFF, AcqRel) == INTERRUPTED
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn install(installed: &mut Installed) -> bool {
    if disposition().is_none_or(|now| now.sa_sigaction != libc::SIG_DFL) {
        return false;
    }
    if installed.action.is_none() {
        // SAFETY: the action is async-signal-safe, as said above.
        installed.action = unsafe { signal_hook_registry::register(libc::SIGINT, on_sigint) }.ok();
    }
    let handler = disposition().filter(|now| now.sa_sigaction != libc::SIG_DFL);
    match (handler, installed.handler) {
        (Some(handler), _) => installed.handler = Some(handler),
        (None, Some(handler)) => set_disposition(&handler),
        (None, None) => return false,
    }
    installed.action.is_some()
}

/// Puts the default disposition back, unless somebody else has set another one.
fn restore(installed: &Installed) {
    let ours = installed.handler.map(|handler| handler.sa_sigaction);
    if disposition().map(|now| now.sa_sigaction) == ours {
        set_default();
    }
}

fn on_sigint() {
    let watched = |lp: &&'static Loop| lp.interrupt.0.load(Relaxed) != OFF;
    if slot::all().any(|lp| lp.interrupt.came()) || slot::all().filter(watched).count() == 0 {
        terminate();
    }
    for lp in slot::all() {
        if lp.interrupt.0.compare_exchange(ARMED, INTERRUPTED, AcqRel, Relaxed).is_ok() && lp.remote.notify()
        {
            lp.ring();
        }
    }
}

/// Ends the process as an unhandled SIGINT does, so that whoever waits for it sees the signal. Async-signal-safe.
fn terminate() -> ! {
    set_default();
    let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: initialises the set.
    unsafe { libc::sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: the set is initialised.
    unsafe { libc::sigaddset(signals.as_mut_ptr(), libc::SIGINT) };
    // SAFETY: as above. A handler runs with its signal blocked, and then the default action would have to wait.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, signals.as_ptr(), std::ptr::null_mut()) };
    // SAFETY: always sound.
    unsafe { libc::raise(libc::SIGINT) };
    // Not reached unless somebody set another handler in this very moment.
    // SAFETY: always sound.
    unsafe { libc::_exit(128 + libc::SIGINT) }
}

/// Ends the process as an unhandled SIGINT does, after what was printed is written.
pub(super) fn reraise() -> ! {
    drop(std::io::Write::flush(&mut std::io::stdout()));
    terminate()
}

fn disposition() -> Option<libc::sigaction> {
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks, into memory of the right type.
    let failed = unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), now.as_mut_ptr()) };
    // SAFETY: all-zero is a valid sigaction, and the kernel wrote it.
    (failed == 0).then(|| unsafe { now.assume_init() })
}

fn set_disposition(to: &libc::sigaction) {
    // SAFETY: `to` is the default, or what the registry had installed.
    unsafe { libc::sigaction(libc::SIGINT, to, std::ptr::null_mut()) };
}

fn set_default() {
    // SAFETY: all-zero is valid: the default disposition, no flags, an empty mask.
    let mut default: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    default.sa_sigaction = libc::SIG_DFL;
    set_disposition(&default);
}

/// Held across a fork, so that the child finds the state whole.
pub(crate) fn lock_for_fork() -> MutexGuard<'static, Installed> {
    installed()
}

/// In the child of a fork: its loops are the parent's, so nobody watches here.
pub(crate) fn forget_after_fork(installed: &mut Installed) {
    if installed.watches > 0 {
        restore(installed);
        installed.watches = 0;
    }
}

impl Loop {
    /// Cancels the main task once Ctrl-C was pressed.
    #[inline]
    pub(crate) fn heed_interrupt(&self) {
        if self.interrupt.came() {
            self.cancel(crate::task::control::TaskWord(self.main.get()));
        }
    }
}
