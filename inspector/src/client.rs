//! What attaches to an agent: finding processes, connecting to one, asking it.
//!
//! Everything that takes time runs on a Loopscope loop.
//!
//! ```no_run
//! use loopscope_inspector::client::{Client, Target, find};
//! use loopscope_inspector::wire::{Query, Request};
//! use std::time::Duration;
//!
//! loopscope::run(async {
//!     let found = find(&Target::Pid(4711))?;
//!     let mut client = Client::connect(&found, Duration::from_secs(5)).await?;
//!     let request = Request { tasks: Some(Query::all().sort("-busy").limit(10)), ..Request::default() };
//!     let picture = client.snapshot(&request).await?;
//!     for task in picture.snapshot.tasks.iter().flatten() {
//!         println!("#{} {} ns", task.id, task.busy_ns);
//!     }
//!     Ok::<_, loopscope_inspector::client::Error>(())
//! })
//! # .ok();
//! ```

mod archive;
mod channel;
mod connection;
mod diagnosis;
mod discovery;
mod error;
mod left;
mod right;
mod sockets;
mod stranger;
mod target;
mod users;

pub use connection::{Client, TIMEOUT, Watch};
pub use diagnosis::LogStream;
pub use discovery::{Candidate, Found};
pub use error::{Error, Kind};
pub use left::{Left, left, remove};
pub use right::Right;
pub use target::Target;
pub use users::user_name;

use discovery::Places;

/// Looks for the process that a target names. Nothing is connected to.
///
/// # Errors
///
/// Why there is none: no such process, no agent linked, another user's, switched off, stopped, a zombie; or several.
pub fn find(target: &Target) -> Result<Found, Error> {
    Places::usual().find(target)
}

/// Looks for a process with an agent in a process group: the first that was started.
pub fn find_in_group(group: u32) -> Option<Found> {
    Places::usual().find_in_group(group)
}

/// Every socket that looks like an agent's, by process; of all users if this is root. Dead processes may have left theirs.
pub fn scan() -> Vec<Found> {
    Places::usual().scan()
}
