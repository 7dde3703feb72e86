//! Look into a running Loopscope program.
//!
//! # In an application
//!
//! Two lines make a program one that can be looked into. In its `Cargo.toml`
//!
//! ```toml
//! [dependencies]
//! loopscope-inspector = "0.1"
//! ```
//!
//! and at the top of its `main`
//!
//! ```no_run
//! loopscope_inspector::start();
//! loopscope::run(async {
//!     // …
//! });
//! ```
//!
//! Then `loopscope attach PID` shows its tasks, what each waits for, and what is wrong. While nobody looks it costs nothing
//! beyond the records that every loop keeps. [`try_start`] returns why it could not start instead of writing it to standard
//! error, and [`start_if_asked`] starts it only where the environment asks for it.
//!
//! | `LOOPSCOPE_INSPECT` | |
//! |---|---|
//! | not set | [`start`] starts, [`start_if_asked`] does not |
//! | `0` | nothing starts, whatever the code says |
//! | `1` | both start |
//! | a path with a `/` | both start, with the socket there |
//!
//! The socket can be reached by the process's own user and by root, and by nobody else.
//!
//! # For those who look
//!
//! [`client`] finds processes and asks their agents; [`wire`] says what can be asked and what comes; [`model`] is what was
//! seen, as plain values, with the algorithms over them.
//!
//! # Features
//!
//! - `agent` (default): what an application needs.
//! - `tokio-console`: the agent answers the stock `tokio-console` as well, on the same socket
//!   (`tokio-console file://localhost/…`). Brings tonic's transport, axum and what they need.
//! - `logs`: [`logs`](https://docs.rs/loopscope-inspector), a layer for `tracing-subscriber` that keeps the application's latest log lines, each with its task.
//! - `client`: what attaches to one.
//! - Without any: [`model`] alone, which does no I/O and needs next to nothing.

#![forbid(unsafe_code)]

pub mod model;

#[cfg(feature = "wire")]
pub mod wire;

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(feature = "client")]
pub mod client;

#[cfg(feature = "logs")]
pub mod logs;

#[cfg(any(feature = "agent", feature = "client"))]
mod proc;
#[cfg(any(feature = "agent", feature = "client"))]
mod rendezvous;
#[cfg(all(test, any(feature = "agent", feature = "client")))]
mod scratch;

#[cfg(feature = "agent")]
pub use agent::{Agent, Builder, PostMortem, StartError, start, start_if_asked, try_start};
