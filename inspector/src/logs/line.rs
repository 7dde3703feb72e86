//! An event in words: bounded, whatever its fields are.

use crate::model::{LogLevel, LogLine};
use std::error::Error;
use std::fmt::{self, Debug, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tracing_core::field::{Field, Visit};
use tracing_core::{Event, Level};

/// The longest message, in bytes.
const MESSAGE_MAX: usize = 4_096;
/// The longest value of a field.
const VALUE_MAX: usize = 1_024;
/// The longest name: of a field, a span, a target, a file.
const NAME_MAX: usize = 256;
/// The most fields; what more there are is said in one.
const FIELDS_MAX: usize = 32;

/// The words of an event; when, where and in which task are others' to say.
pub(super) fn of_event(event: &Event<'_>) -> LogLine {
    let metadata = event.metadata();
    let line = LogLine {
        level: level(*metadata.level()),
        target: name(metadata.target()),
        file: metadata.file().map(name),
        line: metadata.line(),
        ..LogLine::default()
    };
    let mut words = Words { line, more: 0 };
    event.record(&mut words);
    let Words { mut line, more } = words;
    if more > 0 {
        line.fields.push(("…".to_owned(), format!("{more} more")));
    }
    line
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// A name, cut.
pub(super) fn name(name: &str) -> String {
    let mut bounded = Bounded::new(NAME_MAX);
    bounded.put(name);
    bounded.text
}

struct Words {
    line: LogLine,
    /// Fields that were too many.
    more: usize,
}

impl Words {
    fn say(&mut self, field: &Field, say: impl FnOnce(&mut Bounded) -> fmt::Result) {
        let is_message = field.name() == "message";
        if !is_message && self.line.fields.len() >= FIELDS_MAX {
            self.more += 1;
            return;
        }
        let mut bounded = Bounded::new(if is_message { MESSAGE_MAX } else { VALUE_MAX });
        // What the application shows of itself may panic, and that is no reason for it to end.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| say(&mut bounded))) {
            bounded.put(" (and then its Debug panicked)");
            // Nor is a payload whose destructor does.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
        }
        self.place(field.name(), bounded.text);
    }

    /// What comes through the crate `log` says its real origin in fields.
    fn place(&mut self, field: &'static str, text: String) {
        match field {
            "message" => self.line.message = text,
            "log.target" => self.line.target = text,
            "log.file" => self.line.file = Some(text),
            "log.line" => self.line.line = text.parse().ok(),
            "log.module_path" => {}
            _ => self.line.fields.push((name(field), text)),
        }
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.say(field, |bounded| write!(bounded, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.say(field, |bounded| bounded.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.say(field, |bounded| {
            write!(bounded, "{value}")?;
            // A chain that leads back to itself ends where the text does.
            let mut source = value.source();
            while let Some(error) = source {
                write!(bounded, ": {error}")?;
                source = error.source();
            }
            Ok(())
        });
    }
}

/// A text of so many bytes at most; the end says that there was more. Whoever writes on is told to stop, so that a value of a
/// gigabyte costs no more than its beginning.
#[derive(Debug)]
struct Bounded {
    text: String,
    max: usize,
    is_cut: bool,
}

impl Bounded {
    fn new(max: usize) -> Self {
        Self { text: String::new(), max, is_cut: false }
    }

    fn put(&mut self, text: &str) {
        let _ = self.write_str(text);
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        let room = self.max.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        self.is_cut = true;
        let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.text.push_str(&text[..end]);
        self.text.push('…');
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters_and_ends_there() {
        let mut bounded = Bounded::new(5);
        bounded.put("ab");
        bounded.put("cdé");
        bounded.put("never");
        assert_eq!(bounded.text, "abcd…");
        let mut bounded = Bounded::new(4);
        bounded.put("abcd");
        assert_eq!(bounded.text, "abcd");
        bounded.put("");
        assert_eq!(bounded.text, "abcd");
    }
}
