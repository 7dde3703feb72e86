//! Tests that fail on what debug mode finds.
//!
//! ```text
//!   builder, in debug mode ──► the test ──► the loop's end, which finds what is left ──► nothing found: the test's output
//!                                 │ found something                                      └─ else a panic with the list
//!                                 └─► kept, in place of being told to `tracing` or standard error
//! ```

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ledger::is_same;
use super::{Lint, Severity, Warning};
use crate::runner::{Builder, complain};

/// The most that a list names.
const LISTED_MAX: usize = 50;

/// Runs a test on a loop of its own that is built so and in debug mode, and fails it if the loop had to warn of anything: a task that was left
/// behind, an error that nobody asked for, a poll that took too long, whatever [`Lint`] there is but those that are allowed. Notes are no reason to fail.
///
/// It is what `#[loopscope::test(deny_warnings(allow = "slow-poll"))]` does, for tests that go without the attribute. The
/// [threshold](Builder::slow_callback) of slow polls is best set to what the slowest machine that runs the tests can do.
///
/// # Panics
///
/// With the list of what was found, whatever the test returned; with the test's own panic, if it panics, and then the list goes to
/// standard error. As [`run`](crate::run) does, too.
///
/// # Examples
///
/// ```
/// use loopscope::Runner;
/// use loopscope::debug::{Lint, deny_warnings};
///
/// let answer = deny_warnings(Runner::builder(), &[Lint::SlowPoll, Lint::Blocked], async {
///     loopscope::spawn(async { 6 * 7 }).await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// ```
///
/// ```should_panic
/// # use loopscope::Runner;
/// # use loopscope::debug::deny_warnings;
/// deny_warnings(Runner::builder(), &[], async {
///     // Nobody waits for it, and the loop ends before it does.
///     loopscope::spawn(std::future::pending::<()>()).detach();
///     loopscope::yield_now().await;
/// });
/// ```
#[track_caller]
pub fn deny_warnings<F: Future>(builder: Builder, allow: &[Lint], test: F) -> F::Output {
    let (output, found) = run(builder, allow, test);
    found.check();
    output
}

/// Runs a test and gives what was found besides.
#[track_caller]
pub(crate) fn run<F: Future>(builder: Builder, allow: &[Lint], test: F) -> (F::Output, Found) {
    let found = Kept(Arc::default());
    let (keep, allow) = (Arc::clone(&found.0), allow.to_owned());
    let builder = builder.also_warn(move |warning, count| {
        if warning.lint.severity() > Severity::Note && !allow.contains(&warning.lint) {
            lock(&keep).add(warning, count);
        }
    });
    let output = match builder.build() {
        Ok(runner) => runner.run_to_end(test),
        Err(error) => panic!("cannot make an event loop: {error}"),
    };
    let found = std::mem::take(&mut *lock(&found.0));
    (output, found)
}

fn lock(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is found while a test runs. When the test panics nobody asks for it, and then it is told as it is dropped.
struct Kept(Arc<Mutex<Found>>);

impl Drop for Kept {
    fn drop(&mut self) {
        let found = std::mem::take(&mut *lock(&self.0));
        if std::thread::panicking() && !found.is_empty() {
            complain(format_args!("{found}"));
        }
    }
}

/// What was found and not allowed.
#[derive(Debug, Default)]
pub(crate) struct Found {
    warnings: Vec<(Warning, u64)>,
    /// What more there was than the list names.
    more: u64,
}

impl Found {
    pub(crate) fn is_empty(&self) -> bool {
        self.warnings.is_empty()
    }

    /// # Panics
    ///
    /// If anything was found.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(self.is_empty(), "{self}");
    }

    fn add(&mut self, warning: &Warning, count: u64) {
        if let Some(known) = self.warnings.iter_mut().find(|(known, _)| is_same(known, warning)) {
            *known = (warning.clone(), count);
        } else if self.warnings.len() < LISTED_MAX {
            self.warnings.push((warning.clone(), count));
        } else if count == 1 {
            self.more += 1;
        }
    }
}

/// The list as the test's panic shows it.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.warnings.len() as u64 + self.more;
        let warnings = if total == 1 { "a warning" } else { "warnings" };
        writeln!(f, "the test's event loop had {warnings}, which it denies:")?;
        let mut lints: Vec<Lint> = Vec::new();
        for (warning, count) in &self.warnings {
            write!(f, "- {warning}")?;
            if *count > 1 {
                write!(f, " (found {count} times)")?;
            }
            writeln!(f)?;
            if !lints.contains(&warning.lint) {
                lints.push(warning.lint);
            }
        }
        if self.more > 0 {
            writeln!(f, "- and {} more", self.more)?;
        }
        let names: Vec<&str> = lints.iter().map(|lint| lint.as_str()).collect();
        write!(f, "`loopscope explain {}` says what to do; ", names.first().unwrap_or(&""))?;
        write!(f, "`deny_warnings(allow = \"{}\")` lets it pass", names.join(", "))
    }
}
