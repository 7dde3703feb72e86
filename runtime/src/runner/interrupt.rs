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
//! the default disposition and raises: all of it is async-signal-safe. Everything else happens under the lock of
//! the dispositions.
//!
//! # What is not ours
//!
//! A disposition that is not the default when the first watch begins (ignored by `nohup`, or somebody's handler) is left
//! alone, and then nothing is watched. One that somebody else set meanwhile is not undone at the end. While anybody listens to
//! SIGINT through [`signal`], it is the listeners', and the phases begin when the last of them is gone.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};

use crate::event_loop::slot::{self, Loop};
use crate::signal;
use crate::signal::disposition::{self, Dispositions};
use crate::telemetry::atomic::{AcqRel, Relaxed};

/// Nobody watches for this loop.
const OFF: u8 = 0;
/// A SIGINT cancels this loop's main task.
const ARMED: u8 = 1;
/// It came.
const INTERRUPTED: u8 = 2;

/// Whether listeners are told of a SIGINT before [`on_sigint`] is. Set while no runner's action is registered.
static LISTENERS_FIRST: AtomicBool = AtomicBool::new(false);

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

/// A SIGINT cancels the main task of a loop while this lives.
#[derive(Debug)]
pub(crate) struct Watch(&'static Loop);

/// Starts watching, unless SIGINT has a disposition that is neither the default nor ours.
pub(super) fn watch(lp: &'static Loop) -> Option<Watch> {
    let mut installed = disposition::lock();
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
        let mut installed = disposition::lock();
        installed.watches -= 1;
        if installed.watches == 0 {
            restore(&installed);
            if let Some(action) = installed.watch.take() {
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

fn install(installed: &mut Dispositions) -> bool {
    let Ok(before) = disposition::get(libc::SIGINT) else { return false };
    let listened_to = installed.is_listened_to(libc::SIGINT) && installed.is_put(libc::SIGINT);
    if before.sa_sigaction != libc::SIG_DFL && !listened_to {
        return false;
    }
    if installed.watch.is_none() {
        LISTENERS_FIRST.store(installed.is_told(libc::SIGINT), SeqCst);
        // SAFETY: the action is async-signal-safe, as said above.
        installed.watch = unsafe { signal_hook_registry::register(libc::SIGINT, on_sigint) }.ok();
    }
    installed.watch.is_some() && installed.put_handler(libc::SIGINT, &before).is_ok()
}

/// Puts the default disposition back, unless somebody else has set another one, or listens or has listened to SIGINT: what he
/// was told, that it no longer ends the process, holds for good.
fn restore(installed: &Dispositions) {
    if installed.is_put(libc::SIGINT) && !installed.is_listened_to(libc::SIGINT) {
        disposition::set_default(libc::SIGINT);
    }
}

fn on_sigint() {
    // In this order: a listener that was told first may have taken this SIGINT, and gone, at any moment.
    let is_theirs = signal::is_listened_to(libc::SIGINT)
        || (LISTENERS_FIRST.load(SeqCst) && signal::is_taken(libc::SIGINT));
    if is_theirs {
        return;
    }
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
    disposition::set_default(libc::SIGINT);
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

impl Loop {
    /// Cancels the main task once Ctrl-C was pressed.
    #[inline]
    pub(crate) fn heed_interrupt(&self) {
        if self.interrupt.came() {
            self.cancel(crate::task::control::TaskWord(self.main.get()));
        }
    }
}
