#![allow(unsafe_code, reason = "a signal's disposition, and the signal itself")]
//! The signal that makes a loop's thread copy its own stack: which one, its handler, and sending it.
//!
//! ```text
//!   nobody asked yet ──first request──► the highest real-time signal whose disposition is the default is ours
//!                                         │ at every further request: does our handler still stand?
//!                                         ├─ yes ─► sent
//!                                         └─ no ──► refused: another part of the process has taken the signal
//! ```
//!
//! # Invariants
//!
//! A signal that the application handles or ignores is never taken, and one that was taken is never changed silently for
//! another. Ours is only ever sent right after a look that our handler stands: without it, it would end the process.

use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicI32;

use libc::c_int;

use super::super::StackError;
use super::sample::{self, Sampler};
use crate::signal::disposition;
use crate::telemetry::atomic::Relaxed;

/// Ours, or 0. It stays chosen in the child of a fork, where the handler stands too.
static CHOSEN: AtomicI32 = AtomicI32::new(0);

/// The signal that is ours, chosen now if nobody has asked before. Nobody else chooses meanwhile.
///
/// # Errors
///
/// When all real-time signals are taken, and when somebody has taken ours.
pub(super) fn chosen(_alone: &Sampler) -> Result<c_int, StackError> {
    if CHOSEN.load(Relaxed) == 0 {
        // From above: applications that use such signals count from the lowest. Some tools keep the highest for
        // themselves, and the OS refuses those here.
        let free = (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev().find(|signal| take(*signal).unwrap_or(false));
        CHOSEN.store(free.ok_or(StackError::SignalsTaken)?, Relaxed);
    }
    still_ours(CHOSEN.load(Relaxed))
}

fn still_ours(signal: c_int) -> Result<c_int, StackError> {
    let ours = disposition::get(signal).is_ok_and(|now| now.sa_sigaction == handler_address());
    if ours { Ok(signal) } else { Err(StackError::HandlerReplaced { signal }) }
}

fn handler_address() -> libc::sighandler_t {
    sample::on_signal as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) as libc::sighandler_t
}

/// Installs the handler if nobody has one there.
fn take(signal: c_int) -> io::Result<bool> {
    if disposition::get(signal)?.sa_sigaction != libc::SIG_DFL {
        return Ok(false);
    }
    let mut before = disposition::get(signal)?;
    // SAFETY: all-zero is a valid sigaction.
    let mut ours: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    ours.sa_sigaction = handler_address();
    // System calls are restarted where the OS can; the copy is made on the alternative stack if the thread has one, so that
    // a loop at the end of its stack survives it.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: fills a mask of our own: no other handler runs in the middle of a copy.
    unsafe { libc::sigfillset(&raw mut ours.sa_mask) };
    // SAFETY: the handler is async-signal-safe: see `sample`.
    if unsafe { libc::sigaction(signal, &raw const ours, &raw mut before) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if before.sa_sigaction == libc::SIG_DFL {
        return Ok(true);
    }
    // Somebody took it between the two calls: it is his.
    // SAFETY: puts back what he had installed.
    unsafe { libc::sigaction(signal, &raw const before, std::ptr::null_mut()) };
    Ok(false)
}

/// Sends the signal to a thread of this process, which the caller keeps from ending.
///
/// # Errors
///
/// What the OS says, a seccomp filter in its place too.
pub(super) fn send(tid: i32, signal: c_int) -> Result<(), StackError> {
    let process = std::process::id();
    // SAFETY: sends a signal whose handler is ours.
    if unsafe { libc::syscall(libc::SYS_tgkill, process, tid, signal) } == 0 {
        return Ok(());
    }
    Err(StackError::Refused { operation: "tgkill", kind: io::Error::last_os_error().kind() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signal_is_a_real_time_signal_and_stays_the_same() {
        let alone = Sampler::alone();
        let first = chosen(&alone).unwrap();
        assert!((libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&first));
        assert_eq!(chosen(&alone), Ok(first));
    }
}
