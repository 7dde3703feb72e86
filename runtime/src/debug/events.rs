//! What is told through `tracing`, with the target `loopscope`. Without the feature nobody hears of it there.
//!
//! Whether anybody listens is asked of the thread's own subscriber: one that was set for another thread alone would hear nothing.

#[cfg(feature = "tracing")]
pub(super) use of_tracing::{say, warn};

#[cfg(not(feature = "tracing"))]
pub(super) fn say(_: super::Severity, _: std::fmt::Arguments<'_>) -> bool {
    false
}

#[cfg(not(feature = "tracing"))]
pub(super) fn warn(_: &super::Warning, _: &str, _: u64) -> bool {
    false
}

#[cfg(feature = "tracing")]
mod of_tracing {
    use std::fmt;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tracing::Dispatch;
    use tracing::subscriber::NoSubscriber;

    use crate::debug::{Severity, Warning};
    use crate::runner::complain;

    macro_rules! event {
        ($severity:expr, $($what:tt)+) => {
            match $severity {
                Severity::Note => tracing::event!(target: "loopscope", tracing::Level::INFO, $($what)+),
                Severity::Warning => tracing::event!(target: "loopscope", tracing::Level::WARN, $($what)+),
                Severity::Error => tracing::event!(target: "loopscope", tracing::Level::ERROR, $($what)+),
            }
        };
    }

    /// Writes words, if this thread has a subscriber for them. Returns whether it has.
    pub(in crate::debug) fn say(severity: Severity, words: fmt::Arguments<'_>) -> bool {
        heard(&words, || event!(severity, "{words}"))
    }

    /// Writes a warning, if this thread has a subscriber for it. Returns whether it has.
    pub(in crate::debug) fn warn(warning: &Warning, words: &str, count: u64) -> bool {
        heard(&words, || {
            event!(
                warning.lint.severity(),
                lint = warning.lint.as_str(),
                count,
                loop_id = warning.loop_id,
                task = warning.task.map(tracing::field::display),
                task_name = warning.task_name.as_deref(),
                resource = warning.resource,
                at =
                    warning.at.as_ref().map(|at| tracing::field::display(format!("{}:{}", at.file, at.line))),
                "{words}"
            );
        })
    }

    /// Calls the subscriber if there is one; when it panics, the words go to standard error.
    fn heard(words: &dyn fmt::Display, event: impl FnOnce()) -> bool {
        if tracing::dispatcher::get_default(Dispatch::is::<NoSubscriber>) {
            return false;
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(event)) {
            crate::task::cell::drop_quietly(payload);
            complain(format_args!("{words} (and the subscriber for this panicked)"));
        }
        true
    }
}
