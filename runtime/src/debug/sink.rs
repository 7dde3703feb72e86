//! Who is told of what was found.
//!
//! ```text
//!   report(warning) ──► ledger ──► found 1, 2, 4, 8 … times? ──► the `on_warning` hook of its loop
//!                                                                  none: `tracing`, where this thread has a subscriber
//!                                                                          none: standard error
//!
//!   unhandled(error) ─► ledger ──► the loop's `on_unhandled` hook, each time; and `on_warning` as above
//!                                    neither: `tracing` or standard error, each time
//! ```
//!
//! Who is told may find something itself: a hook that drops a writer, a subscriber that panics. What is found on a thread while it
//! tells of something is entered, and told on standard error alone, so that nobody tells himself of himself for ever.

use std::cell::Cell;
use std::fmt;

use super::events;
use super::ledger::ledger;
use super::off;
use super::{Lint, Severity, Warning};
use crate::event_loop::slot::{self, Loop};
use crate::runner::{Unhandled, UnhandledKind, complain};
use crate::telemetry::view::TaskKind;
use crate::time::Instant;

thread_local! {
    /// Somebody is being told of something on this thread.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Enters a warning and tells of it: the hook of its loop, else `tracing`, else standard error. Each time its count has doubled.
///
/// For the runtime itself and for the inspector; an application has its own ways to say that something is wrong.
#[doc(hidden)]
pub fn report(warning: &Warning) {
    if off::is_off(warning.lint) {
        return;
    }
    let with_stack = warning.loop_id.and_then(slot::of_number).and_then(|lp| with_creation(lp, warning));
    let warning = with_stack.as_ref().unwrap_or(warning);
    let count = ledger().enter(warning, Instant::now());
    if count.is_power_of_two() && !hook_hears(warning, count) {
        by_default(warning, &warning.to_string(), count);
    }
}

/// Tells of something again that was found once and goes on, and has become worse.
pub(super) fn goes_on(warning: &Warning) {
    let count = ledger().renew(warning, Instant::now());
    if !hook_hears(warning, count) {
        by_default(warning, &warning.to_string(), 1);
    }
}

/// Something that was told of is over. It stays in the ledger, with how long it was.
pub(super) fn is_over(warning: &Warning) {
    ledger().renew(warning, Instant::now());
    if warning.loop_id.and_then(slot::warning_hook).is_none() {
        say(Severity::Note, format_args!("{} [{}]", warning.message, warning.lint));
    }
}

/// The warning with the stack by which its task was made, where one was kept.
fn with_creation(lp: &Loop, warning: &Warning) -> Option<Warning> {
    let task = warning.task.filter(|_| warning.created.is_none())?;
    let created = lp.creation.of(task.as_u64())?;
    Some(Warning { created: Some(created), ..warning.clone() })
}

/// Says something that is no finding, where warnings go by default: `tracing`, else standard error. For the inspector, which says
/// who looked at what with it.
#[doc(hidden)]
pub fn say(severity: Severity, words: fmt::Arguments<'_>) {
    let on_standard_error = || complain(format_args!("{words}"));
    let by_default = || {
        if !events::say(severity, words) {
            on_standard_error();
        }
    };
    tell(by_default, on_standard_error);
}

/// Enters what nobody can receive, and tells of it.
pub(crate) fn unhandled(lp: Option<&Loop>, unhandled: &Unhandled) {
    let hook = lp.and_then(|lp| lp.hooks.borrow().unhandled.clone());
    let warning = of_unhandled(lp, unhandled);
    let warning = lp.and_then(|lp| with_creation(lp, &warning)).unwrap_or(warning);
    // What a loop that serves the inspector has to say is no finding about the application, but no secret either.
    let count = if lp.is_some_and(Loop::is_hidden) { 0 } else { ledger().enter(&warning, Instant::now()) };
    let has_hook = hook.is_some();
    if let Some(hook) = hook {
        tell(|| hook.call(unhandled), || complain(format_args!("{unhandled}")));
    }
    let hears = warning.loop_id.is_some_and(|id| slot::warning_hook(id).is_some());
    if hears && count.is_power_of_two() {
        hook_hears(&warning, count);
    } else if !hears && !has_hook {
        by_default(&warning, &warning.message, 1);
    }
}

fn of_unhandled(lp: Option<&Loop>, unhandled: &Unhandled) -> Warning {
    Warning {
        loop_id: lp.map(|lp| lp.record.info().id),
        task: unhandled.task,
        task_name: unhandled.name.clone().filter(|_| unhandled.task.is_some()),
        at: unhandled.spawned_at.clone(),
        ..Warning::new(lint_of(unhandled), unhandled.to_string())
    }
}

/// Which lint it is: an outcome that somebody could have asked for was never retrieved.
fn lint_of(unhandled: &Unhandled) -> Lint {
    match &unhandled.kind {
        UnhandledKind::NeverRetrieved(_) => Lint::NeverRetrieved,
        UnhandledKind::Panic(_) | UnhandledKind::Error(_)
            if matches!(unhandled.task_kind, Some(TaskKind::Task | TaskKind::Blocking))
                && unhandled.connection.is_none() =>
        {
            Lint::NeverRetrieved
        }
        UnhandledKind::SelfJoin => Lint::Deadlock,
        UnhandledKind::BytesLost { .. } | UnhandledKind::JobsAtClose(_) => Lint::Unclosed,
        _ => Lint::Unhandled,
    }
}

/// Tells the hook for warnings of the loop it is about. Returns whether there is one.
fn hook_hears(warning: &Warning, count: u64) -> bool {
    let Some(hook) = warning.loop_id.and_then(slot::warning_hook) else { return false };
    tell(|| hook.call(warning, count), || on_standard_error(&warning.to_string(), count));
    true
}

fn by_default(warning: &Warning, words: &str, count: u64) {
    let by_default = || {
        if !events::warn(warning, words, count) {
            on_standard_error(words, count);
        }
    };
    tell(by_default, || on_standard_error(words, count));
}

/// Calls `tell`, or `instead` where this happens while somebody is being told.
fn tell(tell: impl FnOnce(), instead: impl FnOnce()) {
    struct Told;
    impl Drop for Told {
        fn drop(&mut self) {
            TELLING.set(false);
        }
    }
    if TELLING.replace(true) {
        return instead();
    }
    let _told = Told;
    tell();
}

fn on_standard_error(words: &str, count: u64) {
    if count == 1 {
        complain(format_args!("{words}"));
    } else {
        complain(format_args!("{words} (found {count} times)"));
    }
}
