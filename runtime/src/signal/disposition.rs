#![allow(unsafe_code, reason = "signal dispositions")]
//! What a signal does to this process: the default, a handler of somebody's, or ours, which is signal-hook-registry's.
//!
//! ```text
//!   before ──first listener, or first watch of a runner──► the registry's handler
//!                                                             │ last watch ends, and nobody ever listened: the default again
//!                                                             └ fork: in the child what was before
//! ```
//!
//! # Invariants
//!
//! The registry sets its handler once for each signal in the life of a process and never takes it back; whoever put another
//! disposition in its place puts it back by hand. It is the same function for every signal, which is how it is recognised.
//! Every change happens under [`lock`], which is held across a fork.

use std::io;
use std::mem::MaybeUninit;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libc::c_int;
use signal_hook_registry::SigId;

use super::board;

/// One past the greatest number of a signal.
pub(super) const SIGNALS: usize = 65;

/// What is installed process-wide.
pub(crate) struct Dispositions {
    /// The registry's own handler.
    handler: Option<libc::sigaction>,
    /// What each signal that was ever listened to did before.
    before: [Option<libc::sigaction>; SIGNALS],
    /// Runners that watch for Ctrl-C.
    pub(crate) watches: usize,
    /// What a SIGINT does for them; it stays registered in the child of a fork.
    pub(crate) watch: Option<SigId>,
}

static DISPOSITIONS: Mutex<Dispositions> =
    Mutex::new(Dispositions { handler: None, before: [const { None }; SIGNALS], watches: 0, watch: None });

/// Held while anything is changed, and across a fork.
pub(crate) fn lock() -> MutexGuard<'static, Dispositions> {
    DISPOSITIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dispositions {
    /// Sees to it that the registry's handler stands, after an action was registered while the disposition was `before`.
    ///
    /// # Errors
    ///
    /// When another one stands in its place that cannot be told from it.
    pub(crate) fn put_handler(&mut self, signal: c_int, before: &libc::sigaction) -> io::Result<()> {
        let now = get(signal)?;
        if now.sa_sigaction != before.sa_sigaction {
            self.handler = Some(now); // the registry has just set it
            return Ok(());
        }
        match self.handler {
            Some(handler) if handler.sa_sigaction == now.sa_sigaction => Ok(()),
            Some(handler) => set(signal, &handler),
            None if is_handler(&now) => {
                // The first one we see was set for an action of somebody else, through the same registry.
                self.handler = Some(now);
                Ok(())
            }
            None => Err(io::Error::other("its handler was removed by another part of the process")),
        }
    }

    /// Whether the registry's handler stands.
    pub(crate) fn is_put(&self, signal: c_int) -> bool {
        let ours = self.handler.map(|handler| handler.sa_sigaction);
        get(signal).ok().map(|now| now.sa_sigaction) == ours && ours.is_some()
    }

    /// Whether a signal that had its default disposition is listened to, or was: nobody else had a say in what it does.
    pub(crate) fn is_listened_to(&self, signal: c_int) -> bool {
        self.before_of(signal).is_some_and(|before| before.sa_sigaction == libc::SIG_DFL)
    }

    /// Whether somebody has ever listened to a signal, so that the board is told of it before anybody whose action is
    /// registered from now on.
    pub(crate) fn is_told(&self, signal: c_int) -> bool {
        self.before_of(signal).is_some()
    }

    fn before_of(&self, signal: c_int) -> Option<&libc::sigaction> {
        self.before.get(usize::try_from(signal).ok()?)?.as_ref()
    }

    /// Sees to it that a signal is told to the board from now on.
    ///
    /// # Errors
    ///
    /// What the OS says, and as [`put_handler`](Self::put_handler).
    pub(super) fn listen(&mut self, signal: c_int) -> io::Result<()> {
        let before = get(signal)?;
        let first = self.before_of(signal).is_none();
        if first {
            // SAFETY: what is done there is async-signal-safe.
            unsafe { signal_hook_registry::register(signal, move || board::delivered(signal)) }?;
        } else if self.is_put(signal) {
            return Ok(());
        }
        if signal == libc::SIGINT
            && self.watches == 0
            && let Some(watch) = self.watch.take()
        {
            signal_hook_registry::unregister(watch); // of the parent's runner
        }
        // What a runner put there for the time being is not what was before.
        let before_that = if signal == libc::SIGINT && self.watches > 0 && self.is_put(signal) {
            default_action()
        } else {
            before
        };
        if let Some(slot) = usize::try_from(signal).ok().and_then(|signal| self.before.get_mut(signal)) {
            *slot = Some(before_that);
        }
        self.put_handler(signal, &before)
    }

    /// In the child of a fork: nobody listens here, so that signals do again what they did before anybody listened.
    pub(crate) fn forget_after_fork(&mut self) {
        for signal in (1..).zip(&self.before[1..]).filter_map(|(signal, before)| before.map(|_| signal)) {
            if self.is_put(signal)
                && let Some(before) = self.before_of(signal)
            {
                drop(set(signal, before));
            }
        }
        if self.watches > 0 && self.is_put(libc::SIGINT) {
            set_default(libc::SIGINT);
        }
        self.watches = 0;
    }
}

/// Whether it is neither "ignore" nor "default".
fn is_handler(action: &libc::sigaction) -> bool {
    action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN
}

/// What a signal does now.
///
/// # Errors
///
/// When there is no such signal.
pub(crate) fn get(signal: c_int) -> io::Result<libc::sigaction> {
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks, into memory of the right type.
    if unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero is a valid sigaction, and the kernel wrote it.
    Ok(unsafe { now.assume_init() })
}

/// Only for the default, for what was there before, and for what the registry had installed.
fn set(signal: c_int, to: &libc::sigaction) -> io::Result<()> {
    // SAFETY: by the rule above.
    if unsafe { libc::sigaction(signal, to, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn default_action() -> libc::sigaction {
    // SAFETY: all-zero is valid: no flags, an empty mask.
    let mut default: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    default.sa_sigaction = libc::SIG_DFL;
    default
}

/// Gives a signal its default disposition. Async-signal-safe.
pub(crate) fn set_default(signal: c_int) {
    drop(set(signal, &default_action()));
}
