//! What is let through, changed while the application runs.
//!
//! A filter is read for every event that any layer may want, and changed once in a while: each thread has its own reference to the
//! directives, and compares one number to know that they are still the ones.

use super::FILTER;
use super::fork_lock::ForkLock;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing_core::subscriber::Interest;
use tracing_core::{LevelFilter, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

/// The longest filter that is taken.
const TEXT_MAX: usize = 4_096;

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFilter {
    text: String,
    reason: String,
}

impl BadFilter {
    fn new(text: &str, reason: impl Into<String>) -> Self {
        Self { text: text.chars().take(200).collect(), reason: reason.into() }
    }
}

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no log filter such as info,my_crate::db=trace: {}", self.text, self.reason)
    }
}

impl std::error::Error for BadFilter {}

/// A filter that was understood.
#[derive(Debug)]
struct Directives {
    text: String,
    targets: Targets,
}

impl Directives {
    fn parse(text: &str) -> Result<Self, BadFilter> {
        if text.len() > TEXT_MAX {
            return Err(BadFilter::new(text, format!("it is longer than {TEXT_MAX} bytes")));
        }
        if text.trim().is_empty() {
            return Err(BadFilter::new(text, "it is empty; `off` lets nothing through"));
        }
        let mut targets = Targets::new();
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            if directive.contains(['[', ']', '{', '}']) {
                let reason = "spans and fields cannot be filtered by, only targets and levels";
                return Err(BadFilter::new(text, reason));
            }
            targets = match directive.split_once('=') {
                Some((target, level)) => targets.with_target(target.trim(), level_of(text, level.trim())?),
                // A word alone is a level, or else a target of which everything is wanted.
                None => match directive.parse::<LevelFilter>() {
                    Ok(level) => targets.with_default(level),
                    Err(_) => targets.with_target(directive, LevelFilter::TRACE),
                },
            };
        }
        Ok(Self { text: text.trim().to_owned(), targets })
    }
}

fn level_of(text: &str, level: &str) -> Result<LevelFilter, BadFilter> {
    level.parse().map_err(|_| {
        BadFilter::new(text, format!("{level:?} is no level (off, error, warn, info, debug, trace)"))
    })
}

#[derive(Debug)]
struct Set {
    /// The application's own.
    base: Option<Arc<Directives>>,
    /// That of whoever looks in.
    over: Option<Arc<Directives>>,
}

/// A filter that can be changed at any time.
#[derive(Debug)]
pub(super) struct LiveFilter {
    set: ForkLock<Set>,
    /// Another number with every change; no two filters ever have the same.
    version: AtomicU64,
}

static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// What this thread saw last, and of which version it was.
    static SEEN: RefCell<Option<(u64, Arc<Directives>)>> = const { RefCell::new(None) };
}

impl LiveFilter {
    pub(super) const fn new() -> Self {
        Self { set: ForkLock::new(Set { base: None, over: None }), version: AtomicU64::new(0) }
    }

    /// Changes the application's own filter, and takes back what else was set.
    pub(super) fn set_base(&self, text: &str) -> Result<(), BadFilter> {
        let directives = Directives::parse(text)?;
        self.change(|set| *set = Set { base: Some(Arc::new(directives)), over: None });
        Ok(())
    }

    /// Begins with the usual filter, unless there is one.
    pub(super) fn set_base_if_none(&self) {
        if self.version.load(Ordering::Acquire) == 0 {
            let _ = self.set_base(FILTER);
        }
    }

    pub(super) fn set(&self, text: &str) -> Result<(), BadFilter> {
        let directives = Directives::parse(text)?;
        self.change(|set| set.over = Some(Arc::new(directives)));
        Ok(())
    }

    pub(super) fn reset(&self) {
        self.change(|set| set.over = None);
    }

    pub(super) fn text(&self) -> String {
        self.directives().map_or_else(|| "off".to_owned(), |directives| directives.text.clone())
    }

