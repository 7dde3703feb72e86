//! The stock `tokio-console` looks in: the service `rs.tokio.console.instrument.Instrument`, beside our own on the same socket.
//!
//! # The life of a client
//!
//! ```text
//!   connects ──► WatchUpdates ──► WatchState ──► every second: what is new and what has changed since the second before
//!                     │               │
//!                     │               └─ Pause, Resume: of this connection alone, told on its own WatchState
//!                     └─ a ledger of what it was told, for as long as the stream lasts
//!   opens a task  ──► WatchTaskDetails ──► every second: the histograms of the place where the task was spawned
//! ```
//!
//! 1. The records are read and compared with what the client was [`told`], which stands in the stream's [`ledger`]s. What one
//!    client is told takes nothing from another.
//! 2. In a [`turn`] what is new or different becomes [`facts`], which [`convert`] makes into messages of that protocol.
//! 3. The [`packer`] puts them into updates of less than a megabyte. What is new and its figures always travel together, since
//!    the client forgets what comes without them.
//!
//! # How ours fits into theirs
//!
//! - Tasks are tasks, and so are jobs on blocking threads. Their wakers are not counted, so a live one is said to have one: otherwise the client would warn of lost
//!   wakers. The last wake is known of scheduled tasks only; of others the client is told the end of the last poll.
//! - Descriptors, locks, queues and channels are resources, and so are timers and joined tasks while somebody waits for them.
//!   How old a resource is nobody knows; the client sees since when it was shown.
//! - What a task waits for is an async op on a resource: since when, and where in the source.
//! - Histograms belong to spawn places, not to tasks (which is what makes them cheap): a task's page shows those of all tasks
//!   that were spawned where it was. The field `task.histograms` says so.
//!
//! # Limits
//!
//! A client is told of so many [tasks](ledger::TASKS_MAX), resources and ops at a time; of those beyond, and of tasks that lived
//! too short to be seen, it gets the number, which it shows as `dropped`.

mod convert;
mod details;
mod facts;
mod histogram;
mod jobs;
mod ledger;
mod packer;
mod service;
mod told;
mod turn;
mod valve;
mod watch;

pub(super) use service::{PATH, Seats, server};
