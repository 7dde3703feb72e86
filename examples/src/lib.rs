//! Programs a person would want to run and look at.
//!
//! | program | what it is |
//! |---|---|
//! | `hello` | asyncio's Hello World |
//! | `echo_server` | echoes over TCP and a Unix socket, for any number of clients |
//!
//! `cargo run -p loopscope-examples --bin echo_server`, then `loopscope attach` with the number that it prints.

/// README's programs: compiled as doctests here, where both crates are at hand.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
