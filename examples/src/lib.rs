//! Programs a person would want to run and look at.
//!
//! | program | what it is |
//! |---|---|
//! | `hello` | asyncio's Hello World |
//! | `echo_server` | echoes over TCP and a Unix socket, for any number of clients |
//! | `chat` | broadcast with bounded outboxes: who reads slowly is told what it missed |
//! | `crawler` | a group of workers with limits of time and retries, against a site of its own |
//! | `http` | axum's router on hyper's connections, on this loop |
//! | `timers` | intervals, limits and callbacks, and how late they are when somebody keeps the loop |
//! | `producer_consumer` | asyncio's queue example: producers, workers, and how to know that all is done |
//! | `million` | a million tasks, and what it costs two of them to be looked at |
//!
//! `cargo run -p loopscope-examples --bin echo_server`, then `loopscope attach` with the number that it prints.

/// README's programs: compiled as doctests here, where both crates are at hand.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
