//! A loop in debug mode whose warnings are kept.

#![allow(dead_code, reason = "every test crate uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::panic::Location;
use std::sync::{Arc, Mutex};

use loopscope::Runner;
use loopscope::debug::{Lint, Warning};
use loopscope::runner::Builder;

/// What was told of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Warning>>>);

impl Heard {
    /// A builder in debug mode, with a hook that keeps what it hears, on a paused clock.
    pub(crate) fn builder(&self) -> Builder {
        let heard = self.clone();
        Runner::builder()
            .debug(true)
            .paused(true)
            .slow_callback(std::time::Duration::from_secs(3600))
            .on_warning(move |warning, _| heard.0.lock().unwrap().push(warning.clone()))
    }

    /// All that was told since this was asked last.
    pub(crate) fn take(&self) -> Vec<Warning> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Lint, line and words of all that was told since this was asked last, numbers of tasks left out of the words.
    pub(crate) fn lines(&self) -> Vec<(Lint, u32, String)> {
        let of = |warning: &Warning| {
            let line = warning.at.as_ref().map_or(0, |at| at.line);
            let words = warning.message.split(' ').filter(|word| !word.starts_with('#'));
            (warning.lint, line, words.collect::<Vec<_>>().join(" "))
        };
        self.take().iter().map(of).collect()
    }
}

/// The line it is called on.
#[track_caller]
pub(crate) fn here() -> u32 {
    Location::caller().line()
}
