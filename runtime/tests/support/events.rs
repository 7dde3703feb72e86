//! A `tracing` subscriber that keeps what it hears.

#![allow(dead_code, reason = "every test crate uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) level: &'static str,
    pub(crate) target: &'static str,
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Heard {
    /// The text of a field, empty where there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
    }
}

/// What was heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    heard: Arc<Mutex<Vec<Heard>>>,
    panics: Arc<AtomicBool>,
}

impl Events {
    pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        Keeping(self.clone())
    }

    /// All that was heard since this was asked last.
    pub(crate) fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    /// The subscriber panics at each event from now on.
    pub(crate) fn panic_at_each(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }
}

struct Keeping(Events);

impl Subscriber for Keeping {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        assert!(!self.0.panics.load(Ordering::Relaxed), "the subscriber of the test");
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        let metadata = event.metadata();
        let level = metadata.level().as_str();
        self.0.heard.lock().unwrap().push(Heard { level, target: metadata.target(), fields: fields.0 });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}
