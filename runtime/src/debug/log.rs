//! What debug mode logs besides warnings: connections, flow control, names, children, servers, and the end of the loop.
//!
//! The lines go to `tracing` with the target `loopscope`, at the levels that asyncio gives them, and nowhere where there is no `tracing`: nothing is
//! wrong when they are not heard. Outside of debug mode a line costs a load and a branch, on paths that make a system call anyway; its words
//! are put together only when it is written.

use std::fmt;

use crate::event_loop::slot::Loop;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
}

/// Logs a line if a loop is in debug mode: `log!(lp, Info, "{} is serving", name)`.
macro_rules! log {
    ($lp:expr, $level:ident, $($words:tt)+) => {
        if $crate::debug::log::is_wanted($lp) {
            $crate::debug::log::write($crate::debug::log::Level::$level, ::std::format_args!($($words)+));
        }
    };
}

/// [`log!`] for this thread's loop, if one runs.
macro_rules! log_here {
    ($level:ident, $($words:tt)+) => {
        if let Some(lp) = $crate::event_loop::current::get() {
            $crate::debug::log::log!(lp, $level, $($words)+);
        }
    };
}

pub(crate) use {log, log_here};

/// Whether lines about this loop are written.
#[inline]
pub(crate) fn is_wanted(lp: &Loop) -> bool {
    cfg!(feature = "tracing") && lp.debug_mode().is_on()
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn write(_: Level, _: fmt::Arguments<'_>) {}

/// Writes a line. The subscriber is the application's: it may panic, and it may do what is logged itself.
#[cfg(feature = "tracing")]
#[cold]
#[inline(never)]
pub(crate) fn write(level: Level, words: fmt::Arguments<'_>) {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    thread_local! {
        static IS_WRITING: Cell<bool> = const { Cell::new(false) };
    }
    if IS_WRITING.try_with(|writing| writing.replace(true)).unwrap_or(true) {
        return; // of a subscriber that sends its lines through this very loop, or at the end of a thread
    }
    let written = catch_unwind(AssertUnwindSafe(|| match level {
        Level::Debug => tracing::debug!(target: "loopscope", "{words}"),
        Level::Info => tracing::info!(target: "loopscope", "{words}"),
        Level::Warn => tracing::warn!(target: "loopscope", "{words}"),
    }));
    let _ = IS_WRITING.try_with(|writing| writing.set(false));
    if let Err(payload) = written {
        crate::task::cell::drop_quietly(payload);
        crate::runner::complain(format_args!("{words} (and the subscriber for this panicked)"));
    }
}