    fn change(&self, change: impl FnOnce(&mut Set)) {
        if let Some(mut set) = self.set.lock(|_| {}) {
            change(&mut set);
            let version = NEXT_VERSION.fetch_add(1, Ordering::Relaxed);
            // Release pairs with the Acquire of whoever compares: he then finds the lock's value at least as new.
            self.version.store(version, Ordering::Release);
        }
        // Nothing of ours is held here: this asks every layer of every subscriber, us included.
        tracing_core::callsite::rebuild_interest_cache();
    }

    /// The directives that hold, if there are any.
    fn directives(&self) -> Option<Arc<Directives>> {
        let set = self.set.lock(|_| {})?;
        set.over.clone().or_else(|| set.base.clone())
    }

    /// Asks the directives that hold; `otherwise` where nothing is let through.
    fn ask<T>(&self, otherwise: T, ask: impl FnOnce(&Targets) -> T) -> T {
        let version = self.version.load(Ordering::Acquire);
        let answer = SEEN.try_with(|seen| {
            let mut seen = seen.try_borrow_mut().ok()?;
            if seen.as_ref().is_none_or(|(of, _)| *of != version) {
                *seen = Some((version, self.directives()?));
            }
            seen.as_ref().map(|(_, directives)| ask(&directives.targets))
        });
        // At the end of a thread its locals are gone.
        answer.ok().flatten().unwrap_or(otherwise)
    }

    fn lets_through(&self, metadata: &Metadata<'_>) -> bool {
        self.ask(false, |targets| targets.would_enable(metadata.target(), metadata.level()))
    }
}

/// The filter as a layer has it.
#[derive(Debug)]
pub(super) struct ByTarget(pub(super) &'static LiveFilter);

impl<S> Filter<S> for ByTarget {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.0.lets_through(metadata)
    }

    /// Always or never, until a change has every call site asked anew.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.0.lets_through(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Of all directives the most that any lets through.
        self.0.ask(Some(LevelFilter::OFF), |targets| {
            let most = targets.iter().map(|(_, level)| level).max();
            most.max(targets.default_level())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_core::Level;

    fn reason(text: &str) -> String {
        Directives::parse(text).unwrap_err().reason
    }

    fn lets(text: &str, target: &str, level: Level) -> bool {
        Directives::parse(text).unwrap().targets.would_enable(target, &level)
    }

    #[test]
    fn the_most_exact_directive_counts() {
        let text = " warn, my_crate=info ,my_crate::db=trace,noise=off,";
        assert!(lets(text, "other", Level::WARN) && !lets(text, "other", Level::INFO));
        assert!(lets(text, "my_crate::http", Level::INFO) && !lets(text, "my_crate::http", Level::DEBUG));
        assert!(lets(text, "my_crate::db::pool", Level::TRACE));
        assert!(!lets(text, "noise", Level::ERROR));
        assert!(lets("my_crate", "my_crate", Level::TRACE) && !lets("my_crate", "other", Level::ERROR));
    }

    #[test]
    fn what_is_no_filter_is_refused_with_the_reason() {
        assert_eq!(reason("info,db=banana"), "\"banana\" is no level (off, error, warn, info, debug, trace)");
        assert_eq!(reason("[span]=info"), "spans and fields cannot be filtered by, only targets and levels");
        assert_eq!(reason("  "), "it is empty; `off` lets nothing through");
        assert_eq!(reason(&"a,".repeat(3_000)), "it is longer than 4096 bytes");
    }

    #[test]
    fn what_was_set_from_outside_is_taken_back_and_a_fault_changes_nothing() {
        let filter = LiveFilter::new();
        assert_eq!(filter.text(), "off");
        filter.set_base_if_none();
        assert_eq!(filter.text(), FILTER);
        filter.set_base("warn").unwrap();
        filter.set_base_if_none();
        filter.set("trace").unwrap();
        assert_eq!(filter.text(), "trace");
        filter.set("db=banana").unwrap_err();
        assert_eq!(filter.text(), "trace");
        filter.reset();
        assert_eq!(filter.text(), "warn");
    }
}
