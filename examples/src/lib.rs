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
//! | `logged` | a service that logs with `tracing`, to read by task: `loopscope logs` |
//! | `million` | a million tasks, and what it costs two of them to be looked at |
//!
//! And those that do one thing wrong each; `--help` says what, and what to look at ([`fault`]):
//!
//! | program | what is wrong with it |
//! |---|---|
//! | `slow_callback` | a callback that computes for too long, again and again |
//! | `blocked` | a task that computes, sleeps or waits for a lock of the standard library, and keeps the loop |
//! | `deadlock` | two locks, a circle of joins, or a queue that nobody reads |
//! | `leak` | tasks or descriptors that only become more |
//! | `never_retrieved` | an error that nobody asks for |
//! | `starvation` | so much to do that nobody gets a turn in time |
//! | `hung_server` | a lock that a handler keeps while it waits for another server |
//!
//! `cargo run -p loopscope-examples --bin echo_server`, then `loopscope attach` with the number that it prints.

pub mod fault;

/// README's programs: compiled as doctests here, where both crates are at hand.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
