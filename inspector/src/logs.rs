//! The application's latest log lines, each with the task it came from, for those who look in.
//!
//! ```text
//!   application's threads                                                       agent's thread
//!   tracing event ──► the layer's own filter ──► words, cut at a limit ──► ring ──► read(from)
//!                        ▲  Targets, in a cache of each thread       4,096 lines, 4 MiB
//!                        └─────────────────────────────────────────────────── set_filter(text)
//! ```
//!
//! # In an application
//!
//! One more layer on top of the registry, whatever else there is:
//!
//! ```
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! let subscriber = tracing_subscriber::registry().with(loopscope_inspector::logs::layer());
//! # let _ = subscriber;
//! // tracing::subscriber::set_global_default(subscriber)?;
//! ```
//!
//! Then `loopscope logs` shows them, and a task's page its own. The layer keeps what its filter lets through, `info` and the
//! runtime's own `debug` lines unless [`layer_with`] says otherwise, and whoever attaches may let more through for a while. The filter is this
//! layer's alone: other layers write what they would write without it, and it sees what they leave out. Only a filter over all layers (a
//! plain `EnvFilter` beside them instead of one [on a layer](tracing_subscriber::Layer::with_filter)) and the `max_level_…` features of `tracing` keep events from it.
//!
//! # What it never does
//!
//! It never waits for a reader: a line is in place after a push under a lock that readers hold for no more than the copying of
//! [`READ_MAX`] pointers. It never keeps more than its limits. A field whose `Debug` panics, or never ends, harms neither the line nor the application. What is logged while a line is being put into words (by
//! a `Debug` that logs) is left out and counted, so is what the inspector itself logs on its own loop, except with the target `loopscope`, which is
//! meant for the application. The child of a fork begins with no lines, whatever its parent did at that moment.

mod filter;
mod fork_lock;
mod layer;
mod line;
mod ring;

pub use filter::BadFilter;
pub use ring::{BYTES_MAX, Batch, LINES_MAX, READ_MAX};

use filter::LiveFilter;
use layer::Keep;
use ring::Ring;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tracing_core::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// What a layer lets through that was not told otherwise. The runtime's own lines below `info` exist in debug mode only.
const FILTER: &str = "info,loopscope=debug";

/// What layers and readers share.
#[derive(Debug)]
struct Logs {
    ring: Ring,
    filter: LiveFilter,
    layers: AtomicU64,
}

impl Logs {
    const fn new() -> Self {
        Self { ring: Ring::new(), filter: LiveFilter::new(), layers: AtomicU64::new(0) }
    }
}

static LOGS: Logs = Logs::new();

/// The layer that keeps the application's events, `info` and worse. All layers of a process keep them in one place.
pub fn layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Keep::filtered(&LOGS)
}

/// The layer, with a filter of one's own: a list such as `warn,my_crate=info,my_crate::db=trace`, in which the most exact
/// directive counts.
///
/// # Errors
///
/// When the text is no such list.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::Registry;
///
/// assert!(loopscope_inspector::logs::layer_with::<Registry>("warn,my_crate=debug").is_ok());
/// let error = loopscope_inspector::logs::layer_with::<Registry>("my_crate=loud").err().unwrap();
/// assert_eq!(error.to_string(), r#""my_crate=loud" is no log filter such as info,my_crate::db=trace: "loud" is no level (off, error, warn, info, debug, trace)"#);
/// ```
pub fn layer_with<S>(filter: &str) -> Result<impl Layer<S> + Send + Sync, BadFilter>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    LOGS.filter.set_base(filter)?;
    Ok(Keep::filtered(&LOGS))
}

/// Whether a subscriber with the layer was made in this process and is still there.
pub fn is_installed() -> bool {
    LOGS.layers.load(Relaxed) > 0
}

/// The lines from number `from` on, at most `max` of them and at most [`READ_MAX`].
///
/// Whoever follows the log passes [`Batch::next`] as the next `from`, and asks again now and then: nothing is told to readers, since that would cost
/// the application.
pub fn read(from: u64, max: usize) -> Batch {
    LOGS.ring.read(from, max)
}

/// What is let through now.
pub fn filter() -> String {
    LOGS.filter.text()
}

/// Lets other events through, until [`reset_filter`]. Takes effect on all threads at once, also for events that nobody wanted
/// before.
///
/// Not to be called from inside of a layer.
///
/// # Errors
///
/// When the text is no list of directives; then nothing changes.
pub fn set_filter(text: &str) -> Result<(), BadFilter> {
    LOGS.filter.set(text)
}

/// Lets through again what the application's own filter does.
pub fn reset_filter() {
    LOGS.filter.reset();
}
